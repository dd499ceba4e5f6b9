//! Twice the input is twice the work: instructions, counted by valgrind.
//!
//! From the counts for n, 2n and 4n of something, what is the same for every n falls out by subtraction: what the second
//! doubling adds is twice what the first one did, where work is linear, and four times where it is quadratic.

use std::path::Path;
use std::process::Command;

use crate::images;
use crate::program::Project;
use crate::support::{outside, told};

/// Below, growth counts as linear; n log n is 2.2 at these numbers.
const LINEAR: f64 = 2.4;

#[test]
fn a_plan_grows_with_its_images() {
    grows("plan of images", 10, |count| {
        let project = Project::new(&images::matrix(count, "registry.example/team/{image}"));
        let command = project.gantry(&["plan"]);
        (project, command)
    });
}

#[test]
fn a_layer_grows_with_its_files() {
    grows("layer of small files", 100, |count| {
        let project = Project::new(
            "schema = 1\n[binary.app]\npath = \"{platform-path}/app\"\n[image.app]\nbinaries = [\"app\"]\nbase = \
             \"scratch\"\nplatforms = [\"linux/amd64\"]\ncompression = \"none\"\n[[image.app.files]]\nfrom = \
             \"many/\"\nto = \"/srv/\"\n",
        );
        for number in 0..count {
            project.write(&format!("many/{}/{number}", number / 50), b"small");
        }
        let command = project.gantry(&["build", "--quiet"]);
        (project, command)
    });
}

fn grows(what: &str, base: usize, prepare: impl Fn(usize) -> (Project, Command)) {
    let mut counts = Vec::new();
    for times in [1, 2, 4] {
        let (project, command) = prepare(base * times);
        // What is only just written is looked at until its tick is over, which is a matter of time.
        std::thread::sleep(std::time::Duration::from_millis(50));
        match instructions(&command, &project.path("counted")) {
            Some(count) => counts.push(count),
            None => return,
        }
    }
    let first = counts[1] - counts[0];
    let second = counts[2] - counts[1];
    let ratio = second as f64 / first as f64;
    told(&format!(
        "{what}: {} thousand instructions each, the second doubling is {ratio:.2} of the first",
        second / (2 * base as u64) / 1000
    ));
    assert!(
        ratio < LINEAR,
        "{what}: {counts:?}, {ratio:.2} is more than linear"
    );
    assert!(
        ratio > 1.5,
        "{what}: {counts:?}, {ratio:.2}: was anything counted?"
    );
}

/// What the process executes in user space, its own threads included. The same on every run, but for what depends on
/// the order of threads.
fn instructions(command: &Command, out: &Path) -> Option<u64> {
    let mut counted = Command::new("valgrind");
    counted
        .arg("--tool=callgrind")
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(command.get_program())
        .args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => counted.env(name, value),
            None => counted.env_remove(name),
        };
    }
    let ran = counted.current_dir(command.get_current_dir().unwrap()).output();
    let ran = outside(ran, "valgrind", "valgrind")?;
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{said}");
    let collected = said.lines().find_map(|line| line.split("Collected :").nth(1));
    Some(collected.unwrap().trim().parse().unwrap())
}
