//! Reading a matrix and planning it, by the number of images. `cargo bench --bench plan`.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a program for people, whose failure is a panic"
)]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use cargo_gantry::matrix;
use cargo_gantry::plan::{self, Bases, Link, LinkQuery, Overrides, Package, Plan, Question, Selection};
use cargo_gantry::target::Catalog;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

const IMAGES: [usize; 4] = [1, 10, 50, 200];

fn of_a_workspace(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("plan a workspace, 3 platforms an image");
    group.sample_size(10).measurement_time(Duration::from_secs(2));
    let catalog = Catalog::builtin();
    for images in IMAGES {
        let text = workspace(images);
        let packages: Vec<Package> = (0..images).map(package).collect();
        group.throughput(Throughput::Elements(images as u64));
        group.bench_function(BenchmarkId::from_parameter(images), |bencher| {
            bencher.iter(|| planned(&text, &packages, &catalog));
        });
    }
}

/// A package with a binary for each image.
fn package(number: usize) -> Package {
    Package {
        name: format!("package-{number}"),
        version: "1.2.3".into(),
        binaries: vec![format!("program-{number}")],
        default_member: true,
        ..Package::default()
    }
}

fn workspace(images: usize) -> String {
    let mut text = "schema = 1\n[defaults]\nrepository = \"registry.example/team/{image}\"\nplatforms = [\"linux/amd64\", \
                    \"linux/arm64\", \"linux/arm/v7\"]\ntags = [\"semver\", { tag = \"edge\", moves = \"always\" }]\n"
        .to_owned();
    for number in 0..images {
        write!(
            text,
            "[image.image-{number}]\nbinaries = [\"program-{number}\"]\nenv = {{ NUMBER = \"{number}\" }}\nlabels = {{ \
             number = \"{number}\" }}\n[[image.image-{number}.files]]\nfrom = \"assets-{number}/\"\nto = \"/srv/\"\n"
        )
        .unwrap();
    }
    text
}

/// What `cargo gantry plan` does beside asking cargo, git and the linkers.
fn planned(text: &str, packages: &[Package], catalog: &Catalog) -> Plan {
    let matrix = matrix::parse("gantry.toml", text).unwrap();
    let (selection, bases) = (Selection::default(), Bases::new());
    let candidates = plan::candidates(&matrix, catalog, &selection, &bases).unwrap();
    let draft = plan::draft(&Question {
        matrix: &matrix,
        packages,
        catalog,
        git: None,
        installed: candidates.into_iter().flat_map(|one| one.triples).collect(),
        bases,
        selection,
        overrides: Overrides::default(),
        variables: BTreeMap::new(),
        created: 0,
        out: "/store/made".into(),
    })
    .unwrap();
    let links: Vec<Option<Link>> = draft.queries().iter().map(|query| Some(link(query))).collect();
    draft.plan(&links).unwrap()
}

fn link(query: &LinkQuery) -> Link {
    Link {
        shown: format!("linker of {}", query.triple),
        why: String::new(),
        variables: BTreeMap::new(),
        compilers: BTreeMap::new(),
        rustflags: Vec::new(),
    }
}

criterion_group!(benches, of_a_workspace);
criterion_main!(benches);
