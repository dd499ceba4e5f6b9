//! `debuginfo`, `upx` and `smoke`: what is done to binaries once they are there, and how they are tried.

use super::node::{Table, Value};
use super::{DebugInfo, Smoke, Upx};

/// `debuginfo` of an image.
pub(super) fn debuginfo(image: &Table) -> DebugInfo {
    match image.text("debuginfo").as_deref() {
        Some("file") => DebugInfo::File,
        _ => DebugInfo::Drop,
    }
}

/// `upx` of an image; none if nothing is packed.
pub(super) fn upx(image: &Table) -> Option<Upx> {
    match &image.node("upx")?.value {
        Value::Boolean(true) => Some(Upx::default()),
        Value::Table(table) => Some(Upx {
            level: table.integer("level").and_then(|level| level.try_into().ok()),
            lzma: table.flag("lzma").unwrap_or(false),
            platforms: table
                .texts("platforms")
                .map(|texts| texts.iter().filter_map(|text| text.parse().ok()).collect()),
        }),
        _ => None,
    }
}

/// `smoke` of an image; none if nothing is tried.
pub(super) fn smoke(image: &Table) -> Option<Smoke> {
    let node = image.node("smoke")?;
    match &node.value {
        Value::List(_) => Some(Smoke {
            args: node.texts(),
            required: false,
        }),
        Value::Table(table) => Some(Smoke {
            args: table.texts("args")?,
            required: table.flag("required").unwrap_or(false),
        }),
        _ => None,
    }
}
