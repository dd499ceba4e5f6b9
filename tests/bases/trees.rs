//! Trees and layers: made once, kept, and never of bytes that are not what they should be.

use cargo_gantry::base::{BaseError, BaseImage, Bases};
use cargo_gantry::blob::{Blob, BlobStore};
use cargo_gantry::rootfs::Kind;
use cargo_gantry::spec::{DiffId, Digest, MediaType};

use crate::fixture::{Base, Image, Project, Style, code, gzip, holding, named, platforms, tar};
use crate::support::registry::{Act, Fault, Registry};

const AMD64: &str = "linux/amd64";

async fn image(bases: &mut Bases, registry: &Registry) -> Result<BaseImage, BaseError> {
    let facts = bases.facts(&named(registry, "v1"), &platforms(&[AMD64])).await?;
    bases.image(&facts[0]).await
}

fn base(style: Style) -> Base {
    Base::platforms(style, &[AMD64])
}

#[tokio::test]
async fn layers_are_read_once_and_the_tree_is_kept() {
    let base = base(Style::Docker);
    let (registry, project) = (holding(&base), Project::new());
    let mut bases = project.bases();
    let found = image(&mut bases, &registry).await.unwrap();
    let tree = bases.tree(&found).await.unwrap();
    let passwd = tree.resolve(b"/etc/passwd").unwrap().1;
    let Kind::File(facts) = &passwd.kind else {
        panic!("{passwd:?}");
    };
    assert_eq!(
        facts.text.as_deref(),
        Some(&b"root:x:0:0:linux/amd64:/root:/bin/sh\n"[..])
    );
    assert!(tree.resolve(b"/etc/old").is_none() && tree.resolve(b"/usr/share/large").is_some());
    let blobs = registry.kinds().iter().filter(|kind| *kind == "GET blob").count();
    assert_eq!(blobs, 3, "the config and two layers, once each");
    // Nothing of the layers was stored.
    assert!(
        base.images[0]
            .layers
            .iter()
            .all(|layer| bases.cached(&Blob::of(layer)).is_none())
    );

    registry.clear_log();
    let other = project.locked_after(&mut bases, &registry);
    assert_eq!(*other.tree(&found).await.unwrap(), *tree);
    assert_eq!(registry.whole_log().len(), 0);

    // A damaged file is made anew.
    let folder = project.cache().join("trees");
    let file = std::fs::read_dir(&folder)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let whole = std::fs::read(&file).unwrap();
    let mut bytes = whole.clone();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&file, bytes).unwrap();
    assert_eq!(*bases.tree(&found).await.unwrap(), *tree);
    assert_eq!(registry.kinds(), ["GET blob", "GET blob"]);
    assert_eq!(std::fs::read(&file).unwrap(), whole);
}

impl Project {
    /// The same project later, when nothing may be asked or changed any more.
    fn locked_after(&self, bases: &mut Bases, registry: &Registry) -> Bases {
        bases.save(&[named(registry, "v1")]).unwrap();
        self.locked()
    }
}

#[tokio::test]
async fn docker_images_get_the_words_of_oci_and_keep_their_bytes() {
    for style in [Style::Docker, Style::Oci] {
        let base = base(style);
        let (registry, project) = (holding(&base), Project::new());
        let found = image(&mut project.bases(), &registry).await.unwrap();
        let made = &base.images[0];
        for (layer, bytes) in found.layers.iter().zip(&made.layers) {
            assert_eq!(*layer.descriptor.media_type(), MediaType::ImageLayerGzip);
            assert_eq!(Blob::described(&layer.descriptor).unwrap(), Blob::of(bytes));
        }
        assert_eq!(found.layers.len(), 2);
        assert_eq!(found.config["x-unknown"], serde_json::json!([1.5]));
    }
}

#[tokio::test]
async fn layers_are_kept_where_they_are_wanted() {
    for keep in [true, false] {
        let base = base(Style::Oci);
        let (registry, project) = (holding(&base), Project::new());
        let mut bases = project.bases();
        bases.keep_layers(keep);
        let found = image(&mut bases, &registry).await.unwrap();
        let store = BlobStore::open(project.path("store")).unwrap();
        bases.fetch(&found, &store).await.unwrap();
        bases.tree(&found).await.unwrap();
        let blobs = registry.kinds().iter().filter(|kind| *kind == "GET blob").count();
        assert_eq!(blobs, if keep { 3 } else { 5 });
        for bytes in &base.images[0].layers {
            let cached = bases.cached(&Blob::of(bytes)).unwrap();
            let stored = store.path(&Digest::of(bytes));
            assert_eq!(std::fs::read(&stored).unwrap(), *bytes);
            #[cfg(unix)]
            {
                use std::os::unix::fs::MetadataExt;
                let inode = |path| std::fs::metadata(path).unwrap().ino();
                assert_eq!(inode(&cached), inode(&stored));
            }
            assert!(cached.starts_with(project.cache()));
        }
        registry.clear_log();
        let second = BlobStore::open(project.path("second")).unwrap();
        project
            .locked_after(&mut bases, &registry)
            .fetch(&found, &second)
            .await
            .unwrap();
        assert_eq!(registry.whole_log().len(), 0);
    }
}

#[tokio::test]
async fn what_was_altered_in_the_cache_is_read_again() {
    let base = base(Style::Oci);
    let (registry, project) = (holding(&base), Project::new());
    let mut bases = project.bases();
    bases.keep_layers(true);
    let found = image(&mut bases, &registry).await.unwrap();
    let layer = Digest::of(&base.images[0].layers[0]);
    let alter = |digest: &Digest| {
        let path = project.cache().join("blobs/sha256").join(digest.hex());
        let mut bytes = std::fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(&path, bytes).unwrap();
    };
    let config = Digest::of(&base.images[0].config);
    for (digest, requests) in [(found.facts.manifest, 1), (config, 1)] {
        alter(&digest);
        registry.clear_log();
        bases.image(&found.facts).await.unwrap();
        assert_eq!(registry.log().len(), requests);
    }
    alter(&layer);
    // Nobody publishes it from there.
    assert!(bases.cached(&Blob::of(&base.images[0].layers[0])).is_none());
    registry.clear_log();
    let store = BlobStore::open(project.path("store")).unwrap();
    bases.fetch(&found, &store).await.unwrap();
    assert_eq!(registry.kinds(), ["GET blob"]);
    assert_eq!(store.read(&layer, 1 << 20).unwrap(), base.images[0].layers[0]);
    // And for a tree.
    std::fs::remove_dir_all(project.cache().join("trees")).unwrap();
    std::fs::remove_dir_all(project.path("store")).unwrap();
    alter(&layer);
    registry.clear_log();
    let bases = project.bases();
    bases.tree(&found).await.unwrap();
    assert_eq!(registry.kinds(), ["GET blob"]);
}

#[tokio::test]
async fn bytes_that_a_registry_altered_count_for_nothing() {
    // The index, the manifest, the config, either layer.
    for (kind, at) in [
        ("manifest", 1),
        ("manifest", 2),
        ("blob", 1),
        ("blob", 2),
        ("blob", 3),
    ] {
        let base = base(Style::Oci);
        let (registry, project) = (holding(&base), Project::new());
        registry.fail([Fault::first(Act::Flip).on("GET", kind).at(at)]);
        let error = image(&mut project.bases(), &registry).await.unwrap_err();
        assert_eq!(code(&error), "gantry::registry::mismatch", "{kind} {at}");
        let mut bases = project.bases();
        assert_eq!(
            std::fs::read_dir(project.cache().join("trees")).unwrap().count(),
            0
        );
        image(&mut bases, &registry).await.unwrap();
    }
}

#[tokio::test]
async fn a_connection_that_breaks_costs_nothing_but_time() {
    let base = base(Style::Oci);
    let (registry, project) = (holding(&base), Project::new());
    registry.fail([Fault::first(Act::Truncate(100)).on("GET", "blob").at(2).times(2)]);
    let mut bases = project.bases();
    let found = image(&mut bases, &registry).await.unwrap();
    assert!(
        bases
            .tree(&found)
            .await
            .unwrap()
            .resolve(b"/usr/share/large")
            .is_some()
    );
}

#[tokio::test]
async fn layers_that_are_not_what_the_image_says_are_refused() {
    let good = tar(&[("etc/passwd", b"x")]);
    let cut = gzip(&good);
    let cut = cut[..cut.len() - 6].to_vec();
    let size = |manifest: &mut serde_json::Value| manifest["layers"][0]["size"] = 5.into();
    let kind = |manifest: &mut serde_json::Value| manifest["layers"][0]["mediaType"] = "text/plain".into();
    let made =
        |layer: Vec<u8>, tar: &[u8]| Image::raw(AMD64, Style::Oci, vec![layer], &[DiffId::of(tar)], |_| ());
    let changed = |change: fn(&mut serde_json::Value)| {
        Image::raw(AMD64, Style::Oci, vec![gzip(&good)], &[DiffId::of(&good)], change)
    };
    let mut two = Image::raw(
        AMD64,
        Style::Oci,
        vec![gzip(&good)],
        &[DiffId::of(&good); 2],
        |_| (),
    );
    for (wrong, expected) in [
        (made(gzip(&good), b"another"), "gantry::base::diff_id"),
        (
            made(cut, &good),
            "gantry::base::layer_read gantry::base::layer gantry::rootfs::tar",
        ),
        (
            made(b"no gzip".to_vec(), b""),
            "gantry::base::layer gantry::rootfs::tar",
        ),
        (
            changed(size),
            "gantry::registry::too_large gantry::registry::mismatch",
        ),
        (changed(kind), "gantry::base::layer_type"),
        (
            std::mem::replace(&mut two, changed(|_| ())),
            "gantry::base::layer_count",
        ),
    ] {
        let (registry, project) = (holding(&Base::single(wrong)), Project::new());
        let error = image(&mut project.bases(), &registry).await.unwrap_err();
        assert!(
            expected.split(' ').any(|one| one == code(&error)),
            "{expected}: {error:?}"
        );
        assert!(!project.path("gantry.lock").exists());
    }
}

#[tokio::test]
async fn a_survey_lists_every_platform_and_reads_no_layer() {
    let base = Base::platforms(Style::Docker, &["linux/s390x", AMD64, "linux/arm/v5"]);
    let (registry, project) = (holding(&base), Project::new());
    let images = project.bases().survey(&named(&registry, "v1")).await.unwrap();
    let shown: Vec<String> = images
        .iter()
        .map(|image| image.facts.platform.to_string())
        .collect();
    assert_eq!(shown, ["linux/s390x", AMD64, "linux/arm/v5"]);
    assert_eq!(registry.log().len(), 1 + 3 + 3);
}
