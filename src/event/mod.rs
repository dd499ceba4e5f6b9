//! [`Event`] and [`Observer`]: how the library tells what it does. It never prints.
//!
//! In: what the rooms report. Out: one call of the caller's observer for each. An observer must not block for
//! long: it is called from the threads that do the work. [`Timeline`] is one that keeps when work began and ended.

mod span;
mod timeline;

use std::sync::Arc;
use std::time::Duration;

pub use span::{Span, Stage};
pub use timeline::{Link, Recorded, Timeline, waited_for};

use crate::spec::{Digest, Platform};

/// Something that happened. More kinds may come.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A compiler call begins.
    BuildStarted {
        /// The BuildUnit's name.
        unit: &'a str,
        /// How many artifacts the compiler will report, if that is known.
        steps: Option<u64>,
    },
    /// The compiler finished one crate or package.
    Compiled {
        /// The BuildUnit's name.
        unit: &'a str,
        /// The crate's name.
        package: &'a str,
        /// Nothing had to be compiled again.
        fresh: bool,
    },
    /// A line or message of an outside program, for people.
    ToolOutput {
        /// The program's name.
        tool: &'a str,
        /// What it said, without the line's end.
        text: &'a str,
    },
    /// A compiler call ended well.
    BuildFinished {
        /// The BuildUnit's name.
        unit: &'a str,
    },
    /// Packing of one image's platform begins.
    PackStarted {
        /// The image's name.
        image: &'a str,
        /// The platform.
        platform: &'a Platform,
        /// Bytes that will go into its layers, before compression.
        bytes: u64,
    },
    /// More bytes were packed.
    PackProgress {
        /// The image's name.
        image: &'a str,
        /// The platform.
        platform: &'a Platform,
        /// Bytes packed since the last such event.
        bytes: u64,
    },
    /// One image's platform is packed.
    Packed {
        /// The image's name.
        image: &'a str,
        /// The platform.
        platform: &'a Platform,
        /// Bytes of the layers as stored.
        size: u64,
        /// Digest of the image's manifest.
        digest: &'a Digest,
    },
    /// The fit check found something.
    Finding {
        /// The image's name.
        image: &'a str,
        /// The platform.
        platform: &'a Platform,
        /// The check, as `checks` of the matrix names it.
        check: &'a str,
        /// It stops the build; otherwise it is a warning.
        denied: bool,
        /// The program or setting.
        subject: &'a str,
        /// What is wrong, one sentence.
        message: &'a str,
        /// What is needed, where that is one thing.
        needed: Option<&'a str>,
        /// What is there instead.
        found: Option<&'a str>,
        /// The way out.
        help: Option<&'a str>,
    },
    /// A packed program was started in its image's root, or could not be.
    Tried {
        /// The image's name.
        image: &'a str,
        /// The platform.
        platform: &'a Platform,
        /// `passed`, `failed` or `not-tried`.
        verdict: &'a str,
        /// How it failed, or why it was not tried.
        why: Option<&'a str>,
        /// What it wrote, where it failed; the first part of it.
        output: Option<&'a str>,
    },
    /// What a base stands for was looked up and pinned.
    BaseResolved {
        /// As the matrix names it.
        name: &'a str,
        /// The platform.
        platform: &'a Platform,
        /// Digest of the platform's manifest.
        digest: &'a Digest,
        /// The C library that the base has, as in `glibc 2.36`.
        libc: &'a str,
    },
    /// A tag was deleted at a registry.
    TagDeleted {
        /// The tag with its repository.
        reference: &'a str,
    },
    /// A blob is read from a registry.
    DownloadStarted {
        /// The blob.
        digest: &'a Digest,
        /// Its size in bytes.
        size: u64,
    },
    /// More bytes of a blob were read.
    DownloadProgress {
        /// The blob.
        digest: &'a Digest,
        /// Bytes read so far.
        received: u64,
    },
    /// A blob was read to its end, and is what it should be.
    DownloadFinished {
        /// The blob.
        digest: &'a Digest,
    },
    /// A blob's upload begins.
    UploadStarted {
        /// The blob.
        digest: &'a Digest,
        /// Its size in bytes.
        size: u64,
    },
    /// More bytes of a blob were sent.
    UploadProgress {
        /// The blob.
        digest: &'a Digest,
        /// Bytes sent so far in this attempt.
        sent: u64,
    },
    /// A blob is at the destination.
    UploadFinished {
        /// The blob.
        digest: &'a Digest,
        /// It was there before: nothing was sent.
        present: bool,
    },
    /// A manifest or index is at the destination.
    ManifestPushed {
        /// Where, with tag or digest.
        reference: &'a str,
        /// Its digest.
        digest: &'a Digest,
        /// It was there before: nothing was sent.
        present: bool,
    },
    /// A request failed and will be tried again.
    Retry {
        /// What is being done.
        what: &'a str,
        /// Why it failed.
        why: &'a str,
        /// How long until the next attempt.
        after: Duration,
    },
    /// A stretch of work begins, or a wait for something.
    SpanBegan {
        /// Tells it from all others of this process.
        id: u64,
        /// What kind of work.
        stage: Stage,
        /// The image, where it is work for one.
        image: Option<&'a str>,
        /// The platform, where it is work for one.
        platform: Option<&'a Platform>,
        /// What it is, for people: a unit, a layer, a digest, a tag.
        what: &'a str,
    },
    /// It ended, well or not.
    SpanEnded {
        /// As it began.
        id: u64,
    },
    /// Something the user should know that is no error.
    Notice {
        /// One sentence.
        text: &'a str,
    },
    /// Something that is probably not what the user wants.
    Warning {
        /// One sentence.
        text: &'a str,
    },
}

/// Takes events as they happen, from any thread.
pub trait Observer: Send + Sync {
    /// One event.
    fn event(&self, event: &Event<'_>);
}

impl<T: Observer + ?Sized> Observer for &T {
    fn event(&self, event: &Event<'_>) {
        (**self).event(event);
    }
}

impl<T: Observer + ?Sized> Observer for Arc<T> {
    fn event(&self, event: &Event<'_>) {
        (**self).event(event);
    }
}

/// The observer that listens to nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {
    fn event(&self, _: &Event<'_>) {}
}
