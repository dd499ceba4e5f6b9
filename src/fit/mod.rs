//! [`check`]: whether programs run on the tree that they are laid into, decided from files alone.
//!
//! In: the ELF facts of programs, the merged tree of the whole image, its config, and what the dependency graph tells.
//! Out: [`Finding`]s, each with its [`Check`], what is needed, what is there, and the way out. Nothing is started, no
//! file is read, the same input gives the same findings. What cannot be known for sure is no finding: a checker that
//! cries wolf is switched off.

mod age;
mod certificates;
mod cpu;
mod entrypoint;
#[cfg(test)]
mod example;
mod finding;
mod hardening;
mod identity;
mod interpreter;
mod library;
mod loader;
mod machine;
mod packages;
mod permission;
mod port;
mod propose;
mod scene;
mod start;
mod static_glibc;
mod symlink;
mod timezone;
mod tmp;
mod user;
mod volume;
mod workdir;

use std::collections::{BTreeMap, BTreeSet};

pub use finding::{Check, Finding, Level};
pub use propose::{Proposal, propose};

use crate::rootfs::Tree;
use crate::spec::Platform;
use crate::target::Catalog;
use loader::Loader;
use scene::{Program, Scene};

/// What is to be checked: one image on one platform.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The platform that it is published for.
    pub platform: &'a Platform,
    /// How the base is called, for messages.
    pub base: &'a str,
    /// What is known of platforms and C libraries.
    pub catalog: &'a Catalog,
    /// Everything: the base's layers and ours.
    pub tree: &'a Tree,
    /// How many of the tree's layers, the lowest, are the base's: what they did to each other is not judged. None for
    /// an image of somebody else, of which nobody knows where its base ends.
    pub base_layers: Option<usize>,
    /// The image's config (the whole object, `config` in it).
    pub config: &'a serde_json::Value,
    /// Absolute paths in the tree of the programs that must run. The entrypoint's program is one of them unasked.
    pub programs: &'a [String],
    /// Names of the crates that are linked into each program, by its path, where known (no build dependencies): some
    /// need files of the base.
    pub crates: &'a BTreeMap<String, BTreeSet<String>>,
    /// Which of the programs are linked statically with glibc: their files do not tell.
    pub static_glibc: &'a BTreeSet<String>,
    /// What the user says of each check; the others have [`Check::level`].
    pub levels: &'a BTreeMap<Check, Level>,
}

/// Everything that is not as it should be, without what is allowed: errors first, then by check, program and text.
/// Of images for other systems than Linux nothing is known.
pub fn check(question: &Question<'_>) -> Vec<Finding> {
    if question.platform.os() != "linux" {
        return Vec::new();
    }
    let scene = Scene::new(question);
    let mut found = Vec::new();
    let mut loaders = BTreeMap::new();
    for program in &scene.programs {
        of_program(&scene, program, &mut loaders, &mut found);
    }
    for of_image in [
        user::check,
        entrypoint::check,
        workdir::check,
        volume::check,
        port::check,
        symlink::check,
        certificates::check,
        tmp::check,
        timezone::check,
        static_glibc::check,
        age::check,
    ] {
        of_image(&scene, &mut found);
    }
    for finding in &mut found {
        finding.level = question
            .levels
            .get(&finding.check)
            .copied()
            .unwrap_or(finding.level);
    }
    found.retain(|finding| finding.level != Level::Allow);
    let key = |one: &Finding| (one.level, one.check, one.subject.clone(), one.message.clone());
    found.sort_by_cached_key(key);
    found.dedup();
    found
}

fn of_program<'a>(
    scene: &Scene<'a>,
    program: &Program<'a>,
    loaders: &mut BTreeMap<&'a str, Option<Loader<'a>>>,
    found: &mut Vec<Finding>,
) {
    let before = found.len();
    machine::check(scene, program, found);
    entrypoint::script(scene, program, found);
    hardening::check(scene, program, found);
    // A program for another machine needs another everything.
    if found[before..].iter().any(|one| one.check == Check::Machine) {
        return;
    }
    let mut closure = None;
    match interpreter::of(scene, program) {
        Some(Err(finding)) => found.push(*finding),
        Some(Ok(interpreter)) => {
            let loader = loaders.entry(interpreter.named);
            if let Some(loader) = loader.or_insert_with(|| Loader::of(scene, &interpreter)) {
                let loaded = loader.load(scene, program);
                library::check(scene, program, loader, &loaded, found);
                closure = Some(loaded);
            }
        }
        None => {}
    }
    cpu::check(scene, program, closure.as_ref(), found);
    permission::check(scene, program, closure.as_ref(), found);
}

#[cfg(test)]
mod tests;
