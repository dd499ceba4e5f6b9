//! Flags for Go's linker, and what the user's GOFLAGS say of them.
//!
//! What stands on the command line replaces the same flag of GOFLAGS, so what the user says there must be said again.

use super::{GoTarget, GoUnit};
use crate::build::{BuildError, Strip};

/// What GOFLAGS says of the flags that we set, too.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct GoFlags {
    ldflags: String,
    tags: Vec<String>,
    /// `-mod=mod`.
    pub(super) may_change_modules: bool,
}

impl GoFlags {
    /// Reads the value of GOFLAGS; none if its quotes do not end.
    pub(super) fn read(value: &str) -> Option<Self> {
        let mut flags = Self::default();
        for word in split(value)? {
            let (name, value) = word.split_once('=').unwrap_or((word, ""));
            match bare(name) {
                "ldflags" => value_of_all(value).clone_into(&mut flags.ldflags),
                // Blanks between tags are from before Go 1.13.
                "tags" => flags.tags = value.split([',', ' ']).map(str::to_owned).collect(),
                "mod" => flags.may_change_modules = value == "mod",
                _ => {}
            }
        }
        flags.tags.retain(|tag| !tag.is_empty());
        Some(flags)
    }

    /// The user's tags and these, as `-tags` takes them.
    pub(super) fn tags_with(&self, tags: &[String]) -> String {
        let mut all: Vec<&str> = Vec::new();
        for tag in self.tags.iter().chain(tags) {
            if !all.contains(&tag.as_str()) {
                all.push(tag);
            }
        }
        all.join(",")
    }
}

/// The value of `-ldflags` for a target: the user's, the matrix's, and ours where those are silent.
pub(super) fn ldflags(own: &GoFlags, unit: &GoUnit, target: &GoTarget) -> Result<String, BuildError> {
    let mut parts: Vec<String> = Vec::new();
    if !own.ldflags.is_empty() {
        parts.push(own.ldflags.clone());
    }
    for flag in &target.ldflags {
        parts.push(quoted(flag)?);
    }
    let given = parts.join(" ");
    let words = split(&given).ok_or_else(|| BuildError::GoFlags {
        what: "ldflags",
        value: given.clone(),
    })?;
    let silent_of = |name: &str| {
        !words
            .iter()
            .any(|word| word.starts_with('-') && bare(word.split('=').next().unwrap_or(word)) == name)
    };
    let ours: &[(&str, &str)] = match unit.strip {
        Strip::None => &[],
        Strip::Debuginfo => &[("w", "-w")],
        Strip::Symbols => &[("s", "-s"), ("w", "-w")],
    };
    let library: &[(&str, &str)] = match unit.cgo && target.static_libc {
        true => &[
            ("linkmode", "-linkmode=external"),
            ("extldflags", "-extldflags=-static"),
        ],
        false => &[],
    };
    let missing = ours.iter().chain(library).filter(|(name, _)| silent_of(name));
    parts.extend(missing.map(|(_, flag)| (*flag).to_owned()));
    Ok(parts.join(" "))
}

/// A flag as it must stand within `-ldflags`. Go splits at blanks, and takes a word in quotes as it is. A value after
/// `-X` that has blanks (of a date, say) and no quotes is meant to be one word.
fn quoted(flag: &str) -> Result<String, BuildError> {
    let Some(setting) = flag.strip_prefix("-X ").map(str::trim) else {
        return Ok(flag.to_owned());
    };
    let begins_quoted = setting.starts_with(['\'', '"']);
    // Another flag within the same text.
    let more = setting.split_whitespace().any(|word| word.starts_with('-'));
    if begins_quoted || more || !setting.contains(char::is_whitespace) {
        return Ok(flag.to_owned());
    }
    for quote in ['\'', '"'] {
        if !setting.contains(quote) {
            return Ok(format!("-X {quote}{setting}{quote}"));
        }
    }
    Err(BuildError::GoFlags {
        what: "ldflags",
        value: flag.to_owned(),
    })
}

/// A flag's name: one dash or two.
fn bare(name: &str) -> &str {
    let name = name.strip_prefix('-').unwrap_or(name);
    name.strip_prefix('-').unwrap_or(name)
}

/// The flags of `-ldflags=pattern=flags`: every program that is linked here is one of ours.
fn value_of_all(value: &str) -> &str {
    match value.split_once('=') {
        Some((_, flags)) if !value.starts_with(['-', ' ']) => flags,
        _ => value,
    }
}

/// Words as go splits them: at blanks; a word that begins with a quote goes on to the next, and nothing is escaped.
/// None if a quote does not end. <https://github.com/golang/go/blob/go1.24.0/src/cmd/internal/quoted/quoted.go>
fn split(text: &str) -> Option<Vec<&str>> {
    let blank = [' ', '\t', '\n', '\r'];
    let mut words = Vec::new();
    let mut rest = text.trim_start_matches(blank);
    while let Some(first) = rest.chars().next() {
        let word;
        if first == '"' || first == '\'' {
            (word, rest) = rest[1..].split_once(first)?;
        } else {
            (word, rest) = rest.split_at(rest.find(blank).unwrap_or(rest.len()));
        }
        words.push(word);
        rest = rest.trim_start_matches(blank);
    }
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_go() {
        for (text, expected) in [
            ("", Some(vec![])),
            ("  -s\t-w ", Some(vec!["-s", "-w"])),
            ("'-X a=b c' -s", Some(vec!["-X a=b c", "-s"])),
            ("-X 'a=\"b' ''", Some(vec!["-X", "a=\"b", ""])),
            ("-a='b c'", Some(vec!["-a='b", "c'"])),
            ("'a'b", Some(vec!["a", "b"])),
            ("-X 'a", None),
        ] {
            assert_eq!(split(text), expected, "{text:?}");
        }
    }

    #[test]
    fn what_the_user_says_in_goflags_is_said_again() {
        let read = GoFlags::read("-mod=vendor '-ldflags=-X a.b=c d' --tags=one,two -trimpath").unwrap();
        assert_eq!(read.ldflags, "-X a.b=c d");
        assert!(!read.may_change_modules);
        assert_eq!(read.tags_with(&["two".into(), "three".into()]), "one,two,three");
        assert!(GoFlags::read("-mod=mod").unwrap().may_change_modules);
        assert_eq!(GoFlags::read("-ldflags=all=-s").unwrap().ldflags, "-s");
        assert_eq!(GoFlags::read("-ldflags=-X=a.b=c").unwrap().ldflags, "-X=a.b=c");
        assert_eq!(GoFlags::read("'-ldflags"), None);
    }

    #[test]
    fn ldflags_are_joined_and_completed() {
        let value = |own: &str, flags: &[&str], strip: Strip| {
            let target = GoTarget {
                ldflags: flags.iter().map(|&flag| flag.to_owned()).collect(),
                ..GoTarget::default()
            };
            let unit = GoUnit {
                strip,
                ..GoUnit::default()
            };
            let own = GoFlags {
                ldflags: own.into(),
                ..GoFlags::default()
            };
            ldflags(&own, &unit, &target)
        };
        for (own, flags, strip, expected) in [
            ("", &[][..], Strip::None, ""),
            ("", &[], Strip::Debuginfo, "-w"),
            ("", &[], Strip::Symbols, "-s -w"),
            ("", &["-s", "--w=false"], Strip::Symbols, "-s --w=false"),
            ("-w", &["-X main.v=1"], Strip::Symbols, "-w -X main.v=1 -s"),
            (
                "",
                &["-X main.d=Mon 1 Jan", "-X", "main.e=x"],
                Strip::None,
                "-X 'main.d=Mon 1 Jan' -X main.e=x",
            ),
            ("", &["-X main.d=it's so"], Strip::None, "-X \"main.d=it's so\""),
            ("", &["-X 'main.d=a b'"], Strip::None, "-X 'main.d=a b'"),
            (
                "",
                &["-X main.d=1 -X main.e=2"],
                Strip::None,
                "-X main.d=1 -X main.e=2",
            ),
            // A value is no flag.
            ("", &["-X main.d=-s"], Strip::Debuginfo, "-X main.d=-s -w"),
        ] {
            assert_eq!(value(own, flags, strip).unwrap(), expected);
        }
        assert!(value("", &["-X main.d='a \"b"], Strip::None).is_err());
        assert!(value("", &["-X 'main.d=a"], Strip::None).is_err());
    }

    #[test]
    fn a_static_c_library_is_asked_for_with_cgo_alone() {
        let mut unit = GoUnit {
            cgo: true,
            strip: Strip::None,
            ..GoUnit::default()
        };
        let mut target = GoTarget {
            static_libc: true,
            ..GoTarget::default()
        };
        let value = |unit: &GoUnit, target: &GoTarget| ldflags(&GoFlags::default(), unit, target).unwrap();
        assert_eq!(value(&unit, &target), "-linkmode=external -extldflags=-static");
        target.ldflags = vec!["-extldflags '-static -lm'".into()];
        assert_eq!(
            value(&unit, &target),
            "-extldflags '-static -lm' -linkmode=external"
        );
        unit.cgo = false;
        target.ldflags.clear();
        assert_eq!(value(&unit, &target), "");
    }
}
