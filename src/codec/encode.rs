//! [`Encoder`]: a stream, cut into blocks, compressed by many and written by one.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::mem;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, TryRecvError};

use super::Compression;
use super::block::{self, Block, Kept, compress};
use super::former::{Former, Piece};
use super::pool::{Outcome, Pool, Task};

/// A block up to this many bytes has no more room than it needs.
const SMALL: usize = 64 << 10;

/// Compresses what is written to it. Nothing is complete before [`Encoder::finish`].
///
/// The input is cut after so many bytes, however it comes, and each block becomes a member of its own. So the
/// output depends on nothing but the input. Blocks are compressed on the threads of the process's one pool while the
/// caller goes on; the caller writes them, in order. An error of the inner writer is told by a later write, or by
/// `finish`. Dropped before that, it leaves the threads to others.
pub struct Encoder<W: Write> {
    inner: W,
    /// None where nothing is compressed.
    blocks: Option<Blocks>,
}

impl<W: Write> Encoder<W> {
    /// Of a compression whose level was checked.
    pub(super) fn new(compression: Compression, inner: W, pool: Arc<Pool>) -> Self {
        let size = match compression {
            Compression::Gzip(_) => block::GZIP,
            Compression::Zstd(_) => block::ZSTD,
            Compression::None => return Self { inner, blocks: None },
        };
        let blocks = Some(Blocks::new(compression, size, pool));
        Self { inner, blocks }
    }

    /// The same where blocks of a stream that this compression wrote before may come again: they are taken over from it, which
    /// changes nothing about the output.
    #[must_use]
    pub fn after(mut self, former: Option<Arc<Former>>) -> Self {
        if let Some(blocks) = &mut self.blocks {
            blocks.former = former;
        }
        self
    }

    /// Writes what is left and gives the inner writer back.
    ///
    /// # Errors
    /// What the inner writer says.
    pub fn finish(self) -> io::Result<W> {
        Ok(self.finish_in_pieces()?.0)
    }

    /// The same, with the blocks that were written; none where nothing is compressed. The former stream is closed then.
    ///
    /// # Errors
    /// What the inner writer says.
    pub fn finish_in_pieces(mut self) -> io::Result<(W, Pieces)> {
        let pieces = match &mut self.blocks {
            Some(blocks) => {
                blocks.finish(&mut self.inner)?;
                mem::take(&mut blocks.pieces)
            }
            None => Pieces::default(),
        };
        Ok((self.inner, pieces))
    }
}

impl<W: Write> Write for Encoder<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.blocks {
            Some(blocks) => blocks.take(bytes, &mut self.inner),
            None => self.inner.write(bytes),
        }
    }

    /// Does nothing: a flush in the middle would be seen in the output.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a stream was written in.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Pieces {
    /// Its blocks, in their order.
    pub list: Vec<Piece>,
    /// How many of them were taken over from another stream.
    pub taken_over: usize,
}

impl Pieces {
    fn push(&mut self, block: &Block) {
        self.list.push(block.piece());
        self.taken_over += usize::from(block.taken_over);
    }
}

struct Blocks {
    compression: Compression,
    size: usize,
    /// What is being filled.
    current: Block,
    /// Those that are compressed, eldest first.
    under_way: VecDeque<Receiver<Outcome>>,
    /// Those that were written.
    pieces: Pieces,
    /// Where blocks may be taken over from.
    former: Option<Arc<Former>>,
    pool: Arc<Pool>,
    wanted: Arc<AtomicBool>,
    /// A block was lost, so there can be no end.
    broken: bool,
}

impl Blocks {
    fn new(compression: Compression, size: usize, pool: Arc<Pool>) -> Self {
        pool.join();
        Self {
            compression,
            size,
            current: Block::default(),
            under_way: VecDeque::new(),
            pieces: Pieces::default(),
            former: None,
            pool,
            wanted: Arc::new(AtomicBool::new(true)),
            broken: false,
        }
    }

    fn take(&mut self, bytes: &[u8], inner: &mut dyn Write) -> io::Result<usize> {
        // Only when more comes: the last block is the caller's own work.
        if self.current.input.len() == self.size && !bytes.is_empty() {
            self.unbroken(|blocks| blocks.send(inner))?;
        }
        let filled = self.current.input.len();
        // Once it is clear that it will not stay small: growing by and by leaves holes in memory.
        if filled > SMALL && self.current.input.capacity() < self.size {
            self.current.input.reserve_exact(self.size - filled);
        }
        let count = bytes.len().min(self.size - filled);
        self.current.input.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    /// The last block is compressed here, while others do those before it: what is small costs no thread anything.
    fn finish(&mut self, inner: &mut dyn Write) -> io::Result<()> {
        self.unbroken(|blocks| {
            let last = compress(
                blocks.compression,
                mem::take(&mut blocks.current),
                blocks.former.as_deref(),
                &mut Kept::default(),
            )?;
            while blocks.write_eldest(inner)? {}
            blocks.pieces.push(&last);
            inner.write_all(last.compressed())
        })
    }

    /// Hands the current block over. First writes what is ready, and more where too much is under way.
    fn send(&mut self, inner: &mut dyn Write) -> io::Result<()> {
        while let Some(outcome) = self.ready() {
            self.write(outcome, inner)?;
        }
        while !self.pool.enter(self.under_way.is_empty()) {
            self.write_eldest(inner)?;
        }
        let (reply, receiver) = mpsc::sync_channel(1);
        self.under_way.push_back(receiver);
        let (compression, former) = (self.compression, self.former.clone());
        let block = mem::replace(&mut self.current, self.pool.room());
        let task = Task {
            work: Box::new(move |kept| compress(compression, block, former.as_deref(), kept)),
            reply,
            wanted: Arc::clone(&self.wanted),
        };
        if let Err(Task { work, reply, .. }) = self.pool.submit(task) {
            // The channel has room for it.
            drop(reply.send(Ok(work(&mut Kept::default()))));
        }
        Ok(())
    }

    /// The eldest, when it is ready.
    fn ready(&mut self) -> Option<Outcome> {
        let outcome = match self.under_way.front()?.try_recv() {
            Ok(outcome) => outcome,
            Err(TryRecvError::Empty) => return None,
            Err(TryRecvError::Disconnected) => Ok(Err(lost())),
        };
        self.done();
        Some(outcome)
    }

    /// Waits for the eldest and writes it. Says whether there was one.
    fn write_eldest(&mut self, inner: &mut dyn Write) -> io::Result<bool> {
        let Some(eldest) = self.under_way.front() else {
            return Ok(false);
        };
        let outcome = eldest.recv().unwrap_or_else(|_| Ok(Err(lost())));
        self.done();
        self.write(outcome, inner)?;
        Ok(true)
    }

    fn done(&mut self) {
        self.under_way.pop_front();
        self.pool.leave(1);
    }

    fn write(&mut self, outcome: Outcome, inner: &mut dyn Write) -> io::Result<()> {
        let block = outcome.unwrap_or_else(|panic| resume_unwind(panic))?;
        inner.write_all(block.compressed())?;
        self.pieces.push(&block);
        self.pool.take_back(block);
        Ok(())
    }

    fn unbroken(&mut self, work: impl FnOnce(&mut Self) -> io::Result<()>) -> io::Result<()> {
        // Also for a panic.
        if mem::replace(&mut self.broken, true) {
            return Err(io::Error::other(
                "what was compressed before could not be written",
            ));
        }
        work(self)?;
        self.broken = false;
        Ok(())
    }
}

impl Drop for Blocks {
    fn drop(&mut self) {
        self.wanted.store(false, Ordering::Relaxed);
        self.pool.leave(self.under_way.len());
        self.pool.part();
    }
}

/// Of a thread that is gone without a word.
fn lost() -> io::Error {
    io::Error::other("a thread that compresses is gone")
}

#[cfg(test)]
mod tests;
