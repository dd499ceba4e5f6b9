//! Harbor 2: the first part of a repository's name is the project's, the rest the repository's within it.
//! <https://github.com/goharbor/harbor/blob/v2.11.0/api/v2.0/swagger.yaml>

use serde_json::json;

use super::path::{escape, parts};
use super::{Api, Ask, Described, Description, HubError, Purpose, Removal, same};
use crate::spec::Digest;

/// A project that is called by a number is meant by its name.
pub(super) const HEADERS: &[(&str, &str)] = &[("x-is-resource-name", "true")];

impl Api {
    fn harbor_path(&self) -> Result<String, HubError> {
        let parts = parts(self.repository.name()).unwrap_or_default();
        match parts.as_slice() {
            // Slashes are escaped twice: something before Harbor takes one of them away.
            [project, rest @ ..] if !rest.is_empty() => Ok(format!(
                "api/v2.0/projects/{project}/repositories/{}",
                escape(&escape(&rest.join("/")))
            )),
            _ => Err(self.wrong_name("write `project/name`")),
        }
    }

    pub(super) async fn describe_at_harbor(&self, description: &Description) -> Result<Described, HubError> {
        let url = self.site.url(&self.harbor_path()?)?;
        self.describe_by_put(url, description).await
    }

    /// Reads `description` there, and puts another one.
    pub(super) async fn describe_by_put(
        &self,
        url: url::Url,
        description: &Description,
    ) -> Result<Described, HubError> {
        let what = format!("reading the description of `{}`", self.repository);
        let get = Ask {
            method: "GET",
            url: url.clone(),
            body: None,
            what: &what,
            purpose: Purpose::Describe,
        };
        if same(&self.read(get).await?["description"], &description.text) {
            return Ok(Described::Unchanged);
        }
        let what = format!("describing `{}`", self.repository);
        let put = Ask {
            method: "PUT",
            url,
            body: Some(json!({ "description": description.text })),
            what: &what,
            purpose: Purpose::Describe,
        };
        self.change(put).await?;
        Ok(Described::Changed)
    }

    pub(super) async fn delete_at_harbor(&self, tag: &str, digest: &Digest) -> Result<Removal, HubError> {
        let path = format!("{}/artifacts/{digest}/tags/{tag}", self.harbor_path()?);
        self.remove(tag, self.site.url(&path)?).await
    }
}
