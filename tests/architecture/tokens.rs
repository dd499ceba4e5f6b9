//! Rust source cut into the few kinds of token the scan needs; comments are gone, strings are marked.

/// One token and the line it stands in.
pub(crate) struct Token {
    pub(crate) line: usize,
    pub(crate) kind: Kind,
}

/// What a token is.
#[derive(PartialEq, Eq)]
pub(crate) enum Kind {
    /// A name or keyword.
    Word(String),
    /// The content of a string literal, as written.
    Text(String),
    /// `::`
    Path,
    /// Any other sign.
    Sign(char),
}

/// Cuts a source text.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let mut cutter = Cutter {
        rest: text,
        line: 1,
        found: Vec::new(),
    };
    while let Some(first) = cutter.rest.chars().next() {
        cutter.next(first);
    }
    cutter.found
}

struct Cutter<'a> {
    rest: &'a str,
    line: usize,
    found: Vec<Token>,
}

impl Cutter<'_> {
    fn next(&mut self, first: char) {
        let rest = self.rest;
        if let Some((open, close)) = raw_string(rest) {
            let end = rest[open..].find(&close).map_or(rest.len(), |at| open + at);
            self.take(
                end + close.len().min(rest.len() - end),
                Some(Kind::Text(rest[open..end].to_owned())),
            );
        } else if rest.starts_with("//") {
            self.take(rest.find('\n').unwrap_or(rest.len()), None);
        } else if rest.starts_with("/*") {
            self.take(block_comment(rest), None);
        } else if first == '"' {
            let end = closing(rest, '"');
            self.take(
                end,
                Some(Kind::Text(rest[1..end].trim_end_matches('"').to_owned())),
            );
        } else if first == '\'' {
            let mut after = rest[1..].chars();
            let is_char = after.next() == Some('\\') || after.next() == Some('\'');
            self.take(if is_char { closing(rest, '\'') } else { 1 }, None);
        } else if first.is_alphanumeric() || first == '_' {
            let end = rest
                .find(|c: char| !c.is_alphanumeric() && c != '_')
                .unwrap_or(rest.len());
            self.take(end, Some(Kind::Word(rest[..end].to_owned())));
        } else if rest.starts_with("::") {
            self.take(2, Some(Kind::Path));
        } else {
            let kind = (!first.is_whitespace()).then_some(Kind::Sign(first));
            self.take(first.len_utf8(), kind);
        }
    }

    fn take(&mut self, bytes: usize, kind: Option<Kind>) {
        let (taken, rest) = self.rest.split_at(bytes);
        if let Some(kind) = kind {
            self.found.push(Token {
                line: self.line,
                kind,
            });
        }
        self.line += taken.matches('\n').count();
        self.rest = rest;
    }
}

/// Where the content of a raw string begins, and what ends it.
fn raw_string(text: &str) -> Option<(usize, String)> {
    let prefix = ["r", "br", "cr"].into_iter().find(|prefix| {
        text.strip_prefix(prefix)
            .is_some_and(|rest| rest.trim_start_matches('#').starts_with('"'))
    })?;
    let rest = &text[prefix.len()..];
    let hashes = rest.len() - rest.trim_start_matches('#').len();
    Some((prefix.len() + hashes + 1, format!("\"{}", "#".repeat(hashes))))
}

/// The length of a literal with its closing sign; a backslash hides the sign behind it.
fn closing(text: &str, sign: char) -> usize {
    let mut hidden = false;
    for (at, c) in text.char_indices().skip(1) {
        if !hidden && c == sign {
            return at + 1;
        }
        hidden = c == '\\' && !hidden;
    }
    text.len()
}

/// The length of a block comment; they nest.
fn block_comment(text: &str) -> usize {
    let (mut at, mut depth) = (2, 1);
    while depth > 0 && at < text.len() {
        let (step, change) = match &text.as_bytes()[at..] {
            [b'*', b'/', ..] => (2, -1),
            [b'/', b'*', ..] => (2, 1),
            _ => (1, 0),
        };
        at += step;
        depth += change;
    }
    at.min(text.len())
}
