//! What a repository holds under which tags.

use super::publish::client;
use super::{Access, Error, Gantry};
use crate::release::listing::{self, TagRow};
use crate::spec::Reference;

pub(super) async fn tags(gantry: &Gantry, name: &str, access: &Access) -> Result<Vec<TagRow>, Error> {
    let reference = repository(name)?;
    let client = client(gantry, access, Some(&reference))?;
    Ok(listing::tags(&client, &(&reference).into()).await?)
}

/// A reference without tag and digest.
pub(super) fn repository(name: &str) -> Result<Reference, Error> {
    let reference = crate::spec::reference(name).map_err(|source| Error::Reference {
        text: name.to_owned(),
        source,
    })?;
    let last = name.rsplit('/').next().unwrap_or_default();
    if last.contains([':', '@']) {
        return Err(Error::NotARepository {
            text: name.to_owned(),
        });
    }
    Ok(reference)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_has_neither_tag_nor_digest() {
        let digest = crate::spec::Digest::of(b"x");
        for (name, good) in [
            ("ghcr.io/acme/api", true),
            ("localhost:5000/api", true),
            ("alpine", true),
            ("localhost:5000/api:1", false),
            (&format!("ghcr.io/acme/api@{digest}"), false),
            ("ghcr.io/Acme Api", false),
        ] {
            assert_eq!(repository(name).is_ok(), good, "{name}");
        }
    }
}
