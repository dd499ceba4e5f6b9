//! [`MatrixError`]: faults of a matrix, each with the place in the text it was written in.

use std::ops::Range;
use std::sync::Arc;

use miette::{Diagnostic, NamedSource, SourceSpan};

use super::node::Place;
use super::template::TemplateError;

/// A fault of a matrix, or several of them.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum MatrixError {
    /// More than one fault; each is in the list of related diagnostics.
    #[error("found {} faults in the matrix", faults.len())]
    #[diagnostic(code(gantry::matrix::faults))]
    Several {
        /// Each of them, in the order of the text.
        #[related]
        faults: Vec<MatrixError>,
    },
    /// The text is no TOML.
    #[error("not TOML: {message}")]
    #[diagnostic(
        code(gantry::matrix::syntax),
        help("https://toml.io/en/v1.1.0 describes the language")
    )]
    Syntax {
        /// What the parser says.
        message: String,
        /// The text.
        #[source_code]
        text: Arc<NamedSource<String>>,
        /// Where.
        #[label]
        at: SourceSpan,
    },
    /// A key written twice.
    #[error("a key is written twice")]
    #[diagnostic(code(gantry::matrix::duplicate_key), help("keep one of them"))]
    DuplicateKey {
        /// The text.
        #[source_code]
        text: Arc<NamedSource<String>>,
        /// The second one.
        #[label("written before")]
        at: SourceSpan,
    },
    /// A key that does not exist.
    #[error("unknown key `{key}` in {table}")]
    #[diagnostic(code(gantry::matrix::unknown_key), help("{help}"))]
    UnknownKey {
        /// The key.
        key: String,
        /// Where it stands, as people say it.
        table: String,
        /// The nearest known key, or all of them.
        help: String,
        /// The text.
        #[source_code]
        text: Arc<NamedSource<String>>,
        /// Where.
        #[label("unknown")]
        at: SourceSpan,
    },
    /// A value of another type than the key takes.
    #[error("`{key}` is {found}")]
    #[diagnostic(code(gantry::matrix::wrong_type), help("{help}"))]
    WrongType {
        /// The key.
        key: String,
        /// What it is.
        found: &'static str,
        /// What it must be.
        expected: String,
        /// An example.
        help: String,
        /// The text.
        #[source_code]
        text: Arc<NamedSource<String>>,
        /// Where.
        #[label("expected {expected}")]
        at: SourceSpan,
    },
    /// A value of the right type that makes no sense.
    #[error("`{value}` is not {expected}")]
    #[diagnostic(code(gantry::matrix::value), help("{help}"))]
    Value {
        /// The value.
        value: String,
        /// What it should be, with its article.
        expected: &'static str,
        /// How such a value looks.
        help: String,
        /// The text.
        #[source_code]
        text: Arc<NamedSource<String>>,
        /// Where.
        #[label]
        at: SourceSpan,
    },
    /// A template that cannot be read.
    #[error("the template in `{key}` cannot be read")]
    #[diagnostic(code(gantry::matrix::template))]
    Template {
        /// The key.
        key: String,
        /// Why.
        #[source]
        #[diagnostic_source]
        source: TemplateError,
        /// The text.
        #[source_code]
        text: Arc<NamedSource<String>>,
        /// Where.
        #[label]
        at: SourceSpan,
    },
    /// A number outside its bounds.
    #[error("`{key}` is {value}")]
    #[diagnostic(code(gantry::matrix::range), help("it may be from {minimum} to {maximum}"))]
    Range {
        /// The key.
        key: String,
        /// The number.
        value: i64,
        /// The least it may be.
        minimum: i64,
        /// The most it may be.
        maximum: i64,
        /// The text.
        #[source_code]
        text: Arc<NamedSource<String>>,
        /// Where.
        #[label("out of range")]
        at: SourceSpan,
    },
    /// A list without items where that makes no sense.
    #[error("`{key}` is empty")]
    #[diagnostic(
        code(gantry::matrix::empty),
        help("leave the key out to get the default, or give it an item")
    )]
    Empty {
        /// The key.
        key: String,
        /// The text.
        #[source_code]
        text: Arc<NamedSource<String>>,
        /// Where.
        #[label]
        at: SourceSpan,
    },
    /// A key that must be there.
    #[error("{table} lacks `{key}`")]
    #[diagnostic(code(gantry::matrix::missing_key), help("{help}"))]
    MissingKey {
        /// The key.
        key: String,
        /// Where it should stand, as people say it.
        table: String,
        /// What it is for.
        help: String,
        /// The text.
        #[source_code]
        text: Arc<NamedSource<String>>,
        /// Where.
        #[label("here")]
        at: SourceSpan,
    },
    /// Two keys that exclude each other.
    #[error("`{first}` and `{second}` exclude each other")]
    #[diagnostic(code(gantry::matrix::conflict), help("keep one of them"))]
    Conflict {
        /// The first key.
        first: String,
        /// The second key.
        second: String,
        /// The text.
        #[source_code]
        text: Arc<NamedSource<String>>,
        /// Where the first is.
        #[label("this")]
        first_at: SourceSpan,
        /// Where the second is.
        #[label("and this")]
        second_at: SourceSpan,
    },
    /// An image without an index that has several platforms.
    #[error("an image without an index has one platform, and this has {platforms}")]
    #[diagnostic(
        code(gantry::matrix::no_index),
        help("declare one in `platforms`, or remove `index`")
    )]
    NoIndex {
        /// How many it has.
        platforms: usize,
        /// The text.
        #[source_code]
        text: Arc<NamedSource<String>>,
        /// Where `index` is.
        #[label("no index")]
        index_at: SourceSpan,
        /// Where the platforms are, if they are not the usual ones.
        #[label("several platforms")]
        platforms_at: Option<SourceSpan>,
    },
    /// The same thing twice.
    #[error("{thing} `{value}` is there twice")]
    #[diagnostic(code(gantry::matrix::twice), help("{help}"))]
    Twice {
        /// What kind of thing.
        thing: &'static str,
        /// Which.
        value: String,
        /// Why both are the same.
        help: &'static str,
        /// The text.
        #[source_code]
        text: Arc<NamedSource<String>>,
        /// Where the first is.
        #[label("first")]
        first_at: SourceSpan,
        /// Where the second is.
        #[label("again")]
        second_at: SourceSpan,
    },
    /// Settings for a platform that the image does not have.
    #[error("{image} has no platform `{platform}`")]
    #[diagnostic(
        code(gantry::matrix::undeclared_platform),
        help("add it to `platforms`, or remove these settings; it has {declared}")
    )]
    UndeclaredPlatform {
        /// The image, as people say it.
        image: String,
        /// The platform.
        platform: String,
        /// The platforms it has.
        declared: String,
        /// The text.
        #[source_code]
        text: Arc<NamedSource<String>>,
        /// Where.
        #[label("settings for it")]
        at: SourceSpan,
    },
    /// A key for cargo beside a binary that does not come from it.
    #[error("`{key}` is for cargo, and `{binary}` is a `[binary.{binary}]`")]
    #[diagnostic(
        code(gantry::matrix::not_cargo),
        help("remove `{key}`; or if a cargo binary is meant, give `[binary.{binary}]` another name")
    )]
    NotCargo {
        /// The key.
        key: String,
        /// The binary.
        binary: String,
        /// The text.
        #[source_code]
        text: Arc<NamedSource<String>>,
        /// Where the key is.
        #[label("for cargo only")]
        at: SourceSpan,
    },
    /// Digests for some of a binary's platforms only.
    #[error("`{binary}` has no digest for `{platform}`")]
    #[diagnostic(
        code(gantry::matrix::no_digest),
        help(
            "add the one for `{platform}`, which image `{image}` declares; or remove `sha256`, and no file is compared"
        )
    )]
    NoDigest {
        /// The binary.
        binary: String,
        /// The platform.
        platform: String,
        /// An image that declares it.
        image: String,
        /// The text.
        #[source_code]
        text: Arc<NamedSource<String>>,
        /// Where the other digests are.
        #[label("not here")]
        at: SourceSpan,
    },
    /// A key of the schema that this version does not act upon.
    #[error("{what} is not supported by this version")]
    #[diagnostic(code(gantry::matrix::unsupported), help("{help}"))]
    Unsupported {
        /// Key, or key and value.
        what: String,
        /// What to do without it.
        help: String,
        /// The text.
        #[source_code]
        text: Arc<NamedSource<String>>,
        /// Where.
        #[label("not supported")]
        at: SourceSpan,
    },
    /// Two places that say the same thing.
    #[error("{thing} is in `{first}` and in `{second}`")]
    #[diagnostic(
        code(gantry::matrix::two_sources),
        help("keep one: gantry.toml, or `metadata.gantry` in Cargo.toml")
    )]
    TwoSources {
        /// What.
        thing: String,
        /// Name of the first text.
        first: String,
        /// Name of the second text.
        second: String,
        /// The second text.
        #[source_code]
        text: Arc<NamedSource<String>>,
        /// Where it is in the second text.
        #[label("here again")]
        at: SourceSpan,
    },
}

impl MatrixError {
    /// One error of all `faults`, in the order of their texts; each once.
    pub(super) fn of(mut faults: Vec<Self>) -> Self {
        faults.sort_by_cached_key(|fault| (fault.start(), fault.to_string()));
        faults.dedup_by_key(|fault| (fault.start(), fault.to_string()));
        // What is wrong in itself is told before that it would not be supported.
        let wrong: Vec<_> = faults
            .iter()
            .filter(|fault| !fault.is_unsupported())
            .flat_map(Self::places)
            .collect();
        faults.retain(|fault| !fault.is_unsupported() || !fault.places().iter().any(|at| meets(at, &wrong)));
        match faults.len() {
            1 => faults.remove(0),
            _ => Self::Several { faults },
        }
    }

    /// Each fault by itself.
    pub fn faults(&self) -> &[Self] {
        match self {
            Self::Several { faults } => faults,
            other => std::slice::from_ref(other),
        }
    }

    pub(super) fn syntax(message: &str, at: &Place) -> Self {
        let (text, span) = at.shown();
        match message {
            "duplicate key" => Self::DuplicateKey { text, at: span },
            _ => Self::Syntax {
                message: message.to_owned(),
                text,
                at: span,
            },
        }
    }

    pub(super) fn unsupported(what: impl Into<String>, help: impl Into<String>, at: &Place) -> Self {
        let (text, at) = at.shown();
        Self::Unsupported {
            what: what.into(),
            help: help.into(),
            text,
            at,
        }
    }

    pub(super) fn conflict(first: (&str, &Place), second: (&str, &Place)) -> Self {
        let (text, second_at) = second.1.shown();
        Self::Conflict {
            first: first.0.to_owned(),
            second: second.0.to_owned(),
            text,
            first_at: first.1.beside(second.1),
            second_at,
        }
    }

    pub(super) fn no_index(platforms: usize, index: &Place, declared: Option<&Place>) -> Self {
        let (text, index_at) = index.shown();
        // What stands in another text cannot be pointed to here.
        let declared = declared.filter(|declared| Arc::ptr_eq(&declared.text, &index.text));
        Self::NoIndex {
            platforms,
            text,
            index_at,
            platforms_at: declared.map(|declared| declared.span.clone().into()),
        }
    }

    pub(super) fn twice(
        thing: &'static str,
        value: impl ToString,
        help: &'static str,
        first: &Place,
        second: &Place,
    ) -> Self {
        let (text, second_at) = second.shown();
        Self::Twice {
            thing,
            value: value.to_string(),
            help,
            text,
            first_at: first.beside(second),
            second_at,
        }
    }

    pub(super) fn missing(key: &str, table: &str, help: &str, at: &Place) -> Self {
        let (text, at) = at.shown();
        Self::MissingKey {
            key: key.to_owned(),
            table: table.to_owned(),
            help: help.to_owned(),
            text,
            at,
        }
    }

    fn is_unsupported(&self) -> bool {
        matches!(self, Self::Unsupported { .. })
    }

    fn start(&self) -> (String, usize) {
        match self.places().into_iter().next() {
            Some((name, span)) => (name, span.start),
            None => Default::default(),
        }
    }

    /// The places it points to, each with its text's name.
    fn places(&self) -> Vec<(String, Range<usize>)> {
        let text = match self {
            Self::Several { .. } => return Vec::new(),
            Self::Syntax { text, .. }
            | Self::DuplicateKey { text, .. }
            | Self::UnknownKey { text, .. }
            | Self::WrongType { text, .. }
            | Self::Value { text, .. }
            | Self::Template { text, .. }
            | Self::Range { text, .. }
            | Self::Empty { text, .. }
            | Self::MissingKey { text, .. }
            | Self::Conflict { text, .. }
            | Self::Twice { text, .. }
            | Self::NoIndex { text, .. }
            | Self::UndeclaredPlatform { text, .. }
            | Self::NotCargo { text, .. }
            | Self::NoDigest { text, .. }
            | Self::Unsupported { text, .. }
            | Self::TwoSources { text, .. } => text,
        };
        let labels = self.labels().into_iter().flatten();
        let span = |label: miette::LabeledSpan| label.offset()..label.offset() + label.len();
        labels
            .map(|label| (text.name().to_owned(), span(label)))
            .collect()
    }
}

fn meets(at: &(String, Range<usize>), places: &[(String, Range<usize>)]) -> bool {
    let apart = |a: &Range<usize>, b: &Range<usize>| a.end <= b.start || b.end <= a.start;
    places
        .iter()
        .any(|(name, span)| *name == at.0 && !apart(span, &at.1))
}

impl Place {
    /// As an error carries it.
    pub(super) fn shown(&self) -> (Arc<NamedSource<String>>, SourceSpan) {
        (self.text.clone(), self.span.clone().into())
    }

    /// Its bytes for a fault that shows the text of `other`: an inherited value may stand in another text, and then
    /// `other` is all there is to point to.
    fn beside(&self, other: &Place) -> SourceSpan {
        match Arc::ptr_eq(&self.text, &other.text) {
            true => self.span.clone().into(),
            false => other.span.clone().into(),
        }
    }
}
