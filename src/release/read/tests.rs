//! Layouts that somebody else wrote.

use std::path::Path;

use serde_json::{Value, json};

use super::*;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("blobs/sha256")).unwrap();
        let version = r#"{"imageLayoutVersion":"1.0.0"}"#;
        std::fs::write(folder.path().join("oci-layout"), version).unwrap();
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Stores bytes, and describes them.
    fn put(&self, media_type: &str, bytes: &[u8]) -> Value {
        let digest = Digest::of(bytes);
        std::fs::write(self.path().join("blobs/sha256").join(digest.hex()), bytes).unwrap();
        json!({"mediaType": media_type, "digest": digest, "size": bytes.len()})
    }

    fn manifest(&self, config: Value) -> Value {
        let config = self.put(CONFIG, config.to_string().as_bytes());
        let layer = self.put("application/vnd.oci.image.layer.v1.tar", b"layer");
        let manifest =
            json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]});
        self.put(MANIFEST, manifest.to_string().as_bytes())
    }

    fn index(&self, manifests: &[Value]) -> Value {
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests});
        self.put(INDEX, index.to_string().as_bytes())
    }

    fn read(&self, root: &Value) -> Result<Part, ReadError> {
        let index = json!({"schemaVersion": 2, "manifests": [root]});
        std::fs::write(self.path().join("index.json"), index.to_string()).unwrap();
        read_layout(&Layout::open(self.path()).unwrap(), "x", None)
    }
}

fn linux(architecture: &str) -> Value {
    json!({"os": "linux", "architecture": architecture})
}

#[test]
fn the_config_says_the_platform_where_nothing_else_does() {
    let place = Place::new();
    let manifest = place.manifest(linux("arm64"));
    let alone = place.read(&manifest).unwrap();
    assert_eq!(alone.platforms(), ["linux/arm64".parse().unwrap()]);
    // As images write it, and so do we.
    let written = alone.entries[0]
        .platform()
        .as_ref()
        .and_then(|platform| platform.variant().clone());
    assert_eq!(written.as_deref(), Some("v8"));
    let mut told = manifest.clone();
    told["platform"] = linux("riscv64");
    // An index in an index is what it lists; children come before parents.
    let inner = place.index(std::slice::from_ref(&manifest));
    let other = place.manifest(linux("s390x"));
    let part = place.read(&place.index(&[inner.clone(), other.clone()])).unwrap();
    assert_eq!(
        part.platforms(),
        ["linux/arm64".parse().unwrap(), "linux/s390x".parse().unwrap()]
    );
    let order: Vec<String> = part
        .content
        .manifests
        .iter()
        .map(|one| one.digest().to_string())
        .collect();
    assert_eq!(
        order,
        [&manifest, &inner, &other].map(|one| one["digest"].as_str().unwrap())
    );
    assert_eq!(part.content.blobs.len(), 3);
    let part = place.read(&place.index(&[told])).unwrap();
    assert_eq!(part.platforms(), ["linux/riscv64".parse().unwrap()]);
}

#[test]
fn nothing_is_read_without_end() {
    let place = Place::new();
    let manifest = place.manifest(linux("amd64"));
    let nested = |levels: usize| (0..levels).fold(manifest.clone(), |below, _| place.index(&[below]));
    assert!(place.read(&nested(8)).is_ok());
    assert!(matches!(place.read(&nested(9)), Err(ReadError::Unbounded { .. })));
    let many: Vec<Value> = (0..201).map(|_| manifest.clone()).collect();
    assert!(place.read(&place.index(&many[..200])).is_ok());
    assert!(matches!(
        place.read(&place.index(&many)),
        Err(ReadError::Unbounded { .. })
    ));
    let mut large = manifest.clone();
    large["size"] = json!(5 << 20);
    assert!(matches!(
        place.read(&place.index(&[large])),
        Err(ReadError::Unbounded { .. })
    ));
}

#[test]
fn what_is_not_as_described_is_refused() {
    let place = Place::new();
    let manifest = place.manifest(linux("amd64"));
    let changed = |key: &str, value: Value| {
        let mut manifest = manifest.clone();
        manifest[key] = value;
        place.read(&place.index(&[manifest])).unwrap_err()
    };
    assert!(matches!(changed("size", json!(3)), ReadError::Described { .. }));
    assert!(matches!(
        changed("mediaType", json!(INDEX)),
        ReadError::Described { .. }
    ));
    assert!(matches!(
        changed("digest", json!(Digest::of(b"x"))),
        ReadError::Archive(_)
    ));
    assert!(matches!(
        changed("digest", json!(format!("sha512:{}", "0".repeat(128)))),
        ReadError::Digest(_)
    ));
    let other = place.put("text/plain", b"{}");
    assert!(matches!(place.read(&other), Err(ReadError::NotAnImage { .. })));
    let broken = place.put(MANIFEST, b"[");
    assert!(matches!(place.read(&broken), Err(ReadError::Broken { .. })));
    // One layer, and two sizes of it.
    let layer = place.put("application/vnd.oci.image.layer.v1.tar", b"layer");
    let mut longer = layer.clone();
    longer["size"] = json!(6);
    let twice = json!({"schemaVersion": 2, "mediaType": MANIFEST, "layers": [layer, longer]});
    let twice = place.put(MANIFEST, twice.to_string().as_bytes());
    assert!(matches!(place.read(&twice), Err(ReadError::Described { .. })));
}
