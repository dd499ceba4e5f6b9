//! `index`

use clap::{Args, Subcommand};

use super::copy::Moving;
use super::{Login, Plain};

/// `index`
#[derive(Debug, Args)]
pub(crate) struct Index {
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// What is done with an index.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Make one index of images that are there already: other indexes, or images of single platforms
    Create(Create),
}

/// `index create`
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Where the index goes: a reference in a registry, `oci:DIR[:TAG]` or `oci-archive:FILE[:TAG]`
    #[arg(value_name = "TARGET")]
    pub(crate) target: String,
    /// What it is made of, in this order: references in registries, `oci:DIR[:TAG]`, `oci-archive:FILE[:TAG]`,
    /// `docker-archive:FILE[:NAME]` or `digests:FILE`
    #[arg(value_name = "SOURCE", required = true)]
    pub(crate) sources: Vec<String>,
    /// Set this tag, too (repeatable)
    #[arg(long = "tag", value_name = "TAG")]
    pub(crate) tags: Vec<String>,
    /// Say this of the index, in place of what its sources say (repeatable)
    #[arg(long = "annotation", value_name = "KEY=VALUE", value_parser = annotation)]
    pub(crate) annotations: Vec<(String, String)>,
    #[command(flatten)]
    pub(crate) moving: Moving,
    #[command(flatten)]
    pub(crate) plain: Plain,
    #[command(flatten)]
    pub(crate) login: Login,
}

fn annotation(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("an annotation is written `KEY=VALUE`".to_owned()),
    }
}
