//! What a Go program says of its origin, where neither Cargo.toml nor git does: a program made elsewhere brings it along.

use std::collections::BTreeMap;

use super::Error;
use super::lay::Placed;
use crate::binary::{GoBuildInfo, go_build_info};
use crate::plan::{Maker, PlannedImage, PlannedPlatform};
use crate::spec::annotation as key;

/// Hosts whose repositories are called as the modules in them.
const HOSTS: [&str; 3] = ["github.com", "gitlab.com", "bitbucket.org"];

/// The reserved annotations that the first Go program of an image gives, without those that the user switched off.
pub(super) fn annotations(
    image: &PlannedImage,
    platform: &PlannedPlatform,
    programs: &[Placed],
) -> Result<BTreeMap<String, String>, Error> {
    let foreign = platform.binaries.iter().zip(programs);
    let foreign = foreign.filter(|(binary, _)| matches!(binary.maker, Maker::Foreign { .. }));
    for (_, program) in foreign {
        if let Some(info) = go_build_info(&program.path)? {
            let mut known = of(&info);
            known.retain(|key, _| !image.omit_annotations.contains(key));
            return Ok(known);
        }
    }
    Ok(BTreeMap::new())
}

fn of(info: &GoBuildInfo) -> BTreeMap<String, String> {
    let setting = |name: &str| info.settings.get(name).filter(|value| !value.is_empty());
    let version = info.version.strip_prefix('v').map(str::to_owned);
    let modified = setting("vcs.modified").is_some_and(|modified| modified == "true");
    let revision = setting("vcs.revision").map(|revision| match modified {
        true => format!("{revision}-dirty"),
        false => revision.clone(),
    });
    let parts: Vec<&str> = info.module.splitn(4, '/').collect();
    let source = match parts.as_slice() {
        [host, owner, name, ..] if HOSTS.contains(host) => Some(format!("https://{host}/{owner}/{name}")),
        _ => None,
    };
    let known = [
        (key::VERSION, version),
        (key::REVISION, revision),
        (key::SOURCE, source),
    ];
    known
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?)))
        .collect()
}

/// Adds what is not there yet.
pub(super) fn add(to: &mut BTreeMap<String, String>, known: &BTreeMap<String, String>) {
    for (key, value) in known {
        to.entry(key.clone()).or_insert_with(|| value.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_path_version_and_vcs_are_told() {
        let settings = [
            ("vcs.revision", "0123abc"),
            ("vcs.modified", "true"),
            ("-ldflags", "-X main.secret=hunter2"),
        ];
        let info = GoBuildInfo {
            module: "github.com/acme/agent/v2".to_owned(),
            version: "v2.1.0".to_owned(),
            settings: BTreeMap::from(settings.map(|(key, value)| (key.to_owned(), value.to_owned()))),
            ..GoBuildInfo::default()
        };
        let known: Vec<(String, String)> = of(&info).into_iter().collect();
        let expected = [
            (key::REVISION, "0123abc-dirty"),
            (key::SOURCE, "https://github.com/acme/agent"),
            (key::VERSION, "2.1.0"),
        ];
        assert_eq!(
            known,
            expected.map(|(key, value)| (key.to_owned(), value.to_owned()))
        );
        let info = GoBuildInfo {
            module: "example.com/x".to_owned(),
            version: "(devel)".to_owned(),
            ..GoBuildInfo::default()
        };
        assert!(of(&info).is_empty());
    }
}
