//! [`Span`]: a stretch of work with a beginning and an end, for a timeline of a run.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Event, Observer};
use crate::spec::Platform;

/// Kinds of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// Reading project, matrix and toolchain.
    Project,
    /// Deciding what is made of what.
    Plan,
    /// Resolving and reading a base.
    Base,
    /// A compiler call.
    Build,
    /// Programs stripped and packed.
    Finish,
    /// The fit check.
    Fit,
    /// A program started in its image.
    Trial,
    /// A layer: tar, digests, compression.
    Pack,
    /// Configs, manifests and the index put together.
    Assemble,
    /// Credentials exchanged for a token.
    Token,
    /// A registry asked what it has.
    Look,
    /// A blob sent or mounted.
    Upload,
    /// A manifest or tag written.
    Manifest,
    /// Nothing to do but to wait for something else.
    Wait,
}

impl Stage {
    /// Its name, as timelines show it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Project => "project",
            Self::Plan => "plan",
            Self::Base => "base",
            Self::Build => "build",
            Self::Finish => "finish",
            Self::Fit => "fit",
            Self::Trial => "trial",
            Self::Pack => "pack",
            Self::Assemble => "assemble",
            Self::Token => "token",
            Self::Look => "look",
            Self::Upload => "upload",
            Self::Manifest => "manifest",
            Self::Wait => "wait",
        }
    }
}

static NEXT: AtomicU64 = AtomicU64::new(0);

/// Work that goes on for as long as the value lives.
#[must_use = "it ends when it is dropped"]
pub struct Span<O: Observer = Arc<dyn Observer>> {
    observer: O,
    id: u64,
}

impl Span {
    /// Begins `stage`, called `what`, for an image's platform where it is for one.
    pub fn begin(
        observer: &Arc<dyn Observer>,
        stage: Stage,
        of: (Option<&str>, Option<&Platform>),
        what: &str,
    ) -> Self {
        Self::of(Arc::clone(observer), stage, of, what)
    }
}

impl<'a> Span<&'a dyn Observer> {
    /// As [`Span::begin`], where the observer is only lent.
    pub fn lent(
        observer: &'a dyn Observer,
        stage: Stage,
        of: (Option<&str>, Option<&Platform>),
        what: &str,
    ) -> Self {
        Self::of(observer, stage, of, what)
    }
}

impl<O: Observer> Span<O> {
    fn of(
        observer: O,
        stage: Stage,
        (image, platform): (Option<&str>, Option<&Platform>),
        what: &str,
    ) -> Self {
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        observer.event(&Event::SpanBegan {
            id,
            stage,
            image,
            platform,
            what,
        });
        Self { observer, id }
    }
}

impl<O: Observer> Drop for Span<O> {
    fn drop(&mut self) {
        self.observer.event(&Event::SpanEnded { id: self.id });
    }
}
