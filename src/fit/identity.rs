//! [`Identity`]: who the programs run as, from the config's `User` and the tree's `passwd` and `group`.
//!
//! A runtime resolves it so: a name or number of `passwd` gives user and group, and `group` the further ones; a number
//! that is not there is taken as it is. <https://github.com/moby/sys/blob/user/v0.3.0/user/user.go> (`GetExecUser`),
//! <https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md> (`User`).

use crate::rootfs::{Kind, Node, Tree};

/// Who the programs run as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) uid: u64,
    pub(super) gid: u64,
    /// Supplementary groups.
    pub(super) groups: Vec<u64>,
}

/// Why nobody knows who they run as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum UserFault {
    /// No such name in `passwd`.
    NoUser(String),
    /// No such name in `group`.
    NoGroup(String),
    /// Above what a runtime takes.
    TooLarge(String),
    /// The files are there and cannot be read: nothing is known.
    Unknown,
}

/// The largest id that a runtime takes.
const MOST: u64 = (1 << 31) - 1;

/// Permission bits, as for one of owner, group and others.
pub(super) const READ: u32 = 4;
/// To put things into a directory.
pub(super) const WRITE: u32 = 2;
/// To start a file, or to go through a directory.
pub(super) const EXECUTE: u32 = 1;

impl Identity {
    /// Whether all of `bits` are granted. Root may do everything but start what nobody may start: runtimes leave it
    /// `CAP_DAC_OVERRIDE` (path_resolution(7)).
    pub(super) fn may(&self, node: &Node, bits: u32) -> bool {
        if self.uid == 0 {
            return bits & EXECUTE == 0 || node.kind == Kind::Directory || node.mode & 0o111 != 0;
        }
        let granted = if node.uid == self.uid {
            node.mode >> 6
        } else if node.gid == self.gid || self.groups.contains(&node.gid) {
            node.mode >> 3
        } else {
            node.mode
        };
        granted & bits == bits
    }

    /// The first directory on the way to `path` (without links) that may not be gone through. The root is none of them: runtimes
    /// differ in the mode that they give it, see [`Identity::stopped_by_root`].
    pub(super) fn stopped_at(&self, tree: &Tree, path: &[u8]) -> Option<Vec<u8>> {
        let ends = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
        let mut parents = ends
            .map(|(end, _)| &path[..end])
            .filter(|parent| !parent.is_empty());
        let closed = |parent: &&[u8]| tree.get(parent).is_some_and(|node| !self.may(node, EXECUTE));
        parents.find(closed).map(<[u8]>::to_vec)
    }

    /// The root, if it may not be gone through where a runtime keeps the mode that the layers give it.
    pub(super) fn stopped_by_root<'t>(&self, tree: &'t Tree) -> Option<&'t Node> {
        tree.get(b"").filter(|root| !self.may(root, EXECUTE))
    }

    /// As messages name it.
    pub(super) fn shown(&self) -> String {
        format!("the user {}:{}", self.uid, self.gid)
    }
}

/// Who `user` is.
pub(super) fn of(user: &str, tree: &Tree) -> Result<Identity, UserFault> {
    let (user, group) = user.split_once(':').unwrap_or((user, ""));
    let user = if user.is_empty() { "0" } else { user };
    let passwd = lines(tree, b"etc/passwd")?;
    let groups = lines(tree, b"etc/group")?;
    let number = user.parse::<u64>().ok();
    let entry = passwd
        .iter()
        .find(|line| line[0] == user || (number.is_some() && id(line, 2) == number));
    let (name, uid, own) = match (entry, number) {
        (Some(line), _) => (Some(line[0].as_str()), id(line, 2), id(line, 3)),
        (None, Some(number)) => (None, Some(number), Some(0)),
        (None, None) => return Err(UserFault::NoUser(user.to_owned())),
    };
    let (Some(uid), Some(own)) = (uid, own) else {
        return Err(UserFault::Unknown);
    };
    let mut identity = Identity {
        uid,
        gid: own,
        groups: Vec::new(),
    };
    if group.is_empty() {
        let member = |line: &&Vec<String>| {
            let members = line.get(3).map(String::as_str).unwrap_or_default();
            name.is_some_and(|name| members.split(',').any(|member| member == name))
        };
        identity.groups = groups
            .iter()
            .filter(member)
            .filter_map(|line| id(line, 2))
            .collect();
    } else {
        let number = group.parse::<u64>().ok();
        let entry = groups
            .iter()
            .find(|line| line[0] == group || (number.is_some() && id(line, 2) == number));
        let gid = entry.and_then(|line| id(line, 2)).or(number);
        identity.gid = gid.ok_or_else(|| UserFault::NoGroup(group.to_owned()))?;
    }
    match [uid, identity.gid].into_iter().find(|id| *id > MOST) {
        Some(large) => Err(UserFault::TooLarge(large.to_string())),
        None => Ok(identity),
    }
}

/// The fields of each line; none if the file is not there.
fn lines(tree: &Tree, path: &[u8]) -> Result<Vec<Vec<String>>, UserFault> {
    let Some((_, node)) = tree.resolve(path) else {
        return Ok(Vec::new());
    };
    let Kind::File(facts) = &node.kind else {
        return Err(UserFault::Unknown);
    };
    let text = match &facts.text {
        Some(text) => String::from_utf8_lossy(text),
        None if facts.size == 0 => return Ok(Vec::new()),
        None => return Err(UserFault::Unknown),
    };
    let lines = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    Ok(lines
        .map(|line| line.split(':').map(str::to_owned).collect())
        .collect())
}

fn id(line: &[String], field: usize) -> Option<u64> {
    line.get(field)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::example::{Example, file, mode};

    fn tree() -> Tree {
        let mut example = Example::default();
        example.text(
            "etc/passwd",
            "root:x:0:0::/:/bin/sh\napi:x:1000:1001::/:\n\n# no\n",
        );
        example.text("etc/group", "root:x:0:\napi:x:1001:\nmedia:x:44:mary,api\n");
        example.tree
    }

    #[test]
    fn users_are_resolved_as_a_runtime_does() {
        let someone = |uid, gid, groups: &[u64]| {
            Ok(Identity {
                uid,
                gid,
                groups: groups.to_vec(),
            })
        };
        for (user, expected) in [
            ("", someone(0, 0, &[])),
            ("root", someone(0, 0, &[])),
            ("api", someone(1000, 1001, &[44])),
            ("1000", someone(1000, 1001, &[44])),
            ("65532", someone(65532, 0, &[])),
            ("65532:65533", someone(65532, 65533, &[])),
            ("api:media", someone(1000, 44, &[])),
            (":media", someone(0, 44, &[])),
            ("nobody", Err(UserFault::NoUser("nobody".into()))),
            ("api:staff", Err(UserFault::NoGroup("staff".into()))),
            ("4294967296", Err(UserFault::TooLarge("4294967296".into()))),
        ] {
            assert_eq!(of(user, &tree()), expected, "{user}");
        }
        assert_eq!(of("7:8", &Tree::default()), someone(7, 8, &[]));
        assert_eq!(of("x", &Tree::default()), Err(UserFault::NoUser("x".into())));
        let mut odd = Example::default();
        odd.put("etc/passwd", file(9));
        assert_eq!(of("x", &odd.tree), Err(UserFault::Unknown));
    }

    #[test]
    fn bits_are_those_of_owner_group_or_others() {
        let api = of("api", &tree()).unwrap();
        let root = of("", &tree()).unwrap();
        for (node, bits, allowed) in [
            (mode(file(1), 0o700, 1000, 0), EXECUTE | READ, true),
            (mode(file(1), 0o077, 1000, 44), READ, false),
            (mode(file(1), 0o050, 0, 1001), EXECUTE | READ, true),
            (mode(file(1), 0o040, 0, 44), READ, true),
            (mode(file(1), 0o704, 0, 0), READ, true),
            (mode(file(1), 0o704, 0, 0), EXECUTE, false),
        ] {
            assert_eq!(api.may(&node, bits), allowed, "{node:?} {bits}");
        }
        assert!(root.may(&mode(file(1), 0, 9, 9), READ | WRITE));
        assert!(!root.may(&mode(file(1), 0o644, 0, 0), EXECUTE));
    }
}
