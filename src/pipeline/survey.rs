//! What can be built on this machine, target by target.

use serde::Serialize;

use super::{Error, Gantry};
use crate::build::link::{self, Wanted};
use crate::build::toolchain::Toolchain;
use crate::spec::Platform;
use crate::target::Catalog;

/// One target.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "kebab-case")]
pub struct TargetRow {
    /// The platform that it serves.
    pub platform: Platform,
    /// The triple.
    pub triple: String,
    /// Whether its standard library is there, as rustc sees it.
    pub std_installed: bool,
    /// The linker that would be used where nothing compiles C; none if there is no linker.
    pub linker: Option<String>,
    /// The linker that would be used where a dependency compiles C.
    pub linker_for_c: Option<String>,
}

pub(super) fn targets(gantry: &Gantry) -> Result<Vec<TargetRow>, Error> {
    let toolchain = Toolchain::survey(&gantry.tools, gantry.tools.environment().directory())?;
    let catalog = Catalog::builtin();
    let mut rows = Vec::new();
    for target in catalog.iter() {
        let linker = |compiles_c: &[String]| {
            let wanted = Wanted {
                compiles_c: compiles_c.to_vec(),
                ..Wanted::default()
            };
            link::choose(target, &wanted, &toolchain)
                .ok()
                .map(|choice| choice.shown)
        };
        rows.push(TargetRow {
            platform: target.platform.clone(),
            triple: target.triple.clone(),
            std_installed: toolchain.std_installed(&target.triple)?,
            linker: linker(&[]),
            linker_for_c: linker(&["a C library".to_owned()]),
        });
    }
    rows.sort_by(|a, b| (&a.platform, &a.triple).cmp(&(&b.platform, &b.triple)));
    Ok(rows)
}
