//! What stands between a download and its taker: a pipe to another thread, and the events of progress.
//!
//! In: a blob of a registry. Out: its bytes, to somebody who reads them while they come. It must not hold more than a few
//! pieces of them, nor let what was read count before the whole was checked.

use std::io::{self, Read, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::{Client, RegistryError, Repository};
use crate::blob::Blob;
use crate::event::{Event, Observer};
use crate::spec::Digest;

/// Pieces of a download that wait for the decoder, at most.
const WAITING: usize = 16;
/// Bytes between two events of progress.
const STEP: u64 = 1 << 20;

impl Client {
    /// Gives a blob to `take` while it is downloaded; not a byte of it is stored. It is checked to its end whatever `take`
    /// does, and what that gives is given on only when the check was good.
    ///
    /// # Errors
    /// As [`Client::blob_to`].
    pub(crate) async fn blob_through<T: Send + 'static>(
        &self,
        repository: &Repository,
        blob: Blob,
        take: impl FnOnce(Pieces) -> T + Send + 'static,
    ) -> Result<T, RegistryError> {
        let (pipe, pieces) = pipe();
        let taking = tokio::task::spawn_blocking(move || take(pieces));
        let mut told = Told::new(self.observer(), blob, pipe);
        let downloaded = self.blob_to(repository, &blob.digest, blob.size, &mut told).await;
        // Either ends what `take` reads.
        match &downloaded {
            Ok(()) => drop(told.finish()),
            Err(_) => drop(told),
        }
        let taken = match taking.await {
            Ok(taken) => taken,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime ends, and nobody waits any more.
                Err(_) => std::future::pending().await,
            },
        };
        // A download that failed is why `take` did.
        downloaded.map(|()| taken)
    }
}

/// A pipe that holds a few pieces. The writer waits while it is full; dropping the writer is its end.
fn pipe() -> (Pipe, Pieces) {
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
struct Pipe(Option<SyncSender<Vec<u8>>>);

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

/// The other end of a [`Pipe`]: a download, as somebody reads it.
pub(crate) struct Pieces {
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
pub(crate) struct Told<'o, W> {
    inner: W,
    observer: &'o dyn Observer,
    digest: Digest,
    received: u64,
    told: u64,
}

impl<'o, W> Told<'o, W> {
    pub(crate) fn new(observer: &'o dyn Observer, blob: Blob, inner: W) -> Self {
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

    pub(crate) fn inner(&self) -> &W {
        &self.inner
    }

    /// All of it is here and was checked.
    pub(crate) fn finish(self) -> W {
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
