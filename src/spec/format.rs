//! [`ManifestFormat`]: whose media types the manifests of an image have.

use serde::Serialize;

use super::MediaType;

/// Whose media types the manifests of an image have. One index never mixes them: registries refuse that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ManifestFormat {
    /// The Open Container Initiative's.
    /// <https://github.com/opencontainers/image-spec/blob/v1.1.1/media-types.md>
    #[default]
    Oci,
    /// Docker's image manifest, version 2, schema 2: for registries and runtimes that know nothing else. It has no
    /// annotations and no zstd.
    /// <https://distribution.github.io/distribution/spec/manifest-v2-2/#media-types>
    Docker,
}

impl ManifestFormat {
    /// What lists the manifests of several platforms: an index, or a manifest list.
    pub fn index(self) -> MediaType {
        match self {
            Self::Oci => MediaType::ImageIndex,
            Self::Docker => {
                MediaType::Other("application/vnd.docker.distribution.manifest.list.v2+json".to_owned())
            }
        }
    }

    /// What lists config and layers of one platform.
    pub fn manifest(self) -> MediaType {
        match self {
            Self::Oci => MediaType::ImageManifest,
            Self::Docker => {
                MediaType::Other("application/vnd.docker.distribution.manifest.v2+json".to_owned())
            }
        }
    }

    /// The config.
    pub fn config(self) -> MediaType {
        match self {
            Self::Oci => MediaType::ImageConfig,
            Self::Docker => MediaType::Other("application/vnd.docker.container.image.v1+json".to_owned()),
        }
    }

    /// The same layer in this format; none if the format cannot say it. What is no layer, or a kind of layer that
    /// nobody here knows, stays as it is.
    pub fn layer(self, media_type: &MediaType) -> Option<MediaType> {
        let Some((oci, docker)) = LAYERS
            .iter()
            .find(|(oci, docker)| [Some(*oci), *docker].contains(&Some(media_type.as_ref())))
        else {
            return Some(media_type.clone());
        };
        match self {
            Self::Oci => Some((*oci).into()),
            Self::Docker => docker.map(Into::into),
        }
    }

    /// Whether manifests and indexes may carry annotations.
    pub fn has_annotations(self) -> bool {
        self == Self::Oci
    }
}

/// Each way to store a tar, in both formats: as it is, gzip, zstd; then the same for layers that may not be handed on.
/// Docker's types without gzip are in its code, not in its specification.
/// <https://github.com/distribution/distribution/blob/v3.0.0/manifest/schema2/manifest.go>
const LAYERS: [(&str, Option<&str>); 6] = [
    (
        "application/vnd.oci.image.layer.v1.tar",
        Some("application/vnd.docker.image.rootfs.diff.tar"),
    ),
    (
        "application/vnd.oci.image.layer.v1.tar+gzip",
        Some("application/vnd.docker.image.rootfs.diff.tar.gzip"),
    ),
    ("application/vnd.oci.image.layer.v1.tar+zstd", None),
    (
        "application/vnd.oci.image.layer.nondistributable.v1.tar",
        Some("application/vnd.docker.image.rootfs.foreign.diff.tar"),
    ),
    (
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        Some("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"),
    ),
    (
        "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
        None,
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_go_from_each_format_to_the_other_and_back() {
        for (oci, docker) in LAYERS {
            let (oci, docker) = (MediaType::from(oci), docker.map(MediaType::from));
            assert_eq!(ManifestFormat::Docker.layer(&oci), docker);
            for layer in docker.iter().chain([&oci]) {
                assert_eq!(ManifestFormat::Oci.layer(layer).as_ref(), Some(&oci));
            }
        }
        let unknown = MediaType::from("application/x");
        assert_eq!(ManifestFormat::Docker.layer(&unknown), Some(unknown.clone()));
    }
}
