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
use crate::publish::{Options, Publishing};
use crate::registry::{BlobSource, Client};
use crate::spec::Reference;

/// The publishes of several images.
pub(super) struct Ahead {
    gantry: Gantry,
    runtime: Handle,
    terms: Terms,
    /// For all of them, so that connections, tokens and limits are shared.
    client: Option<Client>,
    images: Vec<Departure>,
}

/// Those of one image.
struct Departure {
    image: String,
    /// Its blobs may go before all of it is there: nothing that is judged at the end keeps it here.
    early: bool,
    each: Vec<Publishing>,
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
        let mut ahead = Self::new(gantry, terms);
        let known = known(Some(store));
        let images = prepared.plan.images.iter();
        destinations(
            images.map(|image| (image.name.as_str(), image.repositories.as_slice())),
            access,
        )?;
        for image in &prepared.plan.images {
            let partial = image.platforms.len() < image.declared_platforms;
            let tags = tags(&image.tags, partial, terms)?;
            let early = image.checks.max_size.is_none() && image.checks.max_growth.is_none();
            let of = (image.name.as_str(), image.repositories.as_slice());
            ahead.add(of, early, access, |client, reference, options| {
                Publishing::begin(client, reference, options, &tags, Arc::clone(&known))
            })?;
        }
        Ok(ahead)
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
        let mut ahead = Self::new(gantry, terms);
        let images = parcels.iter();
        destinations(
            images.map(|parcel| (parcel.image.as_str(), parcel.repositories.as_slice())),
            access,
        )?;
        for parcel in parcels {
            let tags = tags(&parcel.tags, parcel.partial, terms)?;
            let of = (parcel.image.as_str(), parcel.repositories.as_slice());
            ahead.add(of, true, access, |client, reference, options| {
                Publishing::begin(client, reference, options, &tags, known(parcel.store.as_ref()))
            })?;
        }
        Ok(ahead)
    }

    fn new(gantry: &Gantry, terms: &Terms) -> Self {
        Self {
            gantry: gantry.clone(),
            runtime: Handle::current(),
            terms: *terms,
            client: None,
            images: Vec::new(),
        }
    }

    fn add(
        &mut self,
        (image, names): (&str, &[String]),
        early: bool,
        access: &Access,
        begin: impl Fn(&Client, &Reference, Options) -> Publishing,
    ) -> Result<(), Error> {
        let mut each = Vec::new();
        for reference in repositories(image, names)? {
            let client = match &mut self.client {
                Some(client) => client,
                // A login is for one registry, which is that of every reference then: see `destinations`.
                none => none.insert(client(&self.gantry, access, Some(&reference))?),
            };
            each.push(begin(client, &reference, Options::from(self.terms)));
        }
        self.images.push(Departure {
            image: image.to_owned(),
            early,
            each,
        });
        Ok(())
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
