//! What stands between a download and its taker: a pipe to another thread, and the events of progress.
//!
//! In: a blob of a registry. Out: its bytes, to somebody who reads them while they come. It must not hold more than a few
//! pieces of them, nor let what was read count before the whole was checked.

use std::io::{self, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::thread;

use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::sync::{Semaphore, oneshot};

use super::pull::Download;
use super::{Client, RegistryError, Repository};
use crate::blob::Blob;
use crate::event::{Event, Observer};
use crate::spec::Digest;

/// Bytes of a download that wait for the decoder, at most.
const WAITING: usize = 512 << 10;
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
        let (pipe, room, pieces) = pipe();
        // Not one of the runtime's threads: those stay, and with them the memory that was freed in them.
        let (done, taken) = oneshot::channel();
        let taking = move || drop(done.send(catch_unwind(AssertUnwindSafe(|| take(pieces)))));
        let started = thread::Builder::new().name("layer".to_owned()).spawn(taking);
        started.map_err(|source| RegistryError::Write {
            what: format!("blob {} of `{repository}`", blob.digest),
            source,
        })?;
        let mut told = Told::new(self.observer(), blob, pipe);
        let download = Download::new(&mut told, blob.size).within(room);
        let downloaded = self.fill(repository, &blob.digest, blob.size, download).await;
        // Either ends what `take` reads.
        match &downloaded {
            Ok(()) => drop(told.finish()),
            Err(_) => drop(told),
        }
        let taken = match taken.await {
            Ok(taken) => taken.unwrap_or_else(|panic| resume_unwind(panic)),
            Err(_) => unreachable!("the thread answers even when it panics"),
        };
        // A download that failed is why `take` did.
        downloaded.map(|()| taken)
    }
}

/// A pipe that holds [`WAITING`] bytes, more only of a single piece: room is taken before each is written. Dropping the
/// writer is its end.
fn pipe() -> (Pipe, Room, Pieces) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let room = Room(Arc::new(Semaphore::new(WAITING)));
    let pieces = Pieces {
        receiver,
        room: room.clone(),
        piece: Vec::new(),
        taken: 0,
    };
    (Pipe(sender), room, pieces)
}

/// Hands a download to the thread that decodes it. When that has given up, the rest is taken in all the same: only the end
/// of a download tells whether the registry sent what it should.
struct Pipe(UnboundedSender<Vec<u8>>);

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Where nobody reads any more, nobody misses it.
        drop(self.0.send(bytes.to_vec()));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Bytes that a pipe still has room for. They are waited for where a task can wait, so that a slow decoder holds up no
/// thread that others' requests need.
#[derive(Clone)]
pub(super) struct Room(Arc<Semaphore>);

impl Room {
    /// Waits until there is room for so many bytes, and takes it.
    pub(super) async fn take(&self, bytes: usize) {
        // Closed by a reader that has given up: then there is room for everything.
        if let Ok(taken) = self.0.acquire_many(Self::of(bytes)).await {
            taken.forget();
        }
    }

    fn give(&self, bytes: usize) {
        self.0.add_permits(Self::of(bytes) as usize);
    }

    fn of(bytes: usize) -> u32 {
        bytes.min(WAITING) as u32
    }
}

/// The other end of a [`Pipe`]: a download, as somebody reads it.
pub(crate) struct Pieces {
    receiver: UnboundedReceiver<Vec<u8>>,
    room: Room,
    piece: Vec<u8>,
    taken: usize,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.taken == self.piece.len() {
            self.room.give(self.piece.len());
            match self.receiver.blocking_recv() {
                Some(piece) => (self.piece, self.taken) = (piece, 0),
                None => {
                    (self.piece, self.taken) = (Vec::new(), 0);
                    return Ok(0);
                }
            }
        }
        let left = &self.piece[self.taken..];
        let count = left.len().min(buffer.len());
        buffer[..count].copy_from_slice(&left[..count]);
        self.taken += count;
        Ok(count)
    }
}

impl Drop for Pieces {
    fn drop(&mut self) {
        self.room.0.close();
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Puts pieces into a pipe, as a download does.
    async fn pour(mut pipe: Pipe, room: Room, pieces: &[Vec<u8>]) {
        for piece in pieces {
            room.take(piece.len()).await;
            pipe.write_all(piece).unwrap();
        }
    }

    fn pieces(sizes: &[usize]) -> Vec<Vec<u8>> {
        let numbered = sizes.iter().zip(0_u8..);
        numbered.map(|(&size, number)| vec![number; size]).collect()
    }

    #[tokio::test]
    async fn pieces_of_every_size_come_through_however_slowly_they_are_read() {
        let all = pieces(&[1, WAITING, 0, WAITING + 1, 3 * WAITING, 10, WAITING - 1, 1, 0]);
        for at_once in [1 << 16, usize::MAX] {
            let (pipe, room, mut reader) = pipe();
            let read = std::thread::spawn(move || {
                let (mut bytes, mut buffer) = (Vec::new(), vec![0; at_once.min(4 * WAITING)]);
                loop {
                    match reader.read(&mut buffer).unwrap() {
                        0 => return bytes,
                        count => bytes.extend_from_slice(&buffer[..count]),
                    }
                }
            });
            pour(pipe, room, &all).await;
            assert!(read.join().unwrap() == all.concat());
        }
    }

    #[tokio::test]
    async fn no_more_waits_than_there_is_room_for() {
        let (pipe, room, mut reader) = pipe();
        let all = pieces(&[WAITING / 4; 40]);
        let taking = room.clone();
        let poured = tokio::spawn(async move { pour(pipe, taking, &all).await });
        let full = async {
            while room.0.available_permits() > 0 {
                tokio::task::yield_now().await;
            }
        };
        let in_time = tokio::time::timeout(std::time::Duration::from_secs(20), full);
        in_time.await.unwrap();
        tokio::task::yield_now().await;
        assert_eq!(reader.receiver.len(), 4);
        // What is left is taken in without being kept.
        let gives_up = tokio::task::spawn_blocking(move || reader.read(&mut [0; 9]).unwrap());
        assert_eq!(gives_up.await.unwrap(), 9);
        poured.await.unwrap();
    }
}
