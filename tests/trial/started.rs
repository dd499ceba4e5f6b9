//! One program that must start.

use std::fs;
use std::process::Command;
use std::time::Duration;

use cargo_gantry::trial::{Limits, Verdict};

use crate::image::{Image, both_ways, probe};
use crate::support::outside;

#[test]
fn what_starts_is_told_from_what_does_not() {
    both_ways("started::what_starts_is_told_from_what_does_not");
    for platform in ["linux/amd64", "linux/arm64"] {
        let image = Image::empty(platform);
        let Some(program) = probe(image.folder.path(), platform, true) else {
            continue;
        };
        let stage = image.set();
        let started = |limits: &Limits| stage.start_program(&program, "/app", limits).unwrap();
        assert_eq!(started(&Limits::default()), Verdict::Passed, "{platform}");
        if platform != "linux/amd64" {
            // What UPX makes of static programs of others does not start under every qemu.
            continue;
        }
        let packed = image.folder.path().join("packed");
        let upx = Command::new("upx")
            .args(["-q", "-o"])
            .args([&packed, &program])
            .output();
        let Some(done) = outside(upx, "upx", "upx-ucl") else {
            continue;
        };
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let packed = |bytes: &[u8]| {
            fs::write(&packed, bytes).unwrap();
            stage.start_program(&packed, "/app", &Limits::default()).unwrap()
        };
        let mut bytes = fs::read(image.folder.path().join("packed")).unwrap();
        assert_eq!(packed(&bytes), Verdict::Passed);
        let middle = bytes.len() / 2;
        bytes[middle..middle + 4096].fill(0xa5);
        let verdict = packed(&bytes);
        assert!(matches!(verdict, Verdict::Failed { .. }), "{verdict:?}");
    }
}

#[test]
fn what_runs_on_has_started() {
    let image = Image::empty("linux/amd64");
    let folder = image.folder.path();
    let compiled = |source: &str| {
        fs::write(folder.join("source.c"), source).unwrap();
        let mut compiler = Command::new("musl-gcc");
        let done = compiler
            .args(["-static", "-o", "made", "source.c"])
            .current_dir(folder)
            .output();
        outside(done, "musl-gcc", "musl-tools").is_some_and(|done| done.status.success())
    };
    for (source, seconds, passes) in [
        ("int pause(void); int main(void) { pause(); }", 1, true),
        ("int main(void) { return 255; }", 60, true),
        ("int main(void) { return 127; }", 60, false),
        ("int main(void) { __builtin_trap(); }", 60, false),
    ] {
        let limits = Limits {
            time: Some(Duration::from_secs(seconds)),
            ..Limits::default()
        };
        if !compiled(source) {
            return;
        }
        let stage = image.set();
        let verdict = stage
            .start_program(&folder.join("made"), "/app", &limits)
            .unwrap();
        assert_eq!(verdict == Verdict::Passed, passes, "{source}: {verdict:?}");
    }
}
