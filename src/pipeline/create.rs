//! An index of images that are there already, wherever they lie.

use super::copy::{Delivered, Load, Order, client_of, deliver, name_of, narrowed};
use super::source::Sources;
use super::{Access, Error, Gantry, Terms};
use crate::publish::Destination;
use crate::release::{self, ReleaseError};

/// Merges `sources` into one index at `to`, in their order.
pub(super) async fn create(
    gantry: &Gantry,
    to: &str,
    sources: &[String],
    order: &Order,
    access: &Access,
    terms: &Terms,
) -> Result<Delivered, Error> {
    let to: Destination = to.parse()?;
    let client = client_of(gantry, access, &to)?;
    let mut reader = Sources::new(gantry, &client);
    let mut parts = Vec::new();
    for named in sources {
        parts.extend(reader.read(named).await?);
    }
    let merged = release::merge(&parts, &[], &order.annotations).map_err(ReleaseError::from)?;
    for notice in &merged.notices {
        gantry.notice(notice);
    }
    let part = narrowed(gantry, merged.part, &order.platforms)?;
    // A source's own name is that of a part.
    let load = Load {
        name: name_of("", &part),
        origin: None,
        part,
        referrers: Vec::new(),
    };
    deliver(gantry, &client, &load, &to, &order.tags, terms, None).await
}
