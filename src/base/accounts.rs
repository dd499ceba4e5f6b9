//! Users added to the accounts of a base.

use std::collections::BTreeMap;

use super::BaseError;
use super::builtin::{self, BuiltinFile};
use crate::rootfs::{Kind, Tree};

const PASSWD: &str = "etc/passwd";
const GROUP: &str = "etc/group";

/// What `/etc/passwd` begins with where the base has none.
const ROOT: &[u8] = b"root:x:0:0:root:/root:/sbin/nologin\n";
const ROOT_GROUP: &[u8] = b"root:x:0:\n";

/// What is known of a file of accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known<'t> {
    /// There is none.
    Absent,
    Text(&'t [u8]),
    /// It is there, and what it says is not known: to write it anew would take accounts away.
    Unread,
}

impl<'t> Known<'t> {
    fn of(tree: &'t Tree, path: &str) -> Self {
        let path = path.as_bytes();
        let kind = match tree.resolve(path) {
            Some((_, node)) => &node.kind,
            // A link that leads nowhere: something may lie there when a container runs.
            None if tree.get(&tree.real(path)).is_some() => return Self::Unread,
            None => return Self::Absent,
        };
        match kind {
            Kind::File(facts) => match facts.text.as_deref() {
                Some(text) => Self::Text(text),
                None if facts.size == 0 => Self::Text(b""),
                None => Self::Unread,
            },
            _ => Self::Unread,
        }
    }

    /// The whole lines of the file at `path`, or `absent`.
    fn lines(self, path: &str, absent: &[u8]) -> Result<Vec<u8>, BaseError> {
        match self {
            Self::Absent => Ok(absent.to_vec()),
            Self::Text(text) => Ok(whole_lines(text)),
            Self::Unread => Err(BaseError::UnreadAccounts {
                path: format!("/{path}"),
            }),
        }
    }
}

/// `/etc/passwd` and `/etc/group` of a base, whose tree is `tree`, with `users` (name and id) appended, each with a group of the same name
/// and id, and their homes. What the base has keeps its bytes. A user that is there already under the same id is left
/// as it is. An id that another name has is allowed: what the number is called is then said by the first line that
/// has it, the base's. No files where there are no users.
///
/// # Errors
/// When a user's name is none, or is there already, as a user or group, with another id. When the base has one of the
/// files, and what it says is not known.
pub fn extended(tree: &Tree, users: &BTreeMap<String, u32>) -> Result<Vec<BuiltinFile>, BaseError> {
    if users.is_empty() {
        return Ok(Vec::new());
    }
    appended(Known::of(tree, PASSWD), Known::of(tree, GROUP), users)
}

fn appended(
    passwd: Known<'_>,
    group: Known<'_>,
    users: &BTreeMap<String, u32>,
) -> Result<Vec<BuiltinFile>, BaseError> {
    let mut passwd = passwd.lines(PASSWD, ROOT)?;
    let mut group = group.lines(GROUP, ROOT_GROUP)?;
    let mut files = Vec::new();
    for (name, id) in users {
        if !builtin::is_user_name(name) {
            return Err(BaseError::UserName { name: name.clone() });
        }
        let user_there = match id_of(&passwd, name) {
            Some(taken) if taken != id.to_string().as_bytes() => {
                return Err(BaseError::UserExists {
                    name: name.clone(),
                    uid: String::from_utf8_lossy(taken).into_owned(),
                });
            }
            found => found.is_some(),
        };
        if user_there {
            continue;
        }
        match id_of(&group, name) {
            Some(taken) if taken != id.to_string().as_bytes() => {
                return Err(BaseError::GroupExists {
                    name: name.clone(),
                    gid: String::from_utf8_lossy(taken).into_owned(),
                });
            }
            Some(_) => {}
            None => group.extend(format!("{name}:x:{id}:\n").into_bytes()),
        }
        let home = format!("home/{name}");
        passwd.extend(format!("{name}:x:{id}:{id}:{name}:/{home}:/sbin/nologin\n").into_bytes());
        files.push(builtin::directory(&home, 0o700, *id));
    }
    files.push(builtin::file(PASSWD, passwd));
    files.push(builtin::file(GROUP, group));
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(files)
}

/// The text, ending with a line's end.
fn whole_lines(text: &[u8]) -> Vec<u8> {
    let mut text = text.to_vec();
    if text.last().is_some_and(|last| *last != b'\n') {
        text.push(b'\n');
    }
    text
}

/// The third field of the line that begins with `name`: in both files the number.
fn id_of<'t>(text: &'t [u8], name: &str) -> Option<&'t [u8]> {
    let mut lines = text.split(|byte| *byte == b'\n');
    lines.find_map(|line| {
        let mut fields = line.split(|byte| *byte == b':');
        (fields.next() == Some(name.as_bytes())).then(|| fields.nth(1).unwrap_or_default())
    })
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::base::builtin::Content;
    use crate::rootfs::Node;

    const PASSWD_TEXT: &[u8] = b"root:x:0:0:root:/root:/bin/bash\nwww-data:x:33:33::/var/www:/bin/sh";
    const GROUP_TEXT: &[u8] = b"root:x:0:\nstaff:x:50:\nwww-data:x:33:\n";

    /// A file as it is known when a layer names it `named` first.
    fn file(named: &str, text: &[u8]) -> Node {
        let kind = Kind::file(named.as_bytes(), text.len() as u64, &mut Cursor::new(text));
        node(kind.unwrap())
    }

    fn node(kind: Kind) -> Node {
        Node {
            mode: 0o644,
            uid: 0,
            gid: 0,
            kind,
        }
    }

    fn link(target: &str) -> Node {
        node(Kind::Symlink(target.into()))
    }

    fn base() -> Tree {
        let mut tree = Tree::default();
        tree.insert(b"etc/passwd", file("etc/passwd", PASSWD_TEXT));
        tree.insert(b"etc/group", file("etc/group", GROUP_TEXT));
        tree
    }

    fn users(list: &[(&str, u32)]) -> BTreeMap<String, u32> {
        list.iter().map(|(name, id)| ((*name).to_owned(), *id)).collect()
    }

    fn shown(files: &[BuiltinFile]) -> Vec<(&str, String)> {
        let text = |file: &BuiltinFile| match &file.content {
            Content::File(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Content::Directory => format!("{:o} {}", file.mode, file.uid),
        };
        files
            .iter()
            .map(|file| (file.path.as_str(), text(file)))
            .collect()
    }

    #[test]
    fn users_are_appended_and_the_base_keeps_its_bytes() {
        let files = extended(&base(), &users(&[("api", 10001), ("www-data", 33)])).unwrap();
        let passwd = "root:x:0:0:root:/root:/bin/bash\nwww-data:x:33:33::/var/www:/bin/sh\n\
                      api:x:10001:10001:api:/home/api:/sbin/nologin\n";
        let group = "root:x:0:\nstaff:x:50:\nwww-data:x:33:\napi:x:10001:\n";
        let expected = [
            ("etc/group", group.to_owned()),
            ("etc/passwd", passwd.to_owned()),
            ("home/api", "700 10001".to_owned()),
        ];
        assert_eq!(shown(&files), expected);
        assert_eq!(extended(&base(), &users(&[])).unwrap(), []);
    }

    #[test]
    fn a_base_without_accounts_gets_root_as_well() {
        let files = extended(&Tree::default(), &users(&[("api", 1)])).unwrap();
        assert_eq!(shown(&files)[0].1, "root:x:0:\napi:x:1:\n");
        assert!(shown(&files)[1].1.starts_with("root:x:0:0:"));
    }

    #[test]
    fn names_are_not_taken_over() {
        let of = |list: &[(&str, u32)]| extended(&base(), &users(list));
        assert!(matches!(of(&[("root", 5)]), Err(BaseError::UserExists { uid, .. }) if uid == "0"));
        assert!(matches!(of(&[("staff", 5)]), Err(BaseError::GroupExists { gid, .. }) if gid == "50"));
        assert!(matches!(of(&[("a:b", 5)]), Err(BaseError::UserName { .. })));
        // Another name's number: the base's line comes first.
        assert!(of(&[("web", 33)]).is_ok());
        // A name that another one begins with is free.
        assert!(of(&[("www", 5)]).is_ok());
    }

    #[test]
    fn accounts_that_cannot_be_read_are_not_written_anew() {
        let large = [PASSWD_TEXT, &b"#".repeat(1 << 20)].concat();
        let (aa, odd) = ("ostree/aa", b"nobody:x:9:9::/:\n".as_slice());
        for (what, nodes, kept) in [
            (
                "a link to accounts",
                vec![("etc/passwd", link("/ostree/aa")), (aa, file(aa, PASSWD_TEXT))],
                Ok(true),
            ),
            (
                "one name more of accounts",
                vec![("etc/passwd", file(aa, PASSWD_TEXT))],
                Ok(true),
            ),
            ("an empty one", vec![("etc/passwd", file("x", b""))], Ok(false)),
            (
                "a link to what does not look like accounts",
                vec![("etc/passwd", link("/ostree/aa")), (aa, file(aa, odd))],
                Err("/etc/passwd"),
            ),
            (
                "one name more of that",
                vec![("etc/group", file(aa, odd))],
                Err("/etc/group"),
            ),
            (
                "a large one",
                vec![("etc/passwd", file("etc/passwd", &large))],
                Err("/etc/passwd"),
            ),
            (
                "a link to nowhere",
                vec![("etc/passwd", link("/run/passwd"))],
                Err("/etc/passwd"),
            ),
            (
                "a directory",
                vec![("etc/group", node(Kind::Directory))],
                Err("/etc/group"),
            ),
        ] {
            let mut tree = Tree::default();
            for (path, node) in nodes {
                tree.insert(path.as_bytes(), node);
            }
            let found = match extended(&tree, &users(&[("api", 10001)])) {
                Ok(files) => Ok(shown(&files)[1].1.contains("\nwww-data:x:33:")),
                Err(BaseError::UnreadAccounts { path }) => Err(path),
                Err(other) => panic!("{what}: {other}"),
            };
            assert_eq!(found, kept.map_err(str::to_owned), "{what}");
            assert_eq!(extended(&tree, &users(&[])).unwrap(), [], "{what}");
        }
    }
}
