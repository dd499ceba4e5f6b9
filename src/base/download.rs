//! What stands between a download and its taker: a pipe to another thread, and the events of progress.

use std::io::{self, Read, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use crate::blob::Blob;
use crate::event::{Event, Observer};
use crate::spec::Digest;

/// Pieces of a download that wait for the decoder, at most.
const WAITING: usize = 16;
/// Bytes between two events of progress.
const STEP: u64 = 1 << 20;

/// A pipe that holds a few pieces. The writer waits while it is full; dropping the writer is its end.
pub(super) fn pipe() -> (Pipe, Pieces) {
    let (sender, receiver) = sync_channel(WAITING);
    let pieces = Pieces {
        receiver,
        piece: Vec::new(),
        taken: 0,
    };
    (Pipe(Some(sender)), pieces)
}

/// Hands a download to the thread that decodes it, and waits where that is behind. When it has given up, the rest is
/// taken in all the same: only the end of a download tells whether the registry sent what it should.
pub(super) struct Pipe(Option<SyncSender<Vec<u8>>>);

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = self.0.as_ref().map(|sender| sender.send(bytes.to_vec()));
        if matches!(sent, Some(Err(_))) {
            self.0 = None;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The other end of a [`Pipe`].
pub(super) struct Pieces {
    receiver: Receiver<Vec<u8>>,
    piece: Vec<u8>,
    taken: usize,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.taken == self.piece.len() {
            match self.receiver.recv() {
                Ok(piece) => (self.piece, self.taken) = (piece, 0),
                Err(_) => return Ok(0),
            }
        }
        let left = &self.piece[self.taken..];
        let count = left.len().min(buffer.len());
        buffer[..count].copy_from_slice(&left[..count]);
        self.taken += count;
        Ok(count)
    }
}

/// Tells how far a download is.
pub(super) struct Told<'o, W> {
    inner: W,
    observer: &'o dyn Observer,
    digest: Digest,
    received: u64,
    told: u64,
}

impl<'o, W> Told<'o, W> {
    pub(super) fn new(observer: &'o dyn Observer, blob: Blob, inner: W) -> Self {
        observer.event(&Event::DownloadStarted {
            digest: &blob.digest,
            size: blob.size,
        });
        Self {
            inner,
            observer,
            digest: blob.digest,
            received: 0,
            told: 0,
        }
    }

    pub(super) fn inner(&self) -> &W {
        &self.inner
    }

    /// All of it is here and was checked.
    pub(super) fn finish(self) -> W {
        let Self {
            inner,
            observer,
            digest,
            ..
        } = self;
        observer.event(&Event::DownloadFinished { digest: &digest });
        inner
    }
}

impl<W: Write> Write for Told<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.received += count as u64;
        if self.received - self.told >= STEP {
            self.told = self.received;
            self.observer.event(&Event::DownloadProgress {
                digest: &self.digest,
                received: self.received,
            });
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
