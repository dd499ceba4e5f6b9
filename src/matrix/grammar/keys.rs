//! Every table and key of `gantry.toml` but an image's own, which are in [`super::image`].

use super::Form::{FullList, Integer, List, Map, Table, Text};
use super::image::{IMAGE, SHARED};
use super::{Form, Format, Key, Kind, Shape};
use crate::matrix::template::Scope;

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

const fn kind(key: &'static str, needs: &'static [&'static str], takes: &'static [&'static str]) -> Kind {
    Kind { key, needs, takes }
}

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
            "The images by name. Without any, each binary of the workspace is an image.",
            "",
            "{ api = { ports = [\"8080/tcp\"] } }",
        ),
        key(
            "binary",
            Map {
                key: Format::Name,
                value: &Table(&BINARY),
            },
            "Binaries that do not come from cargo, by name.",
            "",
            "{ agent = { path = \"dist/{arch}/agent\" } }",
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
            Text(Format::Any),
            "A Go package to build.",
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
            "cgo",
            Form::Boolean,
            "Whether Go code may call C, built with the target's C compiler.",
            "false",
            "true",
        ),
        key(
            "path",
            Text(Format::Template(Scope::Platform)),
            "A file that exists already; a template.",
            "",
            "\"dist/{os}/{arch}{variant}/agent\"",
        ),
        key(
            "sha256",
            Map {
                key: Format::Platform,
                value: &Text(Format::Sha256),
            },
            "The digests that the files at `path` must have.",
            "",
            "{ \"linux/amd64\" = \"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\" }",
        ),
        key(
            "member",
            Text(Format::Template(Scope::Platform)),
            "The path of the binary inside the archive at `path`; a template.",
            "",
            "\"agent-{version}/agent\"",
        ),
        key(
            "command",
            FullList(&Text(Format::Template(Scope::Command))),
            "Program and arguments that make the binary at `{out}`, once per platform, with the target's C compiler \
             and linker in its environment; templates.",
            "",
            "[\"make\", \"shim\", \"OUT={out}\"]",
        ),
    ]],
    kinds: &[
        kind("go", &[], &["ldflags", "cgo"]),
        kind("path", &[], &["sha256", "member"]),
        kind("command", &[], &[]),
    ],
};

/// An element of `binaries`.
pub(super) const BINARY_USE: Shape = Shape {
    name: "a binary of an image",
    groups: &[&[
        required(
            "binary",
            Text(Format::Name),
            "Name of the cargo binary or of a `[binary.NAME]`.",
            "\"migrate\"",
        ),
        key(
            "package",
            Text(Format::Name),
            "The cargo package that has it.",
            "the only one that has it",
            "\"db\"",
        ),
        key(
            "features",
            List(&Text(Format::Any)),
            "Features of the package to build it with.",
            "[]",
            "[\"pg\"]",
        ),
        key(
            "default-features",
            Form::Boolean,
            "Whether the package's default features are on.",
            "true",
            "false",
        ),
        key(
            "profile",
            Text(Format::Name),
            "The cargo profile.",
            "the image's `profile`",
            "\"dist\"",
        ),
        key(
            "dest",
            Text(Format::FilePath),
            "The file it becomes in the image.",
            "`/usr/local/bin/` and its name",
            "\"/usr/bin/migrate\"",
        ),
    ]],
    kinds: &[],
};

/// An element of `tags`.
pub(super) const TAG: Shape = Shape {
    name: "a tag",
    groups: &[&[
        required("tag", Text(Format::Tag), "The tag; a template.", "\"edge\""),
        key(
            "moves",
            Form::Word(&["never", "forward", "always"]),
            "When the tag may move from one index to another; `forward` means to a higher version only.",
            "`never` for a template that holds the full version or the commit, `forward` for `latest` and a part of \
             the version, else `always`",
            "\"always\"",
        ),
        key(
            "when",
            Text(Format::Any),
            "The condition under which the tag is set.",
            "always",
            "\"branch=main\"",
        ),
    ]],
    kinds: &[],
};

/// An element of `files`.
pub(super) const FILES: Shape = Shape {
    name: "an element of `files`",
    groups: &[&[
        key(
            "from",
            Text(Format::FilesFrom),
            "A file, or a folder whose content is taken, below the matrix's folder; a template. Symbolic links stay \
             links.",
            "",
            "\"assets/\"",
        ),
        key(
            "to",
            Text(Format::PathTemplate),
            "Where `from` goes; a slash at the end means into it; a template.",
            "",
            "\"/srv/www/\"",
        ),
        key(
            "include",
            List(&Text(Format::Glob)),
            "Globs of what to take. What they name is taken even if it is skipped otherwise.",
            "everything but `.git`, `target`, `.env` and what `.gitignore` names",
            "[\"**/*.html\"]",
        ),
        key(
            "exclude",
            List(&Text(Format::Glob)),
            "Globs of what to leave out.",
            "[]",
            "[\"**/*.map\"]",
        ),
        key(
            "dir",
            Text(Format::PathTemplate),
            "An empty directory to make; a template.",
            "",
            "\"/var/cache/api\"",
        ),
        key(
            "link",
            Text(Format::PathTemplate),
            "A symbolic link to make; a template.",
            "",
            "\"/app\"",
        ),
        key(
            "target",
            Text(Format::Template(Scope::Platform)),
            "What `link` points to; a template.",
            "",
            "\"/usr/local/bin/api\"",
        ),
        key(
            "mode",
            Text(Format::Mode),
            "Permission bits, in octal. Directories below `from` get the search bits that match.",
            "0644, or 0755 where the source is executable; 0755 for a directory",
            "\"0644\"",
        ),
        key(
            "owner",
            Text(Format::Owner),
            "Numeric user and group.",
            "\"0:0\"",
            "\"65532:65532\"",
        ),
    ]],
    kinds: &[
        kind("from", &["to"], &["include", "exclude", "mode", "owner"]),
        kind("dir", &[], &["mode", "owner"]),
        kind("link", &["target"], &[]),
    ],
};

/// An element of `volumes`.
pub(super) const VOLUME: Shape = Shape {
    name: "a volume",
    groups: &[&[
        required("path", Text(Format::Path), "The directory.", "\"/data\""),
        key(
            "owner",
            Text(Format::Owner),
            "Numeric user and group of the directory.",
            "the image's user",
            "\"65532:65532\"",
        ),
        key(
            "mode",
            Text(Format::Mode),
            "Permission bits of the directory, in octal.",
            "\"0755\"",
            "\"0750\"",
        ),
    ]],
    kinds: &[],
};

/// `checks`.
pub(super) const CHECKS: Shape = Shape {
    name: "the checks",
    groups: &[&[
        key(
            "fit",
            LEVEL,
            "Binaries that would not run on the base.",
            "\"deny\"",
            "\"warn\"",
        ),
        key(
            "glibc",
            LEVEL,
            "Binaries that need a newer glibc than the base has.",
            "\"deny\"",
            "\"warn\"",
        ),
        key(
            "max-size",
            Text(Format::Size),
            "The most that the layers of one platform may hold, compressed.",
            "no limit",
            "\"40MB\"",
        ),
        key(
            "max-growth",
            Text(Format::Growth),
            "How much larger than the published image one platform may be.",
            "no limit",
            "\"10%\"",
        ),
    ]],
    kinds: &[],
};

const LEVEL: Form = Form::Word(&["deny", "warn", "allow"]);

/// `compression` with a level.
pub(super) const COMPRESSION: Shape = Shape {
    name: "the compression",
    groups: &[&[
        required(
            "algorithm",
            Form::Word(super::image::ALGORITHMS),
            "The algorithm.",
            "\"zstd\"",
        ),
        key(
            "level",
            Integer {
                minimum: 1,
                maximum: 19,
            },
            "How hard to try: 1 to 9 for gzip, 1 to 19 for zstd.",
            "6 for gzip, 3 for zstd",
            "9",
        ),
    ]],
    kinds: &[],
};

/// `upx` with settings.
pub(super) const UPX: Shape = Shape {
    name: "the UPX settings",
    groups: &[&[
        key(
            "level",
            Integer {
                minimum: 1,
                maximum: 9,
            },
            "How hard to try.",
            "UPX's own",
            "9",
        ),
        key("lzma", Form::Boolean, "Whether to use LZMA.", "false", "true"),
        key(
            "platforms",
            FullList(&Text(Format::Platform)),
            "The platforms whose binaries are packed.",
            "all that UPX can do",
            "[\"linux/amd64\"]",
        ),
    ]],
    kinds: &[],
};

/// `smoke` with settings.
pub(super) const SMOKE: Shape = Shape {
    name: "the smoke test",
    groups: &[&[
        required(
            "args",
            List(&Text(Format::Any)),
            "Arguments for the entrypoint.",
            "[\"--version\"]",
        ),
        key(
            "required",
            Form::Boolean,
            "Whether a platform that cannot be run here is an error.",
            "false",
            "true",
        ),
    ]],
    kinds: &[],
};
