//! What a DELETE of a tag or a manifest does, by the registry's habits.

use super::endpoints::refused;
use super::habits::{Habits, TagDelete};
use super::store::Repository;
use super::wire::Done;

pub(super) fn manifest(habits: &Habits, repository: &mut Repository, item: &str) -> Done {
    let digest = if item.contains(':') {
        if !habits.digest_delete {
            return unsupported(405, "UNSUPPORTED");
        }
        item.to_owned()
    } else {
        match habits.tag_delete {
            TagDelete::Refused(status, code) => return unsupported(status, code),
            TagDelete::Tag if repository.tags.remove(item).is_some() => return Done::new(202),
            TagDelete::Tag => return missing(),
            TagDelete::Manifest => repository.tags.get(item).cloned().unwrap_or_default(),
        }
    };
    if repository.manifests.remove(&digest).is_none() {
        return missing();
    }
    repository.tags.retain(|_, named| *named != digest);
    Done::new(202)
}

fn missing() -> Done {
    refused((404, "MANIFEST_UNKNOWN", "manifest unknown to registry".to_owned()))
}

fn unsupported(status: u16, code: &'static str) -> Done {
    refused((status, code, "the operation is unsupported".to_owned()))
}
