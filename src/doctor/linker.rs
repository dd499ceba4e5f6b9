//! Linkers and C compilers: what closes the gap that the choice of a linker found.

use super::system::version;
use super::{Check, Need, Remedy, System};
use crate::build::link::{Asked, LinkChoice, LinkError, Wanted};
use crate::target::{Libc, LinkerKind, Target};

/// What was chosen to link `target` with, or why nothing was. `host` is what rustc runs on.
pub fn linker(
    (target, host): (&Target, Option<&Target>),
    wanted: &Wanted,
    chosen: Result<&LinkChoice, &LinkError>,
    system: &System,
    why: &[String],
) -> Check {
    let subject = match wanted.compiles_c.is_empty() {
        true => format!("linker for {}", target.triple),
        false => format!("linker and C compiler for {}", target.triple),
    };
    let mut why = why.to_vec();
    if !wanted.compiles_c.is_empty() {
        why.push(format!("C is compiled by {}", wanted.compiles_c.join(", ")));
    }
    if let Some(floor) = wanted.glibc.as_ref().filter(|_| !wanted.static_) {
        why.push(format!("programs must run on glibc {floor}"));
    }
    match chosen {
        Ok(choice) => {
            let message = format!("{} ({})", choice.shown, choice.why);
            Check::found(Need::Linker, subject, message).needed_by(&why)
        }
        Err(error) => {
            let check = Check::missing(Need::Linker, subject, refusals(error)).needed_by(&why);
            let check = check.remedy(remedy((target, host), wanted, system), system);
            let help = miette::Diagnostic::help(error).map(|help| help.to_string());
            match (&check.command, &check.advice, help) {
                (None, None, Some(help)) => check.advise(help),
                _ => check,
            }
        }
    }
}

/// Why nothing was chosen, on one line.
fn refusals(error: &LinkError) -> String {
    match error {
        LinkError::NoLinker { refusals, .. } => {
            let refusals = refusals
                .iter()
                .map(|refusal| format!("{}: {}", refusal.kind, refusal.why));
            refusals.collect::<Vec<_>>().join("; ")
        }
        other => other.to_string(),
    }
}

fn remedy((target, host): (&Target, Option<&Target>), wanted: &Wanted, system: &System) -> Remedy {
    let is_host = host.is_some_and(|host| host.triple == target.triple);
    let same_machine = host.is_some_and(|host| host.platform == target.platform);
    let packaged = target.gcc_package.as_ref().filter(|_| system.is_debian());
    let gcc = || packaged.map(|names| Remedy::packages(names));
    let zig = || (target.zig.is_some() && !wanted.static_).then(|| Remedy::zig(system));
    let kept = keeps_floor(wanted, system);
    let found = match (&wanted.linker, target.libc) {
        (Asked::Program(program), _) => {
            let named = target
                .gcc_prefix
                .as_ref()
                .is_some_and(|prefix| *program == format!("{prefix}-gcc"));
            gcc().filter(|_| named)
        }
        (Asked::Kind(LinkerKind::Zig), _) => zig(),
        (Asked::Kind(LinkerKind::Clang), Libc::Gnu) => {
            gcc().map(|gcc| Remedy::joined([&gcc, &Remedy::tool("clang", system)]))
        }
        (Asked::Kind(LinkerKind::Cc), _) => Some(Remedy::tool("cc", system)),
        (Asked::Kind(LinkerKind::Gcc), Libc::Gnu) => gcc(),
        (Asked::Kind(_), Libc::Gnu | Libc::None) => None,
        (_, Libc::Musl) => match same_machine {
            true => Some(Remedy::tool("musl-gcc", system)).filter(|remedy| remedy.command(system).is_some()),
            false => None,
        }
        .or_else(zig),
        (Asked::Auto, _) if is_host && kept => Some(Remedy::tool("cc", system)),
        (Asked::Auto, _) => gcc().filter(|_| kept).or_else(zig),
    };
    found.unwrap_or_default()
}

/// Whether what a package's gcc links runs on the glibc that is wanted.
fn keeps_floor(wanted: &Wanted, system: &System) -> bool {
    let floor = wanted.glibc.as_deref().and_then(version);
    floor.is_none_or(|floor| wanted.static_ || system.keeps_floor(floor))
}
