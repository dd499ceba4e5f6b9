//! `cargo xtask docs`: the references that are made from the source and from the command's own words.
//!
//! `docs/reference/matrix.md` is not here: the library writes it, and `tests/matrix.rs` holds it to that.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::step::{Step, root, say, target};

const COMMANDS: &[&str] = &[
    "build",
    "publish",
    "load",
    "plan",
    "check",
    "run",
    "update",
    "outdated",
    "cache",
    "index create",
    "tag",
    "copy",
    "inspect",
    "tags",
    "prune",
    "diff",
    "readme",
    "targets",
    "doctor",
    "schema",
    "completions",
];

/// Writes the references; with `--check` only says whether they are as they would be written.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let check = arguments.iter().any(|argument| argument == "--check");
    Step::line("cargo build --locked").run()?;
    for (name, text) in [("commands.md", commands()?), ("errors.md", errors()?)] {
        let path = root().join("docs/reference").join(name);
        let same = fs::read_to_string(&path).is_ok_and(|written| written == text);
        if check {
            ensure!(
                same,
                "docs/reference/{name} is not what the source says: run `cargo xtask docs`"
            );
        } else if !same {
            fs::write(&path, text)?;
            say(format_args!("wrote docs/reference/{name}"));
        }
    }
    Ok(())
}

fn commands() -> Result<String> {
    let command = target().join("debug/cargo-gantry");
    let mut text = String::from(
        "# Commands\n\nWhat each command says of itself with `--help`. Written by `cargo xtask docs`.\n",
    );
    for name in [""].iter().chain(COMMANDS) {
        let words = ["gantry"].into_iter().chain(name.split_whitespace());
        let words = words.chain(["--help"]);
        // The width is fixed: help is wrapped to the terminal's.
        let help = Step::new(&command, words).env("COLUMNS", "100").output()?;
        let lines: Vec<&str> = help.trim().lines().map(str::trim_end).collect();
        let title = format!("cargo gantry {name}");
        write!(
            text,
            "\n## `{}`\n\n```text\n{}\n```\n",
            title.trim(),
            lines.join("\n")
        )?;
    }
    Ok(text)
}

/// A diagnostic as it is declared.
struct Declared {
    code: String,
    message: String,
    help: Option<String>,
}

fn errors() -> Result<String> {
    let mut declared = Vec::new();
    for path in sources(&root().join("src"))? {
        let text = fs::read_to_string(&path)?;
        for (at, _) in text.match_indices("code(gantry::") {
            declared.push(read(&text, at).with_context(|| path.display().to_string())?);
        }
    }
    declared.sort_by(|a, b| (&a.code, &a.message).cmp(&(&b.code, &b.message)));
    let mut text = String::from(
        "# Errors\n\nEvery code an error of `cargo gantry` can carry, with its message and its advice as the source has \
         them: words in braces are filled in. Written by `cargo xtask docs`.\n",
    );
    let mut room = "";
    for one in &declared {
        let mut parts = one.code.splitn(3, "::").skip(1);
        let here = parts.next().unwrap_or_default();
        if here != room {
            room = here;
            write!(text, "\n## {room}\n\n")?;
        }
        writeln!(text, "- `{}`: {}", one.code, one.message)?;
        if let Some(help) = one.help.as_ref().filter(|help| *help != "{help}") {
            writeln!(text, "  Advice: {help}")?;
        }
    }
    Ok(text)
}

/// The declaration around a code: its message stands in `error(..)` beside it, its advice in the same attribute.
fn read(text: &str, at: usize) -> Result<Declared> {
    let rest = &text[at + "code(".len()..];
    let code = rest.split(')').next().unwrap_or_default().to_owned();
    let attribute = text[..at]
        .rfind("#[diagnostic(")
        .context("a code outside an attribute")?;
    let end = text[at..].find(")]").map_or(text.len(), |end| at + end);
    let help = text[attribute..end]
        .find("help(")
        .and_then(|from| literal(&text[attribute + from + "help(".len()..end]));
    // The attributes of one variant stand together, in any order.
    let before = text[..attribute].rfind("#[error(");
    let between = before.map_or("", |from| &text[from..attribute]);
    let message = match before {
        Some(from) if !between.contains("\n    }") && !between.contains("),\n    ///") => {
            let inside = &text[from + "#[error(".len()..];
            if inside.starts_with("transparent") {
                "as its cause says".to_owned()
            } else {
                literal(inside).context("a message that is no literal")?
            }
        }
        _ => "said by what it is about".to_owned(),
    };
    Ok(Declared { code, message, help })
}

/// The string literal that `text` begins with, on one line.
fn literal(text: &str) -> Option<String> {
    let mut rest = text.trim_start().strip_prefix('"')?.chars().peekable();
    let mut said = String::new();
    while let Some(character) = rest.next() {
        match character {
            '"' => return Some(said),
            '\\' => match rest.next()? {
                'n' => said.push(' '),
                // A line that goes on below.
                '\n' => while rest.next_if(|c| c.is_whitespace()).is_some() {},
                other => said.push(other),
            },
            other => said.push(other),
        }
    }
    None
}

fn sources(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(sources(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
