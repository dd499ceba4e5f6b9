//! What can go wrong with layouts and archives.

use std::io;
use std::path::{Path, PathBuf};

use crate::blob::BlobError;
use crate::codec::CodecError;
use crate::spec::{DiffId, Digest};

/// A layout or archive could not be written or read.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum ArchiveError {
    /// A store, ours or the layout that is written, is at fault.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Store(#[from] BlobError),
    /// Layers could not be compressed or read back.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Codec(#[from] CodecError),
    /// Something is there already that a file must not replace: a folder, a device, a pipe.
    #[error("`{}` is there already, and is no file", path.display())]
    #[diagnostic(
        code(gantry::archive::no_file),
        help(
            "an archive replaces a file at once when it is whole: name a file, or one that is not there yet"
        )
    )]
    NoFile {
        /// What is there.
        path: PathBuf,
    },
    /// Neither a layout's directory nor a tar of one.
    #[error("`{}` is no OCI image layout", path.display())]
    #[diagnostic(
        code(gantry::archive::no_layout),
        help("expected a directory, or an uncompressed tar, that holds `oci-layout` and `index.json`")
    )]
    NoLayout {
        /// What was opened.
        path: PathBuf,
    },
    /// The file could not be read.
    #[error("cannot read `{}`", path.display())]
    #[diagnostic(code(gantry::archive::read))]
    Read {
        /// What was opened.
        path: PathBuf,
        /// What the system or the tar reader said.
        #[source]
        source: io::Error,
    },
    /// Its `index.json` is none.
    #[error("the index of `{}` cannot be read", path.display())]
    #[diagnostic(code(gantry::archive::index))]
    Index {
        /// What was opened.
        path: PathBuf,
        /// Where and why.
        #[source]
        source: serde_json::Error,
    },
    /// A blob that something points to is not there.
    #[error("blob `{digest}` is not in `{}`", path.display())]
    #[diagnostic(code(gantry::archive::missing))]
    Missing {
        /// The blob.
        digest: Digest,
        /// What was opened.
        path: PathBuf,
    },
    /// A blob's bytes are not those that its name promises.
    #[error("blob `{digest}` in `{}` does not match its digest", path.display())]
    #[diagnostic(code(gantry::archive::altered))]
    Altered {
        /// The blob.
        digest: Digest,
        /// What was opened.
        path: PathBuf,
    },
    /// More than the caller takes.
    #[error("`{what}` in `{}` is larger than {limit}", path.display())]
    #[diagnostic(code(gantry::archive::too_large))]
    TooLarge {
        /// A blob, or the whole.
        what: String,
        /// What was opened.
        path: PathBuf,
        /// The bound, with its unit.
        limit: String,
    },
    /// No tar as `docker save` writes it.
    #[error("`{}` is no docker archive", path.display())]
    #[diagnostic(code(gantry::archive::no_docker_archive), help("{help}"))]
    NoDockerArchive {
        /// What was opened.
        path: PathBuf,
        /// What it seems to be.
        help: &'static str,
    },
    /// A docker archive's list is none.
    #[error("`manifest.json` of `{}` cannot be read", path.display())]
    #[diagnostic(code(gantry::archive::docker_manifest))]
    DockerManifest {
        /// What was opened.
        path: PathBuf,
        /// Where and why.
        #[source]
        source: serde_json::Error,
    },
    /// A docker archive has no image of that name.
    #[error("`{}` has no image `{wanted}`", path.display())]
    #[diagnostic(code(gantry::archive::no_name), help("{known}"))]
    NoName {
        /// What was asked for.
        wanted: String,
        /// What was opened.
        path: PathBuf,
        /// What it has.
        known: String,
    },
    /// A file that another one names is not there, or is no file within the archive.
    #[error("`{by}` names `{name}`, which is not in `{}`", path.display())]
    #[diagnostic(
        code(gantry::archive::no_member),
        help("the archive was cut off, or put together wrongly: save the image again")
    )]
    NoMember {
        /// The missing file.
        name: String,
        /// Who names it.
        by: String,
        /// What was opened.
        path: PathBuf,
    },
    /// An image's config cannot be used.
    #[error("config `{name}` in `{}` cannot be used: {why}", path.display())]
    #[diagnostic(code(gantry::archive::docker_config))]
    DockerConfig {
        /// The config's file, or its digest.
        name: String,
        /// What was opened.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A layer's tar is not the one that the config means.
    #[error("layer `{name}` in `{}` is not the one that the config means, {expected}", path.display())]
    #[diagnostic(
        code(gantry::archive::docker_layer),
        help("the archive was altered, or put together wrongly: save the image again")
    )]
    DockerLayer {
        /// The layer's file, or its digest.
        name: String,
        /// What was opened.
        path: PathBuf,
        /// Its DiffID by the config.
        expected: DiffId,
    },
    /// Whoever an archive is handed to does not take it.
    #[error("the archive could not be handed on")]
    #[diagnostic(code(gantry::archive::stream))]
    Stream(#[source] io::Error),
}

impl ArchiveError {
    /// Whether the disk that is written to is at fault (exit code 7).
    pub fn is_disk(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_disk())
    }

    pub(super) fn read(path: &Path, source: io::Error) -> Self {
        Self::Read {
            path: path.to_owned(),
            source,
        }
    }
}
