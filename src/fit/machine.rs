//! [`Check::Machine`]: class, byte order, machine, ABI flags, OS and ARM version are the platform's.
//!
//! ELF gABI, "ELF Header" and "Machine Information" <https://gabi.xinuos.com/elf/02-eheader.html>; for ARM
//! <https://github.com/ARM-software/abi-aa/blob/2024Q3/addenda32/addenda32.rst>. What a platform's programs must be stands
//! in `targets/`. The ABI flags of a static program say nothing: it shares no call with anybody.

use super::scene::{Program, Scene};
use super::{Check, Finding};
use crate::binary::{Elf, ElfKind};
use crate::target::{ElfPromise, Endian};

/// `EI_OSABI` of systems that are not Linux, by their number in the gABI.
const FOREIGN: [(u8, &str); 11] = [
    (1, "HP-UX"),
    (2, "NetBSD"),
    (6, "Solaris"),
    (7, "AIX"),
    (8, "IRIX"),
    (9, "FreeBSD"),
    (10, "Tru64"),
    (12, "OpenBSD"),
    (13, "OpenVMS"),
    (16, "FenixOS"),
    (17, "CloudABI"),
];

/// Crates with code for newer processors that runs only where it can: the linker takes the highest version of all parts.
const DETECT: [&str; 4] = ["ring", "aws-lc-sys", "boring-sys", "openssl-src"];

pub(super) fn check(scene: &Scene<'_>, program: &Program<'_>, out: &mut Vec<Finding>) {
    let Some(elf) = program.elf else { return };
    let platform = scene.question.platform;
    let known = scene.crates(program);
    let detects = known.is_some_and(|crates| DETECT.iter().any(|name| crates.contains(*name)));
    let found = wrong(scene, elf, detects);
    if let Some((needed, found, help)) = found {
        let message = format!(
            "`{}` is no program for {platform}: it is for {found}",
            program.path
        );
        let finding = scene.finding(Check::Machine, &program.path, message);
        out.push(finding.needed(needed).found(found).help(help));
    }
}

/// What is needed, what is there, and the way out.
fn wrong(scene: &Scene<'_>, elf: &Elf, detects: bool) -> Option<(String, String, String)> {
    let platform = scene.question.platform;
    let system = FOREIGN.iter().find(|(number, _)| *number == elf.os_abi);
    if let Some((_, system)) = system {
        return Some((
            platform.os().to_owned(),
            (*system).to_owned(),
            "build it for Linux".to_owned(),
        ));
    }
    if let ElfKind::Other(kind) = elf.kind {
        let found = format!("nothing: an ELF file of type {kind} cannot be started");
        return Some((
            "a program".to_owned(),
            found,
            "take the linked program".to_owned(),
        ));
    }
    let (promise, exact) = promise(scene)?;
    let machine = (promise.class, promise.endian, promise.machine);
    if machine != (elf.class, elf.endian, elf.machine) && !promise.also_runs.contains(&elf.machine) {
        let found = platform_of(scene, elf);
        let help = format!("take the program that was built for {platform}, or publish this one for {found}");
        return Some((
            described(promise.class, promise.endian, promise.machine),
            found,
            help,
        ));
    }
    if !exact || elf.machine != promise.machine {
        return None;
    }
    if let (Some(most), Some(own)) = (promise.arm_version, elf.arm.and_then(|arm| arm.version()))
        && own > most
        && !detects
    {
        let help = format!("build it for a target of ARMv{most}, or give `target-cpu` one of its processors");
        return Some((format!("ARMv{most}"), format!("ARMv{own}"), help));
    }
    // Bits that are not set say nothing; one that the platform's ABI does not have is of another ABI.
    let flags = promise.flags.filter(|_| elf.interpreter.is_some())?;
    let own = elf.flags & flags.mask;
    let hard_float = elf.arm.is_some_and(|arm| arm.vfp_args == 1);
    (own & !flags.value != 0 && !hard_float).then(|| {
        let found = format!("another ABI (e_flags {own:#x} of {:#x})", flags.mask);
        let help = format!("build it for the ABI of {platform}, or link it statically");
        (format!("e_flags {:#x}", flags.value), found, help)
    })
}

/// What programs of the platform must be, and whether the sheet is of just this variant.
fn promise<'a>(scene: &Scene<'a>) -> Option<(&'a ElfPromise, bool)> {
    let platform = scene.question.platform;
    let catalog = scene.question.catalog;
    let mut exact = catalog.iter().filter(|target| target.platform == *platform);
    if let Some(elf) = exact.find_map(|target| target.elf.as_ref()) {
        return Some((elf, true));
    }
    let own = (platform.os(), platform.architecture());
    let mut near = catalog
        .iter()
        .filter(|target| own == (target.platform.os(), target.platform.architecture()));
    near.find_map(|target| target.elf.as_ref())
        .map(|elf| (elf, false))
}

/// The platform that a file is for, else its numbers.
fn platform_of(scene: &Scene<'_>, elf: &Elf) -> String {
    let targets = scene.question.catalog.iter().filter(|target| {
        target.elf.as_ref().is_some_and(|promise| {
            (promise.class, promise.endian, promise.machine) == (elf.class, elf.endian, elf.machine)
        })
    });
    let mut names: Vec<_> = targets
        .map(|target| format!("{}/{}", target.platform.os(), target.platform.architecture()))
        .collect();
    names.dedup();
    match names.as_slice() {
        [one] => one.clone(),
        _ => described(elf.class, elf.endian, elf.machine),
    }
}

fn described(class: u8, endian: Endian, machine: u16) -> String {
    let order = if endian == Endian::Big { "big" } else { "little" };
    format!("machine {machine}, {class} bits, {order} endian")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::ArmAttributes;
    use crate::fit::Level;
    use crate::fit::example::{Example, elf, static_elf};

    fn found(platform: &str, elf: Elf) -> Option<String> {
        let mut example = Example::on(platform);
        example.levels.insert(Check::Interpreter, Level::Allow);
        example.program("app", elf);
        let found = example.only(Check::Machine);
        found.first().map(|one| one.found.clone().unwrap())
    }

    fn arm(change: impl FnOnce(&mut Elf)) -> Elf {
        let mut elf = static_elf();
        (elf.class, elf.machine, elf.flags) = (32, 40, 0x0500_0400);
        let mut attributes = ArmAttributes::default();
        (attributes.cpu_arch, attributes.vfp_args) = (6, 1);
        elf.arm = Some(attributes);
        change(&mut elf);
        elf
    }

    #[test]
    fn code_that_looks_before_it_runs_is_no_reason() {
        let mut example = Example::on("linux/arm/v6");
        example.program("app", arm(|elf| elf.arm.as_mut().unwrap().cpu_arch = 10));
        assert_eq!(example.only(Check::Machine).len(), 1);
        example.built_with(&["ring"]);
        assert_eq!(example.all(), []);
    }

    #[test]
    fn programs_are_for_their_platform() {
        let version = |number| move |elf: &mut Elf| elf.arm.as_mut().unwrap().cpu_arch = number;
        let dynamic = |flags| {
            arm(move |elf| {
                elf.interpreter = Some("/lib/ld-linux-armhf.so.3".into());
                elf.flags = flags;
                elf.arm = None;
            })
        };
        let other = |change: fn(&mut Elf)| {
            let mut elf = static_elf();
            change(&mut elf);
            elf
        };
        for (platform, elf, expected) in [
            ("linux/amd64", static_elf(), None),
            ("linux/amd64", elf(), None),
            ("linux/amd64/v3", static_elf(), None),
            ("linux/amd64", other(|elf| elf.os_abi = 3), None),
            // Kernels for amd64 run these.
            (
                "linux/amd64",
                other(|elf| (elf.class, elf.machine) = (32, 3)),
                None,
            ),
            ("linux/arm/v7", arm(version(10)), None),
            ("linux/arm/v6", arm(version(7)), None),
            ("linux/arm/v6", arm(version(10)), Some("ARMv7")),
            ("linux/arm/v7", arm(version(14)), Some("ARMv8")),
            // As Go has them: no floating-point ABI is named, and none is shared.
            ("linux/arm/v7", arm(|elf| elf.flags = 0x0500_0002), None),
            ("linux/arm/v7", arm(|elf| elf.flags = 0x0500_0200), None),
            ("linux/arm/v7", dynamic(0x0500_0400), None),
            ("linux/arm/v7", dynamic(0x0500_0000), None),
            (
                "linux/arm/v7",
                dynamic(0x0500_0200),
                Some("another ABI (e_flags 0x5000200 of 0xff000600)"),
            ),
            // Nothing is known of these platforms.
            ("linux/mips", static_elf(), None),
            ("linux/arm64", static_elf(), Some("linux/amd64")),
            ("linux/amd64", arm(|_| {}), Some("linux/arm")),
            ("linux/amd64", other(|elf| elf.os_abi = 9), Some("FreeBSD")),
            (
                "linux/s390x",
                other(|elf| elf.machine = 22),
                Some("machine 22, 64 bits, little endian"),
            ),
            (
                "linux/amd64",
                other(|elf| elf.kind = ElfKind::Other(1)),
                Some("nothing: an ELF file of type 1 cannot be started"),
            ),
        ] {
            assert_eq!(
                found(platform, elf.clone()).as_deref(),
                expected,
                "{platform} {elf:?}"
            );
        }
    }
}
