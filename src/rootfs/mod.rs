//! [`Tree`]: the merged tree of an image's layers, without extracting them.
//!
//! In: the layers' tars, lowest first, as streams. Out: what lies where, with the ELF facts of programs and libraries
//! and the text of the few small files that decide how programs run. Whiteouts, opaque directories and hard links
//! are applied as the image-spec says, and where it is silent, as containerd does; links are followed inside the tree
//! and never out of it. Memory grows with the number of entries, never with their content, and both are bounded. It
//! must not write a byte of a layer under any name that a layer chose.
//!
//! <https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md>

mod apply;
mod error;
mod facts;
mod libc;
mod stored;
mod tree;
mod walk;

pub use error::RootfsError;
pub use libc::libc;
pub use tree::{FileFacts, Kind, Node, Replaced, Tree};

#[cfg(test)]
mod tests;
