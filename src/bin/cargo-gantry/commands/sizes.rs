//! The size table at the end of `cargo gantry build`.

use cargo_gantry::pipeline::{Built, PlatformSizes, ProgramSizes};
use serde_json::json;

use crate::reporter::{Reporter, bytes_text};
use crate::table::table;

const COLUMNS: [&str; 9] = [
    "IMAGE",
    "PLATFORM",
    "PROGRAM",
    "BINARY",
    "STRIPPED",
    "PACKED",
    "LAYER",
    "IMAGE PULLED",
    "ON DISK",
];

/// What each image weighs on each platform, a program a line.
pub(crate) fn show(built: &Built, reporter: &Reporter) {
    if reporter.json() {
        for image in &built.images {
            for sizes in &image.sizes {
                let programs: Vec<_> = sizes.programs.iter().map(object).collect();
                let value = json!({
                    "image": image.name, "platform": sizes.platform, "programs": programs,
                    "layer": sizes.layer, "image-pulled": sizes.image, "on-disk": sizes.disk,
                });
                reporter.result("size", "", value);
            }
        }
        return;
    }
    let rows = built.images.iter().flat_map(|image| {
        let sizes = image.sizes.iter();
        sizes.flat_map(|sizes| lines(&image.name, sizes))
    });
    let rows: Vec<Vec<String>> = rows.collect();
    reporter.table(&table(&COLUMNS, &rows));
}

fn object(program: &ProgramSizes) -> serde_json::Value {
    json!({
        "path": program.path, "binary": program.made, "stripped": program.stripped, "packed": program.packed,
    })
}

/// The first line has what the programs of a platform share.
fn lines(image: &str, sizes: &PlatformSizes) -> Vec<Vec<String>> {
    let shown = |bytes: Option<u64>| bytes.map_or_else(|| "-".to_owned(), bytes_text);
    let line = |(position, program): (usize, &ProgramSizes)| {
        let first = |text: String| if position == 0 { text } else { String::new() };
        vec![
            first(image.to_owned()),
            first(sizes.platform.to_string()),
            program.path.clone(),
            shown(program.made),
            shown(program.stripped),
            shown(program.packed),
            first(bytes_text(sizes.layer)),
            first(bytes_text(sizes.image)),
            first(bytes_text(sizes.disk)),
        ]
    };
    sizes.programs.iter().enumerate().map(line).collect()
}
