//! [`Digests`]: the file in which one machine tells another what it has made.
//!
//! `build --digests-file` and `publish --digests-file` write it; `digests:FILE` reads it, wherever an image may be named.
//! In: text of one JSON document. Out: images with their digests and the places where they lie. Nothing is believed of
//! it but the digests: whoever opens one of the places compares what is there with them.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::spec::{Digest, Platform, json};

/// The largest file that is read, in bytes.
const LIMIT: u64 = 4 << 20;

/// What was made: one JSON document, `{"images": [...]}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digests {
    /// The images, in the order of the matrix.
    pub images: Vec<ImageDigests>,
}

/// One image of it. A field that is not known here is passed over: files of later versions can be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ImageDigests {
    /// The image's name in the matrix.
    pub image: String,
    /// Its version, if something says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Digest of the index, or of the manifest where there is no index.
    pub digest: Digest,
    /// What that is.
    pub media_type: String,
    /// Where it lies, as the command line names places: `oci:out/api:1.2.3`, `ghcr.io/acme/api@sha256:...`.
    #[serde(default)]
    pub places: Vec<String>,
    /// The image of each platform.
    #[serde(default)]
    pub platforms: Vec<PlatformDigest>,
}

/// The image of one platform.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PlatformDigest {
    /// The platform.
    pub platform: Platform,
    /// Digest of its manifest.
    pub digest: Digest,
}

/// Why a file of digests cannot be used.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum DigestsError {
    /// It cannot be read.
    #[error("cannot read `{}`", path.display())]
    #[diagnostic(code(gantry::release::digests_read))]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// It is far larger than any that we write.
    #[error("`{}` is larger than {LIMIT} bytes", path.display())]
    #[diagnostic(code(gantry::release::digests_large))]
    Large {
        /// The file.
        path: PathBuf,
    },
    /// It is something else.
    #[error("`{}` is no file of digests", path.display())]
    #[diagnostic(
        code(gantry::release::digests_form),
        help("such a file is written by `build --digests-file FILE` and `publish --digests-file FILE`")
    )]
    Form {
        /// The file.
        path: PathBuf,
        /// Where and why.
        #[source]
        source: serde_json::Error,
    },
    /// It lists no image.
    #[error("`{}` lists no image", path.display())]
    #[diagnostic(code(gantry::release::digests_empty))]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// No place that it lists is there.
    #[error("image `{image}` of `{}` is at none of the places that are listed", path.display())]
    #[diagnostic(code(gantry::release::digests_nowhere))]
    Nowhere {
        /// The file.
        path: PathBuf,
        /// The image.
        image: String,
        /// The places.
        #[help]
        help: String,
    },
    /// A place holds something else than it should.
    #[error("`{place}` is `{found}`; `{}` says that it is `{expected}`", path.display())]
    #[diagnostic(
        code(gantry::release::digests_differ),
        help(
            "it was written anew since, or comes from another run: bring file and images of one run together"
        )
    )]
    Differs {
        /// The file.
        path: PathBuf,
        /// The place.
        place: String,
        /// What is there.
        found: Digest,
        /// What should be there.
        expected: Digest,
    },
}

impl DigestsError {
    /// Whether the disk is at fault, and not the name.
    pub(super) fn is_disk(&self) -> bool {
        let wrong = [
            ErrorKind::NotFound,
            ErrorKind::IsADirectory,
            ErrorKind::NotADirectory,
        ];
        matches!(self, Self::Read { source, .. } if !wrong.contains(&source.kind()))
    }
}

impl Digests {
    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read, is larger than any, or holds something else.
    pub fn read(path: &Path) -> Result<Self, DigestsError> {
        let failed = |source| DigestsError::Read {
            path: path.to_owned(),
            source,
        };
        let mut text = Vec::new();
        // No size is asked for: a pipe has none, and a device has no end.
        let mut file = File::open(path).map_err(failed)?.take(LIMIT + 1);
        file.read_to_end(&mut text).map_err(failed)?;
        if text.len() as u64 > LIMIT {
            return Err(DigestsError::Large {
                path: path.to_owned(),
            });
        }
        let digests: Self = serde_json::from_slice(&text).map_err(|source| DigestsError::Form {
            path: path.to_owned(),
            source,
        })?;
        match digests.images.is_empty() {
            true => Err(DigestsError::Empty {
                path: path.to_owned(),
            }),
            false => Ok(digests),
        }
    }

    /// The document in one line.
    pub fn line(&self) -> String {
        json::to_string(self)
    }

    /// The file's text.
    pub fn text(&self) -> String {
        json::to_string_pretty(self) + "\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let digest = Digest::of(b"index");
        let digests = Digests {
            images: vec![ImageDigests {
                image: "api".to_owned(),
                version: Some("1.2.3".to_owned()),
                digest,
                media_type: "application/vnd.oci.image.index.v1+json".to_owned(),
                places: vec!["oci-archive:out/api.tar:1.2.3".to_owned()],
                platforms: vec![PlatformDigest {
                    platform: "linux/arm/v7".parse().unwrap(),
                    digest: Digest::of(b"manifest"),
                }],
            }],
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("digests.json");
        std::fs::write(&path, digests.text()).unwrap();
        assert_eq!(Digests::read(&path).unwrap(), digests);
        assert!(digests.text().contains(r#""media-type": "application"#));
    }

    #[test]
    fn other_files_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            Digests::read(&path).unwrap_err()
        };
        assert!(matches!(read("{}"), DigestsError::Form { .. }));
        assert!(matches!(read(r#"{"images": []}"#), DigestsError::Empty { .. }));
        let image = r#"{"images": [{"image": "a", "digest": "md5:x", "media-type": "m"}]}"#;
        assert!(matches!(read(image), DigestsError::Form { .. }));
        let missing = Digests::read(&folder.path().join("y")).unwrap_err();
        assert!(matches!(missing, DigestsError::Read { .. }) && !missing.is_disk());
        let directory = Digests::read(folder.path()).unwrap_err();
        assert!(matches!(directory, DigestsError::Read { .. }));
        let large = vec![b' '; usize::try_from(LIMIT).unwrap() + 1];
        std::fs::write(&path, large).unwrap();
        assert!(matches!(Digests::read(&path), Err(DigestsError::Large { .. })));
    }

    #[cfg(unix)]
    #[test]
    fn what_has_no_end_is_not_read_to_it() {
        let endless = Digests::read(Path::new("/dev/zero"));
        assert!(matches!(endless, Err(DigestsError::Large { .. })));
    }
}
