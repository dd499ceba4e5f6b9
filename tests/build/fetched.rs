//! What is downloaded before a build, and what is not needed for it.

use super::*;

#[test]
fn what_only_tests_need_may_be_missing() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().canonicalize().unwrap();
    let checksum = "0".repeat(64);
    for (path, text) in [
        (
            "w/Cargo.toml",
            "[package]\nname='app'\nversion='1.0.0'\n[dev-dependencies]\ngone='1'\n[workspace]\n",
        ),
        ("w/src/main.rs", "fn main() {}\n"),
        (
            "w/Cargo.lock",
            &format!(
                "version = 4\n[[package]]\nname = 'app'\nversion = '1.0.0'\ndependencies = ['gone']\n\
                 [[package]]\nname = 'gone'\nversion = '1.0.0'\nchecksum = '{checksum}'\n\
                 source = 'registry+https://github.com/rust-lang/crates.io-index'\n"
            ),
        ),
        // A registry that knows the crate and does not have it.
        (
            "w/.cargo/config.toml",
            "[source]\ncrates-io.replace-with = 'here'\nhere.local-registry = '../registry'\n",
        ),
        (
            "registry/index/go/ne/gone",
            &format!(
                r#"{{"name":"gone","vers":"1.0.0","deps":[],"cksum":"{checksum}","features":{{}},"yanked":false}}"#
            ),
        ),
    ] {
        let path = place.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let clone = Clone::at(place.join("w"));
    let fetch = Call::new(clone.environment.non_empty("CARGO").unwrap_or("cargo"));
    let fetch = clone.tools().run(&fetch.arg("fetch").dir(&clone.root));
    assert!(fetch.unwrap_err().to_string().contains("gone"));
    for offline in [true, false] {
        let unit = CargoUnit {
            remap: Some(Remap::default()),
            offline,
            locked: true,
            ..clone.unit(vec![clone.select("app", &["app"], &[])], &[&host_fact("host")])
        };
        assert_eq!(clone.build(&unit).unwrap().len(), 1, "offline: {offline}");
    }
}
