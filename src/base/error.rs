//! What can go wrong with a base.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use miette::{NamedSource, SourceSpan};

use super::compilers::CompilerChange;
use crate::archive::ArchiveError;
use crate::blob::BlobError;
use crate::codec::CodecError;
use crate::registry::RegistryError;
use crate::rootfs::RootfsError;
use crate::spec::{DiffId, Digest, DigestError, ListingError, Platform, ReferenceError};

/// A base cannot be had, or not be used.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum BaseError {
    /// A name that `/etc/passwd` cannot hold.
    #[error("`{name}` is no user name")]
    #[diagnostic(
        code(gantry::base::user_name),
        help(
            "names begin with a lower-case letter or `_`, go on with those, digits, `-`, and have 32 at most"
        )
    )]
    UserName {
        /// The name.
        name: String,
    },
    /// A name that the base has already.
    #[error("the base has a user `{name}` already, with the id {uid}")]
    #[diagnostic(
        code(gantry::base::user_exists),
        help("choose another name, or leave the user out")
    )]
    UserExists {
        /// The name.
        name: String,
        /// The id of the one that is there, as the base writes it.
        uid: String,
    },
    /// A user's group cannot have the user's name.
    #[error("the base has a group `{name}` already, with the id {gid}")]
    #[diagnostic(code(gantry::base::group_exists), help("choose another name for the user"))]
    GroupExists {
        /// The name.
        name: String,
        /// The id of the one that is there, as the base writes it.
        gid: String,
    },
    /// The accounts of the base are there, and what they say is not known.
    #[error("users cannot be added to `{path}` of the base: what it says is not known")]
    #[diagnostic(
        code(gantry::base::unread_accounts),
        help(
            "it leads nowhere or to another file that does not begin with `root:x:0:`, or is larger than 1 MiB; lay \
             files of your own there by `files` in place of `users` and `provide`, or name the user by its number"
        )
    )]
    UnreadAccounts {
        /// The file.
        path: String,
    },
    /// A name that is no reference.
    #[error("`{name}` names no image")]
    #[diagnostic(
        code(gantry::base::name),
        help(
            "an image is a reference as in `debian:bookworm-slim`, `oci:DIR[:TAG]` or `oci-archive:FILE[:TAG]`"
        )
    )]
    Name {
        /// The name.
        name: String,
        /// Why.
        #[source]
        source: ReferenceError,
    },
    /// A transport that is not read.
    #[error("`{name}`: images are not read from `{transport}`")]
    #[diagnostic(
        code(gantry::base::transport),
        help("`skopeo copy {name} oci:DIR:TAG` makes a layout of it; name that as `oci:DIR:TAG`")
    )]
    Transport {
        /// The name.
        name: String,
        /// The transport.
        transport: String,
    },
    /// A transport without a path.
    #[error("`{name}` names no path")]
    #[diagnostic(
        code(gantry::base::no_path),
        help("write `oci:DIR[:TAG]` or `oci-archive:FILE[:TAG]`")
    )]
    NoPath {
        /// The name.
        name: String,
    },
    /// Nothing of that name.
    #[error("there is no image `{name}`")]
    #[diagnostic(
        code(gantry::base::not_found),
        help("check the name and the tag; some registries answer so, too, where a login is needed")
    )]
    NotFound {
        /// The base.
        name: String,
    },
    /// What the lock file pins does not exist any more.
    #[error("`{digest}`, which is pinned for the base `{name}`, is not there any more")]
    #[diagnostic(
        code(gantry::base::gone),
        help("`cargo gantry update` pins what the name stands for now")
    )]
    Gone {
        /// The base.
        name: String,
        /// The manifest or index.
        digest: Digest,
    },
    /// A part of an image that nobody has pinned does not exist.
    #[error("`{digest}` of `{name}` is not there")]
    #[diagnostic(
        code(gantry::base::missing),
        help("the image is not whole: somebody removed a part of it, or copied only some platforms")
    )]
    Missing {
        /// The image.
        name: String,
        /// The manifest or index.
        digest: Digest,
    },
    /// The layout has no such entry, or several and none was named.
    #[error("`{name}` does not name one image")]
    #[diagnostic(code(gantry::base::entry), help("{help}"))]
    Entry {
        /// The base.
        name: String,
        /// What there is.
        help: String,
    },
    /// An index that lists nothing that could be looked at.
    #[error("`{name}` has no image at all")]
    #[diagnostic(
        code(gantry::base::empty),
        help("attestations and signatures in an index are no images: name an image")
    )]
    Empty {
        /// Its name.
        name: String,
    },
    /// The base was not made for this platform.
    #[error("the base `{name}` has no image for {platform}")]
    #[diagnostic(code(gantry::base::platform), help("{help}"))]
    Platform {
        /// The base.
        name: String,
        /// What was asked for.
        platform: Platform,
        /// What it has.
        help: String,
    },
    /// The lock file would have to change.
    #[error("gantry.lock would have to change: {what}")]
    #[diagnostic(
        code(gantry::base::locked),
        help("run the same without `--locked`, and commit gantry.lock with what changed it")
    )]
    Locked {
        /// How.
        what: String,
    },
    /// Something is not in the cache.
    #[error("{what} is not on this machine")]
    #[diagnostic(
        code(gantry::base::offline),
        help("run the same without `--offline`: what a build reads is kept for the next one")
    )]
    Offline {
        /// What.
        what: String,
    },
    /// The built-in base of this release is another one than the lock file pins.
    #[error("gantry.lock pins the built-in base `{pinned}`; this release carries `{carried}`")]
    #[diagnostic(
        code(gantry::base::builtin),
        help(
            "a release carries one built-in base: build with the release that the lock file was written by, or take \
             the new one by `cargo gantry update`"
        )
    )]
    Builtin {
        /// What the lock file says.
        pinned: Digest,
        /// What is here.
        carried: Digest,
    },
    /// Other compilers than the lock file records, or some that it does not record.
    #[error("the compilers here are not those of gantry.lock: {}", listed(changes))]
    #[diagnostic(
        code(gantry::base::toolchain),
        help(
            "install what is recorded, or record what is here by `cargo gantry update` and commit gantry.lock; without \
             `--locked` this is told and no error"
        )
    )]
    Toolchain {
        /// Each difference.
        changes: Vec<CompilerChange>,
    },
    /// The lock file cannot be read.
    #[error("cannot read `{}`", path.display())]
    #[diagnostic(code(gantry::base::lock_read))]
    LockRead {
        /// The lock file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The lock file cannot be written.
    #[error("cannot write `{}`", path.display())]
    #[diagnostic(
        code(gantry::base::lock_write),
        help("make its folder writable, or bring the file up to date where it is, and commit it")
    )]
    LockWrite {
        /// The lock file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: BlobError,
    },
    /// The lock file is none.
    #[error("gantry.lock cannot be understood: {message}")]
    #[diagnostic(
        code(gantry::base::lock_syntax),
        help("take it from version control; without the file the next run pins every base anew")
    )]
    LockSyntax {
        /// What is wrong.
        message: String,
        /// The text.
        #[source_code]
        text: Arc<NamedSource<String>>,
        /// Where.
        #[label]
        at: SourceSpan,
    },
    /// The lock file is of another time.
    #[error("`{}` has the version {found}", path.display())]
    #[diagnostic(
        code(gantry::base::lock_version),
        help("this release reads version 1: use the release that wrote the file, or a newer one")
    )]
    LockVersion {
        /// The lock file.
        path: PathBuf,
        /// Its version, as it is written.
        found: String,
    },
    /// A manifest, index or config is not JSON of the expected shape.
    #[error("`{digest}` of `{name}` is no usable {what}")]
    #[diagnostic(code(gantry::base::broken))]
    Broken {
        /// The base.
        name: String,
        /// The object.
        digest: Digest,
        /// What it should be.
        what: &'static str,
        /// Where and why.
        #[source]
        source: serde_json::Error,
    },
    /// An object that says of itself what it is not, or two things.
    #[error("`{digest}` of `{name}` contradicts itself: {why}")]
    #[diagnostic(code(gantry::base::contradiction))]
    Contradiction {
        /// The base.
        name: String,
        /// The object.
        digest: Digest,
        /// How.
        why: String,
    },
    /// Something that is no image.
    #[error("`{name}` is a `{media_type}`, not an image")]
    #[diagnostic(
        code(gantry::base::not_an_image),
        help("an image is a manifest of one, or an index of such, of OCI or docker schema 2")
    )]
    NotAnImage {
        /// The base.
        name: String,
        /// What it is.
        media_type: String,
    },
    /// An image of the format before 2017.
    #[error("`{name}` is of docker schema 1")]
    #[diagnostic(
        code(gantry::base::schema1),
        help(
            "push it again with a current tool: `skopeo copy --format oci docker://{name} docker://{name}`"
        )
    )]
    Schema1 {
        /// The base.
        name: String,
    },
    /// A layer of a kind that nobody here can read.
    #[error("`{name}` has a layer of the media type `{media_type}`")]
    #[diagnostic(
        code(gantry::base::layer_type),
        help("layers are read as tar, tar+gzip and tar+zstd, not encrypted")
    )]
    LayerType {
        /// The base.
        name: String,
        /// The layer's media type.
        media_type: String,
    },
    /// A layer that its maker keeps to himself: an image with it would be incomplete wherever it is pushed.
    #[error("layer `{digest}` of `{name}` may not be distributed")]
    #[diagnostic(
        code(gantry::base::foreign),
        help("use a base whose layers all lie in its registry; those of Windows do not")
    )]
    Foreign {
        /// The base.
        name: String,
        /// The layer.
        digest: Digest,
    },
    /// Manifest and config disagree.
    #[error("`{name}` has {layers} layers, but its config lists {diff_ids}")]
    #[diagnostic(code(gantry::base::layer_count))]
    LayerCount {
        /// The base.
        name: String,
        /// Layers of the manifest.
        layers: usize,
        /// Those of the config.
        diff_ids: usize,
    },
    /// More than any image has.
    #[error("{what} of `{name}` is larger than {limit}")]
    #[diagnostic(code(gantry::base::too_large))]
    TooLarge {
        /// The base.
        name: String,
        /// What.
        what: String,
        /// The bound, with its unit.
        limit: String,
    },
    /// A layer's tar cannot be read.
    #[error("layer `{digest}` is damaged")]
    #[diagnostic(code(gantry::base::layer))]
    Layer {
        /// The layer.
        digest: Digest,
        /// How.
        #[source]
        source: RootfsError,
    },
    /// A layer's compressed bytes cannot be read.
    #[error("layer `{digest}` cannot be read")]
    #[diagnostic(code(gantry::base::layer_read))]
    LayerRead {
        /// The layer.
        digest: Digest,
        /// What the decoder or the system said.
        #[source]
        source: io::Error,
    },
    /// A layer holds something else than the config says.
    #[error("layer `{digest}` is the tar `{found}`, but its image's config says `{expected}`")]
    #[diagnostic(
        code(gantry::base::diff_id),
        help("the image is broken, and would not start: use another one, or have it pushed again")
    )]
    DiffId {
        /// The layer.
        digest: Digest,
        /// What the config lists.
        expected: DiffId,
        /// What it is.
        found: DiffId,
    },
    /// A layer has another size than its descriptor says.
    #[error("layer `{digest}` has {found} bytes, but its image's manifest says {expected}")]
    #[diagnostic(code(gantry::base::layer_size))]
    LayerSize {
        /// The layer.
        digest: Digest,
        /// What the manifest says.
        expected: u64,
        /// What it has.
        found: u64,
    },
    /// More in an index than any image has.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Listing(#[from] ListingError),
    /// The layout or archive that a base is cannot be opened.
    #[error("base `{base}` cannot be opened")]
    #[diagnostic(
        code(gantry::base::unopened),
        help(
            "`oci:` and `oci-archive:` name an OCI image layout, as a folder or an uncompressed tar, by its path from the \
             folder of gantry.toml"
        )
    )]
    Unopened {
        /// The base, as the matrix has it.
        base: String,
        /// Why not.
        #[source]
        source: ArchiveError,
    },
    /// A digest that cannot be checked.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Digest(#[from] DigestError),
    /// The registry is at fault.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Registry(#[from] RegistryError),
    /// A layout is at fault.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Archive(#[from] ArchiveError),
    /// The disk is at fault: that of the user's cache, or of a store.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Blob(#[from] BlobError),
    /// The decoder cannot be set up.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Codec(#[from] CodecError),
}

impl BaseError {
    /// Whether the disk is at fault (exit code 7).
    pub fn is_disk(&self) -> bool {
        match self {
            Self::Blob(error) => error.is_disk(),
            Self::Archive(error) => error.is_disk(),
            Self::LockRead { .. }
            | Self::LockWrite { .. }
            | Self::Layer {
                source: RootfsError::Temporary(_),
                ..
            } => true,
            _ => false,
        }
    }

    /// Whether our own rules refuse (exit code 9).
    pub fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::Locked { .. } | Self::Builtin { .. } | Self::Toolchain { .. }
        )
    }
}

fn listed(changes: &[CompilerChange]) -> String {
    let changes: Vec<_> = changes.iter().map(ToString::to_string).collect();
    changes.join("; ")
}
