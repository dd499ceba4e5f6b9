//! Linkers and C compilers: what closes the gap that the choice of a linker found.

use super::system::version;
use super::{Check, Need, Remedy, System};
use crate::build::link::{Asked, LinkChoice, LinkError, Wanted};
use crate::build::rustflags::upper;
use crate::build::toolchain::Toolchain;
use crate::target::{Libc, LinkerKind, Target};

/// Whether build scripts and procedural macros, which run here, can be linked. `required` says that there are some for
/// sure.
pub fn host(toolchain: &Toolchain, required: bool, system: &System) -> Option<Check> {
    let host = toolchain.host()?;
    let own = format!("CARGO_TARGET_{}_LINKER", upper(host));
    let own = toolchain.tools().environment().non_empty(&own).map(str::to_owned);
    let linker = own.or_else(|| toolchain.configured_linker(host));
    let linker = linker.unwrap_or_else(|| "cc".to_owned());
    let subject = "linker for what runs here";
    if toolchain.find(&linker).is_some() {
        return Some(Check::found(
            Need::Linker,
            subject,
            format!("{linker} for {host}"),
        ));
    }
    let message = format!("`{linker}` is not in PATH");
    let check = match required {
        true => Check::missing(Need::Linker, subject, message),
        false => Check::warning(
            Need::Linker,
            subject,
            format!("{message}: no dependency with a build script can be added"),
        ),
    };
    let why = ["build scripts and procedural macros of dependencies".to_owned()];
    Some(check.needed_by(&why).remedy(Remedy::tool("cc", system), system))
}

/// What was chosen to link `target` with, or why nothing was.
pub fn linker(
    target: &Target,
    wanted: &Wanted,
    chosen: Result<&LinkChoice, &LinkError>,
    (toolchain, system): (&Toolchain, &System),
    why: &[String],
) -> Check {
    let subject = match wanted.compiles_c.is_empty() {
        true => format!("linker for {}", target.triple),
        false => format!("linker and C compiler for {}", target.triple),
    };
    let mut why = why.to_vec();
    if !wanted.compiles_c.is_empty() {
        why.push(format!("what compiles C: {}", wanted.compiles_c.join(", ")));
    }
    if let Some(floor) = wanted.glibc.as_ref().filter(|_| !wanted.static_) {
        why.push(format!("programs that run on glibc {floor}"));
    }
    match chosen {
        Ok(choice) => {
            let message = format!("{} ({})", choice.shown, choice.why);
            Check::found(Need::Linker, subject, message).needed_by(&why)
        }
        Err(error) => {
            let check = Check::missing(Need::Linker, subject, refusals(error)).needed_by(&why);
            let check = check.remedy(remedy(target, wanted, toolchain, system), system);
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

fn remedy(target: &Target, wanted: &Wanted, toolchain: &Toolchain, system: &System) -> Remedy {
    let is_host = toolchain.is_host(target);
    let machine = toolchain.tools().environment().machine();
    let same_machine = machine.arch == target.arch && machine.os == target.platform.os();
    let packaged = target.gcc_package.as_ref().filter(|_| system.is_debian());
    let gcc = || packaged.map(|names| Remedy::packages(names));
    let zig = || (target.zig.is_some() && !wanted.static_).then(|| Remedy::zig(system));
    let musl = || {
        let gcc = Remedy::tool("musl-gcc", system);
        (same_machine && gcc.command(system).is_some()).then_some(gcc)
    };
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
        // musl's headers come with its gcc, or with zig.
        (Asked::Kind(LinkerKind::Clang), Libc::Musl) => {
            let headers = musl().or_else(zig);
            headers.map(|headers| Remedy::joined([&headers, &Remedy::tool("clang", system)]))
        }
        (Asked::Kind(LinkerKind::Gcc), Libc::Musl) => musl(),
        (Asked::Kind(_), _) => None,
        (Asked::Auto, Libc::Musl) => musl().or_else(zig),
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
