//! Writing built images to a layout or an archive.

use std::path::PathBuf;

use super::{Built, BuiltImage, Error, Gantry};
use crate::archive::{self, Root};
use crate::publish::Destination;
use crate::spec::Digest;

pub(super) fn write(gantry: &Gantry, built: &Built, output: &str) -> Result<Vec<(String, Digest)>, Error> {
    let named = built
        .images
        .iter()
        .map(|image| (image.name.as_str(), version(image)));
    let places = places(output, named)?;
    let mut written = Vec::new();
    for (image, place) in built.images.iter().zip(places) {
        let named = |tag: Option<String>| tag.unwrap_or_else(|| version(image).replace('+', "-"));
        let roots = |tag: &str| [Root::new(image.descriptor().clone(), Some(tag))];
        let shown = match place {
            Place::Layout(path, tag) => {
                let tag = named(tag);
                archive::write_layout(&built.store, &roots(&tag), &gantry.absolute(&path))?;
                format!("oci:{}:{tag}", path.display())
            }
            Place::Archive(path, tag) => {
                let tag = named(tag);
                archive::write_archive(&built.store, &roots(&tag), &gantry.absolute(&path))?;
                format!("oci-archive:{}:{tag}", path.display())
            }
        };
        written.push((shown, image.digest()));
    }
    Ok(written)
}

/// What an image is called where nobody says it: as its version, or as tools call what has none.
fn version(image: &BuiltImage) -> &str {
    image.version.as_deref().unwrap_or("latest")
}

pub(super) fn check(output: &str) -> Result<(), Error> {
    places(output, std::iter::once(("image", "1.0.0"))).map(drop)
}

/// Where one image goes.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    Layout(PathBuf, Option<String>),
    Archive(PathBuf, Option<String>),
}

impl Place {
    /// Whether one would be written over the other: an archive holds one image, a layout one of each name.
    fn clashes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Archive(one, _), Self::Archive(two, _)) => one == two,
            (one, two) => one == two,
        }
    }
}

/// The place of each image (name, version), all different.
fn places<'a>(output: &str, images: impl Iterator<Item = (&'a str, &'a str)>) -> Result<Vec<Place>, Error> {
    let mut places: Vec<Place> = Vec::new();
    let mut names: Vec<&str> = Vec::new();
    for (name, version) in images {
        let filled = output.replace("{image}", name).replace("{version}", version);
        // A variable that there is not would become the name of a folder.
        if filled.contains(['{', '}']) {
            return Err(Error::Output { output: filled });
        }
        let place = match filled.parse::<Destination>()? {
            Destination::Layout(path, tag) => Place::Layout(path, tag),
            Destination::Archive(path, tag) => Place::Archive(path, tag),
            Destination::Registry(_) => return Err(Error::Output { output: filled }),
        };
        if let Some(first) = places.iter().position(|other| other.clashes(&place)) {
            return Err(Error::SameOutput {
                first: names[first].to_owned(),
                second: name.to_owned(),
                output: filled,
            });
        }
        places.push(place);
        names.push(name);
    }
    Ok(places)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_image_is_written_over_another() {
        for (output, clash) in [
            ("oci:out/{image}", false),
            ("oci:out:{image}", false),
            ("oci:out", true),
            ("oci-archive:{image}.tar", false),
            ("oci-archive:out.tar", true),
            ("oci-archive:out.tar:{image}", true),
            ("oci-archive:out.tar:{version}", true),
        ] {
            let found = places(output, [("api", "1.0.0"), ("web", "1.1.0")].into_iter());
            match found {
                Err(Error::SameOutput { first, second, .. }) => {
                    assert!(clash && first == "api" && second == "web", "{output}");
                }
                found => assert_eq!((found.unwrap().len(), clash), (2, false), "{output}"),
            }
        }
        for wrong in ["localhost:1/x", "oci:out/{platform}", "oci:out/{imag}"] {
            let found = places(wrong, [("api", "1.0.0")].into_iter());
            assert!(matches!(found, Err(Error::Output { .. })), "{wrong}");
        }
    }
}
