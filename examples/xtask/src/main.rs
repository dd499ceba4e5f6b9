//! Says its version, or ticks.

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("--version") => println!("ticker {}", env!("CARGO_PKG_VERSION")),
        _ => println!("tick"),
    }
}
