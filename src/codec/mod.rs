//! [`Compression`]: bytes made smaller, the same way on every machine; and tars.
//!
//! In: bytes, or a stream of some media type. Out: compressed bytes that depend on nothing but the input, the
//! encoder and its level; or the bytes of a stream, never more than the caller allows. One thread, constant
//! memory. It must never put a time, a name or a machine's kind into what it writes.

mod decode;
pub(crate) mod entries;
mod error;
mod extended;
pub(crate) mod pax;
mod scan;
pub mod tar;

use std::fmt;
use std::io::{self, Write};
use std::ops::RangeInclusive;

pub use decode::{Decoder, decoder};
pub use error::CodecError;
pub use scan::{Member, members};

use crate::spec::{Digest, MediaType};

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

/// "Unknown" of <https://www.rfc-editor.org/rfc/rfc1952#page-8>: the file system that we run on is nobody's business.
const NO_SYSTEM: u8 = 255;

/// Encoders are given blocks of this many bytes. Part of what decides over the output.
const BLOCK: usize = 64 * 1024;

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

    /// Names the encoder and level for the keys of caches: two compressions of the same name give the same
    /// bytes for the same input. The name ends with what the encoder makes of a sample, as a dependency's
    /// version number is not known while running.
    pub fn encoder_id(&self) -> String {
        let name = match self {
            Self::Gzip(level) => format!("flate2-zlib-rs-{level}"),
            Self::Zstd(level) => format!("zstd-{}-{level}", zstd::zstd_safe::version_string()),
            Self::None => return "none".to_owned(),
        };
        format!("{name}-{}", &self.fingerprint().hex()[..16])
    }

    /// Compresses on the way to `inner`.
    ///
    /// # Errors
    /// When the level is out of range.
    pub fn encoder<W: Write>(&self, inner: W) -> Result<Encoder<W>, CodecError> {
        let inner = match self.checked()? {
            Self::Gzip(level) => Inner::Gzip(
                flate2::GzBuilder::new()
                    .mtime(0)
                    .operating_system(NO_SYSTEM)
                    .write(inner, flate2::Compression::new(level)),
            ),
            Self::Zstd(level) => Inner::Zstd(zstd::Encoder::new(inner, level).map_err(CodecError::Encoder)?),
            Self::None => Inner::None(inner),
        };
        Ok(Encoder {
            inner,
            block: Vec::with_capacity(BLOCK),
        })
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
        let sample: Vec<u8> = (0..100_000_u32)
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

/// Compresses what is written to it. Nothing is complete before [`Encoder::finish`].
///
/// An encoder's output may depend on how its input was cut (gzip's does at level 1), and how much a file gives
/// at once depends on the system. So the input is gathered, and always cut the same way.
pub struct Encoder<W: Write> {
    inner: Inner<W>,
    block: Vec<u8>,
}

enum Inner<W: Write> {
    Gzip(flate2::write::GzEncoder<W>),
    Zstd(zstd::Encoder<'static, W>),
    None(W),
}

impl<W: Write> Encoder<W> {
    /// Writes what is left and gives the inner writer back.
    ///
    /// # Errors
    /// What the inner writer says.
    pub fn finish(mut self) -> io::Result<W> {
        self.pass_on()?;
        match self.inner {
            Inner::Gzip(encoder) => encoder.finish(),
            Inner::Zstd(encoder) => encoder.finish(),
            Inner::None(inner) => Ok(inner),
        }
    }

    fn pass_on(&mut self) -> io::Result<()> {
        match &mut self.inner {
            Inner::Gzip(encoder) => encoder.write_all(&self.block),
            Inner::Zstd(encoder) => encoder.write_all(&self.block),
            Inner::None(inner) => inner.write_all(&self.block),
        }?;
        self.block.clear();
        Ok(())
    }
}

impl<W: Write> Write for Encoder<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.block.len() == BLOCK {
            self.pass_on()?;
        }
        let count = bytes.len().min(BLOCK - self.block.len());
        self.block.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    /// Does nothing: a flush in the middle would be seen in the output.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
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

    #[test]
    fn gzip_says_nothing_about_time_name_and_system() {
        let bytes = compressed(Compression::Gzip(6), b"x", 1);
        assert_eq!(&bytes[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, NO_SYSTEM]);
    }

    /// A change here changes the digest of every layer that users publish: it belongs into the change log.
    #[test]
    fn encoders_are_those_that_were_released() {
        let ids: Vec<String> = ALL.iter().map(Compression::encoder_id).collect();
        let released = [
            "flate2-zlib-rs-1-1350163fb4ea4d02",
            "flate2-zlib-rs-6-b573aefe6dd42daa",
            "flate2-zlib-rs-9-cb36a0d685f46204",
            "zstd-1.5.7-1-951b378ddd265e13",
            "zstd-1.5.7-3-4df3fddb9708d576",
            "zstd-1.5.7-19-8b5484ed6a07220e",
            "none",
        ];
        assert_eq!(ids, released);
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
