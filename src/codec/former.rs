//! [`Former`]: the blocks of a stream that was compressed before, to be taken over where the input is still the same.
//!
//! In: what an encoder of the same compression wrote, and the list of its [`Piece`]s, which is believed. Out: the compressed
//! bytes of a block, if they are there. It must never give other bytes than the encoder would make: what it gives is what was
//! written then, by its checksum, and was decompressed and compared.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::Compression;
use super::block::make_room;

/// One block of a compressed stream, in the order of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(u32, u32, u32)", into = "(u32, u32, u32)")]
pub struct Piece {
    /// CRC-32 of the input.
    input: u32,
    /// Bytes that came out.
    size: u32,
    /// CRC-32 of those.
    output: u32,
}

impl Piece {
    pub(super) fn of(input: u32, compressed: &[u8]) -> Self {
        Self {
            input,
            size: u32::try_from(compressed.len()).expect("a block is a few mebibytes"),
            output: libdeflater::crc32(compressed),
        }
    }

    /// Its compressed size in bytes.
    pub fn size(self) -> u64 {
        self.size.into()
    }
}

impl From<(u32, u32, u32)> for Piece {
    fn from((input, size, output): (u32, u32, u32)) -> Self {
        Self { input, size, output }
    }
}

impl From<Piece> for (u32, u32, u32) {
    fn from(piece: Piece) -> Self {
        (piece.input, piece.size, piece.output)
    }
}

/// Larger than any block becomes, in bytes.
const LARGEST: u32 = 4 << 20;

/// A stream that was compressed before.
pub struct Former {
    file: Mutex<File>,
    /// Where a block begins, by the checksum of its input.
    pieces: HashMap<u32, (u64, Piece)>,
}

impl Former {
    /// What `file` holds: just these pieces. Whether they are of the compression that is wanted is the caller's knowledge.
    pub fn new(file: File, pieces: &[Piece]) -> Self {
        let mut offset = 0;
        let places = pieces.iter().map(|piece| {
            let at = offset;
            offset += piece.size();
            (piece.input, (at, *piece))
        });
        Self {
            pieces: places.collect(),
            file: Mutex::new(file),
        }
    }

    /// Reads the block of that checksum to the beginning of `output`, if there may be one, and says how long it is. It is
    /// what was written then: a gzip member with another time in its header, or a frame with other padding, would be the same
    /// input, and not what the encoder makes of it.
    pub(super) fn read(&self, checksum: u32, output: &mut Vec<u8>) -> Option<usize> {
        let (offset, piece) = *self.pieces.get(&checksum)?;
        if piece.size > LARGEST {
            return None;
        }
        make_room(output, piece.size as usize);
        let output = &mut output[..piece.size as usize];
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(offset)).ok()?;
        file.read_exact(output).ok()?;
        (libdeflater::crc32(output) == piece.output).then_some(output.len())
    }
}

/// A decoder with its tables and its room, which are worth keeping from block to block.
pub(super) struct BlockDecoder {
    kind: Kind,
    output: Vec<u8>,
}

enum Kind {
    Gzip(libdeflater::Decompressor),
    Zstd(zstd::bulk::Decompressor<'static>),
}

impl BlockDecoder {
    pub(super) fn new(compression: Compression) -> io::Result<Self> {
        let kind = match compression {
            Compression::Gzip(_) => Kind::Gzip(libdeflater::Decompressor::new()),
            Compression::Zstd(_) => Kind::Zstd(zstd::bulk::Decompressor::new()?),
            Compression::None => return Err(io::ErrorKind::InvalidInput.into()),
        };
        Ok(Self {
            kind,
            output: Vec::new(),
        })
    }

    /// Whether `compressed` is this input and nothing else.
    pub(super) fn holds(&mut self, compressed: &[u8], input: &[u8], checksum: u32) -> bool {
        make_room(&mut self.output, input.len());
        let output = &mut self.output[..input.len()];
        let count = match &mut self.kind {
            // What comes after the member is not looked at, so it has to end where it should:
            // <https://www.rfc-editor.org/rfc/rfc1952#page-5>
            Kind::Gzip(decoder) => {
                let size = (input.len() as u32).to_le_bytes();
                let end = [checksum.to_le_bytes(), size].concat();
                if !compressed.ends_with(&end) {
                    return false;
                }
                decoder.gzip_decompress(compressed, output).ok()
            }
            Kind::Zstd(decoder) => decoder.decompress_to_buffer(compressed, output).ok(),
        };
        count == Some(input.len()) && output == input
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::Arc;

    use super::*;

    fn noise(count: u32) -> Vec<u8> {
        (0..count)
            .flat_map(|n| (n / 3).wrapping_mul(0x9e37_79b1).to_le_bytes())
            .collect()
    }

    /// What comes out, in which pieces, and how many of them were taken over.
    fn encoded(
        compression: Compression,
        bytes: &[u8],
        former: Option<Former>,
    ) -> (Vec<u8>, Vec<Piece>, usize) {
        let encoder = compression.encoder(Vec::new()).unwrap();
        let mut encoder = encoder.after(former.map(Arc::new));
        encoder.write_all(bytes).unwrap();
        let (bytes, pieces) = encoder.finish_in_pieces().unwrap();
        (bytes, pieces.list, pieces.taken_over)
    }

    fn file(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    #[test]
    fn only_blocks_that_changed_are_compressed_and_the_output_is_the_same() {
        for (compression, block) in [(Compression::Gzip(6), 1 << 20), (Compression::Zstd(3), 2 << 20)] {
            let before = noise(2_000_000);
            let (old, pieces, taken) = encoded(compression, &before, None);
            let count = before.len().div_ceil(block);
            assert_eq!((pieces.len(), taken), (count, 0), "{compression}");
            assert_eq!(
                pieces.iter().map(|piece| piece.size()).sum::<u64>(),
                old.len() as u64
            );
            let mut now = before.clone();
            now[block + 5] ^= 1;
            now.truncate(before.len() - 3);
            let expected = encoded(compression, &now, None);
            let found = encoded(compression, &now, Some(Former::new(file(&old), &pieces)));
            assert!(found.0 == expected.0 && found.1 == expected.1, "{compression}");
            assert_eq!(found.2, count - 2, "{compression}");
        }
    }

    #[test]
    fn damaged_and_foreign_blocks_are_not_taken_over() {
        for compression in [Compression::Gzip(1), Compression::Zstd(1)] {
            let bytes = noise(1_200_000);
            let (whole, pieces, _) = encoded(compression, &bytes, None);
            let first = pieces[0].size as usize;
            let flipped = |at: usize| {
                let mut flipped = whole.clone();
                flipped[at] ^= 1;
                flipped
            };
            let changed = |change: fn(&mut Piece)| {
                let mut pieces = pieces.clone();
                pieces.iter_mut().for_each(change);
                pieces
            };
            // All but the first block, where that one alone is damaged.
            let rest = pieces.len() - 1;
            for (what, there, pieces, expected) in [
                ("in the middle of a block", flipped(first / 2), &pieces, rest),
                // Of gzip, a time that no decoder looks at.
                ("in a header", flipped(4), &pieces, rest),
                ("at the end of a block", flipped(first - 1), &pieces, rest),
                ("cut", whole[..whole.len() - 10].to_vec(), &pieces, rest),
                ("empty", Vec::new(), &pieces, 0),
                ("other sizes", whole.clone(), &changed(|piece| piece.size += 1), 0),
                (
                    "absurd sizes",
                    whole.clone(),
                    &changed(|piece| piece.size = u32::MAX),
                    0,
                ),
                (
                    "other sums",
                    whole.clone(),
                    &changed(|piece| piece.output ^= 1),
                    0,
                ),
            ] {
                let former = Former::new(file(&there), pieces);
                let found = encoded(compression, &bytes, Some(former));
                assert!(found.0 == whole, "{what}, {compression}");
                assert_eq!(found.2, expected, "{what}, {compression}");
            }
        }
    }
}
