//! Images that are there already, found and read by the names that users give them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::scratch::Scratch;
use super::{Error, Gantry, blocking};
use crate::archive::{self, Layout};
use crate::publish::{Destination, Source};
use crate::registry::{Client, Repository};
use crate::release::{self, Digests, DigestsError, ImageDigests, Part, ReadError, ReleaseError};
use crate::spec::{Digest, Reference};

/// Reads images by their names.
pub(super) struct Sources<'a> {
    gantry: &'a Gantry,
    client: &'a Client,
    /// Where images of docker archives are unpacked to.
    scratch: Option<Arc<Scratch>>,
}

impl<'a> Sources<'a> {
    /// `client` reads what lies in registries.
    pub(super) fn new(gantry: &'a Gantry, client: &'a Client) -> Self {
        Self {
            gantry,
            client,
            scratch: None,
        }
    }

    /// Everything that `named` stands for: one image, or those of a file of digests or a docker archive.
    pub(super) async fn read(&mut self, named: &str) -> Result<Vec<Part>, Error> {
        match named.parse::<Source>()? {
            Source::Place(place) => self.at(named, place).await,
            Source::Digests(path) => {
                let path = self.gantry.absolute(&path);
                let digests = Digests::read(&path).map_err(ReleaseError::from)?;
                let mut parts = Vec::new();
                for image in &digests.images {
                    parts.push(self.listed(&path, image).await?);
                }
                Ok(parts)
            }
        }
    }

    /// The one image that `named` stands for. Several of a docker archive, or of one name in a file of digests, are its
    /// platforms.
    pub(super) async fn read_one(&mut self, named: &str) -> Result<Part, Error> {
        let mut parts = self.read(named).await?;
        match parts.len() {
            1 => Ok(parts.remove(0)),
            _ if parts.iter().all(|part| part.image == parts[0].image) => {
                let merged = release::merge(&parts, &[], &BTreeMap::new());
                Ok(merged.map_err(ReleaseError::from)?.part)
            }
            _ => Err(Error::WhichImage {
                images: parts.into_iter().filter_map(|part| part.image).collect(),
            }),
        }
    }

    /// What must stay for as long as the parts are used.
    pub(super) fn keep(self) -> Option<Arc<Scratch>> {
        self.scratch
    }

    async fn at(&mut self, named: &str, place: Destination) -> Result<Vec<Part>, Error> {
        match place {
            Destination::Layout(path, entry) | Destination::Archive(path, entry) => {
                let path = self.gantry.absolute(&path);
                Ok(vec![in_layout(path, named.to_owned(), entry).await?])
            }
            Destination::DockerArchive(path, image) => {
                self.in_docker_archive(self.gantry.absolute(&path), named, image)
                    .await
            }
            Destination::Registry(reference) => {
                Ok(vec![release::read::registry(self.client, &reference).await?])
            }
        }
    }

    /// The images of a docker archive, each for its platform.
    async fn in_docker_archive(
        &mut self,
        path: PathBuf,
        named: &str,
        image: Option<String>,
    ) -> Result<Vec<Part>, Error> {
        let scratch = match &self.scratch {
            Some(scratch) => Arc::clone(scratch),
            None => Arc::new(Scratch::anywhere(self.gantry)?),
        };
        self.scratch = Some(Arc::clone(&scratch));
        let named = named.to_owned();
        blocking(move || {
            let store = scratch.store();
            let mut parts = Vec::new();
            for image in archive::import_docker(&path, image.as_deref(), store)? {
                let digest = image.descriptor.digest().to_string();
                store.add_entry(&digest, &image.descriptor)?;
                let layout = Layout::open(store.root())?;
                parts.push(release::read::layout(&layout, &named, Some(&digest))?);
            }
            Ok(parts)
        })
        .await
    }

    /// An image that a file of digests lists: at the first of its places that is here, else in a registry. What is here
    /// under another digest is an error, whatever the other places hold.
    async fn listed(&self, file: &Path, image: &ImageDigests) -> Result<Part, Error> {
        let differs = |place: &str, found: Digest| {
            ReleaseError::from(DigestsError::Differs {
                path: file.to_owned(),
                place: place.to_owned(),
                found,
                expected: image.digest,
            })
        };
        let (mut here, mut remote) = (None, Vec::new());
        for named in &image.places {
            match named.parse::<Destination>()? {
                Destination::Layout(path, entry) | Destination::Archive(path, entry) => {
                    // Machines differ: where the file was brought, the images may lie beside it.
                    let beside = file.parent().map(|folder| folder.join(&path));
                    let places = [Some(self.gantry.absolute(&path)), beside];
                    let Some(path) = places.into_iter().flatten().find(|path| path.exists()) else {
                        continue;
                    };
                    let part = in_layout(path, named.clone(), entry).await?;
                    if *part.content.digest() != image.digest {
                        return Err(differs(named, *part.content.digest()).into());
                    }
                    here.get_or_insert(part);
                }
                // It holds other digests than those of the index that it was made of.
                Destination::DockerArchive(..) => {}
                Destination::Registry(reference) => {
                    let found = reference
                        .digest()
                        .and_then(|digest| digest.parse::<Digest>().ok());
                    match found.filter(|found| *found != image.digest) {
                        Some(found) => return Err(differs(named, found).into()),
                        None => remote.push((named, reference)),
                    }
                }
            }
        }
        let part = match here {
            Some(part) => Some(also_in(part, remote.first().map(|(_, reference)| reference))),
            None => in_registries(self.client, &remote, image, differs).await?,
        };
        let part = part.ok_or_else(|| {
            ReleaseError::from(DigestsError::Nowhere {
                path: file.to_owned(),
                image: image.image.clone(),
                help: match image.places.is_empty() {
                    true => "it lists no place".to_owned(),
                    false => format!("they are: {}", image.places.join(", ")),
                },
            })
        })?;
        Ok(Part {
            image: Some(image.image.clone()),
            ..part
        })
    }
}

async fn in_layout(path: PathBuf, named: String, entry: Option<String>) -> Result<Part, Error> {
    blocking(move || {
        let layout = Layout::open(path)?;
        Ok(release::read::layout(&layout, &named, entry.as_deref())?)
    })
    .await
}

/// The first of some references that is there, by its digest.
async fn in_registries(
    client: &Client,
    places: &[(&String, Reference)],
    image: &ImageDigests,
    differs: impl Fn(&str, Digest) -> ReleaseError,
) -> Result<Option<Part>, Error> {
    for (named, reference) in places {
        if reference.digest().is_none() {
            let found = client.manifest_digest(reference).await?;
            if let Some(found) = found.filter(|found| found.digest != image.digest) {
                return Err(differs(named, found.digest).into());
            }
        }
        let exact = Repository::from(reference).at(&image.digest);
        match release::read::registry(client, &exact).await {
            Err(ReleaseError::Read(ReadError::NotFound { .. })) => {}
            part => return Ok(Some(part?)),
        }
    }
    Ok(None)
}

/// The same image, whose blobs a registry has as well.
fn also_in(mut part: Part, place: Option<&Reference>) -> Part {
    if let Some(place) = place {
        let repository = Repository::from(place);
        let blobs = part.content.blobs.into_iter();
        part.content.blobs = blobs.map(|blob| blob.also_in(repository.clone())).collect();
    }
    part
}
