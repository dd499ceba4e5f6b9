//! Who a volume belongs to: the user that the image runs as.

use crate::base::builtin;

/// User and group as numbers; `passwd` is the image's. Where a name is not known the fit check says so, and the
/// numbers here are those of `nonroot`.
pub(super) fn of(user: &str, passwd: &[u8]) -> (u32, u32) {
    let nonroot = (builtin::NONROOT, builtin::NONROOT);
    let (user, group) = match user.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (user, None),
    };
    let text = String::from_utf8_lossy(passwd);
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split(':').collect()).collect();
    let field = |name: &str, field: usize| {
        let found = lines.iter().find(|line| line.first() == Some(&name));
        found.and_then(|line| line.get(field)?.parse::<u32>().ok())
    };
    let number = |name: &str| name.parse().ok();
    let Some(uid) = number(user).or_else(|| field(user, 2)) else {
        return nonroot;
    };
    let gid = match group {
        Some(group) => number(group).or_else(|| field(group, 3)),
        None => field(user, 3),
    };
    (uid, gid.unwrap_or(uid))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_volume_belongs_to_the_user_that_writes_to_it() {
        let passwd = b"root:x:0:0::/:\nnobody:x:65534:65534::/:\napi:x:10001:10002::/:\n";
        for (user, expected) in [
            ("65532:65532", (65532, 65532)),
            ("nobody", (65534, 65534)),
            ("root", (0, 0)),
            ("api", (10001, 10002)),
            ("1000", (1000, 1000)),
            ("api:0", (10001, 0)),
            ("1000:nobody", (1000, 65534)),
            ("stranger", (builtin::NONROOT, builtin::NONROOT)),
        ] {
            assert_eq!(of(user, passwd), expected, "{user:?}");
        }
    }
}
