//! `cargo xtask weight`: how large the command is and how many crates it is made of, held against `xtask/weight.toml`.
//!
//! CI compiles the command without optimisation and that is what is weighed there: what a dependency brings shows in it as
//! well, and nothing is compiled for it alone. `--release` compiles and weighs what users get.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use crate::step::{Step, root, say, target};

const LIMITS: &str = "xtask/weight.toml";

/// Weighs, says all numbers, and fails if one is above its limit.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let release = match arguments {
        [] => false,
        [one] if one == "--release" => true,
        _ => bail!("cargo xtask weight [--release]"),
    };
    let text = std::fs::read_to_string(root().join(LIMITS)).with_context(|| format!("no {LIMITS}"))?;
    let limits = limits(&text)?;
    let (profile, key) = match release {
        true => ("release", "release-bytes"),
        false => ("debug", "debug-bytes"),
    };
    let build = Step::line("cargo build --locked");
    match release {
        true => build.argument("--release").run()?,
        false => build.run()?,
    }
    let command = target().join(profile).join("cargo-gantry");
    let mut above = Vec::new();
    for (name, found) in [("crates", crates()?), (key, bytes(&command)?)] {
        let limit = *limits
            .get(name)
            .with_context(|| format!("{LIMITS} has no `{name}`"))?;
        say(format_args!("{name}: {found}, {limit} allowed"));
        if found > limit {
            above.push(format!("{name}: {found} is {} more than {limit}", found - limit));
        }
    }
    ensure!(
        above.is_empty(),
        "the command has become too heavy:\n  {}\nDo without what was added (`cargo tree -e normal,no-proc-macro`), or raise the \
         limit in {LIMITS} in the same change, and say there what it is worth",
        above.join("\n  ")
    );
    Ok(())
}

/// How many crates are linked into the command, itself not counted.
fn crates() -> Result<u64> {
    let tree = Step::line("cargo tree --locked --package cargo-gantry --edges normal,no-proc-macro")
        .argument("--prefix=none")
        .argument("--format={p}")
        .output()?;
    let lines = tree.lines().filter(|line| !line.is_empty());
    // A crate that was drawn before is marked.
    let names: BTreeSet<&str> = lines.map(|line| line.trim_end_matches(" (*)")).collect();
    Ok(names.len().saturating_sub(1) as u64)
}

/// What of a program is code and data: neither symbols nor what a debugger needs.
fn bytes(program: &Path) -> Result<u64> {
    let said = Step::new("size", [program.display().to_string()]).output()?;
    let line = said.lines().nth(1).context("`size` says nothing")?;
    let mut numbers = line.split_whitespace().map(str::parse::<u64>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(text)), Some(Ok(data))) => Ok(text + data),
        _ => bail!("`size` says `{line}`"),
    }
}

/// Lines as `name = 1_000`.
fn limits(text: &str) -> Result<BTreeMap<String, u64>> {
    let lines = text.lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let limit = |line: &str| {
        let (name, number) = line.split_once('=')?;
        let number = number.split('#').next()?.trim().replace('_', "");
        Some((name.trim().to_owned(), number.parse().ok()?))
    };
    lines
        .map(|line| limit(line).with_context(|| format!("{LIMITS}: `{line}` is no limit")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::limits;

    #[test]
    fn limits_are_read_and_nothing_else() {
        let read = limits("# why\ncrates = 10\n\nbytes = 1_000 # more\n").unwrap();
        assert_eq!(
            read.into_iter().collect::<Vec<_>>(),
            [("bytes".to_owned(), 1000), ("crates".to_owned(), 10)]
        );
        assert!(limits("crates: 10").is_err());
        assert!(limits("crates = many").is_err());
    }
}
