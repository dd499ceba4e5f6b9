//! Runs `release.sh` where a person would: in a clone, on a machine that has published before, and in the ways it can fail.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result, ensure};

use super::event::{Event, VERSION};
use super::published::{self, Place};
use super::{Site, example};
use crate::step::say;

/// Where the script's user says that the project lies.
const REMOTE: &str = "https://git.example/acme/greeter";

/// A candidate, a release, both once more, and what it does when the registry is not there or says no.
pub(super) fn play(site: &Site) -> Result<()> {
    let script = fs::read_to_string(example("shell/release.sh"))?;
    let registry = format!("{}/shell", site.registry.address());
    let place = Place::open(format!("{registry}/greeter"));
    let candidate = |event: Event| format!("candidate-{}", &site.origin.commit(event)[..12]);
    let run = |event: Event, change: &str, registry: &str, keep: &str| -> Result<(Option<i32>, usize)> {
        say(format_args!("by hand, {event:?}"));
        site.machine.clean()?;
        site.origin.clone_whole(&site.machine.project, REMOTE)?;
        let before = format!("git checkout --quiet {}\n{change}\n", site.origin.commit(event));
        let code = site.machine.run(&["sh", "-e"], &before, &BTreeMap::new())?;
        ensure!(code == Some(0), "the checkout ended with {code:?}");
        // A machine that has been used before: what was compiled and fetched is there.
        let used = |name: &str| site.machine.root.join(name).display().to_string();
        let variables = [
            ("REGISTRY", registry.to_owned()),
            ("KEEP", keep.to_owned()),
            ("PAUSE", "0".to_owned()),
            ("CARGO_TARGET_DIR", used("by-hand/target")),
            ("CARGO_HOME", used("by-hand/cargo")),
        ]
        .map(|(name, value)| (name.to_owned(), value));
        let mut variables = BTreeMap::from(variables);
        let tries = site.machine.root.join("tries");
        fs::write(&tries, "")?;
        variables.insert("TRIES".to_owned(), tries.display().to_string());
        // How often it talked to the registry is seen from outside.
        let code = site.machine.run(&["sh"], &counted(&script), &variables)?;
        Ok((code, fs::read_to_string(&tries)?.lines().count()))
    };

    // No version tag: a candidate and nothing else.
    let feature = published::built_alone(site, Event::Branch, REMOTE)?;
    ensure!(
        run(Event::Branch, "", &registry, "5")? == (Some(0), 2),
        "a candidate"
    );
    place.has(&[&candidate(Event::Branch)], &feature)?;

    // A version tag: the same image gets the version's names, and with `KEEP=1` the older candidate goes.
    let main = published::built_alone(site, Event::Main, REMOTE)?;
    for _ in 0..2 {
        // The second time there is nothing left to do, and that is no fault.
        ensure!(run(Event::Tag, "", &registry, "5")? == (Some(0), 3), "a release");
        for tag in [VERSION, "1.2", "1", "latest", &candidate(Event::Tag)] {
            place.is(tag, &main)?;
        }
        place.is(&candidate(Event::Branch), &feature)?;
    }
    ensure!(
        run(Event::Tag, "", &registry, "1")? == (Some(0), 3),
        "clearing away"
    );
    let mut tags = place.tags()?;
    tags.retain(|tag| tag.starts_with("candidate-"));
    ensure!(tags.len() == 1, "the candidates are {tags:?}");
    for tag in [VERSION, "1.2", "1", "latest"] {
        place.is(tag, &main)?;
    }

    // Other content under the same version: refused, asked once, and nothing has moved.
    let change = format!(
        "sed -i 's/Hello, /Good night, /' src/main.rs\n\
         git -c user.name=ci -c user.email=ci@example.com commit --quiet --all --message third\n\
         git tag --force v{VERSION} >/dev/null"
    );
    let refused = run(Event::Tag, &change, &registry, "5")?;
    ensure!(
        refused == (Some(9), 2),
        "another {VERSION} ended with {refused:?}"
    );
    place.is(VERSION, &main).context("it was replaced")?;

    // Nobody listens: tried three times, then given up.
    let nowhere = run(Event::Main, "", "127.0.0.1:1/shell", "5")?;
    ensure!(
        nowhere == (Some(6), 3),
        "without a registry it ended with {nowhere:?}"
    );

    // A mistake that no trying mends: once.
    let wrong = run(Event::Main, "", "127.0.0.1:1/Shell", "5")?;
    ensure!(
        wrong.0.is_some_and(|code| ![0, 6].contains(&code)) && wrong.1 == 1,
        "a wrong name ended with {wrong:?}"
    );
    Ok(())
}

/// The script, with a line in the file `TRIES` for each call that talks to the registry.
fn counted(script: &str) -> String {
    let call = "        cargo gantry \"$@\" || code=$?\n";
    script.replace(call, &format!("        echo \"$1\" >>\"$TRIES\"\n{call}"))
}
