//! What dynamic programs run on: a C library and what gcc's C and C++ need, nothing else.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;

use super::grid::{GNU, Triple};
use super::work;
use crate::bases::{self, Part, Platform, Recipe, platform};

/// The base as a matrix in [`work`] names it.
pub(crate) fn base(triple: &Triple) -> Result<String> {
    if triple.libc != GNU {
        return Ok("static".to_owned());
    }
    let recipe = if triple.platform == "linux/riscv64" {
        &NEWER
    } else {
        &BOOKWORM
    };
    let folder = folder();
    fs::create_dir_all(&folder)?;
    bases::made(recipe, &folder)?;
    Ok(format!("oci:bases/{}", recipe.name))
}

fn folder() -> PathBuf {
    work().join("bases")
}

/// The release that the cross compilers are of: what they link must not need more than this has. Debian has no ARMv6:
/// its armhf is ARMv7.
const BOOKWORM: Recipe = Recipe {
    platforms: &[
        platform("amd64", "", "amd64"),
        platform("arm64", "v8", "arm64"),
        platform("arm", "v7", "armhf"),
        platform("386", "", "i386"),
        platform("ppc64le", "", "ppc64el"),
        platform("s390x", "", "s390x"),
    ],
    ..recipe("bookworm", "bookworm")
};

/// riscv64 is in Debian since this release.
const NEWER: Recipe = Recipe {
    platforms: &[platform("riscv64", "", "riscv64")],
    parts: &[Part {
        merged_usr: true,
        ..PART
    }],
    ..recipe("trixie", "trixie")
};

const PART: Part = Part {
    packages: &[],
    merged_usr: false,
    script: "toolchains.sh",
};

const fn recipe(name: &'static str, suite: &'static str) -> Recipe {
    const NONE: &[Platform] = &[];
    Recipe {
        name,
        copy_of: None,
        suite,
        parts: &[PART],
        platforms: NONE,
        command: &[],
        user: "",
        directory: "",
        environment: &[],
    }
}
