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
    /// `oci:PATH[:TAG]`: an image layout folder, and the name of an entry in it.
    Layout(PathBuf, Option<String>),
    /// `oci-archive:PATH[:TAG]`: the same in one tar file.
    Archive(PathBuf, Option<String>),
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
            path => Ok(tagged(path)),
        };
        match text.split_once(':') {
            Some(("oci", rest)) => path(rest).map(|(path, tag)| Self::Layout(path, tag)),
            Some(("oci-archive", rest)) => path(rest).map(|(path, tag)| Self::Archive(path, tag)),
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
        let (transport, path, tag) = match self {
            Self::Layout(path, tag) => ("oci", path, tag),
            Self::Archive(path, tag) => ("oci-archive", path, tag),
            Self::Registry(reference) => return write!(f, "{reference}"),
        };
        write!(f, "{transport}:{}", path.display())?;
        tag.iter().try_for_each(|tag| write!(f, ":{tag}"))
    }
}

/// A path and the tag behind its last colon. What follows a drive's letter is no tag, nor is what holds a separator.
fn tagged(text: &str) -> (PathBuf, Option<String>) {
    match text.rsplit_once(':') {
        Some((path, tag)) if path.len() > 1 && !tag.is_empty() && !tag.contains(['/', '\\']) => {
            (PathBuf::from(path), Some(tag.to_owned()))
        }
        _ => (PathBuf::from(text), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_what_follows_the_last_colon_of_a_path() {
        for (text, path, tag) in [
            ("oci:out", "out", None),
            ("oci:out:v1", "out", Some("v1")),
            ("oci:/a:b/out", "/a:b/out", None),
            ("oci:C:\\out", "C:\\out", None),
        ] {
            let want = Destination::Layout(path.into(), tag.map(str::to_owned));
            assert_eq!(text.parse::<Destination>().ok(), Some(want), "{text}");
        }
    }

    #[test]
    fn destinations_are_transports_or_references() {
        for (text, shown) in [
            ("oci:out/app", Some("oci:out/app")),
            ("oci:C:\\out", Some("oci:C:\\out")),
            ("oci-archive:app.tar", Some("oci-archive:app.tar")),
            ("localhost:5000/app:v1", Some("localhost:5000/app:v1")),
            ("docker://ghcr.io/a/b", Some("ghcr.io/a/b:latest")),
            ("oci:out/app:v1", Some("oci:out/app:v1")),
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
