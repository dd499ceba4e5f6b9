//! What a CI says of the commit where git cannot: its check-outs have no branch, and often no tags.
//!
//! In: the variables of GitHub Actions and GitLab CI. It is believed only about the commit that is checked out: the
//! variables may be about another repository.

use crate::environment::Environment;
use crate::plan::Git;

/// The same facts, with branch and tag of the CI's run where git does not know them.
pub(super) fn completed(mut git: Git, environment: &Environment) -> Git {
    let variable = |name: &str| environment.non_empty(name).map(str::to_owned);
    let ours = |name: &str| variable(name).is_some_and(|commit| commit == git.commit);
    let (branch, tag) = if ours("GITHUB_SHA") {
        let name = variable("GITHUB_REF_NAME");
        match variable("GITHUB_REF_TYPE").as_deref() {
            Some("branch") => (name, None),
            Some("tag") => (None, name),
            _ => (None, None),
        }
    } else if ours("CI_COMMIT_SHA") {
        (variable("CI_COMMIT_BRANCH"), variable("CI_COMMIT_TAG"))
    } else {
        (None, None)
    };
    git.branch = git.branch.or(branch);
    if let Some(tag) = tag.filter(|tag| !git.tags.contains(tag)) {
        git.tags.push(tag);
        git.tags.sort();
    }
    git
}

#[cfg(test)]
mod tests {
    use super::*;

    fn git(branch: Option<&str>) -> Git {
        Git {
            commit: "c0ffee".to_owned(),
            branch: branch.map(str::to_owned),
            ..Git::default()
        }
    }

    #[test]
    fn a_ci_is_believed_about_this_commit() {
        let github = |sha: &'static str, kind: &'static str| {
            vec![
                ("GITHUB_SHA", sha),
                ("GITHUB_REF_TYPE", kind),
                ("GITHUB_REF_NAME", "v1.2.3"),
            ]
        };
        let gitlab = |name: &'static str| vec![("CI_COMMIT_SHA", "c0ffee"), (name, "v1.2.3")];
        for (variables, known, branch, tags) in [
            (github("c0ffee", "tag"), None, None, &["v1.2.3"][..]),
            (github("c0ffee", "branch"), None, Some("v1.2.3"), &[]),
            (github("c0ffee", "branch"), Some("main"), Some("main"), &[]),
            (github("decaf", "tag"), None, None, &[]),
            (gitlab("CI_COMMIT_TAG"), None, None, &["v1.2.3"]),
            (gitlab("CI_COMMIT_BRANCH"), None, Some("v1.2.3"), &[]),
            (vec![], None, None, &[]),
        ] {
            let mut environment = Environment::empty("/");
            for (name, value) in &variables {
                environment = environment.with(name, value);
            }
            let found = completed(git(known), &environment);
            assert_eq!(found.branch.as_deref(), branch, "{variables:?}");
            assert_eq!(found.tags, tags, "{variables:?}");
        }
    }
}
