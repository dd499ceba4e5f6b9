//! Compiles the C file.

fn main() {
    println!("cargo::rerun-if-changed=c/checksum.c");
    // By its whole path, as many packages do: `__FILE__` then says where the source lay.
    let folder = std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
    let mut build = cc::Build::new();
    build.file(format!("{folder}/c/checksum.c"));
    // A setting of the kind that jemalloc's page size is: it differs from platform to platform.
    println!("cargo::rerun-if-env-changed=CHECKSUM_BLOCK");
    if let Ok(block) = std::env::var("CHECKSUM_BLOCK") {
        build.define("CHECKSUM_BLOCK", block.as_str());
    }
    build.compile("checksum");
}
