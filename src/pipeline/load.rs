//! Building for the container runtime that is here, and loading into it.

mod elsewhere;

use super::output::names;
use super::prepare::matrix_alone;
use super::{Access, Error, Gantry, Request, blocking};
use crate::event::{Span, Stage};
use crate::matrix::Matrix;
use crate::publish::daemon::{Cargo, Daemon, DaemonError, Runtime};
use crate::spec::Platform;
use crate::target::Catalog;

/// An image that was loaded.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LoadedImage {
    /// The image's name in the matrix.
    pub image: String,
    /// What it runs on.
    pub platform: Platform,
    /// What it is called there.
    pub names: Vec<String>,
    /// Its id there: a digest.
    pub id: String,
    /// Where it is: `docker`, `kind cluster dev`.
    pub runtime: String,
}

impl Gantry {
    /// Builds for the platform of a container runtime that is here, and loads the images into it under the names that a
    /// release would set: into the runtime that is named, else docker if it answers, else podman. A platform of the request
    /// goes before the runtime's. `loaded` is called for each image before the next is looked at.
    ///
    /// # Errors
    /// When there is no runtime, it has no platform of the matrix, or refuses an image; and as [`Gantry::build`].
    pub async fn load(
        &self,
        request: &Request,
        into: Option<&Runtime>,
        loaded: &mut (dyn FnMut(LoadedImage) + Send),
    ) -> Result<(), Error> {
        load(self, request, into, loaded).await
    }

    /// Loads images that are there already, by their names in the words of [`publish::Source`](crate::publish::Source):
    /// of each the platform of the request, else the best one for the runtime. They keep their names, unless the request
    /// has repositories or tags.
    ///
    /// # Errors
    /// As [`Gantry::load`], and when an image cannot be read.
    pub async fn load_named(
        &self,
        named: &[String],
        request: &Request,
        access: &Access,
        into: Option<&Runtime>,
        loaded: &mut (dyn FnMut(LoadedImage) + Send),
    ) -> Result<(), Error> {
        elsewhere::load(self, named, request, access, into, loaded).await
    }
}

async fn load(
    gantry: &Gantry,
    request: &Request,
    into: Option<&Runtime>,
    loaded: &mut (dyn FnMut(LoadedImage) + Send),
) -> Result<(), Error> {
    if request.platforms.len() > 1 {
        return Err(Error::OnePlatform);
    }
    // Before anything is compiled: for nobody, or for the wrong platform, that would be in vain.
    let daemon = Daemon::find(&gantry.tools, into, &here(gantry)).await?;
    let mut request = request.clone();
    request.to_publish = false;
    match request.platforms.first() {
        Some(platform) if runs(daemon.platform()).contains(platform) => {}
        Some(platform) => gantry.notice(&format!(
            "{daemon} runs {}: what is loaded for {platform} may not start there",
            daemon.platform()
        )),
        None => {
            let wanted = Wanted {
                runtime: daemon.to_string(),
                runs: daemon.platform().clone(),
            };
            let (gantry, asked) = (gantry.clone(), request.clone());
            request.platforms = blocking(move || wanted.of(&gantry, &asked)).await?;
        }
    }
    let built = gantry.build(&request).await?;
    for image in &built.images {
        let platforms: Vec<&Platform> = image.images.iter().map(|image| image.platform()).collect();
        let chosen = chosen(daemon.platform(), &platforms).unwrap_or(0);
        let platform = platforms[chosen].clone();
        let cargo = Cargo {
            manifest: image.images[chosen].descriptor().clone(),
            names: names(image, &platform),
            platform: platform.clone(),
        };
        let of = (Some(image.name.as_str()), Some(&platform));
        let _span = Span::begin(&gantry.observer, Stage::Upload, of, &daemon.to_string());
        let there = daemon.load(&built.store, &cargo).await?;
        loaded(LoadedImage {
            image: image.name.clone(),
            platform,
            names: there.names,
            id: there.id,
            runtime: daemon.to_string(),
        });
    }
    Ok(())
}

/// This machine, as a platform of Linux: containers run on nothing else that we pack for.
fn here(gantry: &Gantry) -> Platform {
    let machine = gantry.tools.environment().machine();
    let catalog = Catalog::builtin();
    let ours = catalog
        .iter()
        .find(|target| target.platform.os() == "linux" && target.arch == machine.arch);
    ours.map_or_else(
        || Platform::new("linux", machine.arch, None),
        |target| target.platform.clone(),
    )
}

struct Wanted {
    runtime: String,
    runs: Platform,
}

impl Wanted {
    /// The platforms to build, so that each image is there for the runtime.
    fn of(&self, gantry: &Gantry, request: &Request) -> Result<Vec<Platform>, Error> {
        let (matrix, _, _) = matrix_alone(gantry, request)?;
        let mut found: Vec<Platform> = Vec::new();
        for (image, platforms) in declared(&matrix, request) {
            let Some(position) = chosen(&self.runs, &platforms) else {
                let platforms: Vec<String> = platforms.iter().map(ToString::to_string).collect();
                return Err(Error::Daemon(DaemonError::Platform {
                    runtime: self.runtime.clone(),
                    runs: self.runs.clone(),
                    image,
                    platforms: platforms.join(", "),
                }));
            };
            if !found.contains(platforms[position]) {
                found.push(platforms[position].clone());
            }
        }
        Ok(found)
    }
}

/// The images that are asked for, with what they are declared for.
fn declared<'a>(matrix: &'a Matrix, request: &Request) -> Vec<(String, Vec<&'a Platform>)> {
    let selected = |name: &String| request.images.is_empty() || request.images.contains(name);
    let images = matrix.declared().iter();
    let images = images.filter(|image| matrix.images.is_empty() || selected(&image.name));
    images
        .map(|image| {
            let platforms = image.platforms.iter().map(|settings| &settings.platform);
            (image.name.clone(), platforms.collect())
        })
        .collect()
}

/// The position of the best platform for a runtime.
fn chosen(runtime: &Platform, platforms: &[&Platform]) -> Option<usize> {
    runs(runtime)
        .iter()
        .find_map(|able| platforms.iter().position(|platform| *platform == able))
}

/// What a runtime of this platform starts, best first, as containerd has it.
/// <https://github.com/containerd/platforms/blob/v0.2.1/compare.go>
fn runs(runtime: &Platform) -> Vec<Platform> {
    let other =
        |architecture: &str, variant: Option<&str>| Platform::new(runtime.os(), architecture, variant);
    let arm = |newest: u8| (5..=newest).rev().map(move |variant| format!("v{variant}"));
    let arm = |newest: u8| {
        arm(newest)
            .map(|variant| other("arm", Some(&variant)))
            .collect::<Vec<_>>()
    };
    let lesser = match (runtime.architecture(), runtime.variant()) {
        ("amd64", None) => vec![other("386", None)],
        ("amd64", Some(variant)) => {
            let level = variant
                .strip_prefix('v')
                .and_then(|level| level.parse::<u8>().ok());
            let levels = (1..level.unwrap_or(1)).rev();
            let levels = levels.map(|level| other("amd64", Some(&format!("v{level}"))));
            levels.chain([other("386", None)]).collect()
        }
        ("arm64", _) => [vec![other("arm64", None)], arm(7)].concat(),
        ("arm", Some("v6")) => arm(5),
        ("arm", Some("v7")) => arm(6),
        ("arm", Some("v8")) => arm(7),
        _ => Vec::new(),
    };
    [vec![runtime.clone()], lesser].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_platform_of_a_runtime_is_chosen() {
        for (runtime, declared, expected) in [
            (
                "linux/amd64",
                "linux/arm64 linux/386 linux/amd64",
                Some("linux/amd64"),
            ),
            ("linux/amd64", "linux/arm64 linux/386", Some("linux/386")),
            ("linux/amd64", "linux/amd64/v3 linux/arm64", None),
            (
                "linux/amd64/v3",
                "linux/amd64 linux/amd64/v2",
                Some("linux/amd64/v2"),
            ),
            ("linux/arm64", "linux/arm/v6 linux/arm/v7", Some("linux/arm/v7")),
            ("linux/arm64/v8", "linux/arm64 linux/arm/v7", Some("linux/arm64")),
            ("linux/arm/v6", "linux/arm/v7 linux/arm/v6", Some("linux/arm/v6")),
            ("linux/arm/v6", "linux/arm/v7", None),
            ("linux/riscv64", "linux/riscv64", Some("linux/riscv64")),
            ("windows/amd64", "linux/amd64", None),
        ] {
            let platforms: Vec<Platform> = declared.split(' ').map(|text| text.parse().unwrap()).collect();
            let platforms: Vec<&Platform> = platforms.iter().collect();
            let found = chosen(&runtime.parse().unwrap(), &platforms);
            let found = found.map(|position| platforms[position].to_string());
            assert_eq!(found.as_deref(), expected, "{runtime}: {declared}");
        }
    }
}
