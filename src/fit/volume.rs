//! [`Check::Volume`]: volumes may be written to by the user, and hide no program.
//!
//! <https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md> (`Volumes`). A fresh volume takes owner and mode of
//! the directory in the image; where that is missing it is root's.

use super::identity::{EXECUTE, Identity, WRITE};
use super::scene::{Scene, shown};
use super::{Check, Finding};
use crate::rootfs::Kind;

pub(super) fn check(scene: &Scene<'_>, out: &mut Vec<Finding>) {
    let mut volumes = scene.set("Volumes");
    volumes.sort_unstable();
    for path in volumes.into_iter().filter(|path| path.starts_with('/')) {
        let tell = |message: String| scene.finding(Check::Volume, path, message);
        let tree = scene.question.tree;
        let real = tree.real(path.as_bytes());
        let inside = [real.as_slice(), b"/"].concat();
        if let Some(program) = scene
            .programs
            .iter()
            .find(|program| program.real.starts_with(&inside))
        {
            let message = format!(
                "the volume `{path}` hides `{}` where something is mounted",
                program.path
            );
            out.push(
                tell(message)
                    .found(&program.path)
                    .help("lay the program elsewhere"),
            );
        }
        let found = tree.resolve(path.as_bytes());
        if found
            .as_ref()
            .is_some_and(|(_, node)| node.kind != Kind::Directory)
        {
            let message = format!("the volume `{path}` lies on something that is not a directory");
            out.push(tell(message).found(shown(&real)).help("name a directory"));
            continue;
        }
        let Ok(identity) = &scene.user else { continue };
        let Some(what) = refused(identity, scene, found.map(|(real, _)| real)) else {
            continue;
        };
        let message = format!(
            "{} may not write to the volume `{path}`: {what}",
            identity.shown()
        );
        let Identity { uid, gid, .. } = identity;
        let help = format!("declare it as `volumes = [{{ path = \"{path}\", owner = \"{uid}:{gid}\" }}]`");
        out.push(tell(message).found(what).help(help));
    }
}

fn refused(identity: &Identity, scene: &Scene<'_>, real: Option<Vec<u8>>) -> Option<String> {
    let Some(real) = real else {
        let missing = "it is not in the image, and made for root";
        return (identity.uid != 0).then(|| missing.to_owned());
    };
    let node = scene.question.tree.get(&real)?;
    if let Some(closed) = identity.stopped_at(scene.question.tree, &real) {
        return Some(format!("`{}` is closed", shown(&closed)));
    }
    let writable = identity.may(node, WRITE | EXECUTE);
    (!writable).then(|| format!("it has mode {:04o} of {}:{}", node.mode, node.uid, node.gid))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::example::{Example, file, static_elf};
    use serde_json::json;

    #[test]
    fn volumes_can_be_written_to() {
        for (user, path, expected) in [
            ("65532:65532", "/data", None),
            ("65532:65532", "/tmp", None),
            ("0:0", "/root", None),
            (
                "65532:65532",
                "/root",
                Some("the user 65532:65532 may not write to the volume `/root`: it has mode 0755 of 0:0"),
            ),
            (
                "65532:65532",
                "/none",
                Some(
                    "the user 65532:65532 may not write to the volume `/none`: it is not in the image, and made for root",
                ),
            ),
            (
                "65532:65532",
                "/file",
                Some("the volume `/file` lies on something that is not a directory"),
            ),
            (
                "65532:65532",
                "/opt",
                Some("the volume `/opt` hides `/opt/bin/app` where something is mounted"),
            ),
        ] {
            let mut example = Example::default();
            example.levels.insert(Check::Root, crate::fit::Level::Allow);
            example.directory("data", 0o750, 65532);
            example.directory("opt", 0o777, 0);
            example.directory("tmp", 0o1777, 0);
            example.directory("root", 0o755, 0);
            example.put("file", file(1));
            example.program("opt/bin/app", static_elf());
            example.config(json!({ "User": user, "Volumes": { path: {} } }));
            assert_eq!(
                example.messages(Check::Volume).first().map(String::as_str),
                expected,
                "{path}"
            );
        }
    }
}
