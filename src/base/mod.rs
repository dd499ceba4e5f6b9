//! What an image starts from. So far the built-in base alone: see [`builtin`].
//!
//! In: which parts are wanted. Out: plain files. It must never take a byte from the machine it runs on: the same
//! release gives the same base everywhere.

pub mod builtin;
mod error;

pub use error::BaseError;
