//! A hundred thousand small files in one layer.

use std::collections::BTreeMap;

use crate::layers;
use crate::program::Project;
use crate::support::told;
use crate::support::watched::Watched;

const FILES: usize = 100_000;

/// In kB, without the code. Not yet what everything else is held to: what is known of each file (its entry, its node in the tree
/// that is checked, its identity for the next run) is held until the layer is packed, some 0.8 kB a file.
const LIMIT: u64 = 96_000;

const MATRIX: &str = r#"schema = 1
[binary.app]
path = "{platform-path}/app"
[image.app]
binaries = ["app"]
base = "scratch"
platforms = ["linux/amd64"]
[[image.app.files]]
from = "many/"
to = "/srv/"
"#;

#[test]
fn a_hundred_thousand_files_make_a_layer() {
    let project = Project::new(MATRIX);
    let content = |number: usize| format!("the file {number}\n");
    for number in 0..FILES {
        let folder = project.path(&format!("many/{:03}", number / 500));
        if number % 500 == 0 {
            std::fs::create_dir_all(&folder).unwrap();
        }
        std::fs::write(folder.join(number.to_string()), content(number)).unwrap();
    }
    let run = Watched::of(&mut project.gantry(&["build", "--quiet"])).within(LIMIT, "100,000 files");
    // Not a call too many a file: as many for each as there are steps that have to be.
    let each = run.calls as f64 / FILES as f64;
    told(&format!("{each:.1} reads and writes a file"));
    assert!(each < 6.0, "{each} reads and writes a file");

    let Some(copy) = project.copied_by_skopeo("app") else {
        return;
    };
    let mut found = BTreeMap::new();
    for layer in layers::of(&copy, "app") {
        layer.files(|path, bytes| {
            if let Some(name) = path.strip_prefix("srv/") {
                let mut text = String::new();
                bytes.read_to_string(&mut text).unwrap();
                assert!(found.insert(name.to_owned(), text).is_none(), "{path} twice");
            }
        });
    }
    assert_eq!(found.len(), FILES);
    for number in 0..FILES {
        assert_eq!(found[&format!("{:03}/{number}", number / 500)], content(number));
    }
}
