//! [`Template`]: text with variables, as `gantry.toml` uses it nearly everywhere.
//!
//! In: the text. Out: its parts, checked, and later the text with every variable replaced by what the caller knows.
//! This file knows which variables exist and never what they are worth.
//!
//! ```text
//! {version}   {commit:12}   {env.NAME}   {env.NAME:-default}   {{ and }} are braces
//! ```

use std::ops::Range;

/// Every variable but `env.NAME`, and where it has a value.
pub(super) const VARIABLES: [(&str, Scope); 16] = [
    ("image", Scope::Image),
    ("version", Scope::Image),
    ("major", Scope::Image),
    ("minor", Scope::Image),
    ("patch", Scope::Image),
    ("commit", Scope::Image),
    ("branch", Scope::Image),
    ("date", Scope::Image),
    ("os", Scope::Platform),
    ("arch", Scope::Platform),
    ("variant", Scope::Platform),
    ("platform", Scope::Platform),
    ("platform-full", Scope::Platform),
    ("platform-path", Scope::Platform),
    ("triple", Scope::Platform),
    ("out", Scope::Command),
];

/// The longest a commit is: SHA-256 in hexadecimal.
const LONGEST_COMMIT: usize = 64;

/// What a template stands for, and so which variables have a value in it. Each includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Scope {
    /// An image as a whole, all its platforms together.
    Image,
    /// One platform of an image.
    Platform,
    /// The command that makes a binary for one platform.
    Command,
}

/// A text with variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Literal(String),
    Variable {
        name: String,
        argument: Argument,
        at: Range<usize>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Argument {
    None,
    /// `{commit:12}`.
    Length(usize),
    /// `{env.X:-default}`.
    Default(String),
}

/// Why a text is no template, or cannot be filled in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum TemplateError {
    /// A brace that is never closed.
    #[error("`{{` is never closed")]
    #[diagnostic(
        code(gantry::matrix::template_unclosed),
        help("close it with `}}`, or write `{{{{` for a brace that stands for itself")
    )]
    Unclosed {
        /// Bytes of the template.
        at: Range<usize>,
    },
    /// A closing brace without an opening one.
    #[error("`}}` closes nothing")]
    #[diagnostic(
        code(gantry::matrix::template_unopened),
        help("write `}}}}` for a brace that stands for itself")
    )]
    Unopened {
        /// Bytes of the template.
        at: Range<usize>,
    },
    /// A variable that does not exist, or not here.
    #[error("unknown variable `{name}`")]
    #[diagnostic(code(gantry::matrix::template_variable), help("{help}"))]
    UnknownVariable {
        /// Its name.
        name: String,
        /// The nearest known one, or all of them.
        help: String,
        /// Bytes of the template.
        at: Range<usize>,
    },
    /// Something after a colon that the variable does not take.
    #[error("`{name}` does not take `:{argument}`")]
    #[diagnostic(
        code(gantry::matrix::template_argument),
        help("only `{{commit:N}}`, with N from 1 to 64, and `{{env.NAME:-default}}` take something")
    )]
    Argument {
        /// The variable.
        name: String,
        /// What stands after the colon.
        argument: String,
        /// Bytes of the template.
        at: Range<usize>,
    },
    /// The caller has no value for a variable.
    #[error("`{{{name}}}` has no value here")]
    #[diagnostic(
        code(gantry::matrix::template_no_value),
        help(
            "set it, or do not use it in this template; an environment variable may have a default, `{{env.NAME:-default}}`"
        )
    )]
    NoValue {
        /// The variable.
        name: String,
    },
}

impl TemplateError {
    /// The bytes of the template that are at fault; none if that is a value from outside.
    pub fn span(&self) -> Option<Range<usize>> {
        match self {
            Self::Unclosed { at }
            | Self::Unopened { at }
            | Self::UnknownVariable { at, .. }
            | Self::Argument { at, .. } => Some(at.clone()),
            Self::NoValue { .. } => None,
        }
    }
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// A brace without its partner, a variable that does not exist, an argument that it does not take.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut position = 0;
        while let Some(found) = text[position..].find(['{', '}']) {
            let start = position + found;
            literal.push_str(&text[position..start]);
            let brace = &text[start..=start];
            if text[start + 1..].starts_with(brace) {
                literal.push_str(brace);
                position = start + 2;
                continue;
            }
            if brace == "}" {
                return Err(TemplateError::Unopened { at: start..start + 1 });
            }
            let Some(length) = text[start..].find('}') else {
                return Err(TemplateError::Unclosed {
                    at: start..text.len(),
                });
            };
            position = start + length + 1;
            if !literal.is_empty() {
                pieces.push(Piece::Literal(std::mem::take(&mut literal)));
            }
            pieces.push(variable(&text[start + 1..position - 1], start..position)?);
        }
        literal.push_str(&text[position..]);
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal));
        }
        Ok(Self { pieces })
    }

    /// The text with every variable replaced by `value(name, argument)`. The argument is what stands after the colon
    /// of `{commit:12}`; the result is cut to that length here as well. An environment variable is asked for as
    /// `env.NAME`; its default is used if there is no value or an empty one.
    ///
    /// # Errors
    /// [`TemplateError::NoValue`] for the first variable without a value.
    pub fn render(
        &self,
        value: &dyn Fn(&str, Option<&str>) -> Option<String>,
    ) -> Result<String, TemplateError> {
        let mut out = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Literal(text) => out.push_str(text),
                Piece::Variable { name, argument, .. } => {
                    let filled = match argument {
                        Argument::None => value(name, None),
                        Argument::Length(length) => {
                            value(name, Some(&length.to_string())).map(|v| v.chars().take(*length).collect())
                        }
                        Argument::Default(default) => value(name, None)
                            .filter(|v| !v.is_empty())
                            .or_else(|| Some(default.clone())),
                    };
                    out.push_str(&filled.ok_or_else(|| TemplateError::NoValue { name: name.clone() })?);
                }
            }
        }
        Ok(out)
    }

    /// The names of its variables, in order, as they stand there (`version`, `env.HOME`).
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Variable { name, .. } => Some(name.as_str()),
            Piece::Literal(_) => None,
        })
    }

    /// Whether `name` is one of its variables.
    pub fn uses(&self, name: &str) -> bool {
        self.variables().any(|variable| variable == name)
    }

    /// The same text with each variable replaced by a lower-case letter, to check what stands around them.
    pub(super) fn sample(&self) -> String {
        self.pieces
            .iter()
            .map(|piece| match piece {
                Piece::Literal(text) => text.as_str(),
                Piece::Variable { .. } => "x",
            })
            .collect()
    }

    /// An error if a variable has no value in `scope`.
    pub(super) fn fits(&self, scope: Scope) -> Result<(), TemplateError> {
        for piece in &self.pieces {
            if let Piece::Variable { name, at, .. } = piece
                && VARIABLES
                    .iter()
                    .any(|(known, needs)| known == name && *needs > scope)
            {
                return Err(TemplateError::UnknownVariable {
                    name: name.clone(),
                    help: format!("here there are {}", known(scope)),
                    at: at.clone(),
                });
            }
        }
        Ok(())
    }
}

fn variable(inside: &str, at: Range<usize>) -> Result<Piece, TemplateError> {
    let (name, after) = match inside.split_once(':') {
        Some((name, after)) => (name, Some(after)),
        None => (inside, None),
    };
    let environment = name.strip_prefix("env.").is_some_and(is_environment_name);
    if !environment && !VARIABLES.iter().any(|(known, _)| *known == name) {
        let names = VARIABLES.iter().map(|(name, _)| *name);
        return Err(TemplateError::UnknownVariable {
            name: name.to_owned(),
            help: match super::suggest::nearest(name, names) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!(
                    "there are {}; write `{{{{` for a brace that stands for itself",
                    known(Scope::Command)
                ),
            },
            at,
        });
    }
    let argument = match after {
        None => Some(Argument::None),
        Some(after) if environment => after.strip_prefix('-').map(|d| Argument::Default(d.to_owned())),
        Some(after) if name == "commit" => after
            .parse()
            .ok()
            .filter(|length| (1..=LONGEST_COMMIT).contains(length) && !after.starts_with('+'))
            .map(Argument::Length),
        Some(_) => None,
    };
    match argument {
        Some(argument) => Ok(Piece::Variable {
            name: name.to_owned(),
            argument,
            at,
        }),
        None => Err(TemplateError::Argument {
            name: name.to_owned(),
            argument: after.unwrap_or_default().to_owned(),
            at,
        }),
    }
}

fn is_environment_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn known(scope: Scope) -> String {
    let mut names: Vec<_> = VARIABLES
        .iter()
        .filter(|(_, needs)| *needs <= scope)
        .map(|(name, _)| format!("`{name}`"))
        .collect();
    names.push("`env.NAME`".to_owned());
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values(name: &str, argument: Option<&str>) -> Option<String> {
        match (name, argument) {
            ("version", None) => Some("1.2.3".to_owned()),
            ("commit", _) => Some("0123456789abcdef".to_owned()),
            ("variant" | "env.EMPTY", None) => Some(String::new()),
            ("env.HOST", None) => Some("ghcr.io".to_owned()),
            _ => None,
        }
    }

    #[test]
    fn renders() {
        for (text, expected) in [
            ("", Ok("")),
            ("plain", Ok("plain")),
            ("v{version}", Ok("v1.2.3")),
            ("{commit:12}-{version}{variant}", Ok("0123456789ab-1.2.3")),
            ("{commit}", Ok("0123456789abcdef")),
            ("{{{version}}}", Ok("{1.2.3}")),
            ("{{version}}", Ok("{version}")),
            (
                "{env.HOST:-x}/{env.NONE:-a:b-c}{env.EMPTY:-d}",
                Ok("ghcr.io/a:b-cd"),
            ),
            ("{env.EMPTY}", Ok("")),
            ("{env.NONE}", Err("`{env.NONE}` has no value here")),
            ("{", Err("`{` is never closed")),
            ("a}b", Err("`}` closes nothing")),
            ("{verison}", Err("unknown variable `verison`")),
            ("{}", Err("unknown variable ``")),
            ("{env.}", Err("unknown variable `env.`")),
            ("{version:3}", Err("`version` does not take `:3`")),
            ("{commit:0}", Err("`commit` does not take `:0`")),
            ("{commit:x}", Err("`commit` does not take `:x`")),
            ("{env.X:y}", Err("`env.X` does not take `:y`")),
        ] {
            let got = Template::parse(text)
                .and_then(|t| t.render(&values))
                .map_err(|e| e.to_string());
            assert_eq!(got, expected.map(str::to_owned).map_err(str::to_owned), "{text}");
        }
    }

    #[test]
    fn tells_where_and_what_was_meant() {
        let Err(TemplateError::UnknownVariable { help, at, .. }) = Template::parse("a-{verison}") else {
            panic!("must be unknown");
        };
        assert_eq!((help.as_str(), at), ("did you mean `version`?", 2..11));
    }

    #[test]
    fn scopes_include_those_before() {
        let template = Template::parse("{image}-{platform}").unwrap();
        assert!(template.fits(Scope::Image).is_err());
        assert!(template.fits(Scope::Platform).is_ok());
        assert!(Template::parse("{out}").unwrap().fits(Scope::Platform).is_err());
    }

    proptest! {
        #[test]
        fn never_panics(text in "[{}:a-z.é-]{0,24}") {
            let _ = Template::parse(&text).map(|t| t.render(&values));
        }

        #[test]
        fn doubled_braces_are_the_text_itself(text in "\\PC{0,40}") {
            let doubled = text.replace('{', "{{").replace('}', "}}");
            let template = Template::parse(&doubled).unwrap();
            prop_assert_eq!(template.render(&values).unwrap(), text);
        }
    }
}
