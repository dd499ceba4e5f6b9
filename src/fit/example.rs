//! Trees and programs for the tests of this room.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};

use super::scene::Scene;
use super::{Check, Finding, Level, Question, check};
use crate::binary::{Elf, ElfKind, VersionNeed};
use crate::rootfs::{FileFacts, Kind, Node, Tree};
use crate::spec::Platform;
use crate::target::{Catalog, Endian};

/// An image in the making.
pub(super) struct Example {
    pub(super) tree: Tree,
    pub(super) crates: BTreeMap<String, BTreeSet<String>>,
    pub(super) levels: BTreeMap<Check, Level>,
    pub(super) static_glibc: BTreeSet<String>,
    pub(super) base_layers: Option<usize>,
    platform: Platform,
    config: Value,
    programs: Vec<String>,
    catalog: Catalog,
}

impl Default for Example {
    fn default() -> Self {
        Self::on("linux/amd64")
    }
}

impl Example {
    /// Nothing, for a platform.
    pub(super) fn on(platform: &str) -> Self {
        let mut example = Self {
            tree: Tree::default(),
            crates: BTreeMap::new(),
            levels: BTreeMap::new(),
            static_glibc: BTreeSet::new(),
            base_layers: Some(0),
            platform: platform.parse().unwrap(),
            config: Value::Null,
            programs: Vec::new(),
            catalog: Catalog::builtin(),
        };
        example.config(json!({}));
        example
    }

    /// Debian, merged /usr and all, with this glibc.
    pub(super) fn debian(glibc: &str) -> Self {
        let mut example = Self::default();
        example.link("lib", "usr/lib");
        example.link("lib64", "usr/lib64");
        example.link(
            "usr/lib64/ld-linux-x86-64.so.2",
            "../lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
        );
        let minor: u32 = glibc.strip_prefix("2.").unwrap().parse().unwrap();
        let versions: Vec<_> = (2..=minor).map(|minor| format!("GLIBC_2.{minor}")).collect();
        let versions: Vec<_> = versions.iter().map(String::as_str).collect();
        for name in ["ld-linux-x86-64.so.2", "libc.so.6"] {
            example.elf(
                &format!("usr/lib/x86_64-linux-gnu/{name}"),
                library(name, &versions),
            );
        }
        example.text("etc/os-release", "ID=debian\nVERSION_ID=\"12\"\n");
        example
    }

    /// Alpine, for programs of musl.
    pub(super) fn alpine() -> Self {
        let mut example = Self::default();
        example.elf("lib/ld-musl-x86_64.so.1", library("libc.musl-x86_64.so.1", &[]));
        example.text("etc/os-release", "ID=alpine\n");
        example
    }

    /// The image's `config`; a user is set unless it says one.
    pub(super) fn config(&mut self, mut config: Value) {
        if config.get("User").is_none() {
            config["User"] = json!("65532:65532");
        }
        self.config = json!({ "config": config });
    }

    /// When the image was made, and its layers.
    pub(super) fn times(&mut self, created: Value, history: Value) {
        self.config["created"] = created;
        self.config["history"] = history;
    }

    pub(super) fn put(&mut self, path: &str, node: Node) {
        self.tree.insert(path.as_bytes(), node);
    }

    pub(super) fn directory(&mut self, path: &str, bits: u32, owner: u64) {
        let node = Node {
            kind: Kind::Directory,
            ..file(0)
        };
        self.put(path, mode(node, bits, owner, owner));
    }

    pub(super) fn link(&mut self, path: &str, target: &str) {
        let kind = Kind::Symlink(target.as_bytes().to_vec());
        self.put(path, Node { kind, ..file(0) });
    }

    pub(super) fn text(&mut self, path: &str, text: &str) {
        let facts = FileFacts {
            size: text.len() as u64,
            text: Some(text.as_bytes().to_vec()),
            ..FileFacts::default()
        };
        self.put(path, mode(of(facts), 0o644, 0, 0));
    }

    pub(super) fn elf(&mut self, path: &str, elf: Elf) {
        let facts = FileFacts {
            size: 4096,
            elf: Some(Box::new(elf)),
            ..FileFacts::default()
        };
        self.put(path, of(facts));
    }

    /// A program that must run.
    pub(super) fn program(&mut self, path: &str, elf: Elf) {
        self.elf(path, elf);
        let path = format!("/{path}");
        if !self.programs.contains(&path) {
            self.programs.push(path);
        }
    }

    /// Further crates in the graph of a program that is made by this if need be.
    pub(super) fn built_with(&mut self, crates: &[&str]) {
        if self.programs.is_empty() {
            self.program("app", static_elf());
        }
        let names = crates.iter().map(|&name| name.to_owned()).collect();
        self.crates.insert(self.programs[0].clone(), names);
    }

    fn question(&self) -> Question<'_> {
        Question {
            platform: &self.platform,
            base: "debian:12-slim",
            catalog: &self.catalog,
            tree: &self.tree,
            base_layers: self.base_layers,
            config: &self.config,
            programs: &self.programs,
            crates: &self.crates,
            static_glibc: &self.static_glibc,
            levels: &self.levels,
        }
    }

    pub(super) fn scene(&self) -> Scene<'_> {
        Scene::new(&self.question())
    }

    /// Every finding.
    pub(super) fn all(&self) -> Vec<Finding> {
        check(&self.question())
    }

    /// The findings of one check, which is told whatever its level. There is no other finding.
    pub(super) fn only(&mut self, of: Check) -> Vec<Finding> {
        self.levels.insert(of, Level::Deny);
        let all = self.all();
        assert!(all.iter().all(|one| one.check == of), "{all:#?}");
        all
    }

    /// Its messages.
    pub(super) fn messages(&mut self, of: Check) -> Vec<String> {
        self.only(of).into_iter().map(|one| one.message).collect()
    }
}

/// A file of which only the size is known; everybody may read and execute it.
pub(super) fn file(size: u64) -> Node {
    of(FileFacts {
        size,
        unreadable: true,
        ..FileFacts::default()
    })
}

pub(super) fn script(line: &str) -> Node {
    of(FileFacts {
        size: 100,
        script: Some(line.to_owned()),
        ..FileFacts::default()
    })
}

pub(super) fn mode(node: Node, mode: u32, uid: u64, gid: u64) -> Node {
    Node {
        mode,
        uid,
        gid,
        ..node
    }
}

fn of(facts: FileFacts) -> Node {
    Node {
        mode: 0o755,
        uid: 0,
        gid: 0,
        kind: Kind::File(Arc::new(facts)),
    }
}

/// A static program for amd64.
pub(super) fn static_elf() -> Elf {
    Elf {
        class: 64,
        endian: Endian::Little,
        machine: 62,
        flags: 0,
        kind: ElfKind::Dyn,
        os_abi: 0,
        interpreter: None,
        soname: None,
        needed: Vec::new(),
        rpath: Vec::new(),
        runpath: Vec::new(),
        version_needs: Vec::new(),
        version_definitions: Vec::new(),
        isa_level: None,
        arm: None,
        executable_stack: false,
        relro: true,
        bind_now: true,
        stripped: true,
        debug_information: false,
        build_id: None,
    }
}

/// A program for amd64 that glibc's loader starts.
pub(super) fn elf() -> Elf {
    let mut elf = static_elf();
    elf.interpreter = Some("/lib64/ld-linux-x86-64.so.2".into());
    elf.needed = vec!["libc.so.6".into()];
    elf
}

/// A library for amd64.
pub(super) fn library(soname: &str, versions: &[&str]) -> Elf {
    let mut elf = static_elf();
    elf.soname = Some(soname.to_owned());
    elf.version_definitions = versions.iter().map(|&version| version.to_owned()).collect();
    elf
}

pub(super) fn need(library: &str, version: &str, weak: bool) -> VersionNeed {
    serde_json::from_value(json!({"library": library, "version": version, "weak": weak})).unwrap()
}
