//! [`Tag`]: a name in a repository, and when it may come to name something else.

use super::ReleaseError;
use crate::spec::{Digest, is_tag};

/// A tag and its rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    name: String,
    moves: Moves,
    names: Option<Digest>,
}

/// Whether a tag may come to name something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moves {
    /// Once set, it stays.
    Never,
    /// To a higher version only.
    Forward,
    /// It names what was published last.
    Always,
}

impl Tag {
    /// The tag `name`, for the root of what is published.
    /// <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pulling-manifests>
    ///
    /// # Errors
    /// When `name` does not have the form of a tag.
    pub fn new(name: impl Into<String>, moves: Moves) -> Result<Self, ReleaseError> {
        let name = name.into();
        if !is_tag(&name) {
            return Err(ReleaseError::Tag { tag: name });
        }
        Ok(Self {
            name,
            moves,
            names: None,
        })
    }

    /// The same tag, for one of the manifests that the root lists.
    #[must_use]
    pub fn of_manifest(mut self, digest: Digest) -> Self {
        self.names = Some(digest);
        self
    }

    /// The tag itself.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its rule.
    pub fn moves(&self) -> Moves {
        self.moves
    }

    /// The manifest that it names; none where that is the root.
    pub fn names(&self) -> Option<&Digest> {
        self.names.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_have_a_form() {
        for (name, good) in [
            ("v1.2.3-rc.1", true),
            ("_x", true),
            ("1.0.0+build", false),
            ("", false),
            (".x", false),
            ("-x", false),
            ("a b", false),
            ("é", false),
        ] {
            assert_eq!(Tag::new(name, Moves::Never).is_ok(), good, "{name}");
        }
        assert!(Tag::new("x".repeat(128), Moves::Always).is_ok());
        assert!(Tag::new("x".repeat(129), Moves::Always).is_err());
    }
}
