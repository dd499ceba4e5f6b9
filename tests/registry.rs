//! The registry client and publishing, against a registry that misbehaves on request, and against a real one.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests fail by panicking, and say what they skip"
)]

mod support;

#[path = "registry/authorization.rs"]
mod authorization;
#[path = "registry/credentials.rs"]
mod credentials;
#[path = "registry/deletes.rs"]
mod deletes;
#[path = "registry/early.rs"]
mod early;
#[path = "registry/faults.rs"]
mod faults;
#[path = "registry/hostile.rs"]
mod hostile;
#[path = "registry/lists.rs"]
mod lists;
#[path = "registry/lost.rs"]
mod lost;
#[cfg(target_os = "linux")]
#[path = "registry/memory.rs"]
mod memory;
#[path = "registry/mirrors.rs"]
mod mirrors;
#[path = "registry/parts.rs"]
mod parts;
#[path = "registry/profiles.rs"]
mod profiles;
#[path = "registry/property.rs"]
mod property;
#[path = "registry/proxies.rs"]
mod proxies;
#[path = "registry/publish.rs"]
mod publish;
#[path = "registry/pull.rs"]
mod pull;
#[path = "registry/real.rs"]
mod real;
#[path = "registry/real_auth.rs"]
mod real_auth;
#[path = "registry/refer.rs"]
mod refer;
#[path = "registry/shipment.rs"]
mod shipment;
#[path = "registry/sources.rs"]
mod sources;
#[path = "registry/trouble.rs"]
mod trouble;
