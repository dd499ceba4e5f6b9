//! Which manifests a base's name stands for: looking it up, comparing, moving.

use std::collections::BTreeMap;

use super::background::in_order;
use super::lock::{Pin, PlatformPin};
use super::reader::{Source, Top};
use super::{BaseError, BaseImage, document, variant};
use crate::event::Event;
use crate::rootfs;
use crate::spec::{BaseFacts, BaseLibc, Digest, Platform};

/// Platforms that are looked up at once.
const AT_ONCE: usize = 3;

/// What an index without images may hold instead.
const NO_IMAGE: &str = "it is an index without any image; attestations and signatures within it are none";

impl Source {
    /// Pins each of `platforms`: chooses its manifest, and looks into its layers for the C library. What `known` has
    /// of the same manifest is not looked at again.
    pub(super) async fn pin(
        &self,
        top: &Top,
        platforms: &[Platform],
        known: Option<&Pin>,
    ) -> Result<Pin, BaseError> {
        let offered = self.platforms(top).await?;
        let mut chosen = BTreeMap::new();
        for platform in platforms {
            chosen.insert(platform.clone(), self.choose(platform, &offered)?);
        }
        let mut work = Vec::new();
        for (platform, manifest) in &chosen {
            let known = known.into_iter().flat_map(|pin| pin.platforms.values());
            let libc = known
                .filter(|pin| pin.manifest == *manifest)
                .map(|pin| pin.libc.clone());
            let libc = libc.into_iter().next();
            let facts = BaseFacts::new(
                self.name(),
                top.digest,
                *manifest,
                platform.clone(),
                BaseLibc::None,
            );
            let source = self.clone();
            work.push(async move {
                match libc {
                    Some(libc) => Ok(libc),
                    None => source.libc(&facts).await,
                }
            });
        }
        let libcs = in_order(AT_ONCE, work).await?;
        let mut pin = Pin {
            index: top.digest,
            platforms: BTreeMap::new(),
        };
        for ((platform, manifest), libc) in chosen.into_iter().zip(libcs) {
            self.reader().client.observer().event(&Event::BaseResolved {
                name: self.name(),
                platform: &platform,
                digest: &manifest,
                libc: &libc.to_string(),
            });
            pin.platforms.insert(platform, PlatformPin { manifest, libc });
        }
        Ok(pin)
    }

    /// Every image of the base.
    pub(super) async fn survey(&self) -> Result<Vec<BaseImage>, BaseError> {
        let source = self.foreign();
        let top = source.now().await?;
        let platforms = source.platforms(&top).await?;
        if platforms.is_empty() {
            return Err(BaseError::Empty {
                name: self.name().to_owned(),
            });
        }
        let mut work = Vec::new();
        for (platform, manifest) in platforms {
            let facts = BaseFacts::new(self.name(), top.digest, manifest, platform, BaseLibc::None);
            let source = source.clone();
            work.push(async move { source.image(&facts).await });
        }
        in_order(AT_ONCE, work).await
    }

    fn choose(&self, platform: &Platform, offered: &[(Platform, Digest)]) -> Result<Digest, BaseError> {
        let platforms: Vec<Platform> = offered.iter().map(|(platform, _)| platform.clone()).collect();
        if let Some(position) = variant::choose(platform, &platforms) {
            return Ok(offered[position].1);
        }
        let shown: Vec<String> = platforms.iter().map(Platform::to_string).collect();
        let help = match shown.as_slice() {
            [] => NO_IMAGE.to_owned(),
            shown => format!(
                "it has {}; name another base for this platform, as in `base = {{ default = \"..\", \"{platform}\" = \"..\" }}`",
                shown.join(", ")
            ),
        };
        Err(BaseError::Platform {
            name: self.name().to_owned(),
            platform: platform.clone(),
            help,
        })
    }

    async fn libc(&self, facts: &BaseFacts) -> Result<BaseLibc, BaseError> {
        let image = self.image(facts).await?;
        self.warn_of_another_platform(&image);
        let tree = self.reader().tree(&image).await?;
        Ok(rootfs::libc(&tree))
    }

    /// Indexes that were put together by hand are wrong now and then; the image may be right all the same.
    fn warn_of_another_platform(&self, image: &BaseImage) {
        let wanted = &image.facts.platform;
        let same = |said: &Platform| (said.os(), said.architecture()) == (wanted.os(), wanted.architecture());
        if let Some(said) = document::platform(&image.config).filter(|said| !same(said)) {
            let name = self.name();
            self.reader().client.observer().event(&Event::Warning {
                text: &format!("the base `{name}` has an image for {wanted} whose config says {said}"),
            });
        }
    }
}
