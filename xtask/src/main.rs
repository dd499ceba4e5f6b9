//! The chores of this repository: `cargo xtask <name>`.
//!
//! It uses nothing of the library, so that it builds in seconds on a machine that has only Rust and gcc.

mod bases;
mod bench;
mod ci;
mod ci_examples;
mod docs;
mod doctor;
mod fit_debian;
mod interop;
mod registry;
mod run_image;
mod setup;
mod step;
mod toolchains;
mod validate;
mod weight;

use anyhow::bail;

const CHORES: &str = "cargo xtask <chore>

  setup                          install what the tests need
  test [ARG...]                  setup, then every test, nothing skipped
  ci                             all that must hold before a change is taken
  docs [--check]                 write docs/reference/{commands,errors}.md, or say whether they are right
  bases [--only NAME]            make the base images that tests use (--into DIR: elsewhere than under target/)
  fit-debian [--packages N]      check the programs of Debian packages against what they depend on: no finding is right
  doctor [--at-once]             make a bare machine, follow there what `cargo gantry doctor` tells, and build (--keep: leave it)
  interop                        publish the examples, check them with other tools, run every platform
  interop --crate NAME@VERSION   the same for a package of crates.io (--matrix FILE, --platforms A,B)
  ci-examples                    play examples/ci as GitHub, GitLab and a person would (--only github|gitlab|shell|sccache)
  validate REF|LAYOUT            check one image
  run-image [-p PLATFORM] REF    run one platform of an image in its own root
  bench [ARG...]                 measure packing and publishing beside other tools; writes docs/performance.md
  bench growth [--quick]         run the criterion benches, and write how they grow into that page
  weight [--release]             how large the command is, and of how many crates, against xtask/weight.toml
  toolchains [--only WORDS]      build and run programs for every platform with every linker; writes docs/toolchains.md";

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (chore, rest) = match arguments.split_first() {
        Some((chore, rest)) => (chore.as_str(), rest),
        None => bail!("which chore?\n\n{CHORES}"),
    };
    match chore {
        "setup" => setup::run(),
        "test" => ci::test(rest),
        "ci" => ci::run(),
        "docs" => docs::run(rest),
        "doctor" => doctor::run(rest),
        "bases" => bases::run(rest),
        "fit-debian" => fit_debian::run(rest),
        "ci-examples" => ci_examples::run(rest),
        "interop" => interop::run(rest),
        "validate" => validate::run(rest),
        "run-image" => run_image::run(rest),
        "bench" => bench::run(rest),
        "weight" => weight::run(rest),
        "toolchains" => toolchains::run(rest),
        other => bail!("no chore `{other}`\n\n{CHORES}"),
    }
}
