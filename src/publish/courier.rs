//! [`Courier`]: brings blobs to one repository, each once, the costliest first.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::known::There;
use super::publishing::is_past;
use super::{BlobContent, BlobSource, PublishError, Published};
use crate::registry::{Asking, Client, Kind, Pushed, RegistryError, Repository};
use crate::release;
use crate::spec::Digest;

/// Brings blobs to a repository. What is on its way when it is dropped, ends.
pub(super) struct Courier {
    client: Client,
    repository: Repository,
    taken: BTreeSet<Digest>,
    /// Something that was taken to be there was not.
    wary: bool,
    running: JoinSet<(u64, Result<Pushed, RegistryError>)>,
    failed: Option<(Instant, PublishError)>,
    tally: Tally,
}

/// What it took.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    sent: u64,
    mounted: u64,
    bytes: u64,
}

impl Courier {
    pub(super) fn new(client: &Client, repository: &Repository) -> Self {
        Self {
            client: client.clone(),
            repository: repository.clone(),
            taken: BTreeSet::new(),
            wary: false,
            running: JoinSet::new(),
            failed: None,
            tally: Tally::default(),
        }
    }

    /// Begins to bring `blobs`, but for those that are `there` or were taken before, asking for the rest as
    /// `asking` says. The client keeps the number of uploads small. After a failure nothing more is begun.
    pub(super) fn take(&mut self, blobs: &[BlobSource], there: &There, asking: Asking) {
        if self.failed.is_some() {
            return;
        }
        let wanted = |blob: &&BlobSource| !there.blobs.contains(&blob.digest);
        let mut blobs: Vec<&BlobSource> = blobs.iter().filter(wanted).collect();
        blobs.retain(|blob| self.taken.insert(blob.digest));
        if let Some(error) = blobs.iter().find_map(|blob| check_size(blob).err()) {
            return self.fail(error);
        }
        // What only has to be mounted is no work; of the rest the largest takes longest.
        let near = |blob: &BlobSource| {
            let source = blob.mount.as_ref();
            source.is_some_and(|source| source.registry() == self.repository.registry())
        };
        blobs.sort_by_key(|blob| (!near(blob), Reverse(blob.size), blob.digest));
        let asking = match self.wary {
            true => Asking::Looking,
            false => asking,
        };
        for blob in blobs {
            let (client, repository, blob) = (self.client.clone(), self.repository.clone(), blob.clone());
            self.running.spawn(async move {
                let pushed = client.bring_blob(&repository, &blob, asking).await;
                (blob.size, pushed)
            });
        }
    }

    /// Waits until one more blob is there; none are on their way where this is false.
    pub(super) async fn one(&mut self) -> bool {
        let Some((size, pushed)) = release::next(&mut self.running).await else {
            return false;
        };
        match pushed {
            Ok(Pushed::Present) => {}
            Ok(Pushed::Mounted) => self.tally.mounted += 1,
            Ok(Pushed::Sent) => {
                self.tally.sent += 1;
                self.tally.bytes += size;
            }
            Err(error) => self.fail(error.into()),
        }
        true
    }

    /// Waits for everything that was taken, and counts it.
    pub(super) async fn finish(&mut self, published: &mut Published) -> Result<(), PublishError> {
        while self.failed.is_none() && self.one().await {}
        let tally = std::mem::take(&mut self.tally);
        published.blobs_sent += tally.sent;
        published.blobs_mounted += tally.mounted;
        published.bytes_sent += tally.bytes;
        self.failed.take().map_or(Ok(()), |(_, error)| Err(error))
    }

    /// Everything may be gone: what is taken from now on is looked for, whatever was said of it.
    pub(super) fn forget(&mut self) {
        self.taken.clear();
        self.wary = true;
    }

    /// Takes out that the registry lets nobody like us write, and when it said so.
    pub(super) fn denied(&mut self) -> Option<(Instant, PublishError)> {
        let denied = release::Kind::Registry(Kind::Denied);
        self.failed.take_if(|(_, error)| error.kind() == denied)
    }

    /// Begins anew if the network failed it a while ago. What was sent is found again.
    pub(super) fn revive(&mut self) {
        if self
            .failed
            .as_ref()
            .is_some_and(|(at, error)| is_past(*at, error.kind()))
        {
            self.failed = None;
            self.running = JoinSet::new();
            self.forget();
        }
    }

    fn fail(&mut self, error: PublishError) {
        self.running.abort_all();
        self.failed.get_or_insert((Instant::now(), error));
    }
}

fn check_size(blob: &BlobSource) -> Result<(), PublishError> {
    let (path, offset) = match &blob.content {
        BlobContent::File(path) => (path, None),
        BlobContent::Within { path, offset } => (path, Some(*offset)),
        BlobContent::Remote(_) => return Ok(()),
    };
    let (found, path) = (path.metadata(), path.clone());
    let (good, found) = match (found, offset) {
        (Err(source), _) => return Err(RegistryError::File { path, source }.into()),
        (Ok(meta), None) => (meta.len() == blob.size, meta.len()),
        // What follows is no part of it.
        (Ok(meta), Some(offset)) => {
            let rest = meta.len().saturating_sub(offset);
            (rest >= blob.size, rest)
        }
    };
    if good {
        return Ok(());
    }
    Err(PublishError::BlobSize {
        path,
        expected: blob.size,
        found,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::environment::Environment;
    use crate::event::Silent;
    use crate::registry::Settings;
    use crate::tool::Tools;

    #[test]
    fn a_network_that_failed_long_ago_is_tried_again() {
        let settings = Settings::new(Tools::new(Environment::empty("/nonexistent")));
        let client = Client::new(settings, Arc::new(Silent)).unwrap();
        let unreachable = || RegistryError::Unreachable {
            what: String::new(),
            tries: 1,
            source: "gone".into(),
        };
        let file = || RegistryError::File {
            path: "x".into(),
            source: std::io::ErrorKind::NotFound.into(),
        };
        for (age, error, again) in [
            (0, unreachable(), false),
            (60, unreachable(), true),
            (60, file(), false),
        ] {
            let mut courier = Courier::new(&client, &Repository::new("127.0.0.1:1", "a"));
            let at = Instant::now().checked_sub(Duration::from_secs(age)).unwrap();
            courier.taken.insert(Digest::of(b"x"));
            courier.failed = Some((at, error.into()));
            courier.revive();
            let found = (courier.failed.is_none(), courier.taken.is_empty(), courier.wary);
            assert_eq!(found, (again, again, again), "{age}");
        }
    }
}
