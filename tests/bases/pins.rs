//! Names become pins, and pins stay.

use cargo_gantry::base::{BUILTIN, BaseError, Mode};
use cargo_gantry::spec::{BaseLibc, Digest};

use crate::fixture::{Base, Image, Project, REPOSITORY, Style, code, help, holding, named, platforms};

const OFFLINE: Mode = Mode {
    locked: false,
    offline: true,
};
const LOCKED: Mode = Mode {
    locked: true,
    offline: false,
};

#[tokio::test]
async fn a_locked_base_needs_no_network_at_all() {
    for style in [Style::Oci, Style::Docker] {
        let base = Base::platforms(
            style,
            &["linux/amd64", "linux/arm/v6", "linux/arm64", "linux/s390x"],
        );
        let (registry, project) = (holding(&base), Project::new());
        let name = named(&registry, "v1");
        let wanted = platforms(&["linux/arm/v7", "linux/arm64/v8", "linux/amd64"]);
        let mut bases = project.bases();
        let facts = bases.facts(&name, &wanted).await.unwrap();
        let shown: Vec<(String, Digest, Digest)> = facts
            .iter()
            .map(|facts| (facts.platform.to_string(), facts.index, facts.manifest))
            .collect();
        let expected = [("linux/arm/v7", 1), ("linux/arm64", 2), ("linux/amd64", 0)]
            .map(|(platform, image)| (platform.to_owned(), base.digest(), base.images[image].digest()));
        assert_eq!(shown, expected);
        assert!(facts.iter().all(|facts| facts.libc == BaseLibc::None));
        let tags = registry
            .log()
            .iter()
            .filter(|asked| asked.path.ends_with("/v1"))
            .count();
        assert_eq!(tags, 1, "the index is read once");
        assert!(bases.save(std::slice::from_ref(&name)).unwrap());
        assert!(!bases.save(std::slice::from_ref(&name)).unwrap());

        registry.clear_log();
        std::fs::remove_dir_all(project.cache()).unwrap();
        let mut locked = project.locked();
        assert_eq!(locked.facts(&name, &wanted).await.unwrap(), facts);
        assert!(!locked.save(std::slice::from_ref(&name)).unwrap());
        assert_eq!(registry.whole_log().len(), 0);
        assert!(!project.cache().exists(), "planning made a cache");
    }
}

#[tokio::test]
async fn an_image_that_stands_alone_has_the_platform_of_its_config() {
    let base = Base::single(Image::new("linux/arm/v6", Style::Docker));
    let (registry, project) = (holding(&base), Project::new());
    let name = named(&registry, "v1");
    let mut bases = project.bases();
    let facts = bases.facts(&name, &platforms(&["linux/arm/v7"])).await.unwrap();
    assert_eq!(
        (facts[0].index, facts[0].manifest),
        (base.digest(), base.digest())
    );
    let error = bases
        .facts(&name, &platforms(&["linux/arm/v5"]))
        .await
        .unwrap_err();
    assert_eq!(code(&error), "gantry::base::platform");
}

#[tokio::test]
async fn a_platform_that_is_missing_is_an_error_that_lists_the_others() {
    let base = Base::platforms(Style::Oci, &["linux/amd64", "linux/arm/v7"]);
    let (registry, project) = (holding(&base), Project::new());
    let mut bases = project.bases();
    let wanted = platforms(&["linux/amd64", "linux/arm/v6", "linux/riscv64"]);
    let error = bases.facts(&named(&registry, "v1"), &wanted).await.unwrap_err();
    assert_eq!(code(&error), "gantry::base::platform");
    assert!(error.to_string().contains("linux/arm/v6"), "{error}");
    assert!(
        help(&error).starts_with("it has linux/amd64, linux/arm/v7;"),
        "{}",
        help(&error)
    );
    assert!(
        !registry.kinds().contains(&"GET blob".to_owned()),
        "layers were read for nothing"
    );
    let error = bases.facts(&named(&registry, "v2"), &wanted).await.unwrap_err();
    assert_eq!(code(&error), "gantry::base::not_found");
}

#[tokio::test]
async fn what_may_not_change_or_be_asked_is_refused() {
    let base = Base::platforms(Style::Oci, &["linux/amd64", "linux/arm64"]);
    let (registry, project) = (holding(&base), Project::new());
    let name = named(&registry, "v1");
    let amd64 = platforms(&["linux/amd64"]);
    let both = platforms(&["linux/amd64", "linux/arm64"]);
    for (mode, expected) in [
        (LOCKED, "gantry::base::locked"),
        (OFFLINE, "gantry::base::offline"),
    ] {
        let error = project
            .in_mode(mode)
            .unwrap()
            .facts(&name, &amd64)
            .await
            .unwrap_err();
        assert_eq!(code(&error), expected);
        assert!(error.to_string().contains(&name), "{error}");
        assert_eq!(error.is_refusal(), mode.locked);
    }
    assert_eq!(registry.whole_log().len(), 0);
    let mut bases = project.bases();
    bases.facts(&name, &amd64).await.unwrap();
    bases.save(std::slice::from_ref(&name)).unwrap();

    let mut locked = project.in_mode(LOCKED).unwrap();
    let error = locked.facts(&name, &both).await.unwrap_err();
    assert!(matches!(error, BaseError::Locked { .. }) && error.to_string().contains("linux/arm64"));
    let before = project.lock();
    let error = locked.save(&[]).unwrap_err();
    assert!(matches!(error, BaseError::Locked { .. }) && error.to_string().contains(&name));
    assert_eq!(project.lock(), before);

    // The cache has the index and the manifest of amd64, not that of arm64.
    let error = project
        .in_mode(OFFLINE)
        .unwrap()
        .facts(&name, &both)
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains(&base.images[1].digest().to_string()),
        "{error}"
    );

    // An update that changes nothing is none.
    let mut locked = project.in_mode(LOCKED).unwrap();
    assert_eq!(locked.update(&name, &amd64).await.unwrap(), None);
    let error = locked.update(&name, &both).await.unwrap_err();
    assert!(matches!(error, BaseError::Locked { .. }));
}

#[tokio::test]
async fn pins_stay_until_they_are_updated() {
    let old = Base::platforms(Style::Oci, &["linux/amd64", "linux/arm64", "linux/s390x"]);
    let (registry, project) = (holding(&old), Project::new());
    let name = named(&registry, "v1");
    let (amd64, both) = (
        platforms(&["linux/amd64"]),
        platforms(&["linux/amd64", "linux/arm64"]),
    );
    let mut bases = project.bases();
    bases.facts(&name, &amd64).await.unwrap();
    bases.save(std::slice::from_ref(&name)).unwrap();
    assert_eq!(bases.outdated(&name).await.unwrap(), None);

    // The tag moves; arm64 stays the image that it was.
    let arm64 = old.images[1].clone();
    let new = Base::index(
        Style::Oci,
        vec![Image::seeded("linux/amd64", Style::Oci, "new"), arm64],
    );
    new.put(&registry, "v1");
    registry.clear_log();
    let mut bases = project.bases();
    let change = bases.outdated(&name).await.unwrap().unwrap();
    assert_eq!((change.old, change.new), (Some(old.digest()), Some(new.digest())));
    assert_eq!(registry.kinds(), ["HEAD manifest"]);
    let facts = bases.facts(&name, &both).await.unwrap();
    let pinned = [0, 1].map(|image| (old.digest(), old.images[image].digest()));
    let found: Vec<_> = facts.iter().map(|facts| (facts.index, facts.manifest)).collect();
    assert_eq!(found, pinned);

    registry.clear_log();
    assert_eq!(bases.update(&name, &both).await.unwrap(), Some(change));
    let facts = bases.facts(&name, &both).await.unwrap();
    assert_eq!(facts[0].manifest, new.images[0].digest());
    let layer = Digest::of(&old.images[1].layers[0]).to_string();
    assert!(
        registry.log().iter().all(|asked| !asked.path.contains(&layer)),
        "arm64 was read again"
    );
    assert!(bases.save(std::slice::from_ref(&name)).unwrap());
    assert_eq!(bases.update(&name, &both).await.unwrap(), None);
    assert_eq!(bases.outdated(&name).await.unwrap(), None);
    assert!(!bases.save(std::slice::from_ref(&name)).unwrap());
    // A base that nothing uses any more.
    assert!(bases.save(&[]).unwrap());
    assert!(!project.lock().contains(&name));
}

#[tokio::test]
async fn a_name_with_a_digest_never_is_outdated() {
    let base = Base::platforms(Style::Oci, &["linux/amd64"]);
    let (registry, project) = (holding(&base), Project::new());
    let name = format!(
        "{}@{}",
        named(&registry, "v1").trim_end_matches(":v1"),
        base.digest()
    );
    let mut bases = project.bases();
    let facts = bases.facts(&name, &platforms(&["linux/amd64"])).await.unwrap();
    assert_eq!(facts[0].index, base.digest());
    registry.clear_log();
    assert_eq!(bases.outdated(&name).await.unwrap(), None);
    assert_eq!(registry.whole_log().len(), 0);
    // What the cache holds needs no registry.
    let project_offline = project.in_mode(OFFLINE);
    let facts = project_offline
        .unwrap()
        .facts(&name, &platforms(&["linux/amd64"]))
        .await
        .unwrap();
    assert_eq!(facts[0].manifest, base.images[0].digest());
    assert_eq!(registry.whole_log().len(), 0);
}

#[tokio::test]
async fn a_pin_that_is_gone_says_so() {
    let base = Base::platforms(Style::Oci, &["linux/amd64", "linux/arm64"]);
    let (registry, project) = (holding(&base), Project::new());
    let name = named(&registry, "v1");
    let mut bases = project.bases();
    bases.facts(&name, &platforms(&["linux/amd64"])).await.unwrap();
    bases.save(std::slice::from_ref(&name)).unwrap();
    std::fs::remove_dir_all(project.cache()).unwrap();
    registry.store(|store| store.repositories.clear());
    let error = project
        .bases()
        .facts(&name, &platforms(&["linux/arm64"]))
        .await
        .unwrap_err();
    assert_eq!(code(&error), "gantry::base::gone");
    assert!(help(&error).contains("cargo gantry update"));
}

#[tokio::test]
async fn the_built_in_base_is_pinned_beside_others() {
    let base = Base::platforms(Style::Oci, &["linux/amd64"]);
    let (registry, project) = (holding(&base), Project::new());
    let name = named(&registry, "v1");
    // Alone it needs no lock file, locked or not.
    let mut locked = project.locked();
    locked.builtin().unwrap();
    assert!(!locked.save(&[BUILTIN.to_owned()]).unwrap());
    assert!(!project.path("gantry.lock").exists());
    let mut bases = project.bases();
    bases.facts(&name, &platforms(&["linux/amd64"])).await.unwrap();
    assert!(bases.save(&[name.clone(), BUILTIN.to_owned()]).unwrap());
    let carried = cargo_gantry::base::builtin::digest();
    assert!(
        project
            .lock()
            .contains(&format!("[builtin]\ndigest = \"{carried}\"\n"))
    );
    assert_eq!(bases.outdated(BUILTIN).await.unwrap(), None);

    // As an older release would have written it.
    let other = Digest::of(b"another release");
    let text = project.lock().replace(&carried.to_string(), &other.to_string());
    std::fs::write(project.path("gantry.lock"), &text).unwrap();
    let error = project.locked().builtin().unwrap_err();
    assert!(matches!(error, BaseError::Builtin { .. }) && error.is_refusal());
    let mut bases = project.bases();
    bases.builtin().unwrap();
    assert!(!bases.save(&[name.clone(), BUILTIN.to_owned()]).unwrap());
    assert_eq!(project.lock(), text);
    let change = bases.outdated(BUILTIN).await.unwrap().unwrap();
    assert_eq!(bases.update(BUILTIN, &[]).await.unwrap(), Some(change));
    assert!(bases.save(&[name.clone(), BUILTIN.to_owned()]).unwrap());
    assert!(project.lock().contains(&carried.to_string()));
    assert!(bases.save(&[name]).unwrap());
    assert!(!project.lock().contains("builtin]"));
}

#[tokio::test]
async fn a_broken_lock_file_is_named() {
    let project = Project::new();
    std::fs::write(project.path("gantry.lock"), "version = 1\n[[base]]\nname = 3\n").unwrap();
    let error = project.in_mode(Mode::default()).unwrap_err();
    assert_eq!(code(&error), "gantry::base::lock_syntax");
    std::fs::write(project.path("gantry.lock"), "version = 9\n").unwrap();
    let error = project.in_mode(Mode::default()).unwrap_err();
    assert_eq!(code(&error), "gantry::base::lock_version");
}

#[tokio::test]
async fn an_index_without_an_end_is_not_read() {
    let mut base = Base::platforms(Style::Oci, &["linux/amd64"]);
    base.top.extend(std::iter::repeat_n(b' ', 5 << 20));
    let (registry, project) = (holding(&base), Project::new());
    let error = project.bases().survey(&named(&registry, "v1")).await.unwrap_err();
    assert_eq!(code(&error), "gantry::base::too_large");
    // The same bytes by their digest.
    let name = format!("{}/{REPOSITORY}@{}", registry.host(), base.digest());
    let error = project.bases().survey(&name).await.unwrap_err();
    assert_eq!(code(&error), "gantry::base::too_large");
}

#[tokio::test]
async fn an_entry_without_a_platform_has_that_of_its_config() {
    let mut base = Base::platforms(Style::Oci, &["linux/amd64", "linux/arm64"]);
    let mut index: serde_json::Value = serde_json::from_slice(&base.top).unwrap();
    for entry in index["manifests"].as_array_mut().unwrap().iter_mut().take(2) {
        entry.as_object_mut().unwrap().remove("platform");
    }
    base.top = index.to_string().into_bytes();
    let (registry, project) = (holding(&base), Project::new());
    let mut bases = project.bases();
    let facts = bases
        .facts(&named(&registry, "v1"), &platforms(&["linux/arm64"]))
        .await
        .unwrap();
    assert_eq!(facts[0].manifest, base.images[1].digest());
}
