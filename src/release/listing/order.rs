//! Which of two tags is newer.

use std::cmp::Reverse;

use jiff::Timestamp;
use semver::Version;

use super::believable;

/// What is known of a tag's age.
#[derive(Clone, Debug)]
pub(in crate::release) struct Age {
    pub(in crate::release) date: Option<Timestamp>,
    pub(in crate::release) version: Option<Version>,
    pub(in crate::release) tag: String,
}

/// A key that sorts the newest first: by date; then, or where none is known, by version; then by name.
pub(in crate::release) fn newest_first(age: Age) -> impl Ord {
    let date = age.date.filter(believable);
    (Reverse(date), Reverse(age.version), age.tag)
}

/// The version that a tag is: `1`, `v1.2` and `1.2.3-rc.1` among them.
pub(in crate::release) fn version_of(tag: &str) -> Option<Version> {
    let text = tag.strip_prefix('v').unwrap_or(tag);
    let short = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    match (short, text.matches('.').count()) {
        (true, 0) => Version::parse(&format!("{text}.0.0")).ok(),
        (true, 1) => Version::parse(&format!("{text}.0")).ok(),
        _ => Version::parse(text).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_comes_first() {
        let age = |date: Option<&str>, tag: &str| Age {
            date: date.map(|date| date.parse().unwrap_or(Timestamp::UNIX_EPOCH)),
            version: version_of(tag),
            tag: tag.to_owned(),
        };
        let mut ages = [
            age(None, "b"),
            age(None, "v1.9.0"),
            age(Some("1970-01-01T00:00:00Z"), "1.10"),
            age(Some("2025-01-01T00:00:00Z"), "3.0.0"),
            age(Some("2026-01-01T00:00:00Z"), "1.0.0"),
            age(Some("2026-01-01T00:00:00Z"), "1.0.1"),
            age(None, "a"),
            age(None, "1.10.0-rc.1"),
        ];
        ages.sort_by_cached_key(|age| newest_first(age.clone()));
        let tags: Vec<&str> = ages.iter().map(|age| age.tag.as_str()).collect();
        assert_eq!(
            tags,
            [
                "1.0.1",
                "1.0.0",
                "3.0.0",
                "1.10",
                "1.10.0-rc.1",
                "v1.9.0",
                "a",
                "b"
            ]
        );
    }
}
