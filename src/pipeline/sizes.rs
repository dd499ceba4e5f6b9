//! What an image weighs on one platform, step by step.

use std::path::PathBuf;

use super::lay::Laid;
use crate::image::Image;
use crate::rootfs;
use crate::spec::Platform;

/// Sizes of one image on one platform, in bytes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PlatformSizes {
    /// The platform.
    pub platform: Platform,
    /// Its programs, in the order of the matrix.
    pub programs: Vec<ProgramSizes>,
    /// The layer with its programs, as it is stored and pulled.
    pub layer: u64,
    /// Manifest, config and all layers, as somebody who has nothing yet pulls them.
    pub image: u64,
    /// All files of the unpacked image.
    pub disk: u64,
}

/// Sizes of one program, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProgramSizes {
    /// Its path in the image.
    pub path: String,
    /// As it was made; none if what made it stripped it at once.
    pub made: Option<u64>,
    /// Stripped; none if it is not.
    pub stripped: Option<u64>,
    /// Packed with UPX; none if it is not.
    pub packed: Option<u64>,
    /// The file as it is before UPX.
    pub(super) unpacked: PathBuf,
    /// Its path in the layer, where links of the base have led it.
    pub(super) entry: Vec<u8>,
}

/// What is known of it before the image is assembled.
#[derive(Clone, Debug, Default)]
pub(super) struct Weighed {
    pub programs: Vec<ProgramSizes>,
    pub layer: u64,
    pub disk: u64,
}

impl Weighed {
    pub(super) fn of(self, image: &Image) -> PlatformSizes {
        PlatformSizes {
            platform: image.platform().clone(),
            programs: self.programs,
            layer: self.layer,
            image: image.size(),
            disk: self.disk,
        }
    }
}

/// Bytes of all files of an image. Programs are in its tree as they are before UPX: `packed` says what they became.
pub(super) fn disk(laid: &Laid, programs: &[ProgramSizes]) -> u64 {
    let files = laid.tree.iter().map(|(_, node)| match &node.kind {
        rootfs::Kind::File(facts) => facts.size,
        _ => 0,
    });
    let saved = programs.iter().map(|program| {
        let before = program.stripped.or(program.made).unwrap_or_default();
        program.packed.map_or(0, |packed| before.saturating_sub(packed))
    });
    files.sum::<u64>().saturating_sub(saved.sum())
}
