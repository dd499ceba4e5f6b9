//! [`Check::Tmp`]: programs that make temporary files find a directory for them.
//!
//! The tempfile crate takes `TMPDIR`, else `/tmp` (<https://doc.rust-lang.org/std/env/fn.temp_dir.html>).

use super::identity::{EXECUTE, WRITE};
use super::scene::Scene;
use super::{Check, Finding};
use crate::rootfs::Kind;

/// Crates whose purpose are temporary files.
const MAKERS: [&str; 2] = ["tempfile", "mktemp"];

pub(super) fn check(scene: &Scene<'_>, out: &mut Vec<Finding>) {
    // Who names another place means to bring it, perhaps when the container is started.
    if scene.variable("TMPDIR").is_some() || scene.in_volume("/tmp") {
        return;
    }
    let found = scene.question.tree.resolve(b"/tmp");
    let what = match (&found, &scene.user) {
        (None, _) => "is not there".to_owned(),
        (Some((_, node)), _) if node.kind != Kind::Directory => "is not a directory".to_owned(),
        (Some((_, node)), Ok(identity)) if !identity.may(node, WRITE | EXECUTE) => {
            format!("has mode {:04o} of {}:{}", node.mode, node.uid, node.gid)
        }
        _ => return,
    };
    for program in &scene.programs {
        let Some(crates) = scene.crates(program) else {
            continue;
        };
        if let Some(maker) = MAKERS.iter().find(|name| crates.contains(**name)) {
            let message = format!(
                "`{}` makes temporary files (`{maker}`), and `/tmp` {what}",
                program.path
            );
            let finding = scene.finding(Check::Tmp, &program.path, message).needed("/tmp");
            out.push(finding.help("add `provide = [\"tmp\"]`"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::example::{Example, file};

    #[test]
    fn there_is_a_place_for_temporary_files() {
        let mut example = Example::default();
        example.built_with(&["tempfile"]);
        assert_eq!(
            example.messages(Check::Tmp),
            ["`/app` makes temporary files (`tempfile`), and `/tmp` is not there"]
        );
        example.directory("tmp", 0o755, 0);
        let expected = "`/app` makes temporary files (`tempfile`), and `/tmp` has mode 0755 of 0:0";
        assert_eq!(example.messages(Check::Tmp), [expected]);
        example.directory("tmp", 0o1777, 0);
        assert_eq!(example.all(), []);
        let mut example = Example::default();
        example.built_with(&["serde"]);
        example.put("tmp", file(1));
        assert_eq!(example.all(), []);
    }
}
