//! What a base that is an image decides.

use super::*;
use crate::spec::Digest;

const GNU: [&str; 2] = ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"];

/// A matrix of one image for amd64 with these settings, on a machine that has `installed`, and a base `b` with this libc.
fn on(libc: &str, settings: &str, installed: &[&'static str]) -> Case {
    let platform = "[image.app]\nbase = 'b'\nplatforms = ['linux/amd64']\n";
    let mut case = Case::new(&format!("{platform}{settings}"));
    case.installed = installed.to_vec();
    case.knows("b", "linux/amd64", libc);
    case
}

impl Case {
    fn knows(&mut self, name: &str, platform: &str, libc: &str) {
        let platform: Platform = platform.parse().unwrap();
        let facts = BaseFacts::new(
            name,
            Digest::of(name.as_bytes()),
            Digest::of(format!("{name} {platform}").as_bytes()),
            platform.clone(),
            libc.parse().unwrap(),
        );
        self.bases.insert((name.to_owned(), platform), facts);
    }
}

#[test]
fn the_base_chooses_the_triple_and_sets_the_floor() {
    let own = |key: &str| format!("[image.app.platform.'linux/amd64']\n{key}\n");
    let (gnu, musl) = ("x86_64-unknown-linux-gnu", "x86_64-unknown-linux-musl");
    let both = [gnu, musl];
    let target = |triple: &str| own(&format!("target = '{triple}'"));
    // libc of the base, settings, what is installed; then triple, linked statically, floor, why
    for (libc, settings, installed, want) in [
        (
            "glibc 2.36",
            String::new(),
            &both[..],
            (gnu, false, Some("2.36"), "base `b` has glibc 2.36"),
        ),
        (
            "glibc 2.39.9000",
            String::new(),
            &both,
            (gnu, false, Some("2.39"), "base `b` has glibc 2.39.9000"),
        ),
        (
            "glibc 2.36",
            own("glibc = '2.31'"),
            &both,
            (
                gnu,
                false,
                Some("2.31"),
                "base `b` has glibc 2.36, the matrix asks for glibc 2.31",
            ),
        ),
        (
            "glibc 2.36",
            own("glibc = 'from-base'"),
            &both,
            (gnu, false, Some("2.36"), "base `b` has glibc 2.36"),
        ),
        (
            "glibc 2.36",
            target(gnu),
            &both,
            (gnu, false, Some("2.36"), "the matrix says so"),
        ),
        (
            "glibc 2.36",
            target(musl),
            &both,
            (musl, false, None, "the matrix says so"),
        ),
        (
            "glibc 2.36",
            own(&format!("target = '{gnu}'\nglibc = '2.28'")),
            &both,
            (
                gnu,
                false,
                Some("2.28"),
                "the matrix says so; base `b` has glibc 2.36, the matrix asks for glibc 2.28",
            ),
        ),
        (
            "musl 1.2.5",
            String::new(),
            &both,
            (musl, false, None, "base `b` has musl 1.2.5"),
        ),
        (
            "musl",
            own("glibc = '2.31'"),
            &both,
            (musl, false, None, "base `b` has musl"),
        ),
        (
            "musl 1.2.5",
            String::new(),
            &[gnu],
            (
                gnu,
                true,
                None,
                "base `b` has musl 1.2.5 and `x86_64-unknown-linux-musl` is not installed: glibc, linked statically",
            ),
        ),
        (
            "musl 1.2.5",
            target(gnu),
            &both,
            (
                gnu,
                true,
                None,
                "the matrix says so; base `b` has musl 1.2.5: glibc, linked statically",
            ),
        ),
        (
            "none",
            String::new(),
            &both,
            (musl, false, None, "base `b` has no C library"),
        ),
        (
            "none",
            String::new(),
            &[gnu],
            (
                gnu,
                true,
                None,
                "base `b` has no C library and `x86_64-unknown-linux-musl` is not installed: glibc, linked statically",
            ),
        ),
        (
            "none",
            target(gnu),
            &[gnu],
            (
                gnu,
                true,
                None,
                "the matrix says so; base `b` has no C library: glibc, linked statically",
            ),
        ),
    ] {
        let plan = on(libc, &settings, installed).plan().unwrap();
        let (platform, built) = (&plan.images[0].platforms[0], &plan.units[0].targets[0]);
        let is_static = built.link.shown.contains("static glibc");
        let got = (
            platform.triple.as_str(),
            is_static,
            platform.glibc.as_deref(),
            platform.why.as_str(),
        );
        assert_eq!(got, want, "{libc} {settings}");
        assert_eq!(
            (built.triple.as_str(), built.glibc.as_deref()),
            (want.0, want.2),
            "{libc} {settings}"
        );
        assert_eq!(platform.base_facts.as_ref().unwrap().libc.to_string(), libc);
        assert_eq!(
            plan.notices.iter().any(|notice| notice.contains("NSS")),
            is_static
        );
    }
}

#[test]
fn what_the_base_needs_must_be_installed() {
    let missing = on("glibc 2.36", "", &MUSL).plan();
    assert!(
        matches!(&missing, Err(PlanError::NoStd { triples }) if *triples == ["x86_64-unknown-linux-gnu"]),
        "musl is no way out on a base with glibc: {missing:?}"
    );
    let mut unknown = on("none", "", &MUSL);
    unknown.bases.clear();
    assert!(matches!(unknown.plan(), Err(PlanError::Base { base, .. }) if base == "b"));
}

#[test]
fn a_glibc_newer_than_the_bases_is_allowed_and_told() {
    let of = |glibc: &str| {
        let settings = format!("[image.app.platform.'linux/amd64']\nglibc = '{glibc}'\n");
        on("glibc 2.36", &settings, &GNU).plan().unwrap().notices
    };
    assert!(of("2.36").is_empty() && of("2.4").is_empty());
    assert_eq!(
        of("2.39"),
        [
            "image `app` on linux/amd64: `glibc = \"2.39\"` is newer than that of its base: programs may not start there"
        ]
    );
}

#[test]
fn floors_separate_units_and_equal_ones_do_not() {
    let matrix = "[image.app]\nbase = 'old'\n[image.migrate]\nbase = 'new'\n[image.tool]\nbase = 'other'\n";
    let mut case = Case::new(matrix);
    case.installed = GNU.to_vec();
    for platform in ["linux/amd64", "linux/arm64"] {
        case.knows("old", platform, "glibc 2.31");
        case.knows("other", platform, "glibc 2.31");
        case.knows("new", platform, "glibc 2.36");
    }
    let plan = case.plan().unwrap();
    assert_eq!(
        units(&plan),
        [
            "release: app | app+tool | aarch64+x86_64",
            "release-2: db | migrate | aarch64+x86_64 | own"
        ]
    );
    let floors: Vec<_> = plan
        .units
        .iter()
        .map(|unit| unit.targets[0].glibc.clone().unwrap())
        .collect();
    assert_eq!(floors, ["2.31", "2.36"]);
}

#[test]
fn bases_are_those_of_all_images_each_once() {
    let matrix = "[defaults]\nplatforms = ['linux/amd64', 'linux/arm64', 'linux/riscv64']\n\
                  [image.app]\nbase = { default = 'b', 'linux/arm64' = 'a', 'linux/riscv64' = 'scratch' }\n\
                  [image.tool]\nbase = 'a'\nplatforms = ['linux/arm64', 'linux/386']\n[image.migrate]\n";
    let named = |matrix: &str| {
        let matrix = matrix::parse("gantry.toml", &format!("schema = 1\n{matrix}")).unwrap();
        let shown = |(name, platforms): (String, Vec<Platform>)| {
            let platforms: Vec<String> = platforms.iter().map(ToString::to_string).collect();
            format!("{name}: {}", platforms.join(" "))
        };
        bases(&matrix).into_iter().map(shown).collect::<Vec<_>>()
    };
    assert_eq!(named(matrix), ["b: linux/amd64", "a: linux/arm64 linux/386"]);
    // Without images the project implies some, all with the defaults.
    assert_eq!(named("[defaults]\nbase = 'b'\n"), ["b: linux/amd64 linux/arm64"]);
    assert!(named("").is_empty());
}

#[test]
fn the_base_is_named_on_index_manifests_and_labels() {
    const NAME: &str = "org.opencontainers.image.base.name";
    const DIGEST: &str = "org.opencontainers.image.base.digest";
    let plan = |matrix: &str, platforms: &[&str]| {
        let mut case = Case::new(matrix).only(&[], platforms);
        case.installed.extend(GNU);
        for name in ["debian:13-slim", "oci:dist/base", "other"] {
            case.knows(name, "linux/amd64", "glibc 2.36");
            case.knows(name, "linux/arm64", "glibc 2.36");
        }
        case.plan().unwrap().images.remove(0)
    };
    let get = |notes: &BTreeMap<String, String>, key: &str| notes.get(key).cloned();
    let (index, manifest) = (
        Digest::of(b"debian:13-slim"),
        Digest::of(b"debian:13-slim linux/amd64"),
    );
    let debian = Some("docker.io/library/debian:13-slim".to_owned());

    let image = plan("[image.app]\nbase = 'debian:13-slim'\n", &[]);
    let amd = &image.platforms[0];
    assert_eq!(
        (get(&image.annotations, NAME), get(&image.annotations, DIGEST)),
        (debian.clone(), Some(index.to_string()))
    );
    for notes in [&amd.annotations, &amd.labels] {
        assert_eq!(
            (get(notes, NAME), get(notes, DIGEST)),
            (debian.clone(), Some(manifest.to_string()))
        );
    }

    // Different bases: the index names none, whatever is packed.
    let mixed = "[image.app]\nbase = { default = 'debian:13-slim', 'linux/arm64' = 'other' }\n";
    for packed in [&[][..], &["linux/amd64"]] {
        let image = plan(mixed, packed);
        assert_eq!(
            (get(&image.annotations, NAME), get(&image.annotations, DIGEST)),
            (None, None)
        );
        assert_eq!(get(&image.platforms[0].labels, NAME), debian);
    }

    let image = plan("[image.app]\nbase = 'oci:dist/base'\n", &[]);
    assert_eq!(get(&image.annotations, NAME), None);
    assert!(image.annotations.contains_key(DIGEST));
    let image = plan(
        &format!("[image.app]\nbase = 'debian:13-slim'\nlabels = {{ '{NAME}' = false }}\n"),
        &[],
    );
    assert_eq!(get(&image.annotations, NAME), None);
    assert!(
        image.platforms[0].annotations.contains_key(DIGEST) && !image.platforms[0].labels.contains_key(NAME)
    );
}

#[test]
fn settings_of_an_image_are_those_of_its_plan() {
    let settings = "user = 'postgres'\nprovide = ['tzdata']\nindex = 'never'\nformat = 'docker'\n\
                    checks = { fit = 'warn' }\nannotations = { a = 'b' }\nlabels = { c = 'd' }\n";
    // The base may know the user: the finished image is checked.
    let plan = on("none", settings, &MUSL).plan().unwrap();
    let (image, platform) = (&plan.images[0], &plan.images[0].platforms[0]);
    assert_eq!(
        (image.index, image.format),
        (IndexRule::Never, ManifestFormat::Docker)
    );
    assert_eq!(image.checks.fit, Some(matrix::CheckLevel::Warn));
    assert!(image.annotations.is_empty() && platform.annotations.is_empty());
    assert_eq!(
        (platform.labels["c"].as_str(), &platform.provide[..]),
        ("d", &[Provide::Tzdata][..])
    );
    assert_eq!(
        plan.notices,
        ["image `app`: its `annotations` are left out, as `format = \"docker\"` has none; labels stay"]
    );
}
