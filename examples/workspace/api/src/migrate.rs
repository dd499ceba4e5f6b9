//! Would change a database's tables; says what it would do.

fn main() {
    if !shop_core::version_asked("migrate", env!("CARGO_PKG_VERSION")) {
        println!("nothing to migrate");
    }
}
