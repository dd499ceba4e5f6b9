//! Many at once on one cache.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use cargo_gantry::base::{Cache, CachedKind, Mode};
use cargo_gantry::blob::BlobStore;
use cargo_gantry::environment::Environment;

use crate::fixture::{Base, Image, Project, Style, holding, named, open, platforms};
use crate::outside::{child, role};

const PROCESSES: usize = 4;

fn base() -> Base {
    let image = |platform: &&str| Image::new(platform, Style::Oci);
    let images = ["linux/amd64", "linux/arm64", "linux/arm/v7"]
        .iter()
        .map(image)
        .collect();
    Base::index(Style::Oci, images)
}

fn cache(folder: &Path) -> Cache {
    Cache::open(&Environment::empty(folder).with("XDG_CACHE_HOME", folder.join("cache"))).unwrap()
}

/// What each process does: everything, and at the end it cleans what others may be reading.
async fn work(folder: &Path, name: &str, number: &str) {
    let wanted = platforms(&["linux/amd64", "linux/arm64", "linux/arm/v7"]);
    let store = BlobStore::open(folder.join(format!("store {number}"))).unwrap();
    for _ in 0..3 {
        let mut bases = open(folder, Mode::default()).unwrap();
        for facts in bases.facts(name, &wanted).await.unwrap() {
            let image = bases.image(&facts).await.unwrap();
            bases.fetch(&image, &store).await.unwrap();
            assert!(
                bases
                    .tree(&image)
                    .await
                    .unwrap()
                    .resolve(b"/etc/passwd")
                    .is_some()
            );
        }
        bases.save(&[name.to_owned()]).unwrap();
        cache(folder).clean(None).unwrap();
    }
}

#[test]
fn processes_share_a_cache_and_a_lock_file() {
    const TEST: &str = "sharing::processes_share_a_cache_and_a_lock_file";
    if let Some(role) = role() {
        let parts: Vec<&str> = role.split('|').collect();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(work(Path::new(parts[0]), parts[1], parts[2]));
        return;
    }
    let (base, project) = (base(), Project::new());
    let registry = holding(&base);
    let name = named(&registry, "v1");
    let children: Vec<_> = (0..PROCESSES)
        .map(|number| {
            let role = format!("{}|{name}|{number}", project.path("").display());
            child(TEST, &role)
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    for number in 0..PROCESSES {
        let store = BlobStore::open(project.path(&format!("store {number}"))).unwrap();
        for layer in base.images.iter().flat_map(|image| &image.layers) {
            let digest = cargo_gantry::spec::Digest::of(layer);
            assert_eq!(store.read(&digest, 1 << 20).unwrap(), *layer);
        }
    }
    assert!(project.lock().contains(&base.digest().to_string()));
    let left: Vec<String> = std::fs::read_dir(project.path(""))
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with('.'))
        .collect();
    assert_eq!(left, Vec::<String>::new());
}

#[tokio::test]
async fn one_process_reads_nothing_twice() {
    let (base, project) = (base(), Project::new());
    let registry = holding(&base);
    let bases = project.bases();
    let images = bases.survey(&named(&registry, "v1")).await.unwrap();
    registry.clear_log();
    let (one, two, three) = tokio::join!(
        bases.tree(&images[0]),
        bases.tree(&images[0]),
        bases.tree(&images[0])
    );
    assert!(*one.unwrap() == *two.unwrap() && three.is_ok());
    assert_eq!(registry.kinds(), ["GET blob", "GET blob"]);
    let stores = ["a", "b"].map(|name| BlobStore::open(project.path(name)).unwrap());
    registry.clear_log();
    let (one, two) = tokio::join!(
        bases.fetch(&images[0], &stores[0]),
        bases.fetch(&images[0], &stores[1])
    );
    assert!(one.is_ok() && two.is_ok());
    assert_eq!(registry.kinds(), ["GET blob", "GET blob"]);
}

#[tokio::test]
async fn a_cache_is_shown_and_cleaned() {
    let (base, project) = (base(), Project::new());
    let registry = holding(&base);
    let mut bases = project.bases();
    bases.keep_layers(true);
    bases
        .facts(&named(&registry, "v1"), &platforms(&["linux/amd64"]))
        .await
        .unwrap();
    let cache = cache(&project.path(""));
    let listed = cache.list().unwrap();
    let count = |kind| listed.iter().filter(|one| one.kind == kind).count();
    let counts = [CachedKind::Manifest, CachedKind::Layer, CachedKind::Tree].map(count);
    assert_eq!(counts, [3, 2, 1]);
    assert_eq!(cache.clean(Some(Duration::from_secs(60))).unwrap().blobs, 0);
    let total: u64 = listed.iter().map(|one| one.size).sum();
    let cleaned = cache.clean(None).unwrap();
    assert_eq!((cleaned.blobs, cleaned.bytes), (6, total));
}
