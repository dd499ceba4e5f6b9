//! Every table and key of `gantry.toml` but an image's, which are in [`super::image`] and [`super::parts`].

use super::Form::{FullList, Integer, List, Map, Table, Text, Word};
use super::image::{IMAGE, SHARED, STRIP};
use super::{Form, Format, Key, Kind, Shape};
use crate::matrix::template::Scope;

/// The whole file.
pub(in crate::matrix) const ROOT: Shape = Shape {
    name: "the matrix",
    groups: &[&[
        key(
            "schema",
            Integer {
                minimum: 1,
                maximum: 1,
            },
            "The version of this language.",
            "1",
            "1",
        ),
        key(
            "defaults",
            Table(&DEFAULTS),
            "What every image inherits. Values and arrays of an image replace these; its tables are merged with \
             them per key.",
            "",
            "{ repository = \"ghcr.io/acme/{image}\" }",
        ),
        key(
            "platform",
            Map {
                key: Format::Platform,
                value: &Table(&PLATFORM),
            },
            "Settings of single platforms, for all images that have them.",
            "",
            "{ \"linux/arm/v7\" = { linker = \"zig\" } }",
        ),
        key(
            "image",
            Map {
                key: Format::Name,
                value: &Table(&IMAGE),
            },
            "The images by name. Without any, each binary of the workspace is an image, unless it requires features.",
            "",
            "{ api = { ports = [\"8080/tcp\"] } }",
        ),
        key(
            "binary",
            Map {
                key: Format::Name,
                value: &Table(&BINARY),
            },
            "Binaries that do not come from cargo, by name. An image uses one by naming it in `binaries`, or by having its \
             name and no `binaries`; a cargo binary of the same name is then not meant.",
            "",
            "{ agent = { path = \"dist/{arch}/agent\" } }",
        ),
        key(
            "toolchain",
            Word(&["any", "pinned"]),
            "Whether compilers and linkers may change between builds. With `pinned`, gantry.lock records the versions of \
             those that were used for each triple, and `--locked` refuses others, on any machine.",
            "\"any\"",
            "\"pinned\"",
        ),
    ]],
    kinds: &[],
};

/// `[defaults]`: an image's keys without those that only one image can have.
const DEFAULTS: Shape = Shape {
    name: "the defaults",
    groups: &[SHARED],
    kinds: &[],
};

/// `[platform."..."]` and `[image.NAME.platform."..."]`.
pub(super) const PLATFORM: Shape = Shape {
    name: "a platform",
    groups: &[&[
        key(
            "target",
            Text(Format::Triple),
            "The triple to build for.",
            "chosen by the base: musl for `static`, `scratch` and musl bases, gnu for glibc bases",
            "\"armv7-unknown-linux-gnueabihf\"",
        ),
        key(
            "linker",
            Text(Format::Linker),
            "How to link: `auto`, `rust-lld`, `zig`, `gcc`, `clang`, `cc`, or a program by name or path.",
            "\"auto\"",
            "\"zig\"",
        ),
        key(
            "glibc",
            Text(Format::Glibc),
            "The oldest glibc that the binaries must run with.",
            "\"from-base\"",
            "\"2.31\"",
        ),
        key(
            "rustflags",
            List(&Text(Format::Any)),
            "Flags for rustc, added to the ones that cargo takes from the user's settings.",
            "[]",
            "[\"-Ctarget-cpu=cortex-a7\"]",
        ),
        key(
            "env",
            Map {
                key: Format::Variable,
                value: &Text(Format::Any),
            },
            "Environment of the compilers.",
            "{}",
            "{ JEMALLOC_SYS_WITH_LG_PAGE = \"16\" }",
        ),
    ]],
    kinds: &[],
};

/// `[binary.NAME]`.
const BINARY: Shape = Shape {
    name: "a binary",
    groups: &[&[
        key(
            "go",
            Text(Format::GoPackage),
            "A Go package to build, as `go build` takes it, seen from the matrix's folder.",
            "",
            "\"./cmd/worker\"",
        ),
        key(
            "ldflags",
            List(&Text(Format::Template(Scope::Platform))),
            "Flags for Go's linker; templates.",
            "[]",
            "[\"-s\", \"-w\", \"-X main.version={version}\"]",
        ),
        key(
            "tags",
            List(&Text(Format::GoTag)),
            "Build tags for Go.",
            "[]",
            "[\"netgo\", \"osusergo\"]",
        ),
        key(
            "cgo",
            Form::Boolean,
            "Whether Go code may call C, built with the target's C compiler.",
            "false",
            "true",
        ),
        key(
            "path",
            Text(Format::FileBelow),
            "A file that exists already, below the matrix's folder: the binary, or with `member` an archive that has it; \
             a template.",
            "",
            "\"dist/{os}/{arch}{variant}/agent\"",
        ),
        key(
            "sha256",
            Map {
                key: Format::Platform,
                value: &Text(Format::Sha256),
            },
            "The digests that the files at `path` must have; if there are any, each platform of an image that uses the \
             binary needs one. Those for other platforms do no harm.",
            "nothing is compared",
            "{ \"linux/amd64\" = \"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\" }",
        ),
        key(
            "member",
            Text(Format::Member),
            "The path of the binary inside the archive at `path`; a template.",
            "",
            "\"agent-{version}/agent\"",
        ),
        key(
            "command",
            FullList(&Text(Format::Template(Scope::Command))),
            "Program and arguments that make the binary at `{out}`, once per platform, with the target's C compiler, \
             which also links, in its environment (`CC`, `CXX`, `AR`, `RANLIB`); templates.",
            "",
            "[\"make\", \"shim\", \"OUT={out}\"]",
        ),
        key(
            "strip",
            STRIP,
            "What is removed from what others made; the image's `strip` is for what is compiled here.",
            "\"none\"",
            "\"symbols\"",
        ),
    ]],
    kinds: &[
        kind("go", &[], &["ldflags", "tags", "cgo"]),
        kind("path", &[], &["sha256", "member", "strip"]),
        kind("command", &[], &["strip"]),
    ],
};

/// A key that may be left out.
pub(super) const fn key(
    name: &'static str,
    form: Form,
    about: &'static str,
    default: &'static str,
    example: &'static str,
) -> Key {
    Key {
        name,
        form,
        required: false,
        about,
        default,
        example,
    }
}

/// A key that must be there.
pub(super) const fn required(
    name: &'static str,
    form: Form,
    about: &'static str,
    example: &'static str,
) -> Key {
    Key {
        name,
        form,
        required: true,
        about,
        default: "",
        example,
    }
}

/// A way to write a table.
pub(super) const fn kind(
    key: &'static str,
    needs: &'static [&'static str],
    takes: &'static [&'static str],
) -> Kind {
    Kind { key, needs, takes }
}
