//! One room's noun becomes the next room's input. Nothing is decided here.

use serde_json::{Value, json};

use super::prepare::Prepared;
use super::{Error, Gantry};
use crate::base::builtin;
use crate::build::{self, link};
use crate::codec;
use crate::matrix::{Compression, Linker, Moves, Provide, Strip};
use crate::plan::{self, BuildUnit, PackageUse, PlannedPlatform};
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
            .map(|binary| binary.name.clone())
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
        rustflags: choice.rustflags.clone(),
    }
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
    let remap = || build::Remap {
        sysroot: Some(prepared.toolchain.sysroot().to_owned()),
        build_directory: project.build_directory.clone(),
        commit: prepared.toolchain.commit().map(str::to_owned),
    };
    let triples: Vec<&str> = unit.targets.iter().map(|target| target.triple.as_str()).collect();
    let directory = &project.target_directory;
    Ok(build::CargoUnit {
        name: format!("{} for {}", unit.name, triples.join(", ")),
        workspace: project.root.clone(),
        selections: unit.packages.iter().map(selection).collect(),
        profile: unit.profile.clone(),
        strip: match unit.strip {
            Strip::None => build::Strip::None,
            Strip::DebugInfo => build::Strip::Debuginfo,
            Strip::Symbols => build::Strip::Symbols,
        },
        targets: unit.targets.iter().map(target).collect::<Result<_, _>>()?,
        remap: unit.remap_paths.then(remap),
        locked: prepared.request.locked,
        offline: prepared.request.offline,
        frozen: prepared.request.frozen,
        jobs: prepared.request.jobs,
        target_directory: match &unit.own_directory {
            Some(name) => gantry.absolute(directory).join("gantry-units").join(name),
            None => gantry.absolute(directory),
        },
        environment: unit.environment.clone(),
    })
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
            Moves::Always => Self::Always,
        }
    }
}

/// The config that the built-in base would have if it were an image.
pub(super) fn base_config(platform: &PlannedPlatform) -> Option<Value> {
    let mut env = Vec::new();
    if platform.base == "static" {
        env.push("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    }
    if platform.provide.contains(&Provide::CaCertificates) {
        // Programs differ in where they look for certificates; this variable is what most of them agree on.
        env.push("SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt");
    }
    (!env.is_empty()).then(|| json!({"config": {"Env": env}}))
}
