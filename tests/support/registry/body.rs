//! A response body that can end too early.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, SizeHint};

/// Bytes, and what comes after them although more were announced: the end of the connection, or nothing ever.
pub(super) struct Answer {
    bytes: Option<Bytes>,
    announced: u64,
    broken: bool,
    stalled: bool,
}

impl Answer {
    pub(super) fn whole(bytes: Vec<u8>) -> Self {
        Self {
            announced: bytes.len() as u64,
            bytes: Some(bytes.into()),
            broken: false,
            stalled: false,
        }
    }

    pub(super) fn truncated(mut bytes: Vec<u8>, after: usize) -> Self {
        let announced = bytes.len() as u64;
        bytes.truncate(after);
        Self {
            announced,
            bytes: Some(bytes.into()),
            broken: true,
            stalled: false,
        }
    }

    pub(super) fn stalled(bytes: Vec<u8>, after: usize) -> Self {
        Self {
            broken: false,
            stalled: true,
            ..Self::truncated(bytes, after)
        }
    }
}

#[derive(Debug)]
pub(super) struct Broken;

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("broken on purpose")
    }
}

impl std::error::Error for Broken {}

impl From<Infallible> for Broken {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match self.bytes.take() {
            Some(bytes) if !bytes.is_empty() => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            _ if self.stalled => Poll::Pending,
            _ if std::mem::take(&mut self.broken) => Poll::Ready(Some(Err(Broken))),
            _ => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        !self.broken && !self.stalled && self.bytes.as_ref().is_none_or(Bytes::is_empty)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.announced)
    }
}
