//! [`Catalog`]: every target that is known, the embedded ones overlaid by the user's.

use std::collections::BTreeSet;

use super::{Libc, Target};
use crate::spec::Platform;

/// The known targets, sorted by triple.
#[derive(Clone, Debug)]
pub struct Catalog {
    targets: Vec<Target>,
}

/// A fact sheet, or a question to the catalog, was wrong.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum TargetError {
    /// A sheet does not parse.
    #[error("`{name}` is not a target's fact sheet")]
    #[diagnostic(
        code(gantry::target::sheet),
        help("the sheets in the project's `targets/` are examples of every key")
    )]
    Sheet {
        /// The file's name.
        name: String,
        /// Where and why.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// A sheet lies in a file of another name.
    #[error("`{name}` describes the target `{triple}`")]
    #[diagnostic(code(gantry::target::name), help("call the file `{triple}.toml`"))]
    Name {
        /// The file's name.
        name: String,
        /// The triple inside.
        triple: String,
    },
    /// Two triples claim the same platform with the same C library.
    #[error("`{first}` and `{second}` both serve `{platform}` with the same C library")]
    #[diagnostic(
        code(gantry::target::twice),
        help("give one of them another platform, or replace the built-in sheet by one of the same triple")
    )]
    Twice {
        /// The one.
        first: String,
        /// The other.
        second: String,
        /// What both claim.
        platform: Platform,
    },
    /// No sheet for a triple.
    #[error("unknown target `{triple}`")]
    #[diagnostic(code(gantry::target::unknown))]
    Unknown {
        /// The triple asked for.
        triple: String,
        /// What was probably meant, or where to look.
        #[help]
        help: String,
    },
    /// No sheet for a platform.
    #[error("no target serves the platform `{platform}` with {libc}")]
    #[diagnostic(code(gantry::target::platform))]
    NoTarget {
        /// The platform asked for.
        platform: Platform,
        /// The C library asked for.
        libc: Libc,
        /// What there is.
        #[help]
        help: String,
    },
}

macro_rules! embedded {
    ($($triple:literal)*) => {
        /// Names and texts of the embedded sheets.
        const EMBEDDED: &[(&str, &str)] = &[
            $((concat!($triple, ".toml"), include_str!(concat!("../../targets/", $triple, ".toml"))),)*
        ];
    };
}

embedded! {
    "aarch64-unknown-linux-gnu"
    "aarch64-unknown-linux-musl"
    "arm-unknown-linux-gnueabihf"
    "arm-unknown-linux-musleabihf"
    "armv7-unknown-linux-gnueabihf"
    "armv7-unknown-linux-musleabihf"
    "i686-unknown-linux-gnu"
    "i686-unknown-linux-musl"
    "loongarch64-unknown-linux-gnu"
    "loongarch64-unknown-linux-musl"
    "powerpc64le-unknown-linux-gnu"
    "powerpc64le-unknown-linux-musl"
    "riscv64gc-unknown-linux-gnu"
    "riscv64gc-unknown-linux-musl"
    "s390x-unknown-linux-gnu"
    "s390x-unknown-linux-musl"
    "wasm32-wasip1"
    "x86_64-unknown-linux-gnu"
    "x86_64-unknown-linux-musl"
}

impl Catalog {
    /// The targets that come with the program.
    pub fn builtin() -> Self {
        EMBEDDED
            .iter()
            .try_fold(Self { targets: Vec::new() }, |catalog, (name, text)| {
                catalog.overlay(name, text)
            })
            .expect("the embedded sheets are tested")
    }

    /// The same catalog with one sheet more; one of a known triple replaces that triple's. `name` is the sheet's
    /// file name, `text` its content.
    ///
    /// # Errors
    /// When the sheet does not parse, its file is not called as its triple, or it serves what another serves.
    pub fn overlay(mut self, name: &str, text: &str) -> Result<Self, TargetError> {
        let target: Target = toml::from_str(text).map_err(|source| TargetError::Sheet {
            name: name.to_owned(),
            source: Box::new(source),
        })?;
        if name.strip_suffix(".toml") != Some(&target.triple) {
            return Err(TargetError::Name {
                name: name.to_owned(),
                triple: target.triple,
            });
        }
        self.targets.retain(|known| known.triple != target.triple);
        if let Some(other) = self.for_platform(&target.platform, target.libc) {
            return Err(TargetError::Twice {
                first: other.triple.clone(),
                second: target.triple,
                platform: target.platform,
            });
        }
        let place = self.targets.partition_point(|known| known.triple < target.triple);
        self.targets.insert(place, target);
        Ok(self)
    }

    /// The target of this triple.
    pub fn by_triple(&self, triple: &str) -> Option<&Target> {
        let place = self
            .targets
            .binary_search_by(|known| known.triple.as_str().cmp(triple));
        place.ok().map(|at| &self.targets[at])
    }

    /// The target that serves a platform with this C library.
    pub fn for_platform(&self, platform: &Platform, libc: Libc) -> Option<&Target> {
        self.iter()
            .find(|target| target.platform == *platform && target.libc == libc)
    }

    /// As [`Catalog::by_triple`], with an error that says what was probably meant.
    ///
    /// # Errors
    /// When no sheet describes the triple.
    pub fn triple(&self, triple: &str) -> Result<&Target, TargetError> {
        self.by_triple(triple).ok_or_else(|| TargetError::Unknown {
            triple: triple.to_owned(),
            help: self.meant(triple),
        })
    }

    /// As [`Catalog::for_platform`], with an error that says what there is.
    ///
    /// # Errors
    /// When no sheet serves the platform with this C library.
    pub fn platform(&self, platform: &Platform, libc: Libc) -> Result<&Target, TargetError> {
        self.for_platform(platform, libc)
            .ok_or_else(|| self.no_target(platform, libc))
    }

    /// The platforms that some target serves, each once, in their order.
    pub fn platforms(&self) -> Vec<&Platform> {
        let platforms: BTreeSet<_> = self.iter().map(|target| &target.platform).collect();
        platforms.into_iter().collect()
    }

    /// All targets, sorted by triple.
    pub fn iter(&self) -> impl Iterator<Item = &Target> {
        self.targets.iter()
    }

    fn meant(&self, triple: &str) -> String {
        let near = self
            .iter()
            .map(|known| (strsim::jaro_winkler(triple, &known.triple), &known.triple))
            .filter(|(likeness, _)| *likeness > 0.85)
            .max_by(|(one, _), (other, _)| one.total_cmp(other));
        match near {
            Some((_, known)) => format!("did you mean `{known}`?"),
            None => "`cargo gantry targets` lists the known ones; a sheet in `targets/` adds one".to_owned(),
        }
    }

    fn no_target(&self, platform: &Platform, libc: Libc) -> TargetError {
        let others: Vec<_> = self
            .iter()
            .filter(|target| target.platform == *platform)
            .map(|target| format!("`{}`", target.triple))
            .collect();
        let help = if others.is_empty() {
            let known: Vec<_> = self
                .platforms()
                .iter()
                .map(|known| format!("`{known}`"))
                .collect();
            format!("the platforms are {}", known.join(", "))
        } else {
            format!("it is served by {}", others.join(", "))
        };
        TargetError::NoTarget {
            platform: platform.clone(),
            libc,
            help,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use miette::Diagnostic;

    #[test]
    fn finds_by_triple_and_platform() {
        let catalog = Catalog::builtin();
        let arm: Platform = "linux/arm/v7".parse().unwrap();
        let found = catalog.for_platform(&arm, Libc::Gnu).unwrap();
        assert_eq!(found.triple, "armv7-unknown-linux-gnueabihf");
        assert_eq!(catalog.triple(&found.triple).unwrap().platform, arm);
        assert_eq!(catalog.platforms().len(), 10);
        assert!(catalog.by_triple("aarch64").is_none());
    }

    #[test]
    fn says_what_was_meant() {
        let catalog = Catalog::builtin();
        let help = |error: TargetError| error.help().unwrap().to_string();
        for (asked, meant) in [
            ("aarch64-linux-musl", "did you mean `aarch64-unknown-linux-musl`?"),
            (
                "x86_64-unknown-linux-mul",
                "did you mean `x86_64-unknown-linux-musl`?",
            ),
            ("m68k", "lists the known ones"),
        ] {
            let help = help(catalog.triple(asked).unwrap_err());
            assert!(help.contains(meant), "{asked}: {help}");
        }
        let wasm: Platform = "wasi/wasm".parse().unwrap();
        let error = catalog.platform(&wasm, Libc::Musl).unwrap_err();
        assert_eq!(
            error.to_string(),
            "no target serves the platform `wasi/wasm` with musl"
        );
        assert_eq!(help(error), "it is served by `wasm32-wasip1`");
    }

    #[test]
    fn sheets_are_overlaid_and_checked() {
        let sheet = |triple: &str, platform: &str| {
            format!(
                "triple = \"{triple}\"\nplatform = \"{platform}\"\nlibc = \"gnu\"\narch = \"x\"\nlinkers = [\"gcc\"]\n"
            )
        };
        let own = sheet("aarch64-unknown-linux-gnu", "linux/arm64");
        let catalog = Catalog::builtin()
            .overlay("aarch64-unknown-linux-gnu.toml", &own)
            .unwrap();
        let own = catalog.by_triple("aarch64-unknown-linux-gnu").unwrap();
        assert!(own.zig.is_none());
        assert_eq!(catalog.iter().count(), Catalog::builtin().iter().count());
        for (name, text, code) in [
            ("x.toml", sheet("y", "linux/y"), "gantry::target::name"),
            ("y.toml", sheet("y", "linux/arm64"), "gantry::target::twice"),
            ("y.toml", "triple = 1".to_owned(), "gantry::target::sheet"),
            (
                "y.toml",
                sheet("y", "linux/y") + "lincers = []",
                "gantry::target::sheet",
            ),
        ] {
            let error = catalog.clone().overlay(name, &text).unwrap_err();
            assert_eq!(error.code().unwrap().to_string(), code);
        }
    }
}
