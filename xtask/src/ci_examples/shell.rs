//! Runs `release.sh` where a person would.

use anyhow::Result;

use super::Site;

/// Nothing yet.
pub(super) fn play(_: &Site) -> Result<()> {
    Ok(())
}
