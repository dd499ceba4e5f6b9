//! What a registry has afterwards, as another tool sees it, beside what one machine alone would have made.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::event::{Event, Origin};
use super::machine::Machine;
use super::{PASSWORD, Site, USER};
use crate::step::{Step, say};

/// The platforms that the project declares.
const PLATFORMS: [&str; 3] = ["linux/386", "linux/amd64", "linux/arm64"];

/// A repository of a registry.
pub(super) struct Place {
    name: String,
}

impl Place {
    pub(super) fn open(name: String) -> Self {
        Self { name }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// That it has these tags and no others, all for the one index of that digest, whole and for each platform.
    pub(super) fn has(&self, tags: &[&str], digest: &str) -> Result<()> {
        let wanted: BTreeSet<&str> = tags.iter().copied().collect();
        let found = self.tags()?;
        let found: BTreeSet<&str> = found.iter().map(String::as_str).collect();
        ensure!(
            found == wanted,
            "{} has the tags {found:?}, not {wanted:?}",
            self.name
        );
        for tag in wanted {
            self.is(tag, digest)?;
        }
        Ok(())
    }

    /// Its tags, as they come.
    pub(super) fn tags(&self) -> Result<Vec<String>> {
        let said = self.ask(&["list-tags"], "")?;
        let said: Value = serde_json::from_str(&said)?;
        let tags = said["Tags"].as_array().context("no tags")?;
        Ok(tags.iter().filter_map(Value::as_str).map(str::to_owned).collect())
    }

    /// That a tag names that digest, for each platform.
    pub(super) fn is(&self, tag: &str, digest: &str) -> Result<()> {
        let suffix = format!(":{tag}");
        let said = self.ask(&["inspect", "--format", "{{.Digest}}"], &suffix)?;
        ensure!(
            said.trim() == digest,
            "{}{suffix} is {}, not {digest}",
            self.name,
            said.trim()
        );
        let index: Value = serde_json::from_str(&self.ask(&["inspect", "--raw"], &suffix)?)?;
        let mut platforms: Vec<String> = Vec::new();
        for entry in index["manifests"].as_array().context("no index")? {
            let part = |name: &str| entry["platform"][name].as_str().unwrap_or_default();
            platforms.push(format!("{}/{}", part("os"), part("architecture")));
        }
        platforms.sort();
        ensure!(
            platforms == PLATFORMS,
            "{}{suffix} is for {platforms:?}",
            self.name
        );
        Ok(())
    }

    fn ask(&self, words: &[&str], suffix: &str) -> Result<String> {
        // The registry without a password passes over them.
        let credentials = [
            "--tls-verify=false".to_owned(),
            format!("--creds={USER}:{PASSWORD}"),
        ];
        let credentials = credentials.iter().map(String::as_str);
        let (verb, options) = words.split_first().context("no words")?;
        let name = format!("docker://{}{suffix}", self.name);
        let words = [*verb]
            .into_iter()
            .chain(credentials)
            .chain(options.iter().copied());
        Step::new("skopeo", words.chain([name.as_str()])).output()
    }
}

/// The digest of the whole matrix, built at once in another folder.
pub(super) fn built_alone(site: &Site, event: Event, remote: &str) -> Result<String> {
    let machine = Machine {
        root: site.machine.root.clone(),
        project: site.machine.root.join("alone/a longer path/project"),
        home: site.machine.root.join("alone/home"),
    };
    if machine.project.exists() {
        std::fs::remove_dir_all(&machine.project)?;
    }
    alone(&machine, &site.origin, event, remote)
}

fn alone(machine: &Machine, origin: &Origin, event: Event, remote: &str) -> Result<String> {
    say("one machine builds everything");
    origin.clone_whole(&machine.project, remote)?;
    let checkout = Step::new("git", ["checkout", "--quiet", origin.commit(event)]);
    checkout.directory(&machine.project).last()?;
    let script = "cargo gantry build --locked --install-targets --digests-file digests.json";
    // What was compiled for another event serves this one.
    let target = machine.root.join("alone/target").display().to_string();
    let variables = BTreeMap::from([("CARGO_TARGET_DIR".to_owned(), target)]);
    let code = machine.run(&["sh", "-e"], script, &variables)?;
    ensure!(code == Some(0), "it ended with {code:?}");
    let text = std::fs::read_to_string(machine.project.join("digests.json"))?;
    let digests: Value = serde_json::from_str(&text)?;
    let digest = digests["images"][0]["digest"].as_str().context("no digest")?;
    Ok(digest.to_owned())
}
