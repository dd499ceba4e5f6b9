//! [`Destination`]: where something is published to, as the command line names it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::PublishError;
use crate::spec::Reference;

/// A place for an image index, in the words of containers-transports(5).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Destination {
    /// `oci:PATH`: an image layout folder.
    Layout(PathBuf),
    /// `oci-archive:PATH`: the same in one tar file.
    Archive(PathBuf),
    /// A registry reference, with or without `docker://`.
    Registry(Reference),
}

/// Transports that are no part of a registry's name, and that we do not write.
const OTHER_TRANSPORTS: [&str; 5] = [
    "docker-archive",
    "docker-daemon",
    "containers-storage",
    "dir",
    "sif",
];

impl FromStr for Destination {
    type Err = PublishError;

    fn from_str(text: &str) -> Result<Self, PublishError> {
        let path = |path: &str| match path {
            "" => Err(PublishError::Path {
                text: text.to_owned(),
            }),
            path => Ok(PathBuf::from(path)),
        };
        match text.split_once(':') {
            Some(("oci", rest)) => path(rest).map(Self::Layout),
            Some(("oci-archive", rest)) => path(rest).map(Self::Archive),
            Some((transport, _)) if OTHER_TRANSPORTS.contains(&transport) => Err(PublishError::Transport {
                text: text.to_owned(),
                transport: transport.to_owned(),
            }),
            _ => {
                let reference = text.strip_prefix("docker://").unwrap_or(text);
                reference
                    .parse()
                    .map(Self::Registry)
                    .map_err(|source| PublishError::Destination {
                        text: text.to_owned(),
                        source,
                    })
            }
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Layout(path) => write!(f, "oci:{}", path.display()),
            Self::Archive(path) => write!(f, "oci-archive:{}", path.display()),
            Self::Registry(reference) => write!(f, "{reference}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations_are_transports_or_references() {
        for (text, shown) in [
            ("oci:out/app", Some("oci:out/app")),
            ("oci:C:\\out", Some("oci:C:\\out")),
            ("oci-archive:app.tar", Some("oci-archive:app.tar")),
            ("localhost:5000/app:v1", Some("localhost:5000/app:v1")),
            ("docker://ghcr.io/a/b", Some("ghcr.io/a/b:latest")),
            ("oci:", None),
            ("docker-archive:x.tar", None),
            ("dir:x", None),
            ("ghcr.io/Upper/case", None),
            ("", None),
        ] {
            let destination = text
                .parse::<Destination>()
                .ok()
                .map(|destination| destination.to_string());
            assert_eq!(destination.as_deref(), shown, "{text}");
        }
    }
}
