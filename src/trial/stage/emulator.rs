//! [`Emulator`]: who starts a program that this machine cannot.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::program::Machine;
use crate::binary::Elf;
use crate::target::{Catalog, Target};
use crate::tool::Tools;

/// Who starts the image's programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Emulator {
    /// The kernel.
    None,
    /// This qemu, which needs no libraries.
    Qemu(PathBuf),
}

impl Emulator {
    /// Who starts programs of `target`, or why nobody can. Without a target it is the kernel.
    pub(super) fn of(tools: &Tools, target: Option<&Target>) -> Result<Self, String> {
        let promise = target.and_then(|target| Some((target, target.elf.as_ref()?)));
        let Some((target, promise)) = promise else {
            return Ok(Self::None);
        };
        let machine = Machine {
            class: promise.class,
            endian: promise.endian,
            number: promise.machine,
        };
        if runs_here(machine) {
            return Ok(Self::None);
        }
        let Some(name) = &target.qemu else {
            return Err(format!("no emulator of {} is known", target.platform));
        };
        let names = [format!("qemu-{name}-static"), format!("qemu-{name}")];
        let found: Vec<PathBuf> = names.iter().filter_map(|name| tools.find(name)).collect();
        if let Some(qemu) = found.iter().find(|qemu| is_static(qemu)) {
            return Ok(Self::Qemu(qemu.clone()));
        }
        let [usual, _] = names;
        Err(match found.first() {
            Some(dynamic) => format!(
                "`{}` needs libraries that the image's root does not have: `{usual}` is static \
                 (Debian and Ubuntu: qemu-user-static)",
                dynamic.display()
            ),
            None => format!(
                "`{usual}` is not installed, which runs programs for {} here (Debian and Ubuntu: qemu-user-static)",
                target.platform
            ),
        })
    }
}

/// Whether the kernel starts such programs: what we are, or what the fact sheet of that says.
fn runs_here(machine: Machine) -> bool {
    let Some(own) = Machine::of_file(Path::new("/proc/self/exe")) else {
        return false;
    };
    if machine == own {
        return true;
    }
    let catalog = Catalog::builtin();
    let mut own_sheets = catalog
        .iter()
        .filter_map(|target| target.elf.as_ref())
        .filter(|elf| (elf.class, elf.endian, elf.machine) == (own.class, own.endian, own.number));
    own_sheets.any(|elf| elf.also_runs.contains(&machine.number))
}

fn is_static(qemu: &Path) -> bool {
    // What is a link lies elsewhere.
    let file = fs::canonicalize(qemu).and_then(File::open);
    file.is_ok_and(|file| Elf::read(file).is_ok_and(|elf| elf.interpreter.is_none()))
}
