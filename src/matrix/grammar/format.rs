//! [`Format`]: texts that must look like something.

use std::sync::{Mutex, PoisonError};

use regex_automata::meta::Regex;
use regex_automata::util::syntax;

use super::Form;
use crate::matrix::Condition;
use crate::matrix::suggest::nearest;
use crate::matrix::template::{Scope, Template, TemplateError, VARIABLES};
use crate::spec::{Platform, is_tag};

/// What a text must look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::matrix) enum Format {
    /// Anything.
    Any,
    /// An image, binary, package or profile.
    Name,
    Platform,
    /// A platform, or `default`.
    BaseKey,
    Base,
    Repository,
    Tag,
    /// When a tag is set.
    Condition,
    Template(Scope),
    Triple,
    Linker,
    Glibc,
    /// Name of an environment variable.
    Variable,
    Label,
    User,
    UserName,
    /// An absolute path.
    Path,
    /// An absolute path of a file.
    FilePath,
    /// A template of an absolute path.
    PathTemplate,
    /// A template of a path below the matrix's folder.
    FilesFrom,
    /// A template of the path of a file below the matrix's folder.
    FileBelow,
    /// A template of the path of a file in an archive.
    Member,
    /// One package, as `go build` takes it.
    GoPackage,
    /// A build tag of Go.
    GoTag,
    Glob,
    Port,
    Owner,
    Mode,
    Signal,
    Size,
    Growth,
    Sha256,
}

/// Why a text does not have its format.
#[derive(Debug)]
pub(in crate::matrix) enum Flaw {
    Value { expected: &'static str, help: String },
    Template(TemplateError),
    Unsupported { what: String, help: &'static str },
}

/// A part of a path that is neither `.` nor `..`.
const SEGMENT: &str = r"(?:[^/.\x00][^/\x00]*|\.[^/.\x00][^/\x00]*|\.\.[^/\x00]+)";

/// First and next parts of a Go package: `.` and `..` are parts, the wildcard `...` is none, and no flag is a package.
const GO_FIRST: &str = r"(?:\.{1,2}|(?:\.{1,2}[^./\s\x00]|[^-./\s\x00])(?:\.{0,2}[^./\s\x00])*\.{0,2})";
const GO_NEXT: &str = r"(?:\.{1,2}|(?:\.{0,2}[^./\s\x00])+\.{0,2})";

/// A number from 1 to 65535.
const PORT: &str = "(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])";

/// What a template may hold beside variables.
const TEXT: &str = r"[^{}]|\{\{|\}\}";

/// signal(7), and those of real time by their distance.
const SIGNALS: &str = "SIG(?:HUP|INT|QUIT|ILL|TRAP|ABRT|BUS|FPE|KILL|USR1|SEGV|USR2|PIPE|ALRM|TERM|STKFLT|CHLD|CONT|\
                       STOP|TSTP|TTIN|TTOU|URG|XCPU|XFSZ|VTALRM|PROF|WINCH|IO|PWR|SYS|RTMIN(?:\\+[0-9]{1,2})?|\
                       RTMAX(?:-[0-9]{1,2})?)|[1-9][0-9]?";

impl Format {
    /// The regular expression that the text must match, anchored at both ends; none where anything goes or where none
    /// can tell.
    pub(in crate::matrix) fn pattern(self) -> Option<String> {
        let units = "(?:B|kB|KB|MB|GB|KiB|MiB|GiB)";
        let platform = "[A-Za-z0-9._-]+/[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+)?";
        let inner = match self {
            Self::Any | Self::Glob => return None,
            Self::Name => "[A-Za-z0-9_][A-Za-z0-9_.-]*".to_owned(),
            Self::Platform => platform.to_owned(),
            Self::BaseKey => format!("default|{platform}"),
            Self::Base => r"oci(?:-archive)?:[^{}\x00]+|[^\s{}]+".to_owned(),
            Self::Repository => {
                let part = piece("[a-z0-9._/-]", Scope::Image);
                format!("(?:(?:{part})+:[0-9]{{1,5}}/)?(?:{part})+")
            }
            Self::Tag => format!(
                "(?:{})(?:{})*",
                piece("[A-Za-z0-9_]", Scope::Platform),
                piece("[A-Za-z0-9._-]", Scope::Platform)
            ),
            Self::Condition => "git-tag|ci|branch=.+|env\\.[^=]+=.*".to_owned(),
            Self::Template(scope) => format!("(?:{})*", piece(TEXT, scope)),
            Self::Triple => "[a-z0-9_]+(?:-[a-z0-9_.]+)+".to_owned(),
            Self::Linker => r"[^\s\x00]+".to_owned(),
            Self::Glibc => r"from-base|2\.[0-9]{1,3}".to_owned(),
            Self::Variable => r"[^=\x00]+".to_owned(),
            Self::Label => r"[^\x00]+".to_owned(),
            Self::User => {
                let one = "(?:[0-9]{1,10}|[A-Za-z_][A-Za-z0-9_.-]*)";
                format!("{one}(?::{one})?")
            }
            Self::UserName => "[a-z_][a-z0-9_-]{0,31}".to_owned(),
            Self::Path => format!("/|(?:/{SEGMENT})+/?"),
            Self::FilePath => format!("(?:/{SEGMENT})+"),
            Self::PathTemplate => format!("/(?:{})*", piece(TEXT, Scope::Platform)),
            Self::FilesFrom => format!("{SEGMENT}(?:/{SEGMENT})*/?|\\./?"),
            Self::FileBelow | Self::Member => format!("{SEGMENT}(?:/{SEGMENT})*"),
            Self::GoPackage => format!("{GO_FIRST}(?:/{GO_NEXT})*/?"),
            Self::GoTag => "[A-Za-z0-9_.]+".to_owned(),
            Self::Port => format!("{PORT}(?:-{PORT})?(?:/(?:tcp|udp))?"),
            Self::Owner => "[0-9]{1,10}:[0-9]{1,10}".to_owned(),
            Self::Mode => "0?[0-7]{3,4}".to_owned(),
            Self::Signal => SIGNALS.to_owned(),
            Self::Size => format!(r"[0-9]+(?:\.[0-9]+)?{units}"),
            Self::Growth => format!(r"[0-9]+(?:\.[0-9]+)?(?:%|{units})"),
            Self::Sha256 => "[0-9a-f]{64}".to_owned(),
        };
        Some(format!("^(?:{inner})$"))
    }

    /// Checks a text.
    pub(in crate::matrix) fn check(self, text: &str) -> Result<(), Flaw> {
        let sample = match self.scope() {
            Some(scope) => {
                let template = Template::parse(text).map_err(Flaw::Template)?;
                template.fits(scope).map_err(Flaw::Template)?;
                template.sample()
            }
            None => text.to_owned(),
        };
        let good = match self {
            Self::Any | Self::Template(_) => true,
            Self::Platform => platform(text)?,
            Self::BaseKey => text == "default" || platform(text)?,
            Self::Base => base(text),
            Self::Repository => repository(&sample),
            Self::Tag => is_tag(&sample),
            Self::Condition => Condition::parse(text).is_some(),
            Self::PathTemplate => Self::Path.matches(&sample),
            Self::FilesFrom | Self::FileBelow | Self::Member => self.matches(&sample),
            Self::Glob => globset::Glob::new(text).is_ok() && !text.is_empty(),
            Self::Port => self.matches(text) && ascending(text),
            Self::Owner => self.matches(text) && owner(text).is_some(),
            _ => self.matches(text),
        };
        if good {
            return Ok(());
        }
        Err(Flaw::Value {
            expected: self.expected(),
            help: self.help(text),
        })
    }

    /// What it is, with its article.
    pub(in crate::matrix) fn expected(self) -> &'static str {
        match self {
            Self::Any => "a text",
            Self::Name => "a name",
            Self::Platform | Self::BaseKey => "a platform",
            Self::Base => "a base",
            Self::Repository => "a repository",
            Self::Tag => "a tag",
            Self::Condition => "a condition",
            Self::Template(_) => "a template",
            Self::Triple => "a triple",
            Self::Linker => "a linker",
            Self::Glibc => "a glibc version",
            Self::Variable => "the name of an environment variable",
            Self::Label => "the key of a label",
            Self::User => "a user",
            Self::UserName => "the name of a user",
            Self::Path | Self::PathTemplate => "an absolute path",
            Self::FilePath => "the absolute path of a file",
            Self::FilesFrom => "a path below this folder",
            Self::FileBelow => "a file below this folder",
            Self::Member => "a path inside an archive",
            Self::GoPackage => "a Go package",
            Self::GoTag => "a build tag",
            Self::Glob => "a glob",
            Self::Port => "a port",
            Self::Owner => "an owner",
            Self::Mode => "a mode",
            Self::Signal => "a signal",
            Self::Size => "a size",
            Self::Growth => "a growth",
            Self::Sha256 => "a SHA-256 digest",
        }
    }

    fn help(self, text: &str) -> String {
        let help = match self {
            Self::Any | Self::Template(_) => "write some text",
            Self::Name => "letters, digits, `_`, `.` and `-`, beginning with one of the first three",
            Self::Platform | Self::BaseKey => {
                if let Some(known) = Platform::native(text) {
                    return format!("the image index calls it `{known}`");
                }
                "a platform is `os/architecture[/variant]`, as in `linux/amd64` or `linux/arm/v7`"
            }
            Self::Base => return base_help(text),
            Self::Repository
                if text.contains('@') || text.rsplit('/').next().is_some_and(|end| end.contains(':')) =>
            {
                "leave tag and digest out; `tags` says which tags are set"
            }
            Self::Repository => "a repository is lower-case, as in `ghcr.io/acme/{image}`",
            Self::Tag => {
                "a tag has at most 128 letters, digits, `_`, `.` and `-`, and does not begin with `.` or `-`"
            }
            Self::Condition => "`git-tag`, `ci`, `branch=GLOB`, or `env.NAME=VALUE`",
            Self::Triple => "a triple looks like `armv7-unknown-linux-gnueabihf`",
            Self::Linker => {
                "`auto`, `rust-lld`, `zig`, `gcc`, `clang`, `cc`, or one program without arguments"
            }
            Self::Glibc => "`from-base`, or a version as in `2.31`",
            Self::Variable => "it may not be empty nor hold `=`",
            Self::Label => "it may not be empty",
            Self::User => "`uid`, `uid:gid`, or names, as in `65532:65532` or `nobody`",
            Self::UserName => {
                "lower-case letters, digits, `_` and `-`, at most 32, beginning with a letter or `_`"
            }
            Self::Path | Self::PathTemplate => "it begins with `/` and has no `.` or `..` in it",
            Self::FilePath => "it begins with `/`, does not end with one, and has no `.` or `..` in it",
            Self::FilesFrom => "it is relative to the folder of the matrix and has no `..` in it",
            Self::FileBelow => {
                "it is relative to the folder of the matrix, and has neither `.` nor `..` in it, as in `dist/agent`"
            }
            Self::Member => "as in `agent-1.0/agent`, without `.` and `..` and a `/` at either end",
            Self::GoPackage => {
                "one package and no pattern, as in `./cmd/worker` or `example.org/tool/cmd/worker`"
            }
            Self::GoTag => "letters, digits, `_` and `.`, one tag a text",
            Self::Glob => "as in `**/*.html` or `{css,js}/*`",
            Self::Port => {
                "a number or ascending range from 1 to 65535, with `/tcp` or `/udp`, as in `8080/tcp`"
            }
            Self::Owner => "two numbers, user and group, as in `65532:65532`",
            Self::Mode => "octal digits, as in `0644` or `1777`",
            Self::Signal => "a name as in `SIGTERM`, or its number",
            Self::Size => "a number with B, kB, MB, GB, KiB, MiB or GiB, as in `40MB`",
            Self::Growth => "a percentage or a size, as in `10%` or `2MB`",
            Self::Sha256 => "64 lower-case hexadecimal digits, without `sha256:`",
        };
        help.to_owned()
    }

    /// Which variables it may hold, if it is a template.
    fn scope(self) -> Option<Scope> {
        match self {
            Self::Template(scope) => Some(scope),
            Self::Repository => Some(Scope::Image),
            Self::Tag | Self::PathTemplate | Self::FilesFrom | Self::FileBelow | Self::Member => {
                Some(Scope::Platform)
            }
            _ => None,
        }
    }

    /// Whether the pattern matches.
    pub(super) fn matches(self, text: &str) -> bool {
        match text.is_ascii() {
            true => self.ascii().is_none_or(|pattern| pattern.is_match(text)),
            false => self
                .pattern()
                .is_none_or(|pattern| compiled(&pattern, true).is_match(text)),
        }
    }

    /// The pattern for texts of ASCII, compiled once: with all of Unicode that takes a hundred times as long as matching.
    fn ascii(self) -> Option<Regex> {
        static COMPILED: Mutex<Vec<(Format, Option<Regex>)>> = Mutex::new(Vec::new());
        let mut known = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, pattern)) = known.iter().find(|(format, _)| *format == self) {
            return pattern.clone();
        }
        let pattern = self.pattern().map(|pattern| compiled(&pattern, false));
        known.push((self, pattern.clone()));
        pattern
    }
}

fn compiled(pattern: &str, unicode: bool) -> Regex {
    Regex::builder()
        .configure(Regex::config().utf8_empty(unicode))
        .syntax(syntax::Config::new().unicode(unicode).utf8(unicode))
        .build(pattern)
        .expect("the patterns of this file are regular expressions")
}

impl Form {
    /// Whether a list may hold the same item only once.
    pub(in crate::matrix) fn once(&self) -> bool {
        matches!(
            self,
            Self::Word(_) | Self::Text(Format::Platform | Format::Repository | Format::Port | Format::GoTag)
        )
    }
}

/// Whether the last port of `9000-9003/udp` is not below the first.
fn ascending(ports: &str) -> bool {
    let number = |text: &str| text.parse::<u16>().ok();
    let numbers = ports.split('/').next().unwrap_or_default();
    numbers
        .split_once('-')
        .is_none_or(|(first, last)| number(first) <= number(last))
}

/// User and group of `65532:65532`.
pub(in crate::matrix) fn owner(text: &str) -> Option<(u32, u32)> {
    let (user, group) = text.split_once(':')?;
    Some((user.parse().ok()?, group.parse().ok()?))
}

fn platform(text: &str) -> Result<bool, Flaw> {
    let Ok(platform) = text.parse::<Platform>() else {
        return Ok(false);
    };
    if platform.os() == "windows" {
        return Err(Flaw::Unsupported {
            what: format!("platform `{text}`"),
            help: "images for Windows are not made yet; remove the platform",
        });
    }
    Ok(Platform::native(text).is_none())
}

fn base(text: &str) -> bool {
    match text.split_once(':') {
        Some(("oci" | "oci-archive", path)) => !path.is_empty() && !path.contains(['{', '}', '\0']),
        Some((transport, _)) if TRANSPORTS.contains(&transport) => false,
        _ => matches!(text, "static" | "scratch") || crate::spec::reference(text).is_ok(),
    }
}

/// Places that other tools know by these words, and that would be read as names of images. `docker:` is such a name.
const TRANSPORTS: [&str; 4] = ["docker-archive", "docker-daemon", "containers-storage", "dir"];

/// What is wrong with a base, as far as that can be seen.
fn base_help(text: &str) -> String {
    let transport = text.split_once(':').map_or("", |(transport, _)| transport);
    if text.contains(['{', '}']) {
        return "a base has no variables: gantry.lock pins it by its name as it stands here".to_owned();
    }
    if let Some((_, reference)) = text.split_once("://") {
        return format!("leave the protocol out: `{reference}`");
    }
    if TRANSPORTS.contains(&transport) {
        return format!("a `{transport}:` is not read: copy it to a layout, and write `oci:PATH`");
    }
    let lower = text.to_ascii_lowercase();
    if lower != text && base(&lower) {
        return format!("the path of a reference is lower-case: `{lower}`");
    }
    "a base is `static`, `scratch`, a reference as in `debian:13-slim`, `oci:PATH` or `oci-archive:PATH`"
        .to_owned()
}

fn repository(sample: &str) -> bool {
    let tagged = sample.contains('@') || sample.rsplit('/').next().is_some_and(|end| end.contains(':'));
    let upper = sample.bytes().any(|b| b.is_ascii_uppercase());
    !tagged && !upper && crate::spec::reference(sample).is_ok()
}

/// A `literal` character, or a variable that has a value in `scope`.
fn piece(literal: &str, scope: Scope) -> String {
    let names: Vec<_> = VARIABLES
        .iter()
        .filter(|(_, needs)| *needs <= scope)
        .map(|(name, _)| *name)
        .collect();
    format!(
        r"{literal}|\{{(?:{}|commit:[0-9]{{1,2}}|env\.[A-Za-z0-9_]+(?::-[^}}]*)?)\}}",
        names.join("|")
    )
}

/// The word of `words` that was probably meant.
pub(in crate::matrix) fn meant(text: &str, words: &[&'static str]) -> String {
    let all: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
    match nearest(text, words.iter().copied()) {
        Some(near) => format!("did you mean `{near}`? There are {}", all.join(", ")),
        None => format!("there are {}", all.join(", ")),
    }
}
