//! [`Gantry`]: the whole job. What the command does, an xtask can do with the same calls.
//!
//! ```text
//! prepare: project, matrix, bases, what is installed -> Plan
//! build:   cargo, a unit at a time; each (image, platform) is checked against its base and packed as soon as its
//!          artifacts are there; join; assemble images and index into the store
//! publish: blobs, manifests, index, tags
//! ```
//!
//! In: a [`Request`]. Out: values that say what was made and where it lies. This room alone turns one room's noun
//! into the next room's input; it decides nothing that the plan has not decided.

mod assemble;
mod budget;
mod build;
mod check;
mod ci;
mod class;
mod compile;
mod convert;
mod copy;
mod create;
mod doctor;
mod error;
mod examine;
mod explain;
mod finish;
mod ground;
mod inspect;
mod lay;
mod load;
mod merge;
mod output;
mod owner;
mod pack;
mod parcel;
mod pinned;
mod pins;
mod prepare;
mod prune;
mod publish;
mod readme;
mod remote;
mod request;
mod said;
mod scratch;
mod settle;
mod sizes;
mod source;
mod staged;
mod survey;
mod tag;
mod tags;
mod tried;
mod workplace;

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use build::{Built, BuiltImage};
pub use check::{Checked, CheckedProgram};
pub use class::Class;
pub use copy::{Delivered, DeliveryError, Order};
pub use error::Error;
pub use examine::Unfit;
pub use explain::{Alternative, Start};
pub use load::LoadedImage;
pub use merge::GatherError;
pub use output::{OutputError, Written};
pub use parcel::Parcel;
pub use prune::Pruning;
pub use publish::{Access, PublishedImage, Terms};
pub use readme::{Readme, ReadmeRequest};
pub use remote::{Outlook, Rehearsed};
pub use request::Request;
pub use sizes::{PlatformSizes, ProgramSizes};
pub use staged::Staged;
pub use survey::TargetRow;
pub use tag::TagError;
pub use tried::Failure;

use crate::base::{Cache, Change};
use crate::blob::Faults;
use crate::doctor::Diagnosis;
use crate::event::Observer;
use crate::hub::Described;
use crate::inspect::{Difference, Original, Report};
use crate::plan::Plan;
use crate::release::listing::TagRow;
use crate::release::prune::Pruned;
use crate::spec::Platform;
use crate::tool::Tools;

/// One user's session: an environment to work in and somebody who listens.
#[derive(Clone)]
pub struct Gantry {
    tools: Tools,
    observer: Arc<dyn Observer>,
    faults: Option<Faults>,
}

impl Gantry {
    /// Works in the environment of `tools` and tells `observer` what happens.
    pub fn new(tools: Tools, observer: Arc<dyn Observer>) -> Self {
        Self {
            tools,
            observer,
            faults: None,
        }
    }

    /// Calls `faults` before and after each durable step of the store, with the step's name: for tests of what
    /// happens when the process ends there.
    #[must_use]
    pub fn with_faults(mut self, faults: Faults) -> Self {
        self.faults = Some(faults);
        self
    }

    /// The environment and the outside programs.
    pub fn tools(&self) -> &Tools {
        &self.tools
    }

    /// What would be done; nothing is compiled or written. With `install_targets` missing standard libraries are
    /// installed, since the plan depends on them.
    ///
    /// # Errors
    /// When project or matrix cannot be read, or something that is needed is missing.
    pub async fn plan(&self, request: &Request) -> Result<Plan, Error> {
        Ok(prepare::prepare(self, request, ground::Purpose::Plan).await?.plan)
    }

    /// Compiles, packs and assembles everything that is asked for into the workspace's store. It must be called
    /// within a tokio runtime with time and IO; if its future is dropped, what was begun goes on to its end.
    ///
    /// # Errors
    /// When a step fails; the store then holds no image that is not whole.
    pub async fn build(&self, request: &Request) -> Result<Built, Error> {
        let prepared = prepare::prepare(self, request, ground::Purpose::Build).await?;
        output::check_planned(self, &prepared.plan, &request.outputs)?;
        build::build(self, prepared, !request.to_publish).await
    }

    /// Compiles and packs one image for one platform, and sets up its own root, to start it there: the platform of the
    /// request, else this machine's, else the first declared one.
    ///
    /// # Errors
    /// As [`Gantry::build`]; when the request leaves open which image, or it cannot be started on this machine.
    pub async fn stage(&self, request: &Request) -> Result<Staged, Error> {
        staged::stage(self, request).await
    }

    /// Writes built images to `oci:DIR[:TAG]`, `oci-archive:FILE[:TAG]` or `docker-archive:FILE[:NAME]`, where `{image}`,
    /// `{version}` and `{platform}` are filled in. What names something of a platform is one file for each.
    ///
    /// # Errors
    /// When the destination cannot be understood or written, two images would go to one path, or several platforms into
    /// one docker archive.
    pub fn write(&self, built: &Built, output: &str) -> Result<Vec<Written>, Error> {
        output::write(self, built, output)
    }

    /// Whether [`Gantry::write`] could understand `output`: to be asked before a long build.
    ///
    /// # Errors
    /// When it names no place that can be written.
    pub fn check_output(&self, output: &str) -> Result<(), Error> {
        output::check(self, output)
    }

    /// What other compressions and UPX would make of the built programs, and how long these take to start. Nothing that
    /// was built changes. It blocks, for minutes where programs are large.
    ///
    /// # Errors
    /// When what was built cannot be read any more, or a tool fails.
    pub fn explain(&self, built: &Built) -> Result<Vec<Alternative>, Error> {
        explain::explain(self, built)
    }

    /// Pushes built images to their repositories: blobs, manifests, index, then tags.
    ///
    /// # Errors
    /// When an image grew more than it may, before anything is sent; when a registry refuses or stays unreachable, or a tag may not be moved.
    pub async fn publish(
        &self,
        built: &Built,
        access: &Access,
        terms: &Terms,
    ) -> Result<Vec<PublishedImage>, Error> {
        budget::growth(self, built, access).await?;
        parcel::send(self, &parcel::of_built(built), access, terms).await
    }

    /// What [`Gantry::publish`] would do at each repository; nothing is written there.
    ///
    /// # Errors
    /// When a registry cannot be asked. That it would be refused is in the result.
    pub async fn rehearse(
        &self,
        built: &Built,
        access: &Access,
        terms: &Terms,
    ) -> Result<Vec<Rehearsed>, Error> {
        budget::growth(self, built, access).await?;
        remote::rehearse(self, &parcel::of_built(built), access, terms).await
    }

    /// The plan, and what registries already have of it: tags, and the layers of bases. Nothing is built.
    ///
    /// # Errors
    /// As [`Gantry::plan`], and when a registry cannot be asked.
    pub async fn outlook(&self, request: &Request, access: &Access) -> Result<(Plan, Vec<Outlook>), Error> {
        remote::outlook(self, request, access).await
    }

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

    /// Compiles, and checks whether everything would run on its base; nothing is packed. Findings that deny are in the
    /// result, not an error.
    ///
    /// # Errors
    /// As [`Gantry::build`].
    pub async fn check(&self, request: &Request) -> Result<Vec<Checked>, Error> {
        check::project(self, request).await
    }

    /// Checks an image of anybody, in a layout, an archive or a registry, on each of its platforms.
    ///
    /// # Errors
    /// When it cannot be found or read.
    pub async fn check_image(&self, name: &str, access: &Access) -> Result<Vec<Checked>, Error> {
        check::image(self, name, access).await
    }

    /// Checks programs of anybody against a base, and where they do not run there, names bases that fit.
    ///
    /// # Errors
    /// When base or programs cannot be read, or the base is not there for the programs' machine.
    pub async fn check_on(
        &self,
        base: &str,
        programs: &[PathBuf],
        access: &Access,
    ) -> Result<Vec<CheckedProgram>, Error> {
        check::on(self, base, programs, access).await
    }

    /// Moves the pins of bases to what their names stand for now: of those named, or of all.
    ///
    /// # Errors
    /// When a base cannot be had, or is none of the matrix.
    pub async fn update(&self, request: &Request, names: &[String]) -> Result<Vec<Change>, Error> {
        pins::update(self, request, names).await
    }

    /// The pins that [`Gantry::update`] would move.
    ///
    /// # Errors
    /// When a base cannot be had.
    pub async fn outdated(&self, request: &Request) -> Result<Vec<Change>, Error> {
        pins::outdated(self, request).await
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

    /// What is kept of bases on this machine, for all projects of the user.
    ///
    /// # Errors
    /// When there is no place for it.
    pub fn cache(&self) -> Result<Cache, Error> {
        Ok(Cache::open(self.tools.environment())?)
    }

    /// What can be built here, with what.
    ///
    /// # Errors
    /// When rustc cannot be asked.
    pub fn targets(&self) -> Result<Vec<TargetRow>, Error> {
        survey::targets(self)
    }

    /// What the matrix needs here, and for each gap the command that closes it. Gaps are in the result, not an error;
    /// registries are asked unless the request is offline. It must be called within a tokio runtime with time and IO.
    ///
    /// # Errors
    /// When the matrix or the project is wrong, so that what it needs cannot be told.
    pub async fn doctor(&self, request: &Request, access: &Access) -> Result<Diagnosis, Error> {
        doctor::diagnose(self, request, access).await
    }

    fn absolute(&self, path: &Path) -> PathBuf {
        self.tools.environment().directory().join(path)
    }
}

/// Work that blocks, away from the threads that serve the network. It goes on to its end if the caller goes away.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        // Nobody cancels it: it panicked, and so do we.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
