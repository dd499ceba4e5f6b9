//! [`Shown`]: what was shown to servers and must not come back in a message.
//!
//! In: the secrets of requests. Out: answers without them: some servers, and what stands before them, repeat a request
//! in their errors, and errors end in the logs of CI jobs.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Response;
use reqwest::header::HeaderValue;

use super::error::Answer;
use super::transmit::body_start;
use super::{Client, Secret};

/// What stands in place of a secret.
const HIDDEN: &str = "(secret)";
/// Shorter secrets would hide words that are none.
const SHORTEST: usize = 4;

/// Secrets that requests have carried.
#[derive(Default)]
pub(super) struct Shown(Mutex<BTreeSet<String>>);

impl Shown {
    /// Remembers the secret of an Authorization header.
    pub(super) fn header(&self, header: &HeaderValue) {
        let text = header.to_str().unwrap_or_default();
        let Some((scheme, secret)) = text.split_once(' ') else {
            return;
        };
        self.note(secret);
        let pair = STANDARD.decode(secret).ok().filter(|_| scheme == "Basic");
        let pair = pair.and_then(|pair| String::from_utf8(pair).ok());
        if let Some((_, password)) = pair.as_deref().and_then(|pair| pair.split_once(':')) {
            self.note(password);
        }
    }

    /// Remembers the secret of a form.
    pub(super) fn secret(&self, secret: &Secret) {
        self.note(secret.reveal());
    }

    fn note(&self, secret: &str) {
        if secret.len() < SHORTEST {
            return;
        }
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !all.contains(secret) {
            let encoded: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
            all.extend([secret.to_owned(), encoded]);
        }
    }

    /// The text without what was shown.
    pub(super) fn hide(&self, text: &str) -> String {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Longer ones first: one may be a part of another.
        let mut secrets: Vec<&String> = all.iter().filter(|secret| text.contains(*secret)).collect();
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets
            .into_iter()
            .fold(text.to_owned(), |text, secret| text.replace(secret, HIDDEN))
    }
}

impl Client {
    /// What a bad answer says, as far as it comes, without what we showed.
    pub(super) async fn answer(&self, response: Response) -> Answer {
        let status = response.status().as_u16();
        let body = body_start(response, self.0.settings.patience.stall).await;
        let shown = &self.0.shown;
        let mut answer = Answer::new(status, shown.hide(&String::from_utf8_lossy(&body)).as_bytes());
        // JSON has several forms of a text.
        for (code, message) in &mut answer.errors {
            (*code, *message) = (shown.hide(code), shown.hide(message));
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::token::{basic, bearer};

    #[test]
    fn what_was_shown_is_hidden() {
        let shown = Shown::default();
        shown.header(&basic("me", &Secret::new("hunter2/ä")).unwrap());
        shown.header(&bearer(&Secret::new("token-1")).unwrap());
        shown.header(&bearer(&Secret::new("token-12")).unwrap());
        shown.header(&basic("me", &Secret::new("a")).unwrap());
        shown.secret(&Secret::new("refresh"));
        for (text, hidden) in [
            ("no secret at all", "no secret at all"),
            (
                "Basic bWU6aHVudGVyMi/DpA==, hunter2/ä",
                "Basic (secret), (secret)",
            ),
            (
                "Bearer token-12 token-1; hunter2%2F%C3%A4",
                "Bearer (secret) (secret); (secret)",
            ),
            (
                "{\"refresh_token\":\"refresh\"}",
                "{\"(secret)_token\":\"(secret)\"}",
            ),
        ] {
            assert_eq!(shown.hide(text), hidden);
        }
    }
}
