//! Addresses in the HTML of a Markdown text: links, images and their alternatives.
//! <https://html.spec.whatwg.org/multipage/syntax.html#start-tags>

use std::ops::Range;

/// Elements whose content is no HTML.
const RAW: [&str; 3] = ["script", "style", "textarea"];

/// The ranges of addresses in `html`, and whether each is one of an image.
pub(super) fn addresses(html: &str) -> Vec<(Range<usize>, bool)> {
    let (bytes, mut found, mut at) = (html.as_bytes(), Vec::new(), 0);
    while let Some(open) = html[at..].find('<').map(|offset| at + offset) {
        at = open + 1;
        if html[at..].starts_with("!--") {
            at = html[at..]
                .find("-->")
                .map_or(html.len(), |offset| at + offset + 3);
            continue;
        }
        let name_end = end(bytes, at, |byte| byte.is_ascii_alphanumeric());
        if !bytes.get(at).is_some_and(u8::is_ascii_alphabetic) {
            continue;
        }
        let name = html[at..name_end].to_ascii_lowercase();
        at = attributes(html, &name, name_end, &mut found);
        if RAW.contains(&name.as_str()) {
            let close = format!("</{name}");
            let rest = html[at..].to_ascii_lowercase();
            at = rest.find(&close).map_or(html.len(), |offset| at + offset);
        }
    }
    found
}

/// The attributes of one tag, and where it ends.
fn attributes(html: &str, tag: &str, mut at: usize, found: &mut Vec<(Range<usize>, bool)>) -> usize {
    let bytes = html.as_bytes();
    loop {
        at = end(bytes, at, |byte| byte.is_ascii_whitespace() || byte == b'/');
        match bytes.get(at) {
            None => return at,
            Some(b'>') => return at + 1,
            _ => {}
        }
        let name_end = end(bytes, at + 1, |byte| {
            !byte.is_ascii_whitespace() && !b"=>/".contains(&byte)
        });
        let name = html[at..name_end].to_ascii_lowercase();
        at = end(bytes, name_end, |byte| byte.is_ascii_whitespace());
        if bytes.get(at) != Some(&b'=') {
            continue;
        }
        at = end(bytes, at + 1, |byte| byte.is_ascii_whitespace());
        let value = match bytes.get(at) {
            Some(quote @ (b'"' | b'\'')) => {
                let value = at + 1..end(bytes, at + 1, |byte| byte != *quote);
                at = (value.end + 1).min(bytes.len());
                value
            }
            _ => {
                let value = at..end(bytes, at, |byte| !byte.is_ascii_whitespace() && byte != b'>');
                at = value.end;
                value
            }
        };
        match (tag, name.as_str()) {
            ("a", "href") => found.push((value, false)),
            ("img" | "source" | "video", "src") | ("video", "poster") => found.push((value, true)),
            ("img" | "source", "srcset") => found.extend(candidates(html, value)),
            _ => {}
        }
    }
}

/// The addresses in a `srcset`.
/// <https://html.spec.whatwg.org/multipage/images.html#parsing-a-srcset-attribute>
fn candidates(html: &str, value: Range<usize>) -> Vec<(Range<usize>, bool)> {
    let (bytes, mut found, mut at) = (&html.as_bytes()[..value.end], Vec::new(), value.start);
    loop {
        at = end(bytes, at, |byte| byte.is_ascii_whitespace() || byte == b',');
        if at >= bytes.len() {
            return found;
        }
        let stop = end(bytes, at, |byte| !byte.is_ascii_whitespace());
        let address = at..at + html[at..stop].trim_end_matches(',').len();
        let described = address.end == stop;
        found.push((address, true));
        at = match described {
            true => end(bytes, stop, |byte| byte != b','),
            false => stop,
        };
    }
}

/// Where bytes of a kind end.
fn end(bytes: &[u8], from: usize, kind: impl Fn(u8) -> bool) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    from.min(bytes.len()) + rest.iter().take_while(|byte| kind(**byte)).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses_are_found() {
        for (html, expected) in [
            ("<img src=\"a.png\">", vec![("a.png", true)]),
            ("<IMG alt='>' width=3 SRC = 'a b.png' />", vec![("a b.png", true)]),
            (
                "<img src=a.png><a href=b>x</a>",
                vec![("a.png", true), ("b", false)],
            ),
            ("<a\n  class=x\n  href=\"b\"\n>", vec![("b", false)]),
            ("<!-- <img src=\"a\"> --><img src=\"b\">", vec![("b", true)]),
            (
                "<script>\"<img src='a'>\"</script><a href='b'>",
                vec![("b", false)],
            ),
            ("<link href=\"a\"><p title=\"<img src='b'>\">", vec![]),
            (
                "<source srcset=\"a.png, b.png 2x ,data:image/png;base64,AA 3x\">",
                vec![
                    ("a.png", true),
                    ("b.png", true),
                    ("data:image/png;base64,AA", true),
                ],
            ),
            ("<img src", vec![]),
            ("<img src=", vec![("", true)]),
            ("<img src=\"a", vec![("a", true)]),
            ("< img src=\"a\">", vec![]),
            ("<", vec![]),
        ] {
            let found = addresses(html);
            let found: Vec<_> = found
                .iter()
                .map(|(range, image)| (&html[range.clone()], *image))
                .collect();
            assert_eq!(found, expected, "{html}");
        }
    }

    proptest! {
        #[test]
        fn anything_is_taken(html in "([<>a =\"'/,ä\n]|img|src|srcset|<!--|script){0,40}") {
            let found = addresses(&html);
            for (range, _) in &found {
                prop_assert!(html.get(range.clone()).is_some());
            }
            for pair in found.windows(2) {
                prop_assert!(pair[0].0.end <= pair[1].0.start);
            }
        }
    }
}
