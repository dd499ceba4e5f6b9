//! `tags` and `prune`: what a repository holds, and how it gets rid of some of it without losing the rest.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests fail by panicking, and say what they skip"
)]

mod support;

#[path = "prune/command.rs"]
mod command;
#[path = "prune/companions.rs"]
mod companions;
#[path = "prune/fixture.rs"]
mod fixture;
#[path = "prune/killed.rs"]
mod killed;
#[path = "prune/listing.rs"]
mod listing;
#[path = "prune/property.rs"]
mod property;
#[path = "prune/races.rs"]
mod races;
#[path = "prune/real.rs"]
mod real;
#[path = "prune/ways.rs"]
mod ways;
