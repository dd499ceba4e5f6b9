//! [`Check::Cpu`]: programs and libraries need no more of the processor than every machine of the platform has.
//!
//! `GNU_PROPERTY_X86_ISA_1_NEEDED`, which glibc's loader holds against the machine before it starts anything
//! (<https://gitlab.com/x86-psABIs/x86-64-ABI>, "Program Property"). The platform's level is its variant (`v3`); without
//! one it is 1. What a file does not say of itself cannot be known.

use super::loader::Closure;
use super::scene::{Program, Scene, shown};
use super::{Check, Finding};

pub(super) fn check(
    scene: &Scene<'_>,
    program: &Program<'_>,
    closure: Option<&Closure<'_>>,
    out: &mut Vec<Finding>,
) {
    let platform = scene.question.platform;
    let level = platform
        .variant()
        .and_then(|variant| variant.strip_prefix('v')?.parse().ok());
    let level: u8 = level.unwrap_or(1);
    let own = program.elf.and_then(|elf| elf.isa_level);
    let libraries = closure
        .into_iter()
        .flat_map(|closure| closure.objects.iter().skip(1));
    let libraries = libraries.filter_map(|object| Some((object.elf?.isa_level?, &object.path)));
    let highest = libraries.max_by_key(|(level, path)| (*level, std::cmp::Reverse(*path)));
    let (needed, who, help) = match (own, highest) {
        (Some(own), _) if own > level => {
            let help = "build it without `target-cpu`, or see to it that it only comes to such processors";
            (own, format!("`{}`", program.path), help)
        }
        (_, Some((library, path))) if library > level => {
            let who = format!("`{}`, which `{}` loads,", shown(path), program.path);
            (
                library,
                who,
                "take a base for older processors, or see to it that the image only comes to such ones",
            )
        }
        _ => return,
    };
    let message = format!("{who} needs a processor of level v{needed}, and {platform} promises v{level}");
    let finding = scene.finding(Check::Cpu, &program.path, message);
    out.push(
        finding
            .needed(format!("v{needed}"))
            .found(format!("v{level}"))
            .help(help),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::example::{Example, elf, library, static_elf};

    #[test]
    fn levels_are_held_against_the_variant() {
        for (platform, level, expected) in [
            ("linux/amd64", None, None),
            ("linux/amd64", Some(1), None),
            ("linux/amd64/v3", Some(3), None),
            ("linux/amd64/v2", Some(3), Some("v3")),
            ("linux/amd64", Some(2), Some("v2")),
        ] {
            let mut example = Example::on(platform);
            let mut program = static_elf();
            program.isa_level = level;
            example.program("app", program);
            let found = example.only(Check::Cpu);
            assert_eq!(
                found.first().and_then(|one| one.needed.as_deref()),
                expected,
                "{platform}"
            );
        }
        let mut example = Example::debian("2.36");
        example.program("app", elf());
        let mut libc = library("libc.so.6", &["GLIBC_2.36"]);
        libc.isa_level = Some(2);
        example.elf("usr/lib/x86_64-linux-gnu/libc.so.6", libc);
        assert_eq!(
            example.messages(Check::Cpu),
            [
                "`/lib/x86_64-linux-gnu/libc.so.6`, which `/app` loads, needs a processor of level v2, and linux/amd64 promises v1"
            ]
        );
    }
}
