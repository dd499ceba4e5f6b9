//! Why no plan could be made.

use crate::spec::Platform;

/// Why no plan could be made.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum PlanError {
    /// The workspace has no binary at all.
    #[error("the workspace has no binary")]
    #[diagnostic(
        code(gantry::plan::no_binary),
        help("an image is made of binaries: add a `src/main.rs` or a `[[bin]]`")
    )]
    NoBinary,
    /// All binaries of the workspace require features.
    #[error("the workspace has no binary that is built without features: `{binary}` requires some")]
    #[diagnostic(
        code(gantry::plan::only_optional),
        help(
            "ask for them in gantry.toml: `[image.{binary}]` with `binaries = [{{ binary = \"{binary}\", features = \
             {features:?} }}]`"
        )
    )]
    OnlyOptional {
        /// The first such binary.
        binary: String,
        /// The features that it requires.
        features: Vec<String>,
    },
    /// No package has this binary.
    #[error(
        "image `{image}` wants binary `{binary}`, which no package of the workspace and no `[binary.NAME]` has"
    )]
    #[diagnostic(code(gantry::plan::unknown_binary))]
    UnknownBinary {
        /// The image.
        image: String,
        /// The binary.
        binary: String,
        /// What there is.
        #[help]
        help: String,
    },
    /// The package that is named does not have this binary.
    #[error("image `{image}` wants binary `{binary}` of package `{package}`, and there is no such one")]
    #[diagnostic(code(gantry::plan::wrong_package))]
    WrongPackage {
        /// The image.
        image: String,
        /// The binary.
        binary: String,
        /// The package.
        package: String,
        /// Who has it, else what there is.
        #[help]
        help: String,
    },
    /// A ready file has digests, and none for this platform.
    #[error("`[binary.{binary}]` has no `sha256` for {platform}, which image `{image}` is for")]
    #[diagnostic(
        code(gantry::plan::no_digest),
        help("add it, or remove `sha256`, and no file is compared")
    )]
    NoDigest {
        /// The image.
        image: String,
        /// The binary.
        binary: String,
        /// The platform.
        platform: Platform,
    },
    /// Several packages have this binary.
    #[error("image `{image}` wants binary `{binary}`, which several packages have: {}", packages.join(", "))]
    #[diagnostic(
        code(gantry::plan::ambiguous_binary),
        help("name the package: binaries = [{{ binary = \"{binary}\", package = \"{}\" }}]", packages[0])
    )]
    AmbiguousBinary {
        /// The image.
        image: String,
        /// The binary.
        binary: String,
        /// The packages.
        packages: Vec<String>,
    },
    /// The command line names an image that is not there.
    #[error("there is no image `{name}`")]
    #[diagnostic(code(gantry::plan::unknown_image))]
    UnknownImage {
        /// The name.
        name: String,
        /// What there is.
        #[help]
        help: String,
    },
    /// The command line names a platform that no selected image declares.
    #[error("no selected image is for platform `{platform}`")]
    #[diagnostic(code(gantry::plan::unknown_platform))]
    UnknownPlatform {
        /// The platform.
        platform: Platform,
        /// What there is.
        #[help]
        help: String,
    },
    /// No target in the catalog serves this platform.
    #[error("{image}: no target is known for platform `{platform}`")]
    #[diagnostic(code(gantry::plan::no_target))]
    NoTarget {
        /// The image, as people say it.
        image: String,
        /// The platform.
        platform: Platform,
        /// Known platforms.
        #[help]
        help: String,
    },
    /// The Matrix names a triple that the catalog lacks.
    #[error("{image}: target `{triple}` is not known")]
    #[diagnostic(code(gantry::plan::unknown_target))]
    UnknownTarget {
        /// The image, as people say it.
        image: String,
        /// The triple.
        triple: String,
        /// Something near.
        #[help]
        help: String,
    },
    /// The Matrix names a triple of another platform.
    #[error("{image}: target `{triple}` builds for `{builds}`, not for `{platform}`")]
    #[diagnostic(code(gantry::plan::wrong_target))]
    WrongTarget {
        /// The image, as people say it.
        image: String,
        /// The triple.
        triple: String,
        /// What it builds for.
        builds: String,
        /// What is wanted.
        platform: String,
    },
    /// The standard library of some targets is not installed.
    #[error("the standard library is not installed for {}", triples.join(", "))]
    #[diagnostic(
        code(gantry::plan::no_std),
        help("run `rustup target add {}`, or add `--install-targets`", triples.join(" "))
    )]
    NoStd {
        /// The triples.
        triples: Vec<String>,
    },
    /// Two packages bring a binary of the same name to one compiler call.
    #[error(
        "packages `{first}` and `{second}` both have a binary `{binary}`: cargo would write them to one path"
    )]
    #[diagnostic(
        code(gantry::plan::same_path),
        help("rename one of them, or set `isolated = true` on one of the images")
    )]
    SamePath {
        /// The binary.
        binary: String,
        /// A package.
        first: String,
        /// Another package.
        second: String,
    },
    /// Two binaries of an image have one path in it.
    #[error("image `{image}` has two binaries at `{dest}`")]
    #[diagnostic(code(gantry::plan::same_dest), help("give one of them another `dest`"))]
    SameDest {
        /// The image.
        image: String,
        /// The path.
        dest: String,
    },
    /// Two images would set one tag.
    #[error("images `{first}` and `{second}` would both be tagged `{reference}`")]
    #[diagnostic(
        code(gantry::plan::same_tag),
        help("put `{{image}}` into the repository or the tag, or choose one of them with --image")
    )]
    SameTag {
        /// An image.
        first: String,
        /// Another one.
        second: String,
        /// Repository and tag.
        reference: String,
    },
    /// A variable for compilers that is set by us, whatever it says.
    #[error("image `{image}`: `{name}` in `env` of platform `{platform}` would not hold")]
    #[diagnostic(code(gantry::plan::variable))]
    Variable {
        /// The image.
        image: String,
        /// The platform.
        platform: Platform,
        /// The variable.
        name: String,
        /// What to write instead.
        #[help]
        help: String,
    },
    /// A user is called by a name that the image does not know.
    #[error("image `{image}` runs as `{user}`, and nothing in it says who `{name}` is")]
    #[diagnostic(
        code(gantry::plan::unknown_user),
        help(
            "declare it (`users = {{ {name} = 10001 }}`), write numbers, or bring an `/etc/passwd` with `files`"
        )
    )]
    UnknownUser {
        /// The image.
        image: String,
        /// The whole setting.
        user: String,
        /// The part that is unknown.
        name: String,
    },
    /// A template could not be rendered.
    #[error("image `{image}`: {fault} in `{template}`")]
    #[diagnostic(code(gantry::plan::template))]
    Template {
        /// The image.
        image: String,
        /// The template.
        template: String,
        /// What is wrong.
        fault: String,
        /// The way out.
        #[help]
        help: String,
    },
    /// A rendered tag is not a tag.
    #[error("image `{image}`: `{tag}` is not a tag")]
    #[diagnostic(
        code(gantry::plan::tag),
        help("a tag is 1 to 128 letters, digits, `_`, `.` and `-`, and does not begin with `.` or `-`")
    )]
    Tag {
        /// The image.
        image: String,
        /// The rendered text.
        tag: String,
    },
    /// Two rules, or two platforms, come to one tag.
    #[error("image `{image}`: tag `{tag}` is there twice")]
    #[diagnostic(code(gantry::plan::tag_twice), help("{help}"))]
    TagTwice {
        /// The image.
        image: String,
        /// The tag.
        tag: String,
        /// What to do about it.
        help: String,
    },
    /// Forward needs something to compare.
    #[error("image `{image}`: tag `{tag}` moves to higher versions only, and there is no version")]
    #[diagnostic(
        code(gantry::plan::forward_without_version),
        help(
            "tag the commit as in v1.2.3, or let the tag move to anything: `{{{{ tag = \"{tag}\", moves = \"always\" }}}}`"
        )
    )]
    ForwardWithoutVersion {
        /// The image.
        image: String,
        /// The tag.
        tag: String,
    },
    /// A rendered repository is not one.
    #[error("image `{image}`: `{repository}` is not a repository")]
    #[diagnostic(
        code(gantry::plan::repository),
        help("write `registry/path`, in lower case and without a tag, as in `ghcr.io/acme/{image}`")
    )]
    Repository {
        /// The image.
        image: String,
        /// The rendered text.
        repository: String,
    },
    /// The commit's version tag is another version than Cargo.toml's.
    #[error("image `{image}` is version `{version}`, but the commit is tagged `{tag}`")]
    #[diagnostic(
        code(gantry::plan::version_tag),
        help("make `version` in Cargo.toml and the git tag agree before releasing")
    )]
    VersionTag {
        /// The image.
        image: String,
        /// Version of the package.
        version: String,
        /// The git tag.
        tag: String,
    },
    /// Nothing was looked up of a base.
    #[error("image `{image}`: nothing is known of base `{base}` for platform `{platform}`")]
    #[diagnostic(
        code(gantry::plan::base),
        help("whoever plans looks up every base of the matrix before, on all platforms that start from it")
    )]
    Base {
        /// The image.
        image: String,
        /// The base.
        base: String,
        /// The platform.
        platform: Platform,
    },
}
