//! The text of a README as it can stand at a registry: links and images that lead back to the repository, and no longer
//! than the vendor takes.
//!
//! In: Markdown, and where it lies. Out: Markdown. Nothing changes but destinations of links and, at the end, what does
//! not fit; it is pure, and must never make a link that leads out of the repository.

mod cut;
mod html;
mod links;
mod place;

pub use cut::{shortened, summary};
pub use links::{Linked, linked};
pub use place::{Forge, Place, Revision};
