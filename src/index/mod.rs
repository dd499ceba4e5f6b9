//! [`Index`]: the images of all platforms behind one digest.
//!
//! In: assembled images and annotations. Out: the bytes of an image index with its descriptor. This room stores
//! nothing and never leaves an image out.

use std::collections::{BTreeMap, HashMap};

use oci_spec::image::{DescriptorBuilder, ImageIndexBuilder};

use crate::image::Image;
use crate::spec::{Descriptor, Digest, MediaType, Platform, json};

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

/// Puts an index together, in the order of the images given.
/// <https://github.com/opencontainers/image-spec/blob/v1.1.1/image-index.md>
///
/// # Errors
/// When two images have the same platform.
pub fn assemble(images: &[&Image], annotations: BTreeMap<String, String>) -> Result<Index, IndexError> {
    for (position, image) in images.iter().enumerate() {
        if images[..position]
            .iter()
            .any(|other| other.platform() == image.platform())
        {
            return Err(IndexError::Twice(image.platform().clone()));
        }
    }
    let manifests: Vec<Descriptor> = images.iter().map(|image| image.descriptor().clone()).collect();
    let mut index = ImageIndexBuilder::default()
        .schema_version(2u32)
        .media_type(MediaType::ImageIndex)
        .manifests(manifests);
    if !annotations.is_empty() {
        index = index.annotations(annotations.into_iter().collect::<HashMap<_, _>>());
    }
    let bytes = json::to_vec(&index.build().expect("manifests are set"));
    let descriptor = DescriptorBuilder::default()
        .media_type(MediaType::ImageIndex)
        .digest(oci_spec::image::Digest::from(Digest::of(&bytes)))
        .size(bytes.len() as u64)
        .build()
        .expect("media type, digest and size are set");
    Ok(Index { bytes, descriptor })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{Parts, Settings, assemble as image};

    fn on(platform: &str) -> Image {
        let parts = Parts {
            platform: platform.parse().unwrap(),
            base: None,
            layers: Vec::new(),
            settings: Settings::default(),
            annotations: BTreeMap::new(),
            created: "1970-01-01T00:00:00Z".into(),
        };
        image(parts).unwrap()
    }

    #[test]
    fn lists_platforms_in_order_with_written_variants() {
        let (amd, arm) = (on("linux/amd64"), on("linux/arm64"));
        let index = assemble(&[&amd, &arm], BTreeMap::from([("a".into(), "b".into())])).unwrap();
        let value: serde_json::Value = serde_json::from_slice(index.bytes()).unwrap();
        assert_eq!(value["manifests"][1]["platform"]["variant"], "v8");
        assert_eq!(value["manifests"][0]["digest"], amd.digest().to_string());
        assert_eq!(index.digest(), Digest::of(index.bytes()));
        assert!(matches!(
            assemble(&[&amd, &amd], BTreeMap::new()),
            Err(IndexError::Twice(_))
        ));
    }
}
