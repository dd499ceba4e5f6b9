//! What must not be merged, and is not: nothing is sent then.

use std::path::Path;

use serde_json::Value;

use crate::place;
use crate::project::{Machine, PLATFORMS, Project, gantry};
use crate::support::registry::Registry;
use crate::support::workspace::Ran;

/// A project, and a registry that nothing may come to.
struct Trial {
    registry: Registry,
    project: Project,
}

impl Trial {
    fn new(keys: &str) -> Self {
        let registry = Registry::plain();
        let project = Project::new(&format!("{}/team/lookout", registry.host()), keys);
        Self { registry, project }
    }

    /// A machine that has built some platforms into `oci:out`.
    fn built(&self, name: &str, version: &str, platforms: &[&str]) -> (Machine, String) {
        let machine = self.project.machine(name, version);
        machine.build(platforms, "oci:out");
        let place = format!("oci:{}", machine.root.join("out").display());
        (machine, place)
    }

    fn refused(&self, machine: &Machine, words: &[&str], code: i32, with: &[&str]) {
        let ran = machine.run(words).fails(code);
        for word in with {
            assert!(ran.stderr.contains(word), "{word}: {}", ran.stderr);
        }
        let sent = self
            .registry
            .log()
            .into_iter()
            .filter(|asked| asked.method != "GET");
        let sent: Vec<_> = sent.filter(|asked| asked.method != "HEAD").collect();
        assert!(sent.is_empty(), "{sent:?}");
    }
}

#[test]
fn parts_of_different_images_are_refused_by_name() {
    let trial = Trial::new("");
    let (one, first) = trial.built("one", "1.2.3", &["linux/amd64", "linux/arm64"]);
    let (_, second) = trial.built("two", "1.2.4", &["linux/arm/v7"]);
    trial.refused(
        &one,
        &["publish", &first, &second],
        9,
        &["gantry::release::differ", "version", "1.2.3", "1.2.4", "two/out"],
    );
    // The same with no project around.
    let repository = format!("{}/team/other", trial.registry.host());
    let ran = Ran::of(&mut gantry(
        &trial.project.path("."),
        &["publish", &first, &second, "--repository", &repository],
    ));
    assert_eq!(ran.fails(9).stderr.matches("gantry::release::differ").count(), 1);
}

#[test]
fn platforms_are_told_apart_by_what_they_mean() {
    let trial = Trial::new("");
    let (one, first) = trial.built("one", "1.2.3", &["linux/arm64"]);
    // Somebody else's index of the same platform, written without its variant.
    let layout = one.root.join("out");
    let (_, digest) = place::entries(&layout).remove(0);
    let mut index: Value = serde_json::from_slice(&place::blob(&layout, &digest)).unwrap();
    index["manifests"][0]["platform"]
        .as_object_mut()
        .unwrap()
        .remove("variant");
    let (two, second) = trial.built("two", "1.2.3", &["linux/arm64"]);
    two.write(
        "dist/linux-arm64-v8",
        std::fs::read(two.root.join("dist/linux-amd64")).unwrap(),
    );
    let manifest = index["manifests"][0]["digest"].as_str().unwrap().to_owned();
    let mut changed: Value = serde_json::from_slice(&place::blob(&layout, &manifest)).unwrap();
    changed["annotations"]["com.acme.other"] = "yes".into();
    let other = put(&two.root.join("out"), &changed);
    index["manifests"][0]["digest"] = other.0.into();
    index["manifests"][0]["size"] = other.1.into();
    let root = put(&two.root.join("out"), &index);
    let entries = serde_json::json!({"schemaVersion": 2, "manifests": [{
        "mediaType": "application/vnd.oci.image.index.v1+json", "digest": root.0, "size": root.1,
    }]});
    std::fs::write(two.root.join("out/index.json"), entries.to_string()).unwrap();
    trial.refused(
        &one,
        &["publish", &first, &second, "--allow-partial"],
        9,
        &["gantry::release::twice", "linux/arm64"],
    );
}

/// Puts a document into a layout: its digest and size.
fn put(layout: &Path, value: &Value) -> (String, usize) {
    let bytes = value.to_string().into_bytes();
    let digest = place::digest(&bytes);
    std::fs::write(layout.join("blobs/sha256").join(&digest[7..]), &bytes).unwrap();
    (digest, bytes.len())
}

#[test]
fn formats_are_not_mixed() {
    let trial = Trial::new("");
    let (one, first) = trial.built("one", "1.2.3", &["linux/amd64"]);
    let docker = Project::new("localhost:1/x", "format = \"docker\"");
    let two = docker.machine("two", "1.2.3");
    two.build(&["linux/arm64"], "oci:out");
    let second = format!("oci:{}", two.root.join("out").display());
    trial.refused(
        &one,
        &["publish", &first, &second],
        9,
        &["gantry::release::mixed", "two/out", "format"],
    );
}

#[test]
fn damaged_parts_are_found_before_anything_is_sent() {
    let trial = Trial::new("");
    let (one, place) = trial.built("one", "1.2.3", &PLATFORMS);
    let layout = one.root.join("out");
    let (_, root) = place::entries(&layout).remove(0);
    let all = place::in_layout(&layout, &root);
    assert_eq!(all.len(), 1 + 3 * PLATFORMS.len());
    let index: Value = serde_json::from_slice(&all[&root]).unwrap();
    let manifest = index["manifests"][2]["digest"].as_str().unwrap();
    let parts: Value = serde_json::from_slice(&all[manifest]).unwrap();
    let blobs = [&parts["config"], &parts["layers"][0]].map(|blob| blob["digest"].as_str().unwrap());
    for name in [&*root, manifest, blobs[0], blobs[1]] {
        let bytes = &all[name];
        let path = layout.join("blobs/sha256").join(&name[7..]);
        // The file may be a second name of the store's.
        std::fs::remove_file(&path).unwrap();
        let mut wrong = bytes.clone();
        let middle = wrong.len() / 2;
        wrong[middle] ^= 1;
        for damage in [Some(wrong), Some(bytes[1..].to_vec()), None] {
            match damage {
                Some(damage) => std::fs::write(&path, damage).unwrap(),
                None => std::fs::remove_file(&path).unwrap(),
            }
            trial.refused(&one, &["publish", &place], 2, &[&name[7..20]]);
        }
        std::fs::write(&path, bytes).unwrap();
    }
    one.run(&["publish", &place]).ok();
}

#[test]
fn a_file_of_digests_is_held_to_its_word() {
    let trial = Trial::new("");
    let one = trial.project.machine("one", "1.2.3");
    one.run(&[
        "build",
        "-o",
        "oci-archive:out/all.tar",
        "--digests-file",
        "all.json",
    ])
    .ok();
    let text = std::fs::read_to_string(one.root.join("all.json")).unwrap();
    let digests: Value = serde_json::from_str(&text).unwrap();
    let right = digests["images"][0]["digest"].as_str().unwrap();
    let wrong = format!("sha256:{}", "0".repeat(64));
    let publish = ["publish", "digests:all.json"];
    one.write("all.json", text.replace(right, &wrong));
    trial.refused(
        &one,
        &publish,
        9,
        &["gantry::release::digests_differ", right, &wrong],
    );
    one.write("all.json", text.replace("out/all.tar", "out/gone.tar"));
    trial.refused(
        &one,
        &publish,
        2,
        &["gantry::release::digests_nowhere", "out/gone.tar"],
    );
    one.write("all.json", text.replace("\"lookout\"", "\"watch\""));
    trial.refused(
        &one,
        &publish,
        9,
        &["gantry::pipeline::foreign_image", "watch", "lookout"],
    );
    one.write("all.json", "{}");
    trial.refused(&one, &publish, 2, &["gantry::release::digests_form"]);
    one.write("all.json", &text);
    one.run(&publish).ok();
}

#[test]
fn what_the_matrix_does_not_mean_is_refused() {
    let trial = Trial::new("");
    let (_, place) = trial.built("one", "1.2.3", &PLATFORMS);
    let later = trial.project.machine("later", "1.3.0");
    trial.refused(
        &later,
        &["publish", &place],
        9,
        &["gantry::pipeline::other_version", "1.2.3", "1.3.0"],
    );
    let narrow = trial.project.machine("narrow", "1.2.3");
    let matrix = std::fs::read_to_string(narrow.root.join("gantry.toml")).unwrap();
    narrow.write("gantry.toml", matrix.replace("\"linux/arm/v7\", ", ""));
    trial.refused(
        &narrow,
        &["publish", &place],
        9,
        &["gantry::pipeline::undeclared_platform", "linux/arm/v7"],
    );
    narrow.write(
        "gantry.toml",
        matrix
            .replace("image.lookout", "image.watch")
            .replace("\nbase", "\nbinaries = [\"lookout\"]\nbase"),
    );
    trial.refused(
        &narrow,
        &["publish", &place],
        9,
        &["gantry::pipeline::foreign_image", "lookout", "watch"],
    );
    let triples = trial.project.machine("triples", "1.2.3");
    let named = matrix.replace("\nbase", "\ntags = [\"{triple}\"]\nbase");
    triples.write("gantry.toml", named);
    trial.refused(
        &triples,
        &["publish", &place],
        3,
        &["gantry::plan::template", "{triple}"],
    );
    let empty = trial.project.path("empty");
    std::fs::create_dir(&empty).unwrap();
    let nowhere = Ran::of(&mut gantry(&empty, &["publish", &place])).fails(2);
    assert!(
        nowhere.stderr.contains("gantry::pipeline::no_destination"),
        "{}",
        nowhere.stderr
    );
}

#[test]
fn a_half_moves_no_tag_but_its_own() {
    let keys = r#"tags = ["semver", { tag = "{version}-{platform}", moves = "always" }]"#;
    let trial = Trial::new(keys);
    let (one, place) = trial.built("one", "1.2.3", &["linux/amd64", "linux/arm64"]);
    let ran = one.run(&["publish", &place]);
    assert_eq!(ran.code, Some(9), "{ran:?}");
    assert!(ran.stderr.contains("gantry::pipeline::partial"), "{}", ran.stderr);
    let (_, index) = place::entries(&one.root.join("out")).remove(0);
    assert!(ran.stdout.contains(&index), "{}", ran.stdout);
    let tags = |trial: &Trial| {
        trial
            .registry
            .store(|store| store.of("team/lookout").tags.clone())
    };
    let set = tags(&trial);
    assert_eq!(
        set.keys().collect::<Vec<_>>(),
        ["1.2.3-linux-amd64", "1.2.3-linux-arm64"]
    );
    let value: Value = serde_json::from_slice(&place::blob(&one.root.join("out"), &index)).unwrap();
    assert_eq!(value["manifests"][0]["digest"], set["1.2.3-linux-amd64"].as_str());
    one.run(&["publish", &place, "--allow-partial"]).ok();
    assert_eq!(tags(&trial)["latest"], index);
}

#[test]
fn an_image_that_no_source_holds_is_not_passed_over() {
    let trial = Trial::new("");
    let one = trial.project.machine("one", "1.2.3");
    one.run(&["build", "-o", "oci-archive:all.tar", "--digests-file", "all.json"])
        .ok();
    let two = trial.project.machine("two", "1.2.3");
    let matrix = std::fs::read_to_string(two.root.join("gantry.toml")).unwrap();
    let other =
        "\n[image.watch]\nplatforms = [\"linux/amd64\"]\nbinaries = [\"lookout\"]\nbase = \"scratch\"\n";
    let repository = format!("{}/team/other", trial.registry.host());
    let keys = format!("{other}repository = \"{repository}\"\n");
    two.write(
        "gantry.toml",
        matrix.replace("\nbase", "\nbinaries = [\"lookout\"]\nbase") + &keys,
    );
    let place = format!("digests:{}", one.root.join("all.json").display());
    let said = ["gantry::pipeline::not_in_sources", "watch"];
    trial.refused(&two, &["publish", &place, "-i", "watch"], 2, &said);
    trial.refused(
        &two,
        &["publish", &place, "-i", "watch", "-i", "lookout"],
        2,
        &said,
    );
    // With no project around.
    let empty = trial.project.path("empty");
    std::fs::create_dir(&empty).unwrap();
    let words = ["publish", &place, "--repository", &repository, "-i", "watch"];
    for more in [&[][..], &["--platform", "linux/amd64"]] {
        let ran = Ran::of(&mut gantry(&empty, &[&words, more].concat())).fails(2);
        assert!(ran.stderr.contains(said[0]), "{}", ran.stderr);
    }
    // What nobody asked for by name is not missed.
    two.run(&["publish", &place]).ok();
}

#[test]
fn a_password_is_for_one_registry() {
    let trial = Trial::new("");
    let other = Registry::plain();
    let one = trial.project.machine("one", "1.2.3");
    let matrix = std::fs::read_to_string(one.root.join("gantry.toml")).unwrap();
    let both = format!("\", \"{}/team/lookout\"]\nplatforms", other.host());
    let both = matrix
        .replace("repository = \"", "repository = [\"")
        .replace("\"\nplatforms", &both);
    one.write("gantry.toml", both);
    one.run(&["build", "-o", "oci:out"]).ok();
    let login = ["--username", "me", "--password-stdin"];
    for words in [
        &["publish"][..],
        &["publish", "--dry-run"],
        &["publish", "oci:out"],
        &["plan", "--remote"],
    ] {
        let said = ["gantry::pipeline::several_registries"];
        trial.refused(&one, &[words, &login].concat(), 2, &said);
        assert!(other.log().is_empty(), "{:?}", other.log());
    }
}

#[cfg(unix)]
#[test]
fn nothing_but_a_file_is_replaced_by_one() {
    let trial = Trial::new("");
    let (one, place) = trial.built("one", "1.2.3", &["linux/amd64"]);
    let socket = one.root.join("socket");
    let _listens = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let null = one.root.join("null");
    std::os::unix::fs::symlink("/dev/null", &null).unwrap();
    std::fs::create_dir(one.root.join("folder")).unwrap();
    for target in ["socket", "null", "folder"] {
        for transport in ["oci-archive", "docker-archive"] {
            let to = format!("{transport}:{target}");
            trial.refused(
                &one,
                &["copy", &place, &to],
                2,
                &["gantry::archive::no_file", target],
            );
        }
        let before = std::fs::symlink_metadata(one.root.join(target)).unwrap();
        assert!(!before.is_file(), "{target}");
    }
    // A short text is written to whatever is there.
    let words = ["build", "--platform", "linux/amd64", "--digests-file", "null"];
    one.run(&words).ok();
    assert!(std::fs::symlink_metadata(&null).unwrap().is_symlink());
}

/// What a shell has made of `> file`, by a link as `/dev/stdout` is one, so that nothing of this machine is at stake.
#[cfg(target_os = "linux")]
#[test]
fn the_way_to_an_open_file_stays_what_it_is() {
    let trial = Trial::new("");
    let (one, place) = trial.built("one", "1.2.3", &["linux/amd64"]);
    let (out, kept) = (one.root.join("stdout"), one.root.join("kept"));
    std::os::unix::fs::symlink("/proc/self/fd/1", &out).unwrap();
    let run = |words: &[&str]| {
        let into = std::fs::File::create(&kept).unwrap();
        let ran = one.command(words).stdout(into).output().unwrap();
        assert!(std::fs::symlink_metadata(&out).unwrap().is_symlink(), "{words:?}");
        ran.status.code()
    };
    for transport in ["oci-archive", "docker-archive"] {
        assert_eq!(run(&["copy", &place, &format!("{transport}:stdout")]), Some(2));
    }
    let build = ["build", "--quiet", "--platform", "linux/amd64"];
    for option in ["--digests-file", "--timings"] {
        assert_eq!(run(&[&build[..], &[option, "stdout"]].concat()), Some(0));
        assert_ne!(std::fs::read(&kept).unwrap().len(), 0, "{option}");
    }
    // As `>> file` does.
    std::fs::write(&kept, "before").unwrap();
    let into = std::fs::File::options().append(true).open(&kept).unwrap();
    let words = [&build[..], &["--digests-file", "stdout"]].concat();
    assert!(one.command(&words).stdout(into).status().unwrap().success());
    let text = std::fs::read_to_string(&kept).unwrap();
    assert!(text.starts_with("before") && text.contains("sha256:"), "{text}");
}

#[cfg(unix)]
#[test]
fn a_link_to_a_file_leads_to_the_new_one() {
    let trial = Trial::new("");
    let (one, place) = trial.built("one", "1.2.3", &["linux/amd64"]);
    std::fs::create_dir(one.root.join("other")).unwrap();
    std::os::unix::fs::symlink("other/image.tar", one.root.join("link.tar")).unwrap();
    // Where nothing is yet, and again where something is.
    for _ in 0..2 {
        one.run(&["copy", &place, "oci-archive:link.tar"]).ok();
        one.run(&["inspect", "oci-archive:other/image.tar"]).ok();
        assert!(
            std::fs::symlink_metadata(one.root.join("link.tar"))
                .unwrap()
                .is_symlink()
        );
    }
    std::os::unix::fs::symlink("b", one.root.join("a")).unwrap();
    std::os::unix::fs::symlink("a", one.root.join("b")).unwrap();
    trial.refused(&one, &["copy", &place, "oci-archive:a"], 7, &["too many links"]);
}
