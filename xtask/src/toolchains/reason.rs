//! Why a cell is empty, in the words of the tool that refused.

use std::process::Output;

use serde_json::Value;

use crate::step::{Step, root};

/// rustup's own words for a standard library that it does not bring.
pub(crate) fn no_std(triple: &str) -> String {
    let said = Step::new("rustup", ["target", "add", triple])
        .into_command()
        .output();
    let Ok(said) = said else {
        return "its standard library is not installed".to_owned();
    };
    let text = String::from_utf8_lossy(&said.stderr);
    let lines = || text.lines().map(str::trim);
    let error = lines().find(|line| line.starts_with("error:"));
    let status = lines().find(|line| line.contains("http request returned"));
    let words = [error, status].into_iter().flatten().map(|line| {
        let line = line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ':');
        line.trim().to_owned()
    });
    let words: Vec<String> = words.collect();
    if words.is_empty() {
        return "its standard library is not installed".to_owned();
    }
    format!(
        "`rustup target add` of it: {}",
        cleaned(&words.join("; "), triple)
    )
}

/// What stopped `cargo gantry`, and where: `link` before anything was compiled, `compile`, or `elf`.
pub(crate) fn of_build(said: &Output, triple: &str) -> (&'static str, String) {
    let text = String::from_utf8_lossy(&said.stdout);
    let messages: Vec<Value> = text
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let of = |reason: &str, key: &str| -> Vec<String> {
        let messages = messages.iter().filter(|message| message["reason"] == reason);
        messages
            .filter_map(|message| Some(message[key].as_str()?.to_owned()))
            .collect()
    };
    let message = of("error", "message").pop().unwrap_or_default();
    let code = of("error", "code").pop().unwrap_or_default();
    if code == "gantry::build::no_linker" {
        // The first line says only that there is none.
        let rest = message
            .split_once('\n')
            .map_or(message.as_str(), |(_, rest)| rest);
        return ("link", cleaned(rest, triple));
    }
    let output = of("tool-output", "text").join("\n") + "\n" + &message;
    if let Some(line) = telling(&output) {
        // As cargo shows what a build script says of its compiler.
        let line = line.trim_start().trim_start_matches("warning: ");
        return ("compile", cleaned(line, triple));
    }
    let denied = of("finding", "text").into_iter().next();
    let stage = if code.contains("promise") || code.contains("fit") {
        "elf"
    } else {
        "compile"
    };
    let text = denied.unwrap_or(message);
    (stage, cleaned(&format!("{code}: {text}"), triple))
}

/// What became of a program that did not end with `OK`.
pub(crate) fn of_run(said: &Output) -> String {
    let text = String::from_utf8_lossy(&said.stderr);
    let last = text.lines().rev().find(|line| !line.trim().is_empty());
    let ended = match said.status.code() {
        Some(124) => "it did not end in two minutes".to_owned(),
        Some(code) if code > 128 => format!("signal {}", code - 128),
        _ => said.status.to_string(),
    };
    cleaned(&format!("{ended}: {}", last.unwrap_or("it said nothing")), "")
}

/// The line of a failed compilation that says most, the surest signs first.
fn telling(output: &str) -> Option<&str> {
    const SIGNS: &[&str] = &[
        "undefined symbol",
        "undefined reference",
        "unable to find library",
        "duplicate symbol",
        "failed to find tool",
        "fatal error:",
        "ld.lld: error",
        "rust-lld: error",
        "/ld: ",
        "unknown argument",
        "unsupported",
        ": error:",
        "error occurred in cc-rs",
        "panicked at",
        "error:",
    ];
    SIGNS
        .iter()
        .find_map(|sign| output.lines().find(|line| line.contains(sign)))
}

/// One line without this machine's folders.
fn cleaned(text: &str, triple: &str) -> String {
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    // Which crate it is stands in the column's head.
    let telling = |line: &String| !line.is_empty() && !line.starts_with("C is compiled by");
    let lines: Vec<String> = text.lines().map(words).filter(telling).collect();
    let line = lines.join("; ");
    let home = std::env::var("HOME").unwrap_or_default();
    let mut line = line.replace(&root().display().to_string(), "");
    if home.len() > 1 {
        line = line.replace(&home, "~");
    }
    if !triple.is_empty() {
        line = line.replace(triple, "TRIPLE");
    }
    match line.char_indices().nth(280) {
        Some((end, _)) => format!("{} ...", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_surest_sign_is_told_wherever_it_stands() {
        for (output, wanted) in [
            (
                "error: linking failed\nld.lld: error: undefined symbol: open64",
                1,
            ),
            (
                "note: x\n/usr/bin/ld: unable to find library -lstdc++\nerror: y",
                1,
            ),
            ("cc1plus: fatal error: cassert: No such file", 0),
            ("error: could not compile", 0),
        ] {
            assert_eq!(telling(output), output.lines().nth(wanted), "{output}");
        }
        assert_eq!(telling("warning: nothing"), None);
    }

    #[test]
    fn a_reason_is_one_line_that_names_no_folder_of_this_machine() {
        let text = format!(
            "gcc: {}/x.c  of s390x\nC is compiled by `ring`\n  for s390x",
            root().display()
        );
        assert_eq!(cleaned(&text, "s390x"), "gcc: /x.c of TRIPLE; for TRIPLE");
        assert!(cleaned(&"a".repeat(999), "").len() < 300);
    }
}
