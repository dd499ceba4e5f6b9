//! OCI layouts, written with nothing of the library: what it reads must not come from itself.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::recipe::{Platform, Recipe};
use super::sha256;
use crate::step::Step;

/// A layer that is stored: its descriptor, and the digest of its tar.
pub(crate) struct Layer {
    descriptor: Value,
    diff_id: String,
}

/// Compresses a tar and stores it.
pub(crate) fn layer(layout: &Path, tar: &Path) -> Result<Layer> {
    let diff_id = format!("sha256:{}", sha256(tar)?);
    Step::new("gzip", ["-n", "-k", &tar.display().to_string()]).last()?;
    let packed = tar.with_extension("tar.gz");
    let descriptor = store(layout, &packed, "application/vnd.oci.image.layer.v1.tar+gzip")?;
    Ok(Layer { descriptor, diff_id })
}

/// Stores config and manifest of one platform, and gives its entry for the index.
pub(crate) fn image(layout: &Path, recipe: &Recipe, platform: &Platform, layers: &[Layer]) -> Result<Value> {
    let history = recipe
        .parts
        .iter()
        .map(|part| json!({"created": CREATED, "created_by": part.script, "comment": "mmdebstrap"}));
    let mut named = json!({"os": "linux", "architecture": platform.architecture});
    if !platform.variant.is_empty() {
        named["variant"] = json!(platform.variant);
    }
    let mut config = named.clone();
    config["created"] = json!(CREATED);
    config["config"] = json!({"Env": recipe.environment});
    let settings = [("User", recipe.user), ("WorkingDir", recipe.directory)];
    for (key, value) in settings.into_iter().filter(|(_, value)| !value.is_empty()) {
        config["config"][key] = json!(value);
    }
    if !recipe.command.is_empty() {
        config["config"]["Cmd"] = json!(recipe.command);
    }
    config["rootfs"] = json!({
        "type": "layers",
        "diff_ids": layers.iter().map(|layer| &layer.diff_id).collect::<Vec<_>>(),
    });
    config["history"] = history.collect();
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": text(layout, &config, "application/vnd.oci.image.config.v1+json")?,
        "layers": layers.iter().map(|layer| &layer.descriptor).collect::<Vec<_>>(),
    });
    let mut entry = text(layout, &manifest, "application/vnd.oci.image.manifest.v1+json")?;
    entry["platform"] = named;
    Ok(entry)
}

const CREATED: &str = "2025-01-01T00:00:00Z";

/// Stores the index of all platforms and makes the folder a layout.
pub(crate) fn index(layout: &Path, images: Vec<Value>) -> Result<()> {
    let kind = "application/vnd.oci.image.index.v1+json";
    finish(
        layout,
        &json!({"schemaVersion": 2, "mediaType": kind, "manifests": images}),
        kind,
    )
}

/// The same layers in manifests of Docker's schema 2, with a field in the config that OCI does not know.
pub(crate) fn as_docker(original: &Path, layout: &Path) -> Result<()> {
    let read = |descriptor: &Value| -> Result<Value> {
        let blob = original.join(place(descriptor)?);
        let text = fs::read(&blob).with_context(|| blob.display().to_string())?;
        Ok(serde_json::from_slice(&text)?)
    };
    let entries: Value = serde_json::from_slice(&fs::read(original.join("index.json"))?)?;
    let index = read(&entries["manifests"][0])?;
    let mut images = Vec::new();
    for entry in index["manifests"].as_array().context("no index")? {
        let mut manifest = read(entry)?;
        let mut config = read(&manifest["config"])?;
        config["docker_version"] = json!("20.10.24");
        config["container_config"] = config["config"].clone();
        manifest["config"] = text(layout, &config, "application/vnd.docker.container.image.v1+json")?;
        for layer in manifest["layers"].as_array_mut().context("no layers")? {
            let blob = layout.join(place(layer)?);
            if !blob.exists() {
                fs::hard_link(original.join(place(layer)?), blob)?;
            }
            layer["mediaType"] = json!("application/vnd.docker.image.rootfs.diff.tar.gzip");
        }
        let kind = "application/vnd.docker.distribution.manifest.v2+json";
        manifest["mediaType"] = json!(kind);
        let mut image = text(layout, &manifest, kind)?;
        image["platform"] = entry["platform"].clone();
        images.push(image);
    }
    let kind = "application/vnd.docker.distribution.manifest.list.v2+json";
    finish(
        layout,
        &json!({"schemaVersion": 2, "mediaType": kind, "manifests": images}),
        kind,
    )
}

fn finish(layout: &Path, index: &Value, kind: &str) -> Result<()> {
    let mut entry = text(layout, index, kind)?;
    entry["annotations"] = json!({"org.opencontainers.image.ref.name": "latest"});
    let entries = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [entry],
    });
    fs::write(layout.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#)?;
    Ok(fs::write(layout.join("index.json"), entries.to_string())?)
}

fn text(layout: &Path, value: &Value, kind: &str) -> Result<Value> {
    fs::create_dir_all(layout)?;
    let thread = format!("{:?}", std::thread::current().id());
    let file = layout.join(format!("text.{thread}"));
    fs::write(&file, value.to_string())?;
    store(layout, &file, kind)
}

/// Moves a file to where its digest says.
fn store(layout: &Path, file: &Path, kind: &str) -> Result<Value> {
    let size = fs::metadata(file)?.len();
    let digest = format!("sha256:{}", sha256(file)?);
    let descriptor = json!({"mediaType": kind, "digest": digest, "size": size});
    fs::create_dir_all(layout.join("blobs/sha256"))?;
    fs::rename(file, layout.join(place(&descriptor)?))?;
    Ok(descriptor)
}

fn place(descriptor: &Value) -> Result<String> {
    let digest = descriptor["digest"].as_str().context("no digest")?;
    Ok(format!("blobs/{}", digest.replace(':', "/")))
}
