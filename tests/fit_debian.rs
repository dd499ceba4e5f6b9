//! Programs of Debian packages, each checked against a root made of what its package declares to need: they run, so
//! every finding is a false alarm. `cargo xtask fit-debian` collects the packages; nothing of them is run.
//!
//! The other way round, the same programs on a root without what they need must not pass.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex};

use cargo_gantry::fit::{Check, Finding, Level, Question, check};
use cargo_gantry::rootfs::{Kind, Node, Tree};
use cargo_gantry::spec::Platform;
use cargo_gantry::target::Catalog;
use serde_json::Value;
use support::debian::{MERGED, Unpacked, architecture, really, unpack};

static CATALOG: LazyLock<Catalog> = LazyLock::new(Catalog::builtin);

/// Where programs of a package lie, in a system whose `/usr` is merged.
const PROGRAMS: [&[u8]; 4] = [b"usr/bin/", b"usr/sbin/", b"usr/games/", b"usr/libexec/"];

#[test]
fn no_program_of_debian_gives_a_false_alarm() {
    let Some(collection) = Collection::read() else {
        return;
    };
    let platform = architecture();
    let next = AtomicUsize::new(0);
    let total = Mutex::new(Tally::default());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(one) = collection.packages.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let tally = collection.look_at(one, &platform);
                    total.lock().unwrap().add(tally);
                }
            });
        }
    });
    let total = total.into_inner().unwrap();
    let mut out = std::io::stderr();
    for line in total.false_alarms.iter().chain(&total.missed).chain(&total.right) {
        let _ = writeln!(out, "{line}");
    }
    let _ = writeln!(out, "told, not denied: {:?}", total.told);
    let _ = writeln!(
        out,
        "{} packages, {} with programs; {} programs need {} libraries; {} links were made by maintainer scripts; \
         {} false alarms; {} programs really lack what their package does not declare; without what they need {} of \
         {} are found out",
        total.packages,
        total.with_programs,
        total.programs,
        total.libraries,
        total.alternatives,
        total.false_alarms.len(),
        total.right.len(),
        total.found_out,
        total.found_out + total.missed.len(),
    );
    assert!(total.programs > 0, "nothing was checked");
    assert!(total.false_alarms.is_empty(), "{}", total.false_alarms.join("\n"));
    assert!(total.missed.is_empty(), "{}", total.missed.join("\n"));
}

/// What `cargo xtask fit-debian` collected, unpacked.
struct Collection {
    debs: PathBuf,
    essential_files: Vec<String>,
    essential: Tree,
    packages: Vec<One>,
    unpacked: BTreeMap<String, Unpacked>,
}

struct One {
    name: String,
    file: String,
    closure: Vec<String>,
}

#[derive(Default)]
struct Tally {
    packages: usize,
    with_programs: usize,
    programs: usize,
    libraries: usize,
    alternatives: usize,
    false_alarms: Vec<String>,
    /// Findings that are true: the package lacks something that it does not declare.
    right: Vec<String>,
    /// Findings that deny nothing, by check.
    told: BTreeMap<&'static str, usize>,
    found_out: usize,
    missed: Vec<String>,
}

impl Collection {
    fn read() -> Option<Self> {
        let folder = support::bases::target().join("gantry-debian");
        let Ok(text) = std::fs::read(folder.join("closures.json")) else {
            support::missing("no packages are collected: `cargo xtask fit-debian` does");
            return None;
        };
        let list: Value = serde_json::from_slice(&text).expect("JSON");
        let names = |list: &Value| -> Vec<String> {
            let list = list.as_array().expect("a list").iter();
            list.map(|name| name.as_str().expect("a name").to_owned())
                .collect()
        };
        let packages: Vec<One> = list["packages"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|one| One {
                name: one["package"].as_str().expect("a name").to_owned(),
                file: one["file"].as_str().expect("a name").to_owned(),
                closure: names(&one["closure"]),
            })
            .collect();
        let essential = names(&list["essential"]);
        let all: BTreeSet<String> = packages
            .iter()
            .flat_map(|one| &one.closure)
            .chain(&essential)
            .cloned()
            .collect();
        let debs = folder.join("debs");
        let unpacked = unpack(&debs, &all);
        let mut tree = merged_usr();
        essential.iter().for_each(|file| unpacked[file].lay(&mut tree));
        for file in &essential {
            unpacked[file].link(&mut tree);
        }
        Some(Self {
            debs,
            essential_files: essential,
            essential: tree,
            packages,
            unpacked,
        })
    }

    /// Everything that a package's root is made of.
    fn files(&self, one: &One) -> Vec<(PathBuf, &Unpacked)> {
        let all: BTreeSet<&String> = self.essential_files.iter().chain(&one.closure).collect();
        all.into_iter()
            .map(|file| (self.debs.join(file), &self.unpacked[file]))
            .collect()
    }

    fn look_at(&self, one: &One, platform: &Platform) -> Tally {
        let mut tree = self.essential.clone();
        let closure = || one.closure.iter().map(|file| &self.unpacked[file]);
        closure().for_each(|package| package.lay(&mut tree));
        let alternatives = closure().map(|package| package.link(&mut tree)).sum();
        let mut tally = Tally {
            packages: 1,
            alternatives,
            ..Tally::default()
        };
        // The package's own programs, at the places that the merged root gives them.
        let mut own = merged_usr();
        self.unpacked[&one.file].lay(&mut own);
        let mut alone = self.essential.clone();
        self.unpacked[&one.file].lay(&mut alone);
        let names: BTreeSet<&[u8]> = alone
            .iter()
            .filter_map(|(path, _)| path.rsplit(|b| *b == b'/').next())
            .collect();
        for (path, node) in own.iter() {
            let Some((interpreter, needed)) = program(path, node) else {
                continue;
            };
            tally.programs += 1;
            tally.libraries += needed.len();
            let place = format!("/{}", String::from_utf8_lossy(path));
            let (denied, told): (Vec<_>, Vec<_>) = findings(&tree, platform, &place)
                .into_iter()
                .partition(|finding| finding.level == Level::Deny);
            for finding in told {
                *tally.told.entry(finding.check.name()).or_default() += 1;
            }
            if !denied.is_empty() {
                let line = format!("{} {place}: {denied:?}", one.name);
                // Packages have faults, too: the loader in a real root of the same packages has the last word.
                match really(&self.files(one), interpreter, &place) {
                    Ok(()) => tally.false_alarms.push(format!("false alarm: {line}")),
                    Err(why) => tally
                        .right
                        .push(format!("right: {line}\n  the loader says: {why}")),
                }
            }
            let there = |name: &String| names.contains(name.as_bytes());
            if !needed.iter().all(there) {
                let denied = |finding: &Finding| finding.level == Level::Deny;
                if findings(&alone, platform, &place).iter().any(denied) {
                    tally.found_out += 1;
                } else {
                    tally
                        .missed
                        .push(format!("missed: {} {place} needs {needed:?}", one.name));
                }
            }
        }
        tally.with_programs = usize::from(tally.programs > 0);
        tally
    }
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.packages += other.packages;
        self.with_programs += other.with_programs;
        self.programs += other.programs;
        self.libraries += other.libraries;
        self.alternatives += other.alternatives;
        self.false_alarms.extend(other.false_alarms);
        self.right.extend(other.right);
        self.found_out += other.found_out;
        self.missed.extend(other.missed);
        for (check, count) in other.told {
            *self.told.entry(check).or_default() += count;
        }
    }
}

/// Everything that is found of one program.
fn findings(tree: &Tree, platform: &Platform, program: &str) -> Vec<Finding> {
    let config = serde_json::json!({"config": {}});
    check(&Question {
        catalog: &CATALOG,
        platform,
        base: "debian",
        tree,
        base_layers: Some(0),
        config: &config,
        programs: &[program.to_owned()],
        crates: &BTreeMap::new(),
        static_glibc: &BTreeSet::new(),
        // No image, no user.
        levels: &BTreeMap::from([(Check::Root, Level::Allow)]),
    })
}

/// What starts a program, if it is one that is started so, and the libraries that it needs.
fn program<'a>(path: &[u8], node: &'a Node) -> Option<(&'a str, &'a [String])> {
    if !PROGRAMS.iter().any(|folder| path.starts_with(folder)) {
        return None;
    }
    let Kind::File(facts) = &node.kind else {
        return None;
    };
    let elf = facts.elf.as_ref()?;
    Some((elf.interpreter.as_deref()?, &elf.needed))
}

/// The root that Debian's installer makes before any package is there.
fn merged_usr() -> Tree {
    let mut tree = Tree::default();
    let node = |mode, kind| Node {
        mode,
        uid: 0,
        gid: 0,
        kind,
    };
    for folder in MERGED {
        let real = format!("usr/{folder}");
        tree.insert(real.as_bytes(), node(0o755, Kind::Directory));
        tree.insert(
            folder.as_bytes(),
            node(0o777, Kind::Symlink(real.clone().into_bytes())),
        );
    }
    tree
}
