//! `cargo gantry plan`

use cargo_gantry::pipeline::{Error, Gantry};
use cargo_gantry::plan::{ForeignUnit, Link, Plan};

use super::{publish, remote, runtime};
use crate::args;
use crate::reporter::Reporter;
use crate::table::table;

pub(crate) fn run(arguments: &args::Plan, gantry: &Gantry, reporter: &Reporter) -> Result<(), Error> {
    let request = arguments.selecting.request();
    if arguments.remote {
        let access = publish::access(&arguments.selecting.plain, &arguments.login)?;
        let (plan, outlooks) = runtime()?.block_on(gantry.outlook(&request, &access))?;
        show(&plan, reporter);
        remote::outlooks(&outlooks, reporter);
        return Ok(());
    }
    show(&runtime()?.block_on(gantry.plan(&request))?, reporter);
    Ok(())
}

fn show(plan: &Plan, reporter: &Reporter) {
    let value = serde_json::to_value(plan).expect("a plan is representable as JSON");
    reporter.result("plan", &text(plan), value);
}

fn text(plan: &Plan) -> String {
    let mut parts = Vec::new();
    if !plan.units.is_empty() {
        parts.push(units(plan));
    }
    if !plan.foreign.is_empty() {
        parts.push(foreign(plan));
    }
    parts.push(images(plan));
    parts.extend(bases(plan));
    parts.push(names(plan));
    if !plan.notices.is_empty() {
        parts.push(
            plan.notices
                .iter()
                .map(|notice| format!("note: {notice}"))
                .collect::<Vec<_>>()
                .join("\n"),
        );
    }
    parts.join("\n\n")
}

fn units(plan: &Plan) -> String {
    let mut rows = Vec::new();
    for unit in &plan.units {
        let binaries: Vec<&str> = unit.binaries.iter().map(String::as_str).collect();
        for (position, target) in unit.targets.iter().enumerate() {
            let first = |text: String| if position == 0 { text } else { String::new() };
            rows.push(vec![
                first(unit.name.clone()),
                target.triple.clone(),
                target.link.shown.clone(),
                target.link.why.clone(),
                first(binaries.join(", ")),
                first(unit.why.clone()),
            ]);
        }
    }
    table(
        &[
            "UNIT",
            "TARGET",
            "LINKER",
            "WHY THIS LINKER",
            "BINARIES",
            "WHY A UNIT OF ITS OWN",
        ],
        &rows,
    )
}

/// What is made without cargo, a binary and platform a line.
fn foreign(plan: &Plan) -> String {
    let compiler = |link: &Option<Link>| link.as_ref().map_or("-".to_owned(), |link| link.shown.clone());
    let mut rows = Vec::new();
    for unit in &plan.foreign {
        match unit {
            ForeignUnit::Go(unit) => {
                let binaries: Vec<&str> = unit.binaries.keys().map(String::as_str).collect();
                let packages: Vec<&str> = unit.binaries.values().map(String::as_str).collect();
                for target in &unit.targets {
                    rows.push(vec![
                        unit.name.clone(),
                        target.platform.to_string(),
                        binaries.join(", "),
                        packages.join(" "),
                        compiler(&target.link),
                    ]);
                }
            }
            ForeignUnit::Prebuilt(unit) => rows.extend(unit.files.iter().map(|file| {
                let member = file
                    .member
                    .as_ref()
                    .map_or(String::new(), |member| format!(", in it {member}"));
                vec![
                    unit.name.clone(),
                    file.platform.to_string(),
                    file.binary.clone(),
                    format!("{}{member}", file.path),
                    "-".to_owned(),
                ]
            })),
            ForeignUnit::Command(unit) => rows.extend(unit.runs.iter().map(|run| {
                vec![
                    unit.name.clone(),
                    run.platform.to_string(),
                    run.binary.clone(),
                    run.command.join(" "),
                    compiler(&run.link),
                ]
            })),
            _ => {}
        }
    }
    table(
        &["UNIT", "PLATFORM", "BINARIES", "MADE FROM", "C COMPILER"],
        &rows,
    )
}

fn images(plan: &Plan) -> String {
    let mut rows = Vec::new();
    for image in &plan.images {
        for platform in &image.platforms {
            let binaries: Vec<&str> = platform
                .binaries
                .iter()
                .map(|binary| binary.dest.as_str())
                .collect();
            rows.push(vec![
                image.name.clone(),
                platform.platform.to_string(),
                platform.base.clone(),
                platform.triple.clone(),
                platform.why.clone(),
                binaries.join(", "),
            ]);
        }
    }
    table(
        &[
            "IMAGE",
            "PLATFORM",
            "BASE",
            "TARGET",
            "WHY THIS TARGET",
            "BINARIES",
        ],
        &rows,
    )
}

/// The bases that are images, if there are any: what was pinned, and what programs find there.
fn bases(plan: &Plan) -> Option<String> {
    let mut rows = Vec::new();
    for platform in plan.images.iter().flat_map(|image| &image.platforms) {
        let Some(facts) = &platform.base_facts else {
            continue;
        };
        let row = vec![
            facts.name.clone(),
            facts.platform.to_string(),
            facts.libc.to_string(),
            platform.glibc.clone().unwrap_or_default(),
            facts.manifest.to_string(),
        ];
        if !rows.contains(&row) {
            rows.push(row);
        }
    }
    let columns = ["BASE", "PLATFORM", "LIBC", "GLIBC FLOOR", "DIGEST"];
    (!rows.is_empty()).then(|| table(&columns, &rows))
}

fn names(plan: &Plan) -> String {
    let mut rows = Vec::new();
    for image in &plan.images {
        let tags: Vec<&str> = image.tags.iter().map(|tag| tag.name.as_str()).collect();
        let repositories = match image.repositories.is_empty() {
            true => "(none: can only be built)".to_owned(),
            false => image.repositories.join(", "),
        };
        rows.push(vec![
            image.name.clone(),
            image.version.clone().unwrap_or_default(),
            tags.join(", "),
            repositories,
        ]);
    }
    table(&["IMAGE", "VERSION", "TAGS", "REPOSITORIES"], &rows)
}
