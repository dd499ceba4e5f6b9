//! What of a folder is packed: globs, `.gitignore`, and what is never meant.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::LayerError;

/// The `include` and `exclude` of one `files`.
pub(super) struct Rules {
    include: Option<GlobSet>,
    exclude: GlobSet,
    spelled: BTreeSet<String>,
}

/// What becomes of a file or folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Left out, with everything in it.
    Skipped,
    /// Left out, but what `include` names in it is taken.
    OnlyIncluded,
    /// Taken, as far as `include` says so or is empty.
    Taken,
}

impl Rules {
    pub(super) fn new(include: &[String], exclude: &[String]) -> Result<Self, LayerError> {
        let words = include.iter().flat_map(|glob| glob.split('/'));
        Ok(Self {
            include: if include.is_empty() {
                None
            } else {
                Some(set(include)?)
            },
            exclude: set(exclude)?,
            spelled: words.map(str::to_owned).collect(),
        })
    }

    /// About `path`, relative to the packed folder. `above` is the verdict on the folder it lies in.
    pub(super) fn verdict(&self, path: &Path, never: bool, ignored: bool, above: Verdict) -> Verdict {
        let spelled = || {
            let name = path.file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| self.spelled.contains(name))
        };
        // A secret is not brought in by `**`: only by its name.
        if self.exclude.is_match(path) || (never && !spelled()) {
            Verdict::Skipped
        } else if !(never || ignored || above == Verdict::OnlyIncluded) {
            Verdict::Taken
        } else if self.include.is_none() {
            Verdict::Skipped
        } else {
            Verdict::OnlyIncluded
        }
    }

    /// Whether a file, or an empty folder, of that verdict is packed.
    pub(super) fn packs(&self, path: &Path, verdict: Verdict) -> bool {
        match (&self.include, verdict) {
            (_, Verdict::Skipped) | (None, Verdict::OnlyIncluded) => false,
            (None, Verdict::Taken) => true,
            (Some(include), _) => include.is_match(path),
        }
    }
}

/// What nobody means when they name the folder around it: the repository's own data, cargo's target directory
/// and a file of secrets. `path` is where it lies.
pub(super) fn never_meant(path: &Path, is_folder: bool) -> bool {
    let cargo_target = || {
        let beside = path
            .parent()
            .is_some_and(|parent| parent.join("Cargo.toml").is_file());
        is_folder && (beside || path.join("CACHEDIR.TAG").is_file())
    };
    match path.file_name().and_then(|name| name.to_str()) {
        Some(".git" | ".env") => true,
        Some("target") => cargo_target(),
        _ => false,
    }
}

/// The `.gitignore` files that count in a folder: its own and those above it up to the matrix.
#[derive(Clone, Default)]
pub(super) struct Ignores(Vec<Gitignore>);

impl Ignores {
    /// Those of `top` and the folders above it, up to and with `root`.
    pub(super) fn between(root: &Path, top: &Path) -> Result<Self, LayerError> {
        let mut folders: Vec<&Path> = top
            .ancestors()
            .take_while(|folder| folder.starts_with(root))
            .collect();
        folders.reverse();
        folders
            .into_iter()
            .try_fold(Self::default(), |ignores, folder| ignores.and(folder))
    }

    /// The same and that of `folder`, if it has one.
    pub(super) fn and(mut self, folder: &Path) -> Result<Self, LayerError> {
        let file: PathBuf = folder.join(".gitignore");
        if file.is_file() {
            let failed = |source| LayerError::Rules {
                path: file.clone(),
                source,
            };
            let mut builder = GitignoreBuilder::new(folder);
            match builder.add(&file) {
                Some(error) => return Err(failed(error)),
                None => self.0.push(builder.build().map_err(failed)?),
            }
        }
        Ok(self)
    }

    /// Whether the deepest rule about `path` (absolute) is to ignore it.
    pub(super) fn ignore(&self, path: &Path, is_folder: bool) -> bool {
        let mut matches = self.0.iter().rev().map(|rules| rules.matched(path, is_folder));
        matches
            .find(|found| !found.is_none())
            .is_some_and(|found| found.is_ignore())
    }
}

/// Globs as `.gitignore` reads them: one without a slash counts at any depth, and what names a folder names
/// everything in it.
fn set(globs: &[String]) -> Result<GlobSet, LayerError> {
    let mut set = GlobSetBuilder::new();
    for text in globs {
        let inner = text.strip_suffix('/').unwrap_or(text);
        let glob = match inner.strip_prefix('/') {
            Some(anchored) => anchored.to_owned(),
            None if inner.contains('/') => inner.to_owned(),
            None => format!("**/{inner}"),
        };
        for glob in [format!("{glob}/**"), glob] {
            let built = GlobBuilder::new(&glob)
                .literal_separator(true)
                .backslash_escape(true)
                .build();
            set.add(built.map_err(|source| LayerError::Glob {
                glob: text.clone(),
                source,
            })?);
        }
    }
    set.build().map_err(|source| LayerError::Glob {
        glob: globs.join(", "),
        source,
    })
}
