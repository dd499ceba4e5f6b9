//! What goes wrong, and when.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

/// A rule: the `at`-th request (from 1, counted by this rule) of this method and kind, and `times - 1` after it,
/// meet with `act`. Of several rules the first that strikes counts.
#[derive(Clone, Debug)]
pub struct Fault {
    method: Option<&'static str>,
    kind: Option<&'static str>,
    at: usize,
    times: usize,
    seen: usize,
    act: Act,
}

/// What happens to a request.
#[derive(Clone, Debug)]
pub enum Act {
    /// This status, with these headers and this body, and nothing is done.
    Status(u16, Vec<(&'static str, String)>, String),
    /// The connection ends before the body is read.
    DropEarly,
    /// The connection ends after the body was read; nothing is done.
    Drop,
    /// It is done, but the connection ends instead of an answer.
    DropAfter,
    /// The answer's body ends after so many bytes, short of its Content-Length.
    Truncate(usize),
    /// The answer's body stops after so many bytes, and the connection stays.
    Stall(usize),
    /// The answer's body has one bit changed.
    Flip,
    /// The connection ends after so many bytes of the body were read; nothing is done.
    CutBody(usize),
    /// It is done after a while.
    Delay(Duration),
    /// It is done, but this header of the answer is another, or missing.
    Header(&'static str, Option<String>),
    /// Every token handed out so far becomes worthless before it is looked at.
    Revoke,
    /// Nothing is done and no answer comes.
    Hang,
    /// It is done and no answer comes.
    HangAfter,
    /// It is done once somebody says so.
    Wait(Arc<Notify>),
}

impl Fault {
    /// The first request meets with `act`.
    pub fn first(act: Act) -> Self {
        Self {
            method: None,
            kind: None,
            at: 1,
            times: 1,
            seen: 0,
            act,
        }
    }

    /// A bare status.
    pub fn status(status: u16) -> Self {
        Self::first(Act::Status(status, Vec::new(), String::new()))
    }

    /// Only requests of this method and [`kind`].
    pub fn on(mut self, method: &'static str, kind: &'static str) -> Self {
        (self.method, self.kind) = (Some(method), Some(kind));
        self
    }

    /// The `at`-th such request.
    pub fn at(mut self, at: usize) -> Self {
        self.at = at;
        self
    }

    /// So many of them.
    pub fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }

    /// Counts a request; what happens to it, if this rule strikes.
    pub(super) fn strike(&mut self, method: &str, path: &str) -> Option<Act> {
        let kind = kind(path);
        let meant = self.method.is_none_or(|m| m == method) && self.kind.is_none_or(|k| k == kind);
        if !meant || kind == "root" || kind == "token" && self.kind.is_none() {
            return None;
        }
        self.seen += 1;
        (self.seen >= self.at && self.seen - self.at < self.times).then(|| self.act.clone())
    }
}

/// What a path is about: `root`, `token`, `blob`, `upload`, `manifest`, `tags` or `other`.
pub fn kind(path: &str) -> &'static str {
    let path = path.split('?').next().unwrap_or_default();
    match path {
        "/v2/" => "root",
        _ if path.starts_with("/token") => "token",
        _ if path.contains("/blobs/uploads/") => "upload",
        _ if path.contains("/blobs/") => "blob",
        _ if path.contains("/manifests/") => "manifest",
        _ if path.contains("/referrers/") => "referrers",
        _ if path.ends_with("/tags/list") => "tags",
        _ => "other",
    }
}
