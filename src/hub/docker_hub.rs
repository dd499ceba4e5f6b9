//! Docker Hub. What it publishes covers signing in and repositories; removing a tag is what its own pages do.
//! <https://docs.docker.com/reference/api/hub/latest/>

use serde_json::{Value, json};

use super::{Api, Ask, Described, Description, HubError, Limits, Purpose, Removal, path, same};
use crate::registry::{Answer, Proof, Reply, Secret};

/// <https://docs.docker.com/docker-hub/repos/manage/information/>
pub(super) const LIMITS: Limits = Limits {
    text: Some(25_000),
    summary: Some(100),
};

/// Whether an answer says that rights are missing, in one of Docker Hub's own ways: as a fault of the server, with the
/// real status inside.
/// <https://github.com/docker/hub-feedback/issues/2398>
pub(super) fn denied(answer: &Answer) -> bool {
    let says = |text: &str| {
        let text = text.to_ascii_lowercase();
        ["401", "unauthorized", "access denied", "insufficient scope"]
            .iter()
            .any(|word| text.contains(word))
    };
    answer.status == 500
        && (says(&answer.text)
            || answer
                .errors
                .iter()
                .any(|(code, message)| says(code) || says(message)))
}

impl Api {
    /// As [`Api::ask`], with a token in place of the password; once again where the token ran out.
    pub(super) async fn ask_docker_hub(&self, ask: Ask<'_>) -> Result<Reply, HubError> {
        let mut session = self.session.lock().await;
        let (token, known) = match session.clone() {
            Some(token) => (token, true),
            None => (self.sign_in(&ask).await?, false),
        };
        let reply = self.send(&ask, &Proof::Session(token.clone())).await?;
        let ran_out = known && matches!(&reply, Reply::Refused(answer) if answer.status == 401);
        *session = Some(token);
        if !ran_out {
            return Ok(reply);
        }
        let token = self.sign_in(&ask).await?;
        *session = Some(token.clone());
        self.send(&ask, &Proof::Session(token)).await
    }

    async fn sign_in(&self, ask: &Ask<'_>) -> Result<Secret, HubError> {
        if self.site.username().is_none() {
            return Err(self.no_account(ask.what, ask.purpose));
        }
        let what = format!("signing in at Docker Hub's API for `{}`", self.repository);
        let names = ["identifier", "secret", "access_token"];
        match self.site.session("v2/auth/token", names, &what).await? {
            Ok(token) => Ok(token),
            Err(answer) => Err(self.refused(&what, ask.purpose, answer)),
        }
    }

    fn docker_hub_path(&self) -> Result<String, HubError> {
        match path::parts(self.repository.name()).as_deref() {
            Some([namespace, name]) => Ok(format!("v2/repositories/{namespace}/{name}/")),
            _ => Err(self.wrong_name("write `namespace/name`")),
        }
    }

    pub(super) async fn describe_at_docker_hub(
        &self,
        description: &Description,
    ) -> Result<Described, HubError> {
        let url = self.site.url(&self.docker_hub_path()?)?;
        let what = format!("reading the description of `{}`", self.repository);
        let get = Ask {
            method: "GET",
            url: url.clone(),
            body: None,
            what: &what,
            purpose: Purpose::Describe,
        };
        let found = self.read(get).await?;
        let mut body = json!({});
        if !same(&found["full_description"], &description.text) {
            body["full_description"] = Value::from(description.text.as_str());
        }
        if let Some(summary) = description.summary.as_deref()
            && !same(&found["description"], summary)
        {
            body["description"] = Value::from(summary);
        }
        if body.as_object().is_some_and(serde_json::Map::is_empty) {
            return Ok(Described::Unchanged);
        }
        let what = format!("describing `{}`", self.repository);
        let patch = Ask {
            method: "PATCH",
            url,
            body: Some(body),
            what: &what,
            purpose: Purpose::Describe,
        };
        self.change(patch).await?;
        Ok(Described::Changed)
    }

    pub(super) async fn delete_at_docker_hub(&self, tag: &str) -> Result<Removal, HubError> {
        let path = format!("{}tags/{tag}/", self.docker_hub_path()?);
        self.remove(tag, self.site.url(&path)?).await
    }
}
