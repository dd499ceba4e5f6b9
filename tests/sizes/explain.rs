//! `build --explain-size`: what it foretells comes true, and nothing changes by it.

use serde_json::{Value, json};

use super::{blobs, messages, path_without, project, set};
use crate::support::launch::possible;
use crate::support::workspace::{Ran, Workspace};

const EXPLAIN: [&str; 4] = ["build", "--explain-size", "--message-format", "json"];

fn gzip(level: u32) -> Value {
    json!({"algorithm": "gzip", "level": level})
}

fn upx(lzma: bool) -> Value {
    json!({"level": null, "lzma": lzma})
}

/// The layer that an explanation foretells for programs packed and compressed this way.
fn foretold(ran: &Ran, upx: &Value, compression: &Value) -> Option<u64> {
    let mut found = messages(ran, "alternative");
    found.retain(|found| found["upx"] == *upx && found["compression"] == *compression);
    let [found] = found.as_slice() else {
        panic!("{}", ran.stdout)
    };
    found["layer"].as_u64()
}

/// The compression and packing that an explanation says to be in use, and its layer.
fn in_use(ran: &Ran) -> (Value, Value, Option<u64>) {
    let mut found = messages(ran, "alternative");
    found.retain(|found| found["in-use"] == true);
    let [found] = found.as_slice() else {
        panic!("{}", ran.stdout)
    };
    (
        found["upx"].clone(),
        found["compression"].clone(),
        found["layer"].as_u64(),
    )
}

fn layer(ran: &Ran) -> Option<u64> {
    let [size] = messages(ran, "size").try_into().unwrap();
    size["layer"].as_u64()
}

fn installed() -> bool {
    let found = std::process::Command::new("upx").arg("--version").output();
    crate::support::outside(found, "upx", "upx-ucl").is_some()
}

#[test]
fn what_is_foretold_comes_true_and_nothing_changes() {
    let Some(workspace) = project("") else { return };
    let digest = workspace.digest();
    let before = blobs(&workspace);
    let ran = workspace.run(EXPLAIN).ok();
    assert_eq!(messages(&ran, "built")[0]["digest"], *digest);
    assert_eq!(blobs(&workspace), before, "the store holds what it held");
    let left = std::fs::read_dir(workspace.store().join("roots"));
    assert!(left.map_or(true, |mut left| left.next().is_none()));

    assert_eq!(messages(&ran, "alternative").len(), 7);
    assert_eq!(in_use(&ran), (Value::Null, gzip(6), layer(&ran)));
    let first = layer(&ran);
    for (setting, compression) in [
        ("{ algorithm = \"gzip\", level = 1 }", gzip(1)),
        ("{ algorithm = \"gzip\", level = 9 }", gzip(9)),
        ("\"zstd\"", json!({"algorithm": "zstd", "level": 3})),
        (
            "{ algorithm = \"zstd\", level = 19 }",
            json!({"algorithm": "zstd", "level": 19}),
        ),
    ] {
        set(&workspace, &format!("compression = {setting}\n"));
        let built = workspace.run(["build", "--message-format", "json"]).ok();
        assert!(layer(&built).is_some());
        assert_eq!(
            layer(&built),
            foretold(&ran, &Value::Null, &compression),
            "{setting}"
        );
    }
    set(&workspace, "compression = \"none\"\n");
    let plain = workspace.run(EXPLAIN).ok();
    let none = json!({"algorithm": "none", "level": null});
    assert_eq!(in_use(&plain), (Value::Null, none, layer(&plain)));
    assert_eq!(foretold(&plain, &Value::Null, &gzip(6)), first);
}

#[test]
fn what_upx_would_do_comes_true() {
    if !installed() || !possible() {
        return;
    }
    let Some(workspace) = project("smoke = [\"0\"]\n") else {
        return;
    };
    let plain = workspace.run(EXPLAIN).ok();
    for lzma in [false, true] {
        let settings = format!("smoke = [\"0\"]\nupx = {{ lzma = {lzma} }}\n");
        set(&workspace, &settings);
        let packed = workspace.run(EXPLAIN).ok();
        let now = layer(&packed);
        assert!(now < layer(&plain), "lzma {lzma}");
        assert_eq!(now, foretold(&plain, &upx(lzma), &gzip(6)), "lzma {lzma}");
        assert_eq!(in_use(&packed), (upx(lzma), gzip(6), now));
        // And back again.
        assert_eq!(foretold(&packed, &Value::Null, &gzip(6)), layer(&plain));
        assert_eq!(
            foretold(&packed, &upx(!lzma), &gzip(6)),
            foretold(&plain, &upx(!lzma), &gzip(6))
        );
    }
    for told in messages(&plain, "alternative") {
        let start = &told["start"];
        assert!(
            start["starts"].as_u64() >= Some(3) && start["ms"].as_f64() > Some(0.0),
            "{told}"
        );
        assert_eq!(
            (&start["emulated"], &told["why"]),
            (&false.into(), &json!([])),
            "{told}"
        );
    }
}

#[test]
fn what_is_missing_has_its_reason() {
    let Some(workspace) = project("") else { return };
    let folder = tempfile::tempdir().unwrap();
    path_without("upx", folder.path());
    let explain = |workspace: &Workspace, words: &[&str]| {
        let mut command = workspace.command([]);
        command.args(words).env("PATH", folder.path());
        Ran::of(&mut command).ok()
    };
    let ran = explain(&workspace, &EXPLAIN);
    for told in messages(&ran, "alternative") {
        assert_eq!(told["start"], Value::Null);
        let why = told["why"].to_string();
        if told["upx"] == Value::Null {
            assert!(told["layer"].is_u64() && why.contains("no `smoke`"), "{told}");
        } else {
            assert!(
                told["layer"].is_null() && why.contains("UPX is not installed"),
                "{told}"
            );
        }
    }
    let shown = explain(&workspace, &["build", "--explain-size"]).stderr;
    let table = &shown[shown.find("LAYER AS").unwrap()..];
    for words in [
        "gzip 6, in use",
        "zstd 19",
        "UPX --lzma",
        "UPX is not installed",
        "no `smoke`",
    ] {
        assert!(table.contains(words), "{words}: {shown}");
    }
    // The table of sizes comes first.
    assert!(shown.find("IMAGE PULLED") < shown.find("LAYER AS"), "{shown}");
}

#[test]
fn a_program_that_fails_when_it_is_started_again_is_not_measured() {
    if !possible() {
        return;
    }
    // The first start leaves something behind that the second one stumbles over.
    let Some(workspace) = project("smoke = []\nuser = \"0\"\n") else {
        return;
    };
    workspace.write(
        "src/main.rs",
        "fn main() {\n    std::fs::File::create_new(\"/once\").unwrap();\n}\n",
    );
    let ran = workspace.run(EXPLAIN).ok();
    let told = messages(&ran, "alternative");
    let plain = told.iter().find(|told| told["in-use"] == true).unwrap();
    assert_eq!(plain["start"], Value::Null);
    let why = plain["why"].to_string();
    assert!(why.contains("a start of it failed: exit code 101"), "{why}");
    assert!(plain["layer"].is_u64());
}
