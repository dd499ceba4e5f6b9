//! `--timings FILE`: a page that shows what ran when, and what the run waited for.
//!
//! In: the library's spans, as its timeline keeps them, and how the run ended. Out: one file, written when the run ends in
//! whatever way but a kill. What an earlier run wrote is removed first.

mod cost;
mod page;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use cargo_gantry::event::{Observer, Timeline, waited_for};
use cargo_gantry::pipeline::Error;
use jiff::Timestamp;

use crate::report::{exit_code, message};
use crate::reporter::Reporter;
use crate::whole;
use cost::Cost;
pub(crate) use page::End;
use page::Run;

/// The timings of this run.
pub(crate) struct Timings {
    path: PathBuf,
    command: Vec<String>,
    began: Timestamp,
    timeline: Arc<Timeline>,
    written: Mutex<bool>,
}

impl Timings {
    /// Begins now. `reporter` is told what happens as it would be without.
    ///
    /// # Errors
    /// When the file could not be written: better before a long build than after it.
    pub(crate) fn begin(path: &Path, command: Vec<String>, reporter: Arc<Reporter>) -> Result<Self, Error> {
        let unwritten = |source| Error::Write {
            path: path.to_owned(),
            source,
        };
        whole::writable(path).map_err(unwritten)?;
        whole::forget(path).map_err(unwritten)?;
        Ok(Self {
            path: path.to_owned(),
            command,
            began: Timestamp::now(),
            timeline: Arc::new(Timeline::beside(reporter)),
            written: Mutex::default(),
        })
    }

    /// Who must hear what happens.
    pub(crate) fn observer(&self) -> Arc<dyn Observer> {
        self.timeline.clone()
    }

    /// Writes the page, unless it was written before.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn finish(&self, end: &End) -> Result<(), Error> {
        // Held while writing: who was interrupted must not go away meanwhile.
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if *written {
            return Ok(());
        }
        let wall = self.timeline.elapsed();
        let spans = self.timeline.spans();
        let page = page::page(&Run {
            command: &self.command,
            began: format!("{:.0}", self.began),
            wall,
            end,
            cost: Cost::now(),
            spans: &spans,
            chain: &waited_for(&spans, wall),
        });
        *written = true;
        whole::write(&self.path, page.as_bytes()).map_err(|source| Error::Write {
            path: self.path.clone(),
            source,
        })
    }

    /// Writes the page of a run that ended like this, and says where it is. What went wrong with the run goes before
    /// what goes wrong with the page.
    pub(crate) fn end(&self, result: Result<u8, Error>, reporter: &Reporter) -> Result<u8, Error> {
        let end = match &result {
            Ok(code) => End::Exit(*code, None),
            Err(error) => End::Exit(exit_code(error.class()), Some(message(error))),
        };
        match (self.finish(&end), result) {
            (Ok(()), result) => {
                let path = self.path.display().to_string();
                reporter.say("Timings", &path);
                reporter.result("timings", "", serde_json::json!({"path": path}));
                result
            }
            (Err(error), Ok(_)) => Err(error),
            (Err(error), Err(before)) => {
                reporter.complain("Warning", &message(&error));
                Err(before)
            }
        }
    }
}

/// The command as it is shown. What follows `--` is for another program, and may hold what nobody else should see.
pub(crate) fn shown(words: impl Iterator<Item = String>) -> Vec<String> {
    let mut shown = vec!["cargo".to_owned(), "gantry".to_owned()];
    for word in words {
        if word == "--" {
            shown.extend([word, "...".to_owned()]);
            break;
        }
        shown.push(word);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn the_words_for_another_program_are_not_shown() {
        for (words, expected) in [
            ("build --timings a.html", "cargo gantry build --timings a.html"),
            ("run -- --token secret", "cargo gantry run -- ..."),
        ] {
            assert_eq!(shown(words.split(' ').map(str::to_owned)).join(" "), expected);
        }
    }
}
