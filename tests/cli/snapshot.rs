//! Snapshots of what the command says, without what differs from run to run.

use crate::support::workspace::Workspace;

/// Compares `content` with the snapshot `name`, with `[ROOT]` for the project's folder, `[HOST]` for a registry on
/// this machine, `[DIGEST]`, `[SIZE]` and `[VERSION]`.
pub(crate) fn assert(name: &str, workspace: &Workspace, content: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, redacted(workspace, content)));
}

fn redacted(workspace: &Workspace, content: &str) -> String {
    let folder = workspace.outside().canonicalize().unwrap();
    // Where a message is wrapped depends on what is replaced below.
    let plain = content
        .replace("\n  │ ", " ")
        .replace(workspace.root().to_str().unwrap(), "[ROOT]")
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
    // Another cargo on this machine may be at work.
    let waiting = |line: &&str| !line.contains("Blocking waiting for file lock");
    let lines = plain.lines().filter(waiting);
    lines.map(sizes).map(|line| line + "\n").collect()
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
