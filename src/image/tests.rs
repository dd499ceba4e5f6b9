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

/// The rules of inheritance from a base, by the part of the config: what the base says, what we say, what comes out.
mod inheritance {
    use super::*;

    fn ours(change: impl FnOnce(&mut Settings)) -> Settings {
        let mut settings = Settings::default();
        change(&mut settings);
        settings
    }

    fn says_nothing() -> Settings {
        Settings::default()
    }

    #[track_caller]
    fn holds(key: &str, cases: Vec<(Value, Settings, Value)>) {
        for (base, settings, want) in cases {
            let base = match base {
                Value::Null => json!({}),
                value => json!({ key: value }),
            };
            assert_eq!(
                process(base.clone(), settings.clone())[key],
                want,
                "{base} {settings:?}"
            );
        }
    }

    #[test]
    fn entrypoint_is_ours() {
        let set = || ours(|s| s.entrypoint = vec!["/a".into()]);
        holds(
            "Entrypoint",
            vec![
                (json!(["/sh"]), says_nothing(), Value::Null),
                (json!(["/sh"]), set(), json!(["/a"])),
                (Value::Null, set(), json!(["/a"])),
            ],
        );
    }

    #[test]
    fn cmd_is_ours_else_removed() {
        let set = |cmd: &[&str]| ours(|s| s.cmd = Some(cmd.iter().map(|&word| word.into()).collect()));
        holds(
            "Cmd",
            vec![
                (json!(["sh"]), says_nothing(), Value::Null),
                (json!(["sh"]), set(&["-x"]), json!(["-x"])),
                (json!(["sh"]), set(&[]), json!([])),
            ],
        );
    }

    #[test]
    fn user_is_ours_else_the_bases_unless_that_is_root() {
        let set = |user: &str| ours(|s| s.user = Some(user.into()));
        let mut cases = vec![
            (json!("app"), says_nothing(), json!("app")),
            (json!("1000:0"), says_nothing(), json!("1000:0")),
            (json!("app"), set("0"), json!("0")),
            (Value::Null, set("api"), json!("api")),
        ];
        for root in [
            json!(null),
            json!(""),
            json!("0"),
            json!("root"),
            json!("0:0"),
            json!("root:root"),
        ] {
            cases.push((root, says_nothing(), json!("65532:65532")));
        }
        for root in ["root:0", "0:1000", "000", ":1000"] {
            cases.push((json!(root), says_nothing(), json!("65532:65532")));
        }
        holds("User", cases);
    }

    #[test]
    fn working_directory_is_ours_else_the_bases() {
        let set = || ours(|s| s.workdir = Some("/w".into()));
        holds(
            "WorkingDir",
            vec![
                (json!("/b"), says_nothing(), json!("/b")),
                (json!("/b"), set(), json!("/w")),
                (Value::Null, says_nothing(), Value::Null),
            ],
        );
    }

    #[test]
    fn stop_signal_is_ours_else_the_bases() {
        let set = || ours(|s| s.stop_signal = Some("SIGTERM".into()));
        holds(
            "StopSignal",
            vec![
                (json!("SIGINT"), says_nothing(), json!("SIGINT")),
                (json!("SIGINT"), set(), json!("SIGTERM")),
                (Value::Null, says_nothing(), Value::Null),
            ],
        );
    }

    #[test]
    fn variables_are_merged() {
        let set = |pairs: &[(&str, &str)]| {
            let pairs = pairs.iter().map(|(k, v)| ((*k).into(), (*v).into()));
            ours(|s| s.env = pairs.collect())
        };
        holds(
            "Env",
            vec![
                (json!(["B=1", "A=2"]), says_nothing(), json!(["B=1", "A=2"])),
                (
                    json!(["PATH=/bin", "A=1"]),
                    set(&[("PATH", "/opt:$PATH"), ("B", "2")]),
                    json!(["PATH=/opt:/bin", "A=1", "B=2"]),
                ),
                (
                    json!(["A=1", "X=", "A=2"]),
                    set(&[("A", "$A-3")]),
                    json!(["A=2-3", "X="]),
                ),
                (json!([]), says_nothing(), Value::Null),
                (Value::Null, set(&[("A", "a=b")]), json!(["A=a=b"])),
            ],
        );
    }

    #[test]
    fn ports_and_volumes_are_united() {
        holds(
            "ExposedPorts",
            vec![
                (
                    json!({"1/tcp": {}}),
                    ours(|s| s.ports = vec!["2".into()]),
                    json!({"1/tcp": {}, "2/tcp": {}}),
                ),
                (json!({"1/tcp": {}}), says_nothing(), json!({"1/tcp": {}})),
                (json!({}), says_nothing(), Value::Null),
            ],
        );
        holds(
            "Volumes",
            vec![
                (
                    json!({"/a": {}}),
                    ours(|s| s.volumes = vec!["/b".into()]),
                    json!({"/a": {}, "/b": {}}),
                ),
                (json!({"/a": {}}), says_nothing(), json!({"/a": {}})),
                (Value::Null, says_nothing(), Value::Null),
            ],
        );
    }

    #[test]
    fn labels_are_kept_but_for_those_that_describe_the_base() {
        let title = "org.opencontainers.image.title";
        let set = |key: &str| ours(|s| s.labels = [(key.to_owned(), "2".to_owned())].into());
        holds(
            "Labels",
            vec![
                (
                    json!({"x": "1", title: "base"}),
                    set("y"),
                    json!({"x": "1", "y": "2"}),
                ),
                (json!({"x": "1", title: "base"}), set("x"), json!({"x": "2"})),
                (json!({title: "base"}), set(title), json!({title: "2"})),
                (json!({title: "base"}), says_nothing(), Value::Null),
            ],
        );
    }

    #[test]
    fn health_check_and_triggers_are_dropped_and_told() {
        for (base, told) in [
            (
                json!({"Healthcheck": {"Test": ["CMD", "x"]}, "OnBuild": ["RUN x"]}),
                &["Healthcheck", "OnBuild"][..],
            ),
            (json!({"OnBuild": ["RUN x"]}), &["OnBuild"]),
            (json!({"Healthcheck": null, "OnBuild": []}), &[]),
            (json!({"Cmd": ["sh"], "Entrypoint": ["/sh"]}), &[]),
        ] {
            let image = assemble(parts(Some(json!({"config": base})), says_nothing())).unwrap();
            let config: Value = serde_json::from_slice(image.config()).unwrap();
            assert_eq!(image.dropped(), told, "{base}");
            for key in ["Healthcheck", "OnBuild"] {
                assert!(config["config"].get(key).is_none(), "{base}");
            }
        }
    }

    #[test]
    fn fields_that_nobody_knows_are_kept() {
        let base = json!({
            "os.features": ["x"],
            "author": "somebody",
            "architecture": "amd64",
            "variant": "v9",
            "created": "2000-01-01T00:00:00Z",
            "config": {"Shell": ["/bin/ash"], "NetworkDisabled": true},
        });
        let image = assemble(parts(Some(base), says_nothing())).unwrap();
        let config: Value = serde_json::from_slice(image.config()).unwrap();
        assert_eq!(
            (&config["os.features"], &config["author"]),
            (&json!(["x"]), &json!("somebody"))
        );
        assert_eq!(config["config"]["Shell"], json!(["/bin/ash"]));
        assert_eq!(config["config"]["NetworkDisabled"], json!(true));
        // What the image is, it says itself.
        assert_eq!(
            (&config["architecture"], &config["variant"]),
            (&json!("arm64"), &json!("v8"))
        );
        assert_eq!(config["created"], "1970-01-01T00:00:00Z");
    }
}

/// A base of these layers, whose config says so, with this history.
fn layered(layers: &[&str], history: Value) -> BaseParts {
    let diff_ids: Vec<DiffId> = layers.iter().map(|name| DiffId::of(name.as_bytes())).collect();
    let layer = |name: &&str| descriptor((*name).into(), &Digest::of(name.as_bytes()), 1);
    BaseParts {
        config: json!({"rootfs": {"type": "layers", "diff_ids": diff_ids}, "history": history}),
        layers: layers.iter().map(layer).collect(),
    }
}

#[test]
fn every_layer_has_its_entry_in_the_history() {
    let one = || json!({"created_by": "one"});
    let empty = || json!({"created_by": "env", "empty_layer": true});
    let unknown = || json!({"created": "1970-01-01T00:00:00Z", "created_by": "unknown"});
    for (history, kept, dropped) in [
        (
            json!([one(), empty(), one()]),
            vec![one(), empty(), one()],
            &[][..],
        ),
        (json!([one(), one()]), vec![one(), one()], &[]),
        (json!(null), vec![unknown(), unknown()], &[]),
        (json!([]), vec![unknown(), unknown()], &[]),
        (json!([one()]), vec![unknown(), unknown()], &["history"]),
        (
            json!([one(), one(), one()]),
            vec![unknown(), unknown()],
            &["history"],
        ),
        (json!([empty()]), vec![unknown(), unknown()], &["history"]),
    ] {
        let parts = Parts {
            base: Some(layered(&["a", "b"], history.clone())),
            ..parts(None, Settings::default())
        };
        let image = assemble(parts).unwrap();
        let config: Value = serde_json::from_slice(image.config()).unwrap();
        let entries = config["history"].as_array().unwrap();
        assert_eq!(entries[..kept.len()], kept, "{history}");
        assert_eq!(
            entries[kept.len()]["created_by"],
            "cargo gantry: /usr/local/bin/api"
        );
        assert_eq!(entries.len(), kept.len() + 1);
        assert_eq!(
            config["rootfs"]["diff_ids"],
            json!([DiffId::of(b"a"), DiffId::of(b"b"), DiffId::of(b"tar")])
        );
        assert_eq!(image.dropped(), dropped, "{history}");
    }
}

#[test]
fn broken_bases_are_refused() {
    let base = |config: Value| BaseParts {
        config,
        layers: Vec::new(),
    };
    for broken in [
        base(json!([])),
        base(json!({"config": 1})),
        base(json!({"rootfs": {"diff_ids": {}}})),
        base(json!({"config": {"Env": {}}})),
        base(json!({"config": {"Volumes": []}})),
        base(json!({"rootfs": {"diff_ids": ["sha256:x"]}})),
        BaseParts {
            config: json!({}),
            ..layered(&["a"], json!([]))
        },
    ] {
        let parts = Parts {
            base: Some(broken.clone()),
            ..parts(None, Settings::default())
        };
        assert!(assemble(parts).is_err(), "{broken:?}");
    }
}

#[test]
fn a_format_holds_for_everything_in_the_image() {
    const OCI: &str = "application/vnd.oci.image";
    const DOCKER: &str = "application/vnd.docker";
    let of = |format: ManifestFormat, layers: &[&str]| {
        assemble(Parts {
            base: Some(layered(layers, json!([]))),
            annotations: BTreeMap::from([("a".to_owned(), "b".to_owned())]),
            format,
            ..parts(None, Settings::default())
        })
    };
    let gzip = [
        "application/vnd.oci.image.layer.v1.tar+gzip",
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
        "application/vnd.oci.image.layer.v1.tar",
        "application/vnd.docker.image.rootfs.diff.tar",
    ];
    for (format, prefix, annotated, layers) in [
        (
            ManifestFormat::Oci,
            OCI,
            true,
            [gzip[0], gzip[0], gzip[2], gzip[2], gzip[0]],
        ),
        (
            ManifestFormat::Docker,
            DOCKER,
            false,
            [gzip[1], gzip[1], gzip[3], gzip[3], gzip[1]],
        ),
    ] {
        let image = of(format, &gzip).unwrap();
        let manifest: Value = serde_json::from_slice(image.manifest()).unwrap();
        let named = |value: &Value| value["mediaType"].as_str().unwrap().to_owned();
        let found: Vec<_> = manifest["layers"].as_array().unwrap().iter().map(named).collect();
        assert_eq!(found, layers);
        assert_eq!(image.layers()[1].media_type().as_ref(), layers[1]);
        for value in [&manifest, &manifest["config"]] {
            assert!(named(value).starts_with(prefix), "{value}");
        }
        assert_eq!(image.descriptor().media_type().as_ref(), named(&manifest));
        assert_eq!(manifest.get("annotations").is_some(), annotated);
    }
    let zstd = "application/vnd.oci.image.layer.v1.tar+zstd";
    assert!(of(ManifestFormat::Oci, &[zstd]).is_ok());
    assert!(matches!(
        of(ManifestFormat::Docker, &[zstd]),
        Err(ImageError::Layer { .. })
    ));
}

use crate::spec::ImageManifest;
