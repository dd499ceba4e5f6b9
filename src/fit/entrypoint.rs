//! [`Check::Entrypoint`], [`Check::Shell`] and [`Check::Healthcheck`]: what commands start is in the image.
//!
//! <https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md> (`Entrypoint`, `Cmd`); `Healthcheck` is Docker's
//! (<https://github.com/moby/docker-image-spec/blob/v1.3.1/spec.md>); scripts: execve(2), "Interpreter scripts".

use super::scene::{MOST, Program, Scene, texts};
use super::start::{self, Start};
use super::{Check, Finding};
use crate::rootfs::Kind;

/// Names of shells, as `sh -c` lines have them.
const SHELLS: [&str; 5] = ["sh", "bash", "ash", "dash", "zsh"];

pub(super) fn check(scene: &Scene<'_>, out: &mut Vec<Finding>) {
    let command = scene.command();
    let shell = is_shell_line(&command);
    let check = if shell { Check::Shell } else { Check::Entrypoint };
    if let Some(what) = missing(scene, &start::find(scene, &command)) {
        let word = command.first().copied().unwrap_or_default();
        let message = match shell {
            true => format!("the entrypoint is a line for the shell `{word}`, {what}"),
            false => format!("the entrypoint `{word}` cannot be started: {what}"),
        };
        let help = match shell {
            true => {
                "write the entrypoint as a list of words that starts with the program, or take a base with a shell"
            }
            false => "name a path that `binaries` or `files` bring, or one that the base has",
        };
        out.push(
            scene
                .finding(check, "entrypoint", message)
                .needed(word)
                .help(help),
        );
    }
    for path in scene.question.programs {
        let told = command.first() == Some(&path.as_str());
        if !told && scene.question.tree.resolve(path.as_bytes()).is_none() {
            let message = format!("the program `{path}` is not in the image");
            out.push(scene.finding(Check::Entrypoint, path, message).needed(path));
        }
    }
    health(scene, out);
}

/// Whether the kernel knows what to do with a program, and the interpreter of a script is there.
pub(super) fn script(scene: &Scene<'_>, program: &Program<'_>, out: &mut Vec<Finding>) {
    let Kind::File(facts) = &program.node.kind else {
        return;
    };
    let line = program.script.unwrap_or_default();
    // A damaged program is not known to be none, nor is a file of which only the text was kept.
    if program.elf.is_none() && line.is_empty() && !facts.unreadable && facts.text.is_none() {
        let message = format!(
            "`{}` is neither a program nor a script: it cannot be started",
            program.path
        );
        let finding = scene
            .finding(Check::Entrypoint, &program.path, message)
            .needed("ELF or `#!`");
        out.push(finding.help("begin a script with `#!` and its interpreter's path"));
        return;
    }
    if program.script.is_none() {
        return;
    }
    let Some(what) = missing(scene, &start::interpreter(scene, line)) else {
        return;
    };
    let line = line.escape_debug().to_string();
    let help = if line.ends_with("\\r") {
        "end its lines as Linux does: without carriage returns"
    } else {
        "take a base that has it, or start a program instead of a script"
    };
    let message = format!("`{}` is a script for `{line}`, {what}", program.path);
    let finding = scene.finding(Check::Shell, &program.path, message);
    out.push(finding.needed(line).help(help));
}

fn health(scene: &Scene<'_>, out: &mut Vec<Finding>) {
    let test = texts(&scene.value("Healthcheck")["Test"]);
    let command = match test.split_first() {
        Some((&"CMD", words)) => words.to_vec(),
        Some((&"CMD-SHELL", _)) => {
            let own = scene.list("Shell");
            if own.is_empty() { vec!["/bin/sh"] } else { own }
        }
        _ => return,
    };
    if let Some(what) = missing(scene, &start::find(scene, &command)) {
        let word = command.first().copied().unwrap_or_default();
        let message = format!("the health check cannot start `{word}`: {what}");
        let finding = scene
            .finding(Check::Healthcheck, "healthcheck", message)
            .needed(word);
        out.push(finding.help("put the program into the image, or check health from outside"));
    }
}

/// What is wrong with where a command leads.
fn missing(scene: &Scene<'_>, start: &Start) -> Option<String> {
    match start {
        // What a volume brings is known when the container is started.
        Start::Nothing(path) if in_volume(scene, path) => None,
        Start::Nothing(path) if path.contains('/') => {
            Some(format!("`{}` is not in the image", path.escape_debug()))
        }
        Start::Nothing(name) => Some(format!("`{name}` is not in `{}`", scene.search_path())),
        Start::NoFile(path) => Some(format!("`{path}` is not a file")),
        Start::Program(_) | Start::Unknown => None,
    }
}

/// Whether a path, or a directory of `PATH` for a name without one, lies in a volume.
fn in_volume(scene: &Scene<'_>, path: &str) -> bool {
    if path.contains('/') {
        return scene.in_volume(path);
    }
    let mut searched = scene.search_path().split(':').take(MOST);
    searched.any(|directory| scene.in_volume(directory))
}

fn is_shell_line(command: &[&str]) -> bool {
    let [shell, flag, ..] = command else { return false };
    let name = shell.rsplit('/').next().unwrap_or_default();
    SHELLS.contains(&name) && *flag == "-c"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::example::{Example, file, mode, script};
    use serde_json::{Value, json};

    fn example(config: Value) -> Example {
        let mut example = Example::default();
        example.put("usr/bin/api", file(1));
        example.put("usr/bin/env", file(1));
        example.put("run", script("/bin/bash -e"));
        example.put("dos", script("/usr/bin/env\r"));
        example.put("start", script("/usr/bin/env python3"));
        example.put("go", script("/usr/bin/env api"));
        example.put("text", mode(script(""), 0o755, 0, 0));
        example.directory("srv", 0o755, 0);
        example.directory("data", 0o777, 0);
        example.config(config);
        example
    }

    #[test]
    fn what_commands_start_is_there() {
        let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        for (config, check, expected) in [
            (json!({}), Check::Entrypoint, None),
            (
                json!({"Entrypoint": null, "Cmd": ["api"]}),
                Check::Entrypoint,
                None,
            ),
            (
                json!({"Entrypoint": ["/usr/bin/api"], "Cmd": ["-x"]}),
                Check::Entrypoint,
                None,
            ),
            (json!({"Entrypoint": ["/go"]}), Check::Shell, None),
            (
                json!({"Entrypoint": ["/data/app"], "Volumes": {"/data": {}}}),
                Check::Entrypoint,
                None,
            ),
            (
                json!({"Entrypoint": ["/app"]}),
                Check::Entrypoint,
                Some("the entrypoint `/app` cannot be started: `/app` is not in the image".to_owned()),
            ),
            (
                json!({"Cmd": ["app"]}),
                Check::Entrypoint,
                Some(format!(
                    "the entrypoint `app` cannot be started: `app` is not in `{path}`"
                )),
            ),
            (
                json!({"Cmd": ["/srv"]}),
                Check::Entrypoint,
                Some("the entrypoint `/srv` cannot be started: `/srv` is not a file".to_owned()),
            ),
            (
                json!({"Entrypoint": ["/text"]}),
                Check::Entrypoint,
                Some("`/text` is neither a program nor a script: it cannot be started".to_owned()),
            ),
            (
                json!({"Entrypoint": ["/bin/sh", "-c", "api"]}),
                Check::Shell,
                Some(
                    "the entrypoint is a line for the shell `/bin/sh`, `/bin/sh` is not in the image"
                        .to_owned(),
                ),
            ),
            (
                json!({"Entrypoint": ["/run"]}),
                Check::Shell,
                Some("`/run` is a script for `/bin/bash -e`, `/bin/bash` is not in the image".to_owned()),
            ),
            (
                json!({"Entrypoint": ["/dos"]}),
                Check::Shell,
                Some(
                    r"`/dos` is a script for `/usr/bin/env\r`, `/usr/bin/env\r` is not in the image"
                        .to_owned(),
                ),
            ),
            (
                json!({"Entrypoint": ["/start"]}),
                Check::Shell,
                Some(format!(
                    "`/start` is a script for `/usr/bin/env python3`, `python3` is not in `{path}`"
                )),
            ),
            (
                json!({"Healthcheck": {"Test": ["NONE"]}}),
                Check::Healthcheck,
                None,
            ),
            (
                json!({"Healthcheck": {"Test": ["CMD", "api"]}}),
                Check::Healthcheck,
                None,
            ),
            (
                json!({"Healthcheck": {"Test": ["CMD", "curl", "-f", "localhost"]}}),
                Check::Healthcheck,
                Some(format!(
                    "the health check cannot start `curl`: `curl` is not in `{path}`"
                )),
            ),
            (
                json!({"Healthcheck": {"Test": ["CMD-SHELL", "api || exit 1"]}}),
                Check::Healthcheck,
                Some("the health check cannot start `/bin/sh`: `/bin/sh` is not in the image".to_owned()),
            ),
        ] {
            let found = example(config.clone()).messages(check);
            assert_eq!(found.first(), expected.as_ref(), "{config}");
        }
    }
}
