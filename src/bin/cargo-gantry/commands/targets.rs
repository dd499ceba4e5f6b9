//! `cargo gantry targets`

use cargo_gantry::pipeline::{Error, Gantry};

use crate::args;
use crate::reporter::Reporter;
use crate::table::table;

pub(crate) fn run(arguments: &args::Targets, gantry: &Gantry, reporter: &Reporter) -> Result<(), Error> {
    let wanted = &arguments.platforms;
    let mut rows = gantry.targets()?;
    rows.retain(|row| wanted.is_empty() || wanted.contains(&row.platform));
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            let std = if row.std_installed { "installed" } else { "-" };
            vec![
                row.platform.to_string(),
                row.triple.clone(),
                std.to_owned(),
                row.linker.clone().unwrap_or_else(|| "-".to_owned()),
                row.linker_for_c.clone().unwrap_or_else(|| "-".to_owned()),
            ]
        })
        .collect();
    let text = table(
        &[
            "PLATFORM",
            "TARGET",
            "STD",
            "LINKER",
            "LINKER WHERE C IS COMPILED",
        ],
        &cells,
    );
    reporter.result("targets", &text, serde_json::json!({ "targets": rows }));
    Ok(())
}
