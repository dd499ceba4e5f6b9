//! What the run cost, as the system counts it.

use std::time::Duration;

/// None of it where the system does not tell.
#[derive(Debug, Default)]
pub(super) struct Cost {
    /// Processor time of our own.
    pub(super) own: Option<Duration>,
    /// Processor time of everybody who was started, and of whom they started.
    pub(super) children: Option<Duration>,
    /// Bytes: the most of our own memory that was in use at once.
    pub(super) peak: Option<u64>,
}

impl Cost {
    pub(super) fn now() -> Self {
        let read = |name: &str| std::fs::read_to_string(format!("/proc/self/{name}")).unwrap_or_default();
        Self {
            own: own(),
            children: children(&read("stat")),
            peak: peak(&read("status")),
        }
    }
}

#[cfg(unix)]
fn own() -> Option<Duration> {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(used).ok()
}

#[cfg(not(unix))]
fn own() -> Option<Duration> {
    None
}

/// Fields 16 and 17, in ticks, of those whose end was waited for.
/// <https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>
#[cfg(unix)]
fn children(stat: &str) -> Option<Duration> {
    // The second field is a name in brackets, which may hold anything.
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut ticks = after_name.split_whitespace().skip(13);
    let (user, system): (u64, u64) = (ticks.next()?.parse().ok()?, ticks.next()?.parse().ok()?);
    let a_second = rustix::param::clock_ticks_per_second().max(1);
    Some(Duration::from_micros(
        (user + system).saturating_mul(1_000_000) / a_second,
    ))
}

#[cfg(not(unix))]
fn children(_: &str) -> Option<Duration> {
    None
}

/// <https://man7.org/linux/man-pages/man5/proc_pid_status.5.html>
fn peak(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes << 10)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_s_words_are_understood() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 100 200 0 0 11 12 30 20 20 0 1 0 99";
        let a_second = rustix::param::clock_ticks_per_second();
        let expected = Duration::from_micros(50 * 1_000_000 / a_second);
        for (stat, wanted) in [(stat, Some(expected)), ("7 (a) S 1", None), ("", None)] {
            assert_eq!(children(stat), wanted, "{stat}");
        }
        for (status, wanted) in [
            ("Name:\ta\nVmPeak:\t 9 kB\nVmHWM:\t  5124 kB\n", Some(5124 << 10)),
            ("VmHWM:\tmuch\n", None),
            ("", None),
        ] {
            assert_eq!(peak(status), wanted, "{status}");
        }
    }
}
