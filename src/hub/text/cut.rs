//! Making a text fit: a README ends at a line, with a link to the whole; a summary ends at a word.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::ops::Range;

use pulldown_cmark::{Event, Parser, Tag};

use super::links::options;

/// `text` in at most `limit` bytes: unchanged, or up to the end of a line that is not within code or a link, with a link
/// to `whole` after it where that is known. Definitions that what is left needs are kept.
pub fn shortened(text: &str, limit: usize, whole: Option<&str>) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let note = whole.map(|whole| format!("\n---\n\n*This is the beginning: [read the rest]({whole}).*\n"));
    let note = note.filter(|note| note.len() <= limit).unwrap_or_default();
    let room = floor(text, limit - note.len());
    let parts = Parts::of(text, room);
    let lines = text[..room].match_indices('\n').map(|(at, _)| at + 1);
    let mut ends: Vec<usize> = lines.filter(|at| parts.may_end(*at)).collect();
    while let Some(end) = ends.pop() {
        let definitions = parts.needed(text, end);
        let separator = if definitions.is_empty() { "" } else { "\n" };
        let cut = format!("{}\n{note}{separator}{definitions}", text[..end].trim_end());
        if cut.len() <= limit {
            return cut;
        }
    }
    // One line that is longer than all of it.
    match parts.whole.iter().any(|range| range.start == 0) {
        true => note,
        false => format!("{}{note}", &text[..floor(text, room.saturating_sub(1))]),
    }
}

/// `text` as one line of at most `limit` bytes.
pub fn summary(text: &str, limit: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.len() <= limit {
        return line;
    }
    let (dots, room) = match limit.checked_sub('…'.len_utf8()) {
        Some(room) => ("…", room),
        None => ("", limit),
    };
    let head = &line[..floor(&line, room)];
    let whole = line[head.len()..].starts_with(' ');
    let head = match head.rfind(' ').filter(|_| !whole) {
        Some(space) => &head[..space],
        None => head,
    };
    format!("{}{dots}", head.trim_end_matches([' ', ',', ';', ':', '-']))
}

/// The last place up to `at` that is not within a character.
fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len()))
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0)
}

/// What of a text belongs together.
struct Parts {
    /// Must not end in the middle.
    whole: Vec<Range<usize>>,
    /// Where definitions are used: the position of the use, and of the definition.
    uses: Vec<(usize, Range<usize>)>,
}

impl Parts {
    /// Those that begin before `room`: nothing behind is kept.
    fn of(text: &str, room: usize) -> Self {
        let mut events = Parser::new_ext(text, options()).into_offset_iter();
        let (mut whole, mut labels) = (Vec::new(), Vec::new());
        for (event, range) in events.by_ref().filter(|(_, range)| range.start < room) {
            match event {
                Event::Start(Tag::Link { id, .. } | Tag::Image { id, .. }) => {
                    labels.push((range.start, id.into_string()));
                    whole.push(range);
                }
                Event::Start(Tag::CodeBlock(_) | Tag::HtmlBlock | Tag::TableHead)
                | Event::Code(_)
                | Event::InlineHtml(_) => whole.push(range),
                _ => {}
            }
        }
        let definitions = events.reference_definitions();
        let span = |(at, label): (usize, String)| Some((at, definitions.get(&label)?.span.clone()));
        let uses = labels.into_iter().filter_map(span).collect();
        whole.extend(definitions.iter().map(|(_, definition)| definition.span.clone()));
        Self { whole, uses }
    }

    fn may_end(&self, at: usize) -> bool {
        !self.whole.iter().any(|range| range.start < at && at < range.end)
    }

    /// The definitions that are used before `end` and stand behind it.
    fn needed(&self, text: &str, end: usize) -> String {
        let used = self
            .uses
            .iter()
            .filter(|(at, span)| *at < end && span.start >= end);
        let spans: BTreeMap<usize, usize> = used.map(|(_, span)| (span.start, span.end)).collect();
        let mut all = String::new();
        for (start, end) in spans {
            let _ = writeln!(all, "{}", text[start..end].trim());
        }
        all
    }
}

#[cfg(test)]
#[path = "cut_tests.rs"]
mod tests;
