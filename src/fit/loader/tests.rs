use crate::fit::Check;
use crate::fit::example::{Example, elf, file, library};
use serde_json::json;

/// A program that needs `libown.so.1`, which lies at `path`.
fn own(path: &str, change: impl FnOnce(&mut crate::binary::Elf)) -> Example {
    let mut example = Example::debian("2.36");
    let mut program = elf();
    program.needed.push("libown.so.1".into());
    change(&mut program);
    example.program("opt/app/bin/app", program);
    example.elf(path, library("libown.so.1", &[]));
    example
}

fn missing(example: &mut Example) -> Vec<String> {
    example
        .only(Check::Library)
        .into_iter()
        .filter_map(|one| one.needed)
        .collect()
}

#[test]
fn paths_are_searched_as_glibc_does() {
    for (path, rpath, runpath, found) in [
        ("usr/lib/x86_64-linux-gnu/libown.so.1", "", "", true),
        ("usr/lib/libown.so.1", "", "", true),
        ("usr/local/lib/libown.so.1", "", "", false),
        // Not one of Debian's.
        ("usr/lib64/libown.so.1", "", "", false),
        ("opt/app/lib/libown.so.1", "$ORIGIN/../lib", "", true),
        ("opt/app/lib/libown.so.1", "", "${ORIGIN}/../lib", true),
        (
            "opt/app/lib/x86_64-linux-gnu/libown.so.1",
            "/opt/app/$LIB",
            "",
            true,
        ),
        ("opt/app/lib/libown.so.1", "/none", "", false),
        // Nobody here knows the platform's name.
        ("opt/app/lib/libown.so.1", "/opt/$PLATFORM", "", true),
        ("srv/libown.so.1", "", "", false),
        // The directory that the program is started in.
        ("srv/libown.so.1", ".", "", true),
        ("opt/app/lib/libown.so.1", "/opt/app/lib", "/none", false),
    ] {
        let split = |list: &str| {
            list.split(':')
                .filter(|path| !path.is_empty())
                .map(str::to_owned)
                .collect()
        };
        let mut example = own(path, |elf| {
            (elf.rpath, elf.runpath) = (split(rpath), split(runpath))
        });
        example.config(json!({"WorkingDir": "/srv"}));
        example.directory("srv", 0o755, 0);
        assert_eq!(
            missing(&mut example).is_empty(),
            found,
            "{path} {rpath} {runpath}"
        );
    }
}

#[test]
fn variables_and_the_cache_lead_further() {
    let mut example = own("opt/lib/libown.so.1", |_| {});
    assert_eq!(missing(&mut example), ["libown.so.1"]);
    example.config(json!({"Env": ["LD_LIBRARY_PATH=/none;/opt/lib"]}));
    assert_eq!(example.all(), []);
    example.config(json!({}));
    example.text("etc/ld.so.conf", "/opt/lib\n");
    assert_eq!(missing(&mut example), ["libown.so.1"], "ldconfig was not run");
    // One that cannot be read is taken for one that knows everything.
    example.put("etc/ld.so.cache", file(1));
    assert_eq!(example.all(), []);
    let empty = [b"glibc-ld.so.cache1.1".as_slice(), &[0; 28]].concat();
    example.text("etc/ld.so.cache", &String::from_utf8(empty).unwrap());
    let found = example.only(Check::Library);
    assert_eq!(
        found[0].message,
        "`/opt/app/bin/app` needs `libown.so.1`, and `/etc/ld.so.cache` does not have `/opt/lib/libown.so.1`"
    );
    assert_eq!(found[0].found.as_deref(), Some("/opt/lib/libown.so.1"));
}

#[test]
fn the_rpath_of_the_chain_is_inherited_and_the_runpath_is_not() {
    let with = |rpath: &[&str], runpath: &[&str]| {
        let list = |paths: &[&str]| paths.iter().map(|&path| path.to_owned()).collect();
        let mut example = own("opt/own/libown.so.1", |elf| {
            (elf.rpath, elf.runpath) = (list(rpath), list(runpath))
        });
        let mut middle = library("libown.so.1", &[]);
        middle.needed = vec!["libdeep.so.1".into()];
        example.elf("opt/own/libown.so.1", middle);
        example.elf("opt/deep/libdeep.so.1", library("libdeep.so.1", &[]));
        example
    };
    assert_eq!(with(&["/opt/own", "/opt/deep"], &[]).all(), []);
    assert_eq!(
        missing(&mut with(&[], &["/opt/own", "/opt/deep"])),
        ["libdeep.so.1"]
    );
}

#[test]
fn a_name_is_loaded_once_under_all_its_names() {
    // Found by the path of one library, it serves the need of another by its soname.
    let mut example = own("opt/own/libown.so.1", |elf| {
        elf.needed = vec![
            "/opt/own/libown.so.1".into(),
            "libother.so.1".into(),
            "libc.so.6".into(),
        ];
    });
    let mut other = library("libother.so.1", &[]);
    other.needed = vec!["libown.so.1".into(), "ld-linux-x86-64.so.2".into()];
    example.elf("usr/lib/libother.so.1", other);
    assert_eq!(example.all(), []);
}

#[test]
fn musl_has_rules_of_its_own() {
    let base = |path: &str| {
        let mut example = Example::alpine();
        let mut program = elf();
        program.interpreter = Some("/lib/ld-musl-x86_64.so.1".into());
        program.needed = vec![
            "libc.musl-x86_64.so.1".into(),
            "libpthread.so.0".into(),
            "libown.so.1".into(),
        ];
        example.program("app", program);
        example.elf(path, library("libown.so.1", &[]));
        example
    };
    for (path, found) in [
        ("usr/lib/libown.so.1", true),
        ("usr/local/lib/libown.so.1", true),
        ("opt/libown.so.1", false),
    ] {
        assert_eq!(missing(&mut base(path)).is_empty(), found, "{path}");
    }
    let mut example = base("opt/libown.so.1");
    example.text("etc/ld-musl-x86_64.path", "/opt\n");
    assert_eq!(example.all(), []);
    let mut example = base("usr/lib/libown.so.1");
    example.text("etc/ld-musl-x86_64.path", "/opt:/srv");
    assert_eq!(missing(&mut example), ["libown.so.1"]);
    // A library's own path leads on to what it needs, runpath or not.
    let mut example = base("usr/lib/libown.so.1");
    let mut own = library("libown.so.1", &[]);
    own.needed = vec!["libdeep.so.1".into()];
    own.runpath = vec!["$ORIGIN/deep".into()];
    example.elf("usr/lib/libown.so.1", own);
    example.elf("usr/lib/deep/libdeep.so.1", library("libdeep.so.1", &[]));
    assert_eq!(example.all(), []);
}

#[test]
fn a_loader_that_is_not_what_its_name_says_is_left_alone() {
    let mut example = own("nowhere/x", |_| {});
    example.elf(
        "usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
        library("libgcompat.so.0", &[]),
    );
    assert_eq!(example.all(), []);
}

#[test]
fn needs_without_end_are_not_followed_without_end() {
    let mut example = own("usr/lib/libown.so.1", |elf| {
        elf.needed = (0..4096).map(|number| format!("lib{number}.so")).collect();
        elf.rpath = (0..4096).map(|number| format!("/opt/{number}")).collect();
    });
    let mut deep = library("libown.so.1", &[]);
    deep.needed = vec!["libown.so.1".into()];
    deep.rpath = vec!["$ORIGIN".into(); 4096];
    for number in 0..2000 {
        deep.needed = vec![format!("lib{}.so", number + 1), "libnone.so".into()];
        example.elf(&format!("opt/1/lib{number}.so"), deep.clone());
    }
    assert_eq!(example.all(), [], "too many paths: nothing is known");
}

#[test]
fn without_a_libc_only_that_is_missing() {
    let mut example = own("usr/lib/libown.so.1", |_| {});
    example.put(
        "usr/lib/x86_64-linux-gnu/libc.so.6",
        crate::fit::example::script("none"),
    );
    example.directory("usr/lib/x86_64-linux-gnu/libc.so.6", 0o755, 0);
    assert_eq!(missing(&mut example), ["libc.so.6"]);
}

#[test]
fn what_arrives_with_a_mount_is_not_missing() {
    let volume = json!({"/plugins": {}});
    let run = |list: &str| json!([format!("LD_LIBRARY_PATH={list}")]);
    let nvidia = || json!(["NVIDIA_VISIBLE_DEVICES=all"]);
    for (library, runpath, config, missing) in [
        ("libown.so.1", "", json!({"Volumes": volume}), true),
        ("libown.so.1", "/plugins", json!({}), true),
        ("libown.so.1", "/plugins/lib", json!({"Volumes": volume}), false),
        (
            "libown.so.1",
            "$ORIGIN/../plugins",
            json!({"Volumes": {"/opt/app/plugins/": {}}}),
            false,
        ),
        ("libown.so.1", "/plugins2", json!({"Volumes": volume}), true),
        // It is a link to /plugins.
        ("libown.so.1", "/more", json!({"Volumes": volume}), false),
        (
            "libown.so.1",
            "/plugins",
            json!({"Volumes": {"/more": {}}}),
            false,
        ),
        (
            "libown.so.1",
            "",
            json!({"Volumes": volume, "Env": run("/none:/plugins")}),
            false,
        ),
        (
            "libown.so.1",
            "",
            json!({"Volumes": volume, "Env": run("/none")}),
            true,
        ),
        ("/plugins/libown.so.1", "", json!({"Volumes": volume}), false),
        ("/plugins/libown.so.1", "", json!({}), true),
        // The directories that the loader knows by itself.
        ("libown.so.1", "", json!({"Volumes": {"/usr/lib": {}}}), false),
        ("libcuda.so.1", "", json!({}), true),
        ("libcuda.so.1", "", json!({"Env": nvidia()}), false),
        (
            "libnvidia-ml.so.1",
            "",
            json!({"Env": ["NVIDIA_DRIVER_CAPABILITIES=compute"]}),
            false,
        ),
        (
            "libnvcuvid.so.1",
            "",
            json!({"Env": ["NVIDIA_VISIBLE_DEVICES="]}),
            true,
        ),
        // That one is of the toolkit, and lies in the image.
        ("libcudart.so.12", "", json!({"Env": nvidia()}), true),
    ] {
        let mut example = own("nowhere/x", |elf| {
            elf.needed[1] = library.to_owned();
            elf.runpath = Vec::from_iter(Some(runpath.to_owned()).filter(|path| !path.is_empty()));
        });
        example.link("more", "plugins");
        example.config(config.clone());
        let found = example.all().iter().any(|one| one.check == Check::Library);
        assert_eq!(found, missing, "{library} {runpath} {config}");
    }
    // ldconfig was run, and will be again.
    let mut example = own("nowhere/x", |_| {});
    example.text("etc/ld.so.conf", "/plugins\n");
    let empty = [b"glibc-ld.so.cache1.1".as_slice(), &[0; 28]].concat();
    example.text("etc/ld.so.cache", &String::from_utf8(empty).unwrap());
    assert_eq!(missing(&mut example), ["libown.so.1"]);
    example.config(json!({"Volumes": volume}));
    let found = example.all();
    assert!(found.iter().all(|one| one.check != Check::Library), "{found:#?}");
}
