//! What a commit did not change is not sent again.

use serde_json::json;

use crate::project::{PLATFORMS, Project};
use crate::support::registry::Registry;

#[test]
fn a_program_that_a_commit_left_alone_is_the_same_layer() {
    for (files, layers) in [
        ("", 0),
        // Web servers tell versions of a file by its time: one layer for all platforms, as new as the commit.
        ("[[image.lookout.files]]\nfrom = \"assets/\"\nto = \"/srv/\"", 1),
    ] {
        let registry = Registry::plain();
        let project = Project::new(&format!("{}/team/lookout", registry.host()), files);
        let machine = project.machine("one", "1.2.3");
        machine.write("assets/index.html", "welcome");
        machine.commit("1.2.4", "2026-01-03T03:04:05Z");
        machine.messages(&["publish"], "published");
        for (version, time) in [
            ("1.2.5", "2026-01-04T03:04:05Z"),
            ("1.2.6", "2026-01-05T03:04:05Z"),
        ] {
            machine.write("README.md", version);
            machine.commit(version, time);
            let published = machine.messages(&["publish"], "published").remove(0);
            // The config of each platform has the version and the time.
            assert_eq!(
                published["blobs-sent"],
                json!(PLATFORMS.len() + layers),
                "{version}"
            );
        }
    }
}
