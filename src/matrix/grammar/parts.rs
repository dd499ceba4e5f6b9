//! Tables that are parts of an image: elements of its lists, and settings that need more than a word.

use super::Form::{FullList, Integer, List, Text};
use super::keys::{key, kind, required};
use super::{Form, Format, Shape};
use crate::matrix::template::Scope;

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
            "The cargo package that has it. It, `features`, `default-features` and `profile` are for cargo only.",
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
            Text(Format::Condition),
            "The condition under which the tag is set: `git-tag` (a tag names the commit), `branch=GLOB`, `ci`, or \
             `env.NAME=VALUE`.",
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
            "Arguments for the entrypoint, in place of `cmd`.",
            "[\"--version\"]",
        ),
        key(
            "required",
            Form::Boolean,
            "Whether a platform that cannot be tried here is an error.",
            "false",
            "true",
        ),
    ]],
    kinds: &[],
};
