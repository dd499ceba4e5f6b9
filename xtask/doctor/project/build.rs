//! Compiles the C.

fn main() {
    println!("cargo::rerun-if-changed=src/sum.c");
    cc::Build::new().file("src/sum.c").compile("sum");
}
