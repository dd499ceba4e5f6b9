//! [`LayerCache`]: layers that were packed before, found without being packed again.
//!
//! In: entries and a [`Packing`], as [`pack`] takes them. Out: the [`Layer`] that `pack` would make of them, at one of four
//! prices: a look at each file, where the files are the same as then; one reading of them, where only the tar is the same;
//! the work for the blocks that the layer before it did not have ([`Formers`]); all of the work otherwise. It must never give
//! a layer that `pack` would not: what is not certain is read.
//!
//! A record lies in the store under the sha256 of this text, and holds the layers that had it, with the identities of
//! their files ([`FileIdentity`]) and the diff id:
//!
//! ```text
//! gantry layer 1
//! release <of cargo-gantry, which writes the tar>
//! encoder <Compression::encoder_id>
//! time <seconds>
//! d <mode> <uid> <gid> <path>                          for each entry, in the order of the tar,
//! l <mode> <uid> <gid> <path> <target>                 parents that nobody named among them
//! h <mode> <uid> <gid> <path> <the file's path>
//! m <mode> <uid> <gid> <path> <digest of made-up bytes>
//! f <mode> <uid> <gid> <path> <size>
//! ```
//!
//! Modes are octal, and every path and target is `<bytes>:<text>`. What files hold is not in it, so that what has another
//! identity and the same content is found after one reading. Whether the stored blob still holds what it should is seen
//! where it leaves the store.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::former::Formers;
use super::order::Ordered;
use super::pack::{self, write};
use super::{Entry, Kind, Layer, LayerError, Packing, Source};
use crate::blob::{BlobError, BlobStore, FileIdentity, Records, Sighting};
use crate::codec::tar::TarWriter;
use crate::codec::{Compression, Piece};
use crate::spec::{DiffId, Digest, Hashing};

/// Layers of one text that are remembered: who goes back and forth between two versions packs neither again.
const VERSIONS: usize = 8;
/// Files whose identities one record holds at most, unless two layers have more.
const MOST_FILES: usize = 100_000;

/// What is known of layers in a store.
pub struct LayerCache<'a> {
    store: &'a BlobStore,
    records: Records,
    formers: Formers<'a>,
    taken_over: AtomicUsize,
    /// Naming an encoder means running it.
    encoders: Mutex<BTreeMap<String, String>>,
    /// Held while a record is changed.
    changing: Mutex<()>,
    /// What was packed through this value: locked while it is, so that nobody packs the same meanwhile.
    making: Mutex<BTreeMap<Digest, Arc<Mutex<Made>>>>,
}

/// Layers of one text, with their files as they were seen, and the blocks that they consist of.
type Made = Vec<(Vec<Sighting>, Layer, Vec<Piece>)>;

/// What a look into the cache gives.
pub enum Looked<'e> {
    /// It was packed before, and lies in the store.
    Known(Layer),
    /// It is to be packed, by [`LayerCache::pack`].
    New(Unpacked<'e>),
}

/// Entries that are not packed yet, as they were seen.
pub struct Unpacked<'e> {
    entries: Ordered<'e>,
    key: Digest,
    files: Vec<Sighting>,
}

/// A layer, and what its files were then.
#[derive(Clone, Serialize, Deserialize)]
struct Version {
    layer: Layer,
    files: Vec<Option<FileIdentity>>,
}

impl<'a> LayerCache<'a> {
    /// The cache of a store.
    pub fn new(store: &'a BlobStore) -> Self {
        Self {
            store,
            records: store.records("layers"),
            formers: Formers::new(store),
            taken_over: AtomicUsize::new(0),
            encoders: Mutex::default(),
            changing: Mutex::default(),
            making: Mutex::default(),
        }
    }

    /// What is known of these entries.
    ///
    /// # Errors
    /// When two entries contradict each other, or a file cannot be read.
    pub fn look<'e>(&self, entries: &'e [Entry], packing: &Packing<'_>) -> Result<Looked<'e>, LayerError> {
        let tar = Ordered::of(entries, packing.known_directories)?;
        let files = seen(&tar)?;
        let key = self.key(&tar, &files, packing);
        let known: Vec<Version> = self.records.read(&key).unwrap_or_default();
        if let Some(version) = known.iter().find(|version| version.is_of(&files))
            && self.store.contains(&version.layer.blob())
        {
            return Ok(Looked::Known(version.layer.clone()));
        }
        let stored = |version: &Version| self.store.path(&version.layer.digest).exists();
        if known.iter().any(stored) {
            let diff_id = self.diff_id(&tar, packing.mtime)?;
            let same = known.into_iter().find(|version| version.layer.diff_id == diff_id);
            if let Some(Version { layer, .. }) = same
                && self.store.contains(&layer.blob())
            {
                self.remember(&key, &layer, &tar, &files);
                return Ok(Looked::Known(layer));
            }
        }
        Ok(Looked::New(Unpacked {
            entries: tar,
            key,
            files,
        }))
    }

    /// Packs what was not known, and remembers it. Where another thread packs the same, it waits for that.
    ///
    /// # Errors
    /// As [`pack`](crate::layer::pack()).
    pub fn pack(&self, unpacked: Unpacked<'_>, packing: &Packing<'_>) -> Result<Layer, LayerError> {
        let Unpacked { entries, key, files } = unpacked;
        let made = {
            let mut making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(making.entry(key).or_default())
        };
        let mut made = made.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |others: &[Sighting]| {
            let mut pairs = files.iter().zip(others);
            pairs.all(|(one, other)| one.same(other))
        };
        let encoder = self.encoder(packing.compression);
        let place = packing.place;
        if let Some((_, layer, pieces)) = made.iter().find(|(others, ..)| same(others)) {
            self.formers.remember(place, &encoder, &layer.blob(), pieces);
            (packing.progress)(files.iter().map(Sighting::size).sum());
            return Ok(layer.clone());
        }
        let former = self.formers.of(place, &encoder);
        let (layer, pieces) = pack::ordered(self.store, &entries, packing, former)?;
        self.taken_over.fetch_add(pieces.taken_over, Ordering::Relaxed);
        self.formers
            .remember(place, &encoder, &layer.blob(), &pieces.list);
        self.remember(&key, &layer, &entries, &files);
        made.push((files, layer.clone(), pieces.list));
        Ok(layer)
    }

    /// How many blocks were taken over from former layers so far, and not compressed.
    pub fn taken_over(&self) -> usize {
        self.taken_over.load(Ordering::Relaxed)
    }

    /// What cannot be remembered is made again the next time, which is all.
    fn remember(&self, key: &Digest, layer: &Layer, tar: &Ordered<'_>, files: &[Sighting]) {
        let mut lasting = Vec::with_capacity(files.len());
        lasting.extend(
            files
                .iter()
                .zip(paths(tar))
                .map(|(file, path)| file.lasting(path)),
        );
        let version = Version {
            layer: layer.clone(),
            files: lasting,
        };
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut known: Vec<Version> = self.records.read(key).unwrap_or_default();
        known.retain(|other| other.layer.diff_id != layer.diff_id);
        known.insert(0, version);
        let of_many_files = MOST_FILES / files.len().max(1);
        known.truncate(of_many_files.clamp(2, VERSIONS));
        let _ = self.records.write(key, &known);
    }

    /// Reads everything and compresses nothing.
    fn diff_id(&self, tar: &Ordered<'_>, mtime: i64) -> Result<DiffId, LayerError> {
        let failed = |error| LayerError::Store(BlobError::from_io(error, self.store.root()));
        let mut hashing = TarWriter::new(Hashing::new(io::sink()), mtime);
        write(&mut hashing, tar, &|_| (), &failed)?;
        let (_, hasher) = hashing.finish().map_err(failed)?.into_parts();
        Ok(hasher.diff_id())
    }

    /// The digest of the text above.
    fn key(&self, tar: &Ordered<'_>, files: &[Sighting], packing: &Packing<'_>) -> Digest {
        let mut text = Hashing::new(io::sink());
        spelled(
            &mut text,
            &self.encoder(packing.compression),
            packing.mtime,
            tar,
            files,
        )
        .expect("nothing is written anywhere");
        text.into_parts().1.digest()
    }

    fn encoder(&self, compression: Compression) -> String {
        let mut known = self.encoders.lock().unwrap_or_else(PoisonError::into_inner);
        let id = known
            .entry(compression.to_string())
            .or_insert_with(|| compression.encoder_id());
        id.clone()
    }
}

impl Version {
    fn is_of(&self, files: &[Sighting]) -> bool {
        let mut pairs = files.iter().zip(&self.files);
        self.files.len() == files.len() && pairs.all(|(now, then)| now.is(then.as_ref()))
    }
}

/// The files of this machine that go into a tar, in its order.
fn seen(tar: &Ordered<'_>) -> Result<Vec<Sighting>, LayerError> {
    let mut seen = Vec::with_capacity(paths(tar).count());
    for path in paths(tar) {
        seen.push(Sighting::of(path).map_err(|source| LayerError::Unreadable {
            path: path.to_owned(),
            source,
        })?);
    }
    Ok(seen)
}

fn paths<'t>(tar: &'t Ordered<'_>) -> impl Iterator<Item = &'t Path> {
    tar.iter().filter_map(|entry| match &entry.kind {
        Kind::File(Source::Path(path)) => Some(path.as_path()),
        _ => None,
    })
}

fn spelled(
    text: &mut impl Write,
    encoder: &str,
    mtime: i64,
    tar: &Ordered<'_>,
    files: &[Sighting],
) -> io::Result<()> {
    let release = env!("CARGO_PKG_VERSION");
    write!(
        text,
        "gantry layer 1\nrelease {release}\nencoder {encoder}\ntime {mtime}\n"
    )?;
    let mut files = files.iter();
    for entry in tar.iter() {
        let attributes = entry.attributes();
        let letter = match &entry.kind {
            Kind::Directory => 'd',
            Kind::Symlink(_) => 'l',
            Kind::Hardlink(_) => 'h',
            Kind::File(Source::Bytes(_)) => 'm',
            Kind::File(Source::Path(_)) => 'f',
        };
        let (mode, uid, gid) = (attributes.mode, attributes.uid, attributes.gid);
        write!(text, "{letter} {mode:o} {uid} {gid}")?;
        counted(text, &entry.path)?;
        match &entry.kind {
            Kind::Directory => {}
            Kind::Symlink(target) | Kind::Hardlink(target) => counted(text, target)?,
            Kind::File(Source::Bytes(bytes)) => write!(text, " {}", Digest::of(bytes))?,
            Kind::File(Source::Path(_)) => {
                let file = files.next().expect("every file was looked at");
                write!(text, " {}", file.size())?;
            }
        }
        writeln!(text)?;
    }
    Ok(())
}

/// With its length in front, it cannot pass for anything that follows.
fn counted(text: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    write!(text, " {}:", bytes.len())?;
    text.write_all(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(entries: Vec<Entry>, time: i64) -> String {
        let mut text = Vec::new();
        let tar = Ordered::of(&entries, &BTreeMap::new()).unwrap();
        spelled(&mut text, "some-6", time, &tar, &seen(&tar).unwrap()).unwrap();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn the_key_is_spelled_as_the_documentation_says() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app");
        std::fs::write(&path, "twelve bytes").unwrap();
        let entries = vec![
            Entry::file("usr/bin/app", &path, 0o100_755).owned_by(5, 6),
            Entry::hardlink("usr/bin/b", "usr/bin/app", 0o755),
            Entry::symlink("usr/bin/c", "app"),
            Entry::bytes("etc/x", *b"x", 0o644),
        ];
        let (digest, release) = (Digest::of(b"x"), env!("CARGO_PKG_VERSION"));
        let expected = format!(
            "gantry layer 1\nrelease {release}\nencoder some-6\ntime 7\nd 755 0 0 3:etc\nm 644 0 0 5:etc/x {digest}\nd 755 0 0 3:usr\n\
             d 755 0 0 7:usr/bin\nf 755 5 6 11:usr/bin/app 12\nl 777 0 0 9:usr/bin/c 3:app\n\
             h 755 0 0 9:usr/bin/b 11:usr/bin/app\n"
        );
        assert_eq!(text(entries, 7), expected);
    }

    #[test]
    fn no_name_passes_for_another_entry() {
        let one = vec![Entry::directory("a\nd 755 0 0 1:b", 0o755)];
        let two = vec![Entry::directory("a", 0o755), Entry::directory("b", 0o755)];
        assert_ne!(text(one, 0), text(two, 0));
    }
}
