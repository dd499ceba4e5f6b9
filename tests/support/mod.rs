//! What integration tests share.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary uses its own part of this"
)]

pub mod docker_registry;
pub mod registry;
pub mod workspace;
