//! The command `cargo gantry`.

fn main() {}
