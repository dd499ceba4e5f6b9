//! What integration tests share.

#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    clippy::panic,
    reason = "each test binary uses its own part of this, and tests fail by panicking"
)]

use std::io::Write;

pub mod authority;
pub mod bases;
pub mod canned;
pub mod debian;
pub mod docker_registry;
pub mod fault_proxy;
pub mod http;
pub mod hub;
pub mod launch;
pub mod prebuilt;
pub mod registry;
pub mod token_server;
pub mod watched;
pub mod workspace;

/// What became of an outside program: nothing, said loudly, where it is missing. That is a failure where
/// `GANTRY_TEST_REQUIRE` is `all`.
pub fn outside<T>(started: std::io::Result<T>, program: &str, package: &str) -> Option<T> {
    match started {
        Ok(started) => Some(started),
        Err(error) => {
            missing(&format!(
                "`{program}`: {error}; install Debian's package {package}"
            ));
            None
        }
    }
}

/// Something outside is missing: said loudly, and a failure where `GANTRY_TEST_REQUIRE` is `all`.
pub fn missing(what: &str) {
    assert!(
        std::env::var("GANTRY_TEST_REQUIRE").as_deref() != Ok("all"),
        "{what}"
    );
    // Not `eprintln`, which the test harness keeps to itself.
    let _ = writeln!(std::io::stderr(), "SKIPPED: {what}");
}

/// Says a line past the test harness, which keeps what is printed.
pub fn told(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
