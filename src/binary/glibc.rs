//! [`Glibc`]: a version of the GNU C library.

use std::fmt;
use std::str::FromStr;

/// A version of the GNU C library. Symbol versions that name a patch release (`GLIBC_2.2.5`) count as their release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Glibc {
    /// The first number.
    pub major: u32,
    /// The second number.
    pub minor: u32,
}

impl Glibc {
    /// The version that a symbol version stands for; none if it is not one of glibc's.
    pub fn of_symbol_version(name: &str) -> Option<Self> {
        match name.strip_prefix("GLIBC_")? {
            // Not a release's name, but a promise of the loader that came with 2.36.
            // <https://sourceware.org/git/?p=glibc.git;a=commit;h=57292f574156f817b7cbeb33ea39efad4cf1dda0>
            "ABI_DT_RELR" => Some(Self { major: 2, minor: 36 }),
            version => version.parse().ok(),
        }
    }
}

impl FromStr for Glibc {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.splitn(3, '.');
        let mut number = || parts.next().unwrap_or_default().parse();
        Ok(Self {
            major: number()?,
            minor: number()?,
        })
    }
}

impl fmt::Display for Glibc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbol_versions_name_releases() {
        for (name, expected) in [
            ("GLIBC_2.34", Some("2.34")),
            ("GLIBC_2.2.5", Some("2.2")),
            ("GLIBC_ABI_DT_RELR", Some("2.36")),
            ("GLIBC_PRIVATE", None),
            ("GLIBC_2", None),
            ("GCC_3.0", None),
        ] {
            let found = Glibc::of_symbol_version(name).map(|version| version.to_string());
            assert_eq!(found.as_deref(), expected, "{name}");
        }
        assert!("2.4".parse::<Glibc>().unwrap() < "2.34".parse().unwrap());
    }
}
