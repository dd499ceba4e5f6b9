//! The flags that cargo gives to rustc, computed as cargo does, so that ours can be added and none is lost.
//!
//! In: the environment, cargo's configuration files, a triple and its `cfg`s. Out: the flags the user's settings
//! give, and how a longer list is handed over. It runs nothing and never touches the user's files.
//!
//! What cargo does (measured with 1.95 by a recording `RUSTC_WRAPPER`; the tests repeat it):
//!
//! - The first source that exists is the only one: `CARGO_ENCODED_RUSTFLAGS`, `RUSTFLAGS` (both also when empty:
//!   then there are no flags), `target.T` and `target.'cfg(..)'` together, `build.rustflags`.
//! - `target.T.rustflags` is the files' value (the farther file first), then `CARGO_TARGET_T_RUSTFLAGS`, then
//!   `--config`. The `cfg` tables follow, sorted by their text. `build.rustflags` is made up likewise. If the list
//!   of `target` comes out empty, `build.rustflags` holds.
//! - A value is a list, or a text that is split at blanks. Where one file says a text and another (or `--config`) a
//!   list, cargo fails.
//! - With `--target`, build scripts and procedural macros get none of this.
//!
//! Hence the handing over: `CARGO_TARGET_T_RUSTFLAGS` would be added to the files' value, cannot carry blanks, and is
//! beaten by a `RUSTFLAGS` of the user; `--config target.T.rustflags=[..]` is added as well, and fails beside a
//! text. Only `CARGO_ENCODED_RUSTFLAGS` replaces every other source and can say everything. It holds for all targets
//! of one call; each triple is a call of its own anyway (same target directory: host artifacts stay fresh).

mod config;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use cargo_platform::Cfg;

pub use config::{CargoConfig, RustflagsError};

use crate::environment::Environment;

/// What separates flags in `CARGO_ENCODED_RUSTFLAGS`.
const SEPARATOR: &str = "\u{1f}";

/// How one call of cargo is given its flags.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Handover {
    /// Variables to set.
    pub variables: BTreeMap<String, OsString>,
    /// Variables to remove: other sources, which would be beaten anyway but confuse build scripts that read them.
    pub remove: Vec<String>,
}

/// The flags that the user's own settings give to a triple, in cargo's order. `cfgs` are the triple's, as
/// `rustc --print cfg` says them; [`super::toolchain::Toolchain::rustflags`] does the asking too.
///
/// # Errors
/// When one of cargo's configuration files does not read, or says of flags what cargo refuses.
pub fn effective(
    environment: &Environment,
    directory: &Path,
    triple: &str,
    cfgs: &[Cfg],
) -> Result<Vec<String>, RustflagsError> {
    effective_with(
        environment,
        &CargoConfig::load(environment, directory)?,
        triple,
        cfgs,
    )
}

/// As [`effective`], with the configuration files already read.
///
/// # Errors
/// When a configuration file says of flags what cargo refuses.
pub fn effective_with(
    environment: &Environment,
    config: &CargoConfig,
    triple: &str,
    cfgs: &[Cfg],
) -> Result<Vec<String>, RustflagsError> {
    if let Some(encoded) = environment.var("CARGO_ENCODED_RUSTFLAGS") {
        return Ok(decoded(encoded));
    }
    if let Some(flags) = environment.var("RUSTFLAGS") {
        return Ok(split(flags));
    }
    let mut flags = config.list(&["target", triple, "rustflags"])?;
    flags.extend(from_variable(
        environment,
        &format!("CARGO_TARGET_{}_RUSTFLAGS", upper(triple)),
    ));
    for key in config.matching_cfgs(cfgs) {
        flags.extend(config.list(&["target", key, "rustflags"])?);
    }
    if flags.is_empty() {
        flags = config.list(&["build", "rustflags"])?;
        flags.extend(from_variable(environment, "CARGO_BUILD_RUSTFLAGS"));
    }
    Ok(flags)
}

/// How to give the call for `triple` exactly these flags: the effective ones with ours appended.
pub fn handover(triple: &str, flags: &[String]) -> Handover {
    Handover {
        variables: BTreeMap::from([("CARGO_ENCODED_RUSTFLAGS".to_owned(), flags.join(SEPARATOR).into())]),
        remove: vec![
            "RUSTFLAGS".to_owned(),
            format!("CARGO_TARGET_{}_RUSTFLAGS", upper(triple)),
            "CARGO_BUILD_RUSTFLAGS".to_owned(),
        ],
    }
}

/// A triple as cargo's variables spell it.
pub(crate) fn upper(triple: &str) -> String {
    triple.to_uppercase().replace(['-', '.'], "_")
}

fn from_variable(environment: &Environment, name: &str) -> Vec<String> {
    environment.var(name).map(split).unwrap_or_default()
}

fn decoded(text: &str) -> Vec<String> {
    if text.is_empty() {
        return Vec::new();
    }
    text.split(SEPARATOR).map(str::to_owned).collect()
}

fn split(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

#[cfg(unix)]
#[cfg(test)]
mod tests;
