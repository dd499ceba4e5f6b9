//! Programs of this machine.

use cargo_gantry::trial::Verdict;
use serde_json::json;

use crate::image::{Image, Put, both_ways, is_ordinary};

/// The tests themselves are for one machine.
const HERE: &str = "linux/amd64";

#[test]
fn a_program_runs_as_the_config_says() {
    both_ways("native::a_program_runs_as_the_config_says");
    let Some(mut image) = Image::with_probe(HERE) else {
        return;
    };
    assert_eq!(image.smoke(&[]), Verdict::Passed);
    image.layer(&[
        Put::File("etc/passwd", 0o644, b"app:x:1000:1001::/home/app:/bin/sh\n"),
        Put::File("etc/group", 0o644, b"video:x:44:app\n"),
    ]);
    image.config["config"]["User"] = json!("app");
    image.config["config"]["WorkingDir"] = json!("/srv/deep");
    image.config["config"]["Env"] = json!(["A=1 2", "LATE=x", "LATE=y"]);
    let said = image.said(&["who", "env", "words"]);
    let groups = if is_ordinary() { "" } else { "44" };
    let expected = format!("uid=1000 gid=1001 groups={groups} cwd=/srv/deep host=gantry first=0\n");
    let (who, rest) = said.split_at(expected.len().min(said.len()));
    assert_eq!(who, expected, "{said}");
    let mut lines: Vec<_> = rest.lines().collect();
    assert_eq!(lines.pop(), Some("[/probe][who][env][words][exit][3]"));
    lines.sort_unstable();
    let expected = [
        "A=1 2",
        "HOME=/home/app",
        "HOSTNAME=gantry",
        "LATE=y",
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    ];
    assert_eq!(lines, expected);
}
