//! One source file held against the table: which rooms it uses, which fences it crosses.

#[path = "tokens.rs"]
mod tokens;

use std::fmt;
use std::ops::Range;

use self::tokens::{Kind, Token, tokens};
use super::{FENCES, Fence, ROOMS};

/// A rule broken, and where.
#[derive(PartialEq, Eq)]
pub(crate) struct Fault {
    path: String,
    line: usize,
    what: String,
}

impl Fault {
    pub(crate) fn without_path(&self) -> String {
        format!("{}: {}", self.line, self.what)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}

/// The faults of one file, `path` counted from the root (`src/plan/mod.rs`).
pub(crate) fn scan(path: &str, text: &str) -> Vec<Fault> {
    let inside = path.trim_start_matches("src/").trim_end_matches(".rs");
    let room = inside.split('/').next().unwrap_or(inside);
    let parts = inside.trim_end_matches("/mod").split('/').count();
    let tokens = tokens(text);
    let mut scan = Scan {
        path,
        room,
        depth: parts - 1,
        tests: test_ranges(&tokens),
        all_tests: path.ends_with("/tests.rs") || path.contains("/tests/"),
        tokens: &tokens,
        faults: Vec::new(),
    };
    if !["lib", "bin"].contains(&room) && ROOMS.iter().all(|known| known.name != room) {
        scan.fault(1, format!("`{room}` is no room of the table"));
    } else {
        scan.run();
    }
    scan.faults
}

struct Scan<'a> {
    path: &'a str,
    room: &'a str,
    /// How many modules below the room's own this file is.
    depth: usize,
    tests: Vec<Range<usize>>,
    all_tests: bool,
    tokens: &'a [Token],
    faults: Vec<Fault>,
}

/// A path spelled out: its words with their lines.
type Spelled = Vec<(String, usize)>;

impl Scan<'_> {
    fn run(&mut self) {
        let (mut at, mut in_use) = (0, false);
        // The closing depth of each inline module that is open.
        let (mut braces, mut modules) = (0_usize, Vec::new());
        while at < self.tokens.len() {
            match &self.tokens[at].kind {
                Kind::Word(word) if word == "use" => in_use = true,
                Kind::Word(word) if word == "mod" && self.sign(at + 2, '{') => modules.push(braces),
                Kind::Word(_) => {
                    let mut found = Vec::new();
                    let end = self.spell(at, &mut Vec::new(), &mut found);
                    for path in found {
                        self.judge(at, end, &path, in_use, self.depth + modules.len());
                    }
                    self.judge_call(end);
                    at = end;
                    continue;
                }
                Kind::Sign(';') => in_use = false,
                Kind::Sign('{') => braces += 1,
                Kind::Sign('}') => {
                    braces = braces.saturating_sub(1);
                    if modules.last() == Some(&braces) {
                        modules.pop();
                    }
                }
                _ => {}
            }
            at += 1;
        }
    }

    /// Spells out the path that begins at `at`, groups multiplied; gives the token behind it.
    fn spell(&self, mut at: usize, before: &mut Spelled, found: &mut Vec<Spelled>) -> usize {
        let kept = before.len();
        loop {
            match self.tokens.get(at).map(|token| (&token.kind, token.line)) {
                Some((Kind::Word(word), line)) => before.push((word.clone(), line)),
                Some((Kind::Sign('*'), line)) => before.push(("*".to_owned(), line)),
                Some((Kind::Sign('{'), _)) => {
                    at += 1;
                    while at < self.tokens.len() && !self.sign(at, '}') {
                        at = match self.tokens[at].kind {
                            Kind::Word(_) | Kind::Sign('*') => self.spell(at, before, found),
                            _ => at + 1,
                        };
                    }
                    before.truncate(kept);
                    return at + 1;
                }
                // A turbofish or the end of the text: the path is spelled.
                _ => break,
            }
            at += 1;
            if !matches!(self.tokens.get(at).map(|token| &token.kind), Some(Kind::Path)) {
                break;
            }
            at += 1;
        }
        found.push(before.clone());
        before.truncate(kept);
        at
    }

    fn judge(&mut self, from: usize, end: usize, path: &Spelled, in_use: bool, modules: usize) {
        let words: Vec<&str> = path.iter().map(|(word, _)| word.as_str()).collect();
        let line = |index: usize| path[index].1;
        let own = !["lib", "bin"].contains(&self.room);
        match words[..] {
            ["crate", "*" | "self", ..] if own => {
                self.fault(line(1), "`crate::*` hides which rooms are used".to_owned());
            }
            ["crate", other, ..] if own && other != self.room => self.arrow(line(1), other),
            ["super", ..] if own => {
                let up = words.iter().take_while(|&&word| word == "super").count();
                if up > modules {
                    self.fault(
                        line(0),
                        format!("`{}` leaves the room", vec!["super"; up].join("::")),
                    );
                }
            }
            ["std"] if in_use && self.word(end, "as") => {
                self.fault(line(0), "`std` under another name".to_owned());
            }
            ["std", "process", "exit" | "ExitCode", ..] if self.room == "bin" => {}
            // What the user typed is the command's to read; variables are not.
            ["std", "env", "args_os", ..] if self.room == "bin" => {}
            ["std", module, ..] => self.fences(&format!("std::{module}"), line(1), from),
            [first, ..] if in_use || words.len() > 1 => self.fences(first, line(0), from),
            _ => {}
        }
        if let (Some(&last), true) = (words.last(), self.sign(end, '!') && !self.sign(end + 1, '=')) {
            self.fences(&format!("{last}!"), line(words.len() - 1), from);
        }
    }

    fn arrow(&mut self, line: usize, other: &str) {
        let uses = ROOMS
            .iter()
            .find(|known| known.name == self.room)
            .map_or(&[][..], |room| room.uses);
        if ROOMS.iter().all(|known| known.name != other) {
            self.fault(line, format!("`{other}` is no room of the table"));
        } else if !uses.contains(&other) {
            self.fault(line, format!("`{}` may not use `{other}`", self.room));
        }
    }

    fn fences(&mut self, word: &str, line: usize, at: usize) {
        let test = self.in_tests(at);
        let crosses = |fence: &Fence| {
            let family = word
                .strip_prefix(fence.word)
                .is_some_and(|rest| rest.starts_with('_'));
            (word == fence.word || fence.word == "tokio" && family)
                && !fence.rooms.contains(&self.room)
                && !(fence.tests && test)
        };
        if FENCES.iter().any(crosses) {
            self.fault(line, format!("`{word}` stands in `{}`", self.room));
        }
    }

    /// A string test for the parts of a triple: `end` is the `(` behind a method's name.
    fn judge_call(&mut self, end: usize) {
        let [.., name, open, text] = &self.tokens[..self.tokens.len().min(end + 2)] else {
            return;
        };
        let (Kind::Word(method), Kind::Sign('('), Kind::Text(asked)) = (&name.kind, &open.kind, &text.kind)
        else {
            return;
        };
        if ![
            "starts_with",
            "ends_with",
            "contains",
            "strip_prefix",
            "strip_suffix",
        ]
        .contains(&method.as_str())
            || self.in_tests(end)
        {
            return;
        }
        let suffix = method.ends_with("with") || method.ends_with("suffix");
        if asked
            .split('-')
            .any(|part| is_architecture(part) || suffix && is_libc(part))
        {
            self.fault(name.line, format!("`{method}(\"{asked}\")` asks a triple"));
        }
    }

    fn in_tests(&self, at: usize) -> bool {
        self.all_tests || self.tests.iter().any(|range| range.contains(&at))
    }

    fn sign(&self, at: usize, sign: char) -> bool {
        self.tokens
            .get(at)
            .is_some_and(|token| token.kind == Kind::Sign(sign))
    }

    fn word(&self, at: usize, word: &str) -> bool {
        self.tokens
            .get(at)
            .is_some_and(|token| matches!(&token.kind, Kind::Word(found) if found == word))
    }

    fn fault(&mut self, line: usize, what: String) {
        let fault = Fault {
            path: self.path.to_owned(),
            line,
            what,
        };
        if !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
    }
}

fn is_architecture(part: &str) -> bool {
    let families = [
        "aarch64",
        "x86_64",
        "armv",
        "riscv",
        "powerpc",
        "s390x",
        "i586",
        "i686",
        "loongarch",
    ];
    part == "arm" || families.iter().any(|family| part.starts_with(family))
}

fn is_libc(part: &str) -> bool {
    ["gnu", "musl", "gnueabi", "gnueabihf", "musleabi", "musleabihf"].contains(&part)
}

/// The tokens of each item that stands under `#[cfg(test)]`.
fn test_ranges(tokens: &[Token]) -> Vec<Range<usize>> {
    let sign = |at: usize, sign: char| tokens.get(at).is_some_and(|token| token.kind == Kind::Sign(sign));
    let word = |at: usize, asked: &str| {
        tokens
            .get(at)
            .is_some_and(|token| matches!(&token.kind, Kind::Word(word) if word == asked))
    };
    let mut found = Vec::new();
    for at in 0..tokens.len() {
        if !(sign(at, '#')
            && sign(at + 1, '[')
            && word(at + 2, "cfg")
            && word(at + 4, "test")
            && sign(at + 5, ')'))
        {
            continue;
        }
        // Further attributes, then the item: to its `;`, or to the end of its first braces.
        let (mut end, mut depth, mut braces) = (at + 7, 0_i32, 0_i32);
        let is_use = word(end, "use");
        while end < tokens.len() {
            match tokens[end].kind {
                Kind::Sign('(' | '[') => depth += 1,
                Kind::Sign(')' | ']') => depth -= 1,
                Kind::Sign('{') => braces += 1,
                Kind::Sign('}') => braces -= 1,
                _ => {}
            }
            end += 1;
            let closed = braces == 0 && depth == 0;
            if closed && (sign(end - 1, ';') || sign(end - 1, '}') && !is_use) {
                break;
            }
        }
        found.push(at..end);
    }
    found
}
