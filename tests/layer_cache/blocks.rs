//! A layer after a much alike one: what did not change is taken over, and nothing shows of that.

use std::fs;
use std::path::{Path, PathBuf};

use cargo_gantry::blob::BlobStore;
use cargo_gantry::codec::Compression;
use cargo_gantry::layer::{Layer, LayerCache, Looked, Packing, pack};

use super::{Place, entries};

const MIB: usize = 1 << 20;

/// Bytes that do not repeat, and can be compressed.
fn noise(count: usize, seed: u32) -> Vec<u8> {
    let mut state = seed;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8 & 0x3f
    };
    std::iter::repeat_with(next).take(count).collect()
}

fn packing(compression: Compression, place: &str) -> Packing<'_> {
    Packing::new(compression, 7).at(place)
}

/// The layer by a new cache, compared with what packing from nothing gives; and how many blocks were taken over.
fn layer(place: &Place, files: &[PathBuf], packing: &Packing<'_>, when: &str) -> (Layer, usize) {
    let cache = LayerCache::new(&place.store);
    let entries = entries(files);
    let Looked::New(unpacked) = cache.look(&entries, packing).unwrap() else {
        panic!("{when}: it was known");
    };
    let layer = cache.pack(unpacked, packing).unwrap();
    let apart = BlobStore::open(place.path("apart")).unwrap();
    assert_eq!(layer, pack(&apart, entries, packing).unwrap(), "{when}");
    place.store.verify(&layer.blob()).unwrap();
    (layer, cache.taken_over())
}

fn blob(place: &Place, layer: &Layer) -> PathBuf {
    place.store.path(&layer.digest)
}

#[test]
fn only_what_changed_is_compressed_again() {
    for (compression, blocks) in [(Compression::Gzip(6), 6), (Compression::Zstd(3), 3)] {
        let place = Place::new();
        let path = place.path("app");
        let files = std::slice::from_ref(&path);
        let packing = packing(compression, "image linux/amd64 app");
        let mut bytes = noise(5 * MIB + 100, 1);
        fs::write(&path, &bytes).unwrap();
        assert_eq!(layer(&place, files, &packing, "the first").1, 0);
        // Within one block.
        bytes[MIB + 9] ^= 1;
        fs::write(&path, &bytes).unwrap();
        assert_eq!(
            layer(&place, files, &packing, "one byte").1,
            blocks - 1,
            "{compression}"
        );
        // The first block has a header with another size, the last one is full now.
        bytes.extend(noise(3 * MIB, 2));
        fs::write(&path, &bytes).unwrap();
        assert_eq!(
            layer(&place, files, &packing, "longer").1,
            blocks - 2,
            "{compression}"
        );
        // Every block is another one.
        fs::write(&path, noise(5 * MIB, 3)).unwrap();
        assert_eq!(layer(&place, files, &packing, "all").1, 0, "{compression}");
    }
}

#[test]
fn other_places_and_encoders_have_nothing_to_give() {
    let place = Place::new();
    let path = place.path("app");
    let files = std::slice::from_ref(&path);
    let mut bytes = noise(3 * MIB, 1);
    let mut next = || {
        bytes[0] ^= 1;
        bytes[1] = bytes[1].wrapping_add(1);
        fs::write(&path, &bytes).unwrap();
    };
    let (six, one) = (Compression::Gzip(6), Compression::Gzip(1));
    for (at, compression, expected) in [
        ("a", six, 0),
        ("a", six, 3),
        ("b", six, 0),
        ("a", one, 0),
        ("a", six, 3),
        ("a", Compression::None, 0),
        ("", six, 0),
        ("", six, 0),
    ] {
        next();
        let taken = layer(&place, files, &packing(compression, at), at).1;
        assert_eq!(taken, expected, "{at} {compression}");
    }
}

type Damage = fn(&Path);

#[test]
fn a_former_layer_may_be_damaged_or_gone() {
    let damages: [(&str, Damage); 4] = [
        ("gone", |blob| fs::remove_file(blob).unwrap()),
        ("cut", |blob| {
            let file = fs::File::options().write(true).open(blob).unwrap();
            file.set_len(100).unwrap();
        }),
        ("overwritten", |blob| {
            let size = fs::metadata(blob).unwrap().len();
            fs::write(blob, vec![7; size as usize]).unwrap();
        }),
        ("of other blocks", |blob| {
            let mut bytes = fs::read(blob).unwrap();
            bytes.rotate_left(1000);
            fs::write(blob, bytes).unwrap();
        }),
    ];
    for (name, damage) in damages {
        for compression in [Compression::Gzip(1), Compression::Zstd(1)] {
            let place = Place::new();
            let path = place.path("app");
            let files = std::slice::from_ref(&path);
            let packing = packing(compression, "a place");
            let mut bytes = noise(5 * MIB, 1);
            fs::write(&path, &bytes).unwrap();
            let (before, _) = layer(&place, files, &packing, name);
            damage(&blob(&place, &before));
            bytes[5] ^= 1;
            fs::write(&path, &bytes).unwrap();
            assert_eq!(layer(&place, files, &packing, name).1, 0, "{name}, {compression}");
        }
    }
}
