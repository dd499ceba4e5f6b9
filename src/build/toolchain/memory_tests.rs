//! What rustc said is not asked again, and what changes it is noticed at once: with a rustup and toolchains made of
//! scripts that write down each call.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::*;
use crate::environment::Environment;

/// Chooses as rustup does, as far as it goes here.
const RUSTUP: &str = r#"here=$(pwd)
chosen=$RUSTUP_TOOLCHAIN
while [ -z "$chosen" ]; do
    chosen=$(cat "$here/rust-toolchain" "$here/rust-toolchain.toml" 2>/dev/null)
    [ "$here" = / ] && break
    here=$(dirname "$here")
done
[ -n "$chosen" ] || chosen=$(cat "$RUSTUP_HOME/settings.toml")
exec "$RUSTUP_HOME/toolchains/$chosen/bin/rustc" "$@""#;

/// Says which release it is, and where its libraries are.
const RUSTC: &str = r#"root=$(dirname "$(dirname "$0")")
echo "$@" >> "$CALLS"
case "$*" in
-vV) printf 'rustc\nrelease: %s\nhost: x86_64-unknown-linux-gnu\n' RELEASE ;;
*sysroot*) echo "$root" ;;
*target-libdir*unknown-triple*) exit 1 ;;
*target-libdir*) for triple; do :; done; echo "$root/lib/rustlib/$triple/lib" ;;
*cfg*) echo 'unix' ;;
esac"#;

struct Machine {
    folder: TempDir,
    environment: Environment,
}

impl Machine {
    /// Two toolchains, the first of which is the default; in PATH is `rustc`, a link to rustup.
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let root = folder.path().canonicalize().unwrap();
        for release in ["1.1.0", "1.2.0"] {
            let toolchain = root.join("rustup/toolchains").join(release);
            fs::create_dir_all(toolchain.join("lib/rustlib")).unwrap();
            fs::create_dir_all(toolchain.join("bin")).unwrap();
            program(&toolchain.join("bin/rustc"), &RUSTC.replace("RELEASE", release));
        }
        for name in ["bin", "project/inner"] {
            fs::create_dir_all(root.join(name)).unwrap();
        }
        fs::write(root.join("rustup/settings.toml"), "1.1.0").unwrap();
        program(&root.join("bin/rustup"), RUSTUP);
        symlink("rustup", root.join("bin/rustc")).unwrap();
        let path = format!("{}:/usr/bin:/bin", root.join("bin").display());
        let environment = Environment::empty(&root)
            .with_home(&root)
            .with("PATH", path)
            .with("RUSTUP_HOME", root.join("rustup"))
            .with("CALLS", root.join("calls"));
        Self { folder, environment }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join(name)
    }

    /// A run of its own: nothing is known but from memory.
    fn toolchain(&self) -> Toolchain {
        let tools = Tools::new(self.environment.clone());
        Toolchain::survey(&tools, &self.path("project/inner")).unwrap()
    }

    /// The release, whether there is a standard library, and how many calls it took to know, beside the one that fails: a
    /// failure may be one of the moment.
    fn asked(&self) -> (String, bool, usize) {
        let _ = fs::remove_file(self.path("calls"));
        let toolchain = self.toolchain();
        let release = toolchain.version().unwrap().to_owned();
        let installed = toolchain.std_installed("a-linux").unwrap();
        assert!(!toolchain.std_installed("unknown-triple").unwrap());
        toolchain.rustflags("a-linux").unwrap();
        let calls = fs::read_to_string(self.path("calls")).unwrap_or_default();
        (release, installed, calls.lines().count() - 1)
    }
}

fn program(path: &Path, text: &str) {
    // What replaces a program is another file.
    let new = path.with_extension("new");
    fs::write(&new, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&new, fs::Permissions::from_mode(0o755)).unwrap();
    fs::rename(new, path).unwrap();
}

fn install(toolchain: &Path) {
    let library = toolchain.join("lib/rustlib/a-linux/lib");
    fs::create_dir_all(&library).unwrap();
    fs::write(library.join("libstd-1.rlib"), "").unwrap();
}

/// A way to change what rustc says: its name, the change, what is said then.
type Change = (&'static str, fn(&mut Machine), &'static str, bool);

const CHANGES: &[Change] = &[
    (
        "a variable",
        |m| set(m, "RUSTUP_TOOLCHAIN", "1.2.0"),
        "1.2.0",
        false,
    ),
    (
        "a file beside",
        |m| write(m, "project/inner/rust-toolchain"),
        "1.2.0",
        false,
    ),
    (
        "a file above",
        |m| write(m, "project/rust-toolchain.toml"),
        "1.2.0",
        false,
    ),
    (
        "the default",
        |m| write(m, "rustup/settings.toml"),
        "1.2.0",
        false,
    ),
    (
        "another rustup home",
        |m| {
            fs::rename(m.path("rustup"), m.path("moved")).unwrap();
            fs::write(m.path("moved/settings.toml"), "1.2.0").unwrap();
            let moved = m.path("moved");
            m.environment = m.environment.clone().with("RUSTUP_HOME", moved);
        },
        "1.2.0",
        false,
    ),
    (
        "another compiler in PATH",
        |m| {
            fs::create_dir(m.path("first")).unwrap();
            program(&m.path("first/rustc"), &RUSTC.replace("RELEASE", "1.3.0"));
            let path = format!(
                "{}:{}",
                m.path("first").display(),
                m.environment.var("PATH").unwrap()
            );
            m.environment = m.environment.clone().with("PATH", path);
        },
        "1.3.0",
        false,
    ),
    (
        "RUSTC",
        |m| {
            let rustc = m.path("rustup/toolchains/1.2.0/bin/rustc");
            m.environment = m.environment.clone().with("RUSTC", rustc);
        },
        "1.2.0",
        false,
    ),
    (
        "build.rustc",
        |m| {
            fs::create_dir(m.path("project/.cargo")).unwrap();
            let rustc = m.path("rustup/toolchains/1.2.0/bin/rustc");
            let text = format!("[build]\nrustc = '{}'\n", rustc.display());
            fs::write(m.path("project/.cargo/config.toml"), text).unwrap();
        },
        "1.2.0",
        false,
    ),
    (
        "rustc replaced",
        |m| {
            let rustc = m.path("rustup/toolchains/1.1.0/bin/rustc");
            program(&rustc, &RUSTC.replace("RELEASE", "1.1.1"));
        },
        "1.1.1",
        false,
    ),
    (
        "a toolchain replaced",
        |m| {
            let toolchains = m.path("rustup/toolchains");
            fs::remove_dir_all(toolchains.join("1.1.0")).unwrap();
            symlink("1.2.0", toolchains.join("1.1.0")).unwrap();
        },
        "1.2.0",
        false,
    ),
    (
        "rustup replaced",
        |m| {
            program(&m.path("bin/rustup"), &RUSTC.replace("RELEASE", "1.4.0"));
        },
        "1.4.0",
        false,
    ),
    (
        "a target installed",
        |m| install(&m.path("rustup/toolchains/1.1.0")),
        "1.1.0",
        true,
    ),
];

fn set(machine: &mut Machine, name: &str, value: &str) {
    machine.environment = machine.environment.clone().with(name, value);
}

fn write(machine: &mut Machine, name: &str) {
    fs::write(machine.path(name), "1.2.0").unwrap();
}

/// Files are remembered by once they have been as they are for a while.
fn settle() {
    std::thread::sleep(std::time::Duration::from_secs(4));
}

#[test]
fn what_changes_rustc_is_noticed_and_nothing_else_is_asked_again() {
    let mut machines: Vec<_> = CHANGES.iter().map(|change| (Machine::new(), change)).collect();
    let fresh = machines[0].0.asked();
    assert_eq!(fresh, ("1.1.0".into(), false, 4));
    assert_eq!(
        machines[0].0.asked(),
        fresh,
        "remembered by files that changed a moment ago"
    );
    settle();
    for (machine, (name, change, release, installed)) in &mut machines {
        assert_eq!(machine.asked(), fresh, "{name}");
        assert_eq!(machine.asked(), ("1.1.0".into(), false, 0), "{name}: asked again");
        set(machine, "SHLVL", "7");
        assert_eq!(machine.asked().2, 0, "{name}: asked again in another terminal");
        change(machine);
        let (now, there, _) = machine.asked();
        assert_eq!(
            (now.as_str(), there),
            (*release, *installed),
            "{name}: not noticed"
        );
    }
}

#[test]
fn what_was_removed_is_not_remembered() {
    let machine = Machine::new();
    let toolchain = machine.path("rustup/toolchains/1.1.0");
    install(&toolchain);
    settle();
    assert!(machine.asked().1);
    assert_eq!(machine.asked(), ("1.1.0".into(), true, 0));
    fs::remove_dir_all(toolchain.join("lib/rustlib/a-linux")).unwrap();
    assert!(!machine.asked().1);
}

/// Who knows what a script looks at?
#[test]
fn a_compiler_of_another_kind_is_asked_each_time() {
    let mut machine = Machine::new();
    let wrapper = machine.path("wrapper");
    program(
        &wrapper,
        &format!("exec {}/bin/rustc \"$@\"", machine.path("").display()),
    );
    set(&mut machine, "RUSTC", &wrapper.display().to_string());
    settle();
    assert_eq!(machine.asked(), machine.asked());
    assert_eq!(machine.asked().2, 4);
}

#[test]
fn broken_memories_are_none() {
    let machine = Machine::new();
    settle();
    machine.asked();
    let folder = machine
        .path(".cache/cargo-gantry")
        .join(env!("CARGO_PKG_VERSION"))
        .join("answers");
    let all: Vec<_> = fs::read_dir(folder).unwrap().flatten().collect();
    assert_eq!(all.len(), 4);
    for (position, entry) in all.iter().enumerate() {
        let text = fs::read_to_string(entry.path()).unwrap();
        fs::write(entry.path(), &text[..text.len() * position / 4]).unwrap();
    }
    assert_eq!(machine.asked(), ("1.1.0".into(), false, 4));
    assert_eq!(machine.asked(), ("1.1.0".into(), false, 0));
}
