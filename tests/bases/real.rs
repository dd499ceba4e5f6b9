//! Against docker-registry itself, and with a C library that programs really use.

use cargo_gantry::registry::{BlobSource, Client, Repository, Settings};
use cargo_gantry::spec::Digest;

use crate::fixture::{Base, Image, Project, REPOSITORY, Style, platforms};
use crate::support::docker_registry::{DockerRegistry, Guard};

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
