//! GitLab: a repository of images lies in a project, whose path is the beginning of its name.
//! <https://docs.gitlab.com/api/container_registry/>

use serde::Deserialize;

use super::pages::Looked;
use super::path::{escape, parts};
use super::{Api, HubError, Purpose, Removal};
use crate::registry::Proof;

/// The token of a CI job has a header of its own; every other one is a personal one, or one of a project or group.
pub(super) fn proof(username: Option<&str>) -> Proof {
    match username {
        Some("gitlab-ci-token") => Proof::Header("job-token"),
        _ => Proof::Header("private-token"),
    }
}

/// A repository of images in a project's list.
#[derive(Deserialize)]
struct Listed {
    id: u64,
    path: String,
}

impl Api {
    pub(super) async fn delete_at_gitlab(&self, tag: &str) -> Result<Removal, HubError> {
        let place = self.place.get_or_try_init(|| self.find_at_gitlab()).await?;
        self.remove(tag, self.site.url(&format!("{place}/tags/{tag}"))?)
            .await
    }

    /// The API's path of the repository. Where the project's path ends is not said by the name: the longest one is tried
    /// first.
    async fn find_at_gitlab(&self) -> Result<String, HubError> {
        let name = self.repository.name();
        let parts = parts(name).filter(|parts| parts.len() > 1);
        let parts =
            parts.ok_or_else(|| self.wrong_name("write `group/project`, or `group/project/image`"))?;
        let what = format!("looking for `{}`", self.repository);
        let mut last = None;
        for length in (2..=parts.len()).rev() {
            let project = escape(&parts[..length].join("/"));
            let list = format!("api/v4/projects/{project}/registry/repositories");
            let ours = |listed: &Listed| listed.path == name;
            match self.look_through(&list, (&what, "repositories"), ours).await? {
                Looked::Found(found) => return Ok(format!("{list}/{}", found.id)),
                Looked::NotListed => {}
                Looked::NoList(answer) => last = Some(answer),
            }
        }
        // Projects without this repository of images do not answer 404.
        let mut answer = last.unwrap_or_default();
        answer.status = 404;
        Err(self.refused(&what, Purpose::Remove, answer))
    }
}
