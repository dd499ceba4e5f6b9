//! The JSON Schema of `gantry.toml`, made from the description of its language.

use serde_json::{Map, Value, json};

use super::grammar::{Form, Format, Key, Kind, ROOT, Shape};

/// The JSON Schema (draft 2020-12) of `gantry.toml`, for editors and checks. It refuses unknown keys. What a schema
/// cannot say (keys that exclude each other, platforms that are the same when normalised) is left to
/// [`parse`](super::parse()).
pub fn schema() -> Value {
    let mut definitions = Map::new();
    let mut root = shape(&ROOT, &mut definitions);
    let fields = [
        ("$schema", json!("https://json-schema.org/draft/2020-12/schema")),
        ("title", json!("gantry.toml")),
        ("description", json!("What cargo-gantry builds and publishes.")),
        ("$defs", Value::Object(definitions)),
    ];
    if let Value::Object(root) = &mut root {
        root.extend(fields.map(|(key, value)| (key.to_owned(), value)));
    }
    root
}

fn shape(shape: &Shape, definitions: &mut Map<String, Value>) -> Value {
    let properties: Map<_, _> = shape
        .keys()
        .map(|key| (key.name.to_owned(), property(key, definitions)))
        .collect();
    let required: Vec<_> = shape
        .keys()
        .filter(|key| key.required)
        .map(|key| key.name)
        .collect();
    let mut schema = json!({
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    if !shape.kinds.is_empty() {
        let ways: Vec<_> = shape.kinds.iter().map(|kind| way(kind, shape)).collect();
        schema["oneOf"] = json!(ways);
    }
    schema
}

/// One way to write the table: its keys, and none that only another way has.
fn way(kind: &Kind, shape: &Shape) -> Value {
    let required: Vec<_> = std::iter::once(&kind.key).chain(kind.needs).collect();
    let others = |key: &&Key| !kind.has(key.name) && shape.kinds.iter().any(|other| other.has(key.name));
    let never: Map<_, _> = shape
        .keys()
        .filter(others)
        .map(|key| (key.name.to_owned(), json!(false)))
        .collect();
    json!({ "required": required, "properties": never })
}

fn property(key: &Key, definitions: &mut Map<String, Value>) -> Value {
    let mut schema = form(&key.form, definitions);
    let description = match key.default {
        "" => key.about.to_owned(),
        default => format!("{} Default: {default}.", key.about),
    };
    schema["description"] = json!(description);
    schema
}

fn form(of: &Form, definitions: &mut Map<String, Value>) -> Value {
    match of {
        Form::Boolean => json!({ "type": "boolean" }),
        Form::Off => json!({ "const": false }),
        Form::Integer { minimum, maximum } => {
            json!({ "type": "integer", "minimum": minimum, "maximum": maximum })
        }
        Form::Text(format) => text(*format),
        Form::Word(words) => json!({ "enum": words }),
        Form::List(item) | Form::FullList(item) => {
            let mut schema = json!({ "type": "array", "items": form(item, definitions) });
            if matches!(of, Form::FullList(_)) {
                schema["minItems"] = json!(1);
            }
            if item.once() {
                schema["uniqueItems"] = json!(true);
            }
            schema
        }
        Form::Map { key, value } => json!({
            "type": "object",
            "propertyNames": text(*key),
            "additionalProperties": form(value, definitions),
        }),
        Form::Table(inner) => {
            let name = inner.name.replace('`', "").replace(' ', "-");
            if !definitions.contains_key(&name) {
                let schema = shape(inner, definitions);
                definitions.insert(name.clone(), schema);
            }
            json!({ "$ref": format!("#/$defs/{name}") })
        }
        Form::Either(forms) => {
            let forms: Vec<_> = forms.iter().map(|one| form(one, definitions)).collect();
            json!({ "oneOf": forms })
        }
    }
}

fn text(format: Format) -> Value {
    match format.pattern() {
        Some(pattern) => json!({ "type": "string", "pattern": pattern }),
        None => json!({ "type": "string" }),
    }
}
