//! Images from several machines become one, are promoted and moved between places: the command itself, beside a real
//! registry where it matters.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod support;

#[path = "merge/commits.rs"]
mod commits;
#[path = "merge/copies.rs"]
mod copies;
#[path = "merge/cut.rs"]
mod cut;
#[path = "merge/halves.rs"]
mod halves;
#[path = "merge/order.rs"]
mod order;
#[path = "merge/place.rs"]
mod place;
#[path = "merge/project.rs"]
mod project;
#[path = "merge/referrers.rs"]
mod referrers;
#[path = "merge/tags.rs"]
mod tags;
#[path = "merge/wrong.rs"]
mod wrong;
