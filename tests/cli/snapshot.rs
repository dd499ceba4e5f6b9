//! Snapshots of what the command says, without what differs from run to run.

use std::path::Path;

use crate::support::workspace::Workspace;

/// Compares `content` with the snapshot `name`, with `[ROOT]` for the project's folder, `[HOST]` for a registry on
/// this machine, `[DIGEST]`, `[SIZE]` and `[VERSION]`.
pub(crate) fn assert(name: &str, workspace: &Workspace, content: &str) {
    assert_in(name, workspace.root(), workspace.outside(), content);
}

/// The same for what was said in a project in the folder `root`, which lies in the folder `outside`.
pub(crate) fn assert_in(name: &str, root: &Path, outside: &Path, content: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, redacted(root, outside, content)));
}

fn redacted(root: &Path, outside: &Path, content: &str) -> String {
    let folder = outside.canonicalize().unwrap();
    // Where a message is wrapped depends on what is replaced below.
    let plain = content
        .replace("\n  │ ", " ")
        .replace(root.to_str().unwrap(), "[ROOT]")
        .replace(folder.to_str().unwrap(), "[FOLDER]")
        .replace(
            &format!("cargo-gantry/{}", env!("CARGO_PKG_VERSION")),
            "cargo-gantry/[VERSION]",
        );
    let hex = |c: char| c.is_ascii_hexdigit();
    let digit = |c: char| c.is_ascii_digit();
    let plain = after(&plain, "sha256:", hex, "[DIGEST]");
    let plain = after(&plain, "127.0.0.1:", digit, "[PORT]");
    // Columns are as wide as the sizes in them.
    let plain = plain.replace("SIZE      ", "SIZE  ");
    // Whether another cargo runs at the same time is not ours to say.
    let said = plain
        .lines()
        .filter(|line| !line.contains("Blocking waiting for file lock"));
    said.map(sizes).map(|line| line + "\n").collect()
}

/// Puts `name` for what follows each `before` and fits.
fn after(text: &str, before: &str, fits: impl Fn(char) -> bool + Copy, name: &str) -> String {
    let mut parts = text.split(before);
    let mut out = parts.next().unwrap().to_owned();
    for part in parts {
        out.push_str(before);
        out.push_str(name);
        out.push_str(part.trim_start_matches(fits));
    }
    out
}

/// A line with `[SIZE]` for `12.3 kB` and the like.
fn sizes(line: &str) -> String {
    let mut words: Vec<&str> = line.split(' ').collect();
    let mut at = 1;
    while at < words.len() {
        let unit = words[at].trim_end_matches(',');
        if ["B", "kB", "MB"].contains(&unit) && words[at - 1].parse::<f64>().is_ok() {
            words[at - 1] = "[SIZE]";
            words[at] = &words[at][unit.len()..];
            let rest = words.remove(at);
            if !rest.is_empty() {
                words[at - 1] = "[SIZE],";
            }
        }
        at += 1;
    }
    words.join(" ")
}
