//! [`Loader`]: what the dynamic loader would load for a program, and what it would not find.
//!
//! In: a program and the tree. Out: a [`Closure`]: every library with the object that asked for it, in the loader's order
//! (breadth first), and the names that nothing was found for. Libraries that a program opens by itself (dlopen(3)) are not
//! followed: nobody knows them.

mod cache;
mod conf;
mod glibc;
mod mounted;
mod musl;

use std::collections::{BTreeMap, BTreeSet};

use super::interpreter::Found;
use super::scene::{Program, Scene};
use crate::binary::Elf;
use crate::rootfs::{Kind, Node, Tree};
use crate::target::Libc;
use cache::Cache;
use mounted::Mounted;

/// More objects than this in one program are a lie.
const MOST_OBJECTS: usize = 1024;
/// More places than this are not looked at for one library.
const MOST_DIRECTORIES: usize = 256;
/// More places than this are not looked at for one program.
const MOST_LOOKS: usize = 200_000;

/// A dynamic loader, and what it has found out about the image.
pub(super) struct Loader<'a> {
    libc: Libc,
    /// The loader's own path, without links.
    real: Vec<u8>,
    elf: &'a Elf,
    /// Its path as the program names it.
    named: String,
    /// What ldconfig found, if it was run.
    cache: Option<Cache<'a>>,
    /// The directories of its configuration.
    configured: Places,
    /// Directories that it knows without being told.
    defaults: Places,
    /// What arrives when a container is started.
    mounted: Mounted,
}

/// What is loaded for a program.
pub(super) struct Closure<'a> {
    /// The program itself, then the libraries.
    pub(super) objects: Vec<Object<'a>>,
    pub(super) missing: Vec<Missing>,
    /// Which object goes by a name.
    names: BTreeMap<String, usize>,
    /// Which object is a file.
    files: BTreeMap<Vec<u8>, usize>,
}

/// Something that is loaded.
pub(super) struct Object<'a> {
    /// Where it was found, as the loader sees it: `$ORIGIN` is this path's directory.
    pub(super) path: Vec<u8>,
    /// The same without links.
    pub(super) real: Vec<u8>,
    pub(super) node: &'a Node,
    /// None if the file could not be read as ELF: then nothing more is known of it.
    pub(super) elf: Option<&'a Elf>,
    /// Which object asked for it.
    by: Option<usize>,
}

/// A library that was not found.
pub(super) struct Missing {
    pub(super) library: String,
    /// Which object asked for it.
    pub(super) by: usize,
    /// A file of that name for another machine, which the loader passes over.
    pub(super) foreign: Option<Vec<u8>>,
    /// One where ldconfig would find it, which was not run since.
    pub(super) unlisted: Option<Vec<u8>>,
}

/// Where a loader looks, in order.
#[derive(Clone, Default)]
struct Places {
    directories: Vec<Vec<u8>>,
    /// There are more that only the running machine knows.
    more: bool,
}

impl<'a> Loader<'a> {
    /// The loader of a program, if it is one whose rules are known.
    pub(super) fn of(scene: &Scene<'a>, found: &Found<'a>) -> Option<Self> {
        let named = found.named;
        let elf = found.elf?;
        let libc = found.libc?;
        // Something else may stand where glibc's loader would (gcompat on musl), with rules of its own.
        if libc == Libc::Gnu
            && !elf
                .version_definitions
                .iter()
                .any(|version| version.starts_with("GLIBC_"))
        {
            return None;
        }
        let mut loader = Self {
            libc,
            real: found.real.clone(),
            elf,
            named: named.to_owned(),
            cache: (libc == Libc::Gnu)
                .then(|| Cache::of(scene.question.tree, elf.endian))
                .flatten(),
            configured: match libc {
                Libc::Gnu => conf::directories(scene.question.tree),
                _ => Places::default(),
            },
            defaults: Places::default(),
            mounted: Mounted::of(scene),
        };
        loader.defaults = match libc {
            Libc::Gnu => glibc::defaults(scene, &loader),
            _ => musl::defaults(scene.question.tree, named),
        };
        // Whoever mounts libraries into a directory of the configuration runs ldconfig as well.
        let configured = &loader.configured.directories;
        let mut known = loader.defaults.directories.iter().chain(configured);
        loader.defaults.more |= known.any(|directory| loader.mounted.covers(scene, directory));
        Some(loader)
    }

    pub(super) fn is_glibc(&self) -> bool {
        self.libc == Libc::Gnu
    }

    /// Everything that is loaded before the program starts.
    pub(super) fn load(&self, scene: &Scene<'a>, program: &Program<'a>) -> Closure<'a> {
        let mut closure = Closure {
            objects: vec![Object {
                path: program.real.clone(),
                real: program.real.clone(),
                node: program.node,
                elf: program.elf,
                by: None,
            }],
            missing: Vec::new(),
            names: BTreeMap::new(),
            files: BTreeMap::new(),
        };
        let mut told = BTreeSet::new();
        let mut looks = MOST_LOOKS;
        let mut next = 0;
        while next < closure.objects.len() {
            let needed = closure.objects[next]
                .elf
                .map(|elf| elf.needed.as_slice())
                .unwrap_or_default();
            for library in needed {
                if self.has(library) || closure.named(library).is_some() {
                    continue;
                }
                match self.find(scene, &closure, next, library, &mut looks) {
                    Lookup::Object(path, real, node) => closure.add(path, real, node, library, next),
                    Lookup::Unknown => {}
                    Lookup::Nothing(foreign) if told.insert(library) => closure.missing.push(Missing {
                        library: library.clone(),
                        by: next,
                        unlisted: self.unlisted(scene, program, library),
                        foreign,
                    }),
                    Lookup::Nothing(_) => {}
                }
                if closure.objects.len() >= MOST_OBJECTS || looks == 0 {
                    return closure;
                }
            }
            next += 1;
        }
        closure
    }

    /// Whether the loader itself goes by that name.
    fn has(&self, library: &str) -> bool {
        match self.libc {
            Libc::Gnu => self.elf.soname.as_deref() == Some(library) || self.named == library,
            _ => musl::is_own(library) || self.named == library,
        }
    }

    /// Looks a library up; every place that is looked at is one of `looks`.
    fn find(
        &self,
        scene: &Scene<'a>,
        closure: &Closure<'a>,
        by: usize,
        library: &str,
        looks: &mut usize,
    ) -> Lookup<'a> {
        let tree = scene.question.tree;
        let machine = closure.objects[0].elf;
        if library.contains('/') {
            // Relative to a directory that only the running program knows, or with `$ORIGIN`.
            if !library.starts_with('/') {
                return Lookup::Unknown;
            }
            return match look(tree, library.as_bytes().to_vec(), machine) {
                Lookup::Nothing(_) if self.mounted.covers(scene, &parent(library.as_bytes())) => {
                    Lookup::Unknown
                }
                found => found,
            };
        }
        let places = match self.libc {
            Libc::Gnu => glibc::places(scene, self, closure, by),
            _ => musl::places(scene, closure, by),
        };
        let mut foreign = None;
        let inside = |directory: &Vec<u8>| [directory.as_slice(), b"/", library.as_bytes()].concat();
        let told = places.directories.iter().take(MOST_DIRECTORIES).map(inside);
        let cached = self.cache.iter().flat_map(|cache| cache.paths(library));
        let cached = cached.map(<[u8]>::to_vec).take(MOST_DIRECTORIES);
        let known = self
            .defaults
            .directories
            .iter()
            .take(MOST_DIRECTORIES)
            .map(inside);
        for path in told.chain(cached).chain(known) {
            let Some(left) = looks.checked_sub(1) else {
                return Lookup::Unknown;
            };
            *looks = left;
            match look(tree, path, machine) {
                Lookup::Nothing(other) => foreign = foreign.or(other),
                found => return found,
            }
        }
        if places.more || self.defaults.more || places.directories.len() > MOST_DIRECTORIES {
            return Lookup::Unknown;
        }
        let mut told = places.directories.iter();
        let mut cached = self.cache.iter().flat_map(|cache| cache.paths(library));
        if self.mounted.has(library)
            || told.any(|directory| self.mounted.covers(scene, directory))
            || cached.any(|path| self.mounted.covers(scene, &parent(path)))
        {
            return Lookup::Unknown;
        }
        Lookup::Nothing(foreign)
    }

    /// A library where ldconfig would find it, although its cache does not have it.
    fn unlisted(&self, scene: &Scene<'_>, program: &Program<'_>, library: &str) -> Option<Vec<u8>> {
        self.cache.as_ref()?;
        let tree = scene.question.tree;
        let directories = self.configured.directories.iter();
        let mut paths =
            directories.map(|directory| [directory.as_slice(), b"/", library.as_bytes()].concat());
        paths.find(|path| matches!(look(tree, path.clone(), program.elf), Lookup::Object(..)))
    }
}

impl Places {
    /// Takes in more; beyond [`MOST_DIRECTORIES`] nobody looks.
    fn add(&mut self, more: Self) {
        let room = (MOST_DIRECTORIES + 1).saturating_sub(self.directories.len());
        self.directories.extend(more.directories.into_iter().take(room));
        self.more |= more.more;
    }
}

impl<'a> Closure<'a> {
    /// The object that was loaded under a name.
    pub(super) fn named(&self, library: &str) -> Option<&Object<'a>> {
        self.names
            .get(library)
            .and_then(|&object| self.objects.get(object))
    }

    fn add(&mut self, path: Vec<u8>, real: Vec<u8>, node: &'a Node, library: &str, by: usize) {
        // The same file under another name is loaded once.
        if let Some(&known) = self.files.get(&real) {
            self.names.insert(library.to_owned(), known);
            return;
        }
        let Kind::File(facts) = &node.kind else {
            return;
        };
        let elf = facts.elf.as_deref();
        let number = self.objects.len();
        self.names.insert(library.to_owned(), number);
        if let Some(soname) = elf.and_then(|elf| elf.soname.clone()) {
            self.names.entry(soname).or_insert(number);
        }
        self.files.insert(real.clone(), number);
        self.objects.push(Object {
            path,
            real,
            node,
            elf,
            by: Some(by),
        });
    }

    /// The objects whose needs led to one, nearest first, itself included.
    fn chain(&self, from: usize) -> impl Iterator<Item = &Object<'a>> {
        let mut next = Some(from);
        std::iter::from_fn(move || {
            let object = self.objects.get(next?)?;
            next = object.by;
            Some(object)
        })
    }
}

enum Lookup<'a> {
    Object(Vec<u8>, Vec<u8>, &'a Node),
    /// Nothing, or only a file for another machine.
    Nothing(Option<Vec<u8>>),
    Unknown,
}

/// Whether a library for the machine of `program` lies at `path`. Loaders look on where it is for another.
fn look<'a>(tree: &'a Tree, path: Vec<u8>, program: Option<&Elf>) -> Lookup<'a> {
    let Some((real, node)) = tree.resolve(&path) else {
        return Lookup::Nothing(None);
    };
    let Kind::File(facts) = &node.kind else {
        return Lookup::Nothing(None);
    };
    match (&facts.elf, program) {
        (Some(elf), Some(program)) if !same_machine(elf, program) => Lookup::Nothing(Some(path)),
        _ => Lookup::Object(path, real, node),
    }
}

/// Whether musl's C library is all that a name asks for.
pub(super) fn musl_has(library: &str) -> bool {
    musl::is_own(library)
}

/// Whether both are for the same kind of processor.
pub(super) fn same_machine(one: &Elf, other: &Elf) -> bool {
    (one.class, one.endian, one.machine) == (other.class, other.endian, other.machine)
}

/// The paths of a list, with `$ORIGIN` and its like replaced. `object` is who has the list.
fn expand<'p>(
    list: impl Iterator<Item = &'p str>,
    object: &Object<'_>,
    workdir: &str,
    libraries: &[String],
) -> Places {
    let mut places = Places::default();
    let origin = parent(&object.path);
    for path in list.take(MOST_DIRECTORIES + 1) {
        let path = path.replace("${", "$").replace('}', "");
        // Only the running machine knows the platform's name.
        if path.contains("$PLATFORM") {
            places.more = true;
            continue;
        }
        let path = path.replace("$ORIGIN", &String::from_utf8_lossy(&origin));
        let variants = if path.contains("$LIB") {
            libraries
        } else {
            &[String::new()][..]
        };
        for library in variants {
            let path = path.replace("$LIB", library);
            let path = match path.as_str() {
                // An empty path is the directory that the program was started in.
                "" => workdir.to_owned(),
                relative if !relative.starts_with('/') => format!("{workdir}/{relative}"),
                _ => path,
            };
            places.directories.push(path.into_bytes());
        }
    }
    places
}

/// The directory of a path, from the root.
fn parent(path: &[u8]) -> Vec<u8> {
    let path = path.strip_prefix(b"/").unwrap_or(path);
    let end = path.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
    [b"/", &path[..end]].concat()
}

#[cfg(test)]
mod tests;
