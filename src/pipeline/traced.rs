//! Spans of what the pipeline does, in one line each where it does it.

use super::Gantry;
use crate::event::{Span, Stage};
use crate::plan::{PlannedImage, PlannedPlatform};
use crate::spec::Platform;

/// One image's platform, as the plan has it.
pub(super) type Of<'a> = (&'a PlannedImage, &'a PlannedPlatform);

impl Gantry {
    /// Work that is for the whole run, while the value lives.
    pub(super) fn span(&self, stage: Stage, what: &str) -> Span {
        Span::begin(&self.observer, stage, (None, None), what)
    }

    /// The same for work of a platform, whichever images need it.
    pub(super) fn span_on(&self, stage: Stage, platform: &Platform, what: &str) -> Span {
        Span::begin(&self.observer, stage, (None, Some(platform)), what)
    }

    /// The same for one image's platform.
    pub(super) fn span_of(&self, stage: Stage, (image, platform): Of<'_>, what: &str) -> Span {
        let of = (Some(image.name.as_str()), Some(&platform.platform));
        Span::begin(&self.observer, stage, of, what)
    }

    /// Does work that is for the whole run, within a span.
    pub(super) fn traced<T>(&self, stage: Stage, what: &str, work: impl FnOnce() -> T) -> T {
        let _span = self.span(stage, what);
        work()
    }
}
