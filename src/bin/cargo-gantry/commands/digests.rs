//! `--digests-file`, and what GitHub Actions is told: digests for whoever goes on elsewhere.

use std::fmt::Write as _;
use std::fs::File;
use std::path::{Path, PathBuf};

use cargo_gantry::pipeline::{Built, Error, Gantry, PublishedImage, Written};
use cargo_gantry::release::{Digests, ImageDigests, PlatformDigest};
use cargo_gantry::spec::{Digest, Platform};

use crate::whole;

/// What was built, and the places that it was written to. A file for one platform alone is an image of its own there.
pub(super) fn of_built(built: &Built, written: &[Written]) -> Digests {
    let mut images = Vec::new();
    for image in &built.images {
        let listed = |digest, platforms, places| ImageDigests {
            image: image.name.clone(),
            version: image.version.clone(),
            digest,
            media_type: image.descriptor().media_type().to_string(),
            places,
            platforms,
        };
        let all = platforms(
            image
                .images
                .iter()
                .map(|image| (image.platform(), image.digest())),
        );
        let (whole, parts): (Vec<&Written>, Vec<&Written>) = written
            .iter()
            // A docker archive holds other bytes: whoever reads it compresses its layers anew.
            .filter(|one| one.image == image.name && !one.place.starts_with("docker-archive:"))
            .partition(|one| one.digest == image.digest());
        let places = |all: &[&Written]| all.iter().map(|one| one.place.clone()).collect();
        if parts.is_empty() || !whole.is_empty() {
            images.push(listed(image.digest(), all.clone(), places(&whole)));
            continue;
        }
        for part in parts {
            let own = all
                .iter()
                .filter(|known| Some(&known.platform) == part.platform.as_ref());
            images.push(listed(part.digest, own.cloned().collect(), places(&[part])));
        }
    }
    Digests { images }
}

/// What was published; an image at several repositories is there once.
pub(super) fn of_published(published: &[PublishedImage]) -> Digests {
    let mut images: Vec<ImageDigests> = Vec::new();
    for image in published {
        if let Some(known) = images
            .iter_mut()
            .find(|known| known.image == image.image && known.digest == image.digest)
        {
            known.places.push(image.reference.clone());
            continue;
        }
        images.push(ImageDigests {
            image: image.image.clone(),
            version: image.version.clone(),
            digest: image.digest,
            media_type: image.media_type.clone(),
            places: vec![image.reference.clone()],
            platforms: platforms(
                image
                    .platforms
                    .iter()
                    .map(|(platform, digest)| (platform, *digest)),
            ),
        });
    }
    Digests { images }
}

fn platforms<'a>(all: impl Iterator<Item = (&'a Platform, Digest)>) -> Vec<PlatformDigest> {
    all.map(|(platform, digest)| PlatformDigest {
        platform: platform.clone(),
        digest,
    })
    .collect()
}

/// That the file can be written, and the files that GitHub Actions names as well if they are to be `told`: better before
/// anything is published than after it.
pub(super) fn ready(path: Option<&Path>, told: Option<&Gantry>) -> Result<(), Error> {
    let unwritten = |path: &Path, source| Error::Write {
        path: path.to_owned(),
        source,
    };
    if let Some(path) = path {
        whole::writable(path).map_err(|source| unwritten(path, source))?;
    }
    let Some(gantry) = told else { return Ok(()) };
    for path in [OUTPUT, SUMMARY]
        .iter()
        .filter_map(|variable| file_of_github(gantry, variable))
    {
        appended(&path).map_err(|source| unwritten(&path, source))?;
    }
    Ok(())
}

/// Removes what an earlier run has written.
pub(super) fn forget(path: Option<&Path>) -> Result<(), Error> {
    path.map_or(Ok(()), |path| {
        whole::forget(path).map_err(|source| Error::Write {
            path: path.to_owned(),
            source,
        })
    })
}

/// Writes the file, whole or not at all.
pub(super) fn write(path: &Path, digests: &Digests) -> Result<(), Error> {
    whole::write(path, digests.text().as_bytes()).map_err(|source| Error::Write {
        path: path.to_owned(),
        source,
    })
}

/// Appends to the files that GitHub Actions names for a step's outputs and for the job's summary, where it does.
///
/// Outputs: `digest` and `reference` of the first image, `digests` (the document of `--digests-file`, in one line).
/// <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#environment-files>
pub(super) fn tell_github(
    gantry: &Gantry,
    digests: &Digests,
    published: &[PublishedImage],
) -> Result<(), Error> {
    let append = |variable: &str, text: &str| {
        let Some(path) = file_of_github(gantry, variable) else {
            return Ok(());
        };
        appended(&path)
            .and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()))
            .map_err(|source| Error::Write { path, source })
    };
    let mut outputs = String::new();
    if let Some(first) = published.first() {
        let _ = writeln!(outputs, "digest={}\nreference={}", first.digest, first.reference);
    }
    let _ = writeln!(outputs, "digests={}", digests.line());
    append(OUTPUT, &outputs)?;
    append(SUMMARY, &summary(published))
}

/// The variables that name a step's outputs and the job's summary.
const OUTPUT: &str = "GITHUB_OUTPUT";
const SUMMARY: &str = "GITHUB_STEP_SUMMARY";

fn file_of_github(gantry: &Gantry, variable: &str) -> Option<PathBuf> {
    let environment = gantry.tools().environment();
    let path = environment.non_empty(variable)?;
    Some(environment.directory().join(path))
}

/// A file that is there already, or is from now on.
fn appended(path: &Path) -> std::io::Result<File> {
    File::options().append(true).create(true).open(path)
}

/// A table in Markdown.
fn summary(published: &[PublishedImage]) -> String {
    let mut text = "| image | tags | platforms | digest |\n|---|---|---|---|\n".to_owned();
    for image in published {
        let platforms: Vec<String> = image
            .platforms
            .iter()
            .map(|(platform, _)| platform.to_string())
            .collect();
        let place = image.reference.split('@').next().unwrap_or_default();
        let tags = match image.tags.is_empty() {
            true => "none".to_owned(),
            false => image.tags.join(", "),
        };
        let _ = writeln!(
            text,
            "| `{place}` | {tags} | {} | `{}` |",
            platforms.join(", "),
            image.digest
        );
    }
    text
}
