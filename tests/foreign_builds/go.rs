//! `go build` for one target and for all, with the real Go.

use std::fs;

use cargo_gantry::binary::{Facts, go_build_info};
use cargo_gantry::build::Strip;
use cargo_gantry::target::{Catalog, Libc};
use cargo_gantry::tool::Call;

use crate::module::{AMD64, Module, program};
use crate::outside::installed;

#[test]
fn programs_of_one_module_are_built_in_one_call() {
    let Some(module) = Module::new() else { return };
    let mut unit = module.unit(
        &[
            ("first", "./cmd/one"),
            ("two", "example.com/app/cmd/two"),
            ("again", "./cmd/one"),
        ],
        &[AMD64],
    );
    unit.targets[0].ldflags = vec!["-X main.version=1.2 of May".into()];
    let built = module.build(&unit).unwrap();
    let found: Vec<_> = built
        .artifacts
        .iter()
        .map(|one| {
            let said = module.run(&one.path);
            (one.binary.as_str(), one.triple.as_str(), one.fresh, said)
        })
        .collect();
    assert_eq!(
        found,
        [
            ("first", AMD64, false, "one 1.2 of May".to_owned()),
            ("two", AMD64, false, "two".to_owned()),
            ("again", AMD64, false, "one 1.2 of May".to_owned()),
        ]
    );
    assert_eq!(built.artifacts[0].path, built.artifacts[2].path);
    let events = module.events();
    let ends = (events[0].as_str(), events.last().unwrap().as_str());
    assert_eq!(ends, ("started", "finished"));
    assert!(
        events.contains(&"example.com/app/cmd/two".to_owned()),
        "{events:?}"
    );

    // Nothing has changed: nothing is compiled or linked.
    let inode = || {
        use std::os::unix::fs::MetadataExt;
        fs::metadata(&built.artifacts[0].path).unwrap().ino()
    };
    let before = inode();
    let again = module.build(&unit).unwrap();
    assert!(again.artifacts.iter().all(|artifact| artifact.fresh), "{again:?}");
    assert_eq!((again.compiled, again.fresh, inode()), (0, 2, before));
    assert_eq!(module.events(), ["started", "finished"]);

    let file = module.root.join("cmd/two/main.go");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("two", "2")).unwrap();
    let changed = module.build(&unit).unwrap();
    assert_eq!(changed.compiled, 1, "{changed:?}");
    assert_eq!(module.run(&changed.artifacts[1].path), "2");
    // Other flags are other programs, although nothing is compiled.
    unit.targets[0].ldflags = vec!["-X main.version=1.3 of May".into()];
    let linked = module.build(&unit).unwrap();
    let fresh: Vec<bool> = linked.artifacts.iter().map(|artifact| artifact.fresh).collect();
    assert_eq!((linked.compiled, fresh), (0, vec![false, false, false]));
    assert!(!unit.into.join(".temporary").exists());
}

#[test]
fn every_platform_of_the_catalog_is_built_and_keeps_its_promise() {
    let Some(module) = Module::new() else { return };
    let catalog = Catalog::builtin();
    let musl: Vec<&str> = catalog
        .iter()
        .filter(|target| target.libc == Libc::Musl)
        .map(|target| target.triple.as_str())
        .collect();
    assert_eq!(musl.len(), 9);
    // What the user has set for programs of their own does not change what a platform says.
    let mut module = module;
    module.set("GOARM", "5");
    module.set("GOOS", "plan9");
    module.set("CGO_ENABLED", "1");
    let mut unit = module.unit(&[("tiny", "./cmd/tiny")], &musl);
    unit.environment = [("GOARCH".to_owned(), "mips".to_owned())].into();
    let built = module.build(&unit).unwrap();
    assert_eq!(built.artifacts.len(), musl.len());
    for artifact in &built.artifacts {
        let target = catalog.by_triple(&artifact.triple).unwrap();
        let facts = Facts::read(&artifact.path).unwrap();
        facts.keeps(target).unwrap();
        let elf = facts.elf().unwrap();
        assert!(
            elf.is_static() && elf.stripped && !elf.debug_information,
            "{elf:?}"
        );
        let info = go_build_info(&artifact.path).unwrap().unwrap();
        for (name, value) in target.go.as_ref().unwrap().variables() {
            let found = info
                .settings
                .get(&name)
                .map(|value| value.split(',').next().unwrap_or_default());
            assert_eq!(found, Some(value.as_str()), "{name} of {}", artifact.triple);
        }
        assert_eq!(info.settings["CGO_ENABLED"], "0");
        // Programs that were packed or stripped further have no sections.
        let mut bytes = fs::read(&artifact.path).unwrap();
        let count = if elf.class == 64 { 60..64 } else { 48..52 };
        bytes[count].fill(0);
        let bare = module.outside().join("bare");
        fs::write(&bare, bytes).unwrap();
        assert_eq!(
            go_build_info(&bare).unwrap().as_ref(),
            Some(&info),
            "{}",
            artifact.triple
        );
        assert_eq!(
            (info.path.as_str(), info.module.as_str()),
            ("example.com/app/cmd/tiny", "example.com/app")
        );
    }
}

#[test]
fn build_info_names_the_commit() {
    let Some(mut module) = Module::new() else { return };
    if !installed("git") {
        return;
    }
    module.set("GIT_CONFIG_NOSYSTEM", "1");
    let home = module.outside().to_owned();
    module.set("HOME", home);
    module.write(".gitignore", ".gantry/\n");
    let git = |arguments: &[&str]| {
        let who = ["-c", "user.name=a", "-c", "user.email=a@example.com"];
        let call = Call::new("git").args(who).args(arguments).dir(&module.root);
        module.tools().run(&call).unwrap().text()
    };
    git(&["init", "--quiet"]);
    git(&["add", "."]);
    git(&["commit", "--quiet", "--message", "first"]);
    let mut unit = module.unit(&[("tiny", "./cmd/tiny")], &[AMD64]);
    unit.tags = vec!["one".into(), "two".into()];
    let path = module.build(&unit).unwrap().artifacts[0].path.clone();
    let info = go_build_info(&path).unwrap().unwrap();
    let told: Vec<&str> = info.version_control().map(|(name, _)| name).collect();
    assert_eq!(told, ["vcs", "vcs.modified", "vcs.revision", "vcs.time"]);
    assert_eq!(info.settings["vcs.revision"], git(&["rev-parse", "HEAD"]));
    assert_eq!(
        (
            info.settings["vcs.modified"].as_str(),
            info.settings["-tags"].as_str()
        ),
        ("false", "one,two")
    );
    assert!(info.go_version.starts_with("go1."), "{info:?}");
    assert!(!info.version.is_empty(), "{info:?}");
    assert_eq!(go_build_info(std::path::Path::new("/bin/sh")).unwrap(), None);
    assert_eq!(go_build_info(&module.root.join("go.mod")).unwrap(), None);
    assert!(go_build_info(&module.root.join("none")).is_err());
}

#[test]
fn the_same_source_gives_the_same_bytes_in_another_folder() {
    let (Some(here), Some(there)) = (Module::new(), Module::new()) else {
        return;
    };
    let bytes = |module: &Module, trimpath: bool| {
        let mut unit = module.unit(&[("one", "./cmd/one"), ("tiny", "./cmd/tiny")], &[AMD64]);
        unit.trimpath = trimpath;
        unit.strip = Strip::None;
        let built = module.build(&unit).unwrap();
        let read = built.artifacts.iter().map(|one| fs::read(&one.path).unwrap());
        read.collect::<Vec<_>>()
    };
    assert_ne!(here.root, there.root);
    let whole = bytes(&here, true);
    assert!(whole == bytes(&there, true));
    let place = |bytes: &[u8]| {
        let root = here.root.to_str().unwrap().as_bytes();
        bytes.windows(root.len()).any(|window| window == root)
    };
    assert!(whole.iter().all(|bytes| !place(bytes)));
    // It is -trimpath that does it.
    assert!(bytes(&here, false).iter().all(|bytes| place(bytes)));
}

#[test]
fn what_is_stripped_is_what_was_said() {
    let Some(mut module) = Module::new() else { return };
    for (strip, goflags, stripped, debug) in [
        (Strip::None, "", false, true),
        (Strip::Debuginfo, "", false, false),
        (Strip::Symbols, "", true, false),
        // What the user says of it is not replaced.
        (
            Strip::Symbols,
            "'-ldflags=-s=false -w=false -X main.version=own'",
            false,
            true,
        ),
    ] {
        module.set("GOFLAGS", goflags);
        let mut unit = module.unit(&[("one", "./cmd/one")], &[AMD64]);
        unit.strip = strip;
        let built = module.build(&unit).unwrap();
        let facts = Facts::read(&built.artifacts[0].path).unwrap();
        let elf = facts.elf().unwrap();
        assert_eq!(
            (elf.stripped, elf.debug_information),
            (stripped, debug),
            "{strip:?} {goflags}"
        );
    }
    let unit = module.unit(&[("one", "./cmd/one")], &[AMD64]);
    let path = &module.build(&unit).unwrap().artifacts[0].path;
    assert_eq!(module.run(path), "one own");
}

#[test]
fn packages_of_one_name_tags_files_and_versions_of_modules() {
    let Some(mut module) = Module::new() else { return };
    module.write("go.mod", "module example.com/app/v2\n\ngo 1.21\n");
    module.write("main.go", &program("", "\"root\""));
    module.write("tools/one/main.go", &program("", "\"another\""));
    module.write("tools/single.go", &program("", "\"single\""));
    let tagged = |tags: &str, text: &str| {
        let body = "package main\n\nvar tagged = ";
        format!("//go:build {tags}\n\n{body}\"{text}\"\n")
    };
    module.write("cmd/tagged/main.go", &program("", "tagged"));
    module.write("cmd/tagged/both.go", &tagged("own && ours", "both"));
    module.write("cmd/tagged/less.go", &tagged("!(own && ours)", "less"));
    module.set("GOFLAGS", "-tags=own");
    let mut unit = module.unit(
        &[
            ("root", "."),
            ("one", "./cmd/one"),
            ("other", "./tools/one"),
            ("single", "./tools/single.go"),
            ("tagged", "./cmd/tagged"),
        ],
        &[AMD64],
    );
    unit.tags = vec!["ours".into()];
    let said = |unit: &_| {
        let built = module.build(unit).unwrap();
        let each = built.artifacts.iter().map(|one| module.run(&one.path));
        each.collect::<Vec<_>>()
    };
    assert_eq!(said(&unit), ["root", "one none", "another", "single", "both"]);
    unit.tags.clear();
    assert_eq!(said(&unit)[4], "less");
}

#[test]
fn vendor_folders_and_workspaces_hold() {
    let Some(module) = Module::new() else { return };
    let library = "package dep\n\nfunc Word() string { return ";
    module.write(
        "go.mod",
        "module example.com/app\n\ngo 1.21\n\nrequire example.com/dep v1.0.0\n",
    );
    module.write(
        "vendor/modules.txt",
        "# example.com/dep v1.0.0\n## explicit\nexample.com/dep\n",
    );
    module.write(
        "vendor/example.com/dep/dep.go",
        &format!("{library}\"vendored\" }}\n"),
    );
    let text =
        program("", "dep.Word()").replace("import \"fmt\"", "import (\n\t\"fmt\"\n\t\"example.com/dep\"\n)");
    module.write("cmd/one/main.go", &text);
    let mut unit = module.unit(&[("one", "./cmd/one")], &[AMD64]);
    (unit.offline, unit.locked) = (true, true);
    let path = module.build(&unit).unwrap().artifacts[0].path.clone();
    assert_eq!(module.run(&path), "vendored");

    // The same module in a workspace, run from the workspace's folder.
    fs::remove_dir_all(module.root.join("vendor")).unwrap();
    fs::create_dir(module.root.join("app")).unwrap();
    for part in ["go.mod", "cmd"] {
        fs::rename(module.root.join(part), module.root.join("app").join(part)).unwrap();
    }
    module.write("go.work", "go 1.21\n\nuse ./app\nuse ./dep\n");
    module.write("dep/go.mod", "module example.com/dep\n\ngo 1.21\n");
    module.write("dep/dep.go", &format!("{library}\"from the workspace\" }}\n"));
    unit.binaries[0].package = "./app/cmd/one".into();
    let path = module.build(&unit).unwrap().artifacts[0].path.clone();
    assert_eq!(module.run(&path), "from the workspace");
}

#[test]
fn c_code_is_compiled_by_the_compiler_of_the_target() {
    let Some(module) = Module::new() else { return };
    let text = "package main\n\n// int answer(void) { return 6 * 7; }\nimport \"C\"\n\nfunc main() {\n\tprintln(int(C.answer()))\n}\n";
    module.write("cmd/one/main.go", text);
    for (triple, cc, runner) in [
        (
            "aarch64-unknown-linux-gnu",
            "aarch64-linux-gnu-gcc",
            Some("qemu-aarch64-static"),
        ),
        (AMD64, "x86_64-linux-musl-gcc", None),
    ] {
        if !installed(cc) || !runner.is_none_or(installed) {
            continue;
        }
        let mut unit = module.unit(&[("one", "./cmd/one")], &[triple]);
        unit.cgo = true;
        unit.targets[0].variables.insert("CC".into(), cc.into());
        unit.targets[0].static_libc = true;
        let path = module.build(&unit).unwrap().artifacts[0].path.clone();
        let facts = Facts::read(&path).unwrap();
        facts
            .keeps(Catalog::builtin().by_triple(triple).unwrap())
            .unwrap();
        assert!(facts.elf().unwrap().is_static(), "{facts:?}");
        let call = match runner {
            Some(runner) => Call::new(runner).arg(&path),
            None => Call::new(&path),
        };
        let output = module.tools().run(&call).unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr).trim(), "42");
        // A library where none is asked to be linked in, and a compiler that the matrix names over the one chosen.
        unit.targets[0].static_libc = false;
        unit.environment = [("CC".to_owned(), "no-such-compiler".to_owned())].into();
        let (said, _) = module.fault(&unit);
        assert!(
            said.contains("\"no-such-compiler\": executable file not found"),
            "{said}"
        );
    }
}
