//! What can go wrong with a vendor's API.

use std::collections::BTreeSet;

use crate::registry::{self, Answer, RegistryError, Repository, Vendor};
use crate::spec::Digest;

/// A vendor's API did not do what was asked.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum HubError {
    /// Nobody knows whose registry it is.
    #[error("`{repository}`: whose product this registry is, is not known")]
    #[diagnostic(
        code(gantry::hub::unknown_vendor),
        help(
            "name it with --vendor, or as `vendor` of `[registry.\"{}\"]` in your gantry/config.toml: {}",
            repository.registry(),
            Vendor::names().collect::<Vec<_>>().join(", ")
        )
    )]
    UnknownVendor {
        /// The repository.
        repository: Repository,
    },
    /// The vendor has no place for a description.
    #[error("`{repository}`: images have no description of their own at {vendor}")]
    #[diagnostic(
        code(gantry::hub::no_descriptions),
        help(
            "GitHub shows the index's annotation `org.opencontainers.image.description`, and the README of the repository \
             that `org.opencontainers.image.source` names; GitLab shows the project's own README"
        )
    )]
    NoDescriptions {
        /// Whose registry it is.
        vendor: Vendor,
        /// The repository.
        repository: Repository,
    },
    /// A password was given for more than one registry.
    #[error("one password is not for several registries: {}", registries.join(", "))]
    #[diagnostic(
        code(gantry::hub::several_registries),
        help("name the repositories of one of them, or sign in to each with `docker login`")
    )]
    SeveralRegistries {
        /// The registries.
        registries: Vec<String>,
    },
    /// A repository's name is none that the vendor has.
    #[error("`{repository}` is no repository of {vendor}: {why}")]
    #[diagnostic(code(gantry::hub::name))]
    Name {
        /// The repository.
        repository: Repository,
        /// The vendor.
        vendor: Vendor,
        /// What is wrong.
        why: String,
    },
    /// 401 or 403.
    #[error("{what} is not allowed with {credential}")]
    #[diagnostic(code(gantry::hub::denied), help("{needed}"))]
    Denied {
        /// What was asked.
        what: String,
        /// Which credentials were used, or where none were found.
        credential: String,
        /// The kind of credentials that the vendor wants.
        needed: &'static str,
        /// The answer.
        #[source]
        source: Box<Answer>,
    },
    /// There are no credentials of a kind that can be used.
    #[error("{what} needs a user name with a password or token; there are {credential}")]
    #[diagnostic(code(gantry::hub::no_account), help("{needed}"))]
    NoAccount {
        /// What was asked.
        what: String,
        /// Which credentials there are, or where none were found.
        credential: String,
        /// The kind of credentials that the vendor wants.
        needed: &'static str,
    },
    /// 404.
    #[error("{what}: `{repository}` does not exist, or is hidden from {credential}")]
    #[diagnostic(
        code(gantry::hub::missing),
        help("publish an image to it first, correct its name, or sign in as somebody who may see it")
    )]
    Missing {
        /// What was asked.
        what: String,
        /// The repository.
        repository: Repository,
        /// Which credentials were used, or where none were found.
        credential: String,
        /// The answer.
        #[source]
        source: Box<Answer>,
    },
    /// The vendor does not know a tag that the registry has.
    #[error(
        "the tag `{tag}` was not removed: to {credential}, {vendor} shows no such tag, and the registry has it"
    )]
    #[diagnostic(code(gantry::hub::hidden), help("{needed}"))]
    Hidden {
        /// The tag.
        tag: String,
        /// The vendor.
        vendor: Vendor,
        /// Which credentials were used.
        credential: String,
        /// The kind of credentials that the vendor wants.
        needed: &'static str,
    },
    /// Another answer that says no.
    #[error("{what} was refused")]
    #[diagnostic(code(gantry::hub::refused))]
    Refused {
        /// What was asked.
        what: String,
        /// The answer.
        #[source]
        source: Box<Answer>,
    },
    /// Removing a tag would remove others that are to stay.
    #[error(
        "the tag `{tag}` was not removed: its manifest would go, and with it {}",
        list(others)
    )]
    #[diagnostic(
        code(gantry::hub::shared),
        help("this vendor removes a manifest with all its tags; remove these as well, or move them first")
    )]
    Shared {
        /// The tag.
        tag: String,
        /// The others.
        others: BTreeSet<String>,
    },
    /// A tag stands elsewhere by now.
    #[error("the tag `{tag}` was not removed: it is at `{found}` now, no longer at `{digest}`")]
    #[diagnostic(
        code(gantry::hub::moved),
        help("somebody else moved it; look at the tags again")
    )]
    Moved {
        /// The tag.
        tag: String,
        /// Where it was.
        digest: Digest,
        /// Where it is.
        found: String,
    },
    /// An answer that does not fit what the vendor publishes.
    #[error("{what}: {problem}")]
    #[diagnostic(code(gantry::hub::protocol))]
    Protocol {
        /// What was asked.
        what: String,
        /// What is wrong with the answer.
        problem: String,
    },
    /// See [`RegistryError`].
    #[error(transparent)]
    #[diagnostic(transparent)]
    Registry(#[from] RegistryError),
}

/// The kinds of failure that need different answers of the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// What was asked for cannot be had there.
    Usage,
    /// Our own rules forbid it.
    Refused,
    /// As with registries.
    Registry(registry::Kind),
}

impl HubError {
    /// Which kind of failure this is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::UnknownVendor { .. }
            | Self::NoDescriptions { .. }
            | Self::Name { .. }
            | Self::SeveralRegistries { .. } => Kind::Usage,
            Self::Shared { .. } | Self::Moved { .. } => Kind::Refused,
            Self::Denied { .. } | Self::NoAccount { .. } | Self::Missing { .. } | Self::Hidden { .. } => {
                Kind::Registry(registry::Kind::Denied)
            }
            Self::Refused { .. } | Self::Protocol { .. } => Kind::Registry(registry::Kind::Protocol),
            Self::Registry(error) => Kind::Registry(error.kind()),
        }
    }
}

fn list(tags: &BTreeSet<String>) -> String {
    let tags: Vec<String> = tags.iter().map(|tag| format!("`{tag}`")).collect();
    tags.join(", ")
}
