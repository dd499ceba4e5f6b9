//! `cargo xtask`: packs this project into an OCI layout, through the library; cargo-gantry is not installed.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use cargo_gantry::environment::Environment;
use cargo_gantry::event::Silent;
use cargo_gantry::pipeline::{Gantry, Request};
use cargo_gantry::tool::Tools;

fn main() -> Result<(), Box<dyn Error>> {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let gantry = Gantry::new(Tools::new(Environment::capture()?), Arc::new(Silent));
    let request = Request {
        manifest_path: Some(project.join("Cargo.toml")),
        install_targets: true,
        ..Request::default()
    };
    // Building waits for registries where an image has a base there: that needs a runtime, which is ours to choose.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let built = runtime.block_on(gantry.build(&request))?;
    for written in gantry.write(&built, "oci:target/{image}")? {
        println!("{} {}", written.digest, written.place);
    }
    Ok(())
}
