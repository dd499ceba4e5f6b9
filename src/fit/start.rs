//! Which file a command starts: the first word of Entrypoint and Cmd, of a health check, of a `#!`.
//!
//! As runc looks it up: a word with a slash is a path, relative to the working directory; another is searched in `PATH`
//! for a file that somebody may execute. <https://pkg.go.dev/os/exec#LookPath>, execve(2).

use super::scene::{MOST, Scene, shown};
use crate::rootfs::Kind;

/// Where a command leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// To this file.
    Program(String),
    /// To something that is no file, at this path.
    NoFile(String),
    /// To nothing; a path, or a name that is not in `PATH`.
    Nothing(String),
    /// There is no command, or it cannot be known.
    Unknown,
}

/// Where the first of `words` leads.
pub(super) fn find(scene: &Scene<'_>, words: &[&str]) -> Start {
    let Some(word) = words.first().copied() else {
        return Start::Unknown;
    };
    if word.is_empty() {
        return Start::Nothing(String::new());
    }
    if word.contains('/') {
        return at(scene, &absolute(scene, word));
    }
    let mut refused = None;
    for directory in scene
        .search_path()
        .split(':')
        .take(MOST)
        .filter(|directory| !directory.is_empty())
    {
        let path = format!("{}/{word}", absolute(scene, directory).trim_end_matches('/'));
        if let Some(program) = scene.program(&path) {
            if program.node.mode & 0o111 != 0 {
                return Start::Program(path);
            }
            refused.get_or_insert(path);
        }
    }
    // A file that nobody may execute is passed over, and told of if there is no other.
    refused.map_or_else(|| Start::Nothing(word.to_owned()), Start::Program)
}

/// Where a `#!` line leads: its interpreter, or what `env` starts for it.
pub(super) fn interpreter(scene: &Scene<'_>, line: &str) -> Start {
    // Only these end a word for the kernel: the carriage return of other systems' files belongs to the name.
    let mut words = line.split([' ', '\t']).filter(|word| !word.is_empty());
    let Some(first) = words.next() else {
        return Start::Unknown;
    };
    // Not for a runtime but for the kernel: nothing is searched.
    let own = at(scene, &absolute(scene, first));
    if !matches!(own, Start::Program(_)) || !first.ends_with("/env") {
        return own;
    }
    let mut words = words.skip_while(|word| *word == "-S" || word.contains('='));
    match words.next() {
        Some(name) if !name.starts_with('-') => find(scene, &[name]),
        _ => Start::Unknown,
    }
}

fn at(scene: &Scene<'_>, path: &str) -> Start {
    match scene.question.tree.resolve(path.as_bytes()) {
        None => Start::Nothing(path.to_owned()),
        Some((_, node)) if matches!(node.kind, Kind::File(_)) => Start::Program(path.to_owned()),
        Some(_) => Start::NoFile(path.to_owned()),
    }
}

fn absolute(scene: &Scene<'_>, path: &str) -> String {
    if path.starts_with('/') {
        return path.to_owned();
    }
    let path = path.trim_start_matches("./");
    shown(format!("{}/{path}", scene.workdir().trim_end_matches('/')).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::example::{Example, file, mode, script};
    use serde_json::json;

    #[test]
    fn commands_are_found_as_a_runtime_does() {
        let mut example = Example::default();
        example.put("usr/local/bin/api", file(1));
        example.put("usr/bin/api", file(1));
        example.put("opt/tool", file(1));
        example.put("usr/bin/notes", mode(file(1), 0o644, 0, 0));
        example.put("usr/bin/env", file(1));
        example.put("srv/run", script("/usr/bin/env -S A=b api -x"));
        example.config(json!({"WorkingDir": "/srv"}));
        let scene = example.scene();
        let program = |path: &str| Start::Program(path.into());
        let nothing = |path: &str| Start::Nothing(path.into());
        for (words, expected) in [
            (vec!["api"], program("/usr/local/bin/api")),
            (vec!["/opt/tool", "x"], program("/opt/tool")),
            (vec!["./run"], program("/srv/run")),
            (vec!["notes"], program("/usr/bin/notes")),
            (vec!["/opt"], Start::NoFile("/opt".into())),
            (vec!["/opt/api"], nothing("/opt/api")),
            (vec!["tool"], nothing("tool")),
            (vec![], Start::Unknown),
            (vec![""], nothing("")),
        ] {
            assert_eq!(find(&scene, &words), expected, "{words:?}");
        }
        for (line, expected) in [
            ("/opt/tool -e", program("/opt/tool")),
            ("/bin/sh", nothing("/bin/sh")),
            ("/opt/tool\r", nothing("/opt/tool\r")),
            ("/usr/bin/env api", program("/usr/local/bin/api")),
            ("/usr/bin/env -S A=b api -x", program("/usr/local/bin/api")),
            ("/usr/bin/env python3", nothing("python3")),
            ("/usr/bin/env -i x", Start::Unknown),
        ] {
            assert_eq!(interpreter(&scene, line), expected, "{line}");
        }
        example.config(json!({"Env": ["PATH=/none", "PATH=:/opt"]}));
        assert_eq!(find(&example.scene(), &["tool"]), program("/opt/tool"));
    }
}
