//! Lists that come in pages: where the next page is, and that reading them ends.
//! <https://www.rfc-editor.org/rfc/rfc8288>

use reqwest::Response;
use reqwest::header::LINK;
use url::Url;

use super::RegistryError;
use super::realm::same_origin;
use super::transmit::{protocol, unsafe_step};

/// How many pages are read.
const PAGES: usize = 1000;
/// How many bytes they may have together: what a list says is kept.
const BYTES: usize = 64 << 20;

/// Counts the pages of one list.
pub(super) struct Pages<'a> {
    what: &'a str,
    read: usize,
    bytes: usize,
}

impl<'a> Pages<'a> {
    /// A list that is called `what` in messages.
    pub(super) fn new(what: &'a str) -> Self {
        Self {
            what,
            read: 0,
            bytes: 0,
        }
    }

    /// Takes note of a page's body.
    pub(super) fn took(&mut self, body: &[u8]) -> Result<(), RegistryError> {
        self.bytes += body.len();
        match self.bytes > BYTES {
            true => Err(protocol(self.what, "the list has no end")),
            false => Ok(()),
        }
    }

    /// The page after the answer to a request to `url`; none behind the last one. It is at the same registry: the
    /// header was written by whoever answered.
    pub(super) fn next(&mut self, url: &Url, response: &Response) -> Result<Option<Url>, RegistryError> {
        self.read += 1;
        let headers = response.headers().get_all(LINK);
        let mut targets = headers.iter().filter_map(|value| next_of(value.to_str().ok()?));
        let Some(target) = targets.next() else {
            return Ok(None);
        };
        let next = url
            .join(target)
            .map_err(|_| protocol(self.what, "the next page has no address"))?;
        if !same_origin(&next, url) {
            return Err(unsafe_step(self.what, &next, "a list does not go on elsewhere"));
        }
        if self.read >= PAGES || next == *url {
            return Err(protocol(self.what, "the list has no end"));
        }
        Ok(Some(next))
    }
}

/// The target of `rel=next` in a Link header.
fn next_of(header: &str) -> Option<&str> {
    let mut rest = header;
    loop {
        let (_, after) = rest.split_once('<')?;
        let (target, after) = after.split_once('>')?;
        // A `<` cannot stand in parameters that anybody sends.
        let (parameters, others) = after.split_at(after.find('<').unwrap_or(after.len()));
        let is_next = parameters.split([';', ',']).any(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or_default();
            let mut relations = value.trim().trim_matches('"').split_ascii_whitespace();
            name.trim().eq_ignore_ascii_case("rel") && relations.any(|rel| rel.eq_ignore_ascii_case("next"))
        });
        if is_next {
            return Some(target);
        }
        rest = others;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_found() {
        for (header, next) in [
            (
                r#"</v2/a/tags/list?n=2&last=b>; rel="next""#,
                Some("/v2/a/tags/list?n=2&last=b"),
            ),
            (r#"<x>; rel=next"#, Some("x")),
            (r#"<p>; rel="prev", <n>; title="t"; REL="last next""#, Some("n")),
            (r#"<p>; rel="prev""#, None),
            ("nonsense", None),
            ("<unclosed", None),
            ("", None),
        ] {
            assert_eq!(next_of(header), next, "{header}");
        }
    }

    #[test]
    fn pages_together_are_bounded() {
        let mut pages = Pages::new("a list");
        let page = vec![0; BYTES / 2];
        assert!(pages.took(&page).is_ok() && pages.took(&page).is_ok());
        assert!(pages.took(b"x").is_err());
    }
}
