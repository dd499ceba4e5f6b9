//! Where cargo keeps what it makes.

use super::*;

#[test]
fn a_folder_of_its_own_holds_intermediate_files_too() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().canonicalize().unwrap();
    let build = place.join("build");
    let clone = Clone::of("resolver", place.join("w"), |environment| {
        environment.with("CARGO_BUILD_BUILD_DIR", &build)
    });
    let own = place.join("own");
    let unit = CargoUnit {
        target_directory: own.clone(),
        build_directory: Some(own.clone()),
        ..clone.unit(vec![clone.select("root", &["root"], &[])], &[&host_fact("host")])
    };
    let artifacts = clone.build(&unit).unwrap();
    assert!(artifacts[0].path.starts_with(&own), "{artifacts:?}");
    assert!(!build.exists());
}
