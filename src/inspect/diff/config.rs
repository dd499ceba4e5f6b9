//! [`ConfigChange`]: settings, variables, labels and annotations that differ.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

/// Something in the config, or an annotation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "kebab-case")]
pub struct ConfigChange {
    /// `entrypoint`, `env PATH`, `label com.acme.team`, `port 80/tcp`; for annotations their key.
    pub name: String,
    /// In the first image; none where it is not there. Lists are JSON.
    pub before: Option<String>,
    /// In the second image.
    pub after: Option<String>,
}

/// What two configs differ in: everything but the layers' tars and history.
pub(super) fn of_configs(before: &Value, after: &Value) -> Vec<ConfigChange> {
    of_maps(&settings(before), &settings(after))
}

/// What two maps differ in.
pub(super) fn of_maps(
    before: &BTreeMap<String, String>,
    after: &BTreeMap<String, String>,
) -> Vec<ConfigChange> {
    let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let changes = keys.into_iter().filter(|key| before.get(*key) != after.get(*key));
    changes
        .map(|key| ConfigChange {
            name: key.clone(),
            before: before.get(key).cloned(),
            after: after.get(key).cloned(),
        })
        .collect()
}

/// Names of settings that are words in the matrix.
/// <https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md#properties>
const NAMES: [(&str, &str); 5] = [
    ("WorkingDir", "workdir"),
    ("StopSignal", "stop-signal"),
    ("OnBuild", "on-build"),
    ("ArgsEscaped", "args-escaped"),
    ("Healthcheck", "health-check"),
];

/// Each setting of a config by its name, so that lists and tables are compared entry by entry.
fn settings(config: &Value) -> BTreeMap<String, String> {
    let mut settings = BTreeMap::new();
    let object = |value: &Value| value.as_object().cloned().unwrap_or_default();
    for (key, value) in object(config) {
        if key == "rootfs" {
            let rest = object(&value).into_iter().filter(|(key, _)| key != "diff_ids");
            settings.extend(rest.map(|(key, value)| (format!("rootfs {key}"), shown(&value))));
        } else if !["config", "history"].contains(&key.as_str()) && !is_empty(&value) {
            settings.insert(key, shown(&value));
        }
    }
    for (key, value) in object(&config["config"]) {
        match key.as_str() {
            "Env" => {
                for variable in value.as_array().into_iter().flatten().filter_map(Value::as_str) {
                    let (name, value) = variable.split_once('=').unwrap_or((variable, ""));
                    settings.insert(format!("env {name}"), value.to_owned());
                }
            }
            "Labels" => {
                let labels = object(&value).into_iter();
                settings.extend(labels.map(|(name, value)| (format!("label {name}"), shown(&value))));
            }
            "ExposedPorts" | "Volumes" => {
                let word = if key == "Volumes" { "volume" } else { "port" };
                let names = object(&value).into_iter();
                settings.extend(names.map(|(name, _)| (format!("{word} {name}"), "yes".to_owned())));
            }
            _ if is_empty(&value) => {}
            _ => {
                let name = NAMES.iter().find(|(theirs, _)| *theirs == key);
                let name = name.map_or_else(|| key.to_lowercase(), |(_, ours)| (*ours).to_owned());
                settings.insert(name, shown(&value));
            }
        }
    }
    settings
}

/// For readers it is the same whether it stands there or not.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(object) => object.is_empty(),
        Value::Number(_) => false,
    }
}

/// What the histories differ in. What they begin and end with alike holds the rest in place. The image's own time is
/// left out: it is a setting.
pub(super) fn of_histories(before: &Value, after: &Value) -> Vec<ConfigChange> {
    let list = |config: &Value| {
        let mut list = config["history"].as_array().cloned().unwrap_or_default();
        for entry in list.iter_mut().filter_map(Value::as_object_mut) {
            if entry.get("created") == config.get("created") {
                entry.remove("created");
            }
        }
        list
    };
    let (before, after) = (list(before), list(after));
    let shorter = before.len().min(after.len());
    let alike = |pairs: &mut dyn Iterator<Item = (&Value, &Value)>| pairs.take_while(|(a, b)| a == b).count();
    let first = alike(&mut before.iter().zip(&after));
    let last = alike(&mut before.iter().rev().zip(after.iter().rev())).min(shorter - first);
    let rest = |list: &[Value]| {
        let rest = list[..list.len() - last].iter().enumerate().skip(first);
        rest.map(|(at, entry)| (at, shown(entry)))
            .collect::<BTreeMap<_, _>>()
    };
    let (before, after) = (rest(&before), rest(&after));
    let all: BTreeSet<usize> = before.keys().chain(after.keys()).copied().collect();
    let changes = all.into_iter().map(|at| ConfigChange {
        name: at.to_string(),
        before: before.get(&at).cloned(),
        after: after.get(&at).cloned(),
    });
    changes.filter(|change| change.before != change.after).collect()
}

/// What the lists of the layers' tars differ in.
pub(super) fn of_diff_ids(before: &Value, after: &Value) -> Vec<ConfigChange> {
    let ids = |config: &Value| -> BTreeMap<String, String> {
        let ids = config["rootfs"]["diff_ids"].as_array().into_iter().flatten();
        let ids = ids.enumerate();
        ids.map(|(at, id)| (format!("diff-id {at}"), shown(id))).collect()
    };
    of_maps(&ids(before), &ids(after))
}

pub(super) fn shown(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| crate::spec::json::to_string(value), str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn histories_are_compared_between_what_stays() {
        let of = |words: &str| {
            let entries = words.split_whitespace();
            json!({"history": entries.collect::<Vec<_>>()})
        };
        for (before, after, want) in [
            ("a b c", "a x c", "1 b>x"),
            ("a b", "a x y b", "1 >x, 2 >y"),
            ("a a", "a", "1 a>"),
            ("a b", "", "0 a>, 1 b>"),
            ("a b", "a b", ""),
        ] {
            let found: Vec<String> = of_histories(&of(before), &of(after))
                .into_iter()
                .map(|one| {
                    let (before, after) = (one.before.unwrap_or_default(), one.after.unwrap_or_default());
                    format!("{} {before}>{after}", one.name)
                })
                .collect();
            assert_eq!(found.join(", "), want, "{before} -> {after}");
        }
    }

    #[test]
    fn lists_and_tables_are_compared_entry_by_entry() {
        let before = json!({
            "os": "linux", "created": "2020", "rootfs": {"diff_ids": [1]}, "history": [1],
            "config": {
                "Env": ["PATH=/bin", "A=1"], "Labels": {"x": "1"}, "ExposedPorts": {"80/tcp": {}},
                "Entrypoint": ["/a"], "Cmd": [], "WorkingDir": "/", "User": "1"
            }
        });
        let after = json!({
            "os": "linux", "created": "2021", "rootfs": {"diff_ids": []},
            "config": {
                "Env": ["A=2", "PATH=/bin"], "Labels": {"x": "1", "y": "2"}, "Volumes": {"/data": {}},
                "Entrypoint": ["/a", "-v"], "WorkingDir": "/srv", "Tty": false
            }
        });
        let found: Vec<_> = of_configs(&before, &after)
            .into_iter()
            .map(|change| {
                let shown = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
                format!(
                    "{}: {} > {}",
                    change.name,
                    shown(change.before),
                    shown(change.after)
                )
            })
            .collect();
        let want = [
            "created: 2020 > 2021",
            "entrypoint: [\"/a\"] > [\"/a\",\"-v\"]",
            "env A: 1 > 2",
            "label y: - > 2",
            "port 80/tcp: yes > -",
            "user: 1 > -",
            "volume /data: - > yes",
            "workdir: / > /srv",
        ];
        assert_eq!(found, want);
        assert_eq!(of_configs(&before, &before), []);
    }
}
