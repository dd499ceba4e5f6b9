//! What a registry answers with 401: which way of signing in it wants.
//!
//! In: the values of all `WWW-Authenticate` headers. Out: the one challenge that we can meet. Several headers and
//! several challenges in one header are allowed (RFC 9110, 11.6.1), and values may hold commas.

use std::collections::BTreeMap;

/// A way of signing in that we know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    /// User name and password with every request.
    Basic,
    /// A token from `realm`.
    Bearer {
        realm: String,
        service: Option<String>,
        scope: Option<String>,
    },
}

/// Bearer if it is offered, else Basic; other schemes are passed over.
pub(super) fn best<'a>(headers: impl IntoIterator<Item = &'a str>) -> Option<Challenge> {
    let all: Vec<(String, BTreeMap<String, String>)> = headers.into_iter().flat_map(parse).collect();
    let bearer = all.iter().find_map(|(scheme, parameters)| {
        let realm = parameters.get("realm").filter(|_| scheme == "bearer")?;
        Some(Challenge::Bearer {
            realm: realm.clone(),
            service: parameters.get("service").cloned(),
            scope: parameters.get("scope").filter(|scope| !scope.is_empty()).cloned(),
        })
    });
    bearer.or_else(|| {
        all.iter()
            .any(|(scheme, _)| scheme == "basic")
            .then_some(Challenge::Basic)
    })
}

fn parse(header: &str) -> Vec<(String, BTreeMap<String, String>)> {
    let mut challenges: Vec<(String, BTreeMap<String, String>)> = Vec::new();
    for item in split(header) {
        let word = item
            .find(|c: char| c == '=' || c.is_whitespace())
            .unwrap_or(item.len());
        let (first, rest) = item.split_at(word);
        let rest = rest.trim_start();
        let parameter = match rest.strip_prefix('=') {
            Some(value) => Some((first, value)),
            None => {
                challenges.push((first.to_ascii_lowercase(), BTreeMap::new()));
                rest.split_once('=')
            }
        };
        if let (Some((key, value)), Some((_, parameters))) = (parameter, challenges.last_mut()) {
            parameters.insert(key.trim().to_ascii_lowercase(), unquote(value.trim()));
        }
    }
    challenges
}

/// The parts between commas that stand outside quotes.
fn split(header: &str) -> Vec<&str> {
    let (mut parts, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, byte) in header.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' if !quoted => {
                parts.push(&header[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&header[start..]);
    parts
        .into_iter()
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .collect()
}

fn unquote(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"') else {
        return value.to_owned();
    };
    let mut text = String::new();
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => break,
            '\\' => text.extend(characters.next()),
            other => text.push(other),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer(realm: &str, service: Option<&str>, scope: Option<&str>) -> Option<Challenge> {
        Some(Challenge::Bearer {
            realm: realm.to_owned(),
            service: service.map(str::to_owned),
            scope: scope.map(str::to_owned),
        })
    }

    #[test]
    fn parses_what_registries_send() {
        for (headers, expected) in [
            (vec![r#"Basic realm="R""#], Some(Challenge::Basic)),
            (vec!["basic"], Some(Challenge::Basic)),
            (
                vec![r#"Bearer realm="https://a/t",service="s",scope="repository:x:pull,push""#],
                bearer("https://a/t", Some("s"), Some("repository:x:pull,push")),
            ),
            (
                vec![r#"Negotiate YII==, Basic realm="a, b", BEARER Realm = "https://a/t" , service=s"#],
                bearer("https://a/t", Some("s"), None),
            ),
            (
                vec![r#"Basic realm="x""#, r#"Bearer realm="https://a/\"q\"""#],
                bearer(r#"https://a/"q""#, None, None),
            ),
            (vec![r#"Bearer service="no realm""#], None),
            (vec!["Negotiate"], None),
            (vec!["", ",,", "\"", "=", "é=\"ü"], None),
            (vec![], None),
        ] {
            assert_eq!(best(headers.iter().copied()), expected, "{headers:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn never_panics(header in ".{0,80}") {
            let _ = best([header.as_str()]);
        }
    }
}
