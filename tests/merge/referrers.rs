//! Signatures and SBOMs go along with what they are about, where the registry keeps a list of them and where it does not.

use std::path::Path;

use cargo_gantry::environment::Environment;
use cargo_gantry::event::Silent;
use cargo_gantry::registry::{Client, Repository, Settings};
use cargo_gantry::tool::Tools;
use serde_json::json;

use crate::place;
use crate::project::{Project, gantry, messages};
use crate::support::registry::{Habits, Registry, Setup};
use crate::support::workspace::Ran;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

fn registry(referrers: bool) -> Registry {
    Registry::start(Setup {
        habits: Habits {
            referrers,
            ..Habits::PLAIN
        },
        ..Setup::default()
    })
}

fn client() -> Client {
    let tools = Tools::new(Environment::empty("/"));
    Client::new(Settings::new(tools), std::sync::Arc::new(Silent)).unwrap()
}

fn block<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(future)
}

/// Attaches an artifact to a manifest, and gives its digest.
fn attach(registry: &Registry, subject: (&str, usize, &str), content: &str) -> String {
    registry.hold("team/lookout", b"{}");
    registry.hold("team/lookout", content.as_bytes());
    let part = |bytes: &[u8], media_type: &str| json!({"mediaType": media_type, "digest": place::digest(bytes), "size": bytes.len()});
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "application/vnd.example.sbom",
        "config": part(b"{}", "application/vnd.oci.empty.v1+json"),
        "layers": [part(content.as_bytes(), "application/vnd.example.sbom")],
        "subject": {"mediaType": subject.2, "digest": subject.0, "size": subject.1},
    });
    let bytes = manifest.to_string().into_bytes();
    let repository = Repository::new(&registry.host(), "team/lookout");
    block(client().put_referrer(&repository, MANIFEST, &bytes)).unwrap();
    place::digest(&bytes)
}

/// Digests of what refers to a manifest, as anybody finds them.
fn referrers(registry: &Registry, repository: &str, digest: &str) -> Vec<String> {
    let repository = Repository::new(&registry.host(), repository);
    let found = block(client().referrers(&repository, &digest.parse().unwrap(), None)).unwrap();
    found.iter().map(|found| found.digest().to_string()).collect()
}

#[test]
fn what_refers_to_an_image_goes_along_on_request() {
    for (from_lists, to_lists) in [(true, true), (true, false), (false, true), (false, false)] {
        let (from, to) = (registry(from_lists), registry(to_lists));
        let project = Project::new(&format!("{}/team/lookout", from.host()), "tags = [\"edge\"]");
        let machine = project.machine("one", "1.2.3");
        let published = machine.messages(&["publish"], "published");
        let index = published[0]["digest"].as_str().unwrap();
        let arm = manifest_of(&from, index, 2);
        let size = |digest: &str| from.store(|store| store.of("team/lookout").manifests[digest].1.len());
        let about_index = attach(
            &from,
            (index, size(index), "application/vnd.oci.image.index.v1+json"),
            "signature",
        );
        let about_arm = attach(&from, (&arm, size(&arm), MANIFEST), "sbom of arm");
        let about_sbom = attach(
            &from,
            (&about_arm, size(&about_arm), MANIFEST),
            "signature of the sbom",
        );

        // As cosign has stored signatures for years: under a tag.
        let by_cosign = format!("sha256-{}.sig", &index[7..]);
        let signature = json!({"schemaVersion": 2, "mediaType": MANIFEST, "layers": [], "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json", "digest": place::digest(b"{}"), "size": 2}});
        let signature = signature.to_string().into_bytes();
        let signed = place::digest(&signature);
        from.store(|store| {
            let repository = store.repositories.get_mut("team/lookout").unwrap();
            repository
                .manifests
                .insert(signed.clone(), (MANIFEST.to_owned(), signature));
            repository.tags.insert(by_cosign.clone(), signed.clone());
        });

        let source = format!("{}/team/lookout:edge", from.host());
        let target = format!("{}/team/copy:edge", to.host());
        let copy = |words: &[&str]| {
            let words = [&["copy"], words, &["--referrers", "--message-format", "json"]].concat();
            let ran = Ran::of(&mut gantry(Path::new("/"), &words)).ok();
            messages(&ran, "copied").remove(0)
        };
        assert_eq!(
            copy(&[&source, &target])["referrers"],
            4,
            "{from_lists} {to_lists}"
        );
        for (subject, referrer) in [
            (index, &about_index),
            (&arm, &about_arm),
            (&about_arm, &about_sbom),
        ] {
            assert_eq!(
                referrers(&to, "team/copy", subject),
                std::slice::from_ref(referrer),
                "{from_lists} {to_lists}"
            );
            place::in_registry(&to, "team/copy", referrer);
        }
        assert_eq!(place::tag(&to, "team/copy", &by_cosign), Some(signed.clone()));
        to.clear_log();
        assert_eq!(copy(&[&source, &target])["unchanged"], true);
        assert!(
            to.log().iter().all(|asked| asked.method != "PUT"),
            "{:?}",
            to.kinds()
        );

        if (from_lists, to_lists) != (true, false) {
            continue;
        }
        // Through a layout, and from there into a registry again.
        let layout = project.path("layout");
        let there = format!("oci:{}:edge", layout.display());
        assert_eq!(copy(&[&source, &there])["referrers"], 4);
        assert_eq!(copy(&[&source, &there])["unchanged"], true);
        let archive = format!("oci-archive:{}:edge", project.path("all.tar").display());
        assert_eq!(copy(&[&there, &archive])["referrers"], 4);
        for (number, source) in [&there, &archive].into_iter().enumerate() {
            let repository = format!("team/again{number}");
            let target = format!("{}/{repository}:edge", to.host());
            assert_eq!(copy(&[source, &target])["referrers"], 4, "{source}");
            assert_eq!(
                referrers(&to, &repository, &about_arm),
                std::slice::from_ref(&about_sbom)
            );
            place::in_registry(&to, &repository, &about_sbom);
            assert_eq!(place::tag(&to, &repository, &by_cosign), Some(signed.clone()));
        }
        // Only those of what is copied.
        let target = format!("{}/team/one:edge", to.host());
        assert_eq!(
            copy(&[&source, &target, "--platform", "linux/arm64"])["referrers"],
            2
        );
        assert_eq!(
            copy(&[&source, &format!("{target}-amd"), "--platform", "linux/amd64"])["referrers"],
            0
        );
    }
}

fn manifest_of(registry: &Registry, index: &str, position: usize) -> String {
    let bytes = registry.store(|store| store.of("team/lookout").manifests[index].1.clone());
    let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    value["manifests"][position]["digest"]
        .as_str()
        .unwrap()
        .to_owned()
}
