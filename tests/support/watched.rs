//! What a command took, as the kernel counts it: memory at most, and calls to read and write. Never time.

use std::process::{Command, Stdio};
use std::time::Duration;

/// What every command may hold of its own, in kB: half of the 64 MB that are promised of it with its code. Of code, the build that
/// users get maps 14 MB, and this one 36, as nothing makes it smaller.
pub const PROMISED: u64 = 32_000_000 / 1024;

/// One run of one process; those that it starts are not in it.
#[derive(Clone, Copy, Debug)]
pub struct Watched {
    /// Whether it ended well.
    pub success: bool,
    /// The most memory that it had of its own, in kB: without the files that it maps, which are its code.
    pub peak: u64,
    /// How often it called the kernel to read or write.
    pub calls: u64,
}

impl Watched {
    /// Runs a command to its end; its standard output is thrown away.
    pub fn of(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("the command starts");
        let folder = format!("/proc/{}", child.id());
        let (mut own, mut whole, mut code) = (0, 0, 0);
        loop {
            let status =
                std::fs::read_to_string(format!("{folder}/status")).expect("nobody has waited for it");
            // A process that ended has no memory to tell of any more.
            let most = |before: u64, name| before.max(number(&status, name).unwrap_or(0));
            own = most(own, "RssAnon:");
            code = most(code, "RssFile:");
            whole = most(whole, "VmHWM:");
            if status.contains("State:\tZ") {
                break;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        let io = std::fs::read_to_string(format!("{folder}/io")).expect("nobody has waited for it");
        let calls = ["syscr:", "syscw:"].map(|name| number(&io, name).expect("the kernel counts"));
        Self {
            success: child.wait().expect("a child").success(),
            // Between two looks it may have been more: the kernel keeps the most of all together.
            peak: own.max(whole.saturating_sub(code)),
            calls: calls.iter().sum(),
        }
    }

    /// Asserts that it went well with less memory than `limit` kB, and tells how much it was.
    pub fn within(self, limit: u64, what: &str) -> Self {
        super::told(&format!(
            "{what}: {} kB at most, {} reads and writes",
            self.peak, self.calls
        ));
        assert!(self.success, "{what} failed");
        assert!(self.peak > 1000, "{what}: {} kB are no process's peak", self.peak);
        assert!(self.peak < limit, "{what}: {} kB, more than {limit}", self.peak);
        self
    }
}

/// The number after a name, at the beginning of a line.
fn number(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line?.trim().trim_end_matches("kB").trim().parse().ok()
}
