//! A pair: what is laid over which base, what the checker must find, and what must happen when it is started.
//! Plain data; nothing is done here.

use cargo_gantry::fit::{Check, Level};
use serde_json::{Value, json};

use crate::program::Program;

/// One image on one platform.
pub(crate) struct Pair {
    pub(crate) name: &'static str,
    pub(crate) base: &'static str,
    pub(crate) platform: &'static str,
    pub(crate) layers: Vec<Vec<Entry>>,
    /// Keys over those of the base's config.
    pub(crate) config: Value,
    /// Crates in the graph of `/usr/local/bin/app`.
    pub(crate) crates: &'static [&'static str],
    pub(crate) static_glibc: bool,
    pub(crate) expected: Vec<(Check, Level)>,
    pub(crate) start: Start,
    /// What it is started on, where that is not just any machine of the platform.
    pub(crate) processor: Option<&'static str>,
    /// When the loader's cache is made.
    pub(crate) cache: Cache,
}

/// When `ldconfig` is run.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Cache {
    Never,
    /// When the base was made.
    Before,
    /// When everything is there.
    After,
}

/// What happens when it is started.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Start {
    /// It says `fits`.
    Runs,
    /// It does not.
    Fails,
    /// Its health check fails.
    HealthFails,
    /// It cannot be started here, and why.
    Not(&'static str),
}

/// Something in a layer.
pub(crate) struct Entry {
    pub(crate) path: &'static str,
    pub(crate) mode: u32,
    pub(crate) owner: u64,
    pub(crate) what: What,
}

pub(crate) enum What {
    Directory,
    Text(&'static str),
    Program(Program),
    Link(&'static str),
    /// Another name for what lies there in the same layer.
    Name(&'static str),
    /// What lies there in a lower layer is gone.
    Gone,
}

pub(crate) const APP: &str = "usr/local/bin/app";

pub(crate) fn file(path: &'static str, mode: u32, program: Program) -> Entry {
    entry(path, mode, What::Program(program))
}

pub(crate) fn text(path: &'static str, mode: u32, text: &'static str) -> Entry {
    entry(path, mode, What::Text(text))
}

pub(crate) fn directory(path: &'static str, mode: u32) -> Entry {
    entry(path, mode, What::Directory)
}

pub(crate) fn link(path: &'static str, target: &'static str) -> Entry {
    entry(path, 0o777, What::Link(target))
}

pub(crate) fn name(path: &'static str, of: &'static str) -> Entry {
    entry(path, 0o755, What::Name(of))
}

pub(crate) fn gone(path: &'static str) -> Entry {
    entry(path, 0, What::Gone)
}

fn entry(path: &'static str, mode: u32, what: What) -> Entry {
    Entry {
        path,
        mode,
        owner: 0,
        what,
    }
}

impl Entry {
    pub(crate) fn of(mut self, owner: u64) -> Self {
        self.owner = owner;
        self
    }
}

impl Pair {
    /// `program` as the entrypoint `/usr/local/bin/app` on a base, for linux/amd64 and a user who is not root: a pair
    /// that fits.
    pub(crate) fn new(name: &'static str, base: &'static str, program: Program) -> Self {
        Self::of(name, base).lay([file(APP, 0o755, program)])
    }

    /// The same without any program.
    pub(crate) fn of(name: &'static str, base: &'static str) -> Self {
        let config = json!({"User": "65532:65532", "WorkingDir": "/", "Entrypoint": ["/usr/local/bin/app"]});
        Self {
            name,
            base,
            platform: "linux/amd64",
            layers: Vec::new(),
            config,
            crates: &[],
            static_glibc: false,
            expected: Vec::new(),
            start: Start::Runs,
            processor: None,
            cache: Cache::Never,
        }
    }

    pub(crate) fn on(mut self, platform: &'static str) -> Self {
        self.platform = platform;
        self
    }

    /// One more layer.
    pub(crate) fn lay<const N: usize>(mut self, entries: [Entry; N]) -> Self {
        self.layers.push(entries.into());
        self
    }

    /// A key of the config.
    pub(crate) fn with(mut self, key: &str, value: Value) -> Self {
        self.config[key] = value;
        self
    }

    pub(crate) fn crates(mut self, crates: &'static [&'static str]) -> Self {
        self.crates = crates;
        self
    }

    pub(crate) fn processor(mut self, name: &'static str) -> Self {
        self.processor = Some(name);
        self
    }

    pub(crate) fn cache(mut self, cache: Cache) -> Self {
        self.cache = cache;
        self
    }

    /// It is denied, and does not start.
    pub(crate) fn wrong<const N: usize>(mut self, checks: [Check; N]) -> Self {
        self.expected.extend(checks.map(|check| (check, Level::Deny)));
        self.start = Start::Fails;
        self
    }

    /// It is told of, and this happens.
    pub(crate) fn doubtful(mut self, check: Check, start: Start) -> Self {
        self.expected.push((check, Level::Warn));
        self.start = start;
        self
    }

    pub(crate) fn static_glibc(mut self) -> Self {
        self.static_glibc = true;
        self
    }
}
