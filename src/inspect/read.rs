//! Reading manifests and configs from a layout or a registry, and making a report of them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{InspectError, LayerReport, PlatformReport, Report};
use crate::archive::Layout;
use crate::registry::{Client, Repository};
use crate::spec::{Descriptor, Digest, ImageIndex, ImageManifest, Platform, Reference, annotation};

/// The largest manifest or config that is read: registries take no more than 4 MiB of a manifest.
const LIMIT: u64 = 4 << 20;

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
    let mut singles = Vec::new();
    match children(name, &root)? {
        None => singles.push(single(root.clone(), None)?),
        Some(children) => {
            for child in children {
                singles.push(single(
                    read(&child)?,
                    child.platform().as_ref().map(Platform::from),
                )?);
            }
        }
    }
    report(name, &root, singles)
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
    let mut singles = Vec::new();
    match children(&name, &root)? {
        None => singles.push(single(root.clone(), None).await?),
        Some(children) => {
            for child in children {
                let object = fetch(reference.clone_with_digest(child.digest().to_string())).await?;
                singles.push(single(object, child.platform().as_ref().map(Platform::from)).await?);
            }
        }
    }
    report(&name, &root, singles)
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

fn report(name: &str, root: &Object, singles: Vec<Single>) -> Result<Report, InspectError> {
    let value: Value = parse(&root.bytes, &root.digest, "manifest")?;
    let annotations = value.get("annotations").cloned().unwrap_or_default();
    Ok(Report {
        name: name.to_owned(),
        digest: root.digest,
        media_type: root.media_type.clone(),
        annotations: serde_json::from_value(annotations).unwrap_or_default(),
        platforms: singles.into_iter().map(platform).collect::<Result<_, _>>()?,
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
    let layer_bytes: u64 = layers.iter().map(|layer| layer.size).sum();
    let labels: BTreeMap<String, String> =
        serde_json::from_value(config["config"]["Labels"].clone()).unwrap_or_default();
    Ok(PlatformReport {
        platform: single.platform.unwrap_or_else(of_config),
        digest: single.manifest.digest,
        size: layer_bytes + single.manifest.bytes.len() as u64 + single.config.len() as u64,
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
