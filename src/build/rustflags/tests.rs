//! Our computation held against what real cargo gives to rustc.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use tempfile::TempDir;

use super::*;
use crate::build::toolchain::Toolchain;
use crate::tool::{Call, Tools};

const SOURCES: [&str; 4] = [
    "CARGO_ENCODED_RUSTFLAGS",
    "RUSTFLAGS",
    "CARGO_BUILD_RUSTFLAGS",
    "RUSTC_WRAPPER",
];

/// Writes the arguments of each rustc call, a line an argument, after its crate's name.
const RECORDER: &str = r#"#!/bin/sh
case " $* " in
*" --crate-name probe "* | *" --crate-name build_script_build "*)
    printf '%s\n' "$@" '' >>"$RECORD" ;;
esac
exec "$@"
"#;

struct Project {
    folder: TempDir,
    environment: Environment,
    host: String,
}

impl Project {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let environment = Environment::capture().unwrap();
        let tools = Tools::new(environment.clone());
        let host = Toolchain::survey(&tools, folder.path())
            .unwrap()
            .host()
            .unwrap()
            .to_owned();
        let own = format!("CARGO_TARGET_{}_RUSTFLAGS", upper(&host));
        let names = SOURCES.into_iter().chain([own.as_str()]);
        let environment = names.fold(environment, Environment::without);
        let project = Self {
            folder,
            environment,
            host,
        };
        project.write(
            "inner/Cargo.toml",
            "[package]\nname = \"probe\"\nedition = \"2024\"\n[workspace]\n",
        );
        project.write("inner/src/main.rs", "#![allow(unexpected_cfgs)]\nfn main() {}\n");
        project.write("inner/build.rs", "fn main() {}\n");
        project.write("recorder", RECORDER);
        let executable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(project.path("recorder"), executable).unwrap();
        project
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text.replace("HOST", &self.host)).unwrap();
    }

    fn toolchain(&self, variables: &[(&str, &str)]) -> Toolchain {
        let set = |environment: Environment, (name, value): &(&str, &str)| {
            environment.with(name.replace("HOST", &upper(&self.host)), *value)
        };
        let environment = variables.iter().fold(self.environment.clone(), set);
        Toolchain::survey(&Tools::new(environment), &self.path("inner")).unwrap()
    }

    /// The flags that cargo gave to the program's rustc, and those of its build script's.
    fn given(&self, toolchain: &Toolchain, handover: Option<&Handover>) -> (Vec<String>, Vec<String>) {
        let record = self.path("record");
        let mut call = Call::new("cargo")
            .args(["check", "--quiet", "--offline", "--target", &self.host])
            .arg("--target-dir")
            .arg(TempDir::new_in(self.folder.path()).unwrap().path())
            .dir(self.path("inner"))
            .var("RUSTC_WRAPPER", self.path("recorder"))
            .var("RECORD", &record);
        if let Some(handover) = handover {
            call = handover.remove.iter().fold(call, Call::without);
            let variables = handover.variables.iter();
            call = variables.fold(call, |call, (name, value)| call.var(name, value));
        }
        toolchain.tools().run(&call).unwrap();
        let calls = fs::read_to_string(&record).unwrap();
        fs::remove_file(&record).unwrap();
        let of = |name: &str| {
            let mut calls = calls.split("\n\n");
            flags(calls.find(|call| call.contains(name)).expect("rustc was called"))
        };
        (of("--crate-name\nprobe"), of("--crate-name\nbuild_script_build"))
    }
}

/// What came from us or the user: `--cfg` and its name where it begins with `f_`, and `-Cmetadata=f_..`.
fn flags(call: &str) -> Vec<String> {
    let lines: Vec<&str> = call.lines().collect();
    let pairs = lines
        .windows(2)
        .filter(|pair| pair[0] == "--cfg" && pair[1].starts_with("f_"));
    pairs.flatten().map(ToString::to_string).collect()
}

struct Case {
    what: &'static str,
    files: &'static [(&'static str, &'static str)],
    variables: &'static [(&'static str, &'static str)],
    flags: &'static [&'static str],
}

const CASES: &[Case] = &[
    Case {
        what: "encoded, with a blank, beats all",
        files: &[(
            "inner/.cargo/config.toml",
            "[target.HOST]\nrustflags = ['--cfg', 'f_file']\n",
        )],
        variables: &[
            ("CARGO_ENCODED_RUSTFLAGS", "--cfg\u{1f}f_e=\"a b\""),
            ("RUSTFLAGS", "--cfg f_r"),
            ("CARGO_TARGET_HOST_RUSTFLAGS", "--cfg f_t"),
        ],
        flags: &["f_e=\"a b\""],
    },
    Case {
        what: "RUSTFLAGS beats targets",
        files: &[(
            "inner/.cargo/config.toml",
            "[target.HOST]\nrustflags = ['--cfg', 'f_file']\n",
        )],
        variables: &[
            ("RUSTFLAGS", " --cfg  f_r "),
            ("CARGO_BUILD_RUSTFLAGS", "--cfg f_b"),
        ],
        flags: &["f_r"],
    },
    Case {
        what: "empty RUSTFLAGS means none",
        files: &[(
            "inner/.cargo/config.toml",
            "[build]\nrustflags = ['--cfg', 'f_file']\n",
        )],
        variables: &[("RUSTFLAGS", "")],
        flags: &[],
    },
    Case {
        what: "target, its variable and cfg tables join; build does not",
        files: &[
            (
                "inner/.cargo/config.toml",
                "[target.HOST]\nrustflags = ['--cfg', 'f_near']\n[build]\nrustflags = ['--cfg', 'f_build']\n\
                 [target.'cfg(windows)']\nrustflags = ['--cfg', 'f_no']\n\
                 [target.'cfg(unix)']\nrustflags = '--cfg f_unix'\n\
                 [target.'cfg(all(unix))']\nrustflags = ['--cfg', 'f_all']\n",
            ),
            (
                ".cargo/config.toml",
                "[target.HOST]\nrustflags = ['--cfg', 'f_far']\n",
            ),
        ],
        variables: &[("CARGO_TARGET_HOST_RUSTFLAGS", "--cfg f_variable")],
        flags: &["f_far", "f_near", "f_variable", "f_all", "f_unix"],
    },
    Case {
        what: "a flag of the target decides over a cfg table",
        files: &[(
            "inner/.cargo/config.toml",
            "[target.HOST]\nrustflags = ['--cfg', 'f_on']\n[target.'cfg(f_on)']\nrustflags = ['--cfg', 'f_then']\n",
        )],
        variables: &[],
        flags: &["f_on", "f_then"],
    },
    Case {
        what: "build, its variable, and the old file name",
        files: &[
            (
                "inner/.cargo/config.toml",
                "[build]\nrustflags = ['--cfg', 'f_unread']\n",
            ),
            ("inner/.cargo/config", "[build]\nrustflags = ['--cfg', 'f_old']\n"),
            (".cargo/config.toml", "[build]\nrustflags = ['--cfg', 'f_far']\n"),
        ],
        variables: &[("CARGO_BUILD_RUSTFLAGS", "--cfg f_variable")],
        flags: &["f_far", "f_old", "f_variable"],
    },
    Case {
        what: "an empty list of the target does not hide build",
        files: &[(
            "inner/.cargo/config.toml",
            "[target.HOST]\nrustflags = []\n[build]\nrustflags = '--cfg f_build'\n",
        )],
        variables: &[],
        flags: &["f_build"],
    },
    Case {
        what: "CARGO_HOME is the farthest file",
        files: &[
            ("home/config.toml", "[build]\nrustflags = ['--cfg', 'f_home']\n"),
            (
                "inner/.cargo/config.toml",
                "[build]\nrustflags = ['--cfg', 'f_near']\n",
            ),
        ],
        variables: &[("CARGO_HOME", "@home")],
        flags: &["f_home", "f_near"],
    },
];

#[test]
fn cargo_agrees_alone_and_with_ours_appended() {
    for case in CASES {
        let project = Project::new();
        for (name, text) in case.files {
            project.write(name, text);
        }
        let home = project.path("home");
        let home = home.to_str().unwrap();
        let variables: Vec<_> = case
            .variables
            .iter()
            .map(|&(name, value)| (name, if value == "@home" { home } else { value }))
            .collect();
        let toolchain = project.toolchain(&variables);
        let expected: Vec<String> = case
            .flags
            .iter()
            .flat_map(|flag| ["--cfg", flag])
            .map(str::to_owned)
            .collect();
        let ours = toolchain.rustflags(&project.host).unwrap();
        assert_eq!(ours, expected, "we, {}", case.what);
        let (program, script) = project.given(&toolchain, None);
        assert_eq!(program, expected, "cargo, {}", case.what);
        assert_eq!(script, [""; 0], "{}", case.what);

        let longer = [&ours[..], &["--cfg".to_owned(), "f_ours=\"x y\"".to_owned()]].concat();
        let call = handover(&project.host, &longer);
        let (program, script) = project.given(&toolchain, Some(&call));
        assert_eq!(program, longer, "handed over, {}", case.what);
        assert_eq!(script, [""; 0], "{}", case.what);
    }
}

#[test]
fn includes_lie_below_the_including_file() {
    let project = Project::new();
    project.write(
        "inner/.cargo/config.toml",
        "include = ['one.toml', { path = 'two.toml' }, { path = 'none.toml', optional = true }]\n\
         [build]\nrustflags = ['--cfg', 'f_self']\n",
    );
    project.write(
        "inner/.cargo/one.toml",
        "[build]\nrustflags = ['--cfg', 'f_one']\n",
    );
    project.write(
        "inner/.cargo/two.toml",
        "[build]\nrustflags = ['--cfg', 'f_two']\n",
    );
    let directory = project.path("inner");
    let flags = effective(&project.environment, &directory, &project.host, &[]).unwrap();
    assert_eq!(flags, ["--cfg", "f_one", "--cfg", "f_two", "--cfg", "f_self"]);
    project.write("inner/.cargo/two.toml", "include = 'two.toml'\n");
    let error = effective(&project.environment, &directory, &project.host, &[]).unwrap_err();
    assert!(matches!(error, RustflagsError::Include { .. }), "{error}");
}

#[test]
fn programs_lie_below_the_folder_of_the_files_folder() {
    let project = Project::new();
    let real = project.toolchain(&[]);
    let rustc = real.sysroot().unwrap().join("bin/rustc").display().to_string();
    project.write(".cargo/config.toml", "[build]\nrustc = 'tools/rustc'\n");
    project.write(
        "inner/.cargo/config.toml",
        "include = ['more.toml']\n[target.'cfg(unix)']\nlinker = 'bin/far'\n",
    );
    project.write(
        "inner/.cargo/more.toml",
        "[target.x]\nlinker = './near'\n[target.y]\nlinker = 'named'\n",
    );
    project.write("tools/rustc", &format!("#!/bin/sh\nexec '{rustc}' \"$@\"\n"));
    fs::set_permissions(project.path("tools/rustc"), fs::Permissions::from_mode(0o755)).unwrap();
    let toolchain = project.toolchain(&[]);
    assert_eq!(toolchain.rustc().unwrap(), project.path("tools/rustc"));
    let inner = project.path("inner").display().to_string();
    for (triple, linker) in [
        (project.host.as_str(), format!("{inner}/bin/far")),
        ("x", format!("{inner}/./near")),
        ("y", "named".to_owned()),
    ] {
        assert_eq!(toolchain.configured_linker(triple), Some(linker), "{triple}");
    }
}

#[test]
fn refuses_what_cargo_refuses() {
    let load = |far: &str, near: &str| {
        let project = Project::new();
        project.write(".cargo/config.toml", far);
        project.write("inner/.cargo/config.toml", near);
        effective(&project.environment, &project.path("inner"), &project.host, &[])
    };
    let list = "[build]\nrustflags = ['-g']\n";
    let error = load(list, "[build]\nrustflags = '-g'\n").unwrap_err();
    assert!(error.to_string().starts_with("`build.rustflags` in `"), "{error}");
    let error = load(list, "[target.HOST]\nrustflags = 3\n").unwrap_err();
    assert!(matches!(error, RustflagsError::List { .. }), "{error}");
    assert!(matches!(
        load(list, "[").unwrap_err(),
        RustflagsError::Parse { .. }
    ));
}
