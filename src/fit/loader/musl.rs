//! Where musl's loader looks: `load_library` in `ldso/dynlink.c`.
//!
//! 1. `LD_LIBRARY_PATH`. 2. `DT_RUNPATH`, else `DT_RPATH`, of the object that needs the library and of those that led to
//!    it. 3. `/etc/ld-musl-ARCH.path`, else `/lib:/usr/local/lib:/usr/lib`. The C library's own names are never searched.
//!
//! <https://git.musl-libc.org/cgit/musl/tree/ldso/dynlink.c?h=v1.2.5>

use super::{Closure, MOST_DIRECTORIES, Places, expand, parent};
use crate::fit::scene::{Scene, shown};
use crate::rootfs::{Kind, Tree};

pub(super) fn places(scene: &Scene<'_>, closure: &Closure<'_>, by: usize) -> Places {
    let workdir = scene.workdir();
    let mut all = Places::default();
    if let Some(list) = scene.variable("LD_LIBRARY_PATH") {
        all.add(expand(list.split([':', '\n']), &closure.objects[0], workdir, &[]));
    }
    for object in closure.chain(by) {
        if all.directories.len() > MOST_DIRECTORIES {
            break;
        }
        let Some(elf) = object.elf else { continue };
        let list = if elf.runpath.is_empty() {
            &elf.rpath
        } else {
            &elf.runpath
        };
        all.add(expand(list.iter().map(String::as_str), object, workdir, &[]));
    }
    all
}

/// The system's directories, for the loader of that path: of the file beside its own prefix, else musl's own.
pub(super) fn defaults(tree: &Tree, loader: &str) -> Places {
    let usual = Places {
        directories: vec![b"/lib".to_vec(), b"/usr/local/lib".to_vec(), b"/usr/lib".to_vec()],
        more: false,
    };
    let name = loader.rsplit('/').next().unwrap_or_default();
    let Some(architecture) = name
        .strip_prefix("ld-musl-")
        .and_then(|name| name.split('.').next())
    else {
        return usual;
    };
    let prefix = shown(&parent(&parent(loader.as_bytes())));
    let path = format!("{}/etc/ld-musl-{architecture}.path", prefix.trim_end_matches('/'));
    let Some((_, node)) = tree.resolve(path.as_bytes()) else {
        return usual;
    };
    let Kind::File(facts) = &node.kind else {
        return usual;
    };
    let text = String::from_utf8_lossy(facts.text.as_deref().unwrap_or_default());
    let paths = text.split([':', '\n']).filter(|path| !path.is_empty());
    Places {
        directories: paths.map(|path| path.as_bytes().to_vec()).collect(),
        more: facts.text.is_none(),
    }
}

/// Whether musl answers to that name itself: libraries that are part of it.
pub(super) fn is_own(library: &str) -> bool {
    let name = library.strip_prefix("lib").and_then(|name| name.split_once('.'));
    let own = ["c", "pthread", "rt", "m", "dl", "util", "xnet"];
    name.is_some_and(|(name, _)| own.contains(&name))
}
