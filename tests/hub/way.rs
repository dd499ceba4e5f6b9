//! A client whose way to an API leads to the local server.

use std::sync::Arc;
use std::time::Duration;

use cargo_gantry::environment::Environment;
use cargo_gantry::event::{Event, Observer};
use cargo_gantry::hub::{Api, HubError, Vendor};
use cargo_gantry::registry::{Account, Client, HostSettings, Repository, Secret, Settings, VendorApi};
use cargo_gantry::tool::Tools;

use crate::support::hub::{ACCOUNT, Hub};

/// Every vendor with a registry of its own, and a repository there.
pub(crate) const EVERYWHERE: [(Vendor, &str); 5] = [
    (Vendor::DockerHub, "docker.io"),
    (Vendor::Ghcr, "ghcr.io"),
    (Vendor::Gitlab, "registry.gitlab.com"),
    (Vendor::Harbor, "harbor.example"),
    (Vendor::Quay, "quay.io"),
];

struct Nobody;

impl Observer for Nobody {
    fn event(&self, _: &Event<'_>) {}
}

/// Who signs in, and how patient he is.
pub(crate) struct Way {
    pub(crate) username: &'static str,
    pub(crate) password: Option<&'static str>,
    pub(crate) longest_asked: Duration,
    pub(crate) stall: Duration,
}

impl Default for Way {
    fn default() -> Self {
        Self {
            username: ACCOUNT.0,
            password: Some(ACCOUNT.1),
            longest_asked: Duration::from_secs(60),
            stall: Duration::from_secs(20),
        }
    }
}

impl Way {
    /// The API for a repository of `registry`, at the local server.
    pub(crate) async fn api(
        &self,
        hub: &Hub,
        vendor: Vendor,
        registry: &str,
        name: &str,
    ) -> Result<Api, HubError> {
        let mut settings = Settings::new(Tools::new(Environment::empty("/nonexistent")));
        settings.patience.tries = 3;
        settings.patience.first_pause = Duration::from_millis(1);
        settings.patience.longest_asked = self.longest_asked;
        settings.patience.stall = self.stall;
        settings.account = self.password.map(|password| Account {
            registry: registry.to_owned(),
            username: self.username.to_owned(),
            password: Secret::new(password),
        });
        let mut host = HostSettings::default();
        host.vendor_api = Some(VendorApi::try_from(hub.origin()).unwrap());
        settings.hosts.insert(registry.to_owned(), host);
        let client = Client::new(settings, Arc::new(Nobody)).unwrap();
        let api = Api::of(&client, &Repository::new(registry, name), Some(vendor)).await?;
        Ok(api.unwrap())
    }
}

/// An error with its causes and its advice.
pub(crate) fn shown(error: &HubError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        text.push_str(&format!(": {next}"));
        cause = next.source();
    }
    match miette::Diagnostic::help(error) {
        Some(help) => format!("{text}; {help}"),
        None => text,
    }
}
