//! What images stand on, read while their programs are still being compiled: configs, layers and trees of bases.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::thread::available_parallelism;

use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio_util::task::AbortOnDropHandle;

use super::prepare::Prepared;
use super::{Error, Gantry};
use crate::base::{BaseImage, Origin};
use crate::blob::BlobStore;
use crate::event::Stage;
use crate::plan::{PlannedImage, PlannedPlatform};
use crate::rootfs::Tree;
use crate::spec::{BaseFacts, Platform};
use crate::tool::ToolError;

/// What one image stands on, for one platform. Clones are the same.
#[derive(Clone)]
pub(super) struct Ground {
    /// The base; none where it is ours.
    pub image: Option<BaseImage>,
    prepared: Arc<Prepared>,
    runtime: Handle,
    /// Not kept: sixteen platforms' trees would be in memory at once.
    tree: Arc<Mutex<Weak<Tree>>>,
}

impl Ground {
    /// The merged tree of the base; empty where the base is ours. Whoever asks twice should hold it meanwhile.
    ///
    /// # Errors
    /// When the base's layers cannot be had, or are damaged.
    pub(super) fn tree(&self) -> Result<Arc<Tree>, Error> {
        let (Some(image), Some(bases)) = (&self.image, &self.prepared.bases) else {
            return Ok(Arc::default());
        };
        let mut kept = self.tree.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tree) = kept.upgrade() {
            return Ok(tree);
        }
        let tree = self.runtime.block_on(bases.tree(image))?;
        *kept = Arc::downgrade(&tree);
        Ok(tree)
    }
}

/// Every base that is stood on, by name and platform. Dropped, it ends what is still being read.
pub(super) struct Grounds {
    each: BTreeMap<(String, Platform), Slot>,
    prepared: Arc<Prepared>,
    runtime: Handle,
}

/// A base that is being read.
type Coming = AbortOnDropHandle<Result<Option<BaseImage>, Error>>;

/// One base on one platform: on its way, then there.
struct Slot {
    way: Way,
    coming: Mutex<Option<Coming>>,
    there: OnceLock<Ground>,
    /// Somebody was told why it cannot be had.
    failed: AtomicBool,
}

/// How a base is had.
#[derive(Clone)]
struct Way {
    gantry: Gantry,
    prepared: Arc<Prepared>,
    store: BlobStore,
    facts: Option<BaseFacts>,
    /// Its layers come into the store.
    keep: bool,
    /// Layers are decompressed by one processor each, and trees are large while they are made: so many are at once.
    turns: Arc<Semaphore>,
    /// So many manifests and configs are asked for at once.
    asks: Arc<Semaphore>,
}

/// Bases whose layers are read at once, at least and at most: as many as there are processors.
const TURNS: (usize, usize) = (2, 4);
/// Bases whose manifests and configs are asked for at once.
const ASKS: usize = 8;

fn key(platform: &PlannedPlatform) -> (String, Platform) {
    (platform.base.clone(), platform.platform.clone())
}

/// Whether something of it is started here, for which the base's layers must be at hand.
fn starts_something(image: &PlannedImage, platform: &PlannedPlatform) -> bool {
    image.smoke.is_some() || platform.binaries.iter().any(|binary| binary.finish.upx.is_some())
}

impl Grounds {
    /// Begins to read every base of the plan. With `keep` their layers come into the store; those of a layout on this
    /// machine always do, since no registry has them. Must be called within a tokio runtime.
    pub(super) fn read(gantry: &Gantry, prepared: &Arc<Prepared>, store: &BlobStore, keep: bool) -> Self {
        let processors = available_parallelism().map_or(TURNS.0, usize::from);
        let turns = Arc::new(Semaphore::new(processors.clamp(TURNS.0, TURNS.1)));
        let asks = Arc::new(Semaphore::new(ASKS));
        let mut ways: BTreeMap<(String, Platform), Way> = BTreeMap::new();
        for image in &prepared.plan.images {
            for platform in &image.platforms {
                let way = ways.entry(key(platform)).or_insert_with(|| Way {
                    gantry: gantry.clone(),
                    prepared: Arc::clone(prepared),
                    store: store.clone(),
                    facts: platform.base_facts.clone(),
                    keep,
                    turns: Arc::clone(&turns),
                    asks: Arc::clone(&asks),
                });
                way.keep |= starts_something(image, platform);
            }
        }
        let slot = |way: Way| Slot {
            coming: Mutex::new(Some(AbortOnDropHandle::new(tokio::spawn(way.clone().go())))),
            way,
            there: OnceLock::new(),
            failed: AtomicBool::new(false),
        };
        Self {
            each: ways.into_iter().map(|(key, way)| (key, slot(way))).collect(),
            prepared: Arc::clone(prepared),
            runtime: Handle::current(),
        }
    }

    /// What a platform of the plan stands on; waits until it is there. Not to be called from a task of the runtime.
    ///
    /// # Errors
    /// When the base cannot be had, or is not what it should be.
    pub(super) fn of(&self, platform: &PlannedPlatform) -> Result<&Ground, Error> {
        let slot = &self.each[&key(platform)];
        let mut coming = slot.coming.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ground) = slot.there.get() {
            return Ok(ground);
        }
        let image = match coming.take() {
            Some(task) => {
                let gantry = &slot.way.gantry;
                let wait = || gantry.span_on(Stage::Wait, &platform.platform, &platform.base);
                let _wait = (!task.is_finished()).then(wait);
                self.end(task)
            }
            // All is in vain by now, and why is told by whoever stopped it.
            None if slot.failed.load(Ordering::SeqCst) => Err(ToolError::Cancelled {
                command: format!("(waiting for `{}`)", platform.base),
            }
            .into()),
            // Whoever asked before was told why it failed.
            None => self.runtime.block_on(slot.way.clone().go()),
        }?;
        Ok(slot.there.get_or_init(|| self.ground(image)))
    }

    /// Why a base cannot be had, if that is known by now.
    pub(super) fn failed(&self) -> Option<Error> {
        self.each.values().find_map(|slot| {
            // Who holds it waits for it, and will tell.
            let mut coming = slot.coming.try_lock().ok()?;
            match self.end(coming.take_if(|task| task.is_finished())?) {
                Ok(image) => {
                    slot.there.get_or_init(|| self.ground(image));
                    None
                }
                Err(error) => {
                    slot.failed.store(true, Ordering::SeqCst);
                    Some(error)
                }
            }
        })
    }

    fn end(&self, task: Coming) -> Result<Option<BaseImage>, Error> {
        let ended = self.runtime.block_on(task);
        // Nobody cancels it before we are dropped: it panicked, and so do we.
        ended.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
    }

    fn ground(&self, image: Option<BaseImage>) -> Ground {
        Ground {
            image,
            prepared: Arc::clone(&self.prepared),
            runtime: self.runtime.clone(),
            tree: Arc::default(),
        }
    }
}

impl Way {
    async fn go(self) -> Result<Option<BaseImage>, Error> {
        let (Some(bases), Some(facts)) = (&self.prepared.bases, &self.facts) else {
            return Ok(None);
        };
        let image = {
            let _ask = self.asks.acquire().await.expect("it is never closed");
            bases.image(facts).await?
        };
        let _turn = self.turns.acquire().await.expect("it is never closed");
        let _span = self.gantry.span_on(Stage::Base, &facts.platform, &facts.name);
        if self.keep || matches!(image.origin, Origin::Layout(_)) {
            bases.fetch(&image, &self.store).await?;
        }
        // So that nobody waits for it later.
        if !bases.has_tree(&image)? {
            bases.tree(&image).await?;
        }
        Ok(Some(image))
    }
}
