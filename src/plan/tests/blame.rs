//! What is wrong is said of what is wrong.

use super::*;

/// The error's message, and its advice.
fn said(case: &Case) -> (String, String) {
    let error = case.plan().unwrap_err();
    let help = miette::Diagnostic::help(&error).map(|help| help.to_string());
    (error.to_string(), help.unwrap_or_default())
}

#[test]
fn a_package_that_does_not_have_the_binary_is_what_is_wrong() {
    for (package, binary, advice) in [
        ("app", "migrate", "it is a binary of `db`"),
        ("nothing", "migrate", "it is a binary of `db`"),
        ("app", "tol", "did you mean `tool`?"),
        ("ap", "nothing", "did you mean `app`?"),
    ] {
        let matrix = format!("[image.a]\nbinaries = [{{ binary = '{binary}', package = '{package}' }}]\n");
        let message =
            format!("image `a` wants binary `{binary}` of package `{package}`, and there is no such one");
        assert_eq!(said(&Case::new(&matrix)), (message, advice.to_owned()));
    }
}

#[test]
fn a_binary_that_requires_features_is_there() {
    let mut case = Case::new("");
    case.packages = vec![package("app", &["app"])];
    case.packages[0].optional = BTreeMap::from([("app".to_owned(), vec!["cli".to_owned()])]);
    let (message, help) = said(&case);
    assert!(message.contains("`app` requires some"), "{message}");
    assert!(
        help.contains("binaries = [{ binary = \"app\", features = [\"cli\"] }]"),
        "{help}"
    );
    case.packages[0].default_member = false;
    assert_eq!(said(&case).0, "the workspace has no binary");
}

#[test]
fn the_defaults_are_no_image_without_a_name() {
    let (message, _) = said(&Case::new("[defaults]\nplatforms = ['linux/amd65']\n"));
    assert_eq!(
        message,
        "the defaults: no target is known for platform `linux/amd65`"
    );
}

#[test]
fn a_platform_that_is_named_as_elsewhere_is_told_its_own_name() {
    let (_, help) = said(&Case::new("").only(&[], &["linux/x86_64"]));
    assert!(
        help.starts_with("the image index calls it `linux/amd64`; declared are: "),
        "{help}"
    );
}

#[test]
fn settings_for_a_platform_that_no_image_has_are_told() {
    let settings = "[defaults]\nbase = { 'linux/amd46' = 'scratch' }\n[platform.'linux/arm/v8']\nlinker = 'zig'\n\
                    [platform.'linux/arm64']\nlinker = 'zig'\n[image.app]\nplatforms = ['linux/amd64']\n";
    let told = |matrix: &str| Case::new(matrix).plan().unwrap().notices;
    let notice = |name: &str| format!("no image is for `{name}`, and settings for all images name it");
    assert_eq!(
        told(&format!("{settings}[image.tool]\n")),
        ["linux/amd46", "linux/arm/v8"].map(notice)
    );
}
