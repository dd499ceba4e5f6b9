//! The version that a tag names.

use semver::Version;

/// The version that a tag names in full: that of `1.2.3`, `v1.2.3`, `1.2.3-rc.1`.
pub fn version_of(tag: &str) -> Option<Version> {
    Version::parse(tag.strip_prefix('v').unwrap_or(tag)).ok()
}
