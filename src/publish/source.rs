//! [`Source`]: an image that is there already, as the command line names it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::{Destination, PublishError};

/// Where an image is: a [`Destination`] of somebody, or a file that names such places.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// A layout, an archive or a registry reference.
    Place(Destination),
    /// `digests:FILE`: what another machine has written of its images.
    Digests(PathBuf),
}

impl FromStr for Source {
    type Err = PublishError;

    fn from_str(text: &str) -> Result<Self, PublishError> {
        match text.strip_prefix("digests:") {
            Some("") => Err(PublishError::Path {
                text: text.to_owned(),
            }),
            Some(path) => Ok(Self::Digests(PathBuf::from(path))),
            None => text.parse().map(Self::Place),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Place(place) => write!(f, "{place}"),
            Self::Digests(path) => write!(f, "digests:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_places_or_files_of_digests() {
        for (text, shown) in [
            ("digests:out/a.json", Some("digests:out/a.json")),
            ("digests:", None),
            ("oci:out:1.0.0", Some("oci:out:1.0.0")),
            ("ghcr.io/acme/app:v1", Some("ghcr.io/acme/app:v1")),
            ("ghcr.io/Upper/case", None),
        ] {
            let source = text.parse::<Source>().ok();
            assert_eq!(
                source.map(|source| source.to_string()).as_deref(),
                shown,
                "{text}"
            );
        }
    }
}
