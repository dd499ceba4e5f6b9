//! Who may come in: nobody asked, Basic, or Bearer with a token endpoint of its own.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use url::form_urlencoded;

/// The kinds of authorization.
#[derive(Clone, Default)]
pub enum Auth {
    /// Everybody may do everything.
    #[default]
    None,
    /// User and password with every request.
    Basic(&'static str, &'static str),
    /// A token from the registry's own endpoint.
    Bearer(Bearer),
    /// A challenge that leads to this realm, whatever is sent.
    Realm(String),
}

/// A token endpoint.
#[derive(Clone, Default)]
pub struct Bearer {
    /// Who gets tokens for everything: user and password.
    pub account: Option<(&'static str, &'static str)>,
    /// A refresh token that is worth as much.
    pub identity: Option<&'static str>,
    /// What anybody may do: `pull`, or nothing.
    pub anonymous: &'static [&'static str],
    /// Real requests are refused without a challenge.
    pub silent: bool,
    /// Seconds that a token lives; 300 if nothing is said.
    pub life: Option<u64>,
    /// A request is refused as a whole if it asks for a repository that does not exist beside the first.
    pub strict: bool,
}

/// The tokens handed out, with their scopes.
#[derive(Default)]
pub(super) struct Issued {
    tokens: BTreeMap<String, (Vec<String>, Instant)>,
    count: usize,
}

impl Issued {
    pub(super) fn revoke(&mut self) {
        self.tokens.clear();
    }

    fn issue(&mut self, scopes: Vec<String>, life: u64) -> String {
        self.count += 1;
        let token = format!("token-{}", self.count);
        let end = Instant::now() + Duration::from_secs(life);
        self.tokens.insert(token.clone(), (scopes, end));
        token
    }

    fn scopes(&self, token: &str) -> Option<&[String]> {
        let (scopes, end) = self.tokens.get(token)?;
        (Instant::now() < *end).then_some(scopes)
    }

    /// Whether the token of this Authorization header covers `scope`.
    pub(super) fn cover(&self, header: Option<&str>, scope: &str) -> bool {
        let token = header.and_then(|header| header.strip_prefix("Bearer "));
        token
            .and_then(|token| self.scopes(token))
            .is_some_and(|granted| covers(granted, scope))
    }
}

/// What a request may not do: the challenge to answer with.
pub(super) fn refuse(
    auth: &Auth,
    issued: &Issued,
    host: &str,
    header: Option<&str>,
    scope: Option<String>,
) -> Option<Option<String>> {
    match auth {
        Auth::None => None,
        Auth::Basic(user, password) => {
            let good = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
            (header != Some(&good)).then(|| Some("Basic realm=\"a, b\"".to_owned()))
        }
        Auth::Realm(realm) => Some(Some(format!("Bearer realm=\"{realm}\",service=\"s\""))),
        Auth::Bearer(bearer) => {
            let token = header.and_then(|header| header.strip_prefix("Bearer "));
            let granted = token.and_then(|token| issued.scopes(token));
            if granted.is_some_and(|granted| scope.as_ref().is_none_or(|scope| covers(granted, scope))) {
                return None;
            }
            if bearer.silent && scope.is_some() {
                return Some(None);
            }
            let scope = scope
                .map(|scope| format!(",scope=\"{scope}\""))
                .unwrap_or_default();
            Some(Some(format!(
                "Bearer realm=\"http://{host}/token\",service=\"test, service\"{scope}"
            )))
        }
    }
}

/// Answers at the token endpoint: status and body.
pub(super) fn token(
    bearer: &Bearer,
    issued: &mut Issued,
    query: &str,
    header: Option<&str>,
    form: &[u8],
    known_repository: impl Fn(&str) -> bool,
) -> (u16, String) {
    let pairs: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let form: Vec<(String, String)> = form_urlencoded::parse(form).into_owned().collect();
    let value =
        |pairs: &[(String, String)], key: &str| pairs.iter().find(|(k, _)| k == key).map(|(_, v)| v.clone());
    let service = value(&pairs, "service").or_else(|| value(&form, "service"));
    if service.as_deref() != Some("test, service") {
        return (400, "wrong service".to_owned());
    }
    let refresh = value(&form, "refresh_token");
    let known = match (&refresh, header) {
        (Some(token), _) => {
            let good = value(&form, "grant_type").as_deref() == Some("refresh_token");
            good && bearer.identity == Some(token.as_str())
        }
        (None, Some(header)) => {
            let good = |(user, password)| format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
            bearer.account.map(good).as_deref() == Some(header)
        }
        (None, None) => false,
    };
    if !known && (refresh.is_some() || header.is_some()) {
        let body = r#"{"errors":[{"code":"UNAUTHORIZED","message":"wrong password"}]}"#;
        return (401, body.to_owned());
    }
    let asked = pairs.iter().chain(&form).filter(|(key, _)| key == "scope");
    let asked = asked.flat_map(|(_, scopes)| scopes.split(' ').map(str::to_owned).collect::<Vec<_>>());
    let asked: Vec<String> = asked.collect();
    let name = |scope: &str| scope.split(':').nth(1).unwrap_or_default().to_owned();
    if bearer.strict && asked.iter().skip(1).any(|scope| !known_repository(&name(scope))) {
        let body = r#"{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}"#;
        return (403, body.to_owned());
    }
    let life = bearer.life.unwrap_or(300);
    let allowed = |scope: String| {
        let (resource, actions) = scope.rsplit_once(':')?;
        let actions: Vec<&str> = actions
            .split(',')
            .filter(|a| known || bearer.anonymous.contains(a))
            .collect();
        (!actions.is_empty()).then(|| format!("{resource}:{}", actions.join(",")))
    };
    let token = issued.issue(asked.into_iter().filter_map(allowed).collect(), life);
    (
        200,
        format!(r#"{{"access_token":"{token}","expires_in":{life}}}"#),
    )
}

fn covers(granted: &[String], scope: &str) -> bool {
    let parts = |scope: &str| scope.rsplit_once(':').map(|(r, a)| (r.to_owned(), a.to_owned()));
    let Some((resource, actions)) = parts(scope) else {
        return false;
    };
    let held = granted
        .iter()
        .filter_map(|granted| parts(granted))
        .filter(|(r, _)| *r == resource);
    let held: Vec<String> = held
        .flat_map(|(_, a)| a.split(',').map(str::to_owned).collect::<Vec<_>>())
        .collect();
    actions
        .split(',')
        .all(|action| held.iter().any(|held| held == action))
}
