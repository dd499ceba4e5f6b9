//! [`Publishing`]: a publish that goes on while the image is still being made.
//!
//! In: the tags at once, blobs as they are ready, the whole at the end. Out: what [`super::to_registry`] gives. Until
//! [`Publishing::complete`] nothing but blobs is written, which nobody can see.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::courier::Courier;
use super::delivery::Delivery;
use super::known::There;
use super::{BlobSource, Known, ManifestBytes, Moves, Options, PublishError, Published, Shipment, Tag};
use crate::registry::{Access, Asking, Client, Kind, RegistryError, Repository};
use crate::release;
use crate::spec::{Digest, Reference};

/// What tags name is believed for so long, and that nobody can be reached; then it is tried again.
const FRESH: Duration = Duration::from_secs(10);

/// A publish that has begun: tags are looked up, blobs go up as they are handed over. Nothing is visible before
/// [`Publishing::complete`]; when it is dropped instead, the uploads end.
pub struct Publishing {
    client: Client,
    repository: Repository,
    options: Options,
    known: Arc<dyn Known>,
    look: Arc<Look>,
    looked: watch::Receiver<()>,
    blobs: mpsc::UnboundedSender<Vec<BlobSource>>,
    work: JoinSet<Courier>,
}

/// What the first look found, and when it was over, until somebody takes it; or why there will be no publish.
type Look = Mutex<Option<(Instant, Result<Looked, PublishError>)>>;

/// What tags name.
#[derive(Clone, Debug)]
pub(super) struct Looked {
    at: Instant,
    named: BTreeMap<String, Option<Digest>>,
}

impl Publishing {
    /// Looks up what `tags` name now, in the background. The manifests that they will name need not be known yet, and
    /// further tags may follow at the end. What a tag's image leads to as far as `known` has its manifests is neither
    /// asked for nor sent. Must be called within a tokio runtime.
    pub fn begin(
        client: &Client,
        repository: &Reference,
        options: Options,
        tags: &[Tag],
        known: Arc<dyn Known>,
    ) -> Self {
        let repository = Repository::from(repository);
        let (blobs, handed) = mpsc::unbounded_channel();
        let (done, looked) = watch::channel(());
        let look = Arc::new(Look::default());
        let mut work = JoinSet::new();
        work.spawn(early(
            Courier::new(client, &repository),
            (client.clone(), repository.clone(), tags.to_vec()),
            (Arc::clone(&known), options),
            (Arc::clone(&look), done),
            handed,
        ));
        Self {
            client: client.clone(),
            repository,
            options,
            known,
            look,
            looked,
            blobs,
            work,
        }
    }

    /// Hands blobs over, and returns at once; from any thread. They are sent once the tags were looked up, unless they
    /// are known to be there. [`Publishing::complete`] says what went wrong with them.
    pub fn send(&self, blobs: Vec<BlobSource>) {
        // Nobody listens only when there is nothing to be sent any more.
        let _ = self.blobs.send(blobs);
    }

    /// What already forbids the publish, whatever the image will be: that the registry cannot be asked for its tags, does not
    /// let us in, or takes no blob from us where a tag does not exist yet. Waits for the first look at the tags. Which image a
    /// tag may name is a matter of the image's digest, and so of [`Publishing::complete`].
    pub async fn refused(&self) -> Option<PublishError> {
        // The other end is dropped when the look is over.
        while self.looked.clone().changed().await.is_ok() {}
        let mut look = lock(&self.look);
        match look.take() {
            Some((_, Err(error))) => Some(error),
            found => {
                *look = found;
                None
            }
        }
    }

    /// Sends what is missing, and writes manifests, index and tags.
    ///
    /// # Errors
    /// As [`super::to_registry`]; of the blobs that were handed over as well, unless everything is there already. Where
    /// the network failed them a while ago, they are tried again.
    pub async fn complete(self, shipment: &Shipment) -> Result<Published, PublishError> {
        let Self {
            client,
            repository,
            options,
            known,
            look,
            blobs,
            mut work,
            ..
        } = self;
        drop(blobs);
        let courier = release::next(&mut work).await;
        let mut courier = courier.unwrap_or_else(|| Courier::new(&client, &repository));
        courier.revive();
        let found = match lock(&look).take() {
            Some((at, Err(error))) if is_past(at, error.kind()) => None,
            found => found.map(|(_, found)| found).transpose()?,
        };
        let looked = match found.filter(|looked| looked.serves(&shipment.tags)) {
            Some(looked) => looked,
            None => Looked::now(&client, &repository, &shipment.tags).await?,
        };
        let delivery = Delivery {
            client: &client,
            repository: &repository,
            shipment,
            options,
            known,
            looked,
        };
        delivery.complete(courier).await
    }
}

/// What happens before the image is whole: the look at the tags, then the blobs. Ends when no more will come.
async fn early(
    mut courier: Courier,
    (client, repository, tags): (Client, Repository, Vec<Tag>),
    (known, options): (Arc<dyn Known>, Options),
    (look, done): (Arc<Look>, watch::Sender<()>),
    mut handed: mpsc::UnboundedReceiver<Vec<BlobSource>>,
) -> Courier {
    let looked = Looked::now(&client, &repository, &tags).await;
    let found = looked.as_ref().ok().cloned();
    *lock(&look) = Some((Instant::now(), looked.map_err(PublishError::from)));
    drop(done);
    let Some(looked) = found else {
        return courier;
    };
    let mut there = None;
    loop {
        tokio::select! {
            blobs = handed.recv() => {
                let Some(blobs) = blobs else { return courier };
                let there = match &mut there {
                    Some(there) => there,
                    none => none.insert(looked.there(&known, Vec::new()).await),
                };
                if tags.iter().any(|tag| looked.may_refuse(tag, options, there)) {
                    return courier;
                }
                there.lie_in(&repository, &blobs);
                courier.take(&blobs, there, looked.asking(there));
            }
            true = courier.one() => {
                // Where all tags exist, it may yet turn out that nothing has to be sent.
                if let Some((at, denied)) = looked.lacks_one().then(|| courier.denied()).flatten() {
                    *lock(&look) = Some((at, Err(denied)));
                    return courier;
                }
            }
        }
    }
}

impl Looked {
    pub(super) async fn now(
        client: &Client,
        repository: &Repository,
        tags: &[Tag],
    ) -> Result<Self, RegistryError> {
        let at = Instant::now();
        let found = release::named(client, repository, tags, Access::Push).await?;
        let names = tags.iter().map(|tag| tag.name().to_owned());
        Ok(Self {
            at,
            named: names.zip(found).collect(),
        })
    }

    /// Whether it is new enough, and of all `tags`.
    fn serves(&self, tags: &[Tag]) -> bool {
        self.at.elapsed() < FRESH && tags.iter().all(|tag| self.named.contains_key(tag.name()))
    }

    /// Whether a tag does not exist: then something has to be written, whatever the image will be.
    fn lacks_one(&self) -> bool {
        self.named.values().any(Option::is_none)
    }

    /// Whether a tag may stand against the publish, so that nothing is to be sent before that is known. One that never moves
    /// and names something either names this very image, and all is there, or is taken. Of what a tag that moves forward
    /// names, the version may not be known; an image of our own has one.
    fn may_refuse(&self, tag: &Tag, options: Options, there: &There) -> bool {
        let named = self.named.get(tag.name()).copied().flatten();
        named.is_some_and(|at| match options.lifted.rule(tag) {
            Moves::Always => false,
            Moves::Never => true,
            Moves::Forward => !there.manifests.contains(&at),
        })
    }

    /// What each tag names.
    pub(super) fn of(&self, tags: &[Tag]) -> Vec<Option<Digest>> {
        let named = |tag: &Tag| self.named.get(tag.name()).copied().flatten();
        tags.iter().map(named).collect()
    }

    /// How to ask for blobs that are not `there`: they are hardly likely to be where no tag exists, and less where all that
    /// the tags lead to is known.
    pub(super) fn asking(&self, there: &There) -> Asking {
        let known = |at: &Digest| there.manifests.contains(at);
        let mut exist = self.named.values().flatten().peekable();
        match (self.named.is_empty(), exist.peek().is_none()) {
            (true, _) => Asking::Mounting,
            (false, true) => Asking::Untagged,
            (false, false) if exist.all(known) => Asking::New,
            (false, false) => Asking::Mounting,
        }
    }

    /// What the registry has, by what its tags name and manifests that lie here, or are `ours`.
    pub(super) async fn there(&self, known: &Arc<dyn Known>, ours: Vec<ManifestBytes>) -> There {
        let roots: BTreeSet<Digest> = self.named.values().copied().flatten().collect();
        if roots.is_empty() {
            return There::default();
        }
        let known = Arc::clone(known);
        let walk = move || There::below(roots, known.as_ref(), &ours);
        // Reads files. What cannot be read is not known.
        tokio::task::spawn_blocking(walk).await.unwrap_or_default()
    }
}

/// Whether a failure of that kind at that time says nothing about now: a network may have come back.
pub(super) fn is_past(at: Instant, kind: release::Kind) -> bool {
    kind == release::Kind::Registry(Kind::Unreachable) && at.elapsed() >= FRESH
}

fn lock(look: &Look) -> std::sync::MutexGuard<'_, Option<(Instant, Result<Looked, PublishError>)>> {
    look.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_that_failed_may_have_come_back() {
        for (age, kind, past) in [
            (0, Kind::Unreachable, false),
            (60, Kind::Unreachable, true),
            (60, Kind::Denied, false),
            (60, Kind::Local, false),
        ] {
            let at = Instant::now().checked_sub(Duration::from_secs(age)).unwrap();
            let found = is_past(at, release::Kind::Registry(kind));
            assert_eq!(found, past, "{age} {kind:?}");
        }
    }

    #[test]
    fn a_look_serves_for_a_while_and_for_its_tags() {
        let tag = |name: &str| Tag::new(name, Moves::Always).unwrap();
        let looked = |age: u64, names: &[(&str, Option<Digest>)]| Looked {
            at: Instant::now().checked_sub(Duration::from_secs(age)).unwrap(),
            named: names.iter().map(|(name, at)| ((*name).to_owned(), *at)).collect(),
        };
        let digest = Some(Digest::of(b"x"));
        use Asking::{Mounting, New, Untagged};
        for (age, named, serves, asking, knowing) in [
            (0, vec![("a", None), ("b", None)], true, Untagged, Untagged),
            (5, vec![("a", digest), ("b", None)], true, Mounting, New),
            (60, vec![("a", None), ("b", None)], false, Untagged, Untagged),
            (0, vec![("a", None)], false, Untagged, Untagged),
            (0, vec![("b", digest)], false, Mounting, New),
            (0, vec![], false, Mounting, Mounting),
        ] {
            let looked = looked(age, &named);
            let tags = [tag("a"), tag("b")];
            assert_eq!(looked.serves(&tags), serves, "{age} {named:?}");
            assert_eq!(looked.asking(&There::default()), asking, "{named:?}");
            let mut there = There::default();
            there.manifests.extend(digest);
            assert_eq!(looked.asking(&there), knowing, "{named:?}");
            let first = named.iter().find(|(name, _)| *name == "a");
            assert_eq!(looked.of(&tags)[0], first.and_then(|(_, at)| *at));
        }
    }
}
