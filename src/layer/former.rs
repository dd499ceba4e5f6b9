//! [`Formers`]: the layer that was last packed for a place, of which the next one may be much the same.
//!
//! In: a place (see [`Packing`](super::Packing)) and an encoder. Out: the blocks of the layer that it last had, for the encoder
//! to take over what has not changed. A record lies in the store under the sha256 of this text:
//!
//! ```text
//! gantry blocks 1
//! encoder <Compression::encoder_id>
//! place <place>
//! ```

use std::fs::File;

use serde::{Deserialize, Serialize};

use crate::blob::{Blob, BlobStore, Records};
use crate::codec::{Former, Piece};
use crate::spec::Digest;

/// The last layers of places.
pub(super) struct Formers<'a> {
    store: &'a BlobStore,
    records: Records,
}

/// A layer and the blocks that it consists of.
#[derive(Serialize, Deserialize)]
struct Last {
    layer: Digest,
    pieces: Vec<Piece>,
}

impl<'a> Formers<'a> {
    pub(super) fn new(store: &'a BlobStore) -> Self {
        Self {
            store,
            records: store.records("blocks"),
        }
    }

    /// The blocks of the layer that was last packed there.
    pub(super) fn of(&self, place: &str, encoder: &str) -> Option<Former> {
        if place.is_empty() {
            return None;
        }
        let last: Last = self.records.read(&key(place, encoder))?;
        let file = File::open(self.store.path(&last.layer)).ok()?;
        let size: u64 = last.pieces.iter().map(|piece| piece.size()).sum();
        (file.metadata().ok()?.len() == size).then(|| Former::new(file, &last.pieces))
    }

    /// Remembers a layer for the next one. Where it cannot be, all of that is compressed.
    pub(super) fn remember(&self, place: &str, encoder: &str, layer: &Blob, pieces: &[Piece]) {
        // The end of a tar is part of its last block: of a single one little can stay.
        if place.is_empty() || pieces.len() < 2 {
            return;
        }
        let last = Last {
            layer: layer.digest,
            pieces: pieces.to_vec(),
        };
        let _ = self.records.write(&key(place, encoder), &last);
    }
}

fn key(place: &str, encoder: &str) -> Digest {
    Digest::of(format!("gantry blocks 1\nencoder {encoder}\nplace {place}\n").as_bytes())
}
