//! Programs of other machines, and programs that need the libraries of a base.

use std::time::Duration;

use cargo_gantry::environment::Environment;
use cargo_gantry::tool::Tools;
use cargo_gantry::trial::{Limits, Verdict};
use serde_json::json;

use crate::image::{Image, Put, both_ways, owned, probe};
use crate::support::missing;

/// Whether a static qemu is there; said loudly where not.
fn emulated(name: &str) -> bool {
    let there = std::path::Path::new("/usr/bin").join(name).is_file();
    if !there {
        missing(&format!("{name} is not installed (qemu-user-static)"));
    }
    there
}

#[test]
fn static_programs_of_other_machines_run() {
    both_ways("foreign::static_programs_of_other_machines_run");
    for (platform, qemu) in [
        ("linux/386", None),
        ("linux/arm64", Some("qemu-aarch64-static")),
        ("linux/arm/v7", Some("qemu-arm-static")),
    ] {
        if qemu.is_some_and(|qemu| !emulated(qemu)) {
            continue;
        }
        let Some(mut image) = Image::with_probe(platform) else {
            continue;
        };
        image.config["config"]["User"] = json!("7:8");
        image.config["config"]["Env"] = json!(["A=1"]);
        let stage = image.set();
        assert_eq!(stage.is_emulated(), qemu.is_some(), "{platform}");
        assert_eq!(
            stage.smoke(&[], &Limits::default()).unwrap(),
            Verdict::Passed,
            "{platform}"
        );
        let said = image.said(&["who", "words"]);
        let who = "uid=7 gid=8 groups= cwd=/ host=gantry first=0\n[/probe][who][words]";
        assert!(said.starts_with(who), "{platform}: {said}");
        if stage.is_emulated() {
            image.config["config"]["User"] = json!("0");
            let said = image.said(&["mode", "/dev/.emulator", "write", "/dev/.emulator"]);
            assert!(
                said.starts_with("/dev/.emulator: kept\n") && !said.contains("written"),
                "{said}"
            );
        }
        let limits = Limits {
            time: Some(Duration::from_secs(60)),
            ..Limits::default()
        };
        for (words, how) in [
            (vec!["signal", "11"], "signal 11 (SIGSEGV)"),
            (vec!["exit", "4"], "exit code 4"),
        ] {
            match stage.smoke(&owned(&words), &limits).unwrap() {
                Verdict::Failed { how: told, .. } => assert_eq!(told, how, "{platform}"),
                other => panic!("{platform}: {other:?}"),
            }
        }
        let limits = Limits {
            memory: 512 << 20,
            ..limits
        };
        let verdict = stage.smoke(&owned(&["fill", "200"]), &limits).unwrap();
        assert_eq!(verdict, Verdict::Passed, "{platform}");
        let verdict = stage.smoke(&owned(&["fill", "700"]), &limits).unwrap();
        assert!(
            matches!(verdict, Verdict::Failed { .. }),
            "{platform}: {verdict:?}"
        );
    }
}

#[test]
fn dynamic_programs_find_the_libraries_of_their_base() {
    both_ways("foreign::dynamic_programs_find_the_libraries_of_their_base");
    for (name, platform, qemu) in [
        ("debian-bookworm-slim", "linux/amd64", None),
        ("debian-trixie-slim", "linux/arm/v7", Some("qemu-arm-static")),
        ("distroless-cc", "linux/arm64", Some("qemu-aarch64-static")),
    ] {
        if qemu.is_some_and(|qemu| !emulated(qemu)) {
            continue;
        }
        let Some(mut image) = Image::on_base(name, platform) else {
            continue;
        };
        let program = if platform == "linux/amd64" {
            "linux/amd64 with glibc"
        } else {
            platform
        };
        let Some(program) = probe(image.folder.path(), program, false) else {
            continue;
        };
        let program = std::fs::read(program).unwrap();
        image.layer(&[Put::File("usr/bin/probe", 0o755, &program)]);
        image.config["config"]["Entrypoint"] = json!(["probe"]);
        image.config["config"]["User"] = json!("nobody");
        let said = image.said(&["who", "show", "/etc/passwd"]);
        assert!(said.starts_with("uid=65534 gid=65534 "), "{name}: {said}");
        assert!(said.contains("nobody:x:65534:"), "{name}: {said}");
    }
}

#[test]
fn a_dynamic_program_on_nothing_is_refused() {
    let mut image = Image::empty("linux/amd64");
    let Some(program) = probe(image.folder.path(), "linux/amd64 with glibc", false) else {
        return;
    };
    let program = std::fs::read(program).unwrap();
    image.layer(&[Put::File("probe", 0o755, &program)]);
    image.config["config"]["Entrypoint"] = json!(["/probe"]);
    let how = "`/probe` asks for the loader `/lib64/ld-linux-x86-64.so.2`, which is not in it";
    let output = String::new();
    let how = how.to_owned();
    assert_eq!(image.smoke(&[]), Verdict::Failed { how, output });
}

#[test]
fn a_script_of_another_machine_is_not_tried() {
    if !emulated("qemu-aarch64-static") {
        return;
    }
    let Some(mut image) = Image::with_probe("linux/arm64") else {
        return;
    };
    image.layer(&[Put::File("script", 0o755, b"#!/probe words\n")]);
    image.config["config"]["Entrypoint"] = json!(["/script"]);
    let verdict = image.smoke(&[]);
    assert!(
        matches!(&verdict, Verdict::NotTried { why } if why.contains("binfmt_misc")),
        "{verdict:?}"
    );
}

#[test]
fn what_is_missing_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = |path: &str| Tools::new(Environment::empty("/").with("PATH", path));
    let foreign = Image::empty("linux/arm64");
    let own = Image::empty("linux/amd64");
    let fake = folder.path().join("qemu-aarch64");
    std::fs::copy("/bin/cat", &fake).unwrap();
    let folder = folder.path().to_str().unwrap();
    for (image, path, why) in [
        (&foreign, path("/none"), "`qemu-aarch64-static` is not installed"),
        (
            &foreign,
            path(folder),
            "needs libraries that the image's root does not have",
        ),
        (&own, path("/none"), "`unshare` is not installed"),
        (
            &Image::empty("wasi/wasm"),
            path("/bin"),
            "images for wasi cannot be tried",
        ),
    ] {
        let not_tried = image.set_with(&path).unwrap().unwrap_err();
        assert!(not_tried.why.contains(why), "{not_tried:?}");
        let left = std::fs::read_dir(&image.stages);
        assert!(left.is_err() || left.unwrap().count() == 0);
    }
}
