//! [`Check::StaticGlibc`]: static programs of glibc that look up hosts or users.
//!
//! glibc loads what does look-ups at run time, also into static programs, and only those of exactly its own version work
//! (<https://sourceware.org/glibc/wiki/FAQ>, "Even statically linked programs need some shared libraries"). Which programs
//! are made so is the caller's knowledge; that they look something up is told by their crates.

use super::scene::Scene;
use super::{Check, Finding};

/// Crates that are clients of something with a name, or look up users.
const LOOKS_UP: [&str; 14] = [
    "reqwest",
    "ureq",
    "isahc",
    "curl",
    "attohttpc",
    "postgres",
    "tokio-postgres",
    "sqlx-postgres",
    "sqlx-mysql",
    "mysql",
    "lettre",
    "mongodb",
    "users",
    "uzers",
];

/// Crates that look up hosts by themselves.
const RESOLVERS: [&str; 2] = ["hickory-resolver", "trust-dns-resolver"];

pub(super) fn check(scene: &Scene<'_>, out: &mut Vec<Finding>) {
    for program in &scene.programs {
        let ours = scene.question.static_glibc.contains(&program.path);
        let is_static = program.elf.is_some_and(|elf| elf.is_static());
        let Some(crates) = scene.crates(program).filter(|_| ours && is_static) else {
            continue;
        };
        let Some(name) = LOOKS_UP.iter().find(|name| crates.contains(**name)) else {
            continue;
        };
        if RESOLVERS.iter().any(|name| crates.contains(*name)) {
            continue;
        }
        let message = format!(
            "`{}` is linked statically with glibc and looks up names (`{name}`), for which glibc loads libraries",
            program.path
        );
        let finding = scene.finding(Check::StaticGlibc, &program.path, message);
        out.push(finding.help("build for a musl target, or dynamically on a base with glibc"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::example::Example;

    #[test]
    fn look_ups_of_static_glibc_are_told() {
        for (ours, crates, expected) in [
            (true, &["serde"][..], 0),
            (false, &["reqwest"], 0),
            (true, &["reqwest", "hickory-resolver"], 0),
            (true, &["reqwest"], 1),
        ] {
            let mut example = Example::default();
            example.built_with(crates);
            if ours {
                example.static_glibc.insert("/app".to_owned());
            }
            assert_eq!(example.only(Check::StaticGlibc).len(), expected, "{crates:?}");
        }
    }
}
