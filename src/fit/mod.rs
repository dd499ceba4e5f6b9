//! [`check`]: whether programs run on the tree that they are laid into, decided from files alone.
//!
//! In: the ELF facts of programs, the merged tree of the whole image, its config, and what the dependency graph tells.
//! Out: [`Finding`]s, each with its [`Check`], what is needed, what is there, and the way out. Nothing is started, no
//! file is read, the same input gives the same findings. What cannot be known for sure is no finding: a checker that
//! cries wolf is switched off.

mod finding;

use std::collections::{BTreeMap, BTreeSet};

pub use finding::{Check, Finding, Level};

use crate::rootfs::Tree;
use crate::spec::Platform;

/// What is to be checked: one image on one platform.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The platform that it is published for.
    pub platform: &'a Platform,
    /// How the base is called, for messages.
    pub base: &'a str,
    /// Everything: the base's layers and ours.
    pub tree: &'a Tree,
    /// The image's config (the whole object, `config` in it).
    pub config: &'a serde_json::Value,
    /// Absolute paths in the tree of the programs that must run. The entrypoint's program is one of them unasked.
    pub programs: &'a [String],
    /// Names of the crates in the graph of each program, where known: some need files of the base.
    pub crates: &'a BTreeMap<String, BTreeSet<String>>,
    /// What the user says of each check; the others have [`Check::level`].
    pub levels: &'a BTreeMap<Check, Level>,
}

/// Everything that is not as it should be, without what is allowed: errors first, then by check, program and text.
pub fn check(question: &Question<'_>) -> Vec<Finding> {
    let _ = question;
    todo!()
}
