//! [`Original`]: manifests and configs byte by byte, as they are stored.

use super::{InspectError, Place, contents};
use crate::spec::{Digest, Platform};

/// An object as it is stored, verified.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Original {
    /// Its digest.
    pub digest: Digest,
    /// What it is.
    pub media_type: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// The index or manifest that `place` names; with a platform, the manifest of that.
///
/// # Errors
/// When it is not there, damaged or too large, or has no such platform.
pub async fn raw(place: &Place, platform: Option<&Platform>) -> Result<Original, InspectError> {
    let object = match platform {
        None => place.root().await?,
        Some(platform) => {
            let contents = contents::read(place).await?;
            contents.of(place.name(), Some(platform))?.object.clone()
        }
    };
    Ok(Original {
        digest: object.digest,
        media_type: object.media_type,
        bytes: object.bytes,
    })
}

/// The config of a platform, or of the only one.
///
/// # Errors
/// As [`raw`].
pub async fn config(place: &Place, platform: Option<&Platform>) -> Result<Original, InspectError> {
    let contents = contents::read(place).await?;
    let image = contents.of(place.name(), platform)?;
    let descriptor = image.manifest.config();
    Ok(Original {
        digest: Digest::try_from(descriptor.digest())?,
        media_type: descriptor.media_type().to_string(),
        bytes: image.config_bytes.clone(),
    })
}
