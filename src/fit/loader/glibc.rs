//! Where glibc's loader looks: ld.so(8), and `_dl_map_object` in glibc's `elf/dl-load.c`.
//!
//! 1. `DT_RPATH` of the object that needs the library, of those that led to it, and of the program; only if the object has
//!    no `DT_RUNPATH`, and each only if its owner has none. 2. `LD_LIBRARY_PATH`. 3. `DT_RUNPATH` of the object itself.
//!    4. The cache, made of `/etc/ld.so.conf`. 5. The directories it was built with.
//!
//! <https://man7.org/linux/man-pages/man8/ld.so.8.html>

use super::{Closure, Loader, MOST_DIRECTORIES, Places, expand, parent, same_machine};
use crate::binary::Elf;
use crate::fit::scene::Scene;
use crate::rootfs::Kind;

pub(super) fn places(scene: &Scene<'_>, loader: &Loader<'_>, closure: &Closure<'_>, by: usize) -> Places {
    let workdir = scene.workdir();
    let names = library_names(loader);
    let mut all = Places::default();
    let needing = &closure.objects[by];
    let runpath = needing.elf.map(|elf| elf.runpath.as_slice()).unwrap_or_default();
    if runpath.is_empty() {
        for object in closure.chain(by) {
            if all.directories.len() > MOST_DIRECTORIES {
                break;
            }
            if let Some(elf) = object.elf.filter(|elf| elf.runpath.is_empty()) {
                all.add(expand(
                    elf.rpath.iter().map(String::as_str),
                    object,
                    workdir,
                    &names,
                ));
            }
        }
    }
    if let Some(list) = scene.variable("LD_LIBRARY_PATH") {
        all.add(expand(
            list.split([':', ';']),
            &closure.objects[0],
            workdir,
            &names,
        ));
    }
    all.add(expand(
        runpath.iter().map(String::as_str),
        needing,
        workdir,
        &names,
    ));
    all
}

/// Those of the configuration, where there is no cache that says what was found in them; then those that the found glibc
/// was built with. These are not written anywhere that can be read; they follow from where its `libc.so.6` lies: Debian's
/// has its own directory below `/lib` and then `/lib` itself, all others have one name below `/` and `/usr`.
pub(super) fn defaults(scene: &Scene<'_>, loader: &Loader<'_>) -> Places {
    let mut places = match loader.cache {
        Some(_) => Places::default(),
        None => loader.configured.clone(),
    };
    let found = &mut places.directories;
    let homes = scene.glibc_homes.get_or_init(|| homes(scene));
    let own = homes.iter().filter(|(_, elf)| same_machine(elf, loader.elf));
    let mut own: Vec<&[u8]> = own.map(|(home, _)| home.as_slice()).collect();
    if own.is_empty() {
        // Without a libc nothing runs; what else is missing is told as far as it is missing everywhere.
        own = vec![b"lib64", b"lib"];
    }
    for home in own {
        let below = home.strip_prefix(b"usr/").unwrap_or(home);
        for prefix in [b"/".as_slice(), b"/usr/"] {
            found.push([prefix, below].concat());
        }
        if below.contains(&b'/') {
            found.extend([b"/lib".to_vec(), b"/usr/lib".to_vec()]);
        }
    }
    // Distributions that keep each package in a directory of its own.
    let own = parent(&loader.real);
    let usual = [b"/lib".as_slice(), b"/usr/lib"];
    if !usual.iter().any(|usual| own.starts_with(usual)) {
        found.push(own);
    }
    places
}

/// Directories below `/` and `/usr` whose names begin with `lib`, or one level deeper, that hold a `libc.so.6`.
fn homes<'a>(scene: &Scene<'a>) -> Vec<(Vec<u8>, &'a Elf)> {
    let homes = scene.question.tree.iter().filter_map(|(path, _)| {
        let home = path.strip_suffix(b"/libc.so.6")?;
        let below = home.strip_prefix(b"usr/").unwrap_or(home);
        let usual = below.starts_with(b"lib") && below.iter().filter(|byte| **byte == b'/').count() < 2;
        let (_, node) = scene.question.tree.resolve(path).filter(|_| usual)?;
        match &node.kind {
            Kind::File(facts) => Some((home.to_vec(), facts.elf.as_deref()?)),
            _ => None,
        }
    });
    homes.collect()
}

/// What `$LIB` may stand for.
fn library_names(loader: &Loader<'_>) -> Vec<String> {
    let defaults = loader
        .defaults
        .directories
        .iter()
        .map(|path| String::from_utf8_lossy(path).into_owned());
    let mut names: Vec<_> = defaults
        .filter_map(|path| path.strip_prefix("/lib").map(|rest| format!("lib{rest}")))
        .collect();
    names.extend(["lib".to_owned(), "lib64".to_owned()]);
    names.dedup();
    names
}
