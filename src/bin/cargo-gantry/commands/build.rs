//! `cargo gantry build`

use cargo_gantry::pipeline::{Built, Error, Gantry};
use serde_json::json;

use super::{digests, explain, runtime, sizes};
use crate::args::Build;
use crate::reporter::Reporter;

pub(crate) fn run(arguments: &Build, gantry: &Gantry, reporter: &Reporter) -> Result<(), Error> {
    for output in &arguments.outputs {
        gantry.check_output(output)?;
    }
    digests::ready(arguments.digests_file.as_deref(), None)?;
    digests::forget(arguments.digests_file.as_deref())?;
    let mut request = arguments.selecting.request();
    request.outputs.clone_from(&arguments.outputs);
    let built = runtime()?.block_on(gantry.build(&request))?;
    sizes::show(&built, reporter);
    show(&built, reporter);
    let mut written = Vec::new();
    for output in &arguments.outputs {
        for one in gantry.write(&built, output)? {
            let value = json!({"image": one.image, "platform": one.platform, "place": one.place, "digest": one.digest});
            reporter.result("written", &format!("{} {}", one.digest, one.place), value);
            written.push(one);
        }
    }
    if let Some(path) = &arguments.digests_file {
        digests::write(path, &digests::of_built(&built, &written))?;
    }
    if arguments.explain_size {
        reporter.say("Explaining", "sizes: every way to store the programs is tried");
        explain::show(&gantry.explain(&built)?, reporter);
    }
    Ok(())
}

/// The index's digest and where it lies, an image a line.
fn show(built: &Built, reporter: &Reporter) {
    for image in &built.images {
        let place = format!("oci:{}:{}", built.store.root().display(), image.name);
        let digest = image.digest();
        let platforms: Vec<_> = image.images.iter().map(|image| image.platform()).collect();
        let value = json!({"image": image.name, "digest": digest, "place": place, "platforms": platforms});
        reporter.result("built", &format!("{digest} {place}"), value);
    }
}
