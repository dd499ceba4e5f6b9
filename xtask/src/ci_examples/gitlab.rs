//! Plays a pipeline of GitLab CI: stages in their order, jobs in theirs, `script:` lines by bash.
//!
//! In: the file and an event. Out: what each job did, or nothing where the rules start no pipeline. Artifacts and caches
//! are played by copying files below the project's folder. Anything that is not known here is an error.
//! <https://docs.gitlab.com/ci/yaml/>

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::Site;
use super::event::{Event, VERSION};
use super::machine::{copy, show};
use super::reading::{self, Node};
use super::rules::{self, Variables};
use crate::step::say;

/// What the runner starts in an image that has bash.
const SHELL: &[&str] = &["bash", "-e", "-o", "pipefail"];

/// What a job did.
pub(super) struct Played {
    /// Its name, and that of its part of the matrix.
    pub name: String,
    /// Crates that it compiled.
    pub compiled: Vec<String>,
    /// How often it was tried.
    pub tries: u32,
    /// How it ended at last.
    pub code: i32,
    /// Where its artifacts were laid.
    pub artifacts: PathBuf,
}

/// Plays the pipeline; `number` is its own, `registry` the host that GitLab says is the project's.
pub(super) fn play(
    site: &Site,
    file: &Path,
    event: Event,
    number: u32,
    registry: &str,
) -> Result<Option<Vec<Played>>> {
    let whole = reading::file(file)?;
    let mut jobs = whole.entries()?;
    let mut take = |name: &str| -> Result<Node> {
        let at = jobs.iter().position(|(known, _)| known == name);
        Ok(jobs.remove(at.with_context(|| format!("no `{name}`"))?).1)
    };
    let (stages, workflow) = (take("stages")?.texts()?, take("workflow")?);
    let default = take("default")?.fields(&["image", "interruptible"])?;
    ensure!(default.contains_key("image"), "the jobs have no image");
    let given = take("variables")?.table()?;
    let mut variables = variables(site, event, registry);
    let workflow = workflow.fields(&["rules"])?;
    if !rules::allow(workflow.get("rules"), &variables)? {
        return Ok(None);
    }
    for (name, text) in given {
        let value = rules::fill(&text, &variables)?;
        variables.insert(name, value);
    }
    let pipeline = Pipeline {
        site,
        event,
        artifacts: site.machine.root.join(format!("pipeline-{number}")),
    };
    let mut played: Vec<(String, Played)> = Vec::new();
    for stage in &stages {
        for (name, node) in &jobs {
            pipeline.job((name, node), stage, &variables, &mut played)?;
        }
    }
    Ok(Some(played.into_iter().map(|(_, job)| job).collect()))
}

struct Pipeline<'a> {
    site: &'a Site,
    event: Event,
    artifacts: PathBuf,
}

impl Pipeline<'_> {
    /// A job of this stage, once for each part of its matrix.
    fn job(
        &self,
        (name, node): (&str, &Node),
        stage: &str,
        variables: &Variables,
        played: &mut Vec<(String, Played)>,
    ) -> Result<()> {
        let job = node.fields(&[
            "stage",
            "parallel",
            "needs",
            "rules",
            "cache",
            "script",
            "artifacts",
            "retry",
            "interruptible",
        ])?;
        let its_stage = job.get("stage").context("a job without stage")?.text()?;
        if its_stage != stage || !rules::allow(job.get("rules"), variables)? {
            return Ok(());
        }
        let mut needed = Vec::new();
        for need in job.get("needs").map_or(Ok(Vec::new()), Node::texts)? {
            let before = needed.len();
            let of = played.iter().filter(|(id, _)| *id == need);
            needed.extend(of.map(|(_, job)| job.artifacts.clone()));
            ensure!(
                needed.len() > before,
                "`{name}` needs `{need}`, which did not run"
            );
        }
        for part in parts(job.get("parallel"))? {
            let mut variables = variables.clone();
            let shown = match part.first() {
                Some((_, text)) => format!("{name}: [{text}]"),
                None => name.to_owned(),
            };
            variables.extend(part);
            variables.insert("CI_JOB_NAME".to_owned(), shown.clone());
            let done = self.run(shown, &job, &variables, &needed)?;
            let ended = done.code;
            played.push((name.to_owned(), done));
            if ended != 0 {
                // What comes later does not run.
                break;
            }
        }
        Ok(())
    }

    fn run(
        &self,
        name: String,
        job: &BTreeMap<String, Node>,
        variables: &Variables,
        needed: &[PathBuf],
    ) -> Result<Played> {
        let machine = &self.site.machine;
        let retry = Retry::read(job.get("retry"))?;
        let script = job.get("script").context("no script")?.texts()?.join("\n");
        let mut tries = 0;
        let code = loop {
            tries += 1;
            say(format_args!("GitLab, {:?}: job {name}, try {tries}", self.event));
            machine.clean()?;
            self.site
                .origin
                .checkout_as_gitlab(self.event, &machine.project)?;
            if let Some(cache) = job.get("cache") {
                self.cache(cache, variables, true)?;
            }
            for artifacts in needed {
                copy(artifacts, &machine.project)?;
            }
            show(&script);
            let code = machine
                .run(SHELL, &script, variables)?
                .context("ended by a signal")?;
            if code == 0 || tries > retry.most || !retry.codes.contains(&code.to_string()) {
                break code;
            }
        };
        let place = self.artifacts.join(name.replace([' ', '[', ']', ':'], "-"));
        fs::create_dir_all(&place)?;
        if code == 0 {
            if let Some(cache) = job.get("cache") {
                self.cache(cache, variables, false)?;
            }
            if let Some(node) = job.get("artifacts") {
                self.lay(node, &place)?;
            }
        }
        Ok(Played {
            name,
            compiled: machine.compiled(),
            tries,
            code,
            artifacts: place,
        })
    }

    /// Brings a cache back, or lays it away. Protected references (the default branch and tags) share none with others.
    /// <https://docs.gitlab.com/ci/caching/#use-the-same-cache-for-all-branches>
    fn cache(&self, node: &Node, variables: &Variables, restore: bool) -> Result<()> {
        let machine = &self.site.machine;
        let cache = node.fields(&["key", "paths", "policy"])?;
        let policy = cache.get("policy").map(Node::text).transpose()?;
        ensure!(
            policy.as_deref().is_none_or(|policy| policy == "pull"),
            "{policy:?}"
        );
        let key = cache.get("key").context("no key")?.fields(&["prefix", "files"])?;
        let mut text = rules::fill(&key.get("prefix").context("no prefix")?.text()?, variables)?;
        for file in key.get("files").context("no files")?.texts()? {
            let bytes = fs::read(machine.project.join(&file)).context(file)?;
            let sum = bytes.iter().fold(7_u32, |sum, byte| {
                sum.wrapping_mul(31).wrapping_add((*byte).into())
            });
            text += &format!("-{sum:08x}");
        }
        text += match self.event {
            Event::Main | Event::Tag => "-protected",
            Event::Branch | Event::Request => "-non_protected",
        };
        let mut paths = Vec::new();
        for path in cache.get("paths").context("no paths")?.texts()? {
            paths.push(self.inside(&path)?);
        }
        if restore {
            let found = self.site.gitlab.restore(&text, &paths)?;
            say(format_args!("  cache {text}: {found}"));
        } else if policy.is_none() {
            self.site.gitlab.forget(&text)?;
            self.site.gitlab.save(&text, &paths)?;
        }
        Ok(())
    }

    fn lay(&self, node: &Node, place: &Path) -> Result<()> {
        let artifacts = node.fields(&["paths", "expire_in"])?;
        for path in artifacts.get("paths").context("no paths")?.texts()? {
            let from = self.inside(&path)?;
            ensure!(from.exists(), "{path}: nothing is there to hand on");
            copy(&from, &place.join(path.trim_end_matches('/')))?;
        }
        Ok(())
    }

    /// A path below the project's folder: GitLab takes no other.
    fn inside(&self, path: &str) -> Result<PathBuf> {
        ensure!(
            !path.starts_with(['/', '~', '$']) && !path.contains(".."),
            "{path} is not below the project's folder"
        );
        Ok(self.site.machine.project.join(path.trim_end_matches('/')))
    }
}

/// When a job that failed is tried again.
#[derive(Default)]
struct Retry {
    most: u32,
    codes: Vec<String>,
}

impl Retry {
    fn read(node: Option<&Node>) -> Result<Self> {
        let Some(node) = node else {
            return Ok(Self::default());
        };
        let fields = node.fields(&["max", "exit_codes"])?;
        Ok(Self {
            most: fields.get("max").context("no max")?.text()?.parse()?,
            codes: fields.get("exit_codes").context("no exit_codes")?.texts()?,
        })
    }
}

/// The parts of a matrix, each of single values; one without values where there is none.
fn parts(parallel: Option<&Node>) -> Result<Vec<Vec<(String, String)>>> {
    let Some(parallel) = parallel else {
        return Ok(vec![Vec::new()]);
    };
    let fields = parallel.fields(&["matrix"])?;
    let matrix = fields.get("matrix").context("no matrix")?;
    matrix.elements()?.iter().map(Node::table).collect()
}

/// <https://docs.gitlab.com/ci/variables/predefined_variables/>
fn variables(site: &Site, event: Event, registry: &str) -> Variables {
    let project = site.machine.project.display().to_string();
    let mut variables: Variables = [
        ("CI", "true".to_owned()),
        ("GITLAB_CI", "true".to_owned()),
        ("CI_COMMIT_SHA", site.origin.commit(event).to_owned()),
        ("CI_DEFAULT_BRANCH", "main".to_owned()),
        ("CI_PROJECT_DIR", project),
        ("CI_PROJECT_PATH", "acme/greeter".to_owned()),
        ("CI_REGISTRY_IMAGE", format!("{registry}/acme/greeter")),
        ("CI_REGISTRY", registry.to_owned()),
        ("CI_REGISTRY_USER", super::USER.to_owned()),
        ("CI_REGISTRY_PASSWORD", super::PASSWORD.to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    let source = match event {
        Event::Request => "merge_request_event",
        _ => "push",
    };
    let (name, value) = match event {
        Event::Branch => ("CI_COMMIT_BRANCH", "feature".to_owned()),
        Event::Request => ("CI_MERGE_REQUEST_IID", "7".to_owned()),
        Event::Main => ("CI_COMMIT_BRANCH", "main".to_owned()),
        Event::Tag => ("CI_COMMIT_TAG", format!("v{VERSION}")),
    };
    variables.insert("CI_PIPELINE_SOURCE".to_owned(), source.to_owned());
    variables.insert(name.to_owned(), value);
    variables
}
