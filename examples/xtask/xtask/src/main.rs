//! `cargo xtask`: packs this project into an OCI layout, through the library; cargo-gantry is not installed.

use std::error::Error;
use std::path::Path;

use cargo_gantry::environment::Environment;
use cargo_gantry::event::Silent;
use cargo_gantry::pipeline::{self, Options};

fn main() -> Result<(), Box<dyn Error>> {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let options = Options::new(Environment::capture()?)
        .manifest_path(project.join("Cargo.toml"))
        .output("oci:target/{image}".parse()?);
    for image in pipeline::build(&options, &Silent)? {
        println!("{} {}", image.name(), image.digest());
    }
    Ok(())
}
