//! Indexes, manifests and configs as others wrote them, in the words of OCI or of docker schema 2.
//!
//! Docker's media types become those of OCI: the formats are the same, and an index that mixes them is refused by
//! some registries. The bytes stay as they are.
//! <https://github.com/opencontainers/image-spec/blob/v1.1.1/media-types.md#compatibility-matrix>

use serde::Deserialize;
use serde_json::Value;

use super::{BaseError, BaseLayer};
use crate::spec::{Descriptor, DiffId, Digest, MediaType, Platform};

/// Manifests of one index at most. There are some 40 platforms, each with an attestation or two.
const CHILDREN: usize = 1000;
/// Layers of one image at most; runtimes take some 127.
const LAYERS: usize = 1000;
/// Bytes of one layer at most, as stored: nobody's base is larger, and a disk would be full of it.
const LAYER: u64 = 64 << 30;

/// An index or a manifest.
#[derive(Debug)]
pub(super) enum Document {
    /// All that an index lists; [`child`] tells what that is.
    Index(Vec<Descriptor>),
    Manifest(Manifest),
}

/// Something in an index that images are looked for in.
#[derive(Clone, Debug)]
pub(super) struct Child {
    /// None where the index does not say it.
    pub(super) platform: Option<Platform>,
    pub(super) digest: Digest,
    /// Another index, and not an image.
    pub(super) is_index: bool,
}

#[derive(Debug)]
pub(super) struct Manifest {
    pub(super) config: Digest,
    layers: Vec<Descriptor>,
}

/// Both shapes in one. An object that has the fields of both is a trick: others might read the other half.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    schema_version: Option<u64>,
    media_type: Option<String>,
    manifests: Option<Vec<Descriptor>>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    fs_layers: Option<Value>,
}

impl Document {
    /// Understands the checked `bytes` of `digest`. `said` is the media type that a registry or descriptor gave, if
    /// any did.
    pub(super) fn parse(
        name: &str,
        digest: &Digest,
        said: Option<&str>,
        bytes: &[u8],
    ) -> Result<Self, BaseError> {
        let written: Written = broken(name, digest, "manifest", serde_json::from_slice(bytes))?;
        let contradiction = |why: String| BaseError::Contradiction {
            name: name.to_owned(),
            digest: *digest,
            why,
        };
        let media_type = written.media_type.as_deref();
        let named = media_type.or(said).unwrap_or_default();
        if written.schema_version == Some(1) || written.fs_layers.is_some() {
            return Err(BaseError::Schema1 {
                name: name.to_owned(),
            });
        }
        if let (Some(inside), Some(outside)) = (media_type, said)
            && is_ours(outside)
            && inside != outside
        {
            return Err(contradiction(format!(
                "it is sent as `{outside}`, but says `{inside}`"
            )));
        }
        let not_an_image = || BaseError::NotAnImage {
            name: name.to_owned(),
            media_type: named.to_owned(),
        };
        match (written.manifests, written.config, written.layers) {
            (Some(children), None, None) if !is_manifest(named) => {
                if children.len() > CHILDREN {
                    return Err(too_large(name, "the index", format!("{CHILDREN} manifests")));
                }
                Ok(Self::Index(children))
            }
            (None, Some(config), Some(layers)) if !is_index(named) => {
                if !is_config(config.media_type()) {
                    let media_type = config.media_type().to_string();
                    return Err(BaseError::NotAnImage {
                        name: name.to_owned(),
                        media_type,
                    });
                }
                if layers.len() > LAYERS {
                    return Err(too_large(name, "the image", format!("{LAYERS} layers")));
                }
                Ok(Self::Manifest(Manifest {
                    config: config.digest().try_into()?,
                    layers,
                }))
            }
            (None, None, _) | (None, Some(_), None) => Err(not_an_image()),
            (Some(_), None, None) | (None, Some(_), Some(_)) => Err(contradiction(format!(
                "it says `{named}`, and has the fields of the other kind"
            ))),
            (Some(_), ..) => Err(contradiction("it is an index and a manifest at once".to_owned())),
        }
    }
}

impl Manifest {
    /// The layers, with the digests of their tars out of the image's config.
    pub(super) fn layers(&self, name: &str, config: &Value) -> Result<Vec<BaseLayer>, BaseError> {
        let diff_ids: Vec<DiffId> = match config["rootfs"].get("diff_ids") {
            Some(list) => broken(name, &self.config, "config", DiffIds::deserialize(list))?.0,
            None => Vec::new(),
        };
        if diff_ids.len() != self.layers.len() {
            return Err(BaseError::LayerCount {
                name: name.to_owned(),
                layers: self.layers.len(),
                diff_ids: diff_ids.len(),
            });
        }
        let layers = self.layers.iter().zip(diff_ids);
        layers
            .map(|(descriptor, diff_id)| layer(name, descriptor, diff_id))
            .collect()
    }
}

#[derive(Deserialize)]
struct DiffIds(Vec<DiffId>);

/// The config's bytes as a JSON object.
pub(super) fn config(name: &str, digest: &Digest, bytes: &[u8]) -> Result<Value, BaseError> {
    let object: serde_json::Map<String, Value> =
        broken(name, digest, "config", serde_json::from_slice(bytes))?;
    Ok(Value::Object(object))
}

/// The platform that a config says it is for.
pub(super) fn platform(config: &Value) -> Option<Platform> {
    let word = |key: &str| config[key].as_str().filter(|word| !word.is_empty());
    Some(Platform::new(word("os")?, word("architecture")?, word("variant")))
}

pub(super) fn too_large(name: &str, what: &str, limit: String) -> BaseError {
    BaseError::TooLarge {
        name: name.to_owned(),
        what: what.to_owned(),
        limit,
    }
}

fn broken<T>(
    name: &str,
    digest: &Digest,
    what: &'static str,
    parsed: Result<T, serde_json::Error>,
) -> Result<T, BaseError> {
    parsed.map_err(|source| BaseError::Broken {
        name: name.to_owned(),
        digest: *digest,
        what,
        source,
    })
}

/// An entry of an index, unless it is no image: an attestation, a signature, a bill of materials.
pub(super) fn child(entry: &Descriptor) -> Option<Result<Child, BaseError>> {
    let annotations = entry.annotations().iter().flatten();
    let attests = annotations
        .into_iter()
        .any(|(key, _)| key == "vnd.docker.reference.type");
    let platform = entry.platform().as_ref().map(Platform::from);
    let unknown = platform
        .as_ref()
        .is_some_and(|platform| platform.os() == "unknown" || platform.architecture() == "unknown");
    // Of an image it may be said, too: then it is the media type of its config.
    let artifact = entry
        .artifact_type()
        .as_ref()
        .is_some_and(|kind| !is_config(kind));
    let is_index = is_index(entry.media_type().as_ref());
    if attests || unknown || artifact || !(is_index || is_manifest(entry.media_type().as_ref())) {
        return None;
    }
    let digest = entry.digest().try_into().map_err(BaseError::from);
    Some(digest.map(|digest| Child {
        platform,
        digest,
        is_index,
    }))
}

fn layer(name: &str, descriptor: &Descriptor, diff_id: DiffId) -> Result<BaseLayer, BaseError> {
    let digest = Digest::try_from(descriptor.digest())?;
    let written = descriptor.media_type().as_ref().to_owned();
    let elsewhere = descriptor.urls().as_ref().is_some_and(|urls| !urls.is_empty());
    if elsewhere || written.contains("nondistributable") || written.contains("rootfs.foreign") {
        return Err(BaseError::Foreign {
            name: name.to_owned(),
            digest,
        });
    }
    let media_type = match written.as_str() {
        "application/vnd.oci.image.layer.v1.tar" | "application/vnd.docker.image.rootfs.diff.tar" => {
            MediaType::ImageLayer
        }
        "application/vnd.oci.image.layer.v1.tar+gzip"
        | "application/vnd.docker.image.rootfs.diff.tar.gzip" => MediaType::ImageLayerGzip,
        "application/vnd.oci.image.layer.v1.tar+zstd"
        | "application/vnd.docker.image.rootfs.diff.tar.zstd" => MediaType::ImageLayerZstd,
        _ => {
            return Err(BaseError::LayerType {
                name: name.to_owned(),
                media_type: written,
            });
        }
    };
    if descriptor.size() > LAYER {
        let what = format!("layer `{digest}`");
        return Err(too_large(name, &what, format!("{} GiB", LAYER >> 30)));
    }
    // Annotations say, for one, where a lazily pulling runtime finds a layer's table of contents.
    let mut plain = Descriptor::new(media_type, descriptor.size(), digest);
    plain.set_annotations(descriptor.annotations().clone());
    Ok(BaseLayer {
        descriptor: plain,
        diff_id,
    })
}

const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const DOCKER_INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";

fn is_ours(media_type: &str) -> bool {
    is_index(media_type) || is_manifest(media_type)
}

fn is_index(media_type: &str) -> bool {
    matches!(media_type, OCI_INDEX | DOCKER_INDEX)
}

fn is_manifest(media_type: &str) -> bool {
    matches!(media_type, OCI_MANIFEST | DOCKER_MANIFEST)
}

fn is_config(media_type: &MediaType) -> bool {
    matches!(
        media_type.as_ref(),
        "application/vnd.oci.image.config.v1+json" | "application/vnd.docker.container.image.v1+json"
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(value: &Value, said: Option<&str>) -> Result<Document, BaseError> {
        let bytes = value.to_string().into_bytes();
        Document::parse("base", &Digest::of(&bytes), said, &bytes)
    }

    fn descriptor(media_type: &str) -> Value {
        json!({"mediaType": media_type, "digest": Digest::of(b"x"), "size": 1})
    }

    fn code(error: &BaseError) -> String {
        miette::Diagnostic::code(error)
            .map(|code| code.to_string())
            .unwrap_or_default()
    }

    #[test]
    fn an_index_lists_its_images_alone() {
        let mut entries = Vec::new();
        for (os, architecture, variant) in [
            ("linux", "arm", "v6"),
            ("unknown", "unknown", ""),
            ("linux", "arm64", "v8"),
        ] {
            let mut entry = descriptor(DOCKER_MANIFEST);
            entry["platform"] = json!({"os": os, "architecture": architecture, "variant": variant});
            entries.push(entry);
        }
        let mut attestation = entries[0].clone();
        attestation["annotations"] = json!({"vnd.docker.reference.type": "attestation-manifest"});
        let mut bill = descriptor(OCI_MANIFEST);
        bill["artifactType"] = json!("application/spdx+json");
        entries.extend([attestation, bill]);
        let mut image = descriptor(OCI_MANIFEST);
        image["artifactType"] = json!("application/vnd.oci.image.config.v1+json");
        entries.extend([image, descriptor(OCI_INDEX)]);
        let index = json!({"schemaVersion": 2, "mediaType": DOCKER_INDEX, "manifests": entries});
        let Ok(Document::Index(children)) = parse(&index, Some(DOCKER_INDEX)) else {
            panic!("no index");
        };
        let shown: Vec<String> = children
            .iter()
            .filter_map(child)
            .map(|child| match child.unwrap() {
                Child { is_index: true, .. } => "index".to_owned(),
                Child { platform, .. } => platform.map_or_else(|| "image".to_owned(), |one| one.to_string()),
            })
            .collect();
        assert_eq!(shown, ["linux/arm/v6", "linux/arm64", "image", "index"]);
    }

    #[test]
    fn docker_layers_become_layers_of_oci_and_others_are_refused() {
        const DOCKER: &str = "application/vnd.docker.image.rootfs.";
        const OCI: &str = "application/vnd.oci.image.layer.";
        for (media_type, urls, expected) in [
            (
                format!("{DOCKER}diff.tar.gzip"),
                vec![],
                Ok(MediaType::ImageLayerGzip),
            ),
            (format!("{DOCKER}diff.tar"), vec![], Ok(MediaType::ImageLayer)),
            (format!("{OCI}v1.tar+zstd"), vec![], Ok(MediaType::ImageLayerZstd)),
            (
                format!("{DOCKER}foreign.diff.tar.gzip"),
                vec![],
                Err("gantry::base::foreign"),
            ),
            (
                format!("{OCI}nondistributable.v1.tar"),
                vec![],
                Err("gantry::base::foreign"),
            ),
            (
                format!("{OCI}v1.tar"),
                vec!["https://x/"],
                Err("gantry::base::foreign"),
            ),
            (
                format!("{OCI}v1.tar+encrypted"),
                vec![],
                Err("gantry::base::layer_type"),
            ),
        ] {
            let mut layer = descriptor(&media_type);
            layer["urls"] = json!(urls);
            let config = descriptor("application/vnd.docker.container.image.v1+json");
            let manifest = json!({"schemaVersion": 2, "config": config, "layers": [layer]});
            let Ok(Document::Manifest(manifest)) = parse(&manifest, None) else {
                panic!("{media_type}");
            };
            let layers = manifest.layers("base", &json!({"rootfs": {"diff_ids": [DiffId::of(b"y")]}}));
            let found = layers.map(|layers| layers[0].descriptor.media_type().clone());
            assert_eq!(
                found.map_err(|error| code(&error)),
                expected.map_err(str::to_owned),
                "{media_type}"
            );
            let none = manifest.layers("base", &json!({})).unwrap_err();
            assert_eq!(code(&none), "gantry::base::layer_count");
        }
    }

    #[test]
    fn what_is_no_image_or_two_things_is_refused() {
        let config = descriptor("application/vnd.oci.image.config.v1+json");
        let helm = descriptor("application/vnd.cncf.helm.config.v1+json");
        for (value, said, expected) in [
            (json!({"schemaVersion": 1, "fsLayers": []}), None, "schema1"),
            (
                json!({"schemaVersion": 2, "config": helm, "layers": []}),
                None,
                "not_an_image",
            ),
            (json!({"schemaVersion": 2}), Some("text/html"), "not_an_image"),
            (
                json!({"manifests": [], "config": config, "layers": []}),
                None,
                "contradiction",
            ),
            (
                json!({"mediaType": OCI_MANIFEST, "manifests": []}),
                None,
                "contradiction",
            ),
            (
                json!({"mediaType": OCI_MANIFEST, "config": config, "layers": []}),
                Some(OCI_INDEX),
                "contradiction",
            ),
            (json!([1]), None, "broken"),
        ] {
            let error = parse(&value, said).unwrap_err();
            assert_eq!(code(&error), format!("gantry::base::{expected}"), "{value}");
        }
    }
}
