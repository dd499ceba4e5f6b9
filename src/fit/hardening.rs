//! [`Check::Hardening`]: no executable stack, and read-only relocations.
//!
//! `PT_GNU_STACK` and `PT_GNU_RELRO` of the LSB
//! <https://refspecs.linuxfoundation.org/LSB_5.0.0/LSB-Core-generic/LSB-Core-generic/progheader.html>. Allowed unless the
//! matrix says otherwise: nothing fails to run because of it. Static programs at a fixed address relocate nothing.

use super::scene::{Program, Scene};
use super::{Check, Finding};
use crate::binary::ElfKind;

pub(super) fn check(scene: &Scene<'_>, program: &Program<'_>, out: &mut Vec<Finding>) {
    let Some(elf) = program.elf else { return };
    let mut tell = |what: &str, help: &str| {
        let message = format!("`{}` has {what}", program.path);
        out.push(scene.finding(Check::Hardening, &program.path, message).help(help));
    };
    if elf.executable_stack {
        tell(
            "an executable stack",
            "an assembler file without `.note.GNU-stack` is the usual cause; `-Clink-arg=-Wl,-z,noexecstack` forbids it",
        );
    }
    let relocated = !elf.is_static() || elf.kind == ElfKind::Dyn;
    if relocated && !elf.relro {
        tell(
            "relocations that stay writable",
            "link with `-Wl,-z,relro`, as rustc does by itself",
        );
    } else if !elf.is_static() && !elf.bind_now {
        tell(
            "function tables that stay writable",
            "link with `-Wl,-z,now`, as rustc does by itself",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::Elf;
    use crate::fit::example::{Example, elf, static_elf};

    #[test]
    fn hardening_is_told_where_it_is_asked_for() {
        let with = |mut elf: Elf, change: fn(&mut Elf)| {
            change(&mut elf);
            elf
        };
        let fixed = |elf: &mut Elf| (elf.kind, elf.relro, elf.bind_now) = (ElfKind::Exec, false, false);
        for (elf, expected) in [
            (elf(), vec![]),
            (static_elf(), vec![]),
            (with(static_elf(), fixed), vec![]),
            (with(static_elf(), |elf| elf.bind_now = false), vec![]),
            (
                with(elf(), |elf| elf.bind_now = false),
                vec!["`/app` has function tables that stay writable"],
            ),
            (
                with(elf(), |elf| elf.relro = false),
                vec!["`/app` has relocations that stay writable"],
            ),
            (
                with(static_elf(), |elf| elf.executable_stack = true),
                vec!["`/app` has an executable stack"],
            ),
        ] {
            let mut example = Example::debian("2.36");
            example.program("app", elf);
            assert_eq!(example.all(), []);
            assert_eq!(example.messages(Check::Hardening), expected);
        }
    }
}
