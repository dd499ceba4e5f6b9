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

#[cfg(all(test, unix))]
mod tests {
    use std::fs;

    use super::super::BlobStore;

    #[test]
    fn what_was_written_here_is_ours_until_somebody_else_touches_it() {
        let folder = tempfile::tempdir().unwrap();
        let store = BlobStore::open(folder.path()).unwrap();
        let blob = store.put(b"a blob").unwrap();
        let path = store.path(&blob.digest);
        let ours = || store.ours.has(&path, &blob);
        assert!(ours());
        // What we do ourselves changes nothing: to look for it, and to give it another name.
        assert!(store.contains(&blob) && ours());
        let other = tempfile::tempdir().unwrap();
        let layout = BlobStore::open(other.path()).unwrap();
        layout.adopt(&store, &blob).unwrap();
        assert!(ours());
        // Another process knows nothing of it.
        let again = BlobStore::open(folder.path()).unwrap();
        assert!(!again.ours.has(&path, &blob));

        let copy = folder.path().join("copy");
        fs::copy(&path, &copy).unwrap();
        fs::rename(&copy, &path).unwrap();
        assert!(!ours(), "it is another file");
        assert!(
            store.contains(&blob) && !ours(),
            "which looking for it does not make ours"
        );
    }
}
