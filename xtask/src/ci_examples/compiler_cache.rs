//! What sccache saves: of a build in a fresh checkout at the same place, and of one elsewhere.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::Site;
use super::event::Event;
use super::machine::Machine;
use crate::step::say;

/// Ends the server that sccache leaves behind.
struct Server<'a> {
    machine: &'a Machine,
    variables: BTreeMap<String, String>,
}

impl Drop for Server<'_> {
    fn drop(&mut self) {
        let mut stop = self.machine.command("sccache", &self.variables);
        // It may have ended by itself.
        let _ = stop.current_dir(&self.machine.root).arg("--stop-server").output();
    }
}

/// Builds three times with one folder of results: nothing is found, then everything, then, in another folder, nothing:
/// the paths that `remap-paths` takes out are a part of what rustc is asked.
pub(super) fn play(site: &Site) -> Result<()> {
    let machine = &site.machine;
    let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
    let variables = [
        ("RUSTC_WRAPPER", "sccache".to_owned()),
        ("SCCACHE_DIR", machine.root.join("sccache").display().to_string()),
        ("SCCACHE_SERVER_PORT", port.to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), value));
    let server = Server {
        machine,
        variables: variables.into(),
    };
    let (hits, misses) = build(site, machine, &server.variables)?;
    say(format_args!(
        "sccache, nothing kept: {hits} found, {misses} compiled"
    ));
    ensure!(hits == 0 && misses > 0, "it does not count");
    let again = build(site, machine, &server.variables)?;
    say(format_args!(
        "sccache, fresh checkout: {} found, {} compiled",
        again.0, again.1
    ));
    ensure!(again == (misses, 0), "{again:?} of {misses}");
    let elsewhere = Machine {
        root: machine.root.clone(),
        project: machine.root.join("elsewhere"),
        home: machine.home.clone(),
    };
    let moved = build(site, &elsewhere, &server.variables)?;
    say(format_args!(
        "sccache, other folder: {} found, {} compiled",
        moved.0, moved.1
    ));
    ensure!(
        moved == (0, misses),
        "{moved:?}: docs/ci/README.md says otherwise"
    );
    Ok(())
}

/// How many results were found, and how many were not.
fn build(site: &Site, machine: &Machine, variables: &BTreeMap<String, String>) -> Result<(u64, u64)> {
    machine.clean()?;
    site.origin.checkout_as_github(Event::Main, &machine.project)?;
    let stats: PathBuf = machine.root.join("stats.json");
    let script = format!(
        "sccache --zero-stats >/dev/null\n\
         cargo gantry build --quiet --locked --platform linux/amd64\n\
         sccache --show-stats --stats-format json >{}",
        stats.display()
    );
    let code = machine.run(&["sh", "-e"], &script, variables)?;
    ensure!(
        code == Some(0),
        "it ended with {code:?} (`cargo xtask setup` installs sccache)"
    );
    let said: Value = serde_json::from_str(&fs::read_to_string(stats)?)?;
    let sum = |name: &str| -> Result<u64> {
        let counts = said["stats"][name]["counts"].as_object().context("no counts")?;
        Ok(counts.values().filter_map(Value::as_u64).sum())
    };
    Ok((sum("cache_hits")?, sum("cache_misses")?))
}
