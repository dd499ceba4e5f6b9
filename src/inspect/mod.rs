//! [`Report`] and [`Difference`]: what an image is made of, and what two images differ in, wherever they lie.
//!
//! In: [`Place`]s: layouts, archives, references in registries. Out: the index, its platforms, layers and sizes; what
//! changed between two of them, and why. Every manifest, config and layer is verified against its digest and size before it
//! counts. Layers are read only where they differ, as streams: it must never unpack one, nor hold more of it than facts.

pub mod budget;
mod contents;
mod diff;
mod error;
mod original;
mod place;
mod report;

pub use diff::{
    Change, ConfigChange, Difference, FileChange, FileFacts, LayerDifference, LayerSide, OtherDifference,
    PlatformDifference, Reason, Side, State, diff, largest_files,
};
pub use error::InspectError;
pub use original::{Original, config, raw};
pub use place::Place;
pub use report::{LayerReport, Other, OtherKind, PlatformReport, Report, describe, weigh};
