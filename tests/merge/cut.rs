//! Killed in the middle, a copy has shown nothing that is not whole; the next one ends what it began.

use std::path::Path;
use std::process::Stdio;

use crate::place;
use crate::project::{PLATFORMS, Project, gantry};
use crate::support::registry::{Act, Fault, Registry};
use crate::support::workspace::Ran;

/// Starts a copy, kills it when the registry keeps it waiting, and waits for its end.
fn killed(registry: &Registry, words: &[&str]) {
    let mut command = gantry(Path::new("/"), &[&["copy"], words].concat());
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let patience = std::time::Duration::from_secs(60);
    let hung = runtime.block_on(async { tokio::time::timeout(patience, registry.hung()).await });
    child.kill().unwrap();
    child.wait().unwrap();
    hung.expect("the registry was asked for it");
}

#[test]
fn nothing_half_made_is_visible() {
    let registry = Registry::plain();
    let project = Project::new(&format!("{}/team/lookout", registry.host()), "");
    let machine = project.machine("one", "1.2.3");
    let published = machine.messages(&["publish"], "published");
    let digest = published[0]["digest"].as_str().unwrap();
    let all = place::in_registry(&registry, "team/lookout", digest);
    let source = format!("{}/team/lookout:1.2.3", registry.host());
    let archive = project.path("archives/all.tar");
    let in_archive = format!("oci-archive:{}", archive.display());
    let last = 2 * PLATFORMS.len();
    let layouts = [1, 3, last].map(|at| project.path(&format!("layout{at}")));
    let hang = |method, kind, at| Fault::first(Act::Hang).on(method, kind).at(at);
    for (layout, at) in layouts.iter().zip([1, 3, last]) {
        registry.fail([hang("GET", "blob", at)]);
        killed(&registry, &[&source, &format!("oci:{}", layout.display())]);
        assert_eq!(place::entries(layout), [], "{at}");
        registry.fail([hang("GET", "blob", at)]);
        killed(&registry, &[&source, &in_archive]);
        assert!(!archive.exists(), "{at}");
    }
    for layout in &layouts {
        let target = format!("oci:{}", layout.display());
        Ran::of(&mut gantry(Path::new("/"), &["copy", &source, &target])).ok();
        assert_eq!(place::in_layout(layout, digest), all);
        let left = std::fs::read_dir(layout.join(".unfinished"));
        assert_eq!(left.map_or(0, |left| left.count()), 0);
    }
    Ran::of(&mut gantry(Path::new("/"), &["copy", &source, &in_archive])).ok();
    // What the dead left beside it is gone.
    let left = std::fs::read_dir(archive.parent().unwrap()).unwrap();
    assert_eq!(left.count(), 1);

    let in_layout = format!("oci:{}", layouts[0].display());
    let other = Registry::plain();
    let target = format!("{}/copy/lookout:1.2.3", other.host());
    for (method, kind, at) in [
        ("PUT", "upload", 3),
        ("PUT", "manifest", 2),
        // The index, by its tag.
        ("PUT", "manifest", 5),
    ] {
        other.fail([hang(method, kind, at)]);
        killed(&other, &[&in_layout, &target]);
        assert_eq!(
            place::tag(&other, "copy/lookout", "1.2.3"),
            None,
            "{method} {kind} {at}"
        );
    }
    Ran::of(&mut gantry(Path::new("/"), &["copy", &in_layout, &target])).ok();
    assert_eq!(
        place::tag(&other, "copy/lookout", "1.2.3").as_deref(),
        Some(digest)
    );
    assert_eq!(place::in_registry(&other, "copy/lookout", digest), all);
}
