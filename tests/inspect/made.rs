//! Images made by hand, so that they differ in one thing alone.

use std::io::Write;
use std::path::Path;

use cargo_gantry::blob::BlobStore;
use cargo_gantry::codec::Compression;
use cargo_gantry::spec::{Descriptor, DiffId, MediaType};
use serde_json::{Value, json};

/// An entry of a layer.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) path: &'static str,
    pub(crate) kind: tar::EntryType,
    pub(crate) content: Vec<u8>,
    pub(crate) target: &'static str,
    pub(crate) mode: u32,
    pub(crate) owner: u64,
    pub(crate) time: u64,
    pub(crate) attribute: Option<&'static str>,
}

/// A file.
pub(crate) fn file(path: &'static str, content: &str) -> Entry {
    Entry {
        path,
        kind: tar::EntryType::Regular,
        content: content.into(),
        target: "",
        mode: 0o644,
        owner: 0,
        time: 0,
        attribute: None,
    }
}

/// A link.
pub(crate) fn link(path: &'static str, target: &'static str) -> Entry {
    Entry {
        kind: tar::EntryType::Symlink,
        target,
        ..file(path, "")
    }
}

/// A layer before it is compressed.
pub(crate) fn tar(entries: &[Entry]) -> Vec<u8> {
    with_headers(entries, tar::Header::new_gnu)
}

/// The same with other headers.
pub(crate) fn with_headers(entries: &[Entry], header: impl Fn() -> tar::Header) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for entry in entries {
        if let Some(value) = entry.attribute {
            let records = [("SCHILY.xattr.user.x", value.as_bytes())];
            tar.append_pax_extensions(records).unwrap();
        }
        let mut header = header();
        header.set_entry_type(entry.kind);
        header.set_mode(entry.mode);
        header.set_uid(entry.owner);
        header.set_gid(entry.owner);
        header.set_mtime(entry.time);
        header.set_size(entry.content.len() as u64);
        if !entry.target.is_empty() {
            header.set_link_name(entry.target).unwrap();
        }
        tar.append_data(&mut header, entry.path, entry.content.as_slice())
            .unwrap();
    }
    tar.into_inner().unwrap()
}

/// An image of one platform.
#[derive(Clone)]
pub(crate) struct Image {
    pub(crate) platform: &'static str,
    pub(crate) layers: Vec<Layer>,
    pub(crate) config: Value,
    pub(crate) annotations: Value,
}

#[derive(Clone)]
pub(crate) struct Layer {
    pub(crate) tar: Vec<u8>,
    pub(crate) compression: Compression,
    pub(crate) created_by: &'static str,
    /// What is stored, where that is not the tar, compressed.
    pub(crate) stored: Option<Vec<u8>>,
}

impl Layer {
    pub(crate) fn new(entries: &[Entry]) -> Self {
        Self::of(tar(entries))
    }

    pub(crate) fn of(tar: Vec<u8>) -> Self {
        Self {
            tar,
            compression: Compression::Gzip(6),
            created_by: "COPY",
            stored: None,
        }
    }

    fn stored(&self) -> Vec<u8> {
        self.stored.clone().unwrap_or_else(|| {
            let mut encoder = self.compression.encoder(Vec::new()).unwrap();
            encoder.write_all(&self.tar).unwrap();
            encoder.finish().unwrap()
        })
    }
}

/// An image of these layers.
pub(crate) fn image(layers: impl IntoIterator<Item = Layer>) -> Image {
    Image {
        platform: "linux/amd64",
        layers: layers.into_iter().collect(),
        config: json!({"Entrypoint": ["/app"], "Env": ["A=1"]}),
        annotations: json!({}),
    }
}

/// Writes a layout with an index of these images, tagged `x`; gives the descriptors of their manifests.
pub(crate) fn write(folder: &Path, images: &[Image]) -> Vec<Descriptor> {
    write_with(folder, images, |_| Vec::new())
}

/// The same with more in the index, which is made of the images' descriptors.
pub(crate) fn write_with(
    folder: &Path,
    images: &[Image],
    more: impl FnOnce(&[Descriptor]) -> Vec<Value>,
) -> Vec<Descriptor> {
    let store = BlobStore::open(folder).unwrap();
    let put = |value: &Value, media_type| {
        let blob = store.put(value.to_string().as_bytes()).unwrap();
        blob.descriptor(media_type)
    };
    let (mut manifests, mut listed) = (Vec::new(), Vec::new());
    for image in images {
        let (os, architecture) = image.platform.split_once('/').unwrap();
        let layers: Vec<Descriptor> = image
            .layers
            .iter()
            .map(|layer| {
                let blob = store.put(&layer.stored()).unwrap();
                blob.descriptor(layer.compression.media_type())
            })
            .collect();
        let diff_ids: Vec<DiffId> = image.layers.iter().map(|layer| DiffId::of(&layer.tar)).collect();
        let history = image
            .layers
            .iter()
            .map(|layer| json!({"created_by": layer.created_by}));
        let config = json!({
            "os": os, "architecture": architecture, "config": image.config,
            "rootfs": {"type": "layers", "diff_ids": diff_ids}, "history": history.collect::<Vec<_>>(),
        });
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MediaType::ImageManifest, "config": put(&config, MediaType::ImageConfig),
            "layers": layers, "annotations": image.annotations,
        });
        let descriptor = put(&manifest, MediaType::ImageManifest);
        let mut entry = serde_json::to_value(&descriptor).unwrap();
        entry["platform"] = json!({"os": os, "architecture": architecture});
        listed.push(entry);
        manifests.push(descriptor);
    }
    listed.extend(more(&manifests));
    let index = json!({"schemaVersion": 2, "mediaType": MediaType::ImageIndex, "manifests": listed});
    // By hand: a store takes nothing whose parts are missing.
    let mut entry = serde_json::to_value(put(&index, MediaType::ImageIndex)).unwrap();
    entry["annotations"] = json!({"org.opencontainers.image.ref.name": "x"});
    let index = json!({"schemaVersion": 2, "manifests": [entry]});
    std::fs::write(folder.join("index.json"), index.to_string()).unwrap();
    manifests
}

/// Puts an index around the one of a layout that [`write`] has written, with `more` beside it.
pub(crate) fn nest(folder: &Path, more: &[Value]) {
    let path = folder.join("index.json");
    let mut index: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let mut inner = index["manifests"][0].clone();
    inner.as_object_mut().unwrap().remove("annotations");
    let listed = [&[inner], more].concat();
    let outer = json!({"schemaVersion": 2, "mediaType": MediaType::ImageIndex, "manifests": listed});
    let blob = BlobStore::open(folder).unwrap();
    let blob = blob.put(outer.to_string().as_bytes()).unwrap();
    index["manifests"] = json!([blob.descriptor(MediaType::ImageIndex)]);
    std::fs::write(path, index.to_string()).unwrap();
}

/// A layout `before` and a layout `after` of one image each.
pub(crate) fn pair(before: Image, after: Image) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("before"), &[before]);
    write(&folder.path().join("after"), &[after]);
    folder
}
