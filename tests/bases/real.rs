//! Against docker-registry itself, and with a C library that programs really use.

use std::path::Path;

use cargo_gantry::base::Mode;
use cargo_gantry::blob::BlobStore;
use cargo_gantry::registry::{BlobSource, Client, Repository, Settings};
use cargo_gantry::spec::{DiffId, Digest};

use crate::fixture::{Base, Image, Project, REPOSITORY, Style, holding, named, open, platforms, tar};
use crate::outside::{child, role};
use crate::support::docker_registry::{DockerRegistry, Guard};
use crate::support::missing;

/// Pushes everything as it is.
async fn push(base: &Base, host: &str, tag: &str) {
    let folder = tempfile::tempdir().unwrap();
    let environment = cargo_gantry::environment::Environment::empty(folder.path());
    let settings = Settings::new(cargo_gantry::tool::Tools::new(environment));
    let client = Client::new(settings, std::sync::Arc::new(cargo_gantry::event::Silent)).unwrap();
    let repository = Repository::new(host, REPOSITORY);
    for bytes in base.images.iter().flat_map(Image::blobs) {
        let digest = Digest::of(bytes);
        let path = folder.path().join(digest.hex());
        std::fs::write(&path, bytes).unwrap();
        let size = bytes.len() as u64;
        client
            .push_blob(&repository, &BlobSource::file(digest, size, path))
            .await
            .unwrap();
    }
    for (media_type, bytes) in base.manifests() {
        let reference = repository.at(&Digest::of(bytes));
        client.put_manifest(&reference, media_type, bytes).await.unwrap();
    }
    client
        .put_manifest(&repository.tagged(tag), base.media_type(), &base.top)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_real_registry_serves_bases_of_both_kinds() {
    let Some(registry) = DockerRegistry::start(&Guard::default()) else {
        return;
    };
    let project = Project::new();
    for (style, tag) in [(Style::Docker, "docker"), (Style::Oci, "oci")] {
        let base = Base::platforms(style, &["linux/amd64", "linux/arm/v6", "linux/arm64"]);
        push(&base, &registry.host(), tag).await;
        let name = format!("{}/{REPOSITORY}:{tag}", registry.host());
        let mut bases = project.bases();
        let wanted = platforms(&["linux/amd64", "linux/arm/v7", "linux/arm64"]);
        let facts = bases.facts(&name, &wanted).await.unwrap();
        let found: Vec<Digest> = facts.iter().map(|facts| facts.manifest).collect();
        let expected: Vec<Digest> = base.images.iter().map(Image::digest).collect();
        assert_eq!(found, expected);
        for facts in &facts {
            let image = bases.image(facts).await.unwrap();
            assert!(
                bases
                    .tree(&image)
                    .await
                    .unwrap()
                    .resolve(b"/etc/passwd")
                    .is_some()
            );
        }
        assert_eq!(bases.outdated(&name).await.unwrap(), None);
    }
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn the_c_library_is_the_one_that_the_layers_hold() {
    let glibc = ["/lib/x86_64-linux-gnu/libc.so.6", "/lib64/ld-linux-x86-64.so.2"];
    let musl = ["/lib/ld-musl-x86_64.so.1"];
    let version = std::process::Command::new("getconf")
        .arg("GNU_LIBC_VERSION")
        .output();
    let version = version.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    let version = version.unwrap_or_default();
    for (paths, expected) in [(&glibc[..], version.as_str()), (&musl[..], "musl")] {
        let Ok(files) = paths.iter().map(std::fs::read).collect::<Result<Vec<_>, _>>() else {
            missing(&format!("{}: needs x86-64, with Debian's package musl", paths[0]));
            continue;
        };
        let entries: Vec<(&str, &[u8])> = paths
            .iter()
            .zip(&files)
            .map(|(path, bytes)| (path.trim_start_matches('/'), bytes.as_slice()))
            .collect();
        let image = Image::of("linux/amd64", Style::Oci, &[tar(&entries)]);
        let (registry, project) = (holding(&Base::single(image)), Project::new());
        let name = named(&registry, "v1");
        let mut bases = project.bases();
        let facts = bases.facts(&name, &platforms(&["linux/amd64"])).await.unwrap();
        assert_eq!(facts[0].libc.to_string(), expected);
        bases.save(std::slice::from_ref(&name)).unwrap();
        assert!(project.lock().contains(&format!("libc = \"{expected}\"")));
        let locked = project
            .locked()
            .facts(&name, &platforms(&["linux/amd64"]))
            .await
            .unwrap();
        assert_eq!(locked, facts);
    }
}

/// Most memory that this process ever had, in kB.
#[cfg(target_os = "linux")]
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    line.trim().trim_end_matches("kB").trim().parse().unwrap()
}

/// In a process of its own: this one holds the layer.
#[tokio::test]
#[cfg(target_os = "linux")]
async fn memory_does_not_grow_with_layers() {
    const TEST: &str = "real::memory_does_not_grow_with_layers";
    let wanted = platforms(&["linux/amd64"]);
    if let Some(role) = role() {
        let (folder, name) = role.split_once('|').unwrap();
        let before = peak();
        for keep in [false, true] {
            let mut bases = open(Path::new(folder), Mode::default()).unwrap();
            bases.keep_layers(keep);
            let facts = bases.facts(name, &wanted).await.unwrap();
            let image = bases.image(&facts[0]).await.unwrap();
            if keep {
                let store = BlobStore::open(Path::new(folder).join("store")).unwrap();
                bases.fetch(&image, &store).await.unwrap();
            }
            bases.tree(&image).await.unwrap();
            std::fs::remove_dir_all(Path::new(folder).join("cache/cargo-gantry/trees")).unwrap();
        }
        eprintln!("peak memory in kB: before {before}, after {}", peak());
        assert!(
            peak() - before < 40 << 10,
            "{before} kB before, {} kB after",
            peak()
        );
        return;
    }
    let Some(registry) = DockerRegistry::start(&Guard::default()) else {
        return;
    };
    let layer = tar(&[("large", &vec![7; 150 << 20])]);
    let diff_id = DiffId::of(&layer);
    let plain = |manifest: &mut serde_json::Value| {
        manifest["layers"][0]["mediaType"] = "application/vnd.oci.image.layer.v1.tar".into();
    };
    let image = Image::raw("linux/amd64", Style::Oci, vec![layer], &[diff_id], plain);
    push(&Base::single(image), &registry.host(), "large").await;
    let project = Project::new();
    let name = format!("{}/{REPOSITORY}:large", registry.host());
    let output = child(TEST, &format!("{}|{name}", project.path("").display()))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
