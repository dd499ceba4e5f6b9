//! An image goes from where it lies to somewhere else, byte for byte.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::publish::client;
use super::scratch::Scratch;
use super::source::Sources;
use super::version::Origin;
use super::{Access, Error, Gantry, Terms, blocking, version};
use crate::archive::{self, Layout, Root, SavedImage};
use crate::blob::BlobStore;
use crate::publish::{
    self, Destination, KeptTag, Nothing, Options, PublishError, Published, Publishing, Shipment, Source, Tag,
};
use crate::registry::{Client, Repository};
use crate::release::referrers::{self, Referrer};
use crate::release::{self, Part, ReleaseError};
use crate::spec::{Digest, Platform, Reference, annotation};

/// What is brought where, beside the image itself.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Order {
    /// These platforms alone; empty means all.
    pub platforms: Vec<Platform>,
    /// What refers to the image, too: signatures and the like. To an index that is made of several nothing does yet.
    pub referrers: bool,
    /// More tags, in a registry.
    pub tags: Vec<String>,
    /// What the index says more, or otherwise.
    pub annotations: std::collections::BTreeMap<String, String>,
}

/// An image at a place.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Delivered {
    /// `registry/repository@sha256:...`, or the layout or archive with its transport.
    pub place: String,
    /// Digest of the index, or of the manifest where there is none.
    pub digest: Digest,
    /// Tags that now name it.
    pub tags: Vec<String>,
    /// Tags that were left alone, as they name a higher version.
    pub kept: Vec<KeptTag>,
    /// Its platforms, each with the digest of its manifest.
    pub platforms: Vec<(Platform, Digest)>,
    /// Blobs that were sent or written.
    pub blobs_sent: u64,
    /// Blobs that the registry took from another of its repositories.
    pub blobs_mounted: u64,
    /// Bytes of those that were sent.
    pub bytes_sent: u64,
    /// Manifests that were sent, the index among them.
    pub manifests_sent: u64,
    /// What refers to it and was not there.
    pub referrers: u64,
    /// Everything was there before.
    pub unchanged: bool,
}

/// What cannot be brought somewhere as it was asked for.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum DeliveryError {
    /// The destination names a digest that the image does not have.
    #[error("`{place}` names a digest, and the image is `{found}`")]
    #[diagnostic(
        code(gantry::pipeline::other_digest),
        help("name a tag, or nothing but the repository: what is copied keeps its digest")
    )]
    Digest {
        /// The destination.
        place: String,
        /// The image's digest.
        found: Digest,
    },
    /// A docker archive holds no index.
    #[error("a docker archive holds an image for one platform, and there are {count}")]
    #[diagnostic(code(gantry::pipeline::one_platform_archive))]
    OnePlatform {
        /// How many there are.
        count: usize,
        /// Which.
        #[help]
        help: String,
    },
    /// Tags that move forward only would have moved back.
    #[error("{} moved back: {}", if tags.len() == 1 { "a tag is not" } else { "tags are not" }, kept(tags))]
    #[diagnostic(
        code(gantry::pipeline::tags_kept),
        help("they name a higher version; --force-tags moves them anyway. Everything else was done")
    )]
    Kept {
        /// The tags.
        tags: Vec<KeptTag>,
        /// What was done.
        delivered: Vec<Delivered>,
    },
    /// Some repositories were done, then one failed.
    #[error("{cause}")]
    #[diagnostic(code(gantry::pipeline::delivered_in_part))]
    Halfway {
        /// Why the next one was not.
        cause: Box<Error>,
        /// What was done before.
        delivered: Vec<Delivered>,
    },
    /// There is no OCI index that could say something.
    #[error("{name} is no OCI index, so that it cannot be made to say more")]
    #[diagnostic(
        code(gantry::pipeline::no_annotations),
        help("a new index of it can: `cargo gantry index create`")
    )]
    NoAnnotations {
        /// What was to be copied.
        name: String,
    },
    /// A destination that has no tags.
    #[error("`{place}` has no tags")]
    #[diagnostic(
        code(gantry::pipeline::no_tags_there),
        help("--tag is for registries; of a layout, name an entry as `oci:DIR:NAME`")
    )]
    NoTags {
        /// The destination.
        place: String,
    },
}

fn kept(tags: &[KeptTag]) -> String {
    let tag = |kept: &KeptTag| format!("`{}` stays at {}", kept.name, kept.version);
    let tags: Vec<String> = tags.iter().map(tag).collect();
    tags.join(", ")
}

pub(super) async fn copy(
    gantry: &Gantry,
    from: &str,
    to: &str,
    order: &Order,
    access: &Access,
    terms: &Terms,
) -> Result<Delivered, Error> {
    let to: Destination = to.parse()?;
    let client = client_of(gantry, access, &to)?;
    let begun = begin(&client, &to, &order.tags, terms)?;
    let mut sources = Sources::new(gantry, &client);
    let read = sources.read_one(from).await?;
    let origin = Origin {
        name: from.to_owned(),
        digest: *read.content.digest(),
    };
    let mut part = narrowed(gantry, read, &order.platforms)?;
    if !order.annotations.is_empty() {
        let saying = release::annotated(&part.content, &order.annotations);
        part.content = saying.ok_or_else(|| DeliveryError::NoAnnotations {
            name: part.name.clone(),
        })?;
    }
    let referrers = match order.referrers {
        true => referring(gantry, &client, from, &part).await?,
        false => Vec::new(),
    };
    let load = Load {
        name: name_of(from, &part),
        origin: Some(origin),
        part,
        referrers,
    };
    deliver(gantry, &client, &load, &to, &order.tags, terms, begun).await
}

/// These platforms of it; all, if none are named.
pub(super) fn narrowed(gantry: &Gantry, part: Part, platforms: &[Platform]) -> Result<Part, Error> {
    if platforms.is_empty() {
        return Ok(part);
    }
    let only = release::only(&part, platforms).map_err(ReleaseError::from)?;
    for notice in &only.notices {
        gantry.notice(notice);
    }
    Ok(only.part)
}

/// Looks at the tags of the destination while the source is read.
fn begin(
    client: &Client,
    to: &Destination,
    more: &[String],
    terms: &Terms,
) -> Result<Option<Publishing>, Error> {
    let Destination::Registry(reference) = to else {
        return Ok(None);
    };
    let (tags, options) = (tags_at(reference, more)?, Options::from(*terms));
    let known = Arc::new(Nothing);
    Ok(Some(Publishing::begin(client, reference, options, &tags, known)))
}

/// The tags that a place names, and `more`.
fn tags_at(reference: &Reference, more: &[String]) -> Result<Vec<Tag>, Error> {
    let named = match reference.digest() {
        Some(_) => reference.tag().map(str::to_owned),
        None => Some(reference.tag().unwrap_or("latest").to_owned()),
    };
    let names: Vec<String> = named.into_iter().chain(more.iter().cloned()).collect();
    Ok(release::tags_of(&names).map_err(PublishError::from)?)
}

/// A client whose login is that of the destination.
pub(super) fn client_of(gantry: &Gantry, access: &Access, to: &Destination) -> Result<Client, Error> {
    match to {
        Destination::Registry(reference) => client(gantry, access, Some(reference)),
        _ => client(gantry, access, None),
    }
}

/// What refers to an image where it lies.
async fn referring(
    gantry: &Gantry,
    client: &Client,
    from: &str,
    part: &Part,
) -> Result<Vec<Referrer>, Error> {
    match from.parse::<Source>()? {
        Source::Place(Destination::Registry(reference)) => {
            let repository = Repository::from(&reference);
            let (found, left_out) = referrers::in_registry(client, &repository, &part.content).await?;
            for digest in left_out {
                gantry.notice(&format!(
                    "left out `{digest}`, which refers to the image and is no manifest"
                ));
            }
            Ok(found)
        }
        Source::Place(Destination::Layout(path, _) | Destination::Archive(path, _)) => {
            let (path, name, content) = (gantry.absolute(&path), from.to_owned(), part.content.clone());
            blocking(move || Ok(referrers::in_layout(&Layout::open(path)?, &name, &content)?)).await
        }
        _ => Ok(Vec::new()),
    }
}

/// What an image is called in a layout where nobody says it: as where it comes from, else as its version.
pub(super) fn name_of(from: &str, part: &Part) -> String {
    let version = release::said(&part.content.root).remove(annotation::VERSION);
    named(from)
        .or_else(|| version.map(|version| version.replace('+', "-")))
        .unwrap_or_else(|| "latest".to_owned())
}

/// What an image is called where it lies.
pub(super) fn named(from: &str) -> Option<String> {
    match from.parse() {
        Ok(Source::Place(Destination::Registry(reference))) if reference.digest().is_none() => {
            reference.tag().map(str::to_owned)
        }
        Ok(Source::Place(Destination::Layout(_, name) | Destination::Archive(_, name))) => name,
        _ => None,
    }
}

/// What is brought to a place.
pub(super) struct Load {
    /// The image.
    pub part: Part,
    /// What refers to it.
    pub referrers: Vec<Referrer>,
    /// What it is called in a layout if the place does not say it.
    pub name: String,
    /// Where it comes from, if that is one place.
    pub origin: Option<Origin>,
}

/// Brings an image to a place, under `tags` as well as the one that the place names; `begun` has looked at those already.
pub(super) async fn deliver(
    gantry: &Gantry,
    client: &Client,
    load: &Load,
    to: &Destination,
    tags: &[String],
    terms: &Terms,
    begun: Option<Publishing>,
) -> Result<Delivered, Error> {
    if let (false, false) = (tags.is_empty(), matches!(to, Destination::Registry(_))) {
        return Err(DeliveryError::NoTags {
            place: to.to_string(),
        }
        .into());
    }
    let Load {
        part,
        referrers,
        name,
        ..
    } = load;
    match to {
        Destination::Registry(reference) => to_registry(client, load, reference, tags, terms, begun).await,
        Destination::Layout(path, entry) => {
            let path = gantry.absolute(path);
            let name = entry.as_deref().unwrap_or(name.as_str());
            let shown = Destination::Layout(path.clone(), Some(name.to_owned()));
            let store = open(gantry, &path)?;
            let stored = publish::to_layout(client, &part.content, &store, Some(name)).await?;
            let referred = beside(client, &store, referrers).await?;
            Ok(Delivered {
                blobs_sent: stored.blobs,
                bytes_sent: stored.bytes,
                referrers: referred,
                unchanged: stored.unchanged && stored.blobs == 0 && referred == 0,
                ..Delivered::at(shown.to_string(), part)
            })
        }
        Destination::Archive(path, entry) => {
            let path = gantry.absolute(path);
            let name = entry.clone().unwrap_or_else(|| name.to_owned());
            let shown = Destination::Archive(path.clone(), Some(name.clone()));
            let scratch = Scratch::beside(gantry, &path)?;
            let stored = publish::into_store(client, &part.content, scratch.store()).await?;
            let mut roots = vec![root(part, Some(&name))];
            for referrer in referrers {
                publish::into_store(client, &referrer.part.content, scratch.store()).await?;
                roots.push(root(&referrer.part, referrer.tag.as_deref()));
            }
            blocking(move || Ok(archive::write_archive(scratch.store(), &roots, &path)?)).await?;
            Ok(Delivered {
                blobs_sent: stored.blobs,
                bytes_sent: stored.bytes,
                referrers: referrers.len() as u64,
                ..Delivered::at(shown.to_string(), part)
            })
        }
        Destination::DockerArchive(path, image) => {
            let shown = Destination::DockerArchive(gantry.absolute(path), image.clone());
            let images = part.images();
            let [(_, manifest)] = images.as_slice() else {
                let platforms: Vec<String> =
                    images.iter().map(|(platform, _)| platform.to_string()).collect();
                return Err(DeliveryError::OnePlatform {
                    count: images.len(),
                    help: match platforms.is_empty() {
                        true => "it holds no image for any platform".to_owned(),
                        false => format!(
                            "`cargo gantry copy --platform` brings one of them: {}",
                            platforms.join(", ")
                        ),
                    },
                }
                .into());
            };
            let saved = [SavedImage {
                manifest: *manifest,
                names: image.iter().cloned().collect(),
            }];
            let path = gantry.absolute(path);
            let scratch = Scratch::beside(gantry, &path)?;
            let stored = publish::into_store(client, &part.content, scratch.store()).await?;
            blocking(move || Ok(archive::write_docker(scratch.store(), &saved, &path)?)).await?;
            Ok(Delivered {
                blobs_sent: stored.blobs,
                bytes_sent: stored.bytes,
                ..Delivered::at(shown.to_string(), part)
            })
        }
    }
}

async fn to_registry(
    client: &Client,
    load: &Load,
    reference: &Reference,
    more: &[String],
    terms: &Terms,
    begun: Option<Publishing>,
) -> Result<Delivered, Error> {
    let part = &load.part;
    let found = *part.content.digest();
    if reference
        .digest()
        .is_some_and(|digest| digest != found.to_string())
    {
        let place = reference.to_string();
        return Err(DeliveryError::Digest { place, found }.into());
    }
    let tags = tags_at(reference, more)?;
    let shipment = Shipment {
        content: part.content.clone(),
        version: version::annotated(part).or_else(|| version::of_tags(&tags)),
        tags,
    };
    let options = Options::from(*terms);
    let done = version::publish(client, load.origin.as_ref(), reference, shipment, options, begun).await?;
    let repository = Repository::from(reference);
    let written = referrers::to_registry(client, &repository, &load.referrers).await?;
    let mut delivered = Delivered::published(done, part);
    delivered.referrers = written;
    delivered.unchanged &= written == 0;
    match delivered.kept.is_empty() {
        true => Ok(delivered),
        false => Err(DeliveryError::Kept {
            tags: delivered.kept.clone(),
            delivered: vec![delivered],
        }
        .into()),
    }
}

/// Brings referrers into a layout that has what they refer to; what has a subject needs no name there.
async fn beside(client: &Client, store: &BlobStore, referrers: &[Referrer]) -> Result<u64, Error> {
    let mut written = 0;
    for referrer in referrers {
        let stored =
            publish::to_layout(client, &referrer.part.content, store, referrer.tag.as_deref()).await?;
        written += u64::from(!stored.unchanged);
    }
    Ok(written)
}

fn root(part: &Part, name: Option<&str>) -> Root {
    Root::new(publish::descriptor(&part.content.root), name)
}

/// A layout of somebody, made if need be; it tells our tests of its steps.
fn open(gantry: &Gantry, path: &Path) -> Result<BlobStore, Error> {
    let root: PathBuf = path.to_owned();
    Ok(match &gantry.faults {
        Some(faults) => BlobStore::with_faults(root, faults.clone())?,
        None => BlobStore::open(root)?,
    })
}

impl Delivered {
    fn at(place: String, part: &Part) -> Self {
        Self {
            place,
            digest: *part.content.digest(),
            tags: Vec::new(),
            kept: Vec::new(),
            platforms: part.images(),
            blobs_sent: 0,
            blobs_mounted: 0,
            bytes_sent: 0,
            manifests_sent: 0,
            referrers: 0,
            unchanged: false,
        }
    }

    pub(super) fn published(done: Published, part: &Part) -> Self {
        Self {
            tags: done.tags,
            kept: done.kept,
            blobs_sent: done.blobs_sent,
            blobs_mounted: done.blobs_mounted,
            bytes_sent: done.bytes_sent,
            manifests_sent: done.manifests_sent,
            unchanged: done.unchanged,
            ..Self::at(done.reference.to_string(), part)
        }
    }
}
