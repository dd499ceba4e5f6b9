//! Writing built images to layouts and archives.
//!
//! What is written is an image with all its platforms. Where the path names something of a platform, or can hold but one
//! of them, as a docker archive does, it is one file for each. In a layout and an oci-archive that is the image's index
//! with the other platforms left out, annotations and all: as if this platform alone had been built, so that parts that
//! were made in different places can be put together again.

mod error;

use std::path::PathBuf;

pub use error::OutputError;

use super::{Built, BuiltImage, Error, Gantry};
use crate::archive::{self, ArchiveError, Root, SavedImage};
use crate::blob::Blob;
use crate::environment::Environment;
use crate::event::{Span, Stage};
use crate::matrix::Template;
use crate::plan::{Plan, PlannedImage};
use crate::publish::Destination;
use crate::spec::{Descriptor, Digest, Platform, json};

/// Variables that differ from platform to platform.
const OF_PLATFORM: [&str; 6] = [
    "os",
    "arch",
    "variant",
    "platform",
    "platform-full",
    "platform-path",
];

/// One file or layout that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Written {
    /// The image's name.
    pub image: String,
    /// The only platform that is in it; none where it holds all that were built.
    pub platform: Option<Platform>,
    /// Where it is, as the command line names places.
    pub place: String,
    /// What is there: an index, or a manifest that stands alone.
    pub digest: Digest,
}

pub(super) fn write(gantry: &Gantry, built: &Built, output: &str) -> Result<Vec<Written>, Error> {
    let subjects: Vec<Subject<'_>> = built.images.iter().map(Subject::of).collect();
    let mut written = Vec::new();
    for place in places(gantry.tools.environment(), output, &subjects)? {
        let image = &built.images[place.image];
        let platform = place.platform.map(|at| image.images[at].platform().clone());
        let of = (Some(image.name.as_str()), platform.as_ref());
        let _span = Span::begin(&gantry.observer, Stage::Assemble, of, output);
        let (shown, digest) = write_one(gantry, built, place)?;
        written.push(Written {
            image: image.name.clone(),
            platform,
            place: shown,
            digest,
        });
    }
    Ok(written)
}

fn write_one(gantry: &Gantry, built: &Built, place: Place) -> Result<(String, Digest), Error> {
    let image = &built.images[place.image];
    let named = |tag: Option<String>| tag.unwrap_or_else(|| version(image).replace('+', "-"));
    let root = match place.platform {
        Some(platform) => alone(built, image, platform)?,
        None => image.descriptor().clone(),
    };
    let digest = Blob::described(&root)?.digest;
    let shown = match place.destination {
        Destination::Layout(path, tag) => {
            let tag = named(tag);
            let roots = [Root::new(root, Some(&tag))];
            archive::write_layout(&built.store, &roots, &gantry.absolute(&path))?;
            format!("oci:{}:{tag}", path.display())
        }
        Destination::Archive(path, tag) => {
            let tag = named(tag);
            let roots = [Root::new(root, Some(&tag))];
            archive::write_archive(&built.store, &roots, &gantry.absolute(&path))?;
            format!("oci-archive:{}:{tag}", path.display())
        }
        Destination::DockerArchive(path, name) => {
            let platform = &image.images[place.platform.unwrap_or(0)];
            let names = match name {
                Some(name) => vec![name],
                None => names(image, platform.platform()),
            };
            let shown = match names.as_slice() {
                [name] => format!("docker-archive:{}:{name}", path.display()),
                _ => format!("docker-archive:{}", path.display()),
            };
            let manifest = platform.digest();
            let saved = [SavedImage { manifest, names }];
            archive::write_docker(&built.store, &saved, &gantry.absolute(&path))?;
            return Ok((shown, manifest));
        }
        Destination::Registry(reference) => {
            return Err(OutputError::Place {
                output: reference.to_string(),
            }
            .into());
        }
    };
    Ok((shown, digest))
}

/// What an image is called where it is loaded: what a release would call it, in each of its repositories. Without one
/// it has its own name, without a tag its version. Tags of a platform count where there are no others.
pub(super) fn names(image: &BuiltImage, platform: &Platform) -> Vec<String> {
    let of = |wanted: Option<&Platform>| -> Vec<&str> {
        let tags = image.tags.iter().filter(|tag| tag.platform.as_ref() == wanted);
        tags.map(|tag| tag.name.as_str()).collect()
    };
    let usual = version(image).replace('+', "-");
    let tags = [of(None), of(Some(platform)), vec![&usual]];
    let tags = tags.into_iter().find(|tags| !tags.is_empty()).unwrap_or_default();
    let own = [image.name.clone()];
    let repositories = if image.repositories.is_empty() {
        own.as_slice()
    } else {
        image.repositories.as_slice()
    };
    let name = |repository: &String| {
        let tags = tags.iter();
        tags.map(|tag| format!("{repository}:{tag}")).collect::<Vec<_>>()
    };
    repositories.iter().flat_map(name).collect()
}

/// What an image is called where nobody says it: as its version, or as tools call what has none.
fn version(image: &BuiltImage) -> &str {
    image.version.as_deref().unwrap_or("latest")
}

/// An image's index with one platform alone; where there is no index, its manifest.
fn alone(built: &Built, image: &BuiltImage, platform: usize) -> Result<Descriptor, Error> {
    let manifest = image.images[platform].descriptor();
    let Some(index) = image.index.as_ref() else {
        return Ok(manifest.clone());
    };
    let mut content: serde_json::Value =
        serde_json::from_slice(index.bytes()).expect("it was written just now");
    let digest = manifest.digest().to_string();
    if let Some(manifests) = content["manifests"].as_array_mut() {
        manifests.retain(|listed| listed["digest"].as_str() == Some(&digest));
    }
    let blob = built.store.put(&json::to_vec(&content))?;
    Ok(blob.descriptor(index.descriptor().media_type().clone()))
}

/// That `output` can be understood, whatever is built.
pub(super) fn check(gantry: &Gantry, output: &str) -> Result<(), Error> {
    let platform = Platform::new("linux", "amd64", None);
    let sample = Subject {
        name: "image",
        version: "1.0.0",
        platforms: vec![&platform],
    };
    places(gantry.tools.environment(), output, &[sample]).map(drop)
}

/// That what is planned can be written to `outputs`.
pub(super) fn check_planned(gantry: &Gantry, plan: &Plan, outputs: &[String]) -> Result<(), Error> {
    let subjects: Vec<Subject<'_>> = plan.images.iter().map(Subject::planned).collect();
    for place in all_places(gantry.tools.environment(), outputs, &subjects)? {
        let file = place.file().map(|file| gantry.absolute(file));
        // What else can be wrong there is found when it is written.
        if let Some(path) = file.filter(|file| matches!(archive::replaced_at(file), Ok(None))) {
            return Err(ArchiveError::NoFile { path }.into());
        }
    }
    Ok(())
}

/// The places of all images in all `outputs`, no two the same.
fn all_places(
    environment: &Environment,
    outputs: &[String],
    subjects: &[Subject<'_>],
) -> Result<Vec<Place>, Error> {
    let mut all: Vec<Place> = Vec::new();
    for output in outputs {
        let places = places(environment, output, subjects)?;
        for place in &places {
            if let Some(other) = all.iter().find(|other| other.clashes(place)) {
                if (other.image, other.platform) == (place.image, place.platform) {
                    return Err(OutputError::Twice {
                        image: subjects[place.image].shown(place.platform),
                        output: place.destination.to_string(),
                    }
                    .into());
                }
                return Err(OutputError::Same {
                    first: subjects[other.image].shown(other.platform),
                    second: subjects[place.image].shown(place.platform),
                    output: place.destination.to_string(),
                }
                .into());
            }
        }
        all.extend(places);
    }
    Ok(all)
}

/// What a path may say of an image.
struct Subject<'a> {
    name: &'a str,
    version: &'a str,
    platforms: Vec<&'a Platform>,
}

impl<'a> Subject<'a> {
    fn of(image: &'a BuiltImage) -> Self {
        Self {
            name: &image.name,
            version: version(image),
            platforms: image.images.iter().map(|image| image.platform()).collect(),
        }
    }

    fn planned(image: &'a PlannedImage) -> Self {
        Self {
            name: &image.name,
            version: image.version.as_deref().unwrap_or("latest"),
            platforms: image.platforms.iter().map(|planned| &planned.platform).collect(),
        }
    }

    /// The image, and its platform where that has a file of its own.
    fn shown(&self, platform: Option<usize>) -> String {
        match platform {
            Some(platform) => format!("{} for {}", self.name, self.platforms[platform]),
            None => self.name.to_owned(),
        }
    }

    fn value(&self, environment: &Environment, platform: Option<usize>, name: &str) -> Option<String> {
        if let Some(variable) = name.strip_prefix("env.") {
            return environment.var(variable).map(str::to_owned);
        }
        let part = |position: usize| {
            let version = semver::Version::parse(self.version).ok()?;
            Some([version.major, version.minor, version.patch][position].to_string())
        };
        match name {
            "image" => return Some(self.name.to_owned()),
            "version" => return Some(self.version.to_owned()),
            "major" => return part(0),
            "minor" => return part(1),
            "patch" => return part(2),
            _ => {}
        }
        let platform = self.platforms[platform?];
        match name {
            "os" => Some(platform.os().to_owned()),
            "arch" => Some(platform.architecture().to_owned()),
            "variant" => Some(platform.variant().unwrap_or_default().to_owned()),
            "platform" => Some(platform.dashed()),
            "platform-full" => Some(platform.dashed_full()),
            "platform-path" => Some(platform.to_string()),
            _ => None,
        }
    }
}

/// Where an image goes, or one of its platforms; both by their position.
#[derive(Debug)]
struct Place {
    destination: Destination,
    image: usize,
    platform: Option<usize>,
}

impl Place {
    /// Whether one would be written over the other: an archive holds one image, a layout one of each name.
    fn clashes(&self, other: &Self) -> bool {
        match (self.file(), other.file()) {
            (Some(one), Some(two)) => one == two,
            _ => self.destination == other.destination,
        }
    }

    fn file(&self) -> Option<&PathBuf> {
        match &self.destination {
            Destination::Archive(path, _) | Destination::DockerArchive(path, _) => Some(path),
            _ => None,
        }
    }
}

/// The places of all images, no two the same.
fn places(environment: &Environment, output: &str, subjects: &[Subject<'_>]) -> Result<Vec<Place>, Error> {
    let wrong = |source| OutputError::Template {
        output: output.to_owned(),
        source,
    };
    let template = Template::parse(output).map_err(wrong)?;
    let each = OF_PLATFORM.iter().any(|name| template.uses(name));
    let mut places: Vec<Place> = Vec::new();
    for (image, subject) in subjects.iter().enumerate() {
        let platforms: Vec<Option<usize>> = if each {
            (0..subject.platforms.len()).map(Some).collect()
        } else {
            vec![None]
        };
        for platform in platforms {
            let value = |name: &str, _: Option<&str>| subject.value(environment, platform, name);
            let filled = template.render(&value).map_err(wrong)?;
            let destination: Destination = filled.parse()?;
            let written = match &destination {
                Destination::Registry(_) => false,
                // A position is for reading: there the archive is new.
                Destination::DockerArchive(_, name) => {
                    !name.as_ref().is_some_and(|name| name.starts_with('@'))
                }
                _ => true,
            };
            if !written {
                return Err(OutputError::Place { output: filled }.into());
            }
            if let (Destination::DockerArchive(..), None, 2..) =
                (&destination, platform, subject.platforms.len())
            {
                let platforms: Vec<String> = subject.platforms.iter().map(ToString::to_string).collect();
                return Err(OutputError::SeveralPlatforms {
                    image: subject.name.to_owned(),
                    platforms,
                    output: filled,
                }
                .into());
            }
            let place = Place {
                destination,
                image,
                platform,
            };
            if let Some(other) = places.iter().find(|other| other.clashes(&place)) {
                return Err(OutputError::Same {
                    first: subjects[other.image].shown(other.platform),
                    second: subject.shown(platform),
                    output: filled,
                }
                .into());
            }
            places.push(place);
        }
    }
    Ok(places)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two<R>(platforms: &[&str], then: impl FnOnce(&[Subject<'_>]) -> R) -> R {
        let platforms: Vec<Platform> = platforms.iter().map(|text| text.parse().unwrap()).collect();
        let subject = |name, version| Subject {
            name,
            version,
            platforms: platforms.iter().collect(),
        };
        then(&[subject("api", "1.0.0"), subject("web", "1.1.0")])
    }

    fn shown(output: &str, platforms: &[&str]) -> Result<Vec<String>, Error> {
        let environment = Environment::empty("/").with("OUT", "dist");
        let found = two(platforms, |subjects| places(&environment, output, subjects))?;
        Ok(found.iter().map(|place| place.destination.to_string()).collect())
    }

    #[test]
    fn no_image_is_written_over_another() {
        for (output, clash) in [
            ("oci:out/{image}", None),
            ("oci:out:{image}", None),
            ("oci:out", Some(("api", "web"))),
            ("oci-archive:{image}.tar", None),
            ("oci-archive:out.tar", Some(("api", "web"))),
            ("oci-archive:out.tar:{image}", Some(("api", "web"))),
            ("oci-archive:out.tar:{version}", Some(("api", "web"))),
            (
                "docker-archive:{image}-{os}.tar",
                Some(("api for linux/arm/v6", "api for linux/arm/v7")),
            ),
            (
                "docker-archive:{platform}.tar",
                Some(("api for linux/arm/v6", "web for linux/arm/v6")),
            ),
            ("docker-archive:{image}/{platform-path}.tar", None),
        ] {
            match shown(output, &["linux/arm/v6", "linux/arm/v7"]) {
                Err(Error::Output(OutputError::Same { first, second, .. })) => {
                    assert_eq!(Some((first.as_str(), second.as_str())), clash, "{output}");
                }
                found => assert_eq!((found.is_ok(), clash), (true, None), "{output}"),
            }
        }
    }

    #[test]
    fn no_output_is_written_over_another() {
        let environment = Environment::empty("/");
        for (one, two, good) in [
            (
                "oci-archive:{image}.tar",
                "docker-archive:{image}-{platform}.tar",
                true,
            ),
            ("oci:out:{image}", "oci:out:{image}-{version}", true),
            ("oci-archive:{image}.tar:a", "oci-archive:{image}.tar:b", false),
            (
                "oci-archive:{image}-linux-amd64.tar",
                "docker-archive:{image}-{platform}.tar",
                false,
            ),
            ("oci:out:{image}", "oci:out:{image}", false),
        ] {
            let outputs = [one.to_owned(), two.to_owned()];
            let found = self::two(&["linux/amd64"], |subjects| {
                all_places(&environment, &outputs, subjects)
            });
            let own = "image `api` would be written to";
            let refused = match &found {
                Err(Error::Output(OutputError::Same { .. })) => true,
                Err(Error::Output(error @ OutputError::Twice { .. })) => error.to_string().starts_with(own),
                _ => false,
            };
            assert_eq!(refused, !good, "{one} {two}: {found:?}");
        }
    }

    #[test]
    fn paths_are_filled_in() {
        let platforms = ["linux/amd64", "linux/arm64"];
        for (output, expected) in [
            (
                "oci:{env.OUT}/{image}:{major}.{minor}",
                vec!["oci:dist/api:1.0", "oci:dist/web:1.1"],
            ),
            (
                "docker-archive:{image}-{arch}.tar:acme/{image}:{version}",
                vec![
                    "docker-archive:api-amd64.tar:acme/api:1.0.0",
                    "docker-archive:api-arm64.tar:acme/api:1.0.0",
                    "docker-archive:web-amd64.tar:acme/web:1.1.0",
                    "docker-archive:web-arm64.tar:acme/web:1.1.0",
                ],
            ),
            (
                "oci-archive:{image}-{platform-full}{env.NONE:-}.tar",
                vec![
                    "oci-archive:api-linux-amd64.tar",
                    "oci-archive:api-linux-arm64-v8.tar",
                    "oci-archive:web-linux-amd64.tar",
                    "oci-archive:web-linux-arm64-v8.tar",
                ],
            ),
        ] {
            assert_eq!(shown(output, &platforms).unwrap(), expected, "{output}");
        }
        let several = shown("docker-archive:{image}.tar", &platforms);
        assert!(matches!(
            several,
            Err(Error::Output(OutputError::SeveralPlatforms { .. }))
        ));
        assert!(shown("docker-archive:{image}.tar", &["linux/arm64"]).is_ok());
        for wrong in ["localhost:1/x", "docker-archive:{image}.tar:@0"] {
            assert!(
                matches!(
                    shown(wrong, &platforms),
                    Err(Error::Output(OutputError::Place { .. }))
                ),
                "{wrong}"
            );
        }
        for wrong in ["oci:out/{imag}", "oci:out/{", "oci:out/{branch}"] {
            let found = shown(wrong, &platforms);
            assert!(
                matches!(found, Err(Error::Output(OutputError::Template { .. }))),
                "{wrong}"
            );
        }
    }
}
