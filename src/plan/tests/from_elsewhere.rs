//! Binaries that are not cargo's.

use super::*;

/// Units as `name: binaries | triples`.
fn foreign(plan: &Plan) -> Vec<String> {
    let short = |triple: &String| triple.split('-').next().unwrap().to_owned();
    let unit = |unit: &ForeignUnit| match unit {
        ForeignUnit::Go(unit) => {
            let binaries: Vec<&str> = unit.binaries.keys().map(String::as_str).collect();
            let triples: Vec<String> = unit.targets.iter().map(|target| short(&target.triple)).collect();
            format!("{}: {} | {}", unit.name, binaries.join("+"), triples.join("+"))
        }
        ForeignUnit::Prebuilt(unit) => {
            let files: Vec<&str> = unit.files.iter().map(|file| file.path.as_str()).collect();
            format!("{}: {}", unit.name, files.join(" "))
        }
        ForeignUnit::Command(unit) => {
            let runs: Vec<String> = unit.runs.iter().map(|run| run.command.join(" ")).collect();
            format!("{}: {}", unit.name, runs.join("; "))
        }
    };
    plan.foreign.iter().map(unit).collect()
}

fn without_cargo(matrix: &str) -> Case {
    let mut case = Case::new(matrix);
    case.packages.clear();
    case.installed.clear();
    case
}

#[test]
fn a_binary_that_is_not_known_may_be_meant_for_one_that_is_not_from_cargo() {
    let matrix = "[image.a]\nbinaries = [\"wroker\"]\n[binary.worker]\ngo = \"./x\"";
    let error = without_cargo(matrix).plan().unwrap_err();
    assert!(matches!(error, PlanError::UnknownBinary { .. }), "{error}");
    assert_eq!(
        miette::Diagnostic::help(&error).unwrap().to_string(),
        "did you mean `worker`?"
    );
}

#[test]
fn what_is_made_alike_is_made_once() {
    for (matrix, expected) in [
        (
            // Two binaries of one module and two platforms: one unit.
            "[image.a]\nbinaries = [\"x\", \"y\"]\n[binary.x]\ngo = \"./x\"\n[binary.y]\ngo = \"./y\"",
            vec!["go: x+y | x86_64+aarch64"],
        ),
        (
            // Other flags are another call; what one platform alone wants is not built for the other.
            "[image.a]\nbinaries = [\"x\"]\n[image.b]\nbinaries = [\"x\", \"y\"]\nplatforms = [\"linux/amd64\"]\n\
             [binary.x]\ngo = \"./x\"\n[binary.y]\ngo = \"./y\"\ncgo = true",
            vec!["go: x | x86_64+aarch64", "go-2: y | x86_64"],
        ),
        (
            "[image.a]\nbinaries = [\"x\"]\n[image.b]\nbinaries = [\"x\"]\n\
             [binary.x]\ngo = \"./x\"\nldflags = [\"-X main.name={image}\"]",
            vec!["go: x | x86_64+aarch64", "go-2: x | x86_64+aarch64"],
        ),
        (
            "[image.a]\nbinaries = [\"x\"]\n[image.b]\nbinaries = [\"x\"]\n\
             [binary.x]\npath = \"tmp/{os}/{arch}/x\"",
            vec!["prebuilt: tmp/linux/amd64/x tmp/linux/arm64/x"],
        ),
        (
            "[image.a]\nbinaries = [\"x\"]\n[image.b]\nbinaries = [\"x\"]\nplatforms = [\"linux/amd64\"]\n\
             [binary.x]\ncommand = [\"make\", \"OUT={out}\", \"{image}\"]",
            vec![
                "command: make OUT=/store/made/x/linux-amd64/x a; make OUT=/store/made/x/linux-arm64-v8/x a",
                "command-2: make OUT=/store/made/x-2/linux-amd64/x b",
            ],
        ),
    ] {
        let plan = without_cargo(matrix).plan().unwrap();
        assert_eq!(foreign(&plan), expected, "{matrix}");
        assert!(plan.units.is_empty());
        let unit = |maker: &Maker| matches!(maker, Maker::Foreign { unit } if *unit < plan.foreign.len());
        let mut platforms = plan.images.iter().flat_map(|image| &image.platforms);
        assert!(platforms.all(|platform| platform.binaries.iter().all(|binary| unit(&binary.maker))));
    }
}

#[test]
fn cargo_and_others_share_an_image() {
    let plan = Case::new("[image.a]\nbinaries = [\"app\", \"x\"]\n[binary.x]\ngo = \"./x\"")
        .plan()
        .unwrap();
    assert_eq!(units(&plan), ["release: app | app | aarch64+x86_64"]);
    assert_eq!(foreign(&plan), ["go: x | x86_64+aarch64"]);
    assert_eq!(plan.images[0].version.as_deref(), Some("1.2.3"));
}

#[test]
fn a_version_comes_from_the_tag_where_there_is_no_package() {
    let matrix = "[image.a]\ntags = [\"{version}\", { tag = \"line-{major}\", moves = \"always\" }]\nbinaries = [\"x\"]\n[binary.x]\ngo = \".\"";
    let mut case = without_cargo(matrix);
    let error = case.plan().unwrap_err();
    assert!(matches!(error, PlanError::Template { .. }), "{error}");
    case.git = Some(Git {
        commit: "0123".into(),
        tags: vec!["v2.0.0-rc.1".into(), "v1.9.0".into(), "nightly".into()],
        ..Git::default()
    });
    let plan = case.plan().unwrap();
    let tags: Vec<&str> = plan.images[0].tags.iter().map(|tag| tag.name.as_str()).collect();
    assert_eq!(tags, ["2.0.0-rc.1", "line-2"]);

    // Nobody asked for the tag that every image has: without a version there is none, and it is told.
    let plan = without_cargo("[binary.x]\ngo = \".\"").plan().unwrap();
    assert_eq!(
        (plan.images[0].name.as_str(), plan.images[0].tags.len()),
        ("x", 0)
    );
    assert!(
        plan.notices[0].contains("image `x` has no version, so no tag"),
        "{:?}",
        plan.notices
    );
}

#[test]
fn a_binary_that_no_image_uses_is_told() {
    let plan = Case::new("[image.app]\n[binary.x]\ngo = \".\"").plan().unwrap();
    assert_eq!(plan.notices, ["no image uses `[binary.x]`"]);
}

#[test]
fn a_ready_file_is_compared_everywhere_or_nowhere() {
    let digest = "0".repeat(64);
    let matrix = format!("[binary.x]\npath = \"x\"\nsha256 = {{ \"linux/amd64\" = \"{digest}\" }}");
    let error = without_cargo(&matrix).plan().unwrap_err();
    assert_eq!(
        error.to_string(),
        "`[binary.x]` has no `sha256` for linux/arm64, which image `x` is for"
    );
    let plan = without_cargo(&matrix).only(&[], &["linux/amd64"]).plan().unwrap();
    assert_eq!(foreign(&plan), ["prebuilt: x"]);
}
