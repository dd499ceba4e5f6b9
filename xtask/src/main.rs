//! The chores of this repository: `cargo xtask <name>`.

fn main() {}
