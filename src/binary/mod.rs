//! [`Binary`]: a program that goes into an image, and what its file says of itself ([`Facts`]).
//!
//! In: a file. Out: facts, read from the headers that the kernel and the dynamic loader read, and from the few sections
//! that say more of a processor, never from names; the list of what its target promises and it does not keep; or the same
//! program made smaller ([`Workshop`]). This room never runs the program, never reads more than some megabytes of it to
//! learn its facts, never changes it where it lies, and does not panic on any bytes.

mod bounded;
mod crates;
mod elf;
mod error;
mod finish;
mod glibc;
mod go;
mod promise;
mod sections;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

pub use crates::dependencies;
pub use elf::{ArmAttributes, Elf, ElfError, ElfKind, VersionNeed};
pub use error::BinaryError;
pub use finish::{Accept, Alternative, Finished, Finishing, Packing, Sizes, StripLevel, UpxLevel, Workshop};
pub use glibc::Glibc;
pub use go::{GoBuildInfo, go_build_info};
pub use promise::Mismatch;

/// A program as it goes into an image.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Binary {
    /// Its name: the last part of its path in the image, unless the matrix says otherwise.
    pub name: String,
    /// What its file says.
    pub facts: Facts,
}

/// What a program's file says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Facts {
    /// The file.
    pub path: PathBuf,
    /// Its size in bytes.
    pub size: u64,
    /// What kind of file it is.
    pub format: Format,
}

/// Kinds of files.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// An ELF file.
    Elf(Box<Elf>),
    /// A WebAssembly module or component.
    Wasm,
    /// Anything else: a script, a program for another system.
    Other,
}

impl Binary {
    /// Reads the facts of the file that will be called `name`.
    ///
    /// # Errors
    /// As [`Facts::read`].
    pub fn read(name: impl Into<String>, path: &Path) -> Result<Self, BinaryError> {
        Ok(Self {
            name: name.into(),
            facts: Facts::read(path)?,
        })
    }

    /// Where the file lies.
    pub fn path(&self) -> &Path {
        &self.facts.path
    }

    /// The file's size in bytes.
    pub fn size(&self) -> u64 {
        self.facts.size
    }
}

impl Facts {
    /// Reads the headers of a file.
    ///
    /// # Errors
    /// When the file cannot be read, or begins like an ELF file and is none, or only the beginning of one.
    pub fn read(path: &Path) -> Result<Self, BinaryError> {
        let unread = |source| BinaryError::Read {
            path: path.to_owned(),
            source,
        };
        // Before it is opened: that may wait for ever, as for somebody who writes to a pipe.
        if !path.metadata().map_err(unread)?.is_file() {
            let error = io::Error::new(io::ErrorKind::InvalidData, "it is no file");
            return Err(unread(error));
        }
        let mut file = File::open(path).map_err(unread)?;
        let size = file.metadata().map_err(unread)?.len();
        let mut magic = Vec::new();
        (&mut file).take(4).read_to_end(&mut magic).map_err(unread)?;
        let format = match magic.as_slice() {
            b"\x7fELF" => {
                let elf = Elf::read_whole(file).map_err(|source| BinaryError::Broken {
                    path: path.to_owned(),
                    source,
                })?;
                Format::Elf(Box::new(elf))
            }
            b"\0asm" => Format::Wasm,
            _ => Format::Other,
        };
        Ok(Self {
            path: path.to_owned(),
            size,
            format,
        })
    }

    /// What an ELF file says; none for other files.
    pub fn elf(&self) -> Option<&Elf> {
        match &self.format {
            Format::Elf(elf) => Some(elf),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_tell_the_format() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for (bytes, expected) in [
            (b"\0asm\x01\0\0\0".as_slice(), Some(Format::Wasm)),
            (b"#!/bin/sh\n", Some(Format::Other)),
            (b"", Some(Format::Other)),
            (b"\x7fELF", None),
            (
                &[b"\x7fELF\x02\x01\x01".as_slice(), &[0; 100]].concat(),
                Some(Format::Other),
            ),
        ] {
            std::fs::write(&path, bytes).unwrap();
            match (Facts::read(&path), expected) {
                (Ok(facts), Some(expected)) if facts.elf().is_none() => {
                    assert_eq!((facts.size, facts.format), (bytes.len() as u64, expected));
                }
                // An empty header is a file of no kind, which no target promises.
                (Ok(facts), _) => assert_eq!(facts.elf().unwrap().kind, ElfKind::Other(0)),
                (Err(BinaryError::Broken { .. }), None) => {}
                (found, expected) => panic!("{found:?} instead of {expected:?}"),
            }
        }
        let error = Facts::read(&folder.path().join("none")).unwrap_err();
        assert!(matches!(error, BinaryError::Read { .. }));
    }
}
