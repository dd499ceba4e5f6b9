//! Bases out of layouts and archives of them.

use cargo_gantry::archive::{Root, write_archive};
use cargo_gantry::base::Origin;
use cargo_gantry::blob::BlobStore;
use cargo_gantry::spec::Digest;
use serde_json::{Value, json};

use crate::fixture::{Base, Image, Project, Style, code, help, holding, named, platforms};

#[tokio::test]
async fn layouts_and_archives_are_bases_without_a_network() {
    let project = Project::new();
    let base = Base::platforms(Style::Oci, &["linux/amd64", "linux/arm64"]);
    let (store, top) = base.lay_out(&project.path("base"), "1.0");
    write_archive(&store, &[Root::new(top, Some("1.0"))], &project.path("base.tar")).unwrap();
    for (name, path) in [
        ("oci:base", "base"),
        ("oci:base:1.0", "base"),
        ("oci-archive:base.tar:1.0", "base.tar"),
    ] {
        let mut bases = project.bases();
        let facts = bases.facts(name, &platforms(&["linux/arm64"])).await.unwrap();
        assert_eq!(
            (facts[0].index, facts[0].manifest),
            (base.digest(), base.images[1].digest())
        );
        bases.save(&[name.to_owned()]).unwrap();
        let found = bases.image(&facts[0]).await.unwrap();
        assert_eq!(found.origin, Origin::Layout(project.path(path)));
        assert!(
            bases
                .tree(&found)
                .await
                .unwrap()
                .resolve(b"/etc/passwd")
                .is_some()
        );
        let to = BlobStore::open(project.path(&format!("store of {path}"))).unwrap();
        bases.fetch(&found, &to).await.unwrap();
        for layer in &base.images[1].layers {
            assert_eq!(to.read(&Digest::of(layer), 1 << 20).unwrap(), *layer);
        }
        assert_eq!(bases.outdated(name).await.unwrap(), None);
        assert_eq!(
            project
                .locked()
                .facts(name, &platforms(&["linux/arm64"]))
                .await
                .unwrap(),
            facts
        );
    }
}

#[tokio::test]
async fn a_layout_that_was_built_anew_moves_by_update_alone() {
    let project = Project::new();
    let old = Base::platforms(Style::Oci, &["linux/amd64"]);
    old.lay_out(&project.path("base"), "1.0");
    let amd64 = platforms(&["linux/amd64"]);
    let mut bases = project.bases();
    bases.facts("oci:base", &amd64).await.unwrap();
    bases.save(&["oci:base".to_owned()]).unwrap();
    std::fs::remove_dir_all(project.path("base")).unwrap();
    let new = Base::single(Image::seeded("linux/amd64", Style::Oci, "new"));
    new.lay_out(&project.path("base"), "2.0");
    let mut bases = project.bases();
    let facts = bases.facts("oci:base", &amd64).await.unwrap();
    let error = bases.image(&facts[0]).await.unwrap_err();
    assert_eq!(code(&error), "gantry::base::gone");
    let change = bases.outdated("oci:base").await.unwrap().unwrap();
    assert_eq!((change.old, change.new), (Some(old.digest()), Some(new.digest())));
    assert_eq!(bases.update("oci:base", &amd64).await.unwrap(), Some(change));
    let facts = bases.facts("oci:base", &amd64).await.unwrap();
    bases.image(&facts[0]).await.unwrap();
}

#[tokio::test]
async fn one_image_must_be_meant() {
    let project = Project::new();
    Base::platforms(Style::Oci, &["linux/amd64"]).lay_out(&project.path("base"), "1.0");
    Base::platforms(Style::Oci, &["linux/arm64"]).lay_out(&project.path("base"), "2.0");
    for name in ["oci:base", "oci:base:3.0"] {
        let error = project.bases().survey(name).await.unwrap_err();
        assert_eq!(code(&error), "gantry::base::entry");
        assert_eq!(help(&error), "it holds 1.0, 2.0");
    }
    let error = project.bases().survey("oci:nowhere").await.unwrap_err();
    assert_eq!(code(&error), "gantry::archive::read");
}

#[tokio::test]
async fn a_layout_that_was_altered_is_refused() {
    let project = Project::new();
    let base = Base::platforms(Style::Oci, &["linux/amd64"]);
    let (store, _) = base.lay_out(&project.path("base"), "1.0");
    let image = &base.images[0];
    let mut bases = project.bases();
    let facts = bases
        .facts("oci:base", &platforms(&["linux/amd64"]))
        .await
        .unwrap();
    let found = bases.image(&facts[0]).await.unwrap();
    std::fs::remove_dir_all(project.cache().join("trees")).unwrap();
    for bytes in [&image.layers[1], &image.config, &image.manifest] {
        let path = store.path(&Digest::of(bytes));
        let mut altered = bytes.clone();
        *altered.last_mut().unwrap() ^= 1;
        std::fs::write(&path, &altered).unwrap();
        let bases = project.bases();
        let to = BlobStore::open(project.path("store")).unwrap();
        if image.layers.contains(bytes) {
            bases.tree(&found).await.unwrap_err();
            let error = bases.fetch(&found, &to).await.unwrap_err();
            assert_eq!(code(&error), "gantry::base::layer_read");
            assert!(to.find(&Digest::of(bytes)).is_none());
        } else {
            let error = bases.image(&facts[0]).await.unwrap_err();
            assert_eq!(code(&error), "gantry::archive::altered");
        }
        std::fs::write(&path, bytes).unwrap();
    }
}

#[tokio::test]
async fn an_index_may_hold_more_than_images() {
    let empty = |manifest: &mut Value| {
        manifest["config"]["mediaType"] = json!("application/vnd.oci.empty.v1+json");
    };
    let bill = || Image::raw("linux/amd64", Style::Oci, Vec::new(), &[], empty);
    let project = Project::new();
    let amd64 = platforms(&["linux/amd64"]);
    for (name, artifact_type) in [("said", Some("application/spdx+json")), ("silent", None)] {
        let images = vec![Image::new("linux/amd64", Style::Oci), bill()];
        let mut base = Base::index(Style::Oci, images);
        base.change_top(|top| {
            let entry = top["manifests"][1].as_object_mut().unwrap();
            entry.remove("platform");
            entry.extend(artifact_type.map(|kind| ("artifactType".to_owned(), json!(kind))));
        });
        base.lay_out(&project.path(name), "1.0");
        let mut bases = project.bases();
        let facts = bases.facts(&format!("oci:{name}"), &amd64).await.unwrap();
        assert_eq!(facts[0].manifest, base.images[0].digest(), "{name}");
    }
    // The rest of it was not mirrored.
    let mut base = Base::platforms(Style::Oci, &["linux/amd64"]);
    base.change_top(|top| {
        let absent = json!({
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "digest": format!("sha256:{}", "0".repeat(64)),
            "size": 2,
        });
        top["manifests"].as_array_mut().unwrap().push(absent);
    });
    let registry = holding(&base);
    let facts = project
        .bases()
        .facts(&named(&registry, "v1"), &amd64)
        .await
        .unwrap();
    assert_eq!(facts[0].manifest, base.images[0].digest());
    Base::single(bill()).lay_out(&project.path("alone"), "1.0");
    let error = project.bases().facts("oci:alone", &amd64).await.unwrap_err();
    assert_eq!(code(&error), "gantry::base::not_an_image");
}
