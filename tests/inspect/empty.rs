//! What holds no image, or too many: sentences about it are whole, and advise what there is.

use std::path::Path;

use cargo_gantry::blob::BlobStore;
use serde_json::json;

use crate::made::{Image, Layer, file, image, write};
use crate::run;

fn refused(folder: &Path, arguments: &[&str], words: &[&str]) {
    let ran = run(folder, arguments).fails(2);
    let said = ran.stderr.split_whitespace().filter(|word| *word != "│");
    let said = said.collect::<Vec<_>>().join(" ");
    for word in words {
        assert!(said.contains(word), "{word}: {said}");
    }
    assert!(!said.ends_with(':'), "{said}");
}

#[test]
fn a_layout_without_images_is_said_to_have_none() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    BlobStore::open(folder.join("none")).unwrap();
    let index = json!({"schemaVersion": 2, "manifests": []});
    std::fs::write(folder.join("none/index.json"), index.to_string()).unwrap();
    let said = [
        "holds 0 images, and none is named",
        "none of its entries has a name",
    ];
    for command in [&["inspect", "oci:none"][..], &["diff", "oci:none", "oci:none"]] {
        refused(folder, command, &said);
    }
    let said = ["no image `x`", "none of its entries has a name"];
    refused(folder, &["inspect", "oci:none:x"], &said);
}

#[test]
fn an_artifact_has_no_platform_to_choose() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let store = BlobStore::open(folder.join("chart")).unwrap();
    let put =
        |text: String, media_type: &str| store.put(text.as_bytes()).unwrap().descriptor(media_type.into());
    let config = put("{}".to_owned(), "application/vnd.cncf.helm.config.v1+json");
    let manifest = json!({"schemaVersion": 2, "config": config, "layers": []}).to_string();
    let manifest = put(manifest, "application/vnd.oci.image.manifest.v1+json");
    store.add_entry("chart", &manifest).unwrap();
    let none = ["it holds no image for any platform"];
    let copy = ["copy", "oci:chart", "oci:to", "--platform", "linux/amd64"];
    refused(folder, &copy, &none);
    refused(folder, &["copy", "oci:chart", "docker-archive:to.tar"], &none);
}

#[test]
fn of_several_platforms_a_command_is_named_that_chooses() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let of = |platform| Image {
        platform,
        ..image([Layer::new(&[file("a", platform)])])
    };
    write(&folder.join("i"), &[of("linux/amd64"), of("linux/arm64")]);
    let said = ["`cargo gantry copy --platform` brings one of them: linux/amd64, linux/arm64"];
    for command in [
        &["index", "create", "docker-archive:to.tar", "oci:i"][..],
        &["copy", "oci:i", "docker-archive:to.tar"],
    ] {
        refused(folder, command, &said);
    }
}
