use serde_json::json;

use super::*;

fn layer() -> LayerPart {
    LayerPart {
        digest: Digest::of(b"stored"),
        size: 6,
        diff_id: DiffId::of(b"tar"),
        media_type: MediaType::ImageLayerGzip,
        created_by: "cargo gantry: /usr/local/bin/api".into(),
    }
}

fn parts(base: Option<Value>, settings: Settings) -> Parts {
    Parts {
        platform: "linux/arm64".parse().unwrap(),
        base: base.map(|config| BaseParts {
            config,
            layers: Vec::new(),
        }),
        layers: vec![layer()],
        settings,
        annotations: BTreeMap::new(),
        format: ManifestFormat::Oci,
        created: "1970-01-01T00:00:00Z".into(),
    }
}

fn process(base: Value, settings: Settings) -> Value {
    let image = assemble(parts(Some(json!({"config": base})), settings)).unwrap();
    serde_json::from_slice::<Value>(image.config()).unwrap()["config"].clone()
}

#[test]
fn the_same_parts_are_the_same_bytes_and_agree_with_each_other() {
    let many = (0..20).map(|n| (format!("k{n}"), "v".to_owned())).collect();
    let parts = Parts {
        annotations: many,
        ..parts(None, Settings::default())
    };
    let (one, two) = (assemble(parts.clone()).unwrap(), assemble(parts).unwrap());
    assert_eq!(one.manifest(), two.manifest());
    let manifest: ImageManifest = serde_json::from_slice(one.manifest()).unwrap();
    assert_eq!(
        Digest::try_from(manifest.config().digest()).unwrap(),
        Digest::of(one.config())
    );
    let config: Value = serde_json::from_slice(one.config()).unwrap();
    assert_eq!(config["variant"], "v8");
    assert_eq!(config["rootfs"]["diff_ids"], json!([DiffId::of(b"tar")]));
    assert_eq!(config["history"].as_array().unwrap().len(), 1);
}

/// Every rule of inheritance from a base: what the base says, what we say, what comes out.
#[test]
fn inheritance_follows_the_rules() {
    let text = |s: &str| Some(s.to_owned());
    let pairs = |items: &[(&str, &str)]| items.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
    let none = Settings::default;
    for (base, settings, key, want) in [
        (json!({"Entrypoint": ["/sh"]}), none(), "Entrypoint", Value::Null),
        (
            json!({}),
            Settings {
                entrypoint: vec!["/a".into()],
                ..none()
            },
            "Entrypoint",
            json!(["/a"]),
        ),
        (json!({"Cmd": ["sh"]}), none(), "Cmd", Value::Null),
        (
            json!({"Cmd": ["sh"]}),
            Settings {
                cmd: Some(vec!["-x".into()]),
                ..none()
            },
            "Cmd",
            json!(["-x"]),
        ),
        (json!({}), none(), "User", json!("65532:65532")),
        (json!({"User": "root"}), none(), "User", json!("65532:65532")),
        (json!({"User": "app"}), none(), "User", json!("app")),
        (
            json!({"User": "app"}),
            Settings {
                user: text("0"),
                ..none()
            },
            "User",
            json!("0"),
        ),
        (json!({"WorkingDir": "/b"}), none(), "WorkingDir", json!("/b")),
        (
            json!({"WorkingDir": "/b"}),
            Settings {
                workdir: text("/w"),
                ..none()
            },
            "WorkingDir",
            json!("/w"),
        ),
        (
            json!({"StopSignal": "SIGINT"}),
            none(),
            "StopSignal",
            json!("SIGINT"),
        ),
        (
            json!({"Healthcheck": {"Test": ["NONE"]}}),
            none(),
            "Healthcheck",
            Value::Null,
        ),
        (json!({"OnBuild": ["RUN x"]}), none(), "OnBuild", Value::Null),
        (
            json!({"Shell": ["/bin/ash"]}),
            none(),
            "Shell",
            json!(["/bin/ash"]),
        ),
        (
            json!({"Env": ["PATH=/bin", "A=1"]}),
            Settings {
                env: pairs(&[("PATH", "/opt:$PATH"), ("B", "2")]),
                ..none()
            },
            "Env",
            json!(["PATH=/opt:/bin", "A=1", "B=2"]),
        ),
        (
            json!({"ExposedPorts": {"1/tcp": {}}}),
            Settings {
                ports: vec!["2".into()],
                ..none()
            },
            "ExposedPorts",
            json!({"1/tcp": {}, "2/tcp": {}}),
        ),
        (
            json!({"Volumes": {"/a": {}}}),
            Settings {
                volumes: vec!["/b".into()],
                ..none()
            },
            "Volumes",
            json!({"/a": {}, "/b": {}}),
        ),
        (
            json!({"Labels": {"x": "1", "org.opencontainers.image.title": "base"}}),
            Settings {
                labels: pairs(&[("y", "2")]),
                ..none()
            },
            "Labels",
            json!({"x": "1", "y": "2"}),
        ),
    ] {
        assert_eq!(process(base.clone(), settings)[key], want, "{key} on {base}");
    }
}

#[test]
fn unknown_fields_of_a_base_survive_and_broken_bases_are_refused() {
    let image = assemble(parts(
        Some(json!({"os.features": ["x"], "history": []})),
        Settings::default(),
    ))
    .unwrap();
    let config: Value = serde_json::from_slice(image.config()).unwrap();
    assert_eq!(config["os.features"], json!(["x"]));
    for broken in [
        json!([]),
        json!({"config": 1}),
        json!({"rootfs": {"diff_ids": {}}}),
        json!({"config": {"Env": {}}}),
        json!({"rootfs": {"diff_ids": []}, "history": [{}]}),
    ] {
        assert!(
            assemble(parts(Some(broken.clone()), Settings::default())).is_err(),
            "{broken}"
        );
    }
}

use crate::spec::ImageManifest;
