//! Holds a tree of values against the language: unknown keys, types, words, numbers, formats.
//!
//! Every fault is told, not the first alone. What several keys mean together is not looked at here.

use super::error::MatrixError;
use super::grammar::{Flaw, Form, Format, Key, ROOT, Shape, meant};
use super::node::{Node, Place, Table, Value};
use super::suggest::nearest;
use crate::spec::Platform;

/// Checks the table `node` against `shape`; `title` is how people call it (`image `api``).
pub(super) fn table(node: &Node, shape: &'static Shape, title: &str, faults: &mut Vec<MatrixError>) {
    let Some(table) = node.table() else { return };
    for entry in &table.entries {
        let Some(key) = shape.key(&entry.key) else {
            faults.push(unknown(&entry.key, &entry.key_at, shape, title));
            continue;
        };
        let context = Context {
            name: &entry.key,
            key,
        };
        value(&entry.node, &key.form, &context, faults);
    }
    for key in shape
        .keys()
        .filter(|key| key.required && table.node(key.name).is_none())
    {
        let help = format!("for example `{} = {}`", key.name, key.example);
        faults.push(MatrixError::missing(key.name, title, &help, &node.at));
    }
    kinds(node, table, shape, title, faults);
}

/// Checks that the table is written in one of the shape's ways.
fn kinds(node: &Node, table: &Table, shape: &Shape, title: &str, faults: &mut Vec<MatrixError>) {
    let Some(kind) = shape.kinds.iter().find(|kind| table.node(kind.key).is_some()) else {
        if let Some(first) = shape.kinds.first() {
            let ways: Vec<_> = shape.kinds.iter().map(|kind| kind.way()).collect();
            let help = format!("say {}", ways.join(", or "));
            faults.push(MatrixError::missing(first.key, title, &help, &node.at));
        }
        return;
    };
    for key in kind.needs.iter().filter(|key| table.node(key).is_none()) {
        let help = format!("`{}` needs it", kind.key);
        faults.push(MatrixError::missing(key, title, &help, &node.at));
    }
    let Some(own) = table.entry(kind.key) else { return };
    for entry in &table.entries {
        if !kind.has(&entry.key) && shape.kinds.iter().any(|other| other.has(&entry.key)) {
            faults.push(MatrixError::conflict(
                (&own.key, &own.key_at),
                (&entry.key, &entry.key_at),
            ));
        }
    }
}

/// Which key a value belongs to.
struct Context<'a> {
    /// The innermost key, as written.
    name: &'a str,
    /// The key of the language around it.
    key: &'static Key,
}

fn value(node: &Node, form: &'static Form, context: &Context<'_>, faults: &mut Vec<MatrixError>) {
    match (form, &node.value) {
        (Form::Either(forms), _) => match forms.iter().find(|form| takes(form, node)) {
            Some(form) => value(node, form, context, faults),
            None => faults.push(wrong(node, form, context)),
        },
        (Form::Boolean, Value::Boolean(_)) | (Form::Off, Value::Boolean(false)) => {}
        (Form::Integer { minimum, maximum }, Value::Integer(number)) => {
            if !(minimum..=maximum).contains(&number) {
                let (text, at) = node.at.shown();
                faults.push(MatrixError::Range {
                    key: context.name.to_owned(),
                    value: *number,
                    minimum: *minimum,
                    maximum: *maximum,
                    text,
                    at,
                });
            }
        }
        (Form::Text(format), Value::Text(text)) => self::text(text, *format, &node.at, context, faults),
        (Form::Word(words), Value::Text(text)) => {
            if !words.contains(&text.as_str()) {
                let (source, at) = node.at.shown();
                faults.push(MatrixError::Value {
                    value: text.clone(),
                    expected: "known here",
                    help: meant(text, words),
                    text: source,
                    at,
                });
            }
        }
        (Form::List(item) | Form::FullList(item), Value::List(items)) => {
            if items.is_empty() && matches!(form, Form::FullList(_)) {
                let (text, at) = node.at.shown();
                faults.push(MatrixError::Empty {
                    key: context.name.to_owned(),
                    text,
                    at,
                });
            }
            for item_node in items {
                value(item_node, item, context, faults);
            }
            if item.once() {
                let items = items.iter().filter_map(|item| Some((item.text()?, &item.at)));
                twice(context.name, items, faults);
            }
        }
        (
            Form::Map {
                key: format,
                value: form,
            },
            Value::Table(table),
        ) => {
            map(table, *format, form, context, faults);
        }
        (Form::Table(shape), Value::Table(_)) => {
            table(node, shape, shape.name, faults);
        }
        _ => faults.push(wrong(node, form, context)),
    }
}

fn map(
    table: &Table,
    format: Format,
    form: &'static Form,
    context: &Context<'_>,
    faults: &mut Vec<MatrixError>,
) {
    for entry in &table.entries {
        let inner = Context {
            name: &entry.key,
            key: context.key,
        };
        text(&entry.key, format, &entry.key_at, context, faults);
        match (form, &entry.node.value) {
            // The words around a table of the user's own name say which kind of thing has the name.
            (Form::Table(shape), Value::Table(_)) => {
                let title = format!("{} `{}`", context.name, entry.key);
                self::table(&entry.node, shape, &title, faults);
            }
            _ => value(&entry.node, form, &inner, faults),
        }
    }
    if matches!(format, Format::Platform | Format::BaseKey) {
        let keys = table
            .entries
            .iter()
            .map(|entry| (entry.key.as_str(), &entry.key_at));
        twice(context.name, keys, faults);
    }
}

/// Whether the value's type is the form's.
fn takes(form: &Form, node: &Node) -> bool {
    match (form, &node.value) {
        (Form::Boolean, Value::Boolean(_))
        | (Form::Off, Value::Boolean(false))
        | (Form::Integer { .. }, Value::Integer(_))
        | (Form::Text(_) | Form::Word(_), Value::Text(_))
        | (Form::List(_) | Form::FullList(_), Value::List(_))
        | (Form::Map { .. } | Form::Table(_), Value::Table(_)) => true,
        (Form::Either(forms), _) => forms.iter().any(|form| takes(form, node)),
        _ => false,
    }
}

fn text(text: &str, format: Format, at: &Place, context: &Context<'_>, faults: &mut Vec<MatrixError>) {
    match format.check(text) {
        Ok(()) => {}
        Err(Flaw::Value { expected, help }) => {
            let (source, at) = at.shown();
            faults.push(MatrixError::Value {
                value: text.to_owned(),
                expected,
                help,
                text: source,
                at,
            });
        }
        Err(Flaw::Template(source)) => {
            let whole = 0..text.len();
            let (file, at) = at.within(text, source.span().unwrap_or(whole)).shown();
            faults.push(MatrixError::Template {
                key: context.name.to_owned(),
                source,
                text: file,
                at,
            });
        }
        Err(Flaw::Unsupported { what, help }) => faults.push(MatrixError::unsupported(what, help, at)),
    }
}

/// Reports those of `items` that were there before; platforms are compared normalised.
fn twice<'a>(key: &str, items: impl Iterator<Item = (&'a str, &'a Place)>, faults: &mut Vec<MatrixError>) {
    let mut seen: Vec<(String, &Place)> = Vec::new();
    for (item, at) in items {
        let normal = match item.parse::<Platform>() {
            Ok(platform) if key != "repository" && key != "ports" => platform.to_string(),
            _ => item.to_owned(),
        };
        let help = match item == normal {
            true => "keep one of them",
            false => "variants that an architecture implies are left out: `linux/arm64/v8` is `linux/arm64`",
        };
        match seen.iter().find(|(before, _)| *before == normal) {
            Some((_, first)) => faults.push(MatrixError::twice("item", &normal, help, first, at)),
            None => seen.push((normal, at)),
        }
    }
}

fn unknown(key: &str, at: &Place, shape: &'static Shape, title: &str) -> MatrixError {
    let names = || shape.keys().map(|key| key.name);
    let has_it = ROOT.all().into_iter().filter(|other| other.key(key).is_some());
    let elsewhere: Vec<_> = has_it.map(|other| other.name).collect();
    let elsewhere = match elsewhere.as_slice() {
        [] => String::new(),
        names => format!("`{key}` is a key of {}; ", names.join(", of ")),
    };
    let help = match nearest(key, names()) {
        Some(near) => format!("{elsewhere}did you mean `{near}`?"),
        None => {
            let names: Vec<_> = names().map(|name| format!("`{name}`")).collect();
            format!("{elsewhere}there are {}", names.join(", "))
        }
    };
    let (text, at) = at.shown();
    MatrixError::UnknownKey {
        key: key.to_owned(),
        table: title.to_owned(),
        help,
        text,
        at,
    }
}

fn wrong(node: &Node, form: &Form, context: &Context<'_>) -> MatrixError {
    let (text, at) = node.at.shown();
    MatrixError::WrongType {
        key: context.name.to_owned(),
        found: match node.value {
            Value::Boolean(true) if form.expected().contains("`false`") => "`true`",
            _ => node.kind(),
        },
        expected: form.expected(),
        help: format!("for example `{} = {}`", context.key.name, context.key.example),
        text,
        at,
    }
}
