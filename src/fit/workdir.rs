//! [`Check::Workdir`]: the working directory is there and may be entered.
//!
//! Runtimes make one that is missing, owned by root; one that is a file keeps the container from starting. Into one that
//! is closed to the user they go while they are still root, so that the program starts and then cannot open anything there.
//! <https://github.com/opencontainers/runtime-spec/blob/v1.2.0/config.md#process> (`cwd`),
//! <https://github.com/opencontainers/runc/blob/v1.1.12/libcontainer/init_linux.go> (`finalizeNamespace`)

use super::identity::EXECUTE;
use super::scene::{Scene, shown};
use super::{Check, Finding};
use crate::rootfs::Kind;

pub(super) fn check(scene: &Scene<'_>, out: &mut Vec<Finding>) {
    let path = scene.workdir();
    let tell = |message: String| scene.finding(Check::Workdir, "workdir", message).needed(path);
    if !path.starts_with('/') {
        let message = format!("the working directory `{path}` is not an absolute path");
        out.push(tell(message).help("write it from the root").fatal());
        return;
    }
    if path.trim_matches('/').is_empty() {
        return;
    }
    let tree = scene.question.tree;
    if scene.in_volume(path) {
        return;
    }
    let Some((real, node)) = tree.resolve(path.as_bytes()) else {
        let message =
            format!("the working directory `{path}` is not in the image: runtimes make it, owned by root");
        out.push(tell(message).help("make it with `files = [{ dir = \"..\" }]`, or set `workdir = \"/\"`"));
        return;
    };
    if node.kind != Kind::Directory {
        let message = format!("the working directory `{path}` is not a directory");
        out.push(tell(message).help("set `workdir` to a directory").fatal());
        return;
    }
    let Ok(identity) = &scene.user else { return };
    let closed = identity.stopped_at(tree, &real);
    let closed = closed.or_else(|| (!identity.may(node, EXECUTE)).then_some(real));
    if let Some(closed) = closed {
        let mode = tree
            .get(&closed)
            .map(|node| format!("{:04o} of {}:{}", node.mode, node.uid, node.gid));
        let message = format!(
            "{} may not enter `{}`, where its programs start",
            identity.shown(),
            shown(&closed)
        );
        let finding = tell(message).found(mode.unwrap_or_default());
        out.push(finding.help("give the directory to the user, or set another `workdir`"));
    }
}

#[cfg(test)]
mod tests {
    use crate::fit::Level;
    use crate::fit::example::{Example, file};
    use serde_json::json;

    #[test]
    fn working_directories_can_be_entered() {
        let mut example = Example::default();
        example.directory("srv", 0o755, 0);
        example.directory("home/own", 0o700, 65532);
        example.directory("root", 0o700, 0);
        example.link("work", "srv");
        example.put("file", file(1));
        for (path, expected) in [
            ("", None),
            ("/", None),
            ("/srv", None),
            ("/work", None),
            ("/home/own", None),
            (
                "/none",
                Some((
                    Level::Warn,
                    "the working directory `/none` is not in the image: runtimes make it, owned by root",
                )),
            ),
            (
                "srv",
                Some((Level::Deny, "the working directory `srv` is not an absolute path")),
            ),
            (
                "/file",
                Some((Level::Deny, "the working directory `/file` is not a directory")),
            ),
            (
                "/root",
                Some((
                    Level::Warn,
                    "the user 65532:65532 may not enter `/root`, where its programs start",
                )),
            ),
        ] {
            example.config(json!({ "WorkingDir": path }));
            let found = example.all();
            let shown = found.first().map(|one| (one.level, one.message.as_str()));
            assert_eq!(shown, expected, "{path}");
        }
    }
}
