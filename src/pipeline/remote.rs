//! What registries have already: of an image that is built, or of one that is only planned. Nothing is written.

use super::parcel::destinations;
use super::publish::{Terms, client, one_registry};
use super::{Access, Error, Gantry, Parcel, Request, ground, prepare};
use crate::base::Origin;
use crate::blob::Blob;
use crate::plan::{Plan, PlannedImage};
use crate::publish::{self, Options, PublishError, Tag};
use crate::registry::{BlobSource, Repository};
use crate::release::{self, BlobState, Judge, Survey, TagState};
use crate::spec::Reference;

/// What publishing one image to one repository would do.
#[derive(Debug)]
#[non_exhaustive]
pub struct Rehearsed {
    /// The image's name.
    pub image: String,
    /// What is there, and what would change.
    pub survey: Survey,
    /// Tags are held back, since a declared platform is missing.
    pub held_back: bool,
    /// Why it would be refused, if it would be.
    pub refused: Option<PublishError>,
}

/// What is known before anything is built, of one image at one repository.
#[derive(Debug)]
#[non_exhaustive]
pub struct Outlook {
    /// The image's name.
    pub image: String,
    /// `registry/repository`.
    pub repository: String,
    /// Its tags.
    pub tags: Vec<TagState>,
    /// The layers of its bases.
    pub base_layers: Vec<BlobState>,
}

pub(super) async fn rehearse(
    gantry: &Gantry,
    parcels: &[Parcel],
    access: &Access,
    terms: &Terms,
) -> Result<Vec<Rehearsed>, Error> {
    destinations(parcels, access)?;
    let mut rehearsed = Vec::new();
    for parcel in parcels {
        let shipment = parcel.shipment(terms)?;
        for repository in repositories(&parcel.image, &parcel.repositories)? {
            let client = client(gantry, access, Some(&repository))?;
            let (survey, refused) =
                publish::rehearse(&client, &repository, &shipment, Options::from(*terms)).await?;
            rehearsed.push(Rehearsed {
                image: parcel.image.clone(),
                survey,
                held_back: parcel.is_held_back(terms),
                refused,
            });
        }
    }
    Ok(rehearsed)
}

pub(super) async fn outlook(
    gantry: &Gantry,
    request: &Request,
    access: &Access,
) -> Result<(Plan, Vec<Outlook>), Error> {
    let prepared = prepare::prepare(gantry, request, ground::Purpose::Plan).await?;
    let mut all = Vec::new();
    let mut places = Vec::new();
    for image in &prepared.plan.images {
        places.extend(repositories(&image.name, &image.repositories)?);
    }
    one_registry(places.iter().map(Reference::registry), access)?;
    for image in &prepared.plan.images {
        let layers = base_layers(&prepared, image).await?;
        let tags = image
            .tags
            .iter()
            .map(|tag| Tag::new(&tag.name, tag.moves.into()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(PublishError::from)?;
        for reference in repositories(&image.name, &image.repositories)? {
            let client = client(gantry, access, Some(&reference))?;
            let repository = Repository::from(&reference);
            let judge = Judge::new(
                &client,
                &repository,
                image.version.as_deref(),
                release::Lifted::default(),
            );
            let fates = judge.all(&tags, None).await.map_err(PublishError::from)?;
            let states = tags.iter().cloned().zip(fates);
            all.push(Outlook {
                image: image.name.clone(),
                repository: repository.to_string(),
                tags: states.map(|(tag, fate)| TagState::new(tag, fate)).collect(),
                base_layers: release::blobs(&client, &repository, &layers)
                    .await
                    .map_err(PublishError::from)?,
            });
        }
    }
    Ok((prepared.plan, all))
}

/// The layers of the bases that an image stands on, and where they lie.
async fn base_layers(prepared: &prepare::Prepared, image: &PlannedImage) -> Result<Vec<BlobSource>, Error> {
    let mut layers = Vec::new();
    let facts = image
        .platforms
        .iter()
        .filter_map(|platform| platform.base_facts.as_ref());
    let Some(bases) = &prepared.bases else {
        return Ok(layers);
    };
    for facts in facts {
        let base = bases.image(facts).await?;
        for layer in &base.layers {
            let Blob { digest, size, .. } = Blob::described(&layer.descriptor)?;
            layers.push(match &base.origin {
                Origin::Registry(repository) => BlobSource::remote(digest, size, repository.clone()),
                Origin::Layout(path) => BlobSource::file(digest, size, path),
            });
        }
    }
    Ok(layers)
}

/// The repositories of an image that is to be published.
pub(super) fn repositories(image: &str, names: &[String]) -> Result<Vec<Reference>, Error> {
    if names.is_empty() {
        return Err(Error::NoRepository {
            image: image.to_owned(),
        });
    }
    let parsed = names.iter().map(|name| {
        crate::spec::reference(name).map_err(|source| Error::Reference {
            text: name.clone(),
            source,
        })
    });
    parsed.collect()
}
