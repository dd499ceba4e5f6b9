//! [`BaseFacts`]: what planning needs to know of a base image, for one platform.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use super::{Digest, Platform};

/// A base as it was resolved for one platform.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "kebab-case")]
pub struct BaseFacts {
    /// As the matrix names it.
    pub name: String,
    /// What the name stood for when it was pinned: the digest of an index, or of a manifest that stands alone.
    pub index: Digest,
    /// The manifest of this platform.
    pub manifest: Digest,
    /// The platform that was asked for.
    pub platform: Platform,
    /// The C library that programs find there.
    pub libc: BaseLibc,
}

impl BaseFacts {
    /// The facts of one platform.
    pub fn new(
        name: impl Into<String>,
        index: Digest,
        manifest: Digest,
        platform: Platform,
        libc: BaseLibc,
    ) -> Self {
        Self {
            name: name.into(),
            index,
            manifest,
            platform,
            libc,
        }
    }
}

/// The C library of a base. Written `none`, `glibc 2.36`, `musl 1.2.5` or `musl`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BaseLibc {
    /// None: only static programs run.
    None,
    /// GNU libc, and its version, as in `2.36`.
    Glibc(String),
    /// musl, and its version where its file tells it.
    Musl(Option<String>),
}

impl fmt::Display for BaseLibc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Glibc(version) => write!(f, "glibc {version}"),
            Self::Musl(None) => f.write_str("musl"),
            Self::Musl(Some(version)) => write!(f, "musl {version}"),
        }
    }
}

impl Serialize for BaseLibc {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromStr for BaseLibc {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let numbers = |version: &str| {
            let parts = || version.split('.');
            parts().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
        };
        match text.split_once(' ') {
            None if text == "none" => Ok(Self::None),
            None if text == "musl" => Ok(Self::Musl(None)),
            Some(("musl", version)) if numbers(version) => Ok(Self::Musl(Some(version.to_owned()))),
            Some(("glibc", version)) if numbers(version) => Ok(Self::Glibc(version.to_owned())),
            _ => Err(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_libc_is_written_as_it_is_read() {
        for text in ["none", "musl", "musl 1.2.5", "glibc 2.36"] {
            assert_eq!(text.parse::<BaseLibc>().unwrap().to_string(), text);
        }
        for wrong in ["", "glibc", "glibc 2.x", "musl ", "uclibc 1", "glibc 2..3"] {
            assert!(wrong.parse::<BaseLibc>().is_err(), "{wrong}");
        }
    }
}
