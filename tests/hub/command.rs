//! `cargo gantry readme` as its users meet it.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::hub::{ACCOUNT, Hub, Right};
use crate::support::outside;
use crate::support::workspace::{Ran, gantry};

const README: &str =
    "# Tiny\n\nSee [the guide](docs/guide.md#x) and ![logo](<logo a.png>).\n\n```sh\ncat [a](b)\n```\n";

/// A project in a git repository, and the settings of a machine.
struct Project {
    folder: tempfile::TempDir,
    root: PathBuf,
}

impl Project {
    /// With images for these repositories; none where git is missing.
    fn new(repositories: &str) -> Option<Self> {
        outside(Command::new("git").arg("--version").output(), "git", "git")?;
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap().join("tiny");
        let project = Self { folder, root };
        project.write(
            "Cargo.toml",
            "[package]\nname = \"tiny\"\nversion = \"1.2.3\"\nedition = \"2021\"\ndescription = \"A tiny\\n  thing\"\n",
        );
        project.write("src/main.rs", "fn main() {}\n");
        project.write("README.md", README);
        project.write(
            "gantry.toml",
            &format!(
                "schema = 1\n\n[image.tiny]\nplatforms = [\"linux/amd64\"]\nrepository = {repositories}\n"
            ),
        );
        for line in [
            "init --quiet",
            "add .",
            "-c user.name=a -c user.email=a@h.example -c commit.gpgsign=false commit --quiet -m one",
            "remote add origin git@github.com:acme/tiny.git",
        ] {
            project.git(line);
        }
        Some(project)
    }

    fn git(&self, line: &str) -> String {
        let output = Command::new("git")
            .args(line.split(' '))
            .current_dir(&self.root)
            .output()
            .unwrap();
        assert!(output.status.success(), "{line}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// The machine's settings.
    fn settings(&self, text: &str) {
        self.write("../config/gantry/config.toml", text);
    }

    /// Credentials as `docker login` stores them.
    fn logged_in(&self, registry: &str) {
        // me:hunter2
        let text = format!("{{\"auths\": {{\"{registry}\": {{\"auth\": \"bWU6aHVudGVyMg==\"}}}}}}");
        self.write("../docker/config.json", &text);
    }

    fn command(&self, folder: &Path, arguments: &[&str]) -> Command {
        let mut command = gantry(folder);
        command
            .arg("readme")
            .args(arguments)
            .env("XDG_CONFIG_HOME", self.root.join("../config"))
            .env("DOCKER_CONFIG", self.root.join("../docker"));
        for variable in [
            "GITHUB_SERVER_URL",
            "CI_SERVER_URL",
            "GITHUB_TOKEN",
            "GITHUB_ACTOR",
            "CI_REGISTRY",
        ] {
            command.env_remove(variable);
        }
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(&mut self.command(&self.root, arguments))
    }

    /// With the password on standard input.
    fn run_as(&self, username: &str, arguments: &[&str]) -> Ran {
        let mut command = self.command(&self.root, arguments);
        command.args(["--username", username, "--password-stdin"]);
        let piped = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = piped.spawn().unwrap();
        // It may end before it reads.
        let _ = writeln!(child.stdin.take().unwrap(), "{}", ACCOUNT.1);
        child.wait_with_output().unwrap().into()
    }
}

fn at_hub(hub: &Hub) -> String {
    format!("[registry.\"docker.io\"]\nvendor-api = \"{}\"\n", hub.origin())
}

#[test]
fn the_readme_goes_to_every_registry_that_shows_one() {
    let Some(project) = Project::new("[\"docker.io/acme/{image}\", \"ghcr.io/acme/{image}\"]") else {
        return;
    };
    let hub = Hub::with("acme/tiny", &[]);
    project.settings(&at_hub(&hub));
    project.logged_in("https://index.docker.io/v1/");
    project.git("tag v1.2.3");
    let ran = project.run(&[]).ok();
    assert_eq!(ran.stdout, "docker.io/acme/tiny\n");
    assert!(
        ran.stderr.contains("Described") && ran.stderr.contains("ghcr.io/acme/tiny"),
        "{}",
        ran.stderr
    );
    let listed = hub.listed("acme/tiny");
    let base = "https://github.com/acme/tiny";
    let expected = README
        .replace("docs/guide.md", &format!("{base}/blob/v1.2.3/docs/guide.md"))
        .replace("logo a.png", &format!("{base}/raw/v1.2.3/logo%20a.png"));
    assert_eq!((listed.text, listed.summary.as_str()), (expected, "A tiny thing"));
    let again = project.run(&["--message-format", "json"]).ok();
    let mut lines = again
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let value = lines.find(|line| line["reason"] == "described").unwrap();
    assert_eq!(
        (
            &value["repository"],
            &value["outcome"],
            &value["vendor"],
            &value["image"]
        ),
        (
            &"docker.io/acme/tiny".into(),
            &"unchanged".into(),
            &"docker-hub".into(),
            &"tiny".into()
        )
    );
    assert!(!format!("{}{}{}{}", ran.stdout, ran.stderr, again.stdout, again.stderr).contains("hunter2"));
}

#[test]
fn a_rehearsal_asks_nobody() {
    let Some(project) = Project::new("\"docker.io/acme/{image}\"") else {
        return;
    };
    let hub = Hub::with("acme/tiny", &[]);
    project.settings(&at_hub(&hub));
    project.write("README.md", &"a line of text\n".repeat(3000));
    let commit = project.git("rev-parse HEAD");
    let ran = project.run(&["--dry-run"]).ok();
    assert!(ran.stdout.starts_with("a line of text\n") && ran.stdout.len() <= 25_000);
    let whole = format!("https://github.com/acme/tiny/blob/{commit}/README.md");
    assert!(ran.stdout.contains(&whole), "the rest is where it came from");
    assert!(
        ran.stderr.contains("Would send") && ran.stderr.contains("shortened"),
        "{}",
        ran.stderr
    );
    let json = project.run(&["--dry-run", "--message-format", "json"]).ok();
    let value: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(value["text"].as_str().unwrap().trim_end(), ran.stdout.trim_end());
    assert_eq!(hub.asked(), Vec::<String>::new());
}

#[test]
fn another_vendor_is_named_and_asked_at_the_registry_itself() {
    let Some(project) = Project::new("\"ghcr.io/acme/{image}\"") else {
        return;
    };
    let hub = Hub::with("team/tiny", &[]);
    let place = format!("{}/team/tiny", hub.host());
    for (flag, settings) in [
        (&["--vendor", "harbor"][..], String::new()),
        (
            &[],
            format!("[registry.\"{}\"]\nvendor = \"harbor\"\n", hub.host()),
        ),
    ] {
        project.settings(&settings);
        hub.state(|state| {
            state
                .repositories
                .entry("team/tiny".to_owned())
                .or_default()
                .text
                .clear()
        });
        let arguments: Vec<&str> = [place.as_str()].iter().chain(flag).copied().collect();
        let ran = project.run_as("me", &arguments).ok();
        assert_eq!(ran.stdout, format!("{place}\n"));
        assert!(
            hub.listed("team/tiny")
                .text
                .contains("https://github.com/acme/tiny/blob/")
        );
    }
    assert!(hub.state(|state| state.log.iter().any(|asked| asked.path.starts_with("/api/v2.0/"))));
}

#[test]
fn a_file_and_a_place_need_no_project() {
    let Some(project) = Project::new("\"docker.io/acme/{image}\"") else {
        return;
    };
    let hub = Hub::with("team/tiny", &[]);
    project.settings(&format!(
        "[registry.\"quay.io\"]\nvendor-api = \"{}\"\n",
        hub.origin()
    ));
    project.logged_in("quay.io");
    let folder = project.folder.path().join("elsewhere");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("TEXT.md"), "[a](b)\n").unwrap();
    let ran = Ran::of(&mut project.command(&folder, &["quay.io/team/tiny", "--file", "TEXT.md"])).ok();
    assert_eq!(hub.listed("team/tiny").text, "[a](b)\n");
    assert!(ran.stderr.contains("relative links"), "{}", ran.stderr);
    Ran::of(&mut project.command(&folder, &["quay.io/team/tiny"])).fails(3);
}

#[test]
fn each_image_has_the_readme_of_its_package() {
    let Some(project) = Project::new("\"docker.io/acme/{image}\"") else {
        return;
    };
    let hub = Hub::with("acme/one", &[]);
    hub.state(|state| {
        state
            .repositories
            .insert("acme/two".to_owned(), Default::default())
    });
    project.settings(&at_hub(&hub));
    project.logged_in("https://index.docker.io/v1/");
    project.write(
        "Cargo.toml",
        "[workspace]\nresolver = \"2\"\nmembers = [\"crates/*\"]\n",
    );
    for (name, readme) in [("one", "readme = \"ABOUT.md\"\n"), ("two", "")] {
        project.write(
            &format!("crates/{name}/Cargo.toml"),
            &format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2021\"\n{readme}"),
        );
        project.write(&format!("crates/{name}/src/main.rs"), "fn main() {}\n");
    }
    project.write(
        "crates/one/ABOUT.md",
        "one [a](a.md) [up](../../LICENSE) [out](../../../x)\n",
    );
    project.write(
        "gantry.toml",
        "schema = 1\n[defaults]\nplatforms = [\"linux/amd64\"]\nrepository = \"docker.io/acme/{image}\"\n[image.one]\n\
         [image.two]\n",
    );
    let ran = project.run(&[]).ok();
    assert_eq!(ran.stdout, "docker.io/acme/one\ndocker.io/acme/two\n");
    let base = format!(
        "https://github.com/acme/tiny/blob/{}",
        project.git("rev-parse HEAD")
    );
    let expected = format!("one [a]({base}/crates/one/a.md) [up]({base}/LICENSE) [out](../../../x)\n");
    assert_eq!(hub.listed("acme/one").text, expected);
    assert!(
        ran.stderr.contains("leads out of the repository"),
        "{}",
        ran.stderr
    );
    // Without one of its own, it is the workspace's.
    assert!(hub.listed("acme/two").text.starts_with("# Tiny"));
    let before = hub.asked().len();
    let ran = project.run(&["-i", "two"]).ok();
    assert_eq!(ran.stdout, "docker.io/acme/two\n");
    assert!(hub.asked()[before..].iter().all(|asked| !asked.contains("/one")));
}

#[test]
fn each_trouble_has_its_code() {
    let Some(project) = Project::new("\"docker.io/acme/{image}\"") else {
        return;
    };
    let hub = Hub::with("acme/tiny", &[]);
    project.settings(&at_hub(&hub));
    for (arguments, code, part) in [
        (&[][..], 8, "gantry::hub::no_account"),
        (&["ghcr.io/acme/tiny"], 2, "org.opencontainers.image.source"),
        (&["registry.example/acme/tiny"], 2, "--vendor"),
        (&["docker.io/acme/tiny", "--vendor", "nexus"], 2, "docker-hub"),
        (&["docker.io/Acme/tiny"], 2, "not a reference"),
        (&["--file", "nowhere.md"], 3, "nowhere.md"),
        (&["-i", "other"], 3, "other"),
    ] {
        let ran = project.run(arguments).fails(code);
        assert!(ran.stderr.contains(part), "{arguments:?}: {}", ran.stderr);
    }
    // What a browser signed in for is no password.
    let browser =
        r#"{"auths": {"https://index.docker.io/v1/": {"auth": "bWU6", "identitytoken": "secret-one"}}}"#;
    project.write("../docker/config.json", browser);
    let ran = project.run(&[]).fails(8);
    assert!(
        ran.stderr.contains("personal access token") && !ran.stderr.contains("secret-one"),
        "{}",
        ran.stderr
    );
    project.logged_in("https://index.docker.io/v1/");
    hub.state(|state| state.right = Right::Read);
    let ran = project.run(&[]).fails(8);
    assert!(
        ran.stderr.contains("Read, Write, Delete") && ran.stderr.contains("config.json"),
        "{}",
        ran.stderr
    );
    hub.state(|state| state.repositories.clear());
    assert!(project.run(&[]).fails(8).stderr.contains("gantry::hub::missing"));
    let ran = project
        .run_as("me", &["docker.io/acme/tiny", "quay.io/acme/tiny"])
        .fails(2);
    assert!(ran.stderr.contains("several registries"), "{}", ran.stderr);
    // A project says nothing of where credentials go.
    let matrix = fs::read_to_string(project.root.join("gantry.toml")).unwrap();
    project.write("gantry.toml", &format!("{matrix}\n{}", at_hub(&hub)));
    project.run(&[]).fails(3);
}

#[test]
fn a_ci_says_what_its_check_out_does_not() {
    let Some(project) = Project::new("[\"docker.io/acme/{image}-{branch}\"]") else {
        return;
    };
    project.git("checkout --quiet --detach");
    let commit = std::fs::read_to_string(project.root.join(".git/HEAD")).unwrap();
    let mut command = project.command(&project.root, &["--dry-run"]);
    for variable in ["GITHUB_SHA", "CI_COMMIT_SHA"] {
        command.env_remove(variable);
    }
    Ran::of(&mut command).fails(3);
    command
        .env("GITHUB_SHA", commit.trim())
        .env("GITHUB_REF_TYPE", "branch")
        .env("GITHUB_REF_NAME", "main");
    let ran = Ran::of(&mut command).ok();
    assert!(ran.stderr.contains("docker.io/acme/tiny-main"), "{}", ran.stderr);
}

#[test]
fn a_tag_has_no_readme_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("README.md"), "# a\n").unwrap();
    for name in [
        "docker.io/a/b:1",
        &format!("docker.io/a/b@{}", cargo_gantry::spec::Digest::of(b"x")),
    ] {
        let mut command = gantry(folder.path());
        let ran = Ran::of(command.args(["readme", "--dry-run", "--file", "README.md", name])).fails(2);
        assert!(ran.stderr.contains("not_a_repository"), "{}", ran.stderr);
    }
}
