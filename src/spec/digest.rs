//! Content digests: [`Digest`] of stored bytes, [`DiffId`] of an uncompressed layer tar.

use std::fmt;
use std::io::{self, Read, Write};
use std::str::FromStr;

use sha2::Digest as _;

/// The sha256 digest of stored bytes, as a descriptor names them.
/// <https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md#digests>
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

/// The sha256 digest of a layer's uncompressed tar: what `rootfs.diff_ids` lists.
/// <https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md#layer-diffid>
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DiffId([u8; 32]);

/// Why a text is no digest.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum DigestError {
    /// Another algorithm than sha256, or none.
    #[error("`{0}` is not a sha256 digest")]
    #[diagnostic(
        code(gantry::spec::digest_algorithm),
        help("only digests of the form `sha256:<64 hexadecimal digits>` are supported")
    )]
    Algorithm(String),
    /// Not 64 lower-case hexadecimal digits.
    #[error("`{0}` does not hold 64 lower-case hexadecimal digits")]
    #[diagnostic(code(gantry::spec::digest_hex))]
    Hex(String),
}

macro_rules! sha256_value {
    ($name:ident) => {
        impl $name {
            /// The digest of `bytes`.
            pub fn of(bytes: &[u8]) -> Self {
                Self(sha2::Sha256::digest(bytes).into())
            }

            /// The 64 hexadecimal digits, without the algorithm.
            pub fn hex(&self) -> String {
                self.0.iter().map(|byte| format!("{byte:02x}")).collect()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "sha256:{}", self.hex())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = DigestError;

            fn from_str(text: &str) -> Result<Self, DigestError> {
                parse(text).map(Self)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

sha256_value!(Digest);
sha256_value!(DiffId);

impl From<Digest> for oci_spec::image::Digest {
    fn from(digest: Digest) -> Self {
        let sha256: oci_spec::image::Sha256Digest = digest
            .hex()
            .parse()
            .expect("64 hexadecimal digits are a sha256 digest");
        sha256.into()
    }
}

impl TryFrom<&oci_spec::image::Digest> for Digest {
    type Error = DigestError;

    fn try_from(digest: &oci_spec::image::Digest) -> Result<Self, DigestError> {
        digest.to_string().parse()
    }
}

fn parse(text: &str) -> Result<[u8; 32], DigestError> {
    let hex = text
        .strip_prefix("sha256:")
        .ok_or_else(|| DigestError::Algorithm(text.to_owned()))?;
    let wrong = || DigestError::Hex(text.to_owned());
    if hex.len() != 64 || !hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(wrong());
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
        let pair = std::str::from_utf8(pair).map_err(|_| wrong())?;
        *byte = u8::from_str_radix(pair, 16).map_err(|_| wrong())?;
    }
    Ok(bytes)
}

/// Hashes bytes as they come, and counts them.
#[derive(Clone, Default)]
pub struct Hasher {
    state: sha2::Sha256,
    count: u64,
}

impl Hasher {
    /// Takes in more bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.state.update(bytes);
        self.count += bytes.len() as u64;
    }

    /// How many bytes were taken in so far.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The digest of bytes that are stored as they were taken in.
    pub fn digest(self) -> Digest {
        Digest(self.state.finalize().into())
    }

    /// The digest of an uncompressed layer tar.
    pub fn diff_id(self) -> DiffId {
        DiffId(self.state.finalize().into())
    }
}

impl Digest {
    /// The digest of all that a reader gives.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn of_all(mut reader: impl Read) -> io::Result<Self> {
        let mut hashing = Hashing::new(io::sink());
        io::copy(&mut reader, &mut hashing)?;
        Ok(hashing.hasher.digest())
    }
}

/// A writer, or a reader, that hashes what passes through it.
pub struct Hashing<W> {
    inner: W,
    hasher: Hasher,
}

impl<W> Hashing<W> {
    /// Hashes everything on its way to or from `inner`.
    pub fn new(inner: W) -> Self {
        Self {
            inner,
            hasher: Hasher::default(),
        }
    }

    /// How many bytes have passed so far.
    pub fn count(&self) -> u64 {
        self.hasher.count()
    }

    /// The inner writer or reader, and the hash of what passed.
    pub fn into_parts(self) -> (W, Hasher) {
        (self.inner, self.hasher)
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_round_trips_and_refuses_everything_else() {
        let empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Digest::of(b"").to_string(), empty);
        assert_eq!(empty.parse::<DiffId>().unwrap(), DiffId::of(b""));
        for wrong in [
            "",
            "sha256:",
            "sha512:00",
            "e3b0",
            &empty.to_uppercase(),
            &empty[..70],
            "sha256:é",
        ] {
            assert!(wrong.parse::<Digest>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn hashing_writer_agrees_with_one_shot() {
        let mut writer = Hashing::new(Vec::new());
        writer.write_all(b"hello ").unwrap();
        writer.write_all(b"world").unwrap();
        assert_eq!(writer.count(), 11);
        let (bytes, hasher) = writer.into_parts();
        assert_eq!(hasher.digest(), Digest::of(&bytes));
    }
}
