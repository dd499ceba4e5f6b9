//! [`Ours`]: the blobs that this process wrote itself, whose content it need not compare with their digests again.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Blob, FileIdentity};
use crate::spec::Digest;

/// Files as this process left them. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Ours(Arc<Mutex<BTreeMap<Digest, FileIdentity>>>);

impl Ours {
    /// Takes down what was just written, or changed in nothing but its times and names.
    pub(super) fn keep(&self, path: &Path, digest: &Digest) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match FileIdentity::of(path) {
            Some(identity) => drop(all.insert(*digest, identity)),
            None => drop(all.remove(digest)),
        }
    }

    /// Whether the file is the one that was written here, and nobody touched it since.
    pub(super) fn has(&self, path: &Path, blob: &Blob) -> bool {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = all.get(&blob.digest);
        known.is_some_and(|known| known.size() == blob.size && FileIdentity::of(path).as_ref() == Some(known))
    }
}
