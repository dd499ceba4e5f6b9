//! Reading manifests and configs from a layout or a registry, and making a report of them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{InspectError, LayerReport, PlatformReport, Report};
use crate::archive::Layout;
use crate::registry::{Client, Repository};
use crate::spec::{Descriptor, Digest, ImageIndex, ImageManifest, Platform, Reference, annotation};

/// The largest manifest or config that is read: registries take no more than 4 MiB of a manifest.
const LIMIT: u64 = 4 << 20;

/// The most manifests of one index that are read. There are some 40 platforms, each with an attestation at most.
const CHILDREN: usize = 200;

/// Bytes of a manifest or index, verified.
#[derive(Clone)]
struct Object {
    digest: Digest,
    media_type: String,
    bytes: Vec<u8>,
}

/// A manifest with its config.
struct Single {
    manifest: Object,
    config: Vec<u8>,
    platform: Option<Platform>,
}

/// Describes an image in a layout or an oci-archive. `tag` is the entry's name; it may be left out where there is
/// one entry.
///
/// # Errors
/// When there is no such entry, or a blob is missing, damaged or too large.
pub fn layout(layout: &Layout, name: &str, tag: Option<&str>) -> Result<Report, InspectError> {
    let entry = entry(layout, name, tag)?;
    let read = |descriptor: &Descriptor| -> Result<Object, InspectError> {
        let digest = Digest::try_from(descriptor.digest())?;
        let bytes = layout.read(&digest, LIMIT)?;
        Ok(Object {
            digest,
            media_type: descriptor.media_type().to_string(),
            bytes,
        })
    };
    let single = |manifest: Object, platform| -> Result<Single, InspectError> {
        let parsed: ImageManifest = parse(&manifest.bytes, &manifest.digest, "manifest")?;
        let config = layout.read(&Digest::try_from(parsed.config().digest())?, LIMIT)?;
        Ok(Single {
            manifest,
            config,
            platform,
        })
    };
    let root = read(&entry)?;
    let mut platforms = Vec::new();
    match children(name, &root)? {
        None => platforms.push(platform(single(root.clone(), None)?)?),
        Some(children) => {
            for child in children {
                let single = single(read(&child)?, child.platform().as_ref().map(Platform::from))?;
                platforms.push(platform(single)?);
            }
        }
    }
    report(name, &root, platforms)
}

/// Describes an image in a registry.
///
/// # Errors
/// When it is not there, or the registry cannot be read.
pub async fn registry(client: &Client, reference: &Reference) -> Result<Report, InspectError> {
    let name = reference.to_string();
    let repository = Repository::from(reference);
    let fetch = async |reference: Reference| -> Result<Object, InspectError> {
        let found = client.manifest(&reference).await?;
        let found = found.ok_or_else(|| InspectError::NotFound {
            reference: reference.to_string(),
        })?;
        Ok(Object {
            digest: found.digest,
            media_type: found.media_type.to_string(),
            bytes: found.bytes,
        })
    };
    let single = async |manifest: Object, platform| -> Result<Single, InspectError> {
        let parsed: ImageManifest = parse(&manifest.bytes, &manifest.digest, "manifest")?;
        let digest = Digest::try_from(parsed.config().digest())?;
        let config = client.blob_bytes(&repository, &digest, LIMIT).await?;
        Ok(Single {
            manifest,
            config,
            platform,
        })
    };
    let root = fetch(reference.clone()).await?;
    let mut platforms = Vec::new();
    match children(&name, &root)? {
        None => platforms.push(platform(single(root.clone(), None).await?)?),
        Some(children) => {
            for child in children {
                let object = fetch(reference.clone_with_digest(child.digest().to_string())).await?;
                let single = single(object, child.platform().as_ref().map(Platform::from)).await?;
                platforms.push(platform(single)?);
            }
        }
    }
    report(&name, &root, platforms)
}

fn entry(layout: &Layout, name: &str, tag: Option<&str>) -> Result<Descriptor, InspectError> {
    let index = layout.index();
    let named = |descriptor: &Descriptor| {
        descriptor
            .annotations()
            .as_ref()
            .and_then(|all| all.get(annotation::REF_NAME))
            .cloned()
    };
    let names: Vec<String> = index.manifests().iter().filter_map(named).collect();
    let help = format!("it holds: {}", names.join(", "));
    match (tag, index.manifests().as_slice()) {
        (None, [only]) => Ok(only.clone()),
        (None, _) => Err(InspectError::Several {
            name: name.to_owned(),
            help,
        }),
        (Some(tag), entries) => {
            let found = entries.iter().find(|entry| named(entry).as_deref() == Some(tag));
            let wanted = tag.to_owned();
            found.cloned().ok_or_else(|| InspectError::NoEntry {
                name: name.to_owned(),
                wanted,
                help,
            })
        }
    }
}

/// The children of an index; none for a manifest.
fn children(name: &str, root: &Object) -> Result<Option<Vec<Descriptor>>, InspectError> {
    match root.media_type.as_str() {
        "application/vnd.oci.image.index.v1+json"
        | "application/vnd.docker.distribution.manifest.list.v2+json" => {
            let index: ImageIndex = parse(&root.bytes, &root.digest, "index")?;
            if index.manifests().len() > CHILDREN {
                return Err(InspectError::TooMany {
                    name: name.to_owned(),
                    found: index.manifests().len(),
                    limit: CHILDREN,
                });
            }
            Ok(Some(index.manifests().clone()))
        }
        "application/vnd.oci.image.manifest.v1+json"
        | "application/vnd.docker.distribution.manifest.v2+json" => Ok(None),
        other => Err(InspectError::NotAnImage {
            name: name.to_owned(),
            media_type: other.to_owned(),
        }),
    }
}

fn report(name: &str, root: &Object, platforms: Vec<PlatformReport>) -> Result<Report, InspectError> {
    let value: Value = parse(&root.bytes, &root.digest, "manifest")?;
    let annotations = value.get("annotations").cloned().unwrap_or_default();
    Ok(Report {
        name: name.to_owned(),
        digest: root.digest,
        media_type: root.media_type.clone(),
        annotations: serde_json::from_value(annotations).unwrap_or_default(),
        platforms,
    })
}

fn platform(single: Single) -> Result<PlatformReport, InspectError> {
    let manifest: ImageManifest = parse(&single.manifest.bytes, &single.manifest.digest, "manifest")?;
    let digest = Digest::try_from(manifest.config().digest())?;
    let config: Value = parse(&single.config, &digest, "config")?;
    let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let words = |value: &Value| -> Vec<String> {
        value
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect()
    };
    let history = config["history"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let mut filled = history.iter().filter(|entry| entry["empty_layer"] != true);
    let mut layers = Vec::new();
    for layer in manifest.layers() {
        layers.push(LayerReport {
            digest: Digest::try_from(layer.digest())?,
            size: layer.size(),
            media_type: layer.media_type().to_string(),
            created_by: filled.next().and_then(|entry| text(&entry["created_by"])),
        });
    }
    let of_config = || {
        let word = |key: &str| config[key].as_str().unwrap_or("unknown");
        Platform::new(word("os"), word("architecture"), config["variant"].as_str())
    };
    let own = single.manifest.bytes.len() as u64 + single.config.len() as u64;
    // Sizes are whatever the manifest says.
    let size = layers
        .iter()
        .fold(own, |sum, layer: &LayerReport| sum.saturating_add(layer.size));
    let labels: BTreeMap<String, String> =
        serde_json::from_value(config["config"]["Labels"].clone()).unwrap_or_default();
    Ok(PlatformReport {
        platform: single.platform.unwrap_or_else(of_config),
        digest: single.manifest.digest,
        size,
        layers,
        created: text(&config["created"]),
        entrypoint: words(&config["config"]["Entrypoint"]),
        cmd: words(&config["config"]["Cmd"]),
        env: words(&config["config"]["Env"]),
        user: text(&config["config"]["User"]),
        labels,
    })
}

fn parse<T: serde::de::DeserializeOwned>(
    bytes: &[u8],
    digest: &Digest,
    what: &'static str,
) -> Result<T, InspectError> {
    serde_json::from_slice(bytes).map_err(|source| InspectError::Broken {
        digest: digest.to_string(),
        what,
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blob::BlobStore;
    use crate::spec::MediaType;

    /// The report on an index of `count` manifests, all of them one with two layers of `size` bytes.
    fn inspected(count: usize, size: u64) -> Result<Report, InspectError> {
        let folder = tempfile::tempdir().unwrap();
        let store = BlobStore::open(folder.path()).unwrap();
        let put = |value: Value, media_type| {
            let blob = store.put(&serde_json::to_vec(&value).unwrap()).unwrap();
            blob.descriptor(media_type)
        };
        let config = put(
            serde_json::json!({"os": "linux", "architecture": "amd64"}),
            MediaType::ImageConfig,
        );
        let layer = Descriptor::new(MediaType::ImageLayer, size, Digest::of(b"layer"));
        let manifest = put(
            serde_json::json!({"schemaVersion": 2, "config": config, "layers": [layer, layer]}),
            MediaType::ImageManifest,
        );
        let index = put(
            serde_json::json!({"schemaVersion": 2, "manifests": vec![manifest; count]}),
            MediaType::ImageIndex,
        );
        let index = serde_json::json!({"schemaVersion": 2, "manifests": [index]});
        std::fs::write(folder.path().join("index.json"), index.to_string()).unwrap();
        layout(&Layout::open(folder.path()).unwrap(), "x", None)
    }

    #[test]
    fn what_an_index_says_of_itself_is_bounded() {
        let largest = u64::MAX / 2 + 2;
        assert_eq!(inspected(2, 1).unwrap().platforms.len(), 2);
        assert_eq!(inspected(1, largest).unwrap().platforms[0].size, u64::MAX);
        let error = inspected(CHILDREN + 1, 1).unwrap_err();
        assert!(matches!(error, InspectError::TooMany { found, .. } if found == CHILDREN + 1));
    }
}
