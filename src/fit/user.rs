//! [`Check::User`], [`Check::Root`] and [`Check::UserName`]: who the programs run as.
//!
//! A name that `passwd` or `group` does not have keeps a container from starting; numbers always work.
//! <https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md> (`User`);
//! <https://kubernetes.io/docs/concepts/security/pod-security-standards/> (`runAsNonRoot` needs a number).

use super::identity::UserFault;
use super::scene::Scene;
use super::{Check, Finding};

pub(super) fn check(scene: &Scene<'_>, out: &mut Vec<Finding>) {
    let written = scene.text("User");
    let base = scene.base();
    let wrong = |message: String, needed: &str| {
        let finding = scene.finding(Check::User, "user", message).needed(needed);
        finding.help("use numbers, as in `user = \"65532:65532\"`, or add the name with `users`")
    };
    match &scene.user {
        Err(UserFault::NoUser(name)) => {
            out.push(wrong(
                format!("the user `{name}` is not in `/etc/passwd` of {base}"),
                name,
            ));
        }
        Err(UserFault::NoGroup(name)) => {
            out.push(wrong(
                format!("the group `{name}` is not in `/etc/group` of {base}"),
                name,
            ));
        }
        Err(UserFault::TooLarge(id)) => {
            out.push(wrong(
                format!("no runtime takes {id} as a user or group"),
                "at most 2147483647",
            ));
        }
        Ok(identity) if identity.uid == 0 => {
            let message = "the programs run as root";
            let finding = scene.finding(Check::Root, "user", message).found(written);
            out.push(finding.help("set `user = \"65532:65532\"`, unless root is really needed"));
        }
        _ => {}
    }
    let user = written.split(':').next().unwrap_or_default();
    if !user.is_empty() && user.parse::<u64>().is_err() {
        let message = format!("the user `{user}` is a name, and `runAsNonRoot` of Kubernetes needs a number");
        let mut finding = scene.finding(Check::UserName, "user", message).found(user);
        if let Ok(identity) = &scene.user {
            finding = finding.help(format!("set `user = \"{}:{}\"`", identity.uid, identity.gid));
        }
        out.push(finding);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::example::Example;
    use serde_json::json;

    #[test]
    fn users_are_known_and_not_root() {
        for (user, check, expected) in [
            ("65532:65532", Check::User, None),
            ("api", Check::User, None),
            ("api:api", Check::User, None),
            (
                "web",
                Check::User,
                Some("the user `web` is not in `/etc/passwd` of `debian:12-slim`"),
            ),
            (
                "api:web",
                Check::User,
                Some("the group `web` is not in `/etc/group` of `debian:12-slim`"),
            ),
            (
                "4294967296",
                Check::User,
                Some("no runtime takes 4294967296 as a user or group"),
            ),
            ("", Check::Root, Some("the programs run as root")),
            ("0:0", Check::Root, Some("the programs run as root")),
            (
                "api",
                Check::UserName,
                Some("the user `api` is a name, and `runAsNonRoot` of Kubernetes needs a number"),
            ),
        ] {
            let mut example = Example::default();
            example.text("etc/passwd", "api:x:10001:10001::/:\n");
            example.text("etc/group", "api:x:10001:\n");
            example.config(json!({ "User": user }));
            assert_eq!(
                example.messages(check).first().map(String::as_str),
                expected,
                "{user}"
            );
        }
    }
}
