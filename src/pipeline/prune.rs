//! Tags that are too many go, by the registry's own means or by its vendor's.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::time::Duration;

use miette::Diagnostic;

use super::publish::client;
use super::tags::repository;
use super::{Access as Login, Error, Gantry};
use crate::hub::{self, Api, HubError, Removal};
use crate::registry::{Access, Client, Repository};
use crate::release::prune::{self, Options, Pruned, Selection, VendorRemoval, VendorTags};
use crate::release::{self, ReleaseError};
use crate::spec::Digest;

/// Which tags go, and how far.
#[derive(Clone, Debug, Default)]
pub struct Pruning {
    /// Tags that match one of these go; all others stay.
    pub patterns: Vec<String>,
    /// Of those, only what is older.
    pub older_than: Option<Duration>,
    /// Of each pattern's tags, so many of the newest stay.
    pub keep_last: Option<usize>,
    /// Manifests that lose their last tag go as well, with what only they lead to.
    pub untagged: bool,
    /// Really delete; otherwise it is only said what would be.
    pub delete: bool,
}

pub(super) async fn prune(
    gantry: &Gantry,
    name: &str,
    pruning: &Pruning,
    access: &Login,
) -> Result<Pruned, Error> {
    let reference = repository(name)?;
    let mut selection = Selection::new(&pruning.patterns)?;
    if let Some(age) = pruning.older_than {
        selection = selection.older_than(age);
    }
    if let Some(count) = pruning.keep_last {
        selection = selection.keep_last(count);
    }
    let client = client(gantry, access, Some(&reference))?;
    let repository = Repository::from(&reference);
    let vendor = match pruning.delete {
        true => Api::of(&client, &repository, None)
            .await
            .map_err(|error| failed("", error))?,
        false => None,
    };
    let vendor = vendor.map(|api| Vendor {
        api,
        client: &client,
        repository: &repository,
    });
    let options = Options {
        delete: pruning.delete,
        untagged: pruning.untagged,
        vendor: vendor.as_ref().map(|vendor| vendor as &dyn VendorTags),
    };
    Ok(prune::prune(&client, &repository, &selection, options).await?)
}

/// A vendor's API, in the words of a release.
struct Vendor<'c> {
    api: Api,
    client: &'c Client,
    repository: &'c Repository,
}

impl VendorTags for Vendor<'_> {
    fn removes_manifests(&self) -> bool {
        self.api.removes_manifests()
    }

    fn delete_tag<'a>(
        &'a self,
        tag: &'a str,
        digest: &'a Digest,
        pruned: &'a BTreeSet<String>,
    ) -> Pin<Box<dyn Future<Output = Result<VendorRemoval, ReleaseError>> + Send + 'a>> {
        Box::pin(async move {
            match self.api.delete_tag(tag, digest, pruned).await {
                Ok(Removal::Gone(_)) => Ok(VendorRemoval::Deleted),
                Ok(Removal::NotThere) => {
                    let reference = self.repository.tagged(tag);
                    let found = self.client.find_manifest(&reference, Access::Pull).await?;
                    // Some hide what may not be removed.
                    match found.is_some_and(|found| found.digest == *digest) {
                        true => Err(failed(tag, self.api.hidden(tag))),
                        false => Ok(VendorRemoval::NotThere),
                    }
                }
                Err(HubError::Moved { .. }) => Ok(VendorRemoval::Moved),
                Err(error) => Err(failed(tag, error)),
            }
        })
    }
}

fn failed(tag: &str, error: HubError) -> ReleaseError {
    ReleaseError::Vendor {
        tag: tag.to_owned(),
        kind: match error.kind() {
            hub::Kind::Registry(kind) => release::Kind::Registry(kind),
            hub::Kind::Usage | hub::Kind::Refused => release::Kind::Refused,
        },
        help: error.help().map(|help| help.to_string()),
        source: error.into(),
    }
}
