//! What somebody probably meant.

/// How like two words must be, from 0 to 1, for one to be offered in place of the other.
const LIKE: f64 = 0.75;

/// The one of `known` that is most like `word`, if any is like it at all.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase().replace('_', "-");
    known
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&word, candidate), candidate))
        .filter(|(likeness, _)| *likeness >= LIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offers_only_what_is_near() {
        let known = ["repository", "platforms", "remap-paths", "strip"];
        for (word, expected) in [
            ("repositry", Some("repository")),
            ("remap_paths", Some("remap-paths")),
            ("platform", Some("platforms")),
            ("Strip", Some("strip")),
            ("zzz", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, known), expected, "{word}");
        }
    }
}
