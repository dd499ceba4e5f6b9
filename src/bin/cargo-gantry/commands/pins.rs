//! `cargo gantry update` and `cargo gantry outdated`

use cargo_gantry::base::Change;
use cargo_gantry::pipeline::{Error, Gantry};
use serde_json::json;

use super::runtime;
use crate::args::{Selecting, Update};
use crate::reporter::Reporter;

pub(crate) fn update(arguments: &Update, gantry: &Gantry, reporter: &Reporter) -> Result<(), Error> {
    let request = arguments.selecting.request();
    let changes = runtime()?.block_on(gantry.update(&request, &arguments.bases))?;
    if changes.is_empty() {
        reporter.say("Unchanged", "every base is pinned to what its name stands for");
    }
    changes
        .iter()
        .for_each(|change| show("updated", change, reporter));
    Ok(())
}

pub(crate) fn outdated(arguments: &Selecting, gantry: &Gantry, reporter: &Reporter) -> Result<(), Error> {
    let changes = runtime()?.block_on(gantry.outdated(&arguments.request()))?;
    changes
        .iter()
        .for_each(|change| show("outdated", change, reporter));
    match changes.len() {
        0 => Ok(()),
        count => Err(Error::Outdated { count }),
    }
}

fn show(reason: &str, change: &Change, reporter: &Reporter) {
    let digest = |digest: &Option<_>| digest.as_ref().map_or("(none)".to_owned(), ToString::to_string);
    let text = format!(
        "{} {} -> {}",
        change.name,
        digest(&change.old),
        digest(&change.new)
    );
    let value = json!({"base": change.name, "old": change.old, "new": change.new});
    reporter.result(reason, &text, value);
}
