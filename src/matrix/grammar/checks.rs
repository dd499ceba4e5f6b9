//! `checks`: a key for each check there is. The room that checks is not known here; `tests/matrix.rs` holds the names
//! and their levels against it.

use super::Form::{Text, Word};
use super::keys::key;
use super::{Form, Format, Key, Shape};

const LEVEL: Form = Word(&["deny", "warn", "allow"]);

/// `checks`.
pub(super) const CHECKS: Shape = Shape {
    name: "the checks",
    groups: &[ALL, NAMED, LIMITS],
    kinds: &[],
};

const ALL: &[Key] = &[key(
    "fit",
    LEVEL,
    "The checks that are not named: `deny` leaves each at its own level, `warn` makes warnings of those that would stop \
     the build, `allow` switches them off. A check that is named does what is said for it, whatever this says.",
    "\"deny\"",
    "\"warn\"",
)];

const NAMED: &[Key] = &[
    denied("machine", "A program is for another machine than the platform's."),
    denied(
        "interpreter",
        "The interpreter that a program names is not in the image.",
    ),
    denied(
        "libc",
        "A program is for musl and the base has glibc, or the reverse.",
    ),
    denied("library", "A library that a program needs is not in the image."),
    denied(
        "glibc",
        "A library of the image lacks a version of a symbol that a program needs: of glibc, libstdc++, OpenSSL or any \
         other.",
    ),
    told(
        "cpu",
        "A program needs instructions that not every machine of the platform has.",
    ),
    silent(
        "hardening",
        "A program has an executable stack, or relocations that stay writable.",
    ),
    told(
        "certificates",
        "A program looks for root certificates, and there are none.",
    ),
    told(
        "tmp",
        "A program makes temporary files, and there is no `/tmp` for everybody.",
    ),
    told("timezone", "A program reads time zones, and there are none."),
    told(
        "static-glibc",
        "A program has glibc linked statically, and look-ups that would load libraries at run time.",
    ),
    denied(
        "user",
        "The user is not in `passwd`, or its group not in `group`.",
    ),
    told("root", "The image runs as root."),
    silent(
        "user-name",
        "The user is a name; `runAsNonRoot` of Kubernetes needs a number.",
    ),
    denied("permission", "The user may not read or start a program."),
    silent("port", "A port is below 1024, and the user may not listen there."),
    denied(
        "entrypoint",
        "The program of the entrypoint is not in the image, or is none.",
    ),
    denied(
        "shell",
        "The entrypoint is a script whose interpreter is not in the image, or a line for a shell without one.",
    ),
    told(
        "workdir",
        "The working directory is not there, or may not be entered.",
    ),
    told(
        "volume",
        "The user may not write to a volume, or it hides a program.",
    ),
    denied(
        "symlink",
        "A directory lies over a link of the base, and hides what it led to.",
    ),
    told(
        "healthcheck",
        "The program of the health check is not in the image.",
    ),
    silent("age", "The base was made more than 180 days before the image."),
];

const LIMITS: &[Key] = &[
    key(
        "max-size",
        Text(Format::Size),
        "The most that the layers of one platform may hold, compressed, those of the base among them; `build` and `publish` fail \
         where they hold more. MB are 1000 kB, MiB 1024 KiB.",
        "no limit",
        "\"40MB\"",
    ),
    key(
        "max-growth",
        Text(Format::Growth),
        "How much larger than the published image one platform's layers may be, in percent or bytes. `publish` asks the first \
         repository before it sends anything: for `latest`, else for the highest version below this one. Where nothing is \
         published yet, nothing is compared.",
        "no limit",
        "\"10%\"",
    ),
];

/// The names of the checks.
pub(in crate::matrix) fn names() -> impl Iterator<Item = &'static str> {
    NAMED.iter().map(|key| key.name)
}

const fn denied(name: &'static str, about: &'static str) -> Key {
    key(name, LEVEL, about, "\"deny\"", "\"warn\"")
}

const fn told(name: &'static str, about: &'static str) -> Key {
    key(name, LEVEL, about, "\"warn\"", "\"deny\"")
}

const fn silent(name: &'static str, about: &'static str) -> Key {
    key(name, LEVEL, about, "\"allow\"", "\"warn\"")
}
