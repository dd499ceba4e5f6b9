//! Quay, at quay.io and elsewhere.
//! <https://docs.redhat.com/en/documentation/red_hat_quay/3/html/red_hat_quay_api_reference/>

use super::{Api, Described, Description, HubError, Removal, path};

impl Api {
    fn quay_path(&self) -> Result<String, HubError> {
        match path::parts(self.repository.name()) {
            Some(parts) if parts.len() > 1 => Ok(format!("api/v1/repository/{}", parts.join("/"))),
            _ => Err(self.wrong_name("write `namespace/name`")),
        }
    }

    pub(super) async fn describe_at_quay(&self, description: &Description) -> Result<Described, HubError> {
        let url = self.site.url(&self.quay_path()?)?;
        self.describe_by_put(url, description).await
    }

    pub(super) async fn delete_at_quay(&self, tag: &str) -> Result<Removal, HubError> {
        let path = format!("{}/tag/{tag}", self.quay_path()?);
        self.remove(tag, self.site.url(&path)?).await
    }
}
