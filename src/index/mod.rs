//! [`Index`]: the images of all platforms behind one digest.
//!
//! In: assembled images and annotations. Out: the bytes of an image index with its descriptor. This room stores
//! nothing and never leaves an image out.

use std::collections::{BTreeMap, HashMap};

use oci_spec::image::{DescriptorBuilder, ImageIndexBuilder};

use crate::image::Image;
use crate::spec::{Descriptor, Digest, ManifestFormat, Platform, json};

/// An assembled index.
#[derive(Clone, Debug)]
pub struct Index {
    bytes: Vec<u8>,
    descriptor: Descriptor,
}

/// Why no index could be made.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum IndexError {
    /// Two images say they are for one platform.
    #[error("two images are for platform `{0}`")]
    #[diagnostic(
        code(gantry::index::twice),
        help("a runtime could only ever choose the first of them")
    )]
    Twice(Platform),
    /// An image has other media types than the index.
    #[error("the image for platform `{0}` has another format than the index")]
    #[diagnostic(
        code(gantry::index::mixed),
        help("registries refuse an index that mixes the media types of OCI and Docker")
    )]
    Mixed(Platform),
}

impl Index {
    /// The index's bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Its descriptor.
    pub fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// Its digest.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.bytes)
    }
}

/// Puts an index together, in the order of the images given; `format` is theirs. A format that has no annotations
/// leaves them out. <https://github.com/opencontainers/image-spec/blob/v1.1.1/image-index.md>
///
/// # Errors
/// When two images have the same platform, or an image has another format.
pub fn assemble(
    images: &[&Image],
    annotations: BTreeMap<String, String>,
    format: ManifestFormat,
) -> Result<Index, IndexError> {
    for (position, image) in images.iter().enumerate() {
        if images[..position]
            .iter()
            .any(|other| other.platform() == image.platform())
        {
            return Err(IndexError::Twice(image.platform().clone()));
        }
        if image.format() != format {
            return Err(IndexError::Mixed(image.platform().clone()));
        }
    }
    let manifests = images.iter().map(|image| image.descriptor().clone()).collect();
    Ok(of_manifests(manifests, annotations, format))
}

/// The index that lists these manifests, as they are and in this order: for whoever has checked them already.
pub fn of_manifests(
    manifests: Vec<Descriptor>,
    annotations: BTreeMap<String, String>,
    format: ManifestFormat,
) -> Index {
    let mut index = ImageIndexBuilder::default()
        .schema_version(2u32)
        .media_type(format.index())
        .manifests(manifests);
    if !annotations.is_empty() && format.has_annotations() {
        index = index.annotations(annotations.into_iter().collect::<HashMap<_, _>>());
    }
    let bytes = json::to_vec(&index.build().expect("manifests are set"));
    let descriptor = DescriptorBuilder::default()
        .media_type(format.index())
        .digest(oci_spec::image::Digest::from(Digest::of(&bytes)))
        .size(bytes.len() as u64)
        .build()
        .expect("media type, digest and size are set");
    Index { bytes, descriptor }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{Parts, Settings, assemble as image};

    fn on(platform: &str) -> Image {
        of(platform, ManifestFormat::Oci)
    }

    fn of(platform: &str, format: ManifestFormat) -> Image {
        let parts = Parts {
            platform: platform.parse().unwrap(),
            base: None,
            layers: Vec::new(),
            settings: Settings::default(),
            annotations: BTreeMap::new(),
            format,
            created: "1970-01-01T00:00:00Z".into(),
        };
        image(parts).unwrap()
    }

    #[test]
    fn lists_platforms_in_order_with_written_variants() {
        let (amd, arm) = (on("linux/amd64"), on("linux/arm64"));
        let annotations = BTreeMap::from([("a".into(), "b".into())]);
        let index = assemble(&[&amd, &arm], annotations, ManifestFormat::Oci).unwrap();
        let value: serde_json::Value = serde_json::from_slice(index.bytes()).unwrap();
        assert_eq!(value["manifests"][1]["platform"]["variant"], "v8");
        assert_eq!(value["manifests"][0]["digest"], amd.digest().to_string());
        assert_eq!(index.digest(), Digest::of(index.bytes()));
        assert!(matches!(
            assemble(&[&amd, &amd], BTreeMap::new(), ManifestFormat::Oci),
            Err(IndexError::Twice(_))
        ));
    }

    #[test]
    fn formats_are_not_mixed_and_dockers_has_no_annotations() {
        let (oci, docker) = (on("linux/amd64"), of("linux/arm64", ManifestFormat::Docker));
        let annotations = || BTreeMap::from([("a".into(), "b".into())]);
        for format in [ManifestFormat::Oci, ManifestFormat::Docker] {
            let mixed = assemble(&[&oci, &docker], annotations(), format);
            assert!(matches!(mixed, Err(IndexError::Mixed(_))));
        }
        let index = assemble(&[&docker], annotations(), ManifestFormat::Docker).unwrap();
        let value: serde_json::Value = serde_json::from_slice(index.bytes()).unwrap();
        let list = "application/vnd.docker.distribution.manifest.list.v2+json";
        assert_eq!(
            (value["mediaType"].as_str(), value.get("annotations")),
            (Some(list), None)
        );
        assert_eq!(index.descriptor().media_type().as_ref(), list);
        let manifest = "application/vnd.docker.distribution.manifest.v2+json";
        assert_eq!(value["manifests"][0]["mediaType"], manifest);
        assert_eq!(value["manifests"][0]["platform"]["architecture"], "arm64");
    }
}
