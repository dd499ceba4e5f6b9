//! `cargo gantry load`

use cargo_gantry::pipeline::{Error, Gantry, LoadedImage};
use cargo_gantry::publish::daemon::Runtime;
use serde_json::json;

use super::publish::access;
use super::runtime;
use crate::args::Load;
use crate::reporter::Reporter;

pub(crate) fn run(arguments: &Load, gantry: &Gantry, reporter: &Reporter) -> Result<(), Error> {
    let into: Option<Runtime> = arguments.into.as_deref().map(str::parse).transpose()?;
    let request = arguments.selecting.request();
    let mut loaded = |image| show(&image, reporter);
    if arguments.names.is_empty() {
        return runtime()?.block_on(gantry.load(&request, into.as_ref(), &mut loaded));
    }
    let access = access(&arguments.selecting.plain, &arguments.login)?;
    let loading = gantry.load_named(&arguments.names, &request, &access, into.as_ref(), &mut loaded);
    runtime()?.block_on(loading)
}

fn show(image: &LoadedImage, reporter: &Reporter) {
    let what = format!("{} for {} into {}", image.image, image.platform, image.runtime);
    reporter.say("Loaded", &what);
    let lines: Vec<String> = image
        .names
        .iter()
        .map(|name| format!("{} {name}", image.id))
        .collect();
    let value = json!({
        "image": image.image,
        "platform": image.platform,
        "id": image.id,
        "names": image.names,
        "runtime": image.runtime,
    });
    reporter.result("loaded", &lines.join("\n"), value);
}
