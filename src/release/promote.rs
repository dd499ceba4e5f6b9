//! What a tag is by its own words: the version that it names, when it may move, and its shorter forms.
//!
//! For tags that somebody gives a name to directly. Those of a matrix say it themselves.

use semver::Version;

use super::{Moves, ReleaseError, Tag};
use crate::spec::version_of;

/// When a tag moves if nobody says: a full version never, `latest` and a part of a version forward, anything else always.
pub fn moves_of(tag: &str) -> Moves {
    if version_of(tag).is_some() {
        return Moves::Never;
    }
    match tag == "latest" || is_part(tag) {
        true => Moves::Forward,
        false => Moves::Always,
    }
}

/// Tags with the rules that their own words give them, each once: first those that name one thing for ever, then those that
/// move forward, from the most exact to `latest`, then the others.
///
/// # Errors
/// When one does not have the form of a tag.
pub fn tags_of(names: &[String]) -> Result<Vec<Tag>, ReleaseError> {
    let mut tags: Vec<Tag> = Vec::new();
    for name in names {
        let tag = Tag::new(name, moves_of(name))?;
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    tags.sort_by_key(|tag| match tag.moves() {
        Moves::Never => (0, 0),
        Moves::Forward if tag.name() == "latest" => (1, 9),
        Moves::Forward => (1, 2 - tag.name().matches('.').count()),
        Moves::Always => (2, 0),
    });
    Ok(tags)
}

/// `1`, `1.2`, `v1.2`.
fn is_part(tag: &str) -> bool {
    let parts: Vec<&str> = tag.strip_prefix('v').unwrap_or(tag).split('.').collect();
    // More digits are a date, or a number of a build.
    let number = |part: &&str| {
        let plain = *part == "0" || !part.starts_with('0');
        (1..=5).contains(&part.len()) && plain && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    parts.len() <= 2 && parts.iter().all(number)
}

/// The shorter forms of a tag that names a version, most exact first: `1.2`, `1` and `latest` for `1.2.3`, with its `v` if
/// it has one. Nothing is compatible within 0, so that there is no `0`; a pre-release has none.
pub fn shorter(tag: &str) -> Vec<String> {
    let Some(version) = version_of(tag).filter(|version| version.pre.is_empty()) else {
        return Vec::new();
    };
    let v = if tag.starts_with('v') { "v" } else { "" };
    let Version { major, minor, .. } = version;
    let mut forms = vec![format!("{v}{major}.{minor}")];
    if major > 0 {
        forms.push(format!("{v}{major}"));
    }
    forms.push("latest".to_owned());
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_says_when_it_moves() {
        for (tag, moves) in [
            ("1.2.3", Moves::Never),
            ("v1.2.3", Moves::Never),
            ("1.2.3-rc.1", Moves::Never),
            ("1.2", Moves::Forward),
            ("v1", Moves::Forward),
            ("latest", Moves::Forward),
            ("20260102", Moves::Always),
            ("edge", Moves::Always),
            ("v", Moves::Always),
            ("1.2.3.4", Moves::Always),
            ("01", Moves::Always),
            ("main-1.2", Moves::Always),
        ] {
            assert_eq!(moves_of(tag), moves, "{tag}");
        }
    }

    #[test]
    fn shorter_forms_are_those_of_semver() {
        for (tag, forms) in [
            ("1.2.3", vec!["1.2", "1", "latest"]),
            ("v1.2.3", vec!["v1.2", "v1", "latest"]),
            ("0.3.1", vec!["0.3", "latest"]),
            ("1.2.3-rc.1", vec![]),
            ("edge", vec![]),
        ] {
            assert_eq!(shorter(tag), forms, "{tag}");
        }
    }
}
