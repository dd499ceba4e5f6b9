//! Reading what others compressed: never more than the caller allows.

use std::io::{self, BufReader, Read};

use super::CodecError;
use crate::spec::MediaType;

/// The largest window of zstd, as a power of two: 128 MiB, what the zstd program itself takes unasked.
const ZSTD_WINDOW: u32 = 27;

/// Bytes of gzip that are taken from the stream at once.
const INPUT: usize = 64 << 10;

/// Reads the decompressed bytes of a stream. Fails, with a [`CodecError::TooLarge`] inside, once more come out
/// than allowed.
pub struct Decoder<R: Read> {
    inner: Inner<R>,
    limit: u64,
    left: u64,
}

enum Inner<R: Read> {
    Gzip(Box<flate2::bufread::MultiGzDecoder<BufReader<R>>>),
    Zstd(zstd::Decoder<'static, BufReader<R>>),
    None(R),
}

/// The bytes of a layer of this media type (of OCI or docker), at most `limit` of them.
///
/// # Errors
/// When the media type is no layer's that we can read.
pub fn decoder<R: Read>(media_type: &MediaType, reader: R, limit: u64) -> Result<Decoder<R>, CodecError> {
    let name = media_type.as_ref();
    let inner = if name.ends_with("tar+gzip") || name.ends_with("tar.gzip") {
        let buffered = BufReader::with_capacity(INPUT, reader);
        Inner::Gzip(Box::new(flate2::bufread::MultiGzDecoder::new(buffered)))
    } else if name.ends_with("tar+zstd") || name.ends_with("tar.zstd") {
        let mut decoder = zstd::Decoder::new(reader).map_err(CodecError::Encoder)?;
        decoder.window_log_max(ZSTD_WINDOW).map_err(CodecError::Encoder)?;
        Inner::Zstd(decoder)
    } else if name.ends_with(".tar") {
        Inner::None(reader)
    } else {
        return Err(CodecError::MediaType(name.to_owned()));
    };
    Ok(Decoder {
        inner,
        limit,
        left: limit,
    })
}

impl<R: Read> Read for Decoder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // For zstd this would be no progress, and so a fault.
        if buffer.is_empty() {
            return Ok(0);
        }
        let count = match &mut self.inner {
            Inner::Gzip(decoder) => decoder.read(buffer),
            Inner::Zstd(decoder) => decoder.read(buffer),
            Inner::None(reader) => reader.read(buffer),
        }?;
        self.left = self
            .left
            .checked_sub(count as u64)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, CodecError::TooLarge(self.limit)))?;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::codec::Compression;

    #[test]
    fn bombs_end_at_the_limit() {
        for compression in [Compression::Gzip(9), Compression::Zstd(3), Compression::None] {
            let mut encoder = compression.encoder(Vec::new()).unwrap();
            encoder.write_all(&vec![0; 1 << 20]).unwrap();
            let bytes = encoder.finish().unwrap();
            let read = |limit| {
                let mut decoder = decoder(&compression.media_type(), bytes.as_slice(), limit).unwrap();
                io::copy(&mut decoder, &mut io::sink())
            };
            assert_eq!(read(1 << 20).unwrap(), 1 << 20, "{compression}");
            let error = read((1 << 20) - 1).unwrap_err().downcast::<CodecError>().unwrap();
            assert!(matches!(error, CodecError::TooLarge(_)), "{compression}");
        }
    }

    #[test]
    fn reading_nothing_is_no_fault() {
        for compression in [Compression::Gzip(6), Compression::Zstd(3), Compression::None] {
            let mut encoder = compression.encoder(Vec::new()).unwrap();
            encoder.write_all(&[7; 1 << 20]).unwrap();
            let bytes = encoder.finish().unwrap();
            let mut decoder = decoder(&compression.media_type(), bytes.as_slice(), 1 << 20).unwrap();
            for count in [0, 1, 0] {
                assert_eq!(decoder.read(&mut vec![0; count]).unwrap(), count, "{compression}");
            }
            assert_eq!(io::copy(&mut decoder, &mut io::sink()).unwrap(), (1 << 20) - 1);
        }
    }

    #[test]
    fn several_members_are_one_stream_and_rubbish_is_an_error() {
        for compression in [Compression::Gzip(6), Compression::Zstd(3)] {
            let part = |text: &[u8]| {
                let mut encoder = compression.encoder(Vec::new()).unwrap();
                encoder.write_all(text).unwrap();
                encoder.finish().unwrap()
            };
            let both = [part(b"one "), part(b"two")].concat();
            let mut text = String::new();
            let mut whole = decoder(&compression.media_type(), both.as_slice(), 100).unwrap();
            assert_eq!(whole.read(&mut []).unwrap(), 0, "{compression}");
            whole.read_to_string(&mut text).unwrap();
            assert_eq!(text, "one two", "{compression}");
            let cut = &both[..both.len() - 3];
            let mut cut = decoder(&compression.media_type(), cut, 100).unwrap();
            assert!(io::copy(&mut cut, &mut io::sink()).is_err(), "{compression}");
        }
        let docker = MediaType::from("application/vnd.docker.image.rootfs.diff.tar.gzip");
        assert!(decoder(&docker, io::empty(), 1).is_ok());
        assert!(decoder(&MediaType::ImageConfig, io::empty(), 1).is_err());
    }
}
