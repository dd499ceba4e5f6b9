//! Canonical JSON: the one door through which JSON becomes bytes.
//!
//! oci-spec keeps annotations and labels in hash maps, whose order differs from run to run, so every object is
//! sorted here by key. No white space; what is written twice is the same bytes.

use serde::Serialize;
use serde_json::Value;

/// `value` as canonical bytes: object keys sorted by their UTF-8 bytes, no white space.
///
/// # Panics
/// Only for a value whose `Serialize` fails, which no type of this crate does.
pub fn to_vec<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    let value = serde_json::to_value(value).expect("values of this crate are representable as JSON");
    let mut out = Vec::new();
    write(&value, &mut out);
    out
}

/// `value` as canonical text; see [`to_vec`].
pub fn to_string<T: Serialize + ?Sized>(value: &T) -> String {
    String::from_utf8(to_vec(value)).expect("JSON is UTF-8")
}

/// The same order of keys, but indented for people.
pub fn to_string_pretty<T: Serialize + ?Sized>(value: &T) -> String {
    let sorted: Value = serde_json::from_slice(&to_vec(value)).expect("canonical JSON is JSON");
    serde_json::to_string_pretty(&sorted).expect("a JSON value is representable as JSON")
}

fn write(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Object(map) => {
            // serde_json may keep insertion order if any crate in the graph asks for it: sort here.
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_unstable_by(|a, b| a.0.cmp(b.0));
            sequence(b'{', b'}', entries, out, |(key, value), out| {
                scalar(key, out);
                out.push(b':');
                write(value, out);
            });
        }
        Value::Array(items) => sequence(b'[', b']', items, out, write),
        other => scalar(other, out),
    }
}

fn sequence<T>(
    open: u8,
    close: u8,
    items: impl IntoIterator<Item = T>,
    out: &mut Vec<u8>,
    mut each: impl FnMut(T, &mut Vec<u8>),
) {
    out.push(open);
    for (position, item) in items.into_iter().enumerate() {
        if position > 0 {
            out.push(b',');
        }
        each(item, out);
    }
    out.push(close);
}

fn scalar<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) {
    serde_json::to_writer(out, value).expect("writing to memory cannot fail");
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn keys_are_sorted_at_every_depth() {
        let value = serde_json::json!({"b": [{"z": 1, "a": null}], "a": "\"\n", "é": 1.5});
        assert_eq!(
            to_string(&value),
            r#"{"a":"\"\n","b":[{"a":null,"z":1}],"é":1.5}"#
        );
    }

    #[test]
    fn hash_maps_give_one_text() {
        let texts: std::collections::BTreeSet<String> = (0..20)
            .map(|_| to_string(&(0..30).map(|n| (n.to_string(), n)).collect::<HashMap<_, _>>()))
            .collect();
        assert_eq!(texts.len(), 1);
    }
}
