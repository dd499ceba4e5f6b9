//! `cargo xtask ci-examples`: plays `examples/ci` as the CIs would, and looks at what the registry has afterwards.
//!
//! In: the workflow, the pipeline and the script as they stand there. Each is read strictly, its shell lines are run in a
//! fresh checkout with the CI's variables, for a commit on a branch, a pull request, a commit on `main`, and a tag. It is
//! no CI: runners, images and services of GitHub and GitLab are not here; what is copied instead is said in `steps` and
//! `gitlab`.

mod compiler_cache;
mod event;
mod expression;
mod github;
mod gitlab;
mod machine;
mod published;
mod reading;
mod rules;
mod shell;
mod steps;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};

use crate::registry::Registry;
use crate::step::{Step, root, say};
use event::{Event, Origin, VERSION};
use machine::{Kept, Machine};
use published::Place;

/// Who may use the registry that stands for GitLab's.
const USER: &str = "me";
const PASSWORD: &str = "hunter2";
/// The same in an htpasswd file.
const HTPASSWD: &str = "me:$2y$04$bboJ4lig69kPIzpF4OkzjeoFls0Ojf4eFunR0j79pNj/R8onAnAF.\n";

/// The crate of the project itself: compiled anew in every fresh checkout, once for each platform.
const OWN: &str = "greeter";

type Play = fn(&Site) -> Result<()>;

/// What is played, one after the other.
const PLAYS: &[(&str, Play)] = &[
    ("github", on_github),
    ("gitlab", on_gitlab),
    ("shell", shell::play),
    ("sccache", compiler_cache::play),
];

/// What the players share.
struct Site {
    machine: Machine,
    origin: Origin,
    /// Stands for a registry that the repository's settings name.
    registry: Registry,
    /// Stands for the project's registry in GitLab: it asks for a password.
    guarded: Registry,
    /// Caches of GitHub, and of GitLab.
    github: Kept,
    gitlab: Kept,
}

/// Plays everything, or the one that `--only` names.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let only = match arguments {
        [] => None,
        [option, name] if option == "--only" && PLAYS.iter().any(|(known, _)| known == name) => Some(name),
        _ => bail!("--only github|gitlab|shell|sccache"),
    };
    Step::line("cargo build --locked").run()?;
    let root = std::env::temp_dir().join(format!("gantry-ci-examples-{}", std::process::id()));
    let _ = fs::remove_dir_all(&root);
    fs::create_dir_all(&root)?;
    // On macOS the folder for temporary files is behind a link.
    let root = root.canonicalize()?;
    let site = Site {
        machine: Machine::new(root.clone())?,
        origin: Origin::make(root.join("origin"))?,
        registry: Registry::start()?,
        guarded: Registry::start_guarded(Some(HTPASSWD))?,
        github: Kept::new(root.join("caches-github")),
        gitlab: Kept::new(root.join("caches-gitlab")),
    };
    for (name, play) in PLAYS
        .iter()
        .filter(|(name, _)| only.is_none_or(|only| only == name))
    {
        play(&site).with_context(|| format!("{name} (what it did lies in {})", root.display()))?;
    }
    // What went wrong can be looked at; what went well is of no use to anybody.
    fs::remove_dir_all(&root)?;
    say("ci-examples: all as it should be");
    Ok(())
}

/// A commit on a branch starts nothing; a pull request builds and pushes nothing; `main` and a tag publish.
fn on_github(site: &Site) -> Result<()> {
    let file = example("github/images.yml");
    let play = |event: Event, run: u32| github::play(site, &file, event, run);
    let place = Place::open(format!("{}/acme/greeter", site.registry.address()));
    ensure!(
        play(Event::Branch, 1)?.is_none(),
        "a commit on a branch starts a run"
    );

    let expected = published::built_alone(site, Event::Main, "https://github.com/acme/greeter")?;
    let jobs = play(Event::Main, 2)?.context("a commit on main starts nothing")?;
    names(
        &jobs,
        |job| &job.name,
        &["build (intel)", "build (arm)", "publish"],
    )?;
    let commit = &site.origin.commit(Event::Main)[..12];
    place.has(&["edge", commit], &expected)?;
    told(&jobs[2], &place, &["edge", commit], &expected)?;
    let cold = compiled("GitHub, nothing cached", &jobs[..2], |job| {
        (&job.name, &job.compiled)
    });

    let jobs = play(Event::Request, 3)?.context("a pull request starts nothing")?;
    names(&jobs, |job| &job.name, &["build (intel)", "build (arm)"])?;
    place.has(&["edge", commit], &expected)?;
    let warm = compiled("GitHub, cache of main", &jobs, |job| (&job.name, &job.compiled));
    saved(&cold, &warm)?;

    let jobs = play(Event::Tag, 4)?.context("a tag starts nothing")?;
    names(
        &jobs,
        |job| &job.name,
        &["build (intel)", "build (arm)", "publish"],
    )?;
    let released = [VERSION, "1.2", "1", "latest"];
    place.has(&["edge", commit, VERSION, "1.2", "1", "latest"], &expected)?;
    told(&jobs[2], &place, &released, &expected)
}

/// The same, at a registry that asks for the password in the job's variables.
fn on_gitlab(site: &Site) -> Result<()> {
    let file = example("gitlab/.gitlab-ci.yml");
    let registry = site.guarded.address().to_string();
    let play = |event: Event, number: u32| {
        let jobs = gitlab::play(site, &file, event, number, &registry)?;
        for job in jobs.iter().flatten() {
            ensure!(
                (job.code, job.tries) == (0, 1),
                "{} ended with {}",
                job.name,
                job.code
            );
        }
        anyhow::Ok(jobs)
    };
    let place = Place::open(format!("{registry}/acme/greeter/greeter"));
    ensure!(
        play(Event::Branch, 1)?.is_none(),
        "a commit on a branch starts a pipeline"
    );

    let expected = published::built_alone(site, Event::Main, "https://gitlab.example/acme/greeter.git")?;
    let jobs = play(Event::Main, 2)?.context("a commit on main starts nothing")?;
    names(
        &jobs,
        |job| &job.name,
        &["build: [intel]", "build: [arm]", "publish"],
    )?;
    let commit = &site.origin.commit(Event::Main)[..12];
    place.has(&["edge", commit], &expected)?;
    handed_on(&jobs[2], &expected)?;
    let cold = compiled("GitLab, nothing cached", &jobs[..2], |job| {
        (&job.name, &job.compiled)
    });

    let jobs = play(Event::Request, 3)?.context("a merge request starts nothing")?;
    names(&jobs, |job| &job.name, &["build: [intel]", "build: [arm]"])?;
    place.has(&["edge", commit], &expected)?;

    let jobs = play(Event::Tag, 4)?.context("a tag starts nothing")?;
    place.has(&["edge", commit, VERSION, "1.2", "1", "latest"], &expected)?;
    handed_on(&jobs[2], &expected)?;
    let warm = compiled("GitLab, cache of main", &jobs[..2], |job| {
        (&job.name, &job.compiled)
    });
    saved(&cold, &warm)?;

    // Nobody listens there: the one fault that the pipeline tries again by itself.
    let jobs = gitlab::play(site, &file, Event::Main, 5, "127.0.0.1:1")?.context("no pipeline")?;
    let ended: Vec<(i32, u32)> = jobs.iter().map(|job| (job.code, job.tries)).collect();
    ensure!(ended == [(0, 1), (0, 1), (6, 3)], "without a registry: {ended:?}");
    Ok(())
}

fn example(name: &str) -> PathBuf {
    root().join("examples/ci").join(name)
}

fn names<J>(jobs: &[J], name: impl Fn(&J) -> &String, expected: &[&str]) -> Result<()> {
    let found: Vec<&str> = jobs.iter().map(|job| name(job).as_str()).collect();
    ensure!(found == expected, "the jobs are {found:?}");
    Ok(())
}

/// What the job says to other jobs and on the run's page.
fn told(job: &github::Played, place: &Place, tags: &[&str], digest: &str) -> Result<()> {
    let reference = job.outputs.get("reference").context("no output `reference`")?;
    ensure!(
        *reference == format!("{}@{digest}", place.name()),
        "the output is {reference}"
    );
    for wanted in tags.iter().copied().chain([place.name(), digest, "linux/arm64"]) {
        ensure!(
            job.summary.contains(wanted),
            "the summary lacks {wanted}:\n{}",
            job.summary
        );
    }
    Ok(())
}

/// The file of digests among the artifacts.
fn handed_on(job: &gitlab::Played, digest: &str) -> Result<()> {
    let text = fs::read_to_string(job.artifacts.join("published.json"))?;
    ensure!(text.contains(digest), "published.json lacks {digest}:\n{text}");
    Ok(())
}

/// How many crates each job compiled, for the user to see.
fn compiled<'a, J>(
    what: &str,
    jobs: &'a [J],
    of: impl Fn(&'a J) -> (&'a String, &'a Vec<String>),
) -> Vec<&'a Vec<String>> {
    let mut all = Vec::new();
    for (name, crates) in jobs.iter().map(of) {
        say(format_args!("{what}: {name} compiled {} crates", crates.len()));
        all.push(crates);
    }
    all
}

/// That a restored cache leaves nothing to do but the project's own crate.
fn saved(cold: &[&Vec<String>], warm: &[&Vec<String>]) -> Result<()> {
    for (cold, warm) in cold.iter().zip(warm) {
        ensure!(cold.iter().any(|name| name != OWN), "there is nothing to save");
        ensure!(
            !warm.is_empty() && warm.iter().all(|name| name == OWN),
            "compiled in spite of the cache: {warm:?}"
        );
    }
    Ok(())
}
