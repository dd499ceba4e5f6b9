//! A pair as an image three times over: a layout, the tree that the checker sees, and the files that GNU tar unpacks.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use cargo_gantry::rootfs::Tree;
use cargo_gantry::spec::Digest;
use serde_json::{Value, json};

use crate::pair::{Cache, Entry, Pair, What};
use crate::program::Workshop;
use crate::support;

const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// One pair, made.
pub(crate) struct Image {
    _folder: tempfile::TempDir,
    /// An OCI layout with the image as `pair`.
    pub(crate) layout: PathBuf,
    pub(crate) root: PathBuf,
    pub(crate) tree: Tree,
    pub(crate) base_layers: usize,
    pub(crate) config: Value,
}

/// Bases and programs, each made once.
pub(crate) struct Yard {
    folder: tempfile::TempDir,
    workshop: Workshop,
    bases: Mutex<Bases>,
}

/// By name and platform; none where one is missing.
type Bases = BTreeMap<(String, String), Option<Arc<Base>>>;

/// A base for one platform.
#[derive(Default)]
struct Base {
    root: PathBuf,
    tree: Tree,
    config: Value,
    /// Descriptors, and the files that they describe.
    layers: Vec<(Value, PathBuf)>,
}

impl Yard {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap(),
            workshop: Workshop::new(),
            bases: Mutex::default(),
        }
    }

    /// None, said loudly, where something outside is missing.
    pub(crate) fn make(&self, pair: &Pair) -> Option<Image> {
        let base = self.base(pair.base, pair.platform)?;
        let folder = tempfile::tempdir_in(self.folder.path()).unwrap();
        let (root, layout) = (folder.path().join("root"), folder.path().join("layout"));
        // Links to the base's files: what lies over them takes their place and does not write into them.
        run("cp", &[&"-al", &base.root, &root]);
        let mut image = Image {
            _folder: folder,
            layout,
            root,
            tree: base.tree.clone(),
            base_layers: base.tree.layers(),
            config: base.config.clone(),
        };
        let keys = pair.config.as_object().unwrap().iter();
        image.config["config"].as_object_mut().unwrap().remove("Cmd");
        keys.for_each(|(key, value)| image.config["config"][key] = value.clone());
        let mut tars = Vec::new();
        if pair.cache == Cache::Before {
            tars.push(image.lay(image.cache()));
        }
        for entries in &pair.layers {
            for gone in entries.iter().filter(|entry| matches!(entry.what, What::Gone)) {
                run("rm", &[&"-r", &image.root.join(gone.path)]);
            }
            let tar = self.tar(entries)?;
            tars.push(image.lay(tar));
        }
        if pair.cache == Cache::After {
            tars.push(image.lay(image.cache()));
        }
        image.write(&base, &tars);
        Some(image)
    }

    fn tar(&self, entries: &[Entry]) -> Option<Vec<u8>> {
        let mut tar = tar::Builder::new(Vec::new());
        for entry in entries {
            let mut header = tar::Header::new_gnu();
            header.set_mode(entry.mode);
            header.set_uid(entry.owner);
            header.set_gid(entry.owner);
            header.set_mtime(0);
            let mut content = Vec::new();
            let mut path = entry.path.to_owned();
            header.set_entry_type(tar::EntryType::Regular);
            match &entry.what {
                What::Directory => header.set_entry_type(tar::EntryType::Directory),
                What::Text(text) => content = text.as_bytes().to_vec(),
                What::Program(program) => content = fs::read(self.workshop.make(program)?).unwrap(),
                What::Link(_) => header.set_entry_type(tar::EntryType::Symlink),
                What::Name(_) => header.set_entry_type(tar::EntryType::Link),
                What::Gone => {
                    let (folder, name) = path.rsplit_once('/').unwrap();
                    path = format!("{folder}/.wh.{name}");
                }
            }
            header.set_size(content.len() as u64);
            match entry.what {
                What::Link(target) | What::Name(target) => {
                    tar.append_link(&mut header, path, target).unwrap()
                }
                _ => tar.append_data(&mut header, path, content.as_slice()).unwrap(),
            }
        }
        Some(tar.into_inner().unwrap())
    }

    fn base(&self, name: &str, platform: &str) -> Option<Arc<Base>> {
        let mut bases = self.bases.lock().unwrap();
        let key = (name.to_owned(), platform.to_owned());
        let number = bases.len();
        let base = bases.entry(key);
        base.or_insert_with(|| {
            let root = self.folder.path().join(format!("base-{number}"));
            fs::create_dir(&root).unwrap();
            run("chmod", &[&"0755", &root]);
            Some(Arc::new(match name {
                "scratch" => Base {
                    root,
                    config: configuration(platform),
                    ..Base::default()
                },
                name => Base::read(&support::bases::base(name)?, platform, root),
            }))
        })
        .clone()
    }
}

impl Base {
    fn read(layout: &Path, platform: &str, root: PathBuf) -> Self {
        let file = |descriptor: &Value| {
            let digest = descriptor["digest"].as_str().unwrap();
            layout.join("blobs").join(digest.replace(':', "/"))
        };
        let index = read(&file(&read(&layout.join("index.json"))["manifests"][0]));
        let wanted = platform.trim_start_matches("linux/");
        let own = |manifest: &&Value| {
            let words = &manifest["platform"];
            let variant = words["variant"].as_str().filter(|variant| *variant != "v8");
            let variant = variant.map(|variant| format!("/{variant}")).unwrap_or_default();
            format!("{}{variant}", words["architecture"].as_str().unwrap()) == wanted
        };
        let manifests = index["manifests"].as_array().unwrap();
        let manifest = read(&file(manifests.iter().find(own).unwrap()));
        let layers = manifest["layers"].as_array().unwrap().iter();
        let layers: Vec<_> = layers.map(|layer| (layer.clone(), file(layer))).collect();
        let mut tree = Tree::default();
        for (_, blob) in &layers {
            unpack(blob, &root);
            tree.apply(flate2::read::MultiGzDecoder::new(File::open(blob).unwrap()))
                .unwrap();
        }
        Self {
            root,
            tree,
            config: read(&file(&manifest["config"])),
            layers,
        }
    }
}

impl Image {
    fn lay(&mut self, tar: Vec<u8>) -> Vec<u8> {
        self.tree.apply(tar.as_slice()).unwrap();
        let file = self.root.with_extension("tar");
        fs::write(&file, &tar).unwrap();
        unpack(&file, &self.root);
        tar
    }

    /// A layer with what ldconfig writes now.
    fn cache(&self) -> Vec<u8> {
        let path = self.root.join("etc/ld.so.cache");
        run("ldconfig", &[&"-r", &self.root]);
        let bytes = fs::read(&path).unwrap();
        let mut tar = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(bytes.len() as u64);
        tar.append_data(&mut header, "etc/ld.so.cache", bytes.as_slice())
            .unwrap();
        tar.into_inner().unwrap()
    }

    fn write(&mut self, base: &Base, tars: &[Vec<u8>]) {
        let blobs = self.layout.join("blobs/sha256");
        fs::create_dir_all(&blobs).unwrap();
        let blob = |bytes: &[u8], media_type: &str| {
            let digest = Digest::of(bytes);
            fs::write(blobs.join(digest.hex()), bytes).unwrap();
            json!({"mediaType": media_type, "digest": digest.to_string(), "size": bytes.len()})
        };
        let mut layers = Vec::new();
        for (descriptor, file) in &base.layers {
            let _ = fs::hard_link(file, blobs.join(file.file_name().unwrap()));
            layers.push(descriptor.clone());
        }
        for tar in tars {
            let descriptor = blob(tar, LAYER);
            let ids = self.config["rootfs"]["diff_ids"].as_array_mut().unwrap();
            ids.push(descriptor["digest"].clone());
            layers.push(descriptor);
        }
        let config = blob(
            self.config.to_string().as_bytes(),
            "application/vnd.oci.image.config.v1+json",
        );
        let media_type = "application/vnd.oci.image.manifest.v1+json";
        let manifest =
            json!({"schemaVersion": 2, "mediaType": media_type, "config": config, "layers": layers});
        let mut manifest = blob(manifest.to_string().as_bytes(), media_type);
        manifest["annotations"] = json!({"org.opencontainers.image.ref.name": "pair"});
        let index = json!({"schemaVersion": 2, "manifests": [manifest]});
        fs::write(self.layout.join("index.json"), index.to_string()).unwrap();
        fs::write(
            self.layout.join("oci-layout"),
            "{\"imageLayoutVersion\": \"1.0.0\"}",
        )
        .unwrap();
    }
}

fn configuration(platform: &str) -> Value {
    let mut words = platform.split('/');
    let mut config = json!({
        "os": words.next(), "architecture": words.next(), "config": {},
        "rootfs": {"type": "layers", "diff_ids": []},
    });
    if let Some(variant) = words.next() {
        config["variant"] = variant.into();
    }
    config
}

/// As a container runtime does: a directory takes the place of a link. Whiteouts have been seen to.
fn unpack(tar: &Path, root: &Path) {
    run(
        "tar",
        &[
            &"--numeric-owner",
            &"--exclude=.wh.*",
            &"-C",
            &root,
            &"-xpf",
            &tar,
        ],
    );
}

fn run(program: &str, arguments: &[&dyn AsRef<std::ffi::OsStr>]) {
    let said = Command::new(program)
        .args(arguments.iter().map(AsRef::as_ref))
        .output();
    let said = said.unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(
        said.status.success(),
        "{program}: {}",
        String::from_utf8_lossy(&said.stderr)
    );
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}
