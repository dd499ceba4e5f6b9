//! Which tags an image gets: of which version, where, and in which order.

use super::*;

const TWO: &str = "platforms = [\"linux/amd64\", \"linux/arm64\"]\n";

/// The tags of image `app`, each as `name rule [platform]`.
fn tags(version: &str, tags: &str, git: Option<Git>, variables: &[(&str, &str)]) -> Result<String, String> {
    let mut case = Case::new(&format!("[image.app]\n{TWO}tags = {tags}\n"));
    case.packages[0].version = version.into();
    case.git = git;
    case.variables.extend(
        variables
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into())),
    );
    let plan = case
        .plan()
        .map_err(|error| miette::Diagnostic::code(&error).unwrap().to_string())?;
    let shown: Vec<String> = plan.images[0]
        .tags
        .iter()
        .map(|tag| match &tag.platform {
            Some(platform) => format!("{} {:?} {platform}", tag.name, tag.moves),
            None => format!("{} {:?}", tag.name, tag.moves),
        })
        .collect();
    Ok(shown.join(", "))
}

#[test]
fn semver_is_the_version_and_its_shorter_forms() {
    for (version, want) in [
        ("1.2.3", "1.2.3 Never, 1.2 Forward, 1 Forward, latest Forward"),
        ("0.3.1", "0.3.1 Never, 0.3 Forward, latest Forward"),
        ("1.3.0-rc.1", "1.3.0-rc.1 Never"),
        ("1.2.3+5", "1.2.3-5 Never, 1.2 Forward, 1 Forward, latest Forward"),
    ] {
        assert_eq!(tags(version, "['semver']", None, &[]).unwrap(), want, "{version}");
    }
    let mut case = Case::new("[image.app]\ntags = ['semver']\n");
    case.packages[0].version = "1.3.0-rc.1".into();
    let notices = case.plan().unwrap().notices;
    let told = "image `app`: 1.3.0-rc.1 is a pre-release, so it gets no tag 1.3, 1, latest";
    assert!(notices.iter().any(|notice| notice == told), "{notices:?}");
}

#[test]
fn exact_tags_come_first_unless_the_order_is_given() {
    let listed = "['edge', 'latest', { tag = 'v{major}.{minor}', moves = 'always' }, 'v{version}']";
    let want = "v1.2.3 Never, latest Forward, edge Always, v1.2 Always";
    assert_eq!(tags("1.2.3", listed, None, &[]).unwrap(), want);
    let given = "['{major}', '{major}.{minor}', '{version}', 'latest']\ntag-order = 'given'";
    let want = "1 Forward, 1.2 Forward, 1.2.3 Never, latest Forward";
    assert_eq!(tags("1.2.3", given, None, &[]).unwrap(), want);
}

#[test]
fn a_platforms_variables_make_a_tag_for_each_platform() {
    let git = Some(Git {
        commit: "12be34aa".repeat(5),
        ..Git::default()
    });
    let listed = "['{commit:6}-{platform-full}', 'v{version}-{arch}']";
    let want = "12be34-linux-amd64 Never linux/amd64, 12be34-linux-arm64-v8 Never linux/arm64, \
                v1.2.3-amd64 Never linux/amd64, v1.2.3-arm64 Never linux/arm64";
    assert_eq!(tags("1.2.3", listed, git, &[]).unwrap(), want);
    // What does not tell the platforms apart is taken from one by the other.
    let clash = tags("1.2.3", "['{version}-{os}']", None, &[]);
    assert_eq!(clash.unwrap_err(), "gantry::plan::tag_twice");
    let clash = tags("1.2.3", "['{version}', '1.2.3']", None, &[]);
    assert_eq!(clash.unwrap_err(), "gantry::plan::tag_twice");
}

#[test]
fn conditions_hold_or_not() {
    let git = |branch: Option<&str>, tags: &[&str]| {
        Some(Git {
            commit: "0".repeat(40),
            branch: branch.map(Into::into),
            tags: tags.iter().map(|&tag| tag.into()).collect(),
            ..Git::default()
        })
    };
    for (when, git, variables, holds) in [
        ("git-tag", git(None, &["v1.2.3"]), &[][..], true),
        ("git-tag", git(None, &[]), &[], false),
        ("git-tag", None, &[], false),
        ("branch=main", git(Some("main"), &[]), &[], true),
        ("branch=main", git(Some("maintenance"), &[]), &[], false),
        ("branch=release/*", git(Some("release/1.2"), &[]), &[], true),
        ("branch=*", git(None, &[]), &[], false),
        ("ci", None, &[("CI", "true")], true),
        ("ci", None, &[("CI", "false")], false),
        ("ci", None, &[], false),
        ("env.CHANNEL=beta", None, &[("CHANNEL", "beta")], true),
        ("env.CHANNEL=beta", None, &[("CHANNEL", "stable")], false),
        ("env.CHANNEL=", None, &[], false),
    ] {
        let listed = format!("['{{version}}', {{ tag = 'x', when = '{when}' }}]");
        let found = tags("1.2.3", &listed, git, variables).unwrap();
        assert_eq!(found.contains("x Always"), holds, "{when}: {found}");
    }
    // What is held back needs no value.
    let listed = "['{version}', { tag = '{commit:7}', when = 'ci' }]";
    assert_eq!(tags("1.2.3", listed, None, &[]).unwrap(), "1.2.3 Never");
}

#[test]
fn forward_needs_a_version() {
    let matrix = "[binary.app]\npath = 'app'\n[image.app]\nplatforms = ['linux/amd64']\ntags = ['latest']\n";
    let mut case = Case::new(matrix);
    case.packages.clear();
    let error = case.plan().unwrap_err();
    assert!(
        matches!(error, PlanError::ForwardWithoutVersion { .. }),
        "{error:?}"
    );
    case.git = Some(Git {
        tags: vec!["v2.0.0".into()],
        ..Git::default()
    });
    assert_eq!(case.plan().unwrap().images[0].tags[0].name, "latest");
}
