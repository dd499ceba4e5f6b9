//! `cargo xtask interop`: what we publish to a real registry, checked by others and run on every platform.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::registry::Registry;
use crate::step::{Step, root, say, target};
use crate::{bases, run_image, validate};

/// The examples, their images, and the platforms that each must have.
const EXAMPLES: &[(&str, &[&str], &[&str])] = &[
    ("hello", &["hello"], &["linux/amd64", "linux/arm64"]),
    (
        "workspace",
        &["api", "worker"],
        &["linux/amd64", "linux/arm64", "linux/arm/v7"],
    ),
    (
        "debian",
        &["whereami"],
        &["linux/amd64", "linux/arm64", "linux/arm/v7"],
    ),
];

/// Examples without a Cargo.toml, their images and platforms. Each is published from a repository of its own.
const FOREIGN: &[(&str, &[&str], &[&str])] = &[
    (
        "go",
        &["lookout"],
        &[
            "linux/386",
            "linux/amd64",
            "linux/arm/v6",
            "linux/arm/v7",
            "linux/arm64",
            "linux/ppc64le",
            "linux/riscv64",
            "linux/s390x",
        ],
    ),
    ("prebuilt", &["greet"], &["linux/amd64", "linux/arm64"]),
];

/// The examples, or one package of crates.io.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let option = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1).map(String::as_str)
    };
    let command = target().join("debug/cargo-gantry");
    Step::line("cargo build --locked").run()?;
    let registry = Registry::start()?;
    let mut check = Check {
        command,
        registry,
        passed: 0,
        failed: Vec::new(),
    };
    if let Some(named) = option("--crate") {
        let (name, version) = named.split_once('@').context("--crate NAME@VERSION")?;
        let project = download(name, version)?;
        let platforms = option("--platforms").map(|list| list.split(',').collect::<Vec<_>>());
        // Named from where we were called, used in the package's folder.
        let here = std::env::current_dir()?;
        let matrix = option("--matrix").map(|matrix| here.join(matrix).display().to_string());
        check.project(&project, matrix.as_deref(), None, platforms.as_deref())?;
    } else {
        // What an example starts from is made here, and pinned anew where it was made anew.
        bases::run(&["--only".to_owned(), "debian-bookworm-slim".to_owned()])?;
        for (example, images, platforms) in EXAMPLES {
            let project = root().join("examples").join(example);
            let _ = fs::remove_file(project.join("gantry.lock"));
            check.project(&project, None, Some(images), Some(platforms))?;
        }
        for (example, images, platforms) in FOREIGN {
            check.foreign(example, images, platforms)?;
        }
        check.packaged_by_itself()?;
    }
    for failure in &check.failed {
        say(format_args!("FAIL {failure}"));
    }
    say(format_args!(
        "interop: {} passed, {} failed",
        check.passed,
        check.failed.len()
    ));
    ensure!(check.failed.is_empty(), "interop failed");
    Ok(())
}

const NOTHING: [&str; 0] = [];

struct Check {
    command: PathBuf,
    registry: Registry,
    passed: usize,
    failed: Vec<String>,
}

impl Check {
    fn project(
        &mut self,
        project: &Path,
        matrix: Option<&str>,
        images: Option<&[&str]>,
        platforms: Option<&[&str]>,
    ) -> Result<()> {
        let manifest = project.join("Cargo.toml").display().to_string();
        let repository = format!("{}/interop/{{image}}", self.registry.address());
        let mut publish = Step::new(
            &self.command,
            [
                "gantry",
                "publish",
                "--manifest-path",
                &manifest,
                "--repository",
                &repository,
                "--install-targets",
            ],
        );
        if let Some(matrix) = matrix {
            publish = publish.argument("--matrix").argument(matrix);
        } else if images.is_none() {
            // A package without a matrix: the platforms are chosen on the command line.
            for platform in platforms.into_iter().flatten() {
                publish = publish.argument("--platform").argument(platform);
            }
        }
        self.published(publish.directory(project), images, platforms)
    }

    /// An example without a Cargo.toml, built as a release script does it: by the command alone, in a repository with a tag.
    fn foreign(&mut self, example: &str, images: &[&str], platforms: &[&str]) -> Result<()> {
        let project = std::env::temp_dir().join("gantry-interop").join(example);
        let _ = fs::remove_dir_all(&project);
        fs::create_dir_all(project.parent().unwrap_or(&project))?;
        let from = root().join("examples").join(example);
        Step::new(
            "cp",
            ["-a", &from.display().to_string(), &project.display().to_string()],
        )
        .run()?;
        if project.join("make").is_file() {
            Step::new(project.join("make"), NOTHING)
                .directory(&project)
                .run()?;
        }
        let author = ["-c", "user.name=interop", "-c", "user.email=interop@example.com"];
        for words in [
            "init --quiet",
            "add --all",
            "commit --quiet --message example",
            "tag v1.0.0",
        ] {
            let words = author.into_iter().chain(words.split_whitespace());
            Step::new("git", words).directory(&project).last()?;
        }
        let repository = format!("{}/interop/{{image}}", self.registry.address());
        let publish = Step::new(&self.command, ["publish", "--repository", &repository]);
        self.published(publish.directory(&project), Some(images), Some(platforms))
    }

    /// Runs a `publish`, and looks at everything that it says it has published.
    fn published(
        &mut self,
        publish: Step,
        images: Option<&[&str]>,
        platforms: Option<&[&str]>,
    ) -> Result<()> {
        // stdout is one `repository@digest` a line: that is what is looked at from here on.
        let published = publish.output()?;
        let references: Vec<&str> = published
            .lines()
            .filter(|line| line.contains("@sha256:"))
            .collect();
        if let Some(images) = images {
            for image in images {
                let there = references
                    .iter()
                    .any(|line| line.contains(&format!("/interop/{image}@")));
                self.count(
                    &format!("{image} is published"),
                    there.then_some(()).context("it is not"),
                );
            }
        }
        ensure!(!references.is_empty(), "`publish` printed no reference");
        for reference in references {
            self.image(reference, platforms)?;
        }
        Ok(())
    }

    /// `examples/xtask`, whose own xtask calls the library and leaves a layout.
    fn packaged_by_itself(&mut self) -> Result<()> {
        let project = root().join("examples/xtask");
        let printed = Step::line("cargo run --quiet --locked --manifest-path xtask/Cargo.toml")
            .env("CARGO_TARGET_DIR", target())
            .directory(&project)
            .output()?;
        let place = printed
            .split_whitespace()
            .find_map(|word| word.strip_prefix("oci:"))
            .context("the example's xtask printed no layout")?;
        let layout = project.join(place).display().to_string();
        self.count("ticker validate", validate::run(std::slice::from_ref(&layout)));
        for platform in ["linux/amd64", "linux/arm64/v8"] {
            self.runs(&format!("oci:{layout}"), platform);
        }
        Ok(())
    }

    fn runs(&mut self, reference: &str, platform: &str) {
        let result = run_image::version(reference, platform).and_then(|said| {
            ensure!(
                said.chars().any(|c| c.is_ascii_digit()),
                "`--version` said {said:?}"
            );
            say(format_args!("{platform}: {}", said.trim()));
            Ok(())
        });
        self.count(&format!("{reference} {platform} --version"), result);
    }

    fn image(&mut self, reference: &str, platforms: Option<&[&str]>) -> Result<()> {
        let found = platforms_of(reference)?;
        if let Some(wanted) = platforms {
            let mut wanted: Vec<String> = wanted.iter().map(|&platform| platform.to_owned()).collect();
            let mut have = found.clone();
            wanted.sort();
            have.iter_mut()
                .for_each(|platform| *platform = platform.replace("arm64/v8", "arm64"));
            have.sort();
            let same = have == wanted;
            self.count(
                &format!("{reference} platforms"),
                same.then_some(()).with_context(|| format!("{have:?}")),
            );
        }
        self.count(
            &format!("{reference} validate"),
            validate::run(&[reference.to_owned()]),
        );
        for platform in found {
            self.runs(reference, &platform);
        }
        Ok(())
    }

    fn count(&mut self, what: &str, result: Result<()>) {
        match result {
            Ok(()) => self.passed += 1,
            Err(error) => self.failed.push(format!("{what}: {error:#}")),
        }
    }
}

fn platforms_of(reference: &str) -> Result<Vec<String>> {
    let docker = format!("docker://{reference}");
    let raw = Step::new("skopeo", ["inspect", "--raw", "--tls-verify=false", &docker]).output()?;
    let index: Value = serde_json::from_str(&raw)?;
    let manifests = index["manifests"]
        .as_array()
        .context("what was published is no index")?;
    let parts = ["os", "architecture", "variant"];
    let shown = |manifest: &Value| {
        let platform = parts
            .iter()
            .filter_map(|part| manifest["platform"][part].as_str());
        platform.collect::<Vec<_>>().join("/")
    };
    Ok(manifests.iter().map(shown).collect())
}

/// A package's source, unchanged, as cargo fetches and checks it; nothing is compiled.
fn download(name: &str, version: &str) -> Result<PathBuf> {
    let scratch = target().join("interop").join(format!("{name}-{version}"));
    fs::create_dir_all(scratch.join("src"))?;
    fs::write(scratch.join("src/lib.rs"), "")?;
    let manifest = format!(
        "[package]\nname = \"scratch\"\nedition = \"2024\"\n[workspace]\n[dependencies]\n{name} = \"{version}\"\n"
    );
    fs::write(scratch.join("Cargo.toml"), manifest)?;
    let vendor = ["vendor", "--quiet", "--versioned-dirs", "vendor"];
    Step::new("cargo", vendor).directory(&scratch).output()?;
    let prefix = format!("{name}-{version}");
    for entry in fs::read_dir(scratch.join("vendor"))? {
        let found = entry?.path();
        let folder = found
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if folder == prefix || folder.starts_with(&format!("{prefix}.")) {
            let project = scratch.join("project");
            let _ = fs::remove_dir_all(&project);
            fs::rename(&found, &project)?;
            fs::remove_dir_all(scratch.join("vendor"))?;
            // Not a member of the scratch project, nor of ours.
            fs::remove_file(scratch.join("Cargo.toml"))?;
            let outside = std::env::temp_dir().join("gantry-interop").join(&folder);
            let _ = fs::remove_dir_all(&outside);
            fs::create_dir_all(outside.parent().unwrap_or(&outside))?;
            Step::new(
                "cp",
                [
                    "-a",
                    &project.display().to_string(),
                    &outside.display().to_string(),
                ],
            )
            .run()?;
            return Ok(outside);
        }
    }
    bail!("cargo vendored no {prefix}")
}
