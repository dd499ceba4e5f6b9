//! The reference of `gantry.toml` for people, made from the description of its language.

use std::fmt::Write;

use super::grammar::{Form, Key, ROOT, Shape};

/// Every table and key in Markdown: type, default, meaning, example.
pub fn reference() -> String {
    let mut out = String::new();
    section(&ROOT, 2, &mut Said::default(), &mut out);
    out
}

/// Names of shapes that have their section, and groups of keys that were listed: in which shape, the first key.
#[derive(Default)]
struct Said {
    shapes: Vec<&'static str>,
    groups: Vec<(&'static str, &'static str)>,
}

fn section(shape: &'static Shape, depth: usize, said: &mut Said, out: &mut String) {
    said.shapes.push(shape.name);
    let mut name = shape.name.to_owned();
    name[..1].make_ascii_uppercase();
    line(out, format_args!("{} {name}\n", "#".repeat(depth)));
    if !shape.kinds.is_empty() {
        let ways: Vec<_> = shape.kinds.iter().map(|kind| kind.way()).collect();
        line(out, format_args!("It has {}.\n", ways.join(", or ")));
    }
    for group in shape.groups {
        match said
            .groups
            .iter()
            .find(|(_, key)| Some(*key) == group.first().map(|key| key.name))
        {
            Some((name, _)) => line(out, format_args!("- All keys of {name}.")),
            None => {
                group.iter().for_each(|key| item(key, out));
                said.groups
                    .extend(group.first().map(|key| (shape.name, key.name)));
            }
        }
    }
    line(out, format_args!(""));
    for key in shape.keys() {
        inner(&key.form, &mut |shape| {
            if !said.shapes.contains(&shape.name) {
                section(shape, depth + 1, said, out);
            }
        });
    }
}

fn item(key: &Key, out: &mut String) {
    let must = if key.required { "; must be there" } else { "" };
    line(
        out,
        format_args!("- `{}`: {}{must}. {}", key.name, typed(&key.form), key.about),
    );
    match key.default {
        "" => {}
        default => line(out, format_args!("  Default: {}.", quoted(default))),
    }
    line(out, format_args!("  Example: `{} = {}`", key.name, key.example));
}

/// TOML in backticks, words as they are.
fn quoted(default: &str) -> String {
    let toml = default.starts_with(['"', '[', '{']) && default.ends_with(['"', ']', '}']);
    match toml || matches!(default, "true" | "false" | "1") {
        true => format!("`{default}`"),
        false => default.to_owned(),
    }
}

fn typed(form: &Form) -> String {
    match form {
        Form::Word(words) => {
            let words: Vec<_> = words.iter().map(|word| format!("`\"{word}\"`")).collect();
            words.join(" or ")
        }
        Form::Integer { minimum, maximum } if minimum == maximum => format!("`{minimum}`"),
        Form::Integer { minimum, maximum } => format!("an integer from {minimum} to {maximum}"),
        Form::Text(format) => format!("{} (string)", format.expected()),
        Form::Map { key, .. } => format!(
            "a table by {}",
            key.expected().split_once(' ').map_or("", |w| w.1)
        ),
        Form::Either(forms) => forms.iter().map(typed).collect::<Vec<_>>().join(", or "),
        Form::List(item) | Form::FullList(item) => match item {
            Form::Text(format) => format!("an array of strings, each {}", format.expected()),
            Form::Table(shape) => format!("an array of tables, each {}", shape.name),
            other => format!("an array, each {}", typed(other)),
        },
        Form::Table(shape) => format!("a table, {}", shape.name),
        Form::Boolean | Form::Off => form.expected(),
    }
}

fn inner(form: &Form, see: &mut dyn FnMut(&'static Shape)) {
    match form {
        Form::Table(shape) => see(shape),
        Form::List(form) | Form::FullList(form) | Form::Map { value: form, .. } => inner(form, see),
        Form::Either(forms) => forms.iter().for_each(|form| inner(form, see)),
        _ => {}
    }
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(out, "{text}").expect("writing to a string does not fail");
}
