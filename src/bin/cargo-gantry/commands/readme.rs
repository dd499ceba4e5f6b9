//! `cargo gantry readme`

use cargo_gantry::hub::Described;
use cargo_gantry::pipeline::{Error, Gantry, Readme};
use serde_json::{Value, json};

use super::publish::access;
use super::runtime;
use crate::args;
use crate::reporter::Reporter;

pub(crate) fn run(arguments: &args::Readme, gantry: &Gantry, reporter: &Reporter) -> Result<(), Error> {
    let access = access(&arguments.plain, &arguments.login)?;
    let runtime = runtime()?;
    let (request, wanted) = (arguments.request(), arguments.wanted());
    let readmes = runtime.block_on(gantry.readmes(&request, &wanted, &access))?;
    for readme in readmes {
        if arguments.dry_run {
            rehearse(&readme, reporter);
            continue;
        }
        let done = runtime.block_on(gantry.describe(&readme, &access))?;
        let (verb, outcome) = match done {
            Described::Changed => ("Described", "changed"),
            Described::Unchanged => ("Unchanged", "unchanged"),
        };
        reporter.say(verb, &text(&readme));
        let mut value = value(&readme);
        value["outcome"] = outcome.into();
        reporter.result("described", &readme.repository.to_string(), value);
    }
    Ok(())
}

fn rehearse(readme: &Readme, reporter: &Reporter) {
    reporter.say("Would send", &text(readme));
    if let Some(summary) = &readme.description.summary {
        reporter.say("Summary", summary);
    }
    let mut value = value(readme);
    value["outcome"] = "dry-run".into();
    value["text"] = readme.description.text.as_str().into();
    reporter.result("described", readme.description.text.trim_end(), value);
}

fn text(readme: &Readme) -> String {
    let cut = if readme.is_cut { ", shortened" } else { "" };
    format!(
        "{} ({}): {}, {} bytes{cut}",
        readme.repository,
        readme.vendor,
        readme.file.display(),
        readme.description.text.len()
    )
}

fn value(readme: &Readme) -> Value {
    json!({
        "image": readme.image,
        "repository": readme.repository.to_string(),
        "vendor": readme.vendor.name(),
        "file": readme.file.display().to_string(),
        "summary": readme.description.summary,
        "bytes": readme.description.text.len(),
        "shortened": readme.is_cut,
    })
}
