//! Cross-compiles a matrix of targets and publishes one OCI image index, without a container runtime.
//!
//! The modules follow the data:
//!
//! ```text
//! matrix -> plan -> build -> binary -> fit -> layer -> image -> index -> publish
//! ```
//!
//! [`base`] finds and pins what images start from, [`rootfs`] merges its layers into the tree that [`fit`] looks at.
//! [`spec`] holds the OCI nouns, [`event`] how progress is told, [`environment`] and [`tool`] the world outside;
//! [`pipeline`] is the whole job, and [`doctor`] says what of it cannot be done here.

#![forbid(unsafe_code)]

pub mod spec;

pub mod environment;
pub mod event;
pub mod tool;

pub mod project;
pub mod target;

pub mod matrix;
pub mod plan;

pub mod binary;
pub mod build;

pub mod blob;
pub mod codec;

pub mod archive;
pub mod base;
pub mod hub;
pub mod image;
pub mod index;
pub mod layer;
pub mod rootfs;

pub mod fit;
pub mod trial;

pub mod publish;
pub mod registry;
pub mod release;

pub mod doctor;
pub mod inspect;
pub mod pipeline;
