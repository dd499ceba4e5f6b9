//! Writing built images to a layout or an archive.

use super::{Built, Error, Gantry};
use crate::archive::{self, Root};
use crate::publish::Destination;
use crate::spec::Digest;

pub(super) fn write(gantry: &Gantry, built: &Built, output: &str) -> Result<Vec<(String, Digest)>, Error> {
    let mut places: Vec<(String, &str)> = Vec::new();
    for image in &built.images {
        let place = output
            .replace("{image}", &image.name)
            .replace("{version}", &image.version);
        if let Some((_, first)) = places.iter().find(|(other, _)| *other == place) {
            let (first, second) = ((*first).to_owned(), image.name.clone());
            return Err(Error::SameOutput {
                first,
                second,
                output: place,
            });
        }
        places.push((place, &image.name));
    }
    let mut written = Vec::new();
    for (image, (place, _)) in built.images.iter().zip(places) {
        let refused = || Error::Output {
            output: place.clone(),
        };
        let destination: Destination = place.parse()?;
        let named = |tag: &Option<String>| tag.clone().unwrap_or_else(|| image.version.replace('+', "-"));
        let roots = |tag: &str| [Root::new(image.index.descriptor().clone(), Some(tag))];
        let shown = match &destination {
            Destination::Layout(path, tag) => {
                let tag = named(tag);
                archive::write_layout(&built.store, &roots(&tag), &gantry.absolute(path))?;
                format!("oci:{}:{tag}", path.display())
            }
            Destination::Archive(path, tag) => {
                let tag = named(tag);
                archive::write_archive(&built.store, &roots(&tag), &gantry.absolute(path))?;
                format!("oci-archive:{}:{tag}", path.display())
            }
            Destination::Registry(_) => return Err(refused()),
        };
        written.push((shown, image.index.digest()));
    }
    Ok(written)
}
