//! What [`Gantry`] does with images that are there already, wherever they lie: merging, promoting, copying, comparing,
//! cleaning up, describing. The verbs alone; each step has a file of its own.

use super::{
    Access, Delivered, Error, Gantry, Order, Parcel, Pruning, PublishedImage, Readme, ReadmeRequest,
    Rehearsed, Request, Terms, copy, create, inspect, merge, parcel, prune, readme, remote, tag, tags,
};
use crate::hub::Described;
use crate::inspect::{Difference, Original, Report};
use crate::release::listing::TagRow;
use crate::release::prune::Pruned;
use crate::spec::Platform;

impl Gantry {
    /// Images that were built elsewhere, ready to be sent: `sources` are layouts, archives, references and files of digests,
    /// merged per image. Repositories, tags and the order of platforms come from the matrix if there is one, else from the
    /// request. Nothing is compiled, and no target need be installed.
    ///
    /// # Errors
    /// When a source cannot be read, parts do not belong together, or are not what the matrix says.
    pub async fn gather(
        &self,
        request: &Request,
        sources: &[String],
        access: &Access,
    ) -> Result<Vec<Parcel>, Error> {
        merge::gather(self, request, sources, access).await
    }

    /// Publishes what [`Gantry::gather`] gave.
    ///
    /// # Errors
    /// As [`Gantry::publish`].
    pub async fn send(
        &self,
        parcels: &[Parcel],
        access: &Access,
        terms: &Terms,
    ) -> Result<Vec<PublishedImage>, Error> {
        parcel::send(self, parcels, access, terms).await
    }

    /// What [`Gantry::send`] would do; nothing is written.
    ///
    /// # Errors
    /// As [`Gantry::rehearse`].
    pub async fn rehearse_sending(
        &self,
        parcels: &[Parcel],
        access: &Access,
        terms: &Terms,
    ) -> Result<Vec<Rehearsed>, Error> {
        remote::rehearse(self, parcels, access, terms).await
    }

    /// Copies an image between registries, layouts and archives, byte for byte, with all of its platforms or those of the
    /// order. Nothing is visible at its destination before it is whole; what is there already is not sent again.
    ///
    /// # Errors
    /// When one of both cannot be read or written, or a tag may not be moved.
    pub async fn copy(
        &self,
        from: &str,
        to: &str,
        order: &Order,
        access: &Access,
        terms: &Terms,
    ) -> Result<Delivered, Error> {
        copy::copy(self, from, to, order, access, terms).await
    }

    /// Makes one index of images that are there already, and brings it to a registry, a layout or an archive.
    ///
    /// # Errors
    /// As [`Gantry::copy`]; when the sources are not parts of one image.
    pub async fn create_index(
        &self,
        to: &str,
        sources: &[String],
        order: &Order,
        access: &Access,
        terms: &Terms,
    ) -> Result<Delivered, Error> {
        create::create(self, to, sources, order, access, terms).await
    }

    /// Gives an image of a registry more names there, without moving bytes. A tag that is a version makes a new index that
    /// says that version, of the same manifests.
    ///
    /// # Errors
    /// When it cannot be read, or a tag may not be moved.
    pub async fn tag(
        &self,
        from: &str,
        to: &[String],
        semver: bool,
        access: &Access,
        terms: &Terms,
    ) -> Result<Vec<Delivered>, Error> {
        tag::tag(self, from, to, semver, access, terms).await
    }

    /// Lists what a repository holds under its tags, the newest first.
    ///
    /// # Errors
    /// When there is no such repository, or the registry cannot be read.
    pub async fn tags(&self, repository: &str, access: &Access) -> Result<Vec<TagRow>, Error> {
        tags::tags(self, repository, access).await
    }

    /// Deletes tags, or says what would be deleted. Once something was, what fails is part of the result.
    ///
    /// # Errors
    /// When a pattern cannot be understood, something that a remaining tag leads to cannot be read, or the registry
    /// cannot be used.
    pub async fn prune(&self, repository: &str, pruning: &Pruning, access: &Access) -> Result<Pruned, Error> {
        prune::prune(self, repository, pruning, access).await
    }

    /// Describes an image in a layout, an archive or a registry.
    ///
    /// # Errors
    /// When it cannot be found or read.
    pub async fn inspect(&self, name: &str, access: &Access) -> Result<Report, Error> {
        inspect::describe(self, name, access).await
    }

    /// The exact bytes of an image's index or manifest; with a platform, of its manifest.
    ///
    /// # Errors
    /// When it cannot be found or read, or has no such platform.
    pub async fn raw(
        &self,
        name: &str,
        platform: Option<&Platform>,
        access: &Access,
    ) -> Result<Original, Error> {
        inspect::raw(self, name, platform, access).await
    }

    /// The exact bytes of the config of an image's platform, or of its only one.
    ///
    /// # Errors
    /// As [`Gantry::raw`].
    pub async fn config(
        &self,
        name: &str,
        platform: Option<&Platform>,
        access: &Access,
    ) -> Result<Original, Error> {
        inspect::config(self, name, platform, access).await
    }

    /// Compares two images in layouts, archives or registries, on some platforms, or on all where none is named.
    ///
    /// # Errors
    /// When one of them, or a layer that differs, cannot be found or read.
    pub async fn diff(
        &self,
        before: &str,
        after: &str,
        platforms: &[Platform],
        access: &Access,
    ) -> Result<Difference, Error> {
        inspect::diff(self, (before, after), platforms, access).await
    }

    /// The READMEs as registries are to show them: links made absolute, and no longer than they take. Nothing is sent.
    ///
    /// # Errors
    /// When project or file cannot be read, or no registry has a place for them.
    pub async fn readmes(
        &self,
        request: &Request,
        wanted: &ReadmeRequest,
        access: &Access,
    ) -> Result<Vec<Readme>, Error> {
        readme::prepare(self, request, wanted, access).await
    }

    /// Sends a README, unless its repository shows it already.
    ///
    /// # Errors
    /// When the vendor refuses it or cannot be reached.
    pub async fn describe(&self, readme: &Readme, access: &Access) -> Result<Described, Error> {
        readme::send(self, readme, access).await
    }
}
