//! What a user should know of the repository that is packaged, before an image speaks for it.

use std::path::Path;

use super::Gantry;
use crate::matrix::Moves;
use crate::plan::Plan;
use crate::project::Git;

/// Git is asked for commit and date, and is not here though its repository is.
pub(super) fn unasked(gantry: &Gantry, root: &Path, git: Option<&Git>) {
    let there = || root.ancestors().any(|folder| folder.join(".git").exists());
    if git.is_none() && gantry.tools.find("git").is_none() && there() {
        gantry.notice(
            "git is not installed: the image gets no commit, no date and no tag of this repository, and so another digest \
             than where it is",
        );
    }
}

/// Tags that never move will name what no commit holds.
pub(super) fn uncommitted(gantry: &Gantry, plan: &Plan, git: Option<&Git>) {
    let Some(git) = git.filter(|git| git.dirty) else {
        return;
    };
    for image in &plan.images {
        let fixed = image.tags.iter().filter(|tag| tag.moves == Moves::Never);
        let fixed: Vec<String> = fixed.map(|tag| format!("`{}`", tag.name)).collect();
        if !fixed.is_empty() && !image.repositories.is_empty() {
            let commit = git.commit.get(..12).unwrap_or(&git.commit);
            gantry.notice(&format!(
                "image `{}`: files differ from commit {commit}, and {} will name for good what is published now",
                image.name,
                fixed.join(", ")
            ));
        }
    }
}
