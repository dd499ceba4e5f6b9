//! `go build` for one target and for all, with the real Go.

use std::fs;

use crate::module::{AMD64, Module};

#[test]
fn programs_of_one_module_are_built_in_one_call() {
    let Some(module) = Module::new() else { return };
    let mut unit = module.unit(
        &[("first", "./cmd/one"), ("two", "example.com/app/cmd/two")],
        &[AMD64],
    );
    unit.targets[0].ldflags = vec!["-X main.version=1.2 of May".into()];
    let built = module.build(&unit).unwrap();
    let found: Vec<_> = built
        .artifacts
        .iter()
        .map(|one| {
            (
                one.binary.as_str(),
                one.triple.as_str(),
                one.fresh,
                module.run(&one.path),
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            ("first", AMD64, false, "one 1.2 of May".to_owned()),
            ("two", AMD64, false, "two".to_owned()),
        ]
    );
    let events = module.events();
    assert_eq!(
        (events[0].as_str(), events.last().unwrap().as_str()),
        ("started", "finished")
    );
    assert!(
        events.contains(&"example.com/app/cmd/two".to_owned()),
        "{events:?}"
    );

    let again = module.build(&unit).unwrap();
    assert!(again.artifacts.iter().all(|artifact| artifact.fresh), "{again:?}");
    assert_eq!((again.compiled, again.fresh), (0, 2));
    assert_eq!(module.events(), ["started", "finished"]);

    let file = module.root.join("cmd/two/main.go");
    fs::write(&file, fs::read_to_string(&file).unwrap().replace("two", "2")).unwrap();
    let changed = module.build(&unit).unwrap();
    assert_eq!(changed.compiled, 1, "{changed:?}");
    assert_eq!(module.run(&changed.artifacts[1].path), "2");
}
