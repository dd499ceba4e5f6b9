//! Work beside the async threads: what blocks, what may run at once, and what only one may do at a time.

use std::collections::{BTreeMap, HashMap};
use std::future::{Future, pending};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedMutexGuard, Semaphore};
use tokio::task::{JoinError, JoinHandle, JoinSet};

use crate::spec::Digest;

/// Runs what reads files or computes for long.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    joined(tokio::task::spawn_blocking(work)).await
}

/// What a task gives.
pub(super) async fn joined<T>(task: JoinHandle<T>) -> T {
    match task.await {
        Ok(value) => value,
        Err(error) => ended(error).await,
    }
}

/// Runs all of `work`, `limit` of them at once, and gives the results in order: the error, too, is always that of the
/// first one that fails in this order. What still runs when the caller gives up, is ended.
pub(super) async fn in_order<T, E, F>(limit: usize, work: Vec<F>) -> Result<Vec<T>, E>
where
    T: Send + 'static,
    E: Send + 'static,
    F: Future<Output = Result<T, E>> + Send + 'static,
{
    let permits = Arc::new(Semaphore::new(limit));
    let mut running = JoinSet::new();
    for (position, one) in work.into_iter().enumerate() {
        let permits = permits.clone();
        running.spawn(async move {
            // The semaphore is never closed.
            let _permit = permits.acquire().await;
            (position, one.await)
        });
    }
    let mut results = BTreeMap::new();
    while let Some(joined) = running.join_next().await {
        let (position, result) = match joined {
            Ok(done) => done,
            Err(error) => ended(error).await,
        };
        results.insert(position, result);
    }
    results.into_values().collect()
}

/// A task that ended without a value: its panic goes on here. It is not cancelled but with the runtime, and then
/// nobody waits any more.
async fn ended<T>(error: JoinError) -> T {
    match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(_) => pending().await,
    }
}

/// One at a time per digest, so that nobody reads what another one is reading already.
#[derive(Clone, Debug, Default)]
pub(super) struct Gates(Arc<Mutex<HashMap<Digest, Arc<tokio::sync::Mutex<()>>>>>);

impl Gates {
    /// Waits for the turn; it lasts as long as the value.
    pub(super) async fn enter(&self, digest: &Digest) -> OwnedMutexGuard<()> {
        let gate = {
            let mut gates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            gates.entry(*digest).or_default().clone()
        };
        gate.lock_owned().await
    }
}
