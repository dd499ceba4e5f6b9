//! The reference of `gantry.toml` for people, made from the description of its language.

use std::fmt::Write;

use super::grammar::{Form, Key, ROOT, Shape};

/// Every table and key in Markdown: type, default, meaning, example.
pub fn reference() -> String {
    let mut out = String::new();
    let mut seen = Vec::new();
    section(&ROOT, 2, &mut seen, &mut out);
    out
}

fn section(shape: &'static Shape, depth: usize, seen: &mut Vec<&'static str>, out: &mut String) {
    seen.push(shape.name);
    let mut name = shape.name.to_owned();
    name[..1].make_ascii_uppercase();
    line(out, format_args!("{} {name}\n", "#".repeat(depth)));
    for key in shape.keys() {
        if key.required {
            line(
                out,
                format_args!(
                    "- `{}`: {}; must be there. {}",
                    key.name,
                    typed(&key.form),
                    key.about
                ),
            );
        } else {
            line(
                out,
                format_args!("- `{}`: {}. {}", key.name, typed(&key.form), key.about),
            );
        }
        detail(key, out);
    }
    line(out, format_args!(""));
    for key in shape.keys() {
        inner(&key.form, &mut |shape| {
            if !seen.contains(&shape.name) {
                section(shape, depth + 1, seen, out);
            }
        });
    }
}

fn detail(key: &Key, out: &mut String) {
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
