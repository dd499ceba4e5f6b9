//! What can go wrong with compressed bytes and tars.

use std::io;

use super::Compression;

/// Bytes could not be compressed or read back.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum CodecError {
    /// No such level.
    #[error("there is no compression `{0}`")]
    #[diagnostic(
        code(gantry::codec::level),
        help("levels are 1 to 9 for gzip and 1 to 19 for zstd")
    )]
    Level(Compression),
    /// The encoder or decoder could not be made.
    #[error("cannot set up the compression")]
    #[diagnostic(code(gantry::codec::encoder))]
    Encoder(#[source] io::Error),
    /// Compressed in a way that we cannot read.
    #[error("cannot read layers of the media type `{0}`")]
    #[diagnostic(
        code(gantry::codec::media_type),
        help("layers are read as tar, tar+gzip and tar+zstd")
    )]
    MediaType(String),
    /// More bytes came out than the caller takes.
    #[error("more than {0} bytes after decompression")]
    #[diagnostic(code(gantry::codec::too_large))]
    TooLarge(u64),
    /// A header's sum is wrong.
    #[error("this is no tar")]
    #[diagnostic(
        code(gantry::codec::no_tar),
        help("compressed tars must be decompressed first")
    )]
    NoTar,
    /// More entries than any image has.
    #[error("more than {0} entries in a tar")]
    #[diagnostic(code(gantry::codec::entries))]
    Entries(usize),
}
