//! The image config: what the base says, then what we say, by fixed rules.
//!
//! The base's config stays raw JSON, so that fields nobody here knows survive.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::LayerPart;
use crate::spec::{MediaType, Platform};

/// What the running program is given.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The program and its fixed arguments.
    pub entrypoint: Vec<String>,
    /// Default arguments; a base's are never kept, they belong to its own entrypoint.
    pub cmd: Option<Vec<String>>,
    /// Variables; `$NAME` and `${NAME}` are the base's value.
    pub env: BTreeMap<String, String>,
    /// `uid[:gid]` or names; else the base's unless that is root, else 65532:65532.
    pub user: Option<String>,
    /// Working directory; else the base's.
    pub workdir: Option<String>,
    /// `8080/tcp`; united with the base's.
    pub ports: Vec<String>,
    /// Absolute paths; united with the base's.
    pub volumes: Vec<String>,
    /// Labels; the base's are kept, except for the reserved ones.
    pub labels: BTreeMap<String, String>,
    /// Signal that stops the program; else the base's.
    pub stop_signal: Option<String>,
}

/// The user that images run as unless something else is said: distroless' `nonroot`.
const NONROOT: &str = "65532:65532";

/// Why no config could be made.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum ImageError {
    /// A port is not `number[-number][/protocol]`.
    #[error("`{0}` is not a port")]
    #[diagnostic(
        code(gantry::image::port),
        help("write `8080`, `8080/udp` or `9000-9003/tcp`")
    )]
    Port(String),
    /// The base's config is no JSON object of the expected shape.
    #[error("the base's config has an unusable `{0}`")]
    #[diagnostic(
        code(gantry::image::base_config),
        help("the base image is damaged or was not made for containers; choose another one")
    )]
    Base(&'static str),
    /// More layers than diff ids, or the reverse.
    #[error("the base has {layers} layers, and its config lists {diff_ids} of them")]
    #[diagnostic(
        code(gantry::image::base_layers),
        help("the base image is damaged; choose another one")
    )]
    BaseLayers {
        /// Layers of its manifest.
        layers: usize,
        /// `rootfs.diff_ids` of its config.
        diff_ids: usize,
    },
    /// A layer that the format has no media type for.
    #[error("a layer of `{media_type}` cannot be in an image of Docker's format")]
    #[diagnostic(
        code(gantry::image::layer),
        help("it has no zstd: use `format = \"oci\"`, or a base and a `compression` with gzip")
    )]
    Layer {
        /// The media type.
        media_type: MediaType,
    },
}

/// What a base's health check and build triggers are called: they belong to the program that it was made for.
const OF_ITS_PROGRAM: [&str; 2] = ["Healthcheck", "OnBuild"];

/// A config, and what the base's said that is not in it.
pub(super) struct Merged {
    pub config: Value,
    pub dropped: Vec<&'static str>,
}

/// The config of an image on `base`: a raw config (or null), and the number of its layers.
pub(super) fn merged(
    platform: &Platform,
    (base, base_layers): (Value, usize),
    layers: &[LayerPart],
    settings: &Settings,
    created: &str,
) -> Result<Merged, ImageError> {
    let mut root = object(base, "root")?;
    let mut dropped = Vec::new();
    root.insert("os".into(), platform.os().into());
    root.insert("architecture".into(), platform.architecture().into());
    match platform.written_variant() {
        Some(variant) => root.insert("variant".into(), variant.into()),
        None => root.remove("variant"),
    };
    root.insert("created".into(), created.into());
    let process = object(root.remove("config").unwrap_or_default(), "config")?;
    let process = process_config(process, settings, &mut dropped)?;
    root.insert("config".into(), process.into());
    extend_layers(&mut root, base_layers, layers, created, &mut dropped)?;
    let config = root.into();
    Ok(Merged { config, dropped })
}

fn process_config(
    mut base: Map<String, Value>,
    settings: &Settings,
    dropped: &mut Vec<&'static str>,
) -> Result<Map<String, Value>, ImageError> {
    for key in OF_ITS_PROGRAM {
        let value = base.remove(key).unwrap_or_default();
        if !value.is_null() && value != json!([]) {
            dropped.push(key);
        }
    }
    set(
        &mut base,
        "Entrypoint",
        (!settings.entrypoint.is_empty()).then(|| json!(settings.entrypoint)),
    );
    set(&mut base, "Cmd", settings.cmd.as_ref().map(|cmd| json!(cmd)));
    let of_base = || user_over(base.get("User").and_then(Value::as_str).unwrap_or_default());
    let user = settings.user.clone().unwrap_or_else(|| of_base().to_owned());
    base.insert("User".into(), user.into());
    if let Some(workdir) = &settings.workdir {
        base.insert("WorkingDir".into(), workdir.as_str().into());
    }
    if let Some(signal) = &settings.stop_signal {
        base.insert("StopSignal".into(), signal.as_str().into());
    }
    let env = env(base.remove("Env"), &settings.env)?;
    set(&mut base, "Env", (!env.is_empty()).then(|| json!(env)));
    let mut exposed = Vec::new();
    for port in &settings.ports {
        exposed.extend(ports(port)?);
    }
    unite(&mut base, "ExposedPorts", exposed)?;
    unite(&mut base, "Volumes", settings.volumes.clone())?;
    let mut labels = object(base.remove("Labels").unwrap_or_default(), "Labels")?;
    labels.retain(|key, _| !key.starts_with("org.opencontainers.image."));
    labels.extend(
        settings
            .labels
            .iter()
            .map(|(key, value)| (key.clone(), value.as_str().into())),
    );
    set(&mut base, "Labels", (!labels.is_empty()).then(|| labels.into()));
    Ok(base)
}

/// The user of an image that says nothing of it, on a base with this one: the base's unless that is root, else
/// 65532:65532.
pub fn user_over(base: &str) -> &str {
    if is_root(base) { NONROOT } else { base }
}

/// Whether `user[:group]`, as a config has it, is root, which nothing said is as well.
fn is_root(user: &str) -> bool {
    let name = user.split_once(':').map_or(user, |(name, _)| name);
    matches!(name, "" | "root") || name.bytes().all(|digit| digit == b'0')
}

/// The base's variables in their order, ours replacing or following them, sorted by name.
fn env(base: Option<Value>, ours: &BTreeMap<String, String>) -> Result<Vec<String>, ImageError> {
    let base: Vec<String> = match base {
        None | Some(Value::Null) => Vec::new(),
        Some(value) => serde_json::from_value(value).map_err(|_| ImageError::Base("Env"))?,
    };
    let mut pairs: Vec<(String, String)> = base
        .into_iter()
        .map(|pair| match pair.split_once('=') {
            Some((name, value)) => (name.to_owned(), value.to_owned()),
            None => (pair, String::new()),
        })
        .collect();
    let of_base: BTreeMap<String, String> = pairs.iter().cloned().collect();
    for (name, value) in ours {
        let value = expanded(value, &of_base);
        // Where a base says one twice, runtimes differ in which of them counts.
        let at = pairs.iter().position(|(known, _)| known == name);
        pairs.retain(|(known, _)| known != name);
        pairs.insert(at.unwrap_or(pairs.len()), (name.clone(), value));
    }
    Ok(pairs
        .into_iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect())
}

/// `text` with `$NAME` and `${NAME}` replaced by the base's values; a name the base lacks is empty, `$$` is `$`.
fn expanded(text: &str, base: &BTreeMap<String, String>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let name_end = |s: &str| {
            s.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                .unwrap_or(s.len())
        };
        let (name, after) = match rest.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
            Some((name, after)) => (name, after),
            None => rest.split_at(name_end(rest)),
        };
        match (name, rest.strip_prefix('$')) {
            ("", Some(after)) => {
                out.push('$');
                rest = after;
            }
            ("", None) => out.push('$'),
            (name, _) => {
                out.push_str(base.get(name).map_or("", String::as_str));
                rest = after;
            }
        }
    }
    out + rest
}

/// Appends our layers to the base's, each with its entry in the history: some readers count them (AWS Lambda).
fn extend_layers(
    root: &mut Map<String, Value>,
    base_layers: usize,
    layers: &[LayerPart],
    created: &str,
    dropped: &mut Vec<&'static str>,
) -> Result<(), ImageError> {
    let mut rootfs = object(root.remove("rootfs").unwrap_or_default(), "rootfs")?;
    let mut diff_ids = list(rootfs.remove("diff_ids"), "rootfs.diff_ids")?;
    let mut history = list(root.remove("history"), "history")?;
    if diff_ids.len() != base_layers {
        return Err(ImageError::BaseLayers {
            layers: base_layers,
            diff_ids: diff_ids.len(),
        });
    }
    let filled = history
        .iter()
        .filter(|entry| entry.get("empty_layer") != Some(&Value::Bool(true)))
        .count();
    // Some builders write no history, or one that does not fit: then an entry for each layer is made up.
    if filled != diff_ids.len() {
        if !history.is_empty() {
            dropped.push("history");
        }
        let made_up = json!({"created": created, "created_by": "unknown"});
        history = vec![made_up; diff_ids.len()];
    }
    for layer in layers {
        diff_ids.push(json!(layer.diff_id));
        history.push(json!({"created": created, "created_by": layer.created_by}));
    }
    rootfs.insert("type".into(), "layers".into());
    rootfs.insert("diff_ids".into(), diff_ids.into());
    root.insert("rootfs".into(), rootfs.into());
    root.insert("history".into(), history.into());
    Ok(())
}

/// The single ports of `8080`, `8080/udp` or `9000-9003/tcp`, as `ExposedPorts` has them.
///
/// # Errors
/// When the text is none of these.
pub fn ports(text: &str) -> Result<Vec<String>, ImageError> {
    let wrong = || ImageError::Port(text.to_owned());
    let (range, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    let (first, last): (u16, u16) = (
        first.parse().map_err(|_| wrong())?,
        last.parse().map_err(|_| wrong())?,
    );
    if first == 0 || last < first || !["tcp", "udp", "sctp"].contains(&protocol) {
        return Err(wrong());
    }
    Ok((first..=last).map(|port| format!("{port}/{protocol}")).collect())
}

fn set(map: &mut Map<String, Value>, key: &str, value: Option<Value>) {
    match value {
        Some(value) => map.insert(key.to_owned(), value),
        None => map.remove(key),
    };
}

/// Adds keys to a set that JSON spells as an object of empty objects.
fn unite(map: &mut Map<String, Value>, key: &'static str, ours: Vec<String>) -> Result<(), ImageError> {
    let mut all = object(map.remove(key).unwrap_or_default(), key)?;
    all.extend(ours.into_iter().map(|name| (name, json!({}))));
    set(map, key, (!all.is_empty()).then(|| all.into()));
    Ok(())
}

fn object(value: Value, what: &'static str) -> Result<Map<String, Value>, ImageError> {
    match value {
        Value::Object(map) => Ok(map),
        Value::Null => Ok(Map::new()),
        _ => Err(ImageError::Base(what)),
    }
}

fn list(value: Option<Value>, what: &'static str) -> Result<Vec<Value>, ImageError> {
    match value {
        Some(Value::Array(items)) => Ok(items),
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(_) => Err(ImageError::Base(what)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_the_base_are_expanded() {
        let base = BTreeMap::from([("PATH".to_owned(), "/bin".to_owned())]);
        for (text, want) in [
            ("/opt:$PATH", "/opt:/bin"),
            ("${PATH}x", "/binx"),
            ("$NO-$PATH", "-/bin"),
            ("$$PATH", "$PATH"),
            ("5$", "5$"),
            ("a$ b", "a$ b"),
        ] {
            assert_eq!(expanded(text, &base), want, "{text}");
        }
    }

    #[test]
    fn ports_and_ranges() {
        assert_eq!(ports("8080").unwrap(), ["8080/tcp"]);
        assert_eq!(
            ports("9000-9002/udp").unwrap(),
            ["9000/udp", "9001/udp", "9002/udp"]
        );
        for wrong in ["", "0", "x", "80/http", "9-8", "70000", "80/"] {
            assert!(ports(wrong).is_err(), "{wrong}");
        }
    }
}
