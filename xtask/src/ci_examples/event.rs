//! What happens to the example's project: its repository, pushes to it, and how each CI checks a commit out.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::step::{Step, root};

/// The version that the project has, and that its tag names.
pub(super) const VERSION: &str = "1.2.3";

/// Something that starts a CI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// A commit on a branch that is not the default one, of which nobody has asked anything.
    Branch,
    /// The same commit, in a pull request or merge request.
    Request,
    /// A commit on the default branch.
    Main,
    /// The tag `v1.2.3` on that commit.
    Tag,
}

/// The project in a repository of its own, with the CIs' files where they belong.
pub(super) struct Origin {
    folder: PathBuf,
    main: String,
    feature: String,
}

impl Origin {
    /// Makes it: a commit on `main` with a tag, and one more on `feature`.
    pub(super) fn make(folder: PathBuf) -> Result<Self> {
        let examples = root().join("examples/ci");
        fs::create_dir_all(folder.join(".github/workflows"))?;
        fs::create_dir_all(folder.join("src"))?;
        for (from, to) in [
            ("project/Cargo.toml", "Cargo.toml"),
            ("project/Cargo.lock", "Cargo.lock"),
            ("project/gantry.toml", "gantry.toml"),
            ("project/.gitignore", ".gitignore"),
            ("project/src/main.rs", "src/main.rs"),
            ("github/images.yml", ".github/workflows/images.yml"),
            ("gitlab/.gitlab-ci.yml", ".gitlab-ci.yml"),
            ("shell/release.sh", "release.sh"),
        ] {
            fs::copy(examples.join(from), folder.join(to)).with_context(|| from.to_owned())?;
        }
        git(&folder, "init --quiet --initial-branch main")?;
        let main = commit(&folder, "first")?;
        git(&folder, &format!("tag v{VERSION}"))?;
        git(&folder, "checkout --quiet -b feature")?;
        let source = folder.join("src/main.rs");
        let text = fs::read_to_string(&source)?.replace("Hello, ", "Good morning, ");
        fs::write(&source, text)?;
        let feature = commit(&folder, "second")?;
        git(&folder, "checkout --quiet main")?;
        ensure!(main != feature, "the second commit changes nothing");
        Ok(Self {
            folder,
            main,
            feature,
        })
    }

    /// The commit that an event is about.
    pub(super) fn commit(&self, event: Event) -> &str {
        match event {
            Event::Branch | Event::Request => &self.feature,
            Event::Main | Event::Tag => &self.main,
        }
    }

    /// As `actions/checkout` does: one commit, no tags but the one that started the run; a branch only where one was pushed.
    /// <https://github.com/actions/checkout/blob/v7.0.1/src/ref-helper.ts>
    pub(super) fn checkout_as_github(&self, event: Event, folder: &Path) -> Result<()> {
        let commit = self.commit(event);
        let (fetched, then) = match event {
            Event::Branch => (
                format!("+{commit}:refs/remotes/origin/feature"),
                "-B feature refs/remotes/origin/feature",
            ),
            Event::Request => (
                format!("+{commit}:refs/remotes/pull/7/merge"),
                "refs/remotes/pull/7/merge",
            ),
            Event::Main => (
                format!("+{commit}:refs/remotes/origin/main"),
                "-B main refs/remotes/origin/main",
            ),
            Event::Tag => (
                format!("+refs/tags/v{VERSION}:refs/tags/v{VERSION}"),
                "refs/tags/v1.2.3",
            ),
        };
        let words = format!("checkout --quiet --force {then}");
        self.fetched(folder, &fetched, 1, &words, "https://github.com/acme/greeter")
    }

    /// As GitLab's runner does: some commits, never a branch, a tag where it started the pipeline.
    /// <https://docs.gitlab.com/ci/pipelines/pipeline_efficiency/>
    pub(super) fn checkout_as_gitlab(&self, event: Event, folder: &Path) -> Result<()> {
        let commit = self.commit(event);
        let fetched = match event {
            Event::Tag => format!("+refs/tags/v{VERSION}:refs/tags/v{VERSION}"),
            _ => format!("+{commit}:refs/pipelines/1"),
        };
        let words = format!("checkout --quiet --force --detach {commit}");
        self.fetched(
            folder,
            &fetched,
            20,
            &words,
            "https://gitlab.example/acme/greeter.git",
        )
    }

    /// As a person does.
    pub(super) fn clone_whole(&self, folder: &Path, remote: &str) -> Result<()> {
        fs::create_dir_all(folder)?;
        let from = self.folder.display();
        git(folder, &format!("clone --quiet {from} ."))?;
        git(folder, &format!("remote set-url origin {remote}"))
    }

    fn fetched(&self, folder: &Path, refs: &str, depth: u32, then: &str, remote: &str) -> Result<()> {
        fs::create_dir_all(folder)?;
        git(folder, "init --quiet --initial-branch none")?;
        // `file://`, as git fetches from a plain path without a depth.
        let from = self.folder.display();
        git(folder, &format!("remote add origin file://{from}"))?;
        git(
            folder,
            &format!("fetch --quiet --no-tags --depth {depth} origin {refs}"),
        )?;
        git(folder, then)?;
        // The address that the project has there: it becomes a part of the image.
        git(folder, &format!("remote set-url origin {remote}"))
    }
}

fn commit(folder: &Path, message: &str) -> Result<String> {
    git(folder, "add --all")?;
    git(folder, &format!("commit --quiet --message {message}"))?;
    let head = Step::line("git rev-parse HEAD").directory(folder).output()?;
    Ok(head.trim().to_owned())
}

fn git(folder: &Path, words: &str) -> Result<()> {
    let mut command =
        Step::line("git -c user.name=ci -c user.email=ci@example.com -c advice.detachedHead=false");
    for word in words.split(' ') {
        command = command.argument(word);
    }
    let output = command.directory(folder).output()?;
    ensure!(output.is_empty(), "git {words}: {output}");
    Ok(())
}
