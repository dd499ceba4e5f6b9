//! [`Pool`]: the threads that compress, shared by all streams that are written at once.
//!
//! In: blocks of any stream. Out: the same, compressed, to whoever sent them. It bounds what is under way, and so
//! the memory; it never decides over bytes, and it never blocks on a stream, so no two streams can wait for each other.

use std::any::Any;
use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::block::{Block, Kept};

/// More threads would only take memory: this many read more than the one thread that hashes can give them.
const MOST: usize = 16;

/// What became of a block; the error of the outside is a panic, handed on to the caller.
pub(super) type Outcome = Result<io::Result<Block>, Box<dyn Any + Send>>;

/// Called with what the thread keeps from block to block.
pub(super) type Work = Box<dyn FnOnce(&mut Kept) -> io::Result<Block> + Send>;

/// A block to be compressed.
pub(super) struct Task {
    pub(super) work: Work,
    /// Holds one: whoever compressed never waits.
    pub(super) reply: SyncSender<Outcome>,
    /// False as soon as nobody waits for it any more.
    pub(super) wanted: Arc<AtomicBool>,
}

/// Threads that start when there is work for them, and then stay.
pub(super) struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    most: usize,
    /// How many blocks may be under way.
    slots: usize,
    state: Mutex<State>,
    work: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Task>,
    threads: usize,
    idle: usize,
    closed: bool,
    under_way: usize,
    streams: usize,
    /// Room of blocks that are done: there are never more than were under way at once.
    spare: Vec<Block>,
}

static OF_THE_PROCESS: LazyLock<Arc<Pool>> = LazyLock::new(|| {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    Arc::new(Pool::new(processors.min(MOST)))
});

impl Pool {
    /// The one that everything shares: as many threads as there are processors.
    pub(super) fn of_the_process() -> Arc<Self> {
        Arc::clone(&OF_THE_PROCESS)
    }

    pub(super) fn new(threads: usize) -> Self {
        let shared = Shared {
            most: threads,
            // Some wait while their elders are compressed, so that no thread waits for a stream's next block.
            slots: threads + threads.div_ceil(2),
            state: Mutex::default(),
            work: Condvar::new(),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// A stream begins.
    pub(super) fn join(&self) {
        self.shared.state().streams += 1;
    }

    /// A stream ends. With the last of them goes the room.
    pub(super) fn part(&self) {
        let mut state = self.shared.state();
        state.streams -= 1;
        if state.streams == 0 {
            state.spare = Vec::new();
        }
    }

    /// Asks to send one more block. A stream that has none under way may always.
    pub(super) fn enter(&self, first: bool) -> bool {
        let mut state = self.shared.state();
        let free = first || state.under_way < self.shared.slots;
        state.under_way += usize::from(free);
        free
    }

    /// So many blocks that had entered are done with.
    pub(super) fn leave(&self, count: usize) {
        self.shared.state().under_way -= count;
    }

    /// Room for a block, emptied.
    pub(super) fn room(&self) -> Block {
        self.shared.state().spare.pop().unwrap_or_default()
    }

    /// Takes a block's room back.
    pub(super) fn take_back(&self, mut block: Block) {
        block.input.clear();
        let mut state = self.shared.state();
        if state.spare.len() < self.shared.slots {
            state.spare.push(block);
        }
    }

    /// Has a block compressed. Gives it back when the system grants not even one thread.
    pub(super) fn submit(&self, task: Task) -> Result<(), Task> {
        let mut state = self.shared.state();
        if state.queue.len() >= state.idle && state.threads < self.shared.most {
            let shared = Arc::clone(&self.shared);
            let started = thread::Builder::new()
                .name("compress".to_owned())
                .spawn(move || shared.work());
            match started {
                // It ends when the pool does.
                Ok(_) => state.threads += 1,
                Err(_) if state.threads == 0 => return Err(task),
                Err(_) => {}
            }
        }
        state.queue.push_back(task);
        drop(state);
        self.shared.work.notify_one();
        Ok(())
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.state().closed = true;
        self.shared.work.notify_all();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a thread does all its life.
    fn work(&self) {
        let mut kept = Kept::default();
        while let Some(Task { work, reply, wanted }) = self.next() {
            if !wanted.load(Ordering::Relaxed) {
                continue;
            }
            let outcome = catch_unwind(AssertUnwindSafe(|| work(&mut kept)));
            if outcome.is_err() {
                kept = Kept::default();
            }
            // Nobody there: the stream was given up meanwhile.
            drop(reply.send(outcome));
        }
    }

    fn next(&self) -> Option<Task> {
        let mut state = self.state();
        loop {
            if let Some(task) = state.queue.pop_front() {
                return Some(task);
            }
            if state.closed {
                return None;
            }
            state.idle += 1;
            state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.idle -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{self, Receiver};

    use super::*;

    impl Pool {
        /// Blocks under way, streams, threads at work.
        pub(in crate::codec) fn busy(&self) -> (usize, usize, usize) {
            let state = self.shared.state();
            (
                state.under_way,
                state.streams,
                state.queue.len() + state.threads - state.idle,
            )
        }

        pub(in crate::codec) fn threads(&self) -> usize {
            self.shared.state().threads
        }

        fn give(
            &self,
            work: impl FnOnce(&mut Kept) -> io::Result<Block> + Send + 'static,
        ) -> Receiver<Outcome> {
            let (reply, receiver) = mpsc::sync_channel(1);
            let wanted = Arc::new(AtomicBool::new(true));
            let work = Box::new(work);
            assert!(self.submit(Task { work, reply, wanted }).is_ok());
            receiver
        }
    }

    #[test]
    fn panics_reach_who_waits_and_end_no_thread() {
        let pool = Pool::new(1);
        let panicked = pool.give(|_| panic!("of a block")).recv().unwrap();
        let said = panicked.err().expect("a panic");
        assert_eq!(said.downcast_ref::<&str>(), Some(&"of a block"));
        assert!(pool.give(|_| Ok(Block::default())).recv().unwrap().is_ok());
        assert_eq!(pool.shared.state().threads, 1);
    }

    #[test]
    fn threads_are_started_when_needed_and_never_too_many() {
        let pool = Pool::new(3);
        assert_eq!(pool.shared.state().threads, 0);
        let held: Vec<_> = (0..7)
            .map(|_| {
                let (go, wait) = mpsc::channel::<()>();
                let done = pool.give(move |_| {
                    let _gone = wait.recv();
                    Ok(Block::default())
                });
                (go, done)
            })
            .collect();
        assert_eq!(pool.shared.state().threads, 3);
        for (go, done) in held {
            drop(go);
            assert!(done.recv().unwrap().is_ok());
        }
        assert_eq!(pool.shared.state().threads, 3);
    }

    #[test]
    fn what_is_under_way_is_bounded_and_every_stream_gets_on() {
        let pool = Pool::new(2);
        let entered = (0..10).filter(|_| pool.enter(false)).count();
        assert_eq!(entered, 3);
        assert!(pool.enter(true) && !pool.enter(false));
        pool.leave(2);
        assert!(pool.enter(false) && !pool.enter(false));
    }
}
