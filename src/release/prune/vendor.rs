//! [`VendorTags`]: what a vendor's own API can do about a tag, said without knowing the vendor.

use std::collections::BTreeSet;
use std::pin::Pin;

use crate::release::ReleaseError;
use crate::spec::Digest;

/// A vendor's own way to delete a tag of one repository. `pipeline` makes one of what `hub` offers.
pub trait VendorTags: Sync {
    /// Whether deleting a tag deletes its manifest, with every tag that it has.
    fn removes_manifests(&self) -> bool;

    /// Deletes `tag`, which was seen at `digest`. `pruned` are all tags that are to go.
    fn delete_tag<'a>(
        &'a self,
        tag: &'a str,
        digest: &'a Digest,
        pruned: &'a BTreeSet<String>,
    ) -> Pin<Box<dyn Future<Output = Result<VendorRemoval, ReleaseError>> + Send + 'a>>;
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VendorRemoval {
    /// The tag is gone.
    Deleted,
    /// There was none.
    NotThere,
    /// It stands elsewhere by now, and stays.
    Moved,
}
