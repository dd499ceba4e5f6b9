//! `cargo xtask ci`: all that must hold before a change is taken; `cargo xtask test`: the tests alone.

use anyhow::Result;

use crate::step::{Step, say, tools};
use crate::{bases, ci_examples, docs, fit_debian, interop, setup, weight};

/// Foreign hosts that the library must compile on, what zig calls them, and zig's archiver for them: on msvc the
/// `cc` crate calls it as Microsoft's `lib`.
const HOSTS: &[(&str, &str, &str)] = &[
    ("aarch64-apple-darwin", "aarch64-macos", "ar"),
    ("x86_64-pc-windows-msvc", "x86_64-windows-gnu", "lib"),
];

/// Everything, the quick things first.
pub(crate) fn run() -> Result<()> {
    Step::line("cargo fmt --all --check").run()?;
    setup::run()?;
    Step::line("cargo clippy --locked --workspace --all-targets -- -D warnings").run()?;
    Step::line("cargo clippy --locked --no-default-features -- -D warnings").run()?;
    Step::line("cargo doc --locked --no-deps --document-private-items")
        .env("RUSTDOCFLAGS", "-D warnings")
        .run()?;
    Step::line("cargo deny --locked check bans licenses sources").run()?;
    hosts()?;
    docs::run(&["--check".to_owned()])?;
    material()?;
    interop::run(&[])?;
    // What the last step compiled.
    weight::run(&[])?;
    ci_examples::run(&[])?;
    // Last, so that the runner's own closing line is the last one.
    tests(&[])
}

/// The README's second command.
pub(crate) fn test(arguments: &[String]) -> Result<()> {
    setup::run()?;
    material()?;
    tests(arguments)
}

/// What tests look at and do not make. Of Debian's packages a few: `cargo xtask fit-debian` looks at some hundred.
fn material() -> Result<()> {
    bases::run(&[])?;
    fit_debian::collect(24, false)
}

/// The documentation's examples, then the tests. What is missing here fails instead of being skipped.
fn tests(arguments: &[String]) -> Result<()> {
    let with = |words: &str| {
        let words = words
            .split_whitespace()
            .map(str::to_owned)
            .chain(arguments.iter().cloned());
        Step::new("cargo", words).env("GANTRY_TEST_REQUIRE", "all")
    };
    if arguments.is_empty() {
        with("test --locked --workspace --doc").run()?;
    }
    if Step::line("cargo nextest --version").holds() {
        return with("nextest run --locked --workspace --no-fail-fast").last();
    }
    with("test --locked --workspace --lib --bins --tests --no-fail-fast").last()
}

/// `cargo check` as macOS and Windows would; zig compiles the C code of the dependencies.
fn hosts() -> Result<()> {
    for (target, zig, archiver) in HOSTS {
        let archive = format!("zig-{archiver}");
        setup::script(&archive, &format!("exec zig {archiver}"))?;
        let compiler = format!("zig-cc-{target}");
        setup::script(&compiler, &format!("exec zig cc -target {zig}"))?;
        let bin = tools().join("bin");
        let name = target.replace('-', "_");
        say(format_args!("does it compile on {target}?"));
        // The default flags of the `cc` crate are for Apple's and LLVM's own clang, and ask for an SDK.
        Step::line("cargo check --locked --target")
            .argument(target)
            .env("CRATE_CC_NO_DEFAULTS", "1")
            .env(&format!("CC_{name}"), bin.join(&compiler))
            .env(&format!("AR_{name}"), bin.join(&archive))
            .run()?;
    }
    Ok(())
}
