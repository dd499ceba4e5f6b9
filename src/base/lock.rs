//! `gantry.lock`: what each base stood for when it was pinned, and the compilers where the matrix pins them.
//!
//! Written by us alone, always in the same form: sorted by name, so that two branches change different lines.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;

use miette::NamedSource;
use serde::Deserialize;

use super::{BaseError, CompilerPart, CompilerVersions};
use crate::blob::{BlobError, BlobStore, Unfinished, sweep};
use crate::spec::{BaseLibc, Digest, Platform};

/// What the file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Lock {
    /// The built-in base.
    pub(super) builtin: Option<Digest>,
    /// Bases by the name that the matrix has.
    pub(super) bases: BTreeMap<String, Pin>,
    /// The compilers; none where they are not pinned.
    pub(super) compilers: CompilerVersions,
}

/// A base.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pin {
    /// Its index, or a manifest that stands alone.
    pub(super) index: Digest,
    pub(super) platforms: BTreeMap<Platform, PlatformPin>,
}

/// A base for one platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PlatformPin {
    pub(super) manifest: Digest,
    pub(super) libc: BaseLibc,
}

const VERSION: i64 = 1;

/// What git writes where both sides changed a file.
const CONFLICT: &str = "<<<<<<<";

const HEAD: &str = "\
# The base images that this project builds on. Written by `cargo gantry`; keep it under version control.
# `cargo gantry outdated` compares it with the registries, `cargo gantry update` moves it.
";

impl Lock {
    /// Reads the file; none if there is none.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, BaseError> {
        let text = fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        match text {
            Ok(text) => Self::parse(&text, path).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(BaseError::LockRead {
                path: path.to_owned(),
                source,
            }),
        }
    }

    /// Writes the file whole or not at all. `store` is not written to.
    pub(super) fn write(&self, path: &Path, store: &BlobStore) -> Result<(), BaseError> {
        self.put(path, store).map_err(|source| BaseError::LockWrite {
            path: path.to_owned(),
            source,
        })
    }

    fn put(&self, path: &Path, store: &BlobStore) -> Result<(), BlobError> {
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        sweep(store, folder)?;
        let unfinished = Unfinished::new(folder)?;
        let written = unfinished.handle()?.write_all(self.text().as_bytes());
        written.map_err(|error| BlobError::from_io(error, unfinished.path()))?;
        unfinished.publish(store, "lock", path)?;
        Ok(())
    }

    fn parse(text: &str, path: &Path) -> Result<Self, BaseError> {
        let wrong = |message: String, at: std::ops::Range<usize>| BaseError::LockSyntax {
            message,
            text: Arc::new(NamedSource::new(path.display().to_string(), text.to_owned())),
            at: at.into(),
        };
        let of_toml =
            |error: toml::de::Error| wrong(error.message().to_owned(), error.span().unwrap_or(0..0));
        if let Some(at) = text.lines().find(|line| line.starts_with(CONFLICT)) {
            let start = at.as_ptr().addr() - text.as_ptr().addr();
            let message = "it has the marks of a merge that was not finished".to_owned();
            return Err(wrong(message, start..start + CONFLICT.len()));
        }
        // A file of another version has other keys, which are not worth an error each.
        let versioned: Versioned = toml::from_str(text).map_err(of_toml)?;
        match versioned.version {
            Some(toml::Value::Integer(VERSION)) => {}
            found => {
                return Err(BaseError::LockVersion {
                    path: path.to_owned(),
                    found: found.map_or_else(|| "none".to_owned(), |value| value.to_string()),
                });
            }
        }
        let written: Written = toml::from_str(text).map_err(of_toml)?;
        let mut lock = Self {
            builtin: written.builtin.map(|builtin| builtin.digest),
            bases: BTreeMap::new(),
            compilers: CompilerVersions::default(),
        };
        let mut triples = BTreeSet::new();
        for toolchain in written.toolchain {
            let triple = toolchain.triple.get_ref();
            toolchain
                .parts()
                .for_each(|(part, version)| lock.compilers.add(triple, part, version));
            if !triples.insert(triple.clone()) {
                return Err(wrong(
                    "a triple is written twice".to_owned(),
                    toolchain.triple.span(),
                ));
            }
        }
        for base in written.base {
            let at = base.name.span();
            let mut platforms = BTreeMap::new();
            for (platform, pin) in base.platforms {
                let libc = pin.libc.get_ref().parse().map_err(|()| {
                    let message = format!("`{}` is no C library", pin.libc.get_ref());
                    wrong(message, pin.libc.span())
                })?;
                let manifest = pin.manifest;
                platforms.insert(platform, PlatformPin { manifest, libc });
            }
            let pin = Pin {
                index: base.index,
                platforms,
            };
            if lock.bases.insert(base.name.into_inner(), pin).is_some() {
                return Err(wrong("a base is written twice".to_owned(), at));
            }
        }
        Ok(lock)
    }

    /// As it stands in the file.
    pub(super) fn text(&self) -> String {
        let mut text = format!("{HEAD}version = {VERSION}\n");
        // Writing to memory cannot fail.
        if let Some(digest) = &self.builtin {
            let _ = write!(text, "\n[builtin]\ndigest = \"{digest}\"\n");
        }
        for (name, pin) in &self.bases {
            let name = quoted(name);
            let _ = write!(text, "\n[[base]]\nname = {name}\nindex = \"{}\"\n", pin.index);
            let _ = write!(text, "\n[base.platforms]\n");
            for (platform, PlatformPin { manifest, libc }) in &pin.platforms {
                let _ = writeln!(
                    text,
                    "\"{platform}\" = {{ manifest = \"{manifest}\", libc = \"{libc}\" }}"
                );
            }
        }
        for (triple, parts) in self.compilers.triples() {
            let _ = write!(text, "\n[[toolchain]]\ntriple = {}\n", quoted(triple));
            for (part, versions) in parts {
                let versions: Vec<_> = versions.iter().map(|version| quoted(version)).collect();
                let _ = match versions.as_slice() {
                    [one] => writeln!(text, "{} = {one}", part.name()),
                    several => writeln!(text, "{} = [{}]", part.name(), several.join(", ")),
                };
            }
        }
        text
    }
}

/// As a basic string on one line: `toml` would write a name with a line's end as several.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            control if control.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(control))),
            plain => out.push(plain),
        }
    }
    out.push('"');
    out
}

#[derive(Deserialize)]
struct Versioned {
    version: Option<toml::Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[expect(dead_code, reason = "looked at before")]
    version: i64,
    builtin: Option<WrittenBuiltin>,
    #[serde(default)]
    base: Vec<WrittenBase>,
    #[serde(default)]
    toolchain: Vec<WrittenToolchain>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenBuiltin {
    digest: Digest,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenBase {
    name: toml::Spanned<String>,
    index: Digest,
    #[serde(default)]
    platforms: BTreeMap<Platform, WrittenPlatform>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenPlatform {
    manifest: Digest,
    libc: toml::Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenToolchain {
    triple: toml::Spanned<String>,
    rustc: Option<WrittenVersions>,
    go: Option<WrittenVersions>,
    linker: Option<WrittenVersions>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "a version, or an array of them")]
enum WrittenVersions {
    One(String),
    Several(Vec<String>),
}

impl WrittenToolchain {
    fn parts(&self) -> impl Iterator<Item = (CompilerPart, &str)> {
        let versions = |part| match part {
            CompilerPart::Rustc => &self.rustc,
            CompilerPart::Go => &self.go,
            CompilerPart::Linker => &self.linker,
        };
        CompilerPart::ALL.into_iter().flat_map(move |part| {
            let versions = match versions(part) {
                None => &[],
                Some(WrittenVersions::One(version)) => std::slice::from_ref(version),
                Some(WrittenVersions::Several(versions)) => versions.as_slice(),
            };
            versions.iter().map(move |version| (part, version.as_str()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock() -> Lock {
        let platform = |manifest: &[u8], libc: &str| PlatformPin {
            manifest: Digest::of(manifest),
            libc: libc.parse().unwrap(),
        };
        let debian = Pin {
            index: Digest::of(b"index"),
            platforms: BTreeMap::from([
                ("linux/arm/v7".parse().unwrap(), platform(b"arm", "glibc 2.36")),
                ("linux/amd64".parse().unwrap(), platform(b"amd64", "glibc 2.36")),
            ]),
        };
        let strange = Pin {
            index: Digest::of(b"x"),
            platforms: BTreeMap::from([("linux/arm64".parse().unwrap(), platform(b"x", "musl 1.2.5"))]),
        };
        Lock {
            builtin: Some(Digest::of(b"builtin")),
            bases: BTreeMap::from([
                ("oci:a \"b\"\\c'\n".to_owned(), strange),
                ("debian:bookworm-slim".to_owned(), debian),
            ]),
            compilers: CompilerVersions::default(),
        }
    }

    /// A lock that has compilers as well.
    fn pinned() -> Lock {
        let mut lock = lock();
        for (triple, part, version) in [
            ("x86_64-unknown-linux-musl", CompilerPart::Go, "go1.27.3"),
            (
                "armv7-unknown-linux-gnueabihf",
                CompilerPart::Linker,
                "zig 0.17.0",
            ),
            (
                "armv7-unknown-linux-gnueabihf",
                CompilerPart::Linker,
                "gcc \"12\"",
            ),
            (
                "armv7-unknown-linux-gnueabihf",
                CompilerPart::Rustc,
                "1.95.0 (59807616e 2026-04-14)",
            ),
        ] {
            lock.compilers.add(triple, part, version);
        }
        lock
    }

    #[test]
    fn what_is_written_is_read() {
        for lock in [lock(), pinned(), Lock::default()] {
            assert_eq!(Lock::parse(&lock.text(), Path::new("gantry.lock")).unwrap(), lock);
            // As git makes it on Windows.
            let text = lock.text().replace('\n', "\r\n");
            assert_eq!(Lock::parse(&text, Path::new("gantry.lock")).unwrap(), lock);
        }
    }

    #[test]
    fn the_file_is_always_written_in_this_form() {
        let mut lock = lock();
        lock.bases.pop_last();
        let [builtin, index, amd64, arm] =
            [&b"builtin"[..], b"index", b"amd64", b"arm"].map(|bytes| Digest::of(bytes).to_string());
        let expected = format!(
            r#"# The base images that this project builds on. Written by `cargo gantry`; keep it under version control.
# `cargo gantry outdated` compares it with the registries, `cargo gantry update` moves it.
version = 1

[builtin]
digest = "{builtin}"

[[base]]
name = "debian:bookworm-slim"
index = "{index}"

[base.platforms]
"linux/amd64" = {{ manifest = "{amd64}", libc = "glibc 2.36" }}
"linux/arm/v7" = {{ manifest = "{arm}", libc = "glibc 2.36" }}
"#
        );
        assert_eq!(lock.text(), expected);

        let mut pinned = pinned();
        pinned.bases.pop_last();
        let expected = format!(
            r#"{expected}
[[toolchain]]
triple = "armv7-unknown-linux-gnueabihf"
rustc = "1.95.0 (59807616e 2026-04-14)"
linker = ["gcc \"12\"", "zig 0.17.0"]

[[toolchain]]
triple = "x86_64-unknown-linux-musl"
go = "go1.27.3"
"#
        );
        assert_eq!(pinned.text(), expected);
    }

    #[test]
    fn wrong_files_are_errors_that_point_into_them() {
        let digest = Digest::of(b"x");
        let base = format!("version = 1\n[[base]]\nname = \"a\"\nindex = \"{digest}\"\n");
        for (text, expected, at) in [
            ("version = 1\n<<<<<<< HEAD\n".to_owned(), "marks of a merge", 12),
            ("version = 1\n\u{fffd}\n".to_owned(), "", 12),
            ("version = 1\nwhat = 2\n".to_owned(), "unknown field `what`", 12),
            (
                format!("{base}[[base]]\nname = \"a\"\nindex = \"{digest}\"\n"),
                "a base is written twice",
                base.len() + 16,
            ),
            (
                format!(
                    "{base}[base.platforms]\n\"linux/amd64\" = {{ manifest = \"{digest}\", libc = \"uclibc\" }}\n"
                ),
                "`uclibc` is no C library",
                base.len() + 17 + 15 + 89 + 9 + 1,
            ),
            (
                format!(
                    "{base}[base.platforms]\n\"linux\" = {{ manifest = \"{digest}\", libc = \"none\" }}\n"
                ),
                "`linux` is not a platform",
                0,
            ),
            (
                "version = 1\n[builtin]\ndigest = \"sha256:00\"\n".to_owned(),
                "64 lower-case",
                31,
            ),
            (
                "version = 1\n[[toolchain]]\ntriple = \"a\"\n[[toolchain]]\ntriple = \"a\"\n".to_owned(),
                "a triple is written twice",
                12 + 14 + 13 + 14 + 9,
            ),
            (
                "version = 1\n[[toolchain]]\ntriple = \"a\"\nrustc = 1\n".to_owned(),
                "a version, or an array of them",
                12 + 14 + 13 + 8,
            ),
        ] {
            match Lock::parse(&text, Path::new("gantry.lock")) {
                Err(BaseError::LockSyntax {
                    message, at: found, ..
                }) => {
                    assert!(message.contains(expected), "{message}: {text}");
                    assert!(
                        at == 0 || found.offset().abs_diff(at) < 12,
                        "{found:?}, not {at}: {text}"
                    );
                }
                other => panic!("{text}: {other:?}"),
            }
        }
        for text in ["", "version = 2\nelse = 1\n", "version = \"1\"\n"] {
            let error = Lock::parse(text, Path::new("gantry.lock")).unwrap_err();
            assert!(matches!(error, BaseError::LockVersion { .. }), "{text}: {error}");
        }
    }
}
