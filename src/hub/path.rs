//! Parts of an API's paths: what may stand in them, and how other bytes are written.

use std::fmt::Write;

/// A part of a path in which nothing leads elsewhere: all but letters, digits and `-._~` is escaped.
/// <https://www.rfc-editor.org/rfc/rfc3986#section-2.3>
pub(super) fn escape(part: &str) -> String {
    let mut text = String::with_capacity(part.len());
    for byte in part.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => text.push(byte.into()),
            _ => {
                let _ = write!(text, "%{byte:02X}");
            }
        }
    }
    text
}

/// The parts of a repository's name, if it can be one.
/// <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pulling-manifests>
pub(super) fn parts(name: &str) -> Option<Vec<&str>> {
    let good = |part: &&str| {
        let mut bytes = part.bytes();
        let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        bytes.next().is_some_and(word) && bytes.all(|byte| word(byte) || b"._-".contains(&byte))
    };
    let parts: Vec<&str> = name.split('/').collect();
    (name.len() <= 255 && parts.iter().all(good)).then_some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_part_leads_elsewhere() {
        assert_eq!(escape("a/b%2F?#ä"), "a%2Fb%252F%3F%23%C3%A4");
        assert_eq!(escape(&escape("a/b")), "a%252Fb");
        assert_eq!(parts("team/app"), Some(vec!["team", "app"]));
        for name in ["", "a//b", "../x", "a/..", "a/./b", "A/b", "a/b?c", "-a/b"] {
            assert_eq!(parts(name), None, "{name}");
        }
    }
}
