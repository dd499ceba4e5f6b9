//! [`Check::Age`]: a base that was made long before the image, and lacks what was mended since.
//!
//! Both times stand in the config (`created`, `history`), so that the same image always gives the same finding. How old
//! is too old is a matter of taste: this is told only where the matrix asks for it.
//! <https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md#properties>

use jiff::Timestamp;
use serde_json::Value;

use super::scene::Scene;
use super::{Check, Finding};

/// A base that is older than this many days is old.
const OLD: i64 = 180;

const DAY: i64 = 24 * 3600;

/// Builders that want the same bytes each time write a time of long ago (the year 2000 and before): it says nothing.
const BELIEVED: i64 = 946_684_800;

pub(super) fn check(scene: &Scene<'_>, out: &mut Vec<Finding>) {
    let config = scene.question.config;
    let history = config["history"].as_array();
    let lowest = history
        .into_iter()
        .flatten()
        .find(|entry| entry["empty_layer"] != Value::Bool(true));
    let base = lowest.and_then(|entry| seconds(&entry["created"]));
    let (Some(made), Some(base)) = (seconds(&config["created"]), base) else {
        return;
    };
    let days = made.saturating_sub(base) / DAY;
    if days > OLD {
        let message = format!("the base's lowest layer was made {days} days before the image");
        let finding = scene.finding(Check::Age, "base", message);
        out.push(finding.help("`cargo gantry update` pins what the base's name stands for now"));
    }
}

fn seconds(time: &Value) -> Option<i64> {
    let time: Timestamp = time.as_str()?.parse().ok()?;
    Some(time.as_second()).filter(|seconds| *seconds > BELIEVED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn times_that_say_nothing_are_none() {
        for (time, known) in [
            (json!("2026-11-21T08:00:00Z"), true),
            (json!("2023-05-04T12:00:00.123+02:00"), true),
            (json!("1970-01-01T00:00:00Z"), false),
            (json!("0001-01-01T00:00:00Z"), false),
            (json!("yesterday"), false),
            (Value::Null, false),
        ] {
            assert_eq!(seconds(&time).is_some(), known, "{time}");
        }
    }

    #[test]
    fn a_base_is_old_when_it_was_long_ago_for_the_image() {
        use crate::fit::example::Example;
        let found = |base: &str, empty: bool, made: &str| {
            let mut example = Example::default();
            example.times(json!(made), json!([{"created": base, "empty_layer": empty}]));
            example.only(Check::Age).len()
        };
        for (base, empty, made, expected) in [
            ("2026-01-01T00:00:00Z", false, "2026-11-21T00:00:00Z", 1),
            ("2026-11-01T00:00:00Z", false, "2026-11-21T00:00:00Z", 0),
            ("2026-11-21T00:00:00Z", false, "2026-01-01T00:00:00Z", 0),
            ("1970-01-01T00:00:00Z", false, "2026-11-21T00:00:00Z", 0),
            ("2020-01-01T00:00:00Z", false, "1970-01-01T00:00:00Z", 0),
            ("2020-01-01T00:00:00Z", true, "2026-11-21T00:00:00Z", 0),
        ] {
            assert_eq!(found(base, empty, made), expected, "{base} {made}");
        }
    }
}
