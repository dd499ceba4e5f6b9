//! The keys of an image.

use super::Form::{Boolean, Either, FullList, List, Map, Off, Table, Text, Word};
use super::checks::CHECKS;
use super::keys::{PLATFORM, key};
use super::parts::{BINARY_USE, COMPRESSION, FILES, SMOKE, TAG, UPX, VOLUME};
use super::{Form, Format, Key, Shape};
use crate::matrix::template::Scope;

/// The words of `compression`.
pub(super) const ALGORITHMS: &[&str] = &["gzip", "zstd", "none"];

/// What can be stripped.
pub(super) const STRIP: Form = Word(&["none", "debuginfo", "symbols"]);

/// `[image.NAME]`.
pub(in crate::matrix) const IMAGE: Shape = Shape {
    name: "an image",
    groups: &[OWN, SHARED],
    kinds: &[],
};

/// What stands in an image only.
const OWN: &[Key] = &[
    key(
        "binaries",
        FullList(&Either(&[Text(Format::Name), Table(&BINARY_USE)])),
        "Its binaries, each a name or a table; the first is the entrypoint.",
        "the `[binary.NAME]` or the cargo binary of the image's name",
        "[\"api\", { binary = \"migrate\", package = \"db\" }]",
    ),
    key(
        "platform",
        Map {
            key: Format::Platform,
            value: &Table(&PLATFORM),
        },
        "Settings of single platforms for this image, merged over those for all images.",
        "",
        "{ \"linux/arm/v7\" = { glibc = \"2.31\" } }",
    ),
];

/// What stands in an image, or in `[defaults]` for all of them.
pub(super) const SHARED: &[Key] = &[
    key(
        "repository",
        Either(&[Text(Format::Repository), FullList(&Text(Format::Repository))]),
        "Where it is published: one repository or several, without a tag; templates.",
        "none, it can only be built",
        "\"ghcr.io/acme/{image}\"",
    ),
    key(
        "platforms",
        FullList(&Text(Format::Platform)),
        "The platforms it is made for.",
        "[\"linux/amd64\", \"linux/arm64\"]",
        "[\"linux/amd64\", \"linux/arm64\", \"linux/arm/v7\"]",
    ),
    key(
        "base",
        Either(&[
            Text(Format::Base),
            Map {
                key: Format::BaseKey,
                value: &Text(Format::Base),
            },
        ]),
        "What it starts from: the built-in `static`, `scratch` (nothing), a reference, or `oci:PATH` and \
         `oci-archive:PATH` below the matrix's folder; or a table by platform with `default` for the others. Its C \
         library decides what is built: musl for one that has musl or none, gnu for one that has glibc.",
        "\"static\"",
        "{ default = \"debian:13-slim\", \"linux/arm/v7\" = \"static\" }",
    ),
    key(
        "profile",
        Text(Format::Name),
        "The cargo profile of its binaries.",
        "\"release\"",
        "\"dist\"",
    ),
    key(
        "compression",
        Either(&[Word(ALGORITHMS), Table(&COMPRESSION)]),
        "How its layers are compressed: every runtime reads `gzip`; `zstd` needs Docker 23 or containerd 1.5.",
        "\"gzip\"",
        "{ algorithm = \"zstd\", level = 9 }",
    ),
    key(
        "strip",
        STRIP,
        "What is removed from its binaries.",
        "\"symbols\"",
        "\"debuginfo\"",
    ),
    key(
        "remap-paths",
        Boolean,
        "Whether paths of the build machine are kept out of its binaries.",
        "true",
        "false",
    ),
    key(
        "tags",
        FullList(&Either(&[Text(Format::Tag), Table(&TAG)])),
        "The tags to set, each a template or a table. `semver` stands for the version, its shorter forms and `latest`: \
         1.2.3, 1.2, 1, latest; of 0.3.1 not 0, and of a pre-release nothing but itself. A tag with a platform's \
         variables names that platform's manifest.",
        "[\"{version}\"]",
        "[\"semver\", { tag = \"edge\", when = \"branch=main\" }, { tag = \"{commit:12}-{platform}\", when = \"ci\" }]",
    ),
    key(
        "tag-order",
        Word(&["exact-first", "given"]),
        "The order in which tags are set, as many registries show the newest on top: those that never move, then those \
         that move forward, then the others; or as `tags` lists them.",
        "\"exact-first\"",
        "\"given\"",
    ),
    key(
        "entrypoint",
        List(&Text(Format::Any)),
        "Program and first arguments.",
        "the first binary",
        "[\"/usr/local/bin/api\"]",
    ),
    key(
        "cmd",
        List(&Text(Format::Any)),
        "Arguments that a user may replace.",
        "none",
        "[\"--listen\", \"0.0.0.0:8080\"]",
    ),
    key(
        "env",
        Map {
            key: Format::Variable,
            value: &Text(Format::Template(Scope::Platform)),
        },
        "Environment of the program; templates, and `$NAME` is the base's value.",
        "{}",
        "{ RUST_LOG = \"info\", PATH = \"/opt/bin:$PATH\" }",
    ),
    key(
        "user",
        Text(Format::User),
        "User and group it runs as, as numbers or names.",
        "the base's if that is not root, else `65532:65532`",
        "\"65532:65532\"",
    ),
    key(
        "users",
        Map {
            key: Format::UserName,
            value: &Form::Integer {
                minimum: 1,
                maximum: 4_294_967_294,
            },
        },
        "Users, each with a group of the same name and number, appended to the base's passwd and group.",
        "{}",
        "{ api = 10001 }",
    ),
    key(
        "workdir",
        Text(Format::Path),
        "The directory it starts in.",
        "the base's",
        "\"/srv\"",
    ),
    key(
        "ports",
        List(&Text(Format::Port)),
        "Ports that it listens on; `tcp` if nothing is said.",
        "[]",
        "[\"8080/tcp\", \"9000-9003/udp\"]",
    ),
    key(
        "volumes",
        List(&Either(&[Text(Format::Path), Table(&VOLUME)])),
        "Directories that outlive the container, each a path or a table; they are made.",
        "[]",
        "[{ path = \"/data\", mode = \"0750\" }]",
    ),
    key(
        "labels",
        NOTES,
        "Labels of the config; templates. `false` switches an automatic label and annotation off.",
        "{}",
        "{ \"com.acme.team\" = \"core\" }",
    ),
    key(
        "annotations",
        Map {
            key: Format::Label,
            value: &Either(&[Text(Format::Template(Scope::Image)), Off]),
        },
        "Annotations of index and manifests; templates. `false` switches an automatic annotation and label off.",
        "{}",
        "{ \"org.opencontainers.image.vendor\" = \"Acme\", \"org.opencontainers.image.source\" = false }",
    ),
    key(
        "stop-signal",
        Text(Format::Signal),
        "The signal that asks it to stop.",
        "the base's",
        "\"SIGTERM\"",
    ),
    key(
        "provide",
        List(&Word(&["ca-certificates", "tzdata", "passwd", "tmp"])),
        "What the `static` base carries, or what is added to another one.",
        "`[\"ca-certificates\", \"passwd\", \"tmp\"]` on `static`",
        "[\"ca-certificates\", \"tzdata\", \"passwd\", \"tmp\"]",
    ),
    key(
        "packages",
        List(&Text(Format::Any)),
        "Packages of the base's distribution laid over it.",
        "[]",
        "[\"libpq5\"]",
    ),
    key(
        "debuginfo",
        Word(&["drop", "file", "referrer"]),
        "What becomes of the debug information that is stripped: `drop` forgets it, `file` keeps it in a file beside the \
         store.",
        "\"drop\"",
        "\"file\"",
    ),
    key(
        "upx",
        Either(&[Boolean, Table(&UPX)]),
        "Whether and how binaries are packed with UPX; a packed one must start before it is taken.",
        "false",
        "{ level = 9, lzma = true, platforms = [\"linux/amd64\"] }",
    ),
    key(
        "smoke",
        Either(&[List(&Text(Format::Any)), Off, Table(&SMOKE)]),
        "Arguments, in place of `cmd`, with which the entrypoint must succeed in the image's own root before anything is \
         published; on each platform that can be tried here. `false` switches off what is inherited.",
        "none",
        "[\"--version\"]",
    ),
    key(
        "checks",
        Table(&CHECKS),
        "What is held against the programs and settings of the image, and whether it stops the build (`deny`), is told \
         (`warn`) or not (`allow`).",
        "",
        "{ root = \"deny\", volume = \"allow\" }",
    ),
    key(
        "index",
        Word(&["always", "never"]),
        "Whether an index is published even for one platform; `never` only with one declared platform, for AWS Lambda, \
         which takes no index.",
        "\"always\"",
        "\"never\"",
    ),
    key(
        "format",
        Word(&["oci", "docker"]),
        "The media types of manifests and layers. Those of Docker have no annotations and no zstd; labels stay.",
        "\"oci\"",
        "\"docker\"",
    ),
    key(
        "isolated",
        Boolean,
        "Whether its binaries are compiled in a cargo call of their own, without the features of other images.",
        "false",
        "true",
    ),
    key(
        "files",
        List(&Table(&FILES)),
        "Files, directories and links laid over the base, in order.",
        "[]",
        "[{ from = \"assets/\", to = \"/srv/www/\" }]",
    ),
];

const NOTES: Form = Map {
    key: Format::Label,
    value: &Either(&[Text(Format::Template(Scope::Platform)), Off]),
};
