//! What the answers of rustc, cargo and zig depend on, so that they can be remembered: the files that decide which of
//! them it is that answers, and their own.
//!
//! Known of two programs alone: a toolchain's own rustc, and rustup's, which starts that of one of its toolchains. What
//! decides for another program (a script, another manager of versions) cannot be known, so it is asked each time.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::tool::Tools;

/// What a folder and each above it may hold to choose a toolchain.
/// <https://rust-lang.github.io/rustup/overrides.html>
const CHOICES: [&str; 2] = ["rust-toolchain", "rust-toolchain.toml"];

/// The files that the answers of `rustc` in `directory` depend on, given its sysroot; none if they cannot be known.
pub(super) fn of_rustc(
    tools: &Tools,
    rustc: &Path,
    directory: &Path,
    sysroot: &Path,
) -> Option<Vec<PathBuf>> {
    let program = tools.find(rustc)?;
    let own = sysroot.join("bin/rustc");
    let mut grounds = if is_one(&program, &own) {
        Vec::new()
    } else if is_rustups(&program) {
        of_rustup(tools, directory)?
    } else {
        return None;
    };
    let rustlib = sysroot.join("lib/rustlib");
    grounds.extend([
        program.canonicalize().ok()?,
        own,
        sysroot.join("lib"),
        rustlib.join("components"),
        rustlib,
    ]);
    Some(grounds)
}

/// The files that an answer about one triple depends on besides: it may be described by a file.
pub(super) fn of_triple(tools: &Tools, triple: &str, sysroot: &Path) -> Option<Vec<PathBuf>> {
    let elsewhere = tools.environment().var_os("RUST_TARGET_PATH").is_some();
    if elsewhere || triple.contains(['/', '\\']) || triple.ends_with(".json") {
        return None;
    }
    let own = sysroot.join("lib/rustlib").join(triple);
    Some(vec![own.join("target.json"), own])
}

/// The files of the cargo that is called: the one that called us, the toolchain's, or the one that rustup starts.
pub(super) fn of_cargo(tools: &Tools, directory: &Path, sysroot: &Path) -> Option<Vec<PathBuf>> {
    let named = tools.environment().non_empty("CARGO").unwrap_or("cargo");
    let program = tools.find(named)?;
    let real = program.canonicalize().ok()?;
    let mut files = vec![sysroot.join("bin/cargo"), real.clone()];
    if is_rustups(&program) {
        files.extend(of_rustup(tools, directory)?);
    } else if real.file_stem().is_none_or(|stem| stem != "cargo") || is_script(&real) {
        return None;
    }
    Some(files)
}

/// The files that the answers of a zig about itself depend on; none where it is a script that may start any.
pub(super) fn of_zig(zig: &Path) -> Option<Vec<PathBuf>> {
    let real = zig.canonicalize().ok().filter(|real| !is_script(real))?;
    // It looks for its own folder beside itself.
    let beside = real.parent()?;
    let places = ["lib", "lib/zig", "../lib", "../lib/zig"].map(|place| beside.join(place));
    Some([vec![real.clone()], places.to_vec()].concat())
}

/// What decides which toolchain rustup starts in a directory, beside variables.
fn of_rustup(tools: &Tools, directory: &Path) -> Option<Vec<PathBuf>> {
    let environment = tools.environment();
    let home = match environment.var_os("RUSTUP_HOME").filter(|home| !home.is_empty()) {
        Some(home) => environment.directory().join(home),
        None => environment.home()?.join(".rustup"),
    };
    let directory = environment.directory().join(directory).canonicalize().ok()?;
    let chosen = directory
        .ancestors()
        .flat_map(|folder| CHOICES.map(|name| folder.join(name)));
    let mut grounds: Vec<PathBuf> = chosen.collect();
    grounds.extend([
        // The default, and overrides of folders.
        home.join("settings.toml"),
        PathBuf::from("/etc/rustup/settings.toml"),
        // Toolchains, and links to such.
        home.join("toolchains"),
    ]);
    Some(grounds)
}

/// Whether a program is rustup under another name: a link to it, or one file with it.
fn is_rustups(program: &Path) -> bool {
    let Ok(real) = program.canonicalize() else {
        return false;
    };
    let named = |path: &Path| {
        path.file_stem()
            .is_some_and(|stem| stem == "rustup" || stem == "rustup-init")
    };
    named(&real) || is_one(program, &program.with_file_name("rustup"))
}

/// Whether a program is a text that a shell or another program reads; so it counts if it cannot be read.
pub(in crate::build) fn is_script(program: &Path) -> bool {
    let mut head = [0; 2];
    let read = File::open(program).and_then(|mut file| file.read_exact(&mut head));
    read.is_err() || head == *b"#!"
}

/// Whether two paths lead to one file.
#[cfg(unix)]
fn is_one(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let file = |path: &Path| path.metadata().map(|metadata| (metadata.dev(), metadata.ino()));
    matches!((file(one), file(other)), (Ok(one), Ok(other)) if one == other)
}

#[cfg(not(unix))]
fn is_one(_: &Path, _: &Path) -> bool {
    false
}
