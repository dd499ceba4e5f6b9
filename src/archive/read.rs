//! Reading layouts that others wrote.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Take};
use std::path::{Path, PathBuf};

use super::ArchiveError;
use crate::blob::{Blob, Entry, MANIFEST_LIMIT, reach};
use crate::codec::{self, Member};
use crate::spec::{Descriptor, Digest, Hasher, ImageIndex};

/// An OCI layout in a directory, or in an uncompressed tar.
#[derive(Clone, Debug)]
pub struct Layout {
    path: PathBuf,
    /// For a tar: where each file's bytes lie in it.
    members: Option<BTreeMap<String, Member>>,
    index: ImageIndex,
}

impl Layout {
    /// Opens the layout at `path`. Of a tar, the headers are read once; blobs are read where they lie.
    ///
    /// # Errors
    /// When it is no layout, or its index cannot be read.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, ArchiveError> {
        let path = path.into();
        let metadata = path
            .metadata()
            .map_err(|error| ArchiveError::read(&path, error))?;
        let members = if metadata.is_dir() {
            None
        } else if metadata.is_file() {
            Some(members(&path)?)
        } else {
            // Before it is opened: that may wait for ever, as for somebody who writes to a pipe.
            let error = io::Error::new(io::ErrorKind::InvalidData, "it is no file");
            return Err(ArchiveError::read(&path, error));
        };
        let mut layout = Self {
            path,
            members,
            index: ImageIndex::default(),
        };
        let text = |name: &str| match layout.member(name)? {
            Some((_, size)) if size > MANIFEST_LIMIT => Err(layout.too_large(name, MANIFEST_LIMIT)),
            Some((mut file, _)) => {
                let mut bytes = Vec::new();
                let read = file.read_to_end(&mut bytes);
                read.map_err(|error| ArchiveError::read(&layout.path, error))?;
                Ok(bytes)
            }
            None => Err(ArchiveError::NoLayout {
                path: layout.path.clone(),
            }),
        };
        let version: Option<serde_json::Value> = serde_json::from_slice(&text("oci-layout")?).ok();
        if version
            .as_ref()
            .and_then(|value| value["imageLayoutVersion"].as_str())
            != Some("1.0.0")
        {
            return Err(ArchiveError::NoLayout { path: layout.path });
        }
        let index = serde_json::from_slice(&text("index.json")?);
        layout.index = index.map_err(|source| ArchiveError::Index {
            path: layout.path.clone(),
            source,
        })?;
        Ok(layout)
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its `index.json`.
    pub fn index(&self) -> &ImageIndex {
        &self.index
    }

    /// The entries of its index, with their names.
    pub fn entries(&self) -> Vec<Entry> {
        Entry::all(&self.index)
    }

    /// A blob's bytes, compared with the digest.
    ///
    /// # Errors
    /// When it is missing, altered, larger than `limit` bytes, or cannot be read.
    pub fn read(&self, digest: &Digest, limit: u64) -> Result<Vec<u8>, ArchiveError> {
        let mut blob = self.blob(digest)?;
        if blob.size > limit {
            return Err(self.too_large(&digest.to_string(), limit));
        }
        let mut bytes = Vec::new();
        // Compared below, with the error that says so.
        blob.hasher = None;
        let read = blob.read_to_end(&mut bytes);
        read.map_err(|error| ArchiveError::read(&self.path, error))?;
        if Digest::of(&bytes) != *digest {
            return Err(ArchiveError::Altered {
                digest: *digest,
                path: self.path.clone(),
            });
        }
        Ok(bytes)
    }

    /// A blob's bytes as a stream, from its beginning. They are compared with the digest when the end is
    /// reached: reading that end is then an error, so what was read before counts only when the end was good.
    ///
    /// # Errors
    /// When it is missing or cannot be opened.
    pub fn blob(&self, digest: &Digest) -> Result<LayoutBlob, ArchiveError> {
        let name = format!("blobs/sha256/{}", digest.hex());
        let (file, size) = self.member(&name)?.ok_or_else(|| ArchiveError::Missing {
            digest: *digest,
            path: self.path.clone(),
        })?;
        Ok(LayoutBlob {
            size,
            file,
            digest: *digest,
            hasher: Some(Hasher::default()),
        })
    }

    /// The file that a blob's bytes lie in, and where they begin there.
    ///
    /// # Errors
    /// When it is missing or cannot be opened.
    pub fn place(&self, digest: &Digest) -> Result<(PathBuf, u64), ArchiveError> {
        let name = format!("blobs/sha256/{}", digest.hex());
        let member = self.members.as_ref().map(|members| members.get(&name));
        match member {
            None => Ok((self.path.join(name), 0)),
            Some(Some(member)) => Ok((self.path.clone(), member.offset)),
            Some(None) => Err(ArchiveError::Missing {
                digest: *digest,
                path: self.path.clone(),
            }),
        }
    }

    /// Every blob reachable from `root`, itself included, children before parents.
    ///
    /// # Errors
    /// When a manifest on the way is missing, altered or none.
    pub fn reach(&self, root: &Descriptor) -> Result<Vec<Descriptor>, ArchiveError> {
        reach(root, &mut |blob: &Blob| self.read(&blob.digest, MANIFEST_LIMIT))
    }

    /// A file of the layout and its size.
    fn member(&self, name: &str) -> Result<Option<(Take<File>, u64)>, ArchiveError> {
        let failed = |error| ArchiveError::read(&self.path, error);
        let Some(members) = &self.members else {
            let path = self.path.join(name);
            // Before it is opened: that may wait for ever, as for somebody who writes to a pipe.
            return match path.metadata() {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(failed(error)),
                Ok(metadata) if !metadata.is_file() => {
                    let message = format!("`{name}` is no file");
                    Err(failed(io::Error::new(io::ErrorKind::InvalidData, message)))
                }
                Ok(_) => {
                    let file = File::open(path).map_err(failed)?;
                    let size = file.metadata().map_err(failed)?.len();
                    Ok(Some((file.take(size), size)))
                }
            };
        };
        let Some(member) = members.get(name) else {
            return Ok(None);
        };
        let mut file = File::open(&self.path).map_err(failed)?;
        file.seek(SeekFrom::Start(member.offset)).map_err(failed)?;
        Ok(Some((file.take(member.size), member.size)))
    }

    fn too_large(&self, what: &str, limit: u64) -> ArchiveError {
        ArchiveError::TooLarge {
            what: what.to_owned(),
            path: self.path.clone(),
            limit: format!("{limit} bytes"),
        }
    }
}

/// A blob of a layout, being read; see [`Layout::blob`].
pub struct LayoutBlob {
    file: Take<File>,
    size: u64,
    digest: Digest,
    hasher: Option<Hasher>,
}

impl LayoutBlob {
    /// Number of its bytes.
    pub fn size(&self) -> u64 {
        self.size
    }
}

impl Read for LayoutBlob {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        if count > 0 || buffer.is_empty() {
            self.hasher
                .iter_mut()
                .for_each(|hasher| hasher.update(&buffer[..count]));
        } else if self
            .hasher
            .take()
            .is_some_and(|hasher| hasher.digest() != self.digest)
        {
            let message = format!("`{}` does not match its digest", self.digest);
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        Ok(count)
    }
}

/// What a header of a tar holds up to its 262nd byte.
/// <https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html>
const MAGIC: &[u8] = b"ustar";
const MAGIC_END: u64 = 262;

/// Where the regular files of a tar lie that a layout consists of.
fn members(path: &Path) -> Result<BTreeMap<String, Member>, ArchiveError> {
    let mut file = File::open(path).map_err(|error| ArchiveError::read(path, error))?;
    let found = file.try_clone().and_then(codec::members).map_err(|error| {
        let mut head = Vec::new();
        let read = file
            .rewind()
            .and_then(|()| (&mut file).take(MAGIC_END).read_to_end(&mut head));
        match read.is_ok() && !head.ends_with(MAGIC) {
            // What the reader of tars stumbled over says nothing then.
            true => ArchiveError::NoLayout {
                path: path.to_owned(),
            },
            false => ArchiveError::read(path, error),
        }
    })?;
    let named = |member: Member| {
        let name = String::from_utf8_lossy(&member.path).into_owned();
        (name.strip_prefix("./").unwrap_or(&name).to_owned(), member)
    };
    Ok(found.into_iter().map(named).collect())
}
