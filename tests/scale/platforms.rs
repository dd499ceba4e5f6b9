//! Many platforms at once, also on real bases.

use crate::layers;
use crate::program::{MACHINES, Project, platforms};
use crate::support::bases::push_base;
use crate::support::docker_registry::{DockerRegistry, Guard};
use crate::support::watched::{PROMISED, Watched};

/// Two images of all nine platforms that `targets/` has.
#[test]
fn eighteen_platforms_are_packed_at_once() {
    let platforms = platforms(MACHINES.len());
    let image = |name: &str| {
        format!(
            "[image.{name}]\nbinaries = [\"app\"]\nbase = \"scratch\"\nplatforms = {platforms}\nlabels = {{ name = \
             \"{name}\" }}\n[[image.{name}.files]]\nfrom = \"data\"\nto = \"/data\"\n"
        )
    };
    let matrix = format!(
        "schema = 1\n[binary.app]\npath = \"{{platform-path}}/app\"\n{}{}",
        image("one"),
        image("other")
    );
    let project = Project::new(&matrix);
    project.write("data", vec![7; 16 << 20]);
    Watched::of(&mut project.gantry(&["build", "--quiet"])).within(PROMISED, "2 images of 9 platforms");
    for image in ["one", "other"] {
        let Some(copy) = project.copied_by_skopeo(image) else {
            return;
        };
        let index = layers::index(&copy, image);
        assert_eq!(index["manifests"].as_array().unwrap().len(), MACHINES.len());
        let mut sizes = Vec::new();
        for layer in layers::of(&copy, image) {
            layer.files(|path, bytes| {
                let size = std::io::copy(bytes, &mut std::io::sink()).unwrap();
                sizes.extend((path == "data").then_some(size));
            });
        }
        assert_eq!(sizes, [16 << 20]);
    }
}

/// Three images of three platforms, each on another real base: nine trees are read.
#[test]
fn many_bases_are_read_within_the_limit() {
    let Some(registry) = DockerRegistry::start(&Guard::default()) else {
        return;
    };
    let mut matrix = "schema = 1\n[defaults]\nplatforms = [\"linux/amd64\", \"linux/arm64\", \
                      \"linux/arm/v7\"]\n[binary.app]\npath = \"{platform-path}/app\"\n"
        .to_owned();
    for (number, base) in ["debian-bookworm-slim", "debian-trixie-slim", "distroless-cc"]
        .iter()
        .enumerate()
    {
        if push_base(base, &registry.host(), base, "latest").is_none() {
            return;
        }
        matrix += &format!(
            "[image.image-{number}]\nbinaries = [\"app\"]\nbase = \"{}/{base}:latest\"\n",
            registry.host()
        );
    }
    let project = Project::new(&matrix);
    let build = || project.gantry(&["build", "--quiet"]);
    Watched::of(&mut build()).within(PROMISED, "9 trees of bases, made");
    std::fs::remove_dir_all(project.path(".gantry")).unwrap();
    Watched::of(&mut build()).within(PROMISED, "9 trees of bases, out of the cache");
}
