//! `cargo gantry copy`

use cargo_gantry::pipeline::{Delivered, DeliveryError, Error, Gantry, Order, Terms};
use serde_json::json;

use super::publish::access;
use super::runtime;
use crate::args::copy::{Copy, Moving};
use crate::reporter::{Reporter, bytes_text};

pub(crate) fn run(arguments: &Copy, gantry: &Gantry, reporter: &Reporter) -> Result<(), Error> {
    let access = access(&arguments.plain, &arguments.login)?;
    let mut order = Order::default();
    order.platforms = arguments.platforms.clone();
    order.referrers = arguments.referrers;
    let terms = terms(&arguments.moving);
    let copied =
        runtime()?.block_on(gantry.copy(&arguments.source, &arguments.destination, &order, &access, &terms));
    finished("copied", copied.map(|copied| vec![copied]), reporter)
}

/// The library's words for which tags may be moved.
pub(super) fn terms(moving: &Moving) -> Terms {
    Terms {
        replace: moving.replace,
        force_tags: moving.force_tags,
        ..Terms::default()
    }
}

/// Shows what was done, also where an error says what was not.
pub(super) fn finished(
    reason: &str,
    done: Result<Vec<Delivered>, Error>,
    reporter: &Reporter,
) -> Result<(), Error> {
    let (delivered, result) = match done {
        Ok(delivered) => (delivered, Ok(())),
        Err(Error::Delivery(DeliveryError::Kept { tags, delivered })) => {
            let kept = DeliveryError::Kept {
                tags,
                delivered: Vec::new(),
            };
            (delivered, Err(kept.into()))
        }
        Err(Error::Delivery(DeliveryError::Halfway { cause, delivered })) => (delivered, Err(*cause)),
        Err(error) => return Err(error),
    };
    for one in &delivered {
        show(reason, one, reporter);
    }
    result
}

fn show(reason: &str, delivered: &Delivered, reporter: &Reporter) {
    let mut named = delivered.place.clone();
    if !delivered.tags.is_empty() {
        named.push_str(&format!(" ({})", delivered.tags.join(", ")));
    }
    if delivered.unchanged {
        reporter.say("Unchanged", &format!("{named}: nothing was sent"));
    } else {
        let mut sent = format!(
            "{} blobs, {}",
            delivered.blobs_sent,
            bytes_text(delivered.bytes_sent)
        );
        if delivered.manifests_sent > 0 {
            sent.push_str(&format!(", and {} manifests", delivered.manifests_sent));
        }
        sent.push_str(" sent");
        for (count, what) in [
            (delivered.blobs_mounted, "blobs mounted"),
            (delivered.referrers, "referrers added"),
        ] {
            if count > 0 {
                sent.push_str(&format!(", {count} {what}"));
            }
        }
        let verb = reason[..1].to_uppercase() + &reason[1..];
        reporter.say(&verb, &format!("{named}: {sent}"));
    }
    let platforms: Vec<_> = delivered
        .platforms
        .iter()
        .map(|(platform, digest)| json!({"platform": platform, "digest": digest}))
        .collect();
    let kept: Vec<_> = delivered
        .kept
        .iter()
        .map(|kept| json!({"tag": kept.name, "version": kept.version}))
        .collect();
    let value = json!({
        "place": delivered.place,
        "digest": delivered.digest,
        "tags": delivered.tags,
        "kept": kept,
        "platforms": platforms,
        "blobs-sent": delivered.blobs_sent,
        "blobs-mounted": delivered.blobs_mounted,
        "bytes-sent": delivered.bytes_sent,
        "manifests-sent": delivered.manifests_sent,
        "referrers": delivered.referrers,
        "unchanged": delivered.unchanged,
    });
    // A reference by digest says all; what lies elsewhere is shown as `build` shows it.
    let text = match delivered.place.contains('@') {
        true => delivered.place.clone(),
        false => format!("{} {}", delivered.digest, delivered.place),
    };
    reporter.result(reason, &text, value);
}
