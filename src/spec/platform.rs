//! [`Platform`]: `os/architecture[/variant]`, kept normalised.

use std::fmt;
use std::str::FromStr;

use oci_spec::image::{Arch, Os, PlatformBuilder};

/// What an image runs on, in the words of the image index.
/// <https://github.com/opencontainers/image-spec/blob/v1.1.1/image-index.md#image-index-property-descriptions>
///
/// Kept normalised: `linux/arm64/v8` is `linux/arm64`, `linux/arm` is `linux/arm/v7`, `amd64/v1` is `amd64`.
/// Ordered by text, so that indexes and tables are always in the same order.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Platform {
    os: String,
    architecture: String,
    variant: Option<String>,
}

/// Architectures as others call them, and what the image index calls them.
const FOREIGN: [(&str, &str); 8] = [
    ("x86_64", "amd64"),
    ("x64", "amd64"),
    ("aarch64", "arm64"),
    ("armv7", "arm/v7"),
    ("armv6", "arm/v6"),
    ("i386", "386"),
    ("i686", "386"),
    ("x86", "386"),
];

/// Why a text is no platform.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum PlatformError {
    /// Not two or three words between slashes.
    #[error("`{0}` is not a platform")]
    #[diagnostic(
        code(gantry::spec::platform),
        help("a platform is written `os/architecture[/variant]`, as in `linux/amd64` or `linux/arm/v7`")
    )]
    Shape(String),
}

impl Platform {
    /// A platform of the given words, normalised.
    pub fn new(os: &str, architecture: &str, variant: Option<&str>) -> Self {
        let variant = match (architecture, variant.filter(|v| !v.is_empty())) {
            ("arm64", Some("v8")) | ("amd64", Some("v1")) => None,
            ("arm", None) => Some("v7"),
            (_, variant) => variant,
        };
        Self {
            os: os.to_owned(),
            architecture: architecture.to_owned(),
            variant: variant.map(str::to_owned),
        }
    }

    /// The platform that a text means whose architecture is named as elsewhere: `linux/amd64` of `linux/x86_64`.
    pub fn native(text: &str) -> Option<Self> {
        let (os, architecture) = text.split_once('/').unwrap_or(("linux", text));
        let (_, known) = FOREIGN.iter().find(|(foreign, _)| *foreign == architecture)?;
        format!("{os}/{known}").parse().ok()
    }

    /// `linux`, `wasi`, ...
    pub fn os(&self) -> &str {
        &self.os
    }

    /// `amd64`, `arm64`, `arm`, ... (the words of GOARCH).
    pub fn architecture(&self) -> &str {
        &self.architecture
    }

    /// `v6`, `v7`, ...; none for arm64, whose `v8` is implied.
    pub fn variant(&self) -> Option<&str> {
        self.variant.as_deref()
    }

    /// The variant as configs and indexes write it: `v8` for arm64, otherwise [`Platform::variant`].
    pub fn written_variant(&self) -> Option<&str> {
        match self.architecture.as_str() {
            "arm64" => Some(self.variant.as_deref().unwrap_or("v8")),
            _ => self.variant.as_deref(),
        }
    }

    /// `linux-arm64`, `linux-arm-v7`: for tags and file names.
    pub fn dashed(&self) -> String {
        self.to_string().replace('/', "-")
    }

    /// The same with the written variant: `linux-arm64-v8`.
    pub fn dashed_full(&self) -> String {
        match self.written_variant() {
            Some(variant) => format!("{}-{}-{variant}", self.os, self.architecture),
            None => format!("{}-{}", self.os, self.architecture),
        }
    }

    /// As an index's descriptor carries it.
    pub fn to_oci(&self) -> oci_spec::image::Platform {
        let builder = PlatformBuilder::default()
            .os(Os::from(self.os.as_str()))
            .architecture(Arch::from(self.architecture.as_str()));
        let builder = match self.written_variant() {
            Some(variant) => builder.variant(variant),
            None => builder,
        };
        builder.build().expect("os and architecture are set")
    }
}

impl From<&oci_spec::image::Platform> for Platform {
    fn from(platform: &oci_spec::image::Platform) -> Self {
        Self::new(
            &platform.os().to_string(),
            &platform.architecture().to_string(),
            platform.variant().as_deref(),
        )
    }
}

impl FromStr for Platform {
    type Err = PlatformError;

    fn from_str(text: &str) -> Result<Self, PlatformError> {
        let words: Vec<&str> = text.split('/').collect();
        let word = |w: &&str| {
            !w.is_empty()
                && w.bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        };
        match words.as_slice() {
            [os, architecture] if words.iter().all(word) => Ok(Self::new(os, architecture, None)),
            [os, architecture, variant] if words.iter().all(word) => {
                Ok(Self::new(os, architecture, Some(variant)))
            }
            _ => Err(PlatformError::Shape(text.to_owned())),
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        match &self.variant {
            Some(variant) => write!(f, "/{variant}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl serde::Serialize for Platform {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Platform {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normalises_and_writes_variants() {
        for (text, shown, full) in [
            ("linux/amd64", "linux/amd64", "linux-amd64"),
            ("linux/amd64/v1", "linux/amd64", "linux-amd64"),
            ("linux/amd64/v3", "linux/amd64/v3", "linux-amd64-v3"),
            ("linux/arm64/v8", "linux/arm64", "linux-arm64-v8"),
            ("linux/arm", "linux/arm/v7", "linux-arm-v7"),
            ("linux/arm/v6", "linux/arm/v6", "linux-arm-v6"),
            ("wasi/wasm", "wasi/wasm", "wasi-wasm"),
        ] {
            let platform: Platform = text.parse().unwrap();
            assert_eq!(
                (platform.to_string().as_str(), platform.dashed_full().as_str()),
                (shown, full)
            );
            assert_eq!(Platform::from(&platform.to_oci()), platform);
        }
    }

    #[test]
    fn refuses_other_shapes() {
        for text in ["", "linux", "linux/", "/amd64", "linux/arm/v7/x", "linux/a b"] {
            assert!(text.parse::<Platform>().is_err(), "{text}");
        }
    }
}
