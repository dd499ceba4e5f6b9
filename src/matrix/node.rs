//! [`Node`]: a TOML value that knows where it was written.
//!
//! In: TOML text. Out: a tree of its own, without borrows, so that values of several files can be merged and each
//! still points to its own text.

use std::ops::Range;
use std::sync::Arc;

use miette::NamedSource;
use toml::de::{DeTable, DeValue};

use super::error::MatrixError;

/// A text with its name, as errors show it.
pub(super) type Text = Arc<NamedSource<String>>;

/// A range of bytes in a text.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) text: Text,
    pub(super) span: Range<usize>,
}

/// A value and its place.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) at: Place,
}

#[derive(Clone, Debug)]
pub(super) enum Value {
    Text(String),
    Integer(i64),
    Boolean(bool),
    /// Floats and dates: nothing in a matrix is one.
    Other(&'static str),
    List(Vec<Node>),
    Table(Table),
}

/// Keys and values in the order of the text.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    pub(super) entries: Vec<Entry>,
}

#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_at: Place,
    pub(super) node: Node,
}

/// The tree of `text`; what is no TOML becomes `faults`.
pub(super) fn read(text: &Text, faults: &mut Vec<MatrixError>) -> Node {
    let (root, errors) = DeTable::parse_recoverable(text.inner());
    for error in errors {
        let at = Place {
            text: text.clone(),
            span: error.span().unwrap_or(0..0),
        };
        faults.push(MatrixError::syntax(error.message(), &at));
    }
    Node {
        value: Value::Table(table(root.get_ref(), text)),
        at: Place {
            text: text.clone(),
            span: 0..0,
        },
    }
}

fn table(table: &DeTable<'_>, text: &Text) -> Table {
    let place = |span| Place {
        text: text.clone(),
        span,
    };
    let entries = table.iter().map(|(key, value)| Entry {
        key: key.get_ref().to_string(),
        key_at: place(key.span()),
        node: Node {
            value: self::value(value.get_ref(), text),
            at: place(value.span()),
        },
    });
    Table {
        entries: entries.collect(),
    }
}

fn value(value: &DeValue<'_>, text: &Text) -> Value {
    match value {
        DeValue::String(string) => Value::Text(string.to_string()),
        DeValue::Integer(integer) => {
            // Nothing in a matrix is near either end, so what does not fit is out of range as well.
            let parsed = i64::from_str_radix(integer.as_str(), integer.radix());
            Value::Integer(parsed.unwrap_or(if integer.as_str().starts_with('-') {
                i64::MIN
            } else {
                i64::MAX
            }))
        }
        DeValue::Boolean(boolean) => Value::Boolean(*boolean),
        DeValue::Float(_) => Value::Other("a float"),
        DeValue::Datetime(_) => Value::Other("a date"),
        DeValue::Array(items) => Value::List(
            items
                .iter()
                .map(|item| Node {
                    value: self::value(item.get_ref(), text),
                    at: Place {
                        text: text.clone(),
                        span: item.span(),
                    },
                })
                .collect(),
        ),
        DeValue::Table(inner) => Value::Table(table(inner, text)),
    }
}

impl Place {
    /// The part of this place that holds the bytes `inside` of the text `value`, if it is written there as it is
    /// (in one pair of quotes, without escapes); else all of it.
    pub(super) fn within(&self, value: &str, inside: Range<usize>) -> Self {
        let written = self.text.inner().get(self.span.clone()).unwrap_or_default();
        let plain = written.len() == value.len() + 2 && written.get(1..=value.len()) == Some(value);
        let mut place = self.clone();
        if plain && inside.end <= value.len() {
            place.span = self.span.start + 1 + inside.start..self.span.start + 1 + inside.end;
        }
        place
    }
}

impl Node {
    /// What it is, with its article.
    pub(super) fn kind(&self) -> &'static str {
        match &self.value {
            Value::Text(_) => "a string",
            Value::Integer(_) => "an integer",
            Value::Boolean(_) => "a boolean",
            Value::Other(kind) => kind,
            Value::List(_) => "an array",
            Value::Table(_) => "a table",
        }
    }

    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn list(&self) -> &[Node] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    pub(super) fn table(&self) -> Option<&Table> {
        match &self.value {
            Value::Table(table) => Some(table),
            _ => None,
        }
    }

    /// The texts of a list; what is no text is left out.
    pub(super) fn texts(&self) -> Vec<String> {
        self.list()
            .iter()
            .filter_map(Node::text)
            .map(str::to_owned)
            .collect()
    }
}

impl Table {
    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    pub(super) fn node(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.node)
    }

    pub(super) fn text(&self, key: &str) -> Option<String> {
        self.node(key).and_then(Node::text).map(str::to_owned)
    }

    pub(super) fn texts(&self, key: &str) -> Option<Vec<String>> {
        self.node(key).map(Node::texts)
    }

    pub(super) fn flag(&self, key: &str) -> Option<bool> {
        match self.node(key)?.value {
            Value::Boolean(flag) => Some(flag),
            _ => None,
        }
    }

    pub(super) fn integer(&self, key: &str) -> Option<i64> {
        match self.node(key)?.value {
            Value::Integer(integer) => Some(integer),
            _ => None,
        }
    }

    /// The entries of the table at `key`; none if there is no table.
    pub(super) fn entries_of(&self, key: &str) -> &[Entry] {
        match self.node(key).and_then(Node::table) {
            Some(table) => &table.entries,
            None => &[],
        }
    }

    /// The list at `key`; none of them if there is no list.
    pub(super) fn items_of(&self, key: &str) -> &[Node] {
        self.node(key).map_or(&[], Node::list)
    }

    /// These entries with those of `own` laid over them: tables are merged per key, all else is replaced.
    pub(super) fn overlaid(&self, own: &Table) -> Table {
        let mut merged = self.clone();
        for entry in &own.entries {
            match merged.entries.iter_mut().find(|below| below.key == entry.key) {
                Some(below) => {
                    let mut above = entry.clone();
                    if let (Some(low), Some(high)) = (below.node.table(), entry.node.table()) {
                        above.node.value = Value::Table(low.overlaid(high));
                    }
                    *below = above;
                }
                None => merged.entries.push(entry.clone()),
            }
        }
        merged
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlays_tables_per_key_and_replaces_the_rest() {
        let text = Arc::new(NamedSource::new(
            "t",
            "[low]\na = 1\nlist = [1, 2]\nenv = { X = 1, Y = 2 }\n[high]\nlist = [3]\nenv = { Y = 4, Z = 5 }\n"
                .to_owned(),
        ));
        let mut faults = Vec::new();
        let root = read(&text, &mut faults);
        assert!(faults.is_empty());
        let root = root.table().unwrap();
        let (low, high) = (root.node("low").unwrap(), root.node("high").unwrap());
        let merged = low.table().unwrap().overlaid(high.table().unwrap());
        assert_eq!(merged.integer("a"), Some(1));
        assert_eq!(merged.items_of("list").len(), 1);
        let env = merged.node("env").unwrap().table().unwrap();
        assert_eq!(
            ["X", "Y", "Z"].map(|k| env.integer(k)),
            [Some(1), Some(4), Some(5)]
        );
    }

    #[test]
    fn points_into_plain_strings_only() {
        let text = Arc::new(NamedSource::new("t", "a = 'x-{y}'\nb = \"\\u0078\"\n".to_owned()));
        let root = read(&text, &mut Vec::new());
        let table = root.table().unwrap();
        let part = |key: &str, range| {
            let node = table.node(key).unwrap();
            let place = node.at.within(node.text().unwrap(), range);
            text.inner()[place.span].to_owned()
        };
        assert_eq!(part("a", 2..5), "{y}");
        assert_eq!(part("b", 0..1), "\"\\u0078\"");
    }
}
