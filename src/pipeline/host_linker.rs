//! What links build scripts and procedural macros: the same in all units that share a folder.

use crate::build::rustflags::upper;
use crate::plan::BuildUnit;

/// The variable by which one of the units in the folder of `unit` chooses the linker for rustc's host. cargo links with
/// it what runs there, too: were it said in one call and not in the next, each would compile all of that again.
pub(super) fn shared(units: &[BuildUnit], unit: &BuildUnit, host: &str) -> Option<(String, String)> {
    let name = format!("CARGO_TARGET_{}_LINKER", upper(host));
    let beside = units
        .iter()
        .filter(|other| other.own_directory == unit.own_directory);
    let mut targets = beside.flat_map(|other| &other.targets);
    let linker = targets.find_map(|target| target.link.variables.get(&name)?.to_str().map(str::to_owned))?;
    Some((name, linker))
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::matrix::Strip;
    use crate::plan::{Link, UnitTarget};

    const NAME: &str = "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER";

    fn unit(own: Option<&str>, triple: &str, linker: Option<&str>) -> BuildUnit {
        let target = UnitTarget {
            triple: triple.into(),
            link: Link {
                shown: String::new(),
                why: String::new(),
                variables: linker
                    .into_iter()
                    .map(|linker| (NAME.to_owned(), linker.into()))
                    .collect(),
                compilers: BTreeMap::new(),
                rustflags: Vec::new(),
            },
            rustflags: Vec::new(),
            glibc: None,
        };
        BuildUnit {
            name: "release".into(),
            why: String::new(),
            profile: "release".into(),
            strip: Strip::Symbols,
            remap_paths: true,
            packages: Vec::new(),
            binaries: BTreeSet::new(),
            targets: vec![target],
            isolated: None,
            environment: BTreeMap::new(),
            own_directory: own.map(str::to_owned),
        }
    }

    #[test]
    fn units_in_one_folder_link_alike_what_runs_here() {
        let (gnu, musl) = ("x86_64-unknown-linux-gnu", "x86_64-unknown-linux-musl");
        let units = [
            unit(None, musl, None),
            unit(None, gnu, Some("zig")),
            unit(Some("1a"), gnu, Some("gcc")),
            unit(Some("2b"), musl, None),
        ];
        for (unit, linker) in units.iter().zip([Some("zig"), Some("zig"), Some("gcc"), None]) {
            let expected = linker.map(|linker| (NAME.to_owned(), linker.to_owned()));
            assert_eq!(shared(&units, unit, gnu), expected);
            assert_eq!(shared(&units, unit, musl), None);
        }
    }
}
