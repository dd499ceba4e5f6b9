//! Plays a workflow of GitHub Actions: jobs in their order, steps in theirs, `run:` lines by the shell that GitHub takes.
//!
//! In: the workflow's file and an event. Out: what each job did, or nothing where the event starts none. The four actions
//! that the example uses are played by copying files. Anything that is not known here is an error.
//! <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax>

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use super::Site;
use super::event::{Event, VERSION};
use super::expression::Values;
use super::reading::{self, Node};
use super::steps::Job;
use crate::step::say;

/// What a job did.
pub(super) struct Played {
    /// Its name, and that of its part of the matrix.
    pub name: String,
    /// Crates that it compiled.
    pub compiled: Vec<String>,
    /// Its `outputs`.
    pub outputs: BTreeMap<String, String>,
    /// What stands on the run's page.
    pub summary: String,
}

/// Plays the workflow; `run` is the number of the run.
pub(super) fn play(site: &Site, file: &Path, event: Event, run: u32) -> Result<Option<Vec<Played>>> {
    let workflow =
        reading::file(file)?.fields(&["name", "on", "permissions", "concurrency", "env", "jobs"])?;
    let field = |name: &str| {
        workflow
            .get(name)
            .with_context(|| format!("the workflow has no `{name}`"))
    };
    let mut values = values(site, event, run);
    if !starts(field("on")?, event)? {
        return Ok(None);
    }
    ensure!(
        field("permissions")?.table()? == [("contents".to_owned(), "read".to_owned())],
        "the workflow may do more than read"
    );
    let concurrency = field("concurrency")?.fields(&["group", "cancel-in-progress"])?;
    for node in concurrency.values() {
        values.fill(&node.text()?)?;
    }
    let cancelled = concurrency
        .get("cancel-in-progress")
        .context("no cancel-in-progress")?;
    ensure!(
        values.holds(&cancelled.text()?)? == (event == Event::Request),
        "what is published may be ended halfway"
    );
    let mut variables = variables(site, event, run);
    for (name, text) in field("env")?.table()? {
        let value = values.fill(&text)?;
        values.set(format!("env.{name}"), &value);
        variables.insert(name, value);
    }
    let mut played: Vec<(String, Played)> = Vec::new();
    for (id, node) in field("jobs")?.entries()? {
        jobs(site, (id, node), &values, &variables, event, &mut played)?;
    }
    Ok(Some(played.into_iter().map(|(_, job)| job).collect()))
}

/// A job, once for each part of its matrix. It waits for those that it needs: they are before it in the file.
fn jobs(
    site: &Site,
    (id, node): (String, Node),
    values: &Values,
    variables: &BTreeMap<String, String>,
    event: Event,
    played: &mut Vec<(String, Played)>,
) -> Result<()> {
    let job = node.fields(&[
        "strategy",
        "runs-on",
        "needs",
        "if",
        "permissions",
        "outputs",
        "steps",
    ])?;
    if let Some(needs) = job.get("needs") {
        for needed in needs.texts()? {
            let is_done = played.iter().any(|(id, _)| *id == needed);
            ensure!(is_done, "`{id}` needs `{needed}`, which did not run before it");
        }
    }
    if let Some(condition) = job.get("if")
        && !values.holds(&condition.text()?)?
    {
        return Ok(());
    }
    let may_write = match job.get("permissions") {
        Some(node) => node
            .table()?
            .contains(&("packages".to_owned(), "write".to_owned())),
        None => false,
    };
    for part in parts(job.get("strategy"))? {
        let mut values = values.clone();
        let mut name = id.clone();
        for (key, text) in &part {
            if key == "part" {
                name = format!("{id} ({text})");
            }
            values.set(format!("matrix.{key}"), values.fill(text)?);
        }
        if may_write {
            // Handed to nobody else: a job without the right has no use for it.
            values.set("github.token", "secret-of-this-run");
        }
        let runner = values.fill(&job.get("runs-on").context("no runs-on")?.text()?)?;
        ensure!(
            ["ubuntu-24.04", "ubuntu-24.04-arm"].contains(&runner.as_str()),
            "`{runner}` is no runner"
        );
        say(format_args!("GitHub, {event:?}: job {name}, meant for {runner}"));
        site.machine.clean()?;
        let mut running = Job {
            site,
            event,
            values,
            variables: variables.clone(),
            summary: String::new(),
            to_keep: Vec::new(),
        };
        for step in job.get("steps").context("no steps")?.elements()? {
            running.step(&step).with_context(|| step.place().to_owned())?;
        }
        running.end()?;
        let mut outputs = BTreeMap::new();
        if let Some(node) = job.get("outputs") {
            for (name, text) in node.table()? {
                outputs.insert(name, running.values.fill(&text)?);
            }
        }
        let done = Played {
            name,
            compiled: site.machine.compiled(),
            outputs,
            summary: running.summary,
        };
        played.push((id.clone(), done));
    }
    Ok(())
}

/// The parts of a matrix that lists each of them; one without values where there is none.
fn parts(strategy: Option<&Node>) -> Result<Vec<Vec<(String, String)>>> {
    let Some(strategy) = strategy else {
        return Ok(vec![Vec::new()]);
    };
    let fields = strategy.fields(&["fail-fast", "matrix"])?;
    let matrix = fields.get("matrix").context("a strategy without matrix")?;
    let listed = matrix.fields(&["include"])?;
    let listed = listed.get("include").context("a matrix without include")?;
    listed.elements()?.iter().map(Node::table).collect()
}

/// Whether `on` names the event.
fn starts(on: &Node, event: Event) -> Result<bool> {
    let on = on.fields(&["pull_request", "push"])?;
    let push = on.get("push").context("no push")?.fields(&["branches", "tags"])?;
    let listed = |name: &str, what: &str| -> Result<bool> {
        for pattern in push.get(name).with_context(|| format!("no {name}"))?.texts()? {
            let holds = match pattern.split_once('*') {
                Some((start, "")) => what.starts_with(start),
                Some(_) => bail!("`{pattern}` is not known"),
                None => pattern == what,
            };
            if holds {
                return Ok(true);
            }
        }
        Ok(false)
    };
    match event {
        Event::Request => Ok(on.get("pull_request").is_some_and(Node::is_null)),
        Event::Branch => listed("branches", "feature"),
        Event::Main => listed("branches", "main"),
        Event::Tag => listed("tags", &format!("v{VERSION}")),
    }
}

/// How GitHub names what happened: event, reference, its kind, its short name.
pub(super) fn named(event: Event) -> (&'static str, String, &'static str, String) {
    match event {
        Event::Branch => (
            "push",
            "refs/heads/feature".to_owned(),
            "branch",
            "feature".to_owned(),
        ),
        Event::Request => (
            "pull_request",
            "refs/pull/7/merge".to_owned(),
            "branch",
            "7/merge".to_owned(),
        ),
        Event::Main => ("push", "refs/heads/main".to_owned(), "branch", "main".to_owned()),
        Event::Tag => (
            "push",
            format!("refs/tags/v{VERSION}"),
            "tag",
            format!("v{VERSION}"),
        ),
    }
}

fn values(site: &Site, event: Event, run: u32) -> Values {
    let (name, reference, _, _) = named(event);
    let mut values = Values::default();
    values.set("github.event_name", name);
    values.set("github.ref", reference);
    values.set("github.run_id", run.to_string());
    values.set("github.repository_owner", "acme");
    // What a user of another registry than ghcr.io sets.
    values.set("vars.REGISTRY", site.registry.address().to_string());
    values
}

/// <https://docs.github.com/en/actions/reference/workflows-and-actions/variables>
fn variables(site: &Site, event: Event, run: u32) -> BTreeMap<String, String> {
    let (name, reference, kind, short) = named(event);
    [
        ("CI", "true".to_owned()),
        ("GITHUB_ACTIONS", "true".to_owned()),
        ("GITHUB_ACTOR", "octocat".to_owned()),
        ("GITHUB_EVENT_NAME", name.to_owned()),
        ("GITHUB_REF", reference),
        ("GITHUB_REF_NAME", short),
        ("GITHUB_REF_TYPE", kind.to_owned()),
        ("GITHUB_REPOSITORY", "acme/greeter".to_owned()),
        ("GITHUB_REPOSITORY_OWNER", "acme".to_owned()),
        ("GITHUB_RUN_ID", run.to_string()),
        ("GITHUB_SERVER_URL", "https://github.com".to_owned()),
        ("GITHUB_SHA", site.origin.commit(event).to_owned()),
        ("GITHUB_WORKSPACE", site.machine.project.display().to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}
