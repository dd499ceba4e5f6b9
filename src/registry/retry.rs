//! When a request is tried again, and how long to wait before.
//!
//! Full jitter over a doubling pause; what a server asks for with `Retry-After` is honoured above that, and every
//! request to the same host waits with it. A request that failed for another reason than load or network is not
//! tried again.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::RegistryError;
use super::error::{Answer, Cause};
use crate::event::{Event, Observer};

/// How patient the client is. The default is meant for registries on the internet.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Patience {
    /// How often a request is tried.
    pub tries: u32,
    /// The longest pause after the first failure; it doubles with each further one.
    pub first_pause: Duration,
    /// The longest pause of our own choice.
    pub longest_pause: Duration,
    /// The longest pause that a server may ask for.
    pub longest_asked: Duration,
    /// How long connecting may take.
    pub connect: Duration,
    /// How long a connection may stand still, in either direction. There is no limit on the whole.
    pub stall: Duration,
    /// How long a credential helper may take.
    pub helper: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            tries: 6,
            first_pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(30),
            longest_asked: Duration::from_secs(120),
            connect: Duration::from_secs(10),
            stall: Duration::from_secs(60),
            helper: Duration::from_secs(30),
        }
    }
}

/// Why an attempt failed, and what that means for the next one.
pub(super) enum Fault {
    /// The next attempt would fail as well.
    Final(RegistryError),
    /// Load or network: worth another attempt. `after` is the server's wish, which its whole host keeps.
    Again { cause: Cause, after: Option<Duration> },
    /// The token ran out on the way; a fresh one is there. Carries the error for the case that it does not help.
    Renewed(RegistryError),
}

impl From<RegistryError> for Fault {
    fn from(error: RegistryError) -> Self {
        Self::Final(error)
    }
}

impl Fault {
    pub(super) fn again(cause: impl Into<Cause>) -> Self {
        Self::Again {
            cause: cause.into(),
            after: None,
        }
    }
}

/// Whether a status says that the same request may succeed later.
pub(super) fn temporary(status: u16) -> bool {
    matches!(status, 408 | 429 | 499 | 500 | 502 | 503 | 504 | 520..=524)
}

/// How many tokens may run out during one piece of work.
const RENEWALS: u32 = 2;

/// The attempts of one piece of work.
pub(super) struct Attempts<'a> {
    patience: Patience,
    observer: &'a dyn Observer,
    gate: &'a Gate,
    what: String,
    tries: u32,
    renewals: u32,
}

impl<'a> Attempts<'a> {
    pub(super) fn new(patience: Patience, observer: &'a dyn Observer, gate: &'a Gate, what: String) -> Self {
        Self {
            patience,
            observer,
            gate,
            what,
            tries: 0,
            renewals: 0,
        }
    }

    /// Waits for the next attempt, or says that there is none.
    pub(super) async fn pause(&mut self, fault: Fault) -> Result<(), RegistryError> {
        let (cause, asked) = match fault {
            Fault::Final(error) => return Err(error),
            Fault::Renewed(error) if self.renewals == RENEWALS => return Err(error),
            Fault::Renewed(_) => {
                self.renewals += 1;
                return Ok(());
            }
            Fault::Again { cause, after } => (cause, after),
        };
        self.tries += 1;
        if self.tries >= self.patience.tries {
            return Err(RegistryError::Unreachable {
                what: self.what.clone(),
                tries: self.tries,
                source: cause,
            });
        }
        if let Some(asked) = asked.filter(|asked| *asked > self.patience.longest_asked) {
            return Err(RegistryError::Busy {
                what: self.what.clone(),
                seconds: asked.as_secs(),
                source: cause.downcast::<Answer>().unwrap_or_default(),
            });
        }
        let own = jitter(pause(self.patience, self.tries));
        let after = asked.map_or(own, |asked| asked + own.min(self.patience.first_pause));
        let why = shown(cause.as_ref());
        self.observer.event(&Event::Retry {
            what: &self.what,
            why: &why,
            after,
        });
        if let Some(asked) = asked {
            self.gate.close(asked);
        }
        tokio::time::sleep(after).await;
        Ok(())
    }

    /// Bytes have arrived since the last failure: the count begins anew.
    pub(super) fn progressed(&mut self) {
        self.tries = 0;
    }
}

/// Lets nobody through to a host that asked for a pause.
#[derive(Default)]
pub(super) struct Gate(Mutex<Option<Instant>>);

impl Gate {
    fn close(&self, pause: Duration) {
        let until = Instant::now() + pause;
        let mut gate = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *gate = Some(gate.map_or(until, |before| before.max(until)));
    }

    /// Returns when requests are welcome.
    pub(super) async fn pass(&self) {
        loop {
            let until = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
            match until {
                Some(until) if until > Instant::now() => tokio::time::sleep_until(until).await,
                _ => return,
            }
        }
    }
}

/// What a `Retry-After` header asks for: seconds, or a date.
pub(super) fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(value).ok()?;
    let date = SystemTime::from(date.timestamp());
    Some(date.duration_since(now).unwrap_or_default())
}

/// The longest pause after the `failures`-th failure.
fn pause(patience: Patience, failures: u32) -> Duration {
    let factor = 2u32.saturating_pow(failures.saturating_sub(1));
    patience
        .first_pause
        .saturating_mul(factor)
        .min(patience.longest_pause)
}

/// Anything from nothing to `longest`.
fn jitter(longest: Duration) -> Duration {
    let random = RandomState::new().hash_one(0u8) >> 11;
    longest.mul_f64(random as f64 / (1u64 << 53) as f64)
}

/// An error with its causes in one line.
pub(super) fn shown(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        next = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        for (value, seconds) in [
            ("7", Some(7)),
            (" 120 ", Some(120)),
            ("Sun, 06 Nov 1994 08:49:47 GMT", Some(10)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(0)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("soon", None),
            ("-1", None),
        ] {
            assert_eq!(
                retry_after(value, now),
                seconds.map(Duration::from_secs),
                "{value}"
            );
        }
    }

    #[test]
    fn pauses_double_up_to_the_longest() {
        let patience = Patience::default();
        let millis: Vec<u128> = [1, 2, 3, 7, 40].map(|n| pause(patience, n).as_millis()).to_vec();
        assert_eq!(millis, [500, 1000, 2000, 30_000, 30_000]);
        let longest = Duration::from_secs(8);
        let drawn: Vec<Duration> = (0..200).map(|_| jitter(longest)).collect();
        assert!(drawn.iter().all(|pause| *pause < longest));
        assert!(
            drawn.iter().any(|pause| *pause < longest / 2) && drawn.iter().any(|pause| *pause > longest / 2)
        );
    }
}
