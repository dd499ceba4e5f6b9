//! A block of a stream, and what makes it smaller: each block for itself, so that nobody has to wait for another.
//!
//! In: some bytes, an algorithm and a level. Out: one gzip member (<https://www.rfc-editor.org/rfc/rfc1952#section-2.2>)
//! or one zstd frame (<https://www.rfc-editor.org/rfc/rfc8878#section-3>). Those of a stream one after another are
//! a file of that format again. What an encoder did before never shows in what it does next.

use std::io;

use super::Compression;
use super::former::{BlockDecoder, Former, Piece};

/// Bytes of one member of gzip. Measured: with blocks of half a mebibyte an asset tree becomes larger than `gzip -6`
/// makes it, and two mebibytes save a thousandth.
pub(super) const GZIP: usize = 1024 * 1024;

/// Bytes of one frame of zstd: its window at level 3, the default.
pub(super) const ZSTD: usize = 2 * 1024 * 1024;

/// Bytes on their way through an encoder, with the room for both sides.
#[derive(Default)]
pub(super) struct Block {
    /// What is to be compressed.
    pub(super) input: Vec<u8>,
    /// Longer than what is in it: its length is what was ever needed, so that it is cleared once.
    output: Vec<u8>,
    filled: usize,
    /// CRC-32 of the input, once it is compressed.
    checksum: u32,
    /// What came out is of another stream.
    pub(super) taken_over: bool,
}

impl Block {
    /// What is remembered of it.
    pub(super) fn piece(&self) -> Piece {
        Piece::of(self.checksum, self.compressed())
    }

    /// What came out.
    pub(super) fn compressed(&self) -> &[u8] {
        &self.output[..self.filled]
    }
}

/// An encoder with its tables, which are worth keeping from block to block.
enum BlockEncoder {
    Gzip(libdeflater::Compressor),
    Zstd(zstd::bulk::Compressor<'static>),
}

impl BlockEncoder {
    fn new(compression: Compression) -> io::Result<Self> {
        match compression {
            Compression::Gzip(level) => {
                let level = i32::try_from(level)
                    .ok()
                    .and_then(|level| libdeflater::CompressionLvl::new(level).ok());
                let level = level.ok_or(io::ErrorKind::InvalidInput)?;
                Ok(Self::Gzip(libdeflater::Compressor::new(level)))
            }
            Compression::Zstd(level) => Ok(Self::Zstd(zstd::bulk::Compressor::new(level)?)),
            Compression::None => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    /// Compresses a block's input into its output.
    fn compress(&mut self, block: &mut Block) -> io::Result<()> {
        let Block {
            input,
            output,
            filled,
            ..
        } = block;
        let most = match self {
            Self::Gzip(encoder) => encoder.gzip_compress_bound(input.len()),
            Self::Zstd(_) => zstd::zstd_safe::compress_bound(input.len()),
        };
        make_room(output, most);
        *filled = match self {
            Self::Gzip(encoder) => encoder.gzip_compress(input, output).map_err(io::Error::other)?,
            Self::Zstd(encoder) => encoder.compress_to_buffer(input, output.as_mut_slice())?,
        };
        Ok(())
    }
}

/// Not `resize`: what is new and zero is given by the system without being touched.
pub(super) fn make_room(output: &mut Vec<u8>, most: usize) {
    if output.len() < most {
        *output = vec![0; most];
    }
}

/// What a thread used last. Never two at once: that would be twice the memory.
#[derive(Default)]
pub(super) struct Kept(Option<(Compression, Tool)>);

enum Tool {
    Encoder(BlockEncoder),
    Decoder(BlockDecoder),
}

/// Compresses a block, or takes it over from the `former` stream, with what was `kept` when it is of that compression.
pub(super) fn compress(
    compression: Compression,
    mut block: Block,
    former: Option<&Former>,
    kept: &mut Kept,
) -> io::Result<Block> {
    block.checksum = libdeflater::crc32(&block.input);
    block.taken_over = match former {
        Some(former) => take_over(compression, &mut block, former, kept)?,
        None => false,
    };
    if !block.taken_over {
        let mut encoder = match kept.0.take() {
            Some((of, Tool::Encoder(encoder))) if of == compression => encoder,
            other => {
                drop(other);
                BlockEncoder::new(compression)?
            }
        };
        encoder.compress(&mut block)?;
        kept.0 = Some((compression, Tool::Encoder(encoder)));
    }
    Ok(block)
}

/// Whether the former stream had this very block; then it is the output.
fn take_over(
    compression: Compression,
    block: &mut Block,
    former: &Former,
    kept: &mut Kept,
) -> io::Result<bool> {
    let Some(size) = former.read(block.checksum, &mut block.output) else {
        return Ok(false);
    };
    let mut decoder = match kept.0.take() {
        Some((of, Tool::Decoder(decoder))) if of == compression => decoder,
        other => {
            drop(other);
            BlockDecoder::new(compression)?
        }
    };
    let same = decoder.holds(&block.output[..size], &block.input, block.checksum);
    kept.0 = Some((compression, Tool::Decoder(decoder)));
    if same {
        block.filled = size;
    }
    Ok(same)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_compressed_before_does_not_show() {
        let bytes: Vec<u8> = (0..100_000_u32)
            .flat_map(|n| (n / 5).wrapping_mul(0x9e37).to_le_bytes())
            .collect();
        let all = (1..=9)
            .map(Compression::Gzip)
            .chain((1..=9).map(Compression::Zstd));
        for compression in all {
            let mut used = BlockEncoder::new(compression).unwrap();
            for part in [&bytes[..], b"", &bytes[..100_000], &bytes[7..90_001], &bytes[..]] {
                let mut fresh = BlockEncoder::new(compression).unwrap();
                let compressed = [&mut used, &mut fresh].map(|encoder| {
                    let mut block = Block::default();
                    block.input.extend_from_slice(part);
                    encoder.compress(&mut block).unwrap();
                    block.compressed().to_vec()
                });
                assert!(
                    compressed[0] == compressed[1],
                    "{compression}, {} bytes",
                    part.len()
                );
            }
        }
    }
}
