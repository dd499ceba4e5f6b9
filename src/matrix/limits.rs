//! [`Growth`] and sizes: numbers of bytes as people write them.
//!
//! In: texts that have the form of [`Format`](super::grammar). Out: bytes and parts of a million; what is too large to be
//! counted is as much as can be.

use serde::Serialize;

/// How much larger than before something may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Growth {
    /// By so many bytes.
    Bytes(u64),
    /// By so many millionths of what it was: `10%` is 100000 of them.
    Millionths(u64),
}

impl Growth {
    /// The most that something of `before` bytes may become.
    pub fn most(self, before: u64) -> u64 {
        let by = match self {
            Self::Bytes(bytes) => bytes,
            Self::Millionths(part) => {
                let by = u128::from(before) * u128::from(part) / 1_000_000;
                u64::try_from(by).unwrap_or(u64::MAX)
            }
        };
        before.saturating_add(by)
    }

    /// `10%`, `2.5%`, `2MB`.
    pub(super) fn read(text: &str) -> Option<Self> {
        match text.strip_suffix('%') {
            Some(percent) => scaled(percent, 10_000).map(Self::Millionths),
            None => bytes(text).map(Self::Bytes),
        }
    }
}

/// `40MB`, `1.5GiB`: units with an `i` are powers of 1024, the others of 1000.
pub(super) fn bytes(text: &str) -> Option<u64> {
    let end = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(end);
    let unit = match unit {
        "B" => 1,
        "kB" | "KB" => 1000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    scaled(number, unit)
}

/// A decimal number times `unit`, rounded down.
fn scaled(number: &str, unit: u64) -> Option<u64> {
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
    if !digits(whole) || !digits(part) {
        return None;
    }
    // Nothing has bytes enough for more.
    let part = &part[..part.len().min(12)];
    let ten = 10_u128.pow(u32::try_from(part.len()).ok()?);
    let unit = u128::from(unit);
    let whole = whole.parse::<u128>().unwrap_or(u128::MAX).saturating_mul(unit);
    let part = part.parse::<u128>().ok()? * unit / ten;
    Some(u64::try_from(whole.saturating_add(part)).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_bytes() {
        for (text, want) in [
            ("0B", Some(0)),
            ("40MB", Some(40_000_000)),
            ("1.5kB", Some(1500)),
            ("2KB", Some(2000)),
            ("1.5MiB", Some(3 << 19)),
            ("0.1GiB", Some(107_374_182)),
            ("0.9B", Some(0)),
            ("1.00000000000000000000009GB", Some(1_000_000_000)),
            ("99999999999999999999999999999999999999999999GB", Some(u64::MAX)),
            ("40", None),
            ("MB", None),
            ("4,0MB", None),
        ] {
            assert_eq!(bytes(text), want, "{text}");
        }
    }

    #[test]
    fn growth_is_a_part_or_a_size() {
        for (text, before, want) in [
            ("10%", 1000, 1100),
            ("0%", 1000, 1000),
            ("0.1%", 1999, 2000),
            ("250%", 100, 350),
            ("2kB", 0, 2000),
            ("10%", 0, 0),
            ("100%", u64::MAX, u64::MAX),
        ] {
            let growth = Growth::read(text).unwrap();
            assert_eq!(growth.most(before), want, "{text} of {before}");
        }
        assert_eq!(Growth::read("x%"), None);
    }
}
