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

mod abreast;
mod ahead;
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
mod folders;
mod ground;
mod host_linker;
mod inspect;
mod lay;
mod links;
mod load;
mod merge;
mod named;
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
mod releases;
mod remember;
mod remote;
mod repository;
mod request;
mod said;
mod scratch;
mod settle;
mod sizes;
mod source;
mod staged;
mod stand;
mod survey;
mod tag;
mod tags;
mod traced;
mod tried;
mod version;
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
use crate::plan::Plan;
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
        build::build(self, prepared, request.keeps_bases()).await
    }

    /// [`Gantry::build`] and [`Gantry::publish`] at once: what a platform is made of goes up as soon as it is packed and was
    /// found to fit, while others still compile. Manifests and tags follow when all of an image is there.
    ///
    /// # Errors
    /// As both.
    pub async fn build_and_publish(
        &self,
        request: &Request,
        access: &Access,
        terms: &Terms,
    ) -> Result<Vec<PublishedImage>, Error> {
        let request = Request {
            to_publish: true,
            ..request.clone()
        };
        let prepared = prepare::prepare(self, &request, ground::Purpose::Build).await?;
        build::build_and_publish(self, prepared, access, terms).await
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
        let parcels = parcel::of_built(built);
        parcel::destinations(&parcels, access)?;
        budget::growth(self, built, access).await?;
        parcel::send(self, &parcels, access, terms).await
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
        let parcels = parcel::of_built(built);
        parcel::destinations(&parcels, access)?;
        budget::growth(self, built, access).await?;
        remote::rehearse(self, &parcels, access, terms).await
    }

    /// The plan, and what registries already have of it: tags, and the layers of bases. Nothing is built.
    ///
    /// # Errors
    /// As [`Gantry::plan`], and when a registry cannot be asked.
    pub async fn outlook(&self, request: &Request, access: &Access) -> Result<(Plan, Vec<Outlook>), Error> {
        remote::outlook(self, request, access).await
    }

    /// Compiles, and checks whether everything would run on its base; nothing is packed. Findings that deny are in the
    /// result, not an error.
    ///
    /// # Errors
    /// As [`Gantry::build`].
    pub async fn check(&self, request: &Request) -> Result<Vec<Checked>, Error> {
        check::project(self, request).await
    }

    /// Checks an image of anybody, in a layout, an archive or a registry, on these of its platforms: on each if none is
    /// named.
    ///
    /// # Errors
    /// When it cannot be found or read, or lacks such a platform.
    pub async fn check_image(
        &self,
        name: &str,
        platforms: &[Platform],
        access: &Access,
    ) -> Result<Vec<Checked>, Error> {
        check::image(self, name, platforms, access).await
    }

    /// Checks programs of anybody against a base, and where they do not run there, names bases that fit. `found` is
    /// called for each program before the next is looked at. Where platforms are named, each program is for one of them.
    ///
    /// # Errors
    /// When base or programs cannot be read, the base is not there for the programs' machine, or a program is for another
    /// platform.
    pub async fn check_on(
        &self,
        base: &str,
        programs: &[PathBuf],
        platforms: &[Platform],
        access: &Access,
        found: &mut (dyn FnMut(CheckedProgram) + Send),
    ) -> Result<(), Error> {
        check::on(self, base, programs, platforms, access, found).await
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
