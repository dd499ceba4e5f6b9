//! What is done to a binary after it was made: whose debug information is kept, what we strip, what UPX packs.

use super::foreign::made_strip;
use super::target::Decision;
use super::{Finish, PlannedBinary};
use crate::matrix::{BinarySource, DebugInfo, Image, Strip};
use crate::target::Target;

/// What is done to a binary of `image`; `source` is where it comes from, if not from cargo. What others made is left as
/// it is, unless somebody asks for less.
pub(super) fn finish(image: &Image, source: Option<&BinarySource>, target: &Target) -> Finish {
    let asked = |strip: Strip| Some(strip).filter(|strip| *strip != Strip::None);
    let strip = match source {
        Some(BinarySource::Prebuilt(prebuilt)) => prebuilt.strip.and_then(asked),
        Some(BinarySource::Command(command)) => command.strip.and_then(asked),
        // The compiler strips, unless the debug information is to be taken out first.
        _ => asked(image.strip).filter(|_| image.debuginfo == DebugInfo::File),
    };
    let upx = image.upx.clone().filter(|upx| {
        let named = upx.platforms.as_ref();
        target.upx && named.is_none_or(|platforms| platforms.contains(&target.platform))
    });
    let compiled = !matches!(source, Some(BinarySource::Prebuilt(_) | BinarySource::Command(_)));
    Finish {
        comes_stripped: compiled && made_strip(image) != Strip::None,
        debuginfo: strip.is_some() && image.debuginfo == DebugInfo::File,
        strip,
        upx,
    }
}

/// What the user should know of it: UPX was asked for, and cannot pack this target's programs.
pub(super) fn left_out(image: &Image, binary: &PlannedBinary, decision: &Decision<'_>) -> Option<String> {
    let target = decision.target;
    let upx = image.upx.as_ref().filter(|_| binary.finish.upx.is_none())?;
    let named = upx.platforms.as_ref();
    let asked = named.is_none_or(|platforms| platforms.contains(&target.platform));
    asked.then(|| {
        format!(
            "image `{}` on {}: UPX cannot pack programs for `{}`; they are left as they are",
            image.name, target.platform, target.triple
        )
    })
}
