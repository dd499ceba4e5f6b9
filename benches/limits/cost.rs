//! [`Cost`]: seconds on the wall and of processors, of equal work on all cores.

use std::iter::Sum;
use std::ops::{Add, Mul};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// How often each part is done; the median counts.
const RUNS: usize = 3;

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

/// The median of some runs of `work`, which is given each number below `count` once, on all cores; the processors' part is
/// their mean, since the kernel counts it in steps of 10 ms.
pub(crate) fn of(count: usize, work: impl Fn(usize) + Sync) -> Cost {
    let before = processors();
    let mut runs: Vec<f64> = (0..RUNS).map(|_| once(count, &work).wall).collect();
    runs.sort_by(f64::total_cmp);
    Cost {
        wall: runs[RUNS / 2],
        cpu: (processors() - before) / RUNS as f64,
    }
}

/// One run of it.
pub(crate) fn once(count: usize, work: &(impl Fn(usize) + Sync)) -> Cost {
    let next = AtomicUsize::new(0);
    let cores = std::thread::available_parallelism().unwrap().get();
    let (before, begun) = (processors(), Instant::now());
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
            });
        }
    });
    Cost {
        wall: begun.elapsed().as_secs_f64(),
        cpu: processors() - before,
    }
}

/// Seconds that this process, with all its threads, has had of processors so far.
fn processors() -> f64 {
    const TICKS: f64 = 100.0;
    let told = std::fs::read_to_string("/proc/self/stat").unwrap();
    let (_, fields) = told.rsplit_once(')').unwrap();
    let numbers = fields.split_whitespace().skip(11).take(2);
    numbers.map(|number| number.parse::<f64>().unwrap()).sum::<f64>() / TICKS
}
