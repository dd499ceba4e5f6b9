//! One room's noun becomes the next room's input. Nothing is decided here.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::prepare::Prepared;
use super::{Error, Gantry, folders, host_linker, workplace};
use crate::base::{BaseImage, builtin};
use crate::build::{self, link};
use crate::codec;
use crate::fit::{Check, Level};
use crate::image::{BaseParts, LayerPart, Parts, Settings};
use crate::matrix::{CheckLevel, Checks, Compression, Linker, Moves, Provide, Strip};
use crate::plan::{
    self, BuildUnit, CommandUnit, GoUnit, PackageUse, PlannedImage, PlannedPlatform, PrebuiltUnit,
};
use crate::project::{self, Project};
use crate::publish;

pub(super) fn package(package: &project::Package, project: &Project) -> plan::Package {
    plan::Package {
        name: package.name.clone(),
        version: package.version.to_string(),
        binaries: package
            .binaries
            .iter()
            .map(|binary| binary.name.clone())
            .collect(),
        optional: package
            .binaries
            .iter()
            .filter(|binary| !binary.by_default)
            .map(|binary| (binary.name.clone(), binary.required_features.clone()))
            .collect(),
        default_member: project.default_members.contains(&package.id),
        description: package.description.clone(),
        authors: package.authors.clone(),
        license: package.license.clone(),
        homepage: package.homepage.clone(),
        documentation: package.documentation.clone(),
        repository: package.repository.clone(),
    }
}

pub(super) fn git(git: &project::Git) -> plan::Git {
    plan::Git {
        commit: git.commit.clone(),
        branch: git.branch.clone(),
        tags: git.tags.clone(),
        dirty: git.dirty,
        remote: git.remote.clone(),
    }
}

pub(super) fn choice(package: &PackageUse) -> project::Choice {
    project::Choice {
        package: package.package.clone(),
        features: package.features.iter().cloned().collect(),
        default_features: package.default_features,
    }
}

pub(super) fn asked(linker: &Linker) -> link::Asked {
    match linker {
        Linker::Auto => link::Asked::Auto,
        Linker::Kind(kind) => link::Asked::Kind(*kind),
        Linker::Program(program) => link::Asked::Program(program.clone()),
    }
}

pub(super) fn link(choice: &link::LinkChoice) -> plan::Link {
    plan::Link {
        shown: choice.shown.clone(),
        why: choice.why.clone(),
        variables: choice.variables.clone(),
        compilers: compilers(&choice.compilers),
        rustflags: choice.rustflags.clone(),
    }
}

/// The variables by which makers that build for one target at a time find their tools.
fn compilers(compilers: &link::Compilers) -> BTreeMap<String, OsString> {
    let named = [
        ("CC", &compilers.cc),
        ("CXX", &compilers.cxx),
        ("AR", &compilers.ar),
        ("RANLIB", &compilers.ranlib),
    ];
    let known = named
        .into_iter()
        .filter_map(|(name, tool)| Some((name.to_owned(), tool.clone()?)));
    known.collect()
}

/// A BuildUnit as the build room takes it.
///
/// # Errors
/// When the user's own flags cannot be read.
pub(super) fn unit(
    gantry: &Gantry,
    prepared: &Prepared,
    unit: &BuildUnit,
) -> Result<build::CargoUnit, Error> {
    let project = &prepared.project;
    let selection = |package: &PackageUse| {
        let known = project.package(&package.package);
        let has: Vec<String> = known
            .iter()
            .flat_map(|package| &package.binaries)
            .map(|binary| binary.name.clone())
            .collect();
        build::Selection {
            id: known.map_or_else(|| package.package.clone(), |package| package.id.clone()),
            package: package.package.clone(),
            manifest: known.map_or_else(PathBuf::new, |package| package.directory.join("Cargo.toml")),
            binaries: has
                .iter()
                .filter(|binary| unit.binaries.contains(*binary))
                .cloned()
                .collect(),
            has,
            features: package.features.iter().cloned().collect(),
            default_features: package.default_features,
        }
    };
    // The user's own flags come first, so that what the matrix says for a platform wins over them.
    let target = |target: &plan::UnitTarget| -> Result<build::TargetBuild, Error> {
        let mut rustflags = prepared.toolchain.rustflags(&target.triple)?;
        rustflags.extend(target.link.rustflags.iter().chain(&target.rustflags).cloned());
        let variables = target.link.variables.clone();
        Ok(build::TargetBuild {
            triple: target.triple.clone(),
            variables,
            rustflags,
        })
    };
    let target_directory = gantry.absolute(&project.target_directory);
    let folders = folders::of(
        unit.own_directory.as_deref(),
        &target_directory,
        project.build_directory.as_deref(),
    );
    let remap = || build::Remap {
        sysroot: prepared.toolchain.sysroot().map(std::path::Path::to_owned),
        build_directory: folders.configured.clone(),
        commit: prepared.toolchain.commit().map(str::to_owned),
    };
    let host = prepared.toolchain.host();
    let linker = host.and_then(|host| host_linker::shared(&prepared.plan.units, unit, host));
    let mut environment = unit.environment.clone();
    if let Some((name, linker)) = linker {
        environment.entry(name).or_insert(linker);
    }
    let triples: Vec<&str> = unit.targets.iter().map(|target| target.triple.as_str()).collect();
    Ok(build::CargoUnit {
        name: format!("{} for {}", unit.name, triples.join(", ")),
        workspace: project.root.clone(),
        selections: unit.packages.iter().map(selection).collect(),
        addressed: project.addressed.clone(),
        profile: unit.profile.clone(),
        strip: strip(unit.strip),
        targets: unit.targets.iter().map(target).collect::<Result<_, _>>()?,
        remap: unit.remap_paths.then(remap),
        locked: prepared.request.locked,
        offline: prepared.request.offline,
        frozen: prepared.request.frozen,
        jobs: prepared.request.jobs,
        target_directory: folders.target,
        build_directory: folders.told,
        environment,
        configured: prepared.toolchain.config().variables(),
        grounds: prepared
            .toolchain
            .cargo_grounds()
            .and_then(|cargo| project.grounds(&cargo, "")),
    })
}

/// A unit of Go programs as the build room takes it.
///
/// # Errors
/// When Go has no name for a target.
pub(super) fn go(prepared: &Prepared, unit: &GoUnit) -> Result<build::GoUnit, Error> {
    let settings = &unit.settings;
    let target = |target: &plan::GoTarget| -> Result<build::GoTarget, Error> {
        let facts = prepared.catalog.triple(&target.triple)?;
        let go = facts.go.as_ref().ok_or_else(|| Error::NoGoTarget {
            platform: target.platform.clone(),
        })?;
        let mut variables: BTreeMap<String, OsString> = go
            .variables()
            .into_iter()
            .map(|(name, value)| (name, value.into()))
            .collect();
        variables.extend(target.link.iter().flat_map(|link| link.compilers.clone()));
        Ok(build::GoTarget {
            triple: target.triple.clone(),
            variables,
            ldflags: target.ldflags.clone(),
            static_libc: target.is_static,
        })
    };
    let binary = |(name, package): (&String, &String)| build::GoBinary {
        name: name.clone(),
        package: package.clone(),
    };
    let request = &prepared.request;
    Ok(build::GoUnit {
        name: unit.name.clone(),
        directory: prepared.directory.clone(),
        binaries: unit.binaries.iter().map(binary).collect(),
        tags: settings.tags.clone(),
        cgo: settings.cgo,
        trimpath: settings.remap_paths,
        strip: strip(settings.strip),
        targets: unit.targets.iter().map(target).collect::<Result<_, _>>()?,
        environment: settings.environment.clone(),
        jobs: request.jobs,
        offline: request.offline || request.frozen,
        locked: request.locked || request.frozen,
        into: workplace::store(&prepared.project).join("go").join(&unit.folder),
    })
}

/// Files that are there already, as the build room takes them.
pub(super) fn prebuilt(prepared: &Prepared, unit: &PrebuiltUnit) -> build::PrebuiltUnit {
    let digest = |hex: &String| {
        format!("sha256:{hex}")
            .parse()
            .expect("the matrix takes 64 digits")
    };
    let file = |file: &plan::PrebuiltFile| build::PrebuiltFile {
        triple: file.triple.clone(),
        platform: file.platform.clone(),
        binary: file.binary.clone(),
        path: file.path.clone().into(),
        sha256: file.sha256.as_ref().map(digest),
        member: file.member.clone(),
    };
    build::PrebuiltUnit {
        name: unit.name.clone(),
        directory: prepared.directory.clone(),
        files: unit.files.iter().map(file).collect(),
        into: workplace::store(&prepared.project).join("unpacked"),
    }
}

/// Commands as the build room takes them. A command may call a build script of its own kind, so it is given the variables
/// that name the target as well.
pub(super) fn command(prepared: &Prepared, unit: &CommandUnit) -> build::CommandUnit {
    let run = |run: &plan::CommandRun| {
        let mut variables = BTreeMap::new();
        if let Some(link) = &run.link {
            variables.extend(link.variables.clone());
            variables.extend(link.compilers.clone());
        }
        let own = run.environment.iter();
        variables.extend(own.map(|(name, value)| (name.clone(), value.into())));
        build::CommandRun {
            triple: run.triple.clone(),
            binary: run.binary.clone(),
            command: run.command.clone(),
            out: run.out.clone(),
            variables,
        }
    };
    build::CommandUnit {
        name: unit.name.clone(),
        directory: prepared.directory.clone(),
        runs: unit.runs.iter().map(run).collect(),
        environment: BTreeMap::new(),
    }
}

fn strip(strip: Strip) -> build::Strip {
    match strip {
        Strip::None => build::Strip::None,
        Strip::DebugInfo => build::Strip::Debuginfo,
        Strip::Symbols => build::Strip::Symbols,
    }
}

pub(super) fn compression(compression: Compression) -> codec::Compression {
    match compression {
        Compression::Gzip(level) => codec::Compression::Gzip(level),
        Compression::Zstd(level) => codec::Compression::Zstd(level),
        Compression::None => codec::Compression::None,
    }
}

pub(super) fn part(part: Provide) -> builtin::Part {
    match part {
        Provide::CaCertificates => builtin::Part::CaCertificates,
        Provide::Tzdata => builtin::Part::Tzdata,
        Provide::Passwd => builtin::Part::Passwd,
        Provide::Tmp => builtin::Part::Tmp,
    }
}

impl From<Moves> for publish::Moves {
    fn from(moves: Moves) -> Self {
        match moves {
            Moves::Never => Self::Never,
            Moves::Forward => Self::Forward,
            Moves::Always => Self::Always,
        }
    }
}

/// What the user says of checks. What is not said of stays out: some findings are worse than their check usually is.
pub(super) fn levels(checks: &Checks) -> BTreeMap<Check, Level> {
    let own = |check: Check| match check.level() {
        Level::Deny => CheckLevel::Deny,
        Level::Warn => CheckLevel::Warn,
        Level::Allow => CheckLevel::Allow,
    };
    let level = |check: Check| match checks.level(check.name(), own(check)) {
        CheckLevel::Deny => Level::Deny,
        CheckLevel::Warn => Level::Warn,
        CheckLevel::Allow => Level::Allow,
    };
    let softened = matches!(checks.fit, Some(CheckLevel::Warn | CheckLevel::Allow));
    let said = |check: &Check| softened || checks.named.contains_key(check.name());
    Check::ALL
        .into_iter()
        .filter(said)
        .map(|check| (check, level(check)))
        .collect()
}

/// The config of what an image stands on: the base's, or the one that the built-in base would have if it were an image.
pub(super) fn base_config(platform: &PlannedPlatform, base: Option<&BaseImage>) -> Value {
    let certificates = || platform.provide.contains(&Provide::CaCertificates);
    if let Some(base) = base {
        let mut config = base.config.clone();
        if certificates() {
            name_certificates(&mut config);
        }
        return config;
    }
    let mut env = Vec::new();
    if platform.base == "static" {
        env.push("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    }
    if certificates() {
        env.push(CERTIFICATES);
    }
    match env.is_empty() {
        true => Value::Null,
        false => json!({"config": {"Env": env}}),
    }
}

/// Programs differ in where they look for certificates; this variable is what most of them agree on.
const CERTIFICATES: &str = "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt";

/// Adds the variable to the config of a base that does not set it. What is of no usable shape stays as it is: whoever
/// makes the image's config of it says so.
fn name_certificates(config: &mut Value) {
    let env = inner(config, "config", json!({})).and_then(|config| inner(config, "Env", json!([])));
    let Some(env) = env.and_then(Value::as_array_mut) else {
        return;
    };
    let is_set = |pair: &Value| {
        pair.as_str()
            .is_some_and(|pair| pair.starts_with("SSL_CERT_FILE="))
    };
    if !env.iter().any(is_set) {
        env.push(CERTIFICATES.into());
    }
}

/// A value of an object, which is `empty` where there was none.
fn inner<'v>(object: &'v mut Value, key: &str, empty: Value) -> Option<&'v mut Value> {
    let value = object.as_object_mut()?.entry(key).or_insert(Value::Null);
    if value.is_null() {
        *value = empty;
    }
    Some(value)
}

/// What an image is assembled from; `layers` are ours.
pub(super) fn parts(
    planned: &PlannedImage,
    platform: &PlannedPlatform,
    base: Option<&BaseImage>,
    layers: Vec<LayerPart>,
) -> Parts {
    let config = base_config(platform, base);
    let of_base = base.map(|base| base.layers.iter().map(|layer| layer.descriptor.clone()));
    Parts {
        platform: platform.platform.clone(),
        format: planned.format,
        base: (!config.is_null()).then(|| BaseParts {
            config,
            layers: of_base.into_iter().flatten().collect(),
        }),
        layers,
        settings: Settings {
            entrypoint: platform.entrypoint.clone(),
            cmd: platform.cmd.clone(),
            env: platform.env.clone(),
            user: platform.user.clone(),
            workdir: platform.workdir.clone(),
            ports: platform.ports.clone(),
            volumes: platform
                .volumes
                .iter()
                .map(|volume| volume.path.clone())
                .collect(),
            labels: platform.labels.clone(),
            stop_signal: platform.stop_signal.clone(),
        },
        annotations: platform.annotations.clone(),
        created: planned.created.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_that_nobody_speaks_of_keeps_the_levels_of_its_findings() {
        let mut checks = Checks::default();
        assert_eq!(levels(&checks), BTreeMap::new());
        checks.named.insert("root".to_owned(), CheckLevel::Deny);
        assert_eq!(levels(&checks), BTreeMap::from([(Check::Root, Level::Deny)]));
        checks.fit = Some(CheckLevel::Warn);
        let softened = levels(&checks);
        assert_eq!(softened[&Check::Root], Level::Deny);
        assert_eq!(softened[&Check::Workdir], Level::Warn);
        assert_eq!(softened[&Check::Glibc], Level::Warn);
    }

    #[test]
    fn certificates_are_named_whatever_the_base_says() {
        let named = || json!({"config": {"Env": [CERTIFICATES]}});
        for (config, expected) in [
            (json!({}), named()),
            (json!({"config": null}), named()),
            (json!({"config": {}}), named()),
            (json!({"config": {"Env": null}}), named()),
            (
                json!({"config": {"Env": ["PATH=/bin"]}}),
                json!({"config": {"Env": ["PATH=/bin", CERTIFICATES]}}),
            ),
        ] {
            let mut changed = config.clone();
            name_certificates(&mut changed);
            assert_eq!(changed, expected, "{config}");
        }
        for kept in [
            json!({"config": {"Env": ["SSL_CERT_FILE=/own"]}}),
            json!({"config": {"Env": "PATH=/bin"}}),
            json!({"config": "x"}),
            json!({"config": [1]}),
        ] {
            let mut same = kept.clone();
            name_certificates(&mut same);
            assert_eq!(same, kept);
        }
    }
}
