//! [`reference`](reference()): the name of an image as people write it.

use std::net::Ipv6Addr;

use oci_spec::distribution::{ParseError, Reference};

/// Longest repository, in bytes.
const LONGEST: usize = 255;

const DOCKER_HUB: &str = "docker.io";
const OFFICIAL: &str = "library";

/// What `text` names. As [`Reference`]'s own parser says it; what is plain needs none of its regular expression, which takes
/// longer to set up than publishing what did not change. It knows no IPv6 address, in brackets, as the grammar has had it since
/// <https://github.com/distribution/reference/blob/v0.6.0/reference.go>.
///
/// # Errors
/// When it is no reference.
pub fn reference(text: &str) -> Result<Reference, ParseError> {
    plain(text).map_or_else(|| text.parse(), Ok)
}

/// `host/path`, or a name of Docker Hub, with a tag, a digest, or both; none where anything about it is unusual.
fn plain(text: &str) -> Option<Reference> {
    let (text, digest) = match text.split_once('@') {
        Some((text, digest)) => (text, Some(digest)),
        None => (text, None),
    };
    let is_host = |word: &str| word.contains(['.', ':']) || word == "localhost";
    let (host, path) = text.split_once('/').filter(|(host, _)| is_host(host)).unzip();
    let path = path.unwrap_or(text);
    let (path, tag) = match path.split_once(':') {
        Some((path, tag)) => (path, Some(tag)),
        None => (path, None),
    };
    // Docker Hub's own images lie below a word that nobody writes.
    let path = match host {
        None | Some(DOCKER_HUB) if !path.contains('/') => format!("{OFFICIAL}/{path}"),
        _ => path.to_owned(),
    };
    let host = host.unwrap_or(DOCKER_HUB);
    // Its other names stand for this one.
    let good = (host == DOCKER_HUB || !host.ends_with(DOCKER_HUB))
        && authority(host)
        && path.len() <= LONGEST
        && path.split('/').all(part)
        && tag.is_none_or(super::is_tag)
        && digest.is_none_or(sha256);
    if !good {
        return None;
    }
    let host = host.to_owned();
    Some(match (tag, digest) {
        (None, None) => Reference::with_tag(host, path, "latest".to_owned()),
        (Some(tag), None) => Reference::with_tag(host, path, tag.to_owned()),
        (None, Some(digest)) => Reference::with_digest(host, path, digest.to_owned()),
        (Some(tag), Some(digest)) => {
            Reference::with_tag_and_digest(host, path, tag.to_owned(), digest.to_owned())
        }
    })
}

fn authority(host: &str) -> bool {
    if let Some((address, port)) = host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        let port = port.strip_prefix(':').or(port.is_empty().then_some("0"));
        return address.parse::<Ipv6Addr>().is_ok() && port.is_some_and(is_port);
    }
    let (name, port) = host.split_once(':').unwrap_or((host, "0"));
    let label = |label: &str| {
        let inner = label
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        inner && !label.is_empty() && !label.starts_with('-') && !label.ends_with('-')
    };
    name.split('.').all(label) && is_port(port)
}

fn is_port(port: &str) -> bool {
    !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())
}

/// Lower case letters and digits, with one separator between them.
fn part(part: &str) -> bool {
    let separates = |byte: u8| matches!(byte, b'.' | b'_' | b'-');
    let bytes = part.as_bytes();
    let known = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || separates(*byte);
    let ends = bytes.first().into_iter().chain(bytes.last());
    !bytes.is_empty()
        && bytes.iter().all(known)
        && !ends.copied().any(separates)
        && !bytes
            .windows(2)
            .any(|pair| separates(pair[0]) && separates(pair[1]))
}

fn sha256(digest: &str) -> bool {
    let hex = digest.strip_prefix("sha256:");
    hex.is_some_and(|hex| {
        hex.len() == 64 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_plain_is_what_the_full_parser_says() {
        let digest = format!("sha256:{}", "0f".repeat(32));
        for (text, is_plain) in [
            ("ghcr.io/acme/api", true),
            ("localhost/a:1.2.3", true),
            ("127.0.0.1:5000/x/y-z_w.v:_a", true),
            (&format!("reg.lan:5000/a@{digest}"), true),
            (&format!("reg.lan/a:t@{digest}"), true),
            ("debian:bookworm-slim", true),
            (&format!("debian@{digest}"), true),
            ("acme/api:1", true),
            ("library/debian", true),
            ("localhost", true),
            ("docker.io/acme/debian", true),
            ("docker.io/debian", true),
            ("index.docker.io/debian", false),
            ("reg.lan/a__b", false),
            ("reg.lan/a--b", false),
            ("reg.lan/a:.x", false),
            ("reg.lan/A", false),
            ("reg.lan/a@sha256:0", false),
            ("-reg.lan/a", false),
            ("reg.lan:/a", false),
            ("reg.lan/", false),
            ("", false),
        ] {
            assert_eq!(plain(text).is_some(), is_plain, "{text}");
            assert_eq!(reference(text), text.parse(), "{text}");
        }
    }

    #[test]
    fn a_registry_may_be_an_ipv6_address() {
        let digest = format!("sha256:{}", "0f".repeat(32));
        for text in [
            "[::1]:5000/a/b:1",
            "[fd00::1:2]/a:t",
            &format!("[::1]:5000/a@{digest}"),
        ] {
            assert_eq!(reference(text).unwrap().to_string(), text);
        }
        assert_eq!(reference("[::1]:5000/a/b").unwrap().registry(), "[::1]:5000");
        for text in [
            "[::1/a",
            "::1/a",
            "[::1]x/a",
            "[::1]:/a",
            "[::g]/a",
            "[127.0.0.1]/a",
            "[]/a",
            "[fe80::1%eth0]/a",
        ] {
            assert!(reference(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_what_the_full_parser_says(text in "([a-zA-Z0-9.:-]{1,9}/)?[a-zA-Z0-9._/-]{1,12}(:[\\w.-]{0,5})?(@sha256:[0-9a-fA]{63,65})?") {
            prop_assert_eq!(reference(&text), text.parse());
        }
    }
}
