//! [`Compression`]: bytes made smaller, the same way on every machine; and tars.
//!
//! In: bytes, or a stream of some media type. Out: compressed bytes that depend on nothing but the input, the
//! encoder and its level; or the bytes of a stream, never more than the caller allows. As many threads as there are
//! processors, constant memory. It must never put a time, a name or a machine's kind into what it writes, nor how
//! many threads there were or how fast they went.

mod block;
mod decode;
mod encode;
pub(crate) mod entries;
mod error;
mod extended;
mod former;
pub(crate) mod pax;
mod pool;
mod scan;
pub mod tar;

use std::fmt;
use std::io::Write;
use std::ops::RangeInclusive;
use std::sync::{Arc, OnceLock};

pub use decode::{Decoder, decoder};
pub use encode::{Encoder, Pieces};
pub use error::CodecError;
pub use former::{Former, Piece};
pub use scan::{Member, members};

use crate::spec::{Digest, MediaType};
use pool::Pool;

/// How a layer is stored. Build it by [`Compression::gzip`] and [`Compression::zstd`], which check the level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Compression {
    /// gzip of a level from 1 to 9.
    Gzip(u32),
    /// zstd of a level from 1 to 19.
    Zstd(i32),
    /// As it is.
    None,
}

const GZIP: RangeInclusive<u32> = 1..=9;
const ZSTD: RangeInclusive<i32> = 1..=19;

/// The crate that brings libdeflate: the library does not say its version while running. Pinned in Cargo.toml.
const LIBDEFLATER: &str = "1.26.1";

impl Default for Compression {
    /// gzip 6: every runtime reads it.
    fn default() -> Self {
        Self::Gzip(6)
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gzip(level) => write!(f, "gzip {level}"),
            Self::Zstd(level) => write!(f, "zstd {level}"),
            Self::None => f.write_str("none"),
        }
    }
}

impl Compression {
    /// gzip; 6 where no level is said.
    ///
    /// # Errors
    /// When the level is not within 1 to 9.
    pub fn gzip(level: Option<u32>) -> Result<Self, CodecError> {
        Self::Gzip(level.unwrap_or(6)).checked()
    }

    /// zstd; 3 where no level is said.
    ///
    /// # Errors
    /// When the level is not within 1 to 19.
    pub fn zstd(level: Option<i32>) -> Result<Self, CodecError> {
        Self::Zstd(level.unwrap_or(3)).checked()
    }

    /// The media type of a layer stored this way.
    /// <https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md>
    pub fn media_type(&self) -> MediaType {
        match self {
            Self::Gzip(_) => MediaType::ImageLayerGzip,
            Self::Zstd(_) => MediaType::ImageLayerZstd,
            Self::None => MediaType::ImageLayer,
        }
    }

    /// Names the encoder, its version, the level and the size of its blocks, for the keys of caches: two
    /// compressions of the same name give the same bytes for the same input. The name ends with what the encoder
    /// makes of a sample, as a dependency may be another one than was meant. That is found out once.
    pub fn encoder_id(&self) -> String {
        static IDS_GZIP: [OnceLock<String>; 1 + *GZIP.end() as usize] = [const { OnceLock::new() }; _];
        static IDS_ZSTD: [OnceLock<String>; 1 + *ZSTD.end() as usize] = [const { OnceLock::new() }; _];
        let known = match *self {
            Self::Gzip(level) => usize::try_from(level).ok().and_then(|level| IDS_GZIP.get(level)),
            Self::Zstd(level) => usize::try_from(level).ok().and_then(|level| IDS_ZSTD.get(level)),
            Self::None => return "none".to_owned(),
        };
        let id = || format!("{}-{}", self.encoder_name(), &self.fingerprint().hex()[..16]);
        known.map_or_else(id, |known| known.get_or_init(id).clone())
    }

    fn encoder_name(&self) -> String {
        match self {
            Self::Gzip(level) => format!("libdeflater-{LIBDEFLATER}-{level}-{}k", block::GZIP >> 10),
            Self::Zstd(level) => {
                let version = zstd::zstd_safe::version_string();
                format!("zstd-{version}-{level}-{}k", block::ZSTD >> 10)
            }
            Self::None => "none".to_owned(),
        }
    }

    /// Compresses on the way to `inner`.
    ///
    /// # Errors
    /// When the level is out of range.
    pub fn encoder<W: Write>(&self, inner: W) -> Result<Encoder<W>, CodecError> {
        self.encoder_on(Pool::of_the_process(), inner)
    }

    /// The same on other threads than the process's.
    fn encoder_on<W: Write>(&self, pool: Arc<Pool>, inner: W) -> Result<Encoder<W>, CodecError> {
        Ok(Encoder::new(self.checked()?, inner, pool))
    }

    fn checked(self) -> Result<Self, CodecError> {
        let allowed = match self {
            Self::Gzip(level) => GZIP.contains(&level),
            Self::Zstd(level) => ZSTD.contains(&level),
            Self::None => true,
        };
        if allowed {
            Ok(self)
        } else {
            Err(CodecError::Level(self))
        }
    }

    /// The digest of a compressed sample: text-like and random-like stretches, longer than one window of gzip.
    fn fingerprint(&self) -> Digest {
        let mut state = 1_u32;
        let sample: Vec<u8> = (0..50_000_u32)
            .map(|position| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let [.., high] = state.to_le_bytes();
                if position / 5_000 % 2 == 0 {
                    b"abcdefgh"[usize::from(high % 8)]
                } else {
                    high
                }
            })
            .collect();
        let compressed = self
            .encoder(Vec::new())
            .map(|mut encoder| encoder.write_all(&sample).and_then(|()| encoder.finish()));
        match compressed {
            Ok(Ok(bytes)) => Digest::of(&bytes),
            // A level out of range compresses nothing: any name will do.
            _ => Digest::of(&[]),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    const ALL: [Compression; 7] = [
        Compression::Gzip(1),
        Compression::Gzip(6),
        Compression::Gzip(9),
        Compression::Zstd(1),
        Compression::Zstd(3),
        Compression::Zstd(19),
        Compression::None,
    ];

    fn compressed(compression: Compression, bytes: &[u8], chunk: usize) -> Vec<u8> {
        let mut encoder = compression.encoder(Vec::new()).unwrap();
        for chunk in bytes.chunks(chunk) {
            encoder.write_all(chunk).unwrap();
        }
        encoder.finish().unwrap()
    }

    #[test]
    fn what_goes_in_comes_out_and_chunks_do_not_matter() {
        let bytes: Vec<u8> = (0..200_000_u32)
            .flat_map(|n| (n / 7).wrapping_mul(0x9e37).to_le_bytes())
            .collect();
        for compression in ALL {
            let once = compressed(compression, &bytes, bytes.len());
            for chunk in [1, 977, 65_537] {
                assert!(
                    once == compressed(compression, &bytes, chunk),
                    "{compression} in chunks of {chunk}"
                );
            }
            let mut back = Vec::new();
            decoder(&compression.media_type(), once.as_slice(), u64::MAX)
                .unwrap()
                .read_to_end(&mut back)
                .unwrap();
            assert!(back == bytes, "{compression}");
        }
    }

    /// 255 is "unknown" of <https://www.rfc-editor.org/rfc/rfc1952#page-8>: the file system that we run on is nobody's
    /// business.
    #[test]
    fn gzip_says_nothing_about_time_name_and_system() {
        let bytes = compressed(Compression::Gzip(6), b"x", 1);
        assert_eq!(&bytes[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
    }

    /// A change here changes the digest of every layer that users publish: it belongs into the change log.
    #[test]
    fn encoders_are_those_that_were_released() {
        let ids: Vec<String> = ALL.iter().map(Compression::encoder_id).collect();
        let released = [
            "libdeflater-1.26.1-1-1024k-1a90aff890fb84c1",
            "libdeflater-1.26.1-6-1024k-0fbb334943311cd1",
            "libdeflater-1.26.1-9-1024k-8c9e482124921bb0",
            "zstd-1.5.7-1-2048k-14421b84c441d38c",
            "zstd-1.5.7-3-2048k-82a5dc98eda53e03",
            "zstd-1.5.7-19-2048k-96fc16465d8b940f",
            "none",
        ];
        assert_eq!(ids, released);
        let manifest = include_str!("../../Cargo.toml");
        assert!(manifest.contains(&format!("libdeflater = \"={LIBDEFLATER}\"\n")));
    }

    #[test]
    fn levels_are_checked() {
        for (wrong, level) in [(Compression::gzip(Some(0)), 0), (Compression::gzip(Some(10)), 10)] {
            assert!(matches!(wrong, Err(CodecError::Level(Compression::Gzip(found))) if found == level));
        }
        assert!(Compression::zstd(Some(0)).is_err() && Compression::zstd(Some(20)).is_err());
        assert!(Compression::Gzip(10).encoder(Vec::new()).is_err());
        assert_eq!(Compression::gzip(None).unwrap(), Compression::default());
        assert_eq!(Compression::zstd(None).unwrap(), Compression::Zstd(3));
    }
}
