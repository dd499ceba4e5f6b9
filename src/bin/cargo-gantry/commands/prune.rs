//! `cargo gantry prune`

use cargo_gantry::pipeline::{Error, Gantry, Pruning};
use cargo_gantry::release::prune::{Outcome, Pruned, Reason};
use serde_json::json;

use super::publish::access;
use super::runtime;
use super::tags::{HEAD, cells};
use crate::args::prune::Prune;
use crate::report::message;
use crate::reporter::{Reporter, bytes_text};
use crate::table::table;

pub(crate) fn run(arguments: &Prune, gantry: &Gantry, reporter: &Reporter) -> Result<(), Error> {
    let access = access(&arguments.plain, &arguments.login)?;
    let pruning = Pruning {
        patterns: arguments.patterns.clone(),
        older_than: arguments.older_than,
        keep_last: arguments.keep_last,
        untagged: arguments.untagged,
        delete: arguments.delete,
    };
    let pruned = runtime()?.block_on(gantry.prune(&arguments.repository, &pruning, &access))?;
    if reporter.json() {
        machine(&pruned, reporter);
    } else {
        human(&pruned, reporter);
    }
    summary(arguments, &pruned, reporter);
    // The first is what the exit code says; the others stand before it.
    let mut trouble = pruned.trouble.into_iter();
    let first = trouble.next();
    for error in trouble {
        reporter.complain("Failed", &message(&error));
    }
    first.map_or(Ok(()), |error| Err(error.into()))
}

fn machine(pruned: &Pruned, reporter: &Reporter) {
    for tag in &pruned.tags {
        let value = serde_json::to_value(tag).expect("a row is representable as JSON");
        reporter.result("prune-tag", "", value);
    }
    for leftover in &pruned.leftovers {
        let value = serde_json::to_value(leftover).expect("a row is representable as JSON");
        reporter.result("prune-manifest", "", value);
    }
    let value = json!({"tags": count(pruned, &[Outcome::Planned, Outcome::Deleted]), "manifests": manifests(pruned),
        "others": pruned.others, "frees": pruned.frees});
    reporter.result("pruned", "", value);
}

fn human(pruned: &Pruned, reporter: &Reporter) {
    let head: Vec<&str> = ["OUTCOME"].into_iter().chain(HEAD).collect();
    let tags = pruned.tags.iter().map(|tag| {
        let outcome = words(tag.outcome, tag.why).to_owned();
        std::iter::once(outcome).chain(cells(&tag.row)).collect()
    });
    let leftovers = pruned.leftovers.iter().map(|leftover| {
        let outcome = words(leftover.outcome, None).to_owned();
        let none = || "-".to_owned();
        vec![
            outcome,
            "(no tag)".to_owned(),
            none(),
            none(),
            none(),
            none(),
            leftover.digest.to_string(),
        ]
    });
    let rows: Vec<Vec<String>> = tags.chain(leftovers).collect();
    if !rows.is_empty() {
        reporter.document(&table(&head, &rows));
    }
}

fn words(outcome: Outcome, reason: Option<Reason>) -> &'static str {
    match (outcome, reason) {
        (_, Some(Reason::Young)) => "kept: not old enough",
        (_, Some(Reason::Last)) => "kept: one of the last",
        (_, Some(Reason::NoDate)) => "kept: no date",
        (_, Some(Reason::Belongs)) => "kept: goes only with --untagged",
        (Outcome::Planned, _) => "would be deleted",
        (Outcome::Deleted, _) => "deleted",
        (Outcome::Gone, _) => "was not there",
        (Outcome::Moved, _) => "kept: needed by now",
        (Outcome::Kept, _) => "kept",
        _ => "not deleted",
    }
}

fn summary(arguments: &Prune, pruned: &Pruned, reporter: &Reporter) {
    let going = count(pruned, &[Outcome::Planned, Outcome::Deleted, Outcome::Gone]);
    let tags = if going == 1 { "tag" } else { "tags" };
    let also = match manifests(pruned) {
        0 => String::new(),
        1 => " and 1 manifest without a tag".to_owned(),
        count => format!(" and {count} manifests without a tag"),
    };
    let stay = pruned.others + pruned.tags.len() - going;
    let free = match pruned.frees {
        0 => String::new(),
        bytes => format!("; {} need no room any more", bytes_text(bytes)),
    };
    if arguments.delete {
        reporter.say("Pruned", &format!("{going} {tags}{also}; {stay} stay{free}"));
    } else if going == 0 {
        reporter.say("Nothing", &format!("to prune; {stay} tags stay"));
    } else {
        reporter.say(
            "Would",
            &format!("delete {going} {tags}{also}; {stay} stay{free}; --delete does it"),
        );
    }
}

fn manifests(pruned: &Pruned) -> usize {
    let leftovers = pruned.leftovers.iter();
    leftovers
        .filter(|leftover| matches!(leftover.outcome, Outcome::Planned | Outcome::Deleted))
        .count()
}

fn count(pruned: &Pruned, outcomes: &[Outcome]) -> usize {
    let tags = pruned.tags.iter();
    tags.filter(|tag| outcomes.contains(&tag.outcome)).count()
}
