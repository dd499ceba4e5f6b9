//! The steps of a job of GitHub Actions: `run:` lines, and the actions that the example uses, played by copying files.
//!
//! - `actions/checkout`: what it fetches and checks out, from a repository on this machine.
//! - `actions/cache`, `actions/cache/restore`: by key, then by prefixes of keys; of the same reference or the default
//!   branch, and of the same paths, alone. Saved at a job's good end, where no such key was found.
//! - `actions/upload-artifact`, `actions/download-artifact`: of the same run.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};

use super::Site;
use super::event::Event;
use super::expression::Values;
use super::github::named;
use super::machine::{copy, show};
use super::reading::Node;
use crate::step::say;

/// `bash -e {0}` is what GitHub takes where no shell is named.
const SHELL: &[&str] = &["bash", "-e"];

/// The actions that are known: each by the commit that it is pinned to, and the version that the commit is.
const ACTIONS: &[(&str, &str, &str)] = &[
    (
        "actions/checkout",
        "3d3c42e5aac5ba805825da76410c181273ba90b1",
        "v7.0.1",
    ),
    (
        "actions/cache",
        "27d5ce7f107fe9357f9df03efb73ab90386fccae",
        "v5.0.5",
    ),
    (
        "actions/cache/restore",
        "27d5ce7f107fe9357f9df03efb73ab90386fccae",
        "v5.0.5",
    ),
    (
        "actions/upload-artifact",
        "bbbca2ddaa5d8feaa63e36b76fdaad77386f024f",
        "v7.0.0",
    ),
    (
        "actions/download-artifact",
        "3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c",
        "v8.0.1",
    ),
];

/// A job that runs.
pub(super) struct Job<'a> {
    pub site: &'a Site,
    pub event: Event,
    pub values: Values,
    pub variables: BTreeMap<String, String>,
    pub summary: String,
    /// What is laid away at its good end: keys and paths.
    pub to_keep: Vec<(String, Vec<PathBuf>)>,
}

impl Job<'_> {
    pub(super) fn step(&mut self, node: &Node) -> Result<()> {
        let step = node.fields(&["name", "id", "if", "uses", "with", "run", "env"])?;
        if let Some(condition) = step.get("if")
            && !self.values.holds(&condition.text()?)?
        {
            return Ok(());
        }
        match (step.get("uses"), step.get("run")) {
            (Some(uses), None) => {
                ensure!(!step.contains_key("env"), "an action with `env`");
                let mut with = BTreeMap::new();
                for (name, text) in step.get("with").map_or(Ok(Vec::new()), Node::table)? {
                    with.insert(name, self.values.fill(&text)?);
                }
                self.action(&uses.text()?, with)
            }
            (None, Some(script)) => {
                let mut variables = self.variables.clone();
                for (name, text) in step.get("env").map_or(Ok(Vec::new()), Node::table)? {
                    variables.insert(name, self.values.fill(&text)?);
                }
                let id = step.get("id").map(Node::text).transpose()?;
                let script = self.values.fill(&script.text()?)?;
                self.script(&script, variables, id.as_deref())
            }
            _ => bail!("neither `uses` nor `run`, or both"),
        }
    }

    /// Lays away what is kept for later runs.
    pub(super) fn end(&mut self) -> Result<()> {
        for (key, paths) in std::mem::take(&mut self.to_keep) {
            self.site.github.save(&key, &paths)?;
        }
        Ok(())
    }

    fn script(
        &mut self,
        script: &str,
        mut variables: BTreeMap<String, String>,
        id: Option<&str>,
    ) -> Result<()> {
        let root = &self.site.machine.root;
        let (outputs, summary) = (root.join("outputs"), root.join("summary.md"));
        for (name, file) in [("GITHUB_OUTPUT", &outputs), ("GITHUB_STEP_SUMMARY", &summary)] {
            fs::write(file, "")?;
            variables.insert(name.to_owned(), file.display().to_string());
        }
        show(script);
        let code = self.site.machine.run(SHELL, script, &variables)?;
        ensure!(code == Some(0), "the step ended with {code:?}");
        self.summary += &fs::read_to_string(summary)?;
        for line in fs::read_to_string(outputs)?.lines() {
            let (name, value) = line
                .split_once('=')
                .with_context(|| format!("`{line}` is no output"))?;
            if let Some(id) = id {
                self.values.set(format!("steps.{id}.outputs.{name}"), value);
            }
        }
        Ok(())
    }

    fn action(&mut self, uses: &str, mut with: BTreeMap<String, String>) -> Result<()> {
        let (action, commit) = uses.split_once('@').context("an action without version")?;
        let known = ACTIONS.iter().find(|(name, _, _)| *name == action);
        let (_, pinned, version) = known.with_context(|| format!("`{action}` is not known"))?;
        ensure!(commit == *pinned, "`{action}` is pinned to {pinned} ({version})");
        say(format_args!("  {action} {version}"));
        match action {
            "actions/checkout" => {
                ensure!(
                    with.remove("persist-credentials").as_deref() == Some("false"),
                    "git keeps its password for every step that follows"
                );
                self.site
                    .origin
                    .checkout_as_github(self.event, &self.site.machine.project)?;
                self.values.folder = Some(self.site.machine.project.clone());
            }
            "actions/cache" => self.cache(&mut with, true)?,
            "actions/cache/restore" => self.cache(&mut with, false)?,
            "actions/upload-artifact" => self.upload(&mut with)?,
            _ => self.download(&mut with)?,
        }
        ensure!(with.is_empty(), "`{action}`: {:?} is not known", with.keys());
        Ok(())
    }

    fn cache(&mut self, with: &mut BTreeMap<String, String>, saved: bool) -> Result<()> {
        let listed = with.remove("path").context("no path")?;
        let paths: Vec<PathBuf> = listed.lines().map(|path| self.path(path)).collect();
        let key = with.remove("key").context("no key")?;
        let others = with.remove("restore-keys").unwrap_or_default();
        // What was saved for other paths is another cache, whatever its key says.
        let version = listed
            .bytes()
            .fold(7_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        let scope = |reference: &str| format!("{version:08x} {} ", reference.replace('/', "-"));
        let scopes = [scope(&named(self.event).1), scope("refs/heads/main")];
        let kept = self.site.github.keys();
        let find = |start: &str, exact: bool| {
            scopes.iter().find_map(|scope| {
                let wanted = format!("{scope}{start}");
                let fits = |known: &&String| match exact {
                    true => **known == wanted,
                    false => known.starts_with(&wanted),
                };
                kept.iter().rev().find(fits)
            })
        };
        let exact = find(&key, true);
        let found = exact.or_else(|| others.lines().find_map(|start| find(start, false)));
        match found {
            Some(found) => {
                ensure!(self.site.github.restore(found, &paths)?, "{found} is gone");
                say(format_args!("  brought back: {found}"));
            }
            None => say("  nothing to bring back"),
        }
        if saved && exact.is_none() {
            self.to_keep.push((format!("{}{key}", scopes[0]), paths));
        }
        Ok(())
    }

    fn upload(&mut self, with: &mut BTreeMap<String, String>) -> Result<()> {
        let name = with.remove("name").context("no name")?;
        let path = self.path(&with.remove("path").context("no path")?);
        ensure!(
            with.remove("if-no-files-found").as_deref() == Some("error"),
            "nothing found would go unnoticed"
        );
        for number in ["compression-level", "retention-days"] {
            if let Some(text) = with.remove(number) {
                text.parse::<u8>().with_context(|| format!("{number}: {text}"))?;
            }
        }
        ensure!(path.is_dir(), "{} is not there", path.display());
        let place = self.artifact(&name);
        ensure!(!place.exists(), "an artifact `{name}` is there already");
        copy(&path, &place)
    }

    fn download(&mut self, with: &mut BTreeMap<String, String>) -> Result<()> {
        let pattern = with.remove("pattern").context("no pattern")?;
        let start = pattern
            .strip_suffix('*')
            .context("a pattern that does not end in *")?;
        let path = self.path(&with.remove("path").context("no path")?);
        ensure!(
            with.remove("merge-multiple").as_deref() == Some("true"),
            "each artifact would be in a folder of its own"
        );
        let all = fs::read_dir(self.artifact("")).context("there are no artifacts")?;
        for entry in all {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(start) {
                copy(&entry.path(), &path)?;
            }
        }
        Ok(())
    }

    /// Where an artifact of this run lies.
    fn artifact(&self, name: &str) -> PathBuf {
        let run = &self.variables["GITHUB_RUN_ID"];
        self.site.machine.root.join("artifacts").join(run).join(name)
    }

    fn path(&self, path: &str) -> PathBuf {
        match path.strip_prefix("~/") {
            Some(rest) => self.site.machine.home.join(rest),
            None => self.site.machine.project.join(path),
        }
    }
}
