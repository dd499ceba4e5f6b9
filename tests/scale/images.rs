//! Fifty images in one workspace.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::program::Project;
use crate::support::docker_registry::{DockerRegistry, Guard};
use crate::support::watched::{PROMISED, Watched};

pub(crate) const IMAGES: usize = 50;

/// Images of the same program, each with a label of its own.
pub(crate) fn matrix(images: usize, repository: &str) -> String {
    let mut text = format!(
        "schema = 1\n[defaults]\nrepository = \"{repository}\"\nplatforms = [\"linux/amd64\", \"linux/arm64\"]\nbase = \
         \"scratch\"\ntags = [{{ tag = \"v1\", moves = \"always\" }}]\n[binary.app]\npath = \"{{platform-path}}/app\"\n"
    );
    for number in 0..images {
        text +=
            &format!("[image.image-{number}]\nbinaries = [\"app\"]\nlabels = {{ number = \"{number}\" }}\n");
    }
    text
}

#[test]
fn fifty_images_are_published_at_once() {
    let Some(registry) = DockerRegistry::start(&Guard::default()) else {
        return;
    };
    let host = registry.host();
    let project = Project::new(&matrix(IMAGES, &format!("{host}/team/{{image}}")));
    let publish = || project.gantry(&["publish", "--quiet"]);
    let first = Watched::of(&mut publish()).within(PROMISED, "50 images published");
    let again = Watched::of(&mut publish()).within(PROMISED, "50 images again");
    // Of so little to pack, looking costs as much as packing; no more than that.
    assert!(again.calls < first.calls * 5 / 4, "{first:?}, then {again:?}");

    let mut digests = BTreeSet::new();
    for number in 0..IMAGES {
        let told = project
            .outside("skopeo")
            .args(["inspect", "--raw", "--tls-verify=false"])
            .arg(format!("docker://{host}/team/image-{number}:v1"))
            .output();
        let Some(told) = crate::support::outside(told, "skopeo", "skopeo") else {
            return;
        };
        let index: Value = serde_json::from_slice(&told.stdout).unwrap();
        let manifests = index["manifests"].as_array().unwrap();
        assert_eq!(manifests.len(), 2);
        digests.extend(
            manifests
                .iter()
                .map(|manifest| manifest["digest"].as_str().unwrap().to_owned()),
        );
    }
    assert_eq!(digests.len(), 2 * IMAGES, "labels are in the configs");
    // What is the same is stored once: a layer a platform. All else is one of each image's.
    assert_eq!(blobs(&project.path(".gantry")), 2 + IMAGES * (2 + 2 + 1));
}

fn blobs(layout: &Path) -> usize {
    std::fs::read_dir(layout.join("blobs/sha256")).unwrap().count()
}
