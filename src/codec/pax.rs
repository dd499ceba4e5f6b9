//! [`records`]: what an extended header of a tar consists of.
//!
//! In: the text of the header. Out: its keys and values, in order, as bytes. Not by the tar crate: it takes a line break
//! within a value, as file capabilities have them, for the record's end.
//!
//! <https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html#tag_20_92_13_03>

use std::io;

/// The records `length key=value\n` of an extended header. After the first that is malformed comes no other.
pub(crate) fn records(mut text: &[u8]) -> impl Iterator<Item = io::Result<(&[u8], &[u8])>> {
    std::iter::from_fn(move || {
        if text.is_empty() {
            return None;
        }
        let Some((key, value, rest)) = first(text) else {
            text = &[];
            let malformed = io::Error::new(io::ErrorKind::InvalidData, "a malformed extended header");
            return Some(Err(malformed));
        };
        text = rest;
        Some(Ok((key, value)))
    })
}

/// The first record's key and value, and what comes after it.
fn first(text: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = text.iter().position(|byte| *byte == b' ')?;
    let length = usize::try_from(decimal(&text[..space])?).ok()?;
    let record = text.get(space + 1..length)?.strip_suffix(b"\n")?;
    let equals = record.iter().position(|byte| *byte == b'=')?;
    Some((&record[..equals], &record[equals + 1..], &text[length..]))
}

/// A number as records have it.
pub(crate) fn decimal(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_cut_by_their_lengths() {
        let read = |text: &str| {
            let pairs = records(text.as_bytes()).collect::<io::Result<Vec<_>>>();
            pairs.ok().map(|pairs| {
                pairs
                    .into_iter()
                    .map(|(key, value)| format!("{}:{}", key.escape_ascii(), value.escape_ascii()))
                    .collect::<Vec<_>>()
            })
        };
        for (text, expected) in [
            ("", Some(vec![])),
            ("6 a=b\n6 c=d\n", Some(vec!["a:b", "c:d"])),
            ("9 a=b\nc=\n", Some(vec!["a:b\\nc="])),
            ("5 a=\n", Some(vec!["a:"])),
            ("6 a=bc", None),
            ("7 a=b\n", None),
            ("4 a\n", None),
            ("0 a=b\n", None),
            ("a=b\n", None),
            ("18446744073709551616 a=b\n", None),
            ("18446744073709551615 a=b\n", None),
        ] {
            let expected = expected.map(|pairs| pairs.into_iter().map(str::to_owned).collect());
            assert_eq!(read(text), expected, "{text:?}");
        }
    }
}
