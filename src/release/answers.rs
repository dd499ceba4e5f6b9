//! The answers to requests that run beside each other.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::registry::RegistryError;

/// So many requests run at once.
const AT_ONCE: usize = 8;

/// The answers to all requests, in their order.
pub(crate) async fn all<T: Send + 'static>(
    requests: impl Iterator<Item = impl Future<Output = Result<T, RegistryError>> + Send + 'static>,
) -> Result<Vec<T>, RegistryError> {
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let mut running = JoinSet::new();
    for (position, request) in requests.enumerate() {
        let turns = Arc::clone(&turns);
        running.spawn(async move {
            let _turn = turns.acquire().await.expect("this semaphore is never closed");
            (position, request.await)
        });
    }
    let mut answers = BTreeMap::new();
    while let Some((position, answer)) = next(&mut running).await {
        answers.insert(position, answer?);
    }
    Ok(answers.into_values().collect())
}

/// The next result of a set. What is still running when its set is dropped, is ended.
pub(crate) async fn next<T: 'static>(set: &mut JoinSet<T>) -> Option<T> {
    match set.join_next().await? {
        Ok(value) => Some(value),
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => None,
        },
    }
}
