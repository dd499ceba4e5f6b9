//! The layers of an image in a layout, read by none of our own code.

use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::path::{Path, PathBuf};

use cargo_gantry::spec::Hashing;
use serde_json::Value;

use crate::program::blob;

/// A stored layer and the digest that the config has of its tar.
pub struct Stored {
    pub path: PathBuf,
    pub diff_id: String,
}

/// Those of the first platform of the index that a layout names so, lowest first.
pub fn of(layout: &Path, image: &str) -> Vec<Stored> {
    let index = index(layout, image);
    let manifest = document(layout, &index["manifests"][0]["digest"]);
    let config = document(layout, &manifest["config"]["digest"]);
    let layers = manifest["layers"].as_array().unwrap().iter();
    let diff_ids = config["rootfs"]["diff_ids"].as_array().unwrap().iter();
    layers
        .zip(diff_ids)
        .map(|(layer, diff_id)| Stored {
            path: blob(layout, layer["digest"].as_str().unwrap()),
            diff_id: diff_id.as_str().unwrap().to_owned(),
        })
        .collect()
}

/// The index that a layout names so.
pub fn index(layout: &Path, image: &str) -> Value {
    let top: Value = serde_json::from_slice(&std::fs::read(layout.join("index.json")).unwrap()).unwrap();
    let named = |entry: &&Value| entry["annotations"]["org.opencontainers.image.ref.name"] == image;
    let entry = top["manifests"].as_array().unwrap().iter().find(named);
    document(layout, &entry.unwrap()["digest"])
}

fn document(layout: &Path, digest: &Value) -> Value {
    serde_json::from_slice(&std::fs::read(blob(layout, digest.as_str().unwrap())).unwrap()).unwrap()
}

impl Stored {
    /// Calls `look` with each regular file's path and its content, and holds the whole tar against its digest.
    pub fn files(&self, mut look: impl FnMut(&str, &mut dyn Read)) {
        let gunzipped = flate2::read::MultiGzDecoder::new(BufReader::new(File::open(&self.path).unwrap()));
        let mut hashed = Hashed(gunzipped, Hashing::new(std::io::sink()));
        for entry in tar::Archive::new(&mut hashed).entries().unwrap() {
            let mut entry = entry.unwrap();
            if entry.header().entry_type().is_file() {
                let path = entry.path().unwrap().to_str().unwrap().to_owned();
                look(&path, &mut entry);
            }
        }
        std::io::copy(&mut hashed, &mut std::io::sink()).unwrap();
        assert_eq!(hashed.1.into_parts().1.diff_id().to_string(), self.diff_id);
    }
}

struct Hashed<R>(R, Hashing<std::io::Sink>);

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.0.read(buffer)?;
        self.1.write_all(&buffer[..count])?;
        Ok(count)
    }
}
