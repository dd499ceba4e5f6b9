//! [`Ahead`]: publishes that begin while their images are still being made.
//!
//! In: where images go, and their blobs as platforms are done. Out: what was published. Tags are looked up, and tokens
//! asked for, while compilers run; nothing that anybody could see is written before all of an image is there.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use super::parcel::{Parcel, known, tags};
use super::prepare::Prepared;
use super::publish::{PublishedImage, Terms, client, one_registry};
use super::remote::repositories;
use super::{Access, Class, Error, Gantry};
use crate::blob::BlobStore;
use crate::event::{Span, Stage};
use crate::plan::PlannedTag;
use crate::publish::{Options, Publishing};
use crate::registry::BlobSource;
use crate::spec::Reference;

/// The publishes of several images.
pub(super) struct Ahead {
    gantry: Gantry,
    runtime: Handle,
    terms: Terms,
    images: Vec<Departure>,
}

/// Those of one image.
struct Departure {
    image: String,
    /// Its blobs may go before all of it is there: nothing that is judged at the end keeps it here.
    early: bool,
    each: Vec<Publishing>,
}

/// An image before its publish begins.
struct Planned<'i> {
    image: &'i str,
    repositories: &'i [String],
    tags: &'i [PlannedTag],
    partial: bool,
    early: bool,
    /// Where manifests of earlier builds lie.
    store: Option<&'i BlobStore>,
}

impl Ahead {
    /// Begins to publish everything that is planned. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// When a destination is wrong, or the login would be for several registries.
    pub(super) fn of_plan(
        gantry: &Gantry,
        prepared: &Prepared,
        store: &BlobStore,
        access: &Access,
        terms: &Terms,
    ) -> Result<Self, Error> {
        let images = prepared.plan.images.iter().map(|image| Planned {
            image: &image.name,
            repositories: &image.repositories,
            tags: &image.tags,
            partial: image.platforms.len() < image.declared_platforms,
            early: image.checks.max_size.is_none() && image.checks.max_growth.is_none(),
            store: Some(store),
        });
        Self::begin(gantry, images.collect(), access, terms)
    }

    /// Begins to publish what is whole already.
    ///
    /// # Errors
    /// As [`Ahead::of_plan`].
    pub(super) fn of_parcels(
        gantry: &Gantry,
        parcels: &[Parcel],
        access: &Access,
        terms: &Terms,
    ) -> Result<Self, Error> {
        let images = parcels.iter().map(|parcel| Planned {
            image: &parcel.image,
            repositories: &parcel.repositories,
            tags: &parcel.tags,
            partial: parcel.partial,
            early: true,
            store: parcel.store.as_ref(),
        });
        Self::begin(gantry, images.collect(), access, terms)
    }

    fn begin(
        gantry: &Gantry,
        images: Vec<Planned<'_>>,
        access: &Access,
        terms: &Terms,
    ) -> Result<Self, Error> {
        let all = images.iter();
        destinations(all.map(|planned| (planned.image, planned.repositories)), access)?;
        // For all of them, so that connections, tokens and limits are shared.
        let mut shared = None;
        let mut departures = Vec::new();
        for planned in images {
            let tags = tags(planned.tags, planned.partial, terms)?;
            let known = known(planned.store);
            let mut each = Vec::new();
            for reference in repositories(planned.image, planned.repositories)? {
                let client = match &mut shared {
                    Some(client) => client,
                    // A login is for one registry, which is that of every reference then: see `destinations`.
                    none => none.insert(client(gantry, access, Some(&reference))?),
                };
                let (options, known) = (Options::from(*terms), Arc::clone(&known));
                each.push(Publishing::begin(client, &reference, options, &tags, known));
            }
            departures.push(Departure {
                image: planned.image.to_owned(),
                early: planned.early,
                each,
            });
        }
        Ok(Self {
            gantry: gantry.clone(),
            runtime: Handle::current(),
            terms: *terms,
            images: departures,
        })
    }

    /// Hands over blobs of the image at `position` of the plan: they go up in the background.
    pub(super) fn send(&self, position: usize, blobs: impl Iterator<Item = BlobSource>) {
        let departure = &self.images[position];
        if departure.early {
            let blobs: Vec<BlobSource> = blobs.collect();
            for publishing in &departure.each {
                publishing.send(blobs.clone());
            }
        }
    }

    /// Why something cannot be published, if that is known by now. A registry that cannot be reached may be at the end.
    pub(super) fn refused(&self) -> Option<Error> {
        let all = self.images.iter().flat_map(|departure| &departure.each);
        self.runtime.block_on(async {
            for publishing in all {
                let now = tokio::time::timeout(Duration::ZERO, publishing.refused());
                let error = now.await.ok().flatten().map(Error::from);
                if let Some(error) = error.filter(|error| error.class() == Class::Denied) {
                    return Some(error);
                }
            }
            None
        })
    }

    /// Publishes one after the other what is whole now; the parcels are of the images in their order.
    ///
    /// # Errors
    /// When a registry refuses or stays unreachable, or a tag may not be moved; with what was published before.
    pub(super) async fn complete(self, parcels: &[Parcel]) -> Result<Vec<PublishedImage>, Error> {
        let mut published = Vec::new();
        for (departure, parcel) in self.images.into_iter().zip(parcels) {
            let shipment = parcel.shipment(&self.terms)?;
            for publishing in departure.each {
                let observer = &self.gantry.observer;
                let of = (Some(departure.image.as_str()), None);
                let span = Span::begin(observer, Stage::Wait, of, "publish");
                let done = publishing.complete(&shipment).await;
                drop(span);
                match done {
                    Ok(done) => published.push(PublishedImage::of(parcel, done)),
                    Err(cause) if published.is_empty() => return Err(cause.into()),
                    Err(cause) => {
                        return Err(Error::Halfway {
                            cause: Box::new(cause.into()),
                            published,
                        });
                    }
                }
            }
        }
        let held_back = parcels.iter().filter(|parcel| parcel.is_held_back(&self.terms));
        let images: Vec<String> = held_back.map(|parcel| parcel.image.clone()).collect();
        match images.is_empty() {
            true => Ok(published),
            false => Err(Error::Partial { images, published }),
        }
    }
}

/// Whether what goes to these repositories can go there at all: the names are right, and the login is for one registry.
pub(super) fn destinations<'i>(
    images: impl Iterator<Item = (&'i str, &'i [String])>,
    access: &Access,
) -> Result<(), Error> {
    let mut all = Vec::new();
    for (image, names) in images {
        all.extend(repositories(image, names)?);
    }
    one_registry(all.iter().map(Reference::registry), access)
}
