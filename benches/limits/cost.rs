//! [`Cost`]: seconds on the wall and of processors, of equal work on all cores.

use std::iter::Sum;
use std::ops::{Add, Mul};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// How often each part is done; the median counts.
const RUNS: usize = 5;

/// What something took.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cost {
    /// Seconds until it was done.
    pub(crate) wall: f64,
    /// Seconds of all processors.
    pub(crate) cpu: f64,
}

impl Add for Cost {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            wall: self.wall + other.wall,
            cpu: self.cpu + other.cpu,
        }
    }
}

impl Sum for Cost {
    fn sum<I: Iterator<Item = Self>>(costs: I) -> Self {
        costs.fold(Self::default(), Add::add)
    }
}

impl Mul<f64> for Cost {
    type Output = Self;

    fn mul(self, times: f64) -> Self {
        Self {
            wall: self.wall * times,
            cpu: self.cpu * times,
        }
    }
}

/// The median of some runs of `work`, which is given each number below `count` once, on all cores.
pub(crate) fn of(count: usize, work: impl Fn(usize) + Sync) -> Cost {
    let mut runs: Vec<Cost> = (0..RUNS).map(|_| once(count, &work)).collect();
    runs.sort_by(|one, other| one.wall.total_cmp(&other.wall));
    runs[RUNS / 2]
}

/// One run of it.
pub(crate) fn once(count: usize, work: &(impl Fn(usize) + Sync)) -> Cost {
    let next = AtomicUsize::new(0);
    let busy = Mutex::new(0.0);
    let cores = std::thread::available_parallelism().unwrap().get();
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..cores.min(count) {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= count {
                        break;
                    }
                    work(at);
                }
                *busy.lock().unwrap() += of_this_thread();
            });
        }
    });
    Cost {
        wall: begun.elapsed().as_secs_f64(),
        cpu: busy.into_inner().unwrap(),
    }
}

/// Processor seconds of a thread so far.
fn of_this_thread() -> f64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = told.split(' ').next().and_then(|text| text.parse::<f64>().ok());
    nanoseconds.unwrap_or(0.0) / 1e9
}
