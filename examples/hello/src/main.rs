//! Greets whoever is named, or the world; `--version` prints the version.

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("--version") => println!("hello {}", env!("CARGO_PKG_VERSION")),
        Some(name) => println!("Hello, {name}!"),
        None => println!("Hello, world!"),
    }
}
