//! `cargo gantry load`

use cargo_gantry::pipeline::{Error, Gantry};
use cargo_gantry::publish::daemon::Runtime;
use serde_json::json;

use super::publish::access;
use super::runtime;
use crate::args::Load;
use crate::reporter::Reporter;

pub(crate) fn run(arguments: &Load, gantry: &Gantry, reporter: &Reporter) -> Result<(), Error> {
    let into: Option<Runtime> = arguments.into.as_deref().map(str::parse).transpose()?;
    let request = arguments.selecting.request();
    let loaded = if arguments.names.is_empty() {
        runtime()?.block_on(gantry.load(&request, into.as_ref()))?
    } else {
        let access = access(&arguments.selecting.plain, &arguments.login)?;
        runtime()?.block_on(gantry.load_named(&arguments.names, &request, &access, into.as_ref()))?
    };
    for image in loaded {
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
    Ok(())
}
