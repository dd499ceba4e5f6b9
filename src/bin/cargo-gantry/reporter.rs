//! Events on their way to a person or a machine: bars on a terminal, lines in CI, JSON on request.
//!
//! Everything for people goes to standard error; standard output carries only data.

use std::io::{IsTerminal, Write};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use cargo_gantry::event::{Event, Observer};
use cargo_gantry::spec::json;
use serde_json::{Value, json as object};

use crate::args::{Color, Format, Output};
use crate::bars::Bars;

/// Shows what happens.
pub(crate) struct Reporter {
    format: Format,
    level: Level,
    colours: bool,
    bars: Option<Bars>,
    /// Why a result could not be written to standard output.
    unsaid: Mutex<Option<std::io::Error>>,
    ended: Once,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Quiet,
    Normal,
    Verbose,
}

impl Reporter {
    /// A reporter as the command line asks for it.
    pub(crate) fn new(output: &Output, no_colour: bool, ci: bool) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let colours = match output.color {
            Color::Auto => terminal && !no_colour,
            Color::Always => true,
            Color::Never => false,
        };
        let level = match (output.quiet, output.verbose) {
            (true, _) => Level::Quiet,
            (_, true) => Level::Verbose,
            _ => Level::Normal,
        };
        let bars = terminal && !ci && level > Level::Quiet && output.message_format == Format::Human;
        let bars = bars.then(Bars::new);
        Self {
            format: output.message_format,
            level,
            colours,
            bars,
            unsaid: Mutex::default(),
            ended: Once::new(),
        }
    }

    /// Whether errors and tables may be coloured.
    pub(crate) fn colours(&self) -> bool {
        self.colours
    }

    /// Whether results are to be JSON.
    pub(crate) fn json(&self) -> bool {
        self.format == Format::Json
    }

    /// Whether more is to be said than fits on a screen.
    pub(crate) fn verbose(&self) -> bool {
        self.level == Level::Verbose
    }

    /// Whether what tools say is on the screen.
    pub(crate) fn shows_tools(&self) -> bool {
        !self.json() && self.level > Level::Quiet
    }

    /// A result, on standard output: a line of text, or the object with its reason.
    pub(crate) fn result(&self, reason: &str, text: &str, value: Value) {
        if self.json() {
            let mut value = value;
            if let Value::Object(map) = &mut value {
                map.insert("reason".into(), reason.into());
            }
            self.print(&json::to_string(&value));
        } else if !text.is_empty() {
            self.print(&harmless(text));
        }
    }

    /// Says what several may notice, for the first of them.
    pub(crate) fn once(&self, say: impl FnOnce()) {
        self.ended.call_once(say);
    }

    /// A document, on standard output, as it is.
    pub(crate) fn document(&self, text: &str) {
        self.print(text);
    }

    /// Bytes of somebody else, on standard output, and not one more.
    pub(crate) fn bytes(&self, bytes: &[u8]) {
        self.write(bytes);
    }

    /// Text for people, on standard error, with a verb before it.
    pub(crate) fn say(&self, verb: &str, text: &str) {
        if self.level > Level::Quiet {
            self.complain(verb, text);
        }
    }

    /// The same of what went wrong, which is said in any case.
    pub(crate) fn complain(&self, verb: &str, text: &str) {
        let verb = format!("{verb:>12}");
        let verb = if self.colours {
            format!("\x1b[1;32m{verb}\x1b[0m")
        } else {
            verb
        };
        self.line(&format!("{verb} {}", harmless(text)));
    }

    /// A table for people, on standard error.
    pub(crate) fn table(&self, text: &str) {
        if self.level > Level::Quiet {
            self.line(&harmless(text));
        }
    }

    /// Removes the bars for good.
    pub(crate) fn finish(&self) {
        self.bars.iter().for_each(Bars::finish);
    }

    /// Why a result did not reach standard output, if one did not.
    pub(crate) fn unsaid(&self) -> MutexGuard<'_, Option<std::io::Error>> {
        self.unsaid.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn print(&self, text: &str) {
        self.write(format!("{text}\n").as_bytes());
    }

    fn write(&self, bytes: &[u8]) {
        self.beside_bars(|| {
            let mut out = std::io::stdout().lock();
            match out.write_all(bytes).and_then(|()| out.flush()) {
                // A reader that went away (`| head`) is no fault of ours.
                Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                    self.unsaid().get_or_insert(error);
                }
                _ => {}
            }
        });
    }

    fn line(&self, text: &str) {
        self.beside_bars(|| {
            let _ = writeln!(std::io::stderr().lock(), "{text}");
        });
    }

    fn beside_bars(&self, write: impl FnOnce()) {
        match &self.bars {
            Some(bars) => bars.suspend(write),
            None => write(),
        }
    }

    fn human(&self, event: &Event<'_>) {
        let verbose = self.level == Level::Verbose;
        match event {
            Event::BuildStarted { unit, .. } => self.say("Building", unit),
            Event::Compiled { package, fresh, .. } if verbose => {
                self.say(if *fresh { "Fresh" } else { "Compiled" }, package);
            }
            Event::ToolOutput { text, .. } if self.level > Level::Quiet => self.line(text),
            Event::BuildFinished { unit } if verbose => self.say("Built", unit),
            Event::Packed {
                image,
                platform,
                size,
                digest,
            } => {
                self.say(
                    "Packed",
                    &format!("{image} {platform}, {}, {digest}", bytes_text(*size)),
                );
            }
            Event::Finding {
                image,
                platform,
                check,
                subject,
                message,
                help,
                denied: false,
                ..
            } => {
                let help = help.map_or(String::new(), |help| format!(" ({help})"));
                self.say(
                    "Warning",
                    &format!("{image} {platform}: {check}: {subject}: {message}{help}"),
                );
            }
            Event::Tried {
                image,
                platform,
                verdict,
                why,
                ..
            } => {
                let why = why.map_or(String::new(), |why| format!(": {why}"));
                let verb = match *verdict {
                    "passed" => "Tried",
                    "failed" => "Failed",
                    _ => "Not tried",
                };
                self.say(verb, &format!("{image} {platform}{why}"));
            }
            Event::BaseResolved {
                name,
                platform,
                digest,
                libc,
            } => self.say("Base", &format!("{name} {platform}, {libc}, {digest}")),
            Event::TagDeleted { reference } => self.say("Deleted", reference),
            Event::DownloadFinished { digest } if verbose => self.say("Read", &digest.to_string()),
            Event::UploadFinished { digest, present } if verbose => {
                self.say(if *present { "Present" } else { "Sent" }, &digest.to_string());
            }
            Event::ManifestPushed {
                reference,
                digest,
                present,
            } if verbose => {
                self.say(
                    if *present { "Present" } else { "Pushed" },
                    &format!("{reference} {digest}"),
                );
            }
            Event::Retry { what, why, after } => {
                self.say(
                    "Retrying",
                    &format!("{what} in {:.1} s: {why}", after.as_secs_f32()),
                );
            }
            Event::Notice { text } => self.say("Note", text),
            Event::Warning { text } => self.say("Warning", text),
            _ => {}
        }
    }
}

impl Observer for Reporter {
    fn event(&self, event: &Event<'_>) {
        match (self.format, machine(event)) {
            (Format::Human, _) => {
                self.bars.iter().for_each(|bars| bars.event(event));
                self.human(event);
            }
            (Format::Json, Some(value)) => self.print(&json::to_string(&value)),
            (Format::Json, None) => {}
        }
    }
}

/// An event as an object; progress in bytes is left out, since nobody can act on it.
fn machine(event: &Event<'_>) -> Option<Value> {
    Some(match event {
        Event::BuildStarted { unit, steps } => {
            object!({"reason": "build-started", "unit": unit, "steps": steps})
        }
        Event::Compiled { unit, package, fresh } => {
            object!({"reason": "compiled", "unit": unit, "package": package, "fresh": fresh})
        }
        Event::ToolOutput { tool, text } => object!({"reason": "tool-output", "tool": tool, "text": text}),
        Event::BuildFinished { unit } => object!({"reason": "build-finished", "unit": unit}),
        Event::Packed {
            image,
            platform,
            size,
            digest,
        } => {
            object!({"reason": "packed", "image": image, "platform": platform, "size": size, "digest": digest})
        }
        Event::Finding {
            image,
            platform,
            check,
            denied,
            subject,
            message,
            needed,
            found,
            help,
        } => {
            object!({
                "reason": "finding", "image": image, "platform": platform, "check": check, "denied": denied,
                "subject": subject, "message": message, "needed": needed, "found": found, "help": help,
            })
        }
        Event::Tried {
            image,
            platform,
            verdict,
            why,
            output,
        } => {
            object!({
                "reason": "tried", "image": image, "platform": platform, "verdict": verdict, "why": why,
                "output": output,
            })
        }
        Event::BaseResolved {
            name,
            platform,
            digest,
            libc,
        } => {
            object!({"reason": "base", "name": name, "platform": platform, "digest": digest, "libc": libc})
        }
        Event::TagDeleted { reference } => object!({"reason": "tag-deleted", "reference": reference}),
        Event::UploadFinished { digest, present } => {
            object!({"reason": "blob", "digest": digest, "present": present})
        }
        Event::ManifestPushed {
            reference,
            digest,
            present,
        } => {
            object!({"reason": "manifest", "reference": reference, "digest": digest, "present": present})
        }
        Event::Retry { what, why, after } => {
            object!({"reason": "retry", "what": what, "why": why, "after-ms": after.as_millis() as u64})
        }
        Event::Notice { text } => object!({"reason": "notice", "text": text}),
        Event::Warning { text } => object!({"reason": "warning", "text": text}),
        _ => return None,
    })
}

/// Text without what a terminal would act upon: an image of somebody else may say anything of itself.
pub(crate) fn harmless(text: &str) -> String {
    let plain = |c: char| {
        if c.is_control() && !matches!(c, '\n' | '\t') {
            '\u{fffd}'
        } else {
            c
        }
    };
    text.chars().map(plain).collect()
}

/// A number of bytes as people read it: 1000-based, as registries show it.
pub(crate) fn bytes_text(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["B", "kB", "MB", "GB"] {
        if value < 1000.0 {
            return if unit == "B" {
                format!("{bytes} B")
            } else {
                format!("{value:.1} {unit}")
            };
        }
        value /= 1000.0;
    }
    format!("{value:.1} TB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_told_nothing() {
        let text = harmless("a\u{1b}]0;title\u{7}\r\u{9b}2Jb\nc é");
        assert_eq!(text, "a\u{fffd}]0;title\u{fffd}\u{fffd}\u{fffd}2Jb\nc é");
    }

    #[test]
    fn bytes_are_shown_with_three_digits() {
        for (bytes, want) in [
            (0, "0 B"),
            (999, "999 B"),
            (1500, "1.5 kB"),
            (2_000_000, "2.0 MB"),
            (u64::MAX, "18446744.1 TB"),
        ] {
            assert_eq!(bytes_text(bytes), want);
        }
    }
}
