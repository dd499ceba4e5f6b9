//! Progress bars: one for compiling, one for packing, one for uploading, each there once there is something to show.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use cargo_gantry::event::Event;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// The bars of a terminal.
pub(crate) struct Bars {
    all: MultiProgress,
    compile: ProgressBar,
    pack: ProgressBar,
    upload: ProgressBar,
    /// Bytes of each running upload that were sent: an attempt may start again from nothing.
    sent: Mutex<HashMap<String, u64>>,
}

const COMPILE: &str = "{spinner} compiling {pos} crates: {msg}";
const BYTES: &str = "  {prefix:9} [{bar:30}] {decimal_bytes} of {decimal_total_bytes}";

impl Bars {
    pub(crate) fn new() -> Self {
        let bytes = |name: &'static str| ProgressBar::new(0).with_style(style(BYTES)).with_prefix(name);
        Self {
            all: MultiProgress::new(),
            compile: ProgressBar::new_spinner().with_style(style(COMPILE)),
            pack: bytes("packing"),
            upload: bytes("uploading"),
            sent: Mutex::default(),
        }
    }

    /// Moves the bars.
    pub(crate) fn event(&self, event: &Event<'_>) {
        match event {
            Event::BuildStarted { .. } => {
                self.show(&self.compile);
                self.compile.enable_steady_tick(Duration::from_millis(120));
            }
            Event::Compiled { package, .. } => {
                self.compile.inc(1);
                self.compile.set_message((*package).to_owned());
            }
            Event::BuildFinished { .. } => self.compile.finish_and_clear(),
            Event::PackStarted { bytes, .. } => {
                self.show(&self.pack);
                self.pack.inc_length(*bytes);
            }
            Event::PackProgress { bytes, .. } => self.pack.inc(*bytes),
            Event::UploadStarted { size, .. } => {
                self.pack.finish_and_clear();
                self.show(&self.upload);
                self.upload.inc_length(*size);
            }
            Event::UploadProgress { digest, sent } => self.uploaded(&digest.to_string(), *sent),
            _ => {}
        }
    }

    /// Lets something else write to the terminal.
    pub(crate) fn suspend(&self, write: impl FnOnce()) {
        self.all.suspend(write);
    }

    /// Removes all bars for good.
    pub(crate) fn finish(&self) {
        for bar in [&self.compile, &self.pack, &self.upload] {
            bar.finish_and_clear();
        }
    }

    fn show(&self, bar: &ProgressBar) {
        if bar.is_hidden() || bar.is_finished() {
            bar.reset();
        }
        self.all.add(bar.clone());
    }

    fn uploaded(&self, digest: &str, sent: u64) {
        let mut all = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(digest.to_owned(), sent);
        self.upload.set_position(all.values().sum());
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .expect("the templates above are right")
        .progress_chars("=> ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_right_and_uploads_that_start_again_are_not_counted_twice() {
        let bars = Bars::new();
        let digest = cargo_gantry::spec::Digest::of(b"x");
        bars.event(&Event::UploadStarted {
            digest: &digest,
            size: 10,
        });
        for sent in [8, 3] {
            bars.event(&Event::UploadProgress {
                digest: &digest,
                sent,
            });
        }
        assert_eq!((bars.upload.position(), bars.upload.length()), (3, Some(10)));
    }
}
