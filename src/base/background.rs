//! Work beside the async threads: what blocks, what may run at once, and what only one may do at a time.

use std::collections::{BTreeMap, HashMap};
use std::future::{Future, pending};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedMutexGuard, Semaphore};
use tokio::task::{AbortHandle, JoinError, JoinHandle, JoinSet};

use crate::spec::Digest;

/// Runs what reads files or computes for long.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    joined(tokio::task::spawn_blocking(work)).await
}

/// What a task gives.
async fn joined<T>(task: JoinHandle<T>) -> T {
    match task.await {
        Ok(value) => value,
        Err(error) => ended(error).await,
    }
}

/// Runs all of `work`, `limit` of them at once, and gives the results in order. The error, too, is always that of the
/// first one in this order that fails; what comes after it is ended. So is everything when the caller gives up.
pub(super) async fn in_order<T, E, F>(limit: usize, work: Vec<F>) -> Result<Vec<T>, E>
where
    T: Send + 'static,
    E: Send + 'static,
    F: Future<Output = Result<T, E>> + Send + 'static,
{
    let permits = Arc::new(Semaphore::new(limit));
    let mut running = JoinSet::new();
    let mut handles = Vec::new();
    for (position, one) in work.into_iter().enumerate() {
        let permits = permits.clone();
        handles.push(running.spawn(async move {
            // The semaphore is never closed.
            let _permit = permits.acquire().await;
            (position, one.await)
        }));
    }
    let mut results = BTreeMap::new();
    while let Some(joined) = running.join_next().await {
        match joined {
            Ok((position, result)) => {
                if result.is_err() {
                    handles.iter().skip(position).for_each(AbortHandle::abort);
                }
                results.insert(position, result);
            }
            Err(error) if error.is_cancelled() => {}
            Err(error) => return ended(error).await,
        }
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn results_come_in_order_and_few_run_at_once() {
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let one = |number: usize| {
            let (now, most) = (now.clone(), most.clone());
            async move {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                for _ in number..20 {
                    tokio::task::yield_now().await;
                }
                now.fetch_sub(1, Ordering::SeqCst);
                Ok::<usize, ()>(number)
            }
        };
        let results = in_order(3, (0..20).map(one).collect()).await.unwrap();
        assert!(results.into_iter().eq(0..20));
        assert_eq!(most.load(Ordering::SeqCst), 3);
    }

    #[tokio::test]
    async fn the_first_error_in_order_counts_and_ends_what_comes_after() {
        let one = |number: usize| async move {
            match number {
                0 => Ok(()),
                1 => {
                    for _ in 0..50 {
                        tokio::task::yield_now().await;
                    }
                    Err(1)
                }
                2 => Err(2),
                _ => pending().await,
            }
        };
        assert_eq!(in_order(4, (0..9).map(one).collect()).await, Err(1));
    }
}
