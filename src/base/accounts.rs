//! Users added to the accounts of a base.

use std::collections::BTreeMap;

use super::BaseError;
use super::builtin::{self, BuiltinFile};

/// What `/etc/passwd` begins with where the base has none.
const ROOT: &[u8] = b"root:x:0:0:root:/root:/sbin/nologin\n";
const ROOT_GROUP: &[u8] = b"root:x:0:\n";

/// `/etc/passwd` and `/etc/group` of a base with `users` (name and id) appended, each with a group of the same name
/// and id, and their homes. What the base has keeps its bytes. A user that is there already under the same id is left
/// as it is. An id that another name has is allowed: what the number is called is then said by the first line that
/// has it, the base's. No files where there are no users.
///
/// # Errors
/// When a user's name is none, or is there already, as a user or group, with another id.
pub fn extended(
    passwd: Option<&[u8]>,
    group: Option<&[u8]>,
    users: &BTreeMap<String, u32>,
) -> Result<Vec<BuiltinFile>, BaseError> {
    if users.is_empty() {
        return Ok(Vec::new());
    }
    let mut passwd = whole_lines(passwd.unwrap_or(ROOT));
    let mut group = whole_lines(group.unwrap_or(ROOT_GROUP));
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
    files.push(builtin::file("etc/passwd", passwd));
    files.push(builtin::file("etc/group", group));
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
    use super::*;
    use crate::base::builtin::Content;

    const PASSWD: &[u8] = b"root:x:0:0:root:/root:/bin/bash\nwww-data:x:33:33::/var/www:/bin/sh";
    const GROUP: &[u8] = b"root:x:0:\nstaff:x:50:\nwww-data:x:33:\n";

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
        let files = extended(
            Some(PASSWD),
            Some(GROUP),
            &users(&[("api", 10001), ("www-data", 33)]),
        )
        .unwrap();
        let passwd = "root:x:0:0:root:/root:/bin/bash\nwww-data:x:33:33::/var/www:/bin/sh\n\
                      api:x:10001:10001:api:/home/api:/sbin/nologin\n";
        let group = "root:x:0:\nstaff:x:50:\nwww-data:x:33:\napi:x:10001:\n";
        let expected = [
            ("etc/group", group.to_owned()),
            ("etc/passwd", passwd.to_owned()),
            ("home/api", "700 10001".to_owned()),
        ];
        assert_eq!(shown(&files), expected);
        assert_eq!(extended(Some(PASSWD), Some(GROUP), &users(&[])).unwrap(), []);
    }

    #[test]
    fn a_base_without_accounts_gets_root_as_well() {
        let files = extended(None, None, &users(&[("api", 1)])).unwrap();
        assert_eq!(shown(&files)[0].1, "root:x:0:\napi:x:1:\n");
        assert!(shown(&files)[1].1.starts_with("root:x:0:0:"));
    }

    #[test]
    fn names_are_not_taken_over() {
        let of = |list: &[(&str, u32)]| extended(Some(PASSWD), Some(GROUP), &users(list));
        assert!(matches!(of(&[("root", 5)]), Err(BaseError::UserExists { uid, .. }) if uid == "0"));
        assert!(matches!(of(&[("staff", 5)]), Err(BaseError::GroupExists { gid, .. }) if gid == "50"));
        assert!(matches!(of(&[("a:b", 5)]), Err(BaseError::UserName { .. })));
        // Another name's number: the base's line comes first.
        assert!(of(&[("web", 33)]).is_ok());
        // A name that another one begins with is free.
        assert!(of(&[("www", 5)]).is_ok());
    }
}
