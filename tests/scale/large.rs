//! A file that no 32-bit number counts.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};

use crate::layers;
use crate::program::Project;
use crate::support::watched::{PROMISED, Watched};

/// 4 GiB and something. Nearly all of it is a hole, which is packed as quickly as can be.
const SIZE: u64 = (4 << 30) + 12_345;
const END: &[u8] = b"the end of it";

const MATRIX: &str = r#"schema = 1
[binary.app]
path = "{platform-path}/app"
[image.app]
binaries = ["app"]
base = "scratch"
platforms = ["linux/amd64"]
[[image.app.files]]
from = "large"
to = "/large"
"#;

#[test]
fn a_file_of_more_than_four_gibibytes_is_packed_whole() {
    let project = Project::new(MATRIX);
    let mut file = File::create(project.path("large")).unwrap();
    file.seek(SeekFrom::Start(SIZE - END.len() as u64)).unwrap();
    file.write_all(END).unwrap();
    drop(file);
    Watched::of(&mut project.gantry(&["build", "--quiet"])).within(PROMISED, "4 GiB");

    let mut sizes = Vec::new();
    for layer in layers::of(&project.path(".gantry"), "app") {
        layer.files(|path, bytes| {
            if path == "large" {
                let mut buffer = vec![0; 1 << 20];
                let (mut size, mut last) = (0, Vec::new());
                loop {
                    let count = bytes.read(&mut buffer).unwrap();
                    if count == 0 {
                        break;
                    }
                    size += count as u64;
                    last.extend_from_slice(&buffer[..count]);
                    last.drain(..last.len().saturating_sub(END.len()));
                }
                assert_eq!(last, END);
                sizes.push(size);
            }
        });
    }
    assert_eq!(sizes, [SIZE]);
}
