//! [`Destination`]: where something is published to, as the command line names it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::PublishError;
use crate::spec::{
    self, {Reference, ReferenceError},
};

/// A place for an image index, in the words of containers-transports(5).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Destination {
    /// `oci:PATH[:TAG]`: an image layout folder, and the name of an entry in it.
    Layout(PathBuf, Option<String>),
    /// `oci-archive:PATH[:TAG]`: the same in one tar file.
    Archive(PathBuf, Option<String>),
    /// `docker-archive:PATH[:NAME]`: a tar of `docker save`, and the name of an image in it (or `@0`, its position).
    DockerArchive(PathBuf, Option<String>),
    /// A registry reference, with or without `docker://`.
    Registry(Reference),
}

/// Transports that are no part of a registry's name, and that we do not write.
const OTHER_TRANSPORTS: [&str; 4] = ["docker-daemon", "containers-storage", "dir", "sif"];

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
            Some(("docker-archive", rest)) => docker_archive(text, rest),
            Some((transport, _)) if OTHER_TRANSPORTS.contains(&transport) => Err(PublishError::Transport {
                text: text.to_owned(),
                transport: transport.to_owned(),
            }),
            _ => {
                let reference = text.strip_prefix("docker://").unwrap_or(text);
                spec::reference(reference)
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
            Self::DockerArchive(path, name) => ("docker-archive", path, name),
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

/// A path and the name behind its first colon, which holds a colon of its own. Again a drive's letter is part of the path.
/// <https://github.com/containers/image/blob/v5.24.1/docs/containers-transports.5.md#docker-archivepathdocker-referencesource-index>
fn docker_archive(text: &str, rest: &str) -> Result<Destination, PublishError> {
    let drive = usize::from(rest.get(1..3) == Some(":\\")) * 2;
    let (path, name) = match rest[drive..].split_once(':') {
        Some((path, name)) => (&rest[..drive + path.len()], Some(name)),
        None => (rest, None),
    };
    if path.is_empty() {
        return Err(PublishError::Path {
            text: text.to_owned(),
        });
    }
    let wrong = |source| PublishError::Destination {
        text: text.to_owned(),
        source,
    };
    let position = |name: &&str| {
        name.starts_with('@') && name.len() > 1 && name[1..].bytes().all(|b| b.is_ascii_digit())
    };
    let name = match name {
        Some(name) if position(&name) => Some(name.to_owned()),
        Some(name) => {
            let reference = spec::reference(name).map_err(wrong)?;
            if reference.digest().is_some() {
                return Err(wrong(ReferenceError::ReferenceInvalidFormat));
            }
            // As it was written, but for the tag that is meant where there is none.
            let last = name.rsplit('/').next().unwrap_or(name);
            let tag = if last.contains(':') { "" } else { ":latest" };
            Some(format!("{name}{tag}"))
        }
        None => None,
    };
    Ok(Destination::DockerArchive(PathBuf::from(path), name))
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
            ("docker-archive:x.tar", Some("docker-archive:x.tar")),
            (
                "docker-archive:x.tar:app",
                Some("docker-archive:x.tar:app:latest"),
            ),
            (
                "docker-archive:d/x.tar:h:5/app:1",
                Some("docker-archive:d/x.tar:h:5/app:1"),
            ),
            (
                "docker-archive:h:5000/app",
                Some("docker-archive:h:5000/app:latest"),
            ),
            (
                "docker-archive:C:\\x.tar:app:1",
                Some("docker-archive:C:\\x.tar:app:1"),
            ),
            ("docker-archive:x.tar:@0", Some("docker-archive:x.tar:@0")),
            ("docker-archive:x.tar:@", None),
            ("docker-archive:x.tar:App", None),
            ("docker-archive:x.tar:", None),
            ("docker-archive::app", None),
            ("docker-daemon:app", None),
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
