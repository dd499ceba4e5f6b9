//! What a matrix may name as a base: an image of a registry, or of a layout.

use std::path::{Path, PathBuf};

use super::BaseError;
use crate::spec::{self, Digest, Reference};

/// A name, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Name {
    /// `debian:bookworm-slim`, `ghcr.io/x/y@sha256:..`.
    Registry(Reference),
    /// `oci:DIR[:TAG]` or `oci-archive:FILE[:TAG]`, as in containers-transports(5).
    Layout { path: PathBuf, tag: Option<String> },
}

/// Transports of containers-transports(5) that are not read here; as references they would be asked of Docker Hub.
const OTHER_TRANSPORTS: [&str; 6] = [
    "docker-archive",
    "docker-daemon",
    "containers-storage",
    "dir",
    "ostree",
    "sif",
];

impl Name {
    /// Paths are relative to `directory`.
    pub(super) fn parse(name: &str, directory: &Path) -> Result<Self, BaseError> {
        let path = name
            .strip_prefix("oci:")
            .or_else(|| name.strip_prefix("oci-archive:"));
        let Some(path) = path else {
            let transport = name.split_once(':').map(|(transport, _)| transport);
            if let Some(transport) = transport.filter(|word| OTHER_TRANSPORTS.contains(word)) {
                return Err(BaseError::Transport {
                    name: name.to_owned(),
                    transport: transport.to_owned(),
                });
            }
            return match spec::reference(name.strip_prefix("docker://").unwrap_or(name)) {
                Ok(reference) => Ok(Self::Registry(reference)),
                Err(source) => Err(BaseError::Name {
                    name: name.to_owned(),
                    source,
                }),
            };
        };
        // A tag holds no slash; a path may hold colons, as in `C:\base`.
        let (path, tag) = match path.rsplit_once(':') {
            Some((path, tag)) if !tag.contains(['/', '\\']) => (path, Some(tag)),
            _ => (path, None),
        };
        if path.is_empty() {
            return Err(BaseError::NoPath {
                name: name.to_owned(),
            });
        }
        Ok(Self::Layout {
            path: directory.join(path),
            tag: tag.filter(|tag| !tag.is_empty()).map(str::to_owned),
        })
    }

    /// The digest that the name itself holds: it can stand for nothing else.
    pub(super) fn digest(&self) -> Option<Digest> {
        match self {
            Self::Registry(reference) => reference.digest()?.parse().ok(),
            Self::Layout { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_have_paths_and_perhaps_tags() {
        for (name, path, tag) in [
            ("oci:base", "/w/base", None),
            ("oci:base:1.0", "/w/base", Some("1.0")),
            ("oci:/abs/a:b/c", "/abs/a:b/c", None),
            ("oci:../up:", "/w/../up", None),
            ("oci-archive:x/base.tar:v1", "/w/x/base.tar", Some("v1")),
        ] {
            let expected = Name::Layout {
                path: path.into(),
                tag: tag.map(str::to_owned),
            };
            assert_eq!(Name::parse(name, Path::new("/w")).unwrap(), expected, "{name}");
        }
        assert!(matches!(
            Name::parse("oci::1", Path::new("/w")),
            Err(BaseError::NoPath { .. })
        ));
    }

    #[test]
    fn what_others_read_is_no_reference() {
        for name in [
            "docker-archive:x.tar",
            "docker-daemon:x:1",
            "dir:/x",
            "containers-storage:x",
        ] {
            let parsed = Name::parse(name, Path::new("/w"));
            assert!(matches!(parsed, Err(BaseError::Transport { .. })), "{name}");
        }
        let docker = Name::parse("docker://debian:12", Path::new("/w")).unwrap();
        assert_eq!(docker, Name::parse("debian:12", Path::new("/w")).unwrap());
    }

    #[test]
    fn everything_else_is_a_reference() {
        let digest = Digest::of(b"x");
        for (name, shown, fixed) in [
            (
                "debian:bookworm-slim",
                "docker.io/library/debian:bookworm-slim",
                None,
            ),
            ("localhost:5000/x", "localhost:5000/x:latest", None),
            (
                &format!("ghcr.io/x/y@{digest}"),
                &format!("ghcr.io/x/y@{digest}"),
                Some(digest),
            ),
        ] {
            let parsed = Name::parse(name, Path::new("/w")).unwrap();
            assert_eq!(parsed.digest(), fixed, "{name}");
            assert!(
                matches!(parsed, Name::Registry(reference) if reference.to_string() == shown),
                "{name}"
            );
        }
        assert!(matches!(
            Name::parse("Not A Name", Path::new("/w")),
            Err(BaseError::Name { .. })
        ));
    }
}
