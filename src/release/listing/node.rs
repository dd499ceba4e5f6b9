//! [`Node`]: a manifest or index as far as it matters to what it leads to, whatever its media type.

use serde_json::Value;

use crate::registry::{Fetched, RegistryError};
use crate::spec::{Digest, Platform, annotation};

/// Entries that one manifest may have.
const ENTRIES: usize = 20_000;

/// A manifest or index.
#[derive(Clone, Debug, Default)]
pub(in crate::release) struct Node {
    pub(in crate::release) media_type: String,
    /// Of its own bytes.
    pub(in crate::release) size: u64,
    /// It lists other manifests.
    pub(in crate::release) index: bool,
    /// The manifests that it lists.
    pub(in crate::release) children: Vec<Digest>,
    /// The platforms that it lists, in order.
    pub(in crate::release) platforms: Vec<String>,
    /// Everything else that it names, with the sizes that it states.
    pub(in crate::release) blobs: Vec<(Digest, u64)>,
    /// The config, where that is one of an image.
    pub(in crate::release) config: Option<Digest>,
    /// What it refers to.
    pub(in crate::release) subject: Option<Digest>,
    /// What it is, where it is no image.
    pub(in crate::release) artifact_type: Option<String>,
    pub(in crate::release) version: Option<String>,
    pub(in crate::release) created: Option<String>,
}

const IMAGE_CONFIGS: [&str; 2] = [
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.container.image.v1+json",
];

impl Node {
    /// Reads a manifest that was checked against its digest. `what` names it in messages.
    pub(in crate::release) fn read(fetched: &Fetched, what: &str) -> Result<Self, RegistryError> {
        let broken = |problem: &str| RegistryError::Protocol {
            what: what.to_owned(),
            problem: problem.to_owned(),
        };
        let value: Value =
            serde_json::from_slice(&fetched.bytes).map_err(|_| broken("this manifest is no JSON"))?;
        if !value.is_object() {
            return Err(broken("this is no manifest"));
        }
        let digest = |value: &Value, key: &str| {
            let found = value[key].as_str().and_then(|text| text.parse::<Digest>().ok());
            found.ok_or_else(|| broken("a digest in this manifest cannot be read"))
        };
        let list = |key: &str| value[key].as_array().map(Vec::as_slice).unwrap_or_default();
        let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        let mut node = Self {
            media_type: text(&value["mediaType"]).unwrap_or_else(|| fetched.media_type.clone()),
            size: fetched.bytes.len() as u64,
            index: value["manifests"].is_array(),
            artifact_type: text(&value["artifactType"]),
            version: text(&value["annotations"][annotation::VERSION]),
            created: text(&value["annotations"][annotation::CREATED]),
            ..Self::default()
        };
        if !value["subject"].is_null() {
            node.subject = Some(digest(&value["subject"], "digest")?);
        }
        let entries = ["manifests", "layers", "blobs", "fsLayers"].map(|key| list(key).len());
        if entries.iter().sum::<usize>() > ENTRIES {
            return Err(broken("this manifest has too many entries"));
        }
        for entry in list("manifests") {
            let found = digest(entry, "digest")?;
            // Some caches list layers in an index.
            if is_manifest(entry["mediaType"].as_str().unwrap_or_default()) {
                node.children.push(found);
                node.platforms.extend(platform(&entry["platform"]));
            } else {
                node.blobs.push((found, entry["size"].as_u64().unwrap_or(0)));
            }
        }
        if !value["config"].is_null() {
            let config = digest(&value["config"], "digest")?;
            let media_type = value["config"]["mediaType"].as_str().unwrap_or_default();
            node.config = IMAGE_CONFIGS.contains(&media_type).then_some(config);
            node.artifact_type = node
                .artifact_type
                .or_else(|| text(&value["config"]["mediaType"]).filter(|_| node.config.is_none()));
            node.blobs
                .push((config, value["config"]["size"].as_u64().unwrap_or(0)));
        }
        for layer in list("layers").iter().chain(list("blobs")) {
            let size = layer["size"].as_u64().unwrap_or(0);
            node.blobs.push((digest(layer, "digest")?, size));
        }
        for layer in list("fsLayers") {
            node.blobs.push((digest(layer, "blobSum")?, 0));
        }
        Ok(node)
    }
}

/// Whether an entry of an index is a manifest, as those without a type are.
fn is_manifest(media_type: &str) -> bool {
    let word = |word: &str| media_type.contains(word);
    media_type.is_empty() || word(".manifest.") || word(".image.index.") || word(".index.")
}

/// A platform in words; none for what says that it has none.
fn platform(value: &Value) -> Option<String> {
    let (os, architecture) = (value["os"].as_str()?, value["architecture"].as_str()?);
    let known = os != "unknown" || architecture != "unknown";
    known.then(|| Platform::new(os, architecture, value["variant"].as_str()).to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn node(value: &Value) -> Result<Node, RegistryError> {
        let bytes = value.to_string().into_bytes();
        let fetched = Fetched {
            media_type: "of/answer".to_owned(),
            digest: Digest::of(&bytes),
            bytes,
        };
        Node::read(&fetched, "a manifest")
    }

    fn entry(media_type: &str, seed: &str) -> Value {
        json!({"mediaType": media_type, "digest": Digest::of(seed.as_bytes()).to_string(), "size": 7})
    }

    #[test]
    fn everything_that_a_manifest_names_is_seen() {
        let manifest = "application/vnd.oci.image.manifest.v1+json";
        let index = json!({"mediaType": "application/vnd.oci.image.index.v1+json", "subject": entry(manifest, "s"),
        "manifests": [
            {"digest": Digest::of(b"1").to_string(), "platform": {"os": "linux", "architecture": "arm64", "variant": "v8"}},
            {"digest": Digest::of(b"2").to_string(), "mediaType": manifest, "platform": {"os": "unknown", "architecture": "unknown"}},
            entry("application/vnd.oci.image.index.v1+json", "3"),
            entry("application/vnd.docker.distribution.manifest.list.v2+json", "4"),
            entry("application/vnd.oci.image.layer.v1.tar+gzip", "5"),
            entry("application/vnd.buildkit.cacheconfig.v0", "6"),
        ]});
        let node_of = node(&index).unwrap();
        assert!(node_of.index);
        assert_eq!(node_of.platforms, ["linux/arm64"]);
        assert_eq!(
            node_of.children,
            ["1", "2", "3", "4"].map(|seed| Digest::of(seed.as_bytes()))
        );
        assert_eq!(
            node_of.blobs,
            ["5", "6"].map(|seed| (Digest::of(seed.as_bytes()), 7))
        );
        assert_eq!(node_of.subject, Some(Digest::of(b"s")));

        let image = json!({"config": entry(IMAGE_CONFIGS[1], "c"), "layers": [entry("l", "l"), entry("l", "l")],
            "annotations": {"org.opencontainers.image.version": "1", "org.opencontainers.image.created": ""}});
        let image = node(&image).unwrap();
        assert_eq!((image.config, image.blobs.len()), (Some(Digest::of(b"c")), 3));
        assert_eq!(
            (image.media_type.as_str(), image.artifact_type),
            ("of/answer", None)
        );
        assert_eq!((image.version.as_deref(), image.created), (Some("1"), None));

        let chart = json!({"config": entry("application/vnd.cncf.helm.config.v1+json", "c")});
        let chart = node(&chart).unwrap();
        assert_eq!(chart.config, None);
        assert_eq!(
            chart.artifact_type.as_deref(),
            Some("application/vnd.cncf.helm.config.v1+json")
        );
    }

    #[test]
    fn what_cannot_be_followed_is_an_error_and_no_panic() {
        let many = vec![entry("l", "l"); ENTRIES + 1];
        for bad in [
            json!([]),
            json!(7),
            json!({"manifests": [{"mediaType": "application/vnd.oci.image.manifest.v1+json"}]}),
            json!({"subject": {"digest": "sha512:00"}}),
            json!({"layers": [7]}),
            json!({"fsLayers": [{}]}),
            json!({"layers": many}),
        ] {
            assert!(
                node(&bad).is_err(),
                "{}",
                bad.to_string().chars().take(80).collect::<String>()
            );
        }
        assert!(node(&json!({})).is_ok());
    }
}
