//! [`Listing`]: what an index lists, with what the indexes in it list in their place.

use std::borrow::Borrow;
use std::collections::BTreeSet;
use std::vec::IntoIter;

use super::{Descriptor, ManifestFormat, MediaType};

/// Goes through the entries of an index, in whatever form it is given them. Whoever is given an index reads it, and says
/// what that lists ([`Listing::inside`]): it comes next. An index that is listed twice is given once.
#[derive(Debug)]
pub struct Listing<E = Descriptor> {
    /// What is left of each index, the outermost first.
    levels: Vec<IntoIter<E>>,
    given: BTreeSet<String>,
    count: usize,
}

/// More in an index than any image has.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum ListingError {
    /// Indexes in indexes in indexes.
    #[error("there are more than {} indexes below each other", Listing::DEPTH)]
    #[diagnostic(
        code(gantry::spec::index_depth),
        help("no image needs that many; it is not read")
    )]
    Depth,
    /// Too many entries in all of them together.
    #[error("an index and those in it list more than {} manifests", Listing::MANIFESTS)]
    #[diagnostic(
        code(gantry::spec::index_entries),
        help("no image needs that many; name one of them by its digest")
    )]
    Manifests,
}

impl Listing {
    /// Indexes below each other, at most.
    pub const DEPTH: usize = 8;
    /// Manifests of one image, at most.
    pub const MANIFESTS: usize = 1000;
}

impl<E: Borrow<Descriptor>> Listing<E> {
    /// Begins with the entries of the outermost index.
    ///
    /// # Errors
    /// When there are too many.
    pub fn of(entries: Vec<E>) -> Result<Self, ListingError> {
        let mut listing = Self {
            levels: Vec::new(),
            given: BTreeSet::new(),
            count: 0,
        };
        listing.inside(entries)?;
        Ok(listing)
    }

    /// The entries of the index that was given last.
    ///
    /// # Errors
    /// When it is too deep, or there are too many.
    pub fn inside(&mut self, entries: Vec<E>) -> Result<(), ListingError> {
        self.count += entries.len();
        if self.count > Listing::MANIFESTS {
            return Err(ListingError::Manifests);
        }
        if self.levels.len() == Listing::DEPTH {
            return Err(ListingError::Depth);
        }
        self.levels.push(entries.into_iter());
        Ok(())
    }
}

impl<E: Borrow<Descriptor>> Iterator for Listing<E> {
    type Item = E;

    fn next(&mut self) -> Option<E> {
        loop {
            let Some(entry) = self.levels.last_mut()?.next() else {
                self.levels.pop();
                continue;
            };
            let of: &Descriptor = entry.borrow();
            if !is_index(of.media_type()) || self.given.insert(of.digest().to_string()) {
                return Some(entry);
            }
        }
    }
}

fn is_index(media_type: &MediaType) -> bool {
    [ManifestFormat::Oci, ManifestFormat::Docker]
        .iter()
        .any(|format| format.index() == *media_type)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Digest;

    fn entry(name: &str) -> Descriptor {
        let media_type = match name.starts_with("index") {
            true => MediaType::ImageIndex,
            false => MediaType::ImageManifest,
        };
        Descriptor::new(media_type, 1, Digest::of(name.as_bytes()))
    }

    #[test]
    fn what_an_index_in_an_index_lists_stands_in_its_place() {
        let first = ["a", "index", "b", "index"].map(entry);
        let mut listing = Listing::of(first.to_vec()).unwrap();
        let mut found = Vec::new();
        while let Some(next) = listing.next() {
            if *next.media_type() == MediaType::ImageIndex {
                listing.inside(vec![entry("c")]).unwrap();
            }
            found.push(next);
        }
        assert_eq!(found, ["a", "index", "c", "b"].map(entry));
    }

    #[test]
    fn nothing_is_listed_without_end() {
        let mut deep = Listing::of(vec![entry("index 1")]).unwrap();
        for level in 2..=Listing::DEPTH {
            deep.next().unwrap();
            deep.inside(vec![entry(&format!("index {level}"))]).unwrap();
        }
        assert!(matches!(deep.inside(Vec::new()), Err(ListingError::Depth)));
        let many = vec![entry("a"); Listing::MANIFESTS];
        let mut wide = Listing::of(many).unwrap();
        assert!(matches!(
            wide.inside(vec![entry("b")]),
            Err(ListingError::Manifests)
        ));
    }
}
