//! What the integration tests need from outside: programs, and themselves as child processes.

use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

/// Whether a program is installed. A missing one is said loudly, and is a failure where everything is required.
pub fn installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    if std::env::split_paths(&path).any(|folder| folder.join(program).is_file()) {
        return true;
    }
    missing(&format!("`{program}` is not installed"));
    false
}

/// Says that a test cannot be run here.
pub fn missing(why: &str) {
    assert!(!everything(), "{why}");
    // Not `eprintln`, which the test harness keeps to itself.
    let _ = writeln!(std::io::stderr(), "SKIPPED: {why}");
}

/// Whether nothing may be skipped or shortened.
pub fn everything() -> bool {
    std::env::var_os("GANTRY_TEST_REQUIRE").is_some_and(|value| value == "all")
}

/// This test program, so that it runs only the test `name`, which finds its `role` in [`role`].
pub fn child(name: &str, role: &str) -> Command {
    let mut command = Command::new(myself());
    command.args(arguments(name)).env(ROLE, role);
    command
}

/// Where this test program lies.
pub fn myself() -> PathBuf {
    std::env::current_exe().unwrap()
}

/// The arguments that make it run one test.
pub fn arguments(name: &str) -> [&str; 4] {
    ["--exact", name, "--nocapture", "--test-threads=1"]
}

/// What this process was started for by [`child`]; none in the parent.
pub fn role() -> Option<String> {
    std::env::var(ROLE).ok()
}

/// The variable that carries the role.
pub const ROLE: &str = "GANTRY_TEST_ROLE";
