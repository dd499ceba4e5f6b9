//! Relative links and images of a Markdown text become absolute; every other byte stays.
//!
//! The parser says what is a link and what is code; where its destination stands in the text is found here, and nothing
//! is touched where the two do not agree. <https://spec.commonmark.org/0.31.2/#links>

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use pulldown_cmark::{Event, LinkType, Options, Parser, Tag, TagEnd};

use super::html::addresses;
use super::place::{Leads, Place};

/// A text whose links lead to where they were meant to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Linked {
    /// The text.
    pub text: String,
    /// Destinations that lead out of the repository, and were left as they are.
    pub outside: Vec<String>,
}

/// What registries' pages understand of Markdown.
pub(super) fn options() -> Options {
    Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
}

/// Makes the relative links and images of `text`, which lies at `place`, absolute.
pub fn linked(text: &str, place: &Place) -> Linked {
    let mut edits = Edits {
        text,
        place,
        made: BTreeMap::new(),
        outside: BTreeSet::new(),
    };
    let mut events = Parser::new_ext(text, options()).into_offset_iter();
    let (mut open, mut images): (Vec<Open>, Vec<String>) = (Vec::new(), Vec::new());
    for (event, range) in events.by_ref() {
        let reached = range.end;
        match event {
            Event::Start(Tag::Link {
                link_type, dest_url, ..
            }) => {
                open.push(Open::new(range, 1, link_type, &dest_url, false));
                continue;
            }
            Event::Start(Tag::Image {
                link_type,
                dest_url,
                id,
                ..
            }) => {
                images.push(id.into_string());
                open.push(Open::new(range, 2, link_type, &dest_url, true));
                continue;
            }
            Event::End(TagEnd::Link | TagEnd::Image) => {
                if let Some(ended) = open.pop().filter(|ended| ended.inline) {
                    edits.inline(&ended);
                }
            }
            Event::Start(Tag::HtmlBlock) | Event::InlineHtml(_) => edits.html(range),
            Event::Start(_) => continue,
            _ => {}
        }
        // What is in a label tells where the label ends.
        if let Some(open) = open.last_mut() {
            open.within = open.within.max(reached);
        }
    }
    let definitions = events.reference_definitions();
    let of_image: BTreeSet<usize> = images
        .iter()
        .filter_map(|id| Some(definitions.get(id)?.span.start))
        .collect();
    for (_, definition) in definitions.iter() {
        let image = of_image.contains(&definition.span.start);
        edits.definition(definition.span.clone(), &definition.dest, image);
    }
    edits.apply()
}

/// A link or image that is being read.
struct Open {
    destination: String,
    image: bool,
    inline: bool,
    /// Its label goes at least to here.
    within: usize,
    end: usize,
}

impl Open {
    fn new(range: Range<usize>, bracket: usize, kind: LinkType, destination: &str, image: bool) -> Self {
        Self {
            destination: destination.to_owned(),
            image,
            inline: kind == LinkType::Inline,
            within: range.start + bracket,
            end: range.end,
        }
    }
}

/// What is to be written in place of what.
struct Edits<'a> {
    text: &'a str,
    place: &'a Place,
    made: BTreeMap<usize, (usize, String)>,
    outside: BTreeSet<String>,
}

impl Edits<'_> {
    /// `[label](destination "title")`
    fn inline(&mut self, link: &Open) {
        let rest = self.text.get(link.within..link.end).unwrap_or_default();
        let Some(label) = rest
            .find("](")
            .filter(|at| rest[..*at].chars().all(between_words))
        else {
            return;
        };
        self.destination(link.within + label + 2, link.end, &link.destination, link.image);
    }

    /// `[label]: destination "title"`
    fn definition(&mut self, range: Range<usize>, destination: &str, image: bool) {
        let text = self.text.get(range.clone()).unwrap_or_default();
        let mut escaped = false;
        let end = text.bytes().position(|byte| {
            let here = byte == b']' && !escaped;
            escaped = byte == b'\\' && !escaped;
            here
        });
        if let Some(end) = end.filter(|end| text[*end..].starts_with("]:")) {
            self.destination(range.start + end + 2, range.end, destination, image);
        }
    }

    /// The destination that stands after `from`, if it is the one that the parser read.
    fn destination(&mut self, from: usize, end: usize, read: &str, image: bool) {
        let rest = &self.text[from..end];
        let start = from + rest.len() - rest.trim_start_matches(between_words).len();
        let rest = &self.text[start..end];
        let range = match rest.strip_prefix('<') {
            Some(inner) => start + 1..start + 1 + ends(inner, |byte, _| byte == b'>'),
            None => {
                let stop = |byte: u8, depth: i32| byte.is_ascii_whitespace() || byte == b')' && depth == 0;
                start..start + ends(rest, stop)
            }
        };
        let written = &self.text[range.clone()];
        if written == read || written.contains(['\\', '&']) {
            self.replace(range, read, image);
        }
    }

    fn html(&mut self, range: Range<usize>) {
        for (address, image) in addresses(&self.text[range.clone()]) {
            let address = range.start + address.start..range.start + address.end;
            let written = &self.text[address.clone()];
            self.replace(address, written, image);
        }
    }

    fn replace(&mut self, range: Range<usize>, address: &str, image: bool) {
        match self.place.resolve(address, image) {
            Leads::Same => {}
            Leads::To(to) => {
                self.made.insert(range.start, (range.end, to));
            }
            Leads::Out => {
                self.outside.insert(address.to_owned());
            }
        }
    }

    fn apply(self) -> Linked {
        let (mut text, mut done) = (String::with_capacity(self.text.len()), 0);
        for (start, (end, to)) in self.made {
            if start >= done {
                text.push_str(&self.text[done..start]);
                text.push_str(&to);
                done = end;
            }
        }
        text.push_str(&self.text[done..]);
        Linked {
            text,
            outside: self.outside.into_iter().collect(),
        }
    }
}

/// What may stand around a destination: white space, and the marks of a quotation on its next line.
fn between_words(c: char) -> bool {
    c.is_ascii_whitespace() || c == '>'
}

/// Where a destination ends: at the first byte that is not escaped and does not belong to it.
fn ends(text: &str, stop: impl Fn(u8, i32) -> bool) -> usize {
    let (mut escaped, mut depth) = (false, 0);
    let at = text.bytes().position(|byte| {
        if escaped {
            escaped = false;
            return false;
        }
        if stop(byte, depth) {
            return true;
        }
        match byte {
            b'\\' => escaped = true,
            b'(' => depth += 1,
            b')' => depth -= 1,
            _ => {}
        }
        false
    });
    at.unwrap_or(text.len())
}

#[cfg(test)]
#[path = "links_tests.rs"]
mod tests;
