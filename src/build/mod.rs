//! Room `build`.

pub mod link;
pub mod rustflags;
pub mod toolchain;
