//! Bearer tokens: asked for once per repository and access, kept until four fifths of their life are over.
//! <https://distribution.github.io/distribution/spec/auth/token/>

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::HeaderValue;
use serde::Deserialize;
use tokio::sync::Mutex as Turn;
use tokio::time::Instant;

use super::Secret;

/// What is going to be done in a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Access {
    /// Read only.
    Pull,
    /// Read and write.
    Push,
    /// Delete, and what goes with it. Some registries refuse whoever asks for this right without need.
    Delete,
}

impl Access {
    fn actions(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Push => "pull,push",
            Self::Delete => "pull,push,delete",
        }
    }
}

/// The scopes to ask for: that of the repository first, since some servers look at the first one only; then that of
/// `from`, to be read in the same registry; then what the registry's challenge adds.
pub(super) fn scopes(
    name: &str,
    access: Access,
    from: Option<&str>,
    challenged: Option<&str>,
) -> Vec<String> {
    let own = format!("repository:{name}:{}", access.actions());
    let from = from.map(|from| format!("repository:{from}:{}", Access::Pull.actions()));
    let words = challenged.into_iter().flat_map(str::split_ascii_whitespace);
    let all = std::iter::once(own.as_str()).chain(from.as_deref()).chain(words);
    let mut merged: Vec<(&str, BTreeSet<&str>)> = Vec::new();
    for (resource, actions) in all.filter_map(|scope| scope.rsplit_once(':')) {
        let actions = actions.split(',').filter(|action| !action.is_empty());
        match merged.iter_mut().find(|(known, _)| *known == resource) {
            Some((_, known)) => known.extend(actions),
            None => merged.push((resource, actions.collect())),
        }
    }
    let shown = |(resource, actions): (&str, BTreeSet<&str>)| {
        format!("{resource}:{}", actions.into_iter().collect::<Vec<_>>().join(","))
    };
    merged.into_iter().map(shown).collect()
}

/// A token and how long it is good for.
#[derive(Clone)]
pub(super) struct Token {
    header: HeaderValue,
    issued: Instant,
    life: Duration,
}

/// The answer of a realm.
#[derive(Deserialize)]
pub(super) struct Granted {
    #[serde(default)]
    token: Option<String>,
    #[serde(default)]
    access_token: Option<String>,
    #[serde(default)]
    expires_in: Option<f64>,
    /// A new refresh token, if the old one is used up.
    #[serde(default)]
    pub(super) refresh_token: Option<String>,
}

/// How long a token lives whose realm does not say so, by the specification.
const DEFAULT_LIFE: Duration = Duration::from_secs(60);
/// No token is believed to live longer.
const LONGEST_LIFE: f64 = 86_400.0;

impl Token {
    /// The token of a realm's answer, if there is one in it.
    pub(super) fn granted(granted: &Granted) -> Option<Self> {
        let filled = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let text = filled(&granted.token).or_else(|| filled(&granted.access_token))?;
        let seconds = granted.expires_in.filter(|seconds| *seconds >= 1.0);
        Some(Self {
            header: bearer(&Secret::new(text))?,
            issued: Instant::now(),
            life: seconds.map_or(DEFAULT_LIFE, |s| Duration::from_secs_f64(s.min(LONGEST_LIFE))),
        })
    }

    /// Whether the token will do for a request that takes `needed`: it is not yet in its last fifth, and will not
    /// be by then, unless it is new anyway.
    fn fresh(&self, now: Instant, needed: Duration) -> bool {
        let age = now.saturating_duration_since(self.issued);
        age + needed < self.life.mul_f64(0.8) || age < self.life.mul_f64(0.2).min(Duration::from_secs(10))
    }
}

/// A token, and the scopes beside our own that challenges asked for on its way.
#[derive(Default)]
pub(super) struct Kept {
    token: Option<Token>,
    challenges: String,
}

/// Bound on what challenges may add to our scopes, in bytes.
const CHALLENGES: usize = 2048;

type Slot = Arc<Turn<Kept>>;

/// The tokens of one registry.
#[derive(Default)]
pub(super) struct Tokens(Mutex<BTreeMap<Key, Slot>>);

/// Repository, what is done in it, and the repository that is read beside it.
type Key = (String, Access, Option<String>);

/// One's turn to look at a token, and to fetch it for everybody who waits.
pub(super) struct TokenTurn(tokio::sync::OwnedMutexGuard<Kept>);

impl Tokens {
    /// Waits until nobody else is fetching the token of `name` and `access`, and of reading `from`.
    pub(super) async fn turn(&self, name: &str, access: Access, from: Option<&str>) -> TokenTurn {
        let slot = self.slot(name, access, from);
        TokenTurn(slot.lock_owned().await)
    }

    /// A token for pushing, which is good for pulling too, unless it is being fetched just now.
    pub(super) fn wider(
        &self,
        name: &str,
        needed: Duration,
        rejected: Option<&HeaderValue>,
    ) -> Option<HeaderValue> {
        let turn = TokenTurn(self.slot(name, Access::Push, None).try_lock_owned().ok()?);
        turn.usable(needed, rejected)
    }

    fn slot(&self, name: &str, access: Access, from: Option<&str>) -> Slot {
        let key = (name.to_owned(), access, from.map(str::to_owned));
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        slots.entry(key).or_default().clone()
    }
}

impl TokenTurn {
    /// The token, unless it will not do for `needed` or was just `rejected`.
    pub(super) fn usable(&self, needed: Duration, rejected: Option<&HeaderValue>) -> Option<HeaderValue> {
        let token = self
            .0
            .token
            .as_ref()
            .filter(|token| token.fresh(Instant::now(), needed))?;
        (Some(&token.header) != rejected).then(|| token.header.clone())
    }

    /// Keeps a new token.
    pub(super) fn keep(&mut self, token: Token) -> HeaderValue {
        self.0.token.insert(token).header.clone()
    }

    /// Remembers the scope of a challenge: the next token needs it as well.
    pub(super) fn challenged(&mut self, scope: Option<&str>) {
        for scope in scope.into_iter().flat_map(str::split_ascii_whitespace) {
            let known = &mut self.0.challenges;
            if known.len() + scope.len() < CHALLENGES && !known.split(' ').any(|known| known == scope) {
                known.push(' ');
                known.push_str(scope);
            }
        }
    }

    /// The scopes of challenges so far.
    pub(super) fn challenges(&self) -> Option<&str> {
        Some(self.0.challenges.as_str())
    }
}

/// The header for user name and password.
pub(super) fn basic(username: &str, password: &Secret) -> Option<HeaderValue> {
    sensitive(format!(
        "Basic {}",
        STANDARD.encode(format!("{username}:{}", password.reveal()))
    ))
}

/// The header for a token.
pub(super) fn bearer(token: &Secret) -> Option<HeaderValue> {
    sensitive(format!("Bearer {}", token.reveal()))
}

fn sensitive(text: String) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_merged_with_the_challenge() {
        let (pull, push) = (Access::Pull, Access::Push);
        for (access, from, challenged, expected) in [
            (pull, None, None, vec!["repository:a/b:pull"]),
            (
                push,
                None,
                Some("repository:a/b:delete"),
                vec!["repository:a/b:delete,pull,push"],
            ),
            (
                push,
                None,
                Some("registry:catalog:* repository:a/b:pull"),
                vec!["repository:a/b:pull,push", "registry:catalog:*"],
            ),
            (pull, None, Some("nonsense"), vec!["repository:a/b:pull"]),
            (
                Access::Delete,
                None,
                None,
                vec!["repository:a/b:delete,pull,push"],
            ),
            (
                push,
                Some("a/a"),
                None,
                vec!["repository:a/b:pull,push", "repository:a/a:pull"],
            ),
            (push, Some("a/b"), None, vec!["repository:a/b:pull,push"]),
        ] {
            assert_eq!(scopes("a/b", access, from, challenged), expected);
        }
    }

    #[test]
    fn tokens_age() {
        let granted = |text: &str| serde_json::from_str::<Granted>(text).unwrap();
        let token = Token::granted(&granted(r#"{"access_token":"t","expires_in":100}"#)).unwrap();
        for (age, needed, fresh) in [(0, 1000, true), (50, 0, true), (50, 31, false), (81, 0, false)] {
            let (now, needed) = (
                token.issued + Duration::from_secs(age),
                Duration::from_secs(needed),
            );
            assert_eq!(
                token.fresh(now, needed),
                fresh,
                "{age} s old, needed for {needed:?}"
            );
        }
        assert!(Token::granted(&granted(r#"{"token":""}"#)).is_none());
        let token = Token::granted(&granted(r#"{"token":"t","expires_in":0}"#)).unwrap();
        assert_eq!(token.life, DEFAULT_LIFE);
    }

    #[tokio::test]
    async fn a_rejected_token_is_not_used_again() {
        let tokens = Tokens::default();
        let token = Token::granted(&serde_json::from_str(r#"{"token":"t"}"#).unwrap()).unwrap();
        let header = tokens.turn("a", Access::Push, None).await.keep(token);
        assert_eq!(tokens.wider("a", Duration::ZERO, None), Some(header.clone()));
        assert_eq!(tokens.wider("a", Duration::ZERO, Some(&header)), None);
        assert_eq!(tokens.wider("b", Duration::ZERO, None), None);
        assert_eq!(
            tokens
                .turn("a", Access::Pull, None)
                .await
                .usable(Duration::ZERO, None),
            None
        );
        assert_eq!(format!("{header:?}"), "Sensitive");
    }
}
