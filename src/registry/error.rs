//! What can go wrong with a registry.

use std::error::Error;
use std::fmt;
use std::path::PathBuf;

use super::Repository;
use crate::spec::Digest;

/// A cause from below: the network, a file, an answer.
pub(super) type Cause = Box<dyn Error + Send + Sync>;

/// A registry could not be used as asked.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum RegistryError {
    /// No good answer, however often it was tried.
    #[error("{what} failed, tried {tries} times")]
    #[diagnostic(
        code(gantry::registry::unreachable),
        help("check the registry's name and the network; trying again later may help")
    )]
    Unreachable {
        /// What was asked.
        what: String,
        /// How often.
        tries: u32,
        /// What the last try ended with.
        #[source]
        source: Cause,
    },
    /// The registry asks for a longer pause than we are ready to make.
    #[error("{what}: the registry asks to wait {seconds} s before the next request")]
    #[diagnostic(
        code(gantry::registry::busy),
        help("a rate limit is used up; try again later, or sign in to be granted more")
    )]
    Busy {
        /// What was asked.
        what: String,
        /// The pause that was asked for.
        seconds: u64,
        /// The answer.
        #[source]
        source: Box<Answer>,
    },
    /// The registry's certificate is not trusted.
    #[error("{what}: the certificate of `{host}` is not trusted")]
    #[diagnostic(
        code(gantry::registry::certificate),
        help(
            "add its authority to the system's certificates, or name it as `ca` of `[registry.\"{host}\"]` in your \
             gantry/config.toml"
        )
    )]
    Certificate {
        /// What was asked.
        what: String,
        /// The host.
        host: String,
        /// What TLS says.
        #[source]
        source: Cause,
    },
    /// The registry wants another certificate of us, or one at all.
    #[error("{what}: `{host}` does not let us in without a certificate that it knows")]
    #[diagnostic(
        code(gantry::registry::client_certificate),
        help(
            "name yours as `client-certificate` and `client-key` of `[registry.\"{host}\"]` in your \
             gantry/config.toml"
        )
    )]
    ClientCertificate {
        /// What was asked.
        what: String,
        /// The host.
        host: String,
        /// What TLS says.
        #[source]
        source: Cause,
    },
    /// 401 after the best credentials that we have.
    #[error(
        "{what}: `{registry}` asks to sign in; tried with {credential}{}",
        asked(scope)
    )]
    #[diagnostic(
        code(gantry::registry::unauthorized),
        help("sign in with `docker login` or `podman login`, or give --username and --password-stdin")
    )]
    Unauthorized {
        /// What was asked.
        what: String,
        /// The registry.
        registry: String,
        /// Which credentials were tried, or where none were found.
        credential: String,
        /// The scope of the token that was asked for, if a token was.
        scope: Option<String>,
        /// The answer.
        #[source]
        source: Box<Answer>,
    },
    /// 403: signed in, but not allowed.
    #[error("{what} is not allowed with {credential}")]
    #[diagnostic(
        code(gantry::registry::forbidden),
        help("the account needs the right to read, or to push to, this repository")
    )]
    Forbidden {
        /// What was asked.
        what: String,
        /// Which credentials were used, or where none were found.
        credential: String,
        /// The answer.
        #[source]
        source: Box<Answer>,
    },
    /// The registry has no such repository and does not make one.
    #[error("{what}: repository `{repository}` does not exist, or is hidden from {credential}")]
    #[diagnostic(
        code(gantry::registry::missing_repository),
        help("create the repository at the registry first, or correct its name")
    )]
    MissingRepository {
        /// What was asked.
        what: String,
        /// The repository.
        repository: Repository,
        /// Which credentials were used, or where none were found.
        credential: String,
        /// The answer, where there was one.
        #[source]
        source: Box<Answer>,
    },
    /// 405 to an upload: it takes none at all.
    /// <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#error-codes>
    #[error("{what}: the registry takes no uploads here")]
    #[diagnostic(
        code(gantry::registry::unsupported),
        help(
            "it may be read-only at the moment, or a mirror or cache that only hands out: push to the registry that is \
             behind it"
        )
    )]
    Unsupported {
        /// What was asked.
        what: String,
        /// The answer.
        #[source]
        source: Box<Answer>,
    },
    /// Another answer that says no.
    #[error("{what} was refused")]
    #[diagnostic(code(gantry::registry::refused))]
    Refused {
        /// What was asked.
        what: String,
        /// The answer.
        #[source]
        source: Box<Answer>,
    },
    /// An answer that does not fit the protocol, or that is not safe to follow.
    #[error("{what}: {problem}")]
    #[diagnostic(code(gantry::registry::protocol))]
    Protocol {
        /// What was asked.
        what: String,
        /// What is wrong with the answer.
        problem: String,
    },
    /// The place that the registry names for signing in is not safe to send a password to.
    #[error("`{registry}` wants credentials sent to `{realm}`: {why}")]
    #[diagnostic(
        code(gantry::registry::realm),
        help("no credentials were sent; the registry is misconfigured, or not what it seems")
    )]
    Realm {
        /// The registry.
        registry: String,
        /// The place, without user name, password and query.
        realm: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Content has another digest or size than it should.
    #[error("{what} has `{found}`, not `{expected}`")]
    #[diagnostic(
        code(gantry::registry::mismatch),
        help("the content was damaged or replaced on its way; nothing of it was used")
    )]
    Mismatch {
        /// What was read.
        what: String,
        /// Digest or size as it should be.
        expected: String,
        /// Digest or size as it is.
        found: String,
    },
    /// A file that was to be sent is not what it should be.
    #[error("{what}: `{}` holds something else than it should", path.display())]
    #[diagnostic(
        code(gantry::registry::altered),
        help("the file was damaged, or somebody wrote to it: remove it and run the same again")
    )]
    Altered {
        /// What was sent.
        what: String,
        /// The file.
        path: PathBuf,
        /// How the registry noticed.
        #[source]
        source: Box<Answer>,
    },
    /// Content that is there by name is gone.
    #[error("{what}: `{digest}` is not there")]
    #[diagnostic(code(gantry::registry::missing))]
    Missing {
        /// What was asked.
        what: String,
        /// The blob.
        digest: Digest,
    },
    /// A digest of another kind than sha256.
    #[error("`{reference}` cannot be used")]
    #[diagnostic(code(gantry::registry::digest))]
    Digest {
        /// The reference.
        reference: String,
        /// Why not.
        #[source]
        source: crate::spec::DigestError,
    },
    /// More than we are ready to hold.
    #[error("{what} is larger than {limit} bytes")]
    #[diagnostic(code(gantry::registry::too_large))]
    TooLarge {
        /// What was read.
        what: String,
        /// The bound in bytes.
        limit: u64,
    },
    /// Credentials are there but cannot be used.
    #[error("cannot use the credentials for `{registry}` from {origin}: {problem}")]
    #[diagnostic(code(gantry::registry::credentials))]
    Credentials {
        /// The registry.
        registry: String,
        /// File or helper.
        origin: String,
        /// What is wrong.
        problem: String,
        /// The cause below, where there is one.
        #[source]
        source: Option<Cause>,
    },
    /// A local file cannot be read.
    #[error("cannot read `{}`", path.display())]
    #[diagnostic(code(gantry::registry::file))]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The user's settings of registries cannot be used.
    #[error("`{}`: {problem}", path.display())]
    #[diagnostic(
        code(gantry::registry::user_settings),
        help("the keys of `[registry.\"host\"]` are described in docs/registries.md")
    )]
    UserSettings {
        /// The file.
        path: PathBuf,
        /// The line, and what is wrong with it.
        problem: String,
    },
    /// What was read cannot be stored.
    #[error("{what}: cannot write what was read")]
    #[diagnostic(code(gantry::registry::write))]
    Write {
        /// What was read.
        what: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The client cannot be set up.
    #[error("cannot set up {what}")]
    #[diagnostic(code(gantry::registry::setup))]
    Setup {
        /// TLS, or a proxy by its variable.
        what: String,
        /// Why not.
        #[source]
        source: Cause,
    },
}

/// The kinds of failure that need different answers of the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// Trying again may help.
    Unreachable,
    /// Credentials, rights, or the repository are missing.
    Denied,
    /// The registry's answers are wrong, or say no for another reason.
    Protocol,
    /// Something on this machine.
    Local,
    /// A name or a setting of the user that cannot be used.
    Usage,
}

impl RegistryError {
    /// Which kind of failure this is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Unreachable { .. } | Self::Busy { .. } | Self::Certificate { .. } => Kind::Unreachable,
            Self::ClientCertificate { .. }
            | Self::Unauthorized { .. }
            | Self::Forbidden { .. }
            | Self::MissingRepository { .. }
            | Self::Unsupported { .. }
            | Self::Credentials { .. } => Kind::Denied,
            Self::File { .. } | Self::Altered { .. } | Self::Write { .. } => Kind::Local,
            Self::Setup { .. } | Self::UserSettings { .. } => Kind::Usage,
            _ => Kind::Protocol,
        }
    }
}

/// What a registry answered: its status and what it says.
/// <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#error-codes>
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The codes and messages of the body, if it has the form of the specification.
    pub errors: Vec<(String, String)>,
    /// Otherwise the beginning of the body.
    pub text: String,
}

/// How much of a body that is no JSON is shown.
const SHOWN_BYTES: usize = 2048;

impl Answer {
    pub(super) fn new(status: u16, body: &[u8]) -> Self {
        let errors = errors(body).unwrap_or_default();
        let text = if errors.is_empty() {
            let start = &body[..body.len().min(SHOWN_BYTES)];
            let plain = |c: char| if c.is_control() { ' ' } else { c };
            String::from_utf8_lossy(start)
                .chars()
                .map(plain)
                .collect::<String>()
                .trim()
                .to_owned()
        } else {
            String::new()
        };
        Self { status, errors, text }
    }

    /// Whether the body names this error code.
    pub fn has(&self, code: &str) -> bool {
        self.errors.iter().any(|(found, _)| found == code)
    }
}

fn errors(body: &[u8]) -> Option<Vec<(String, String)>> {
    let value: serde_json::Value = serde_json::from_slice(body).ok()?;
    let plain = |value: &serde_json::Value| {
        let text = value.as_str().unwrap_or_default();
        text.chars()
            .filter(|c| !c.is_control())
            .take(SHOWN_BYTES)
            .collect::<String>()
    };
    let pairs = value.get("errors")?.as_array()?.iter().take(10);
    Some(
        pairs
            .map(|error| (plain(&error["code"]), plain(&error["message"])))
            .collect(),
    )
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = reqwest::StatusCode::from_u16(self.status)
            .ok()
            .and_then(|s| s.canonical_reason());
        write!(f, "the registry answered {}", self.status)?;
        if let Some(name) = name {
            write!(f, " {name}")?;
        }
        for (code, message) in &self.errors {
            write!(f, "; {code}")?;
            if !message.is_empty() {
                write!(f, " ({message})")?;
            }
        }
        if !self.text.is_empty() {
            write!(f, ": {}", self.text)?;
        }
        Ok(())
    }
}

impl Error for Answer {}

fn asked(scope: &Option<String>) -> String {
    scope
        .as_ref()
        .map(|scope| format!(" for the scope `{scope}`"))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_show_codes_or_the_beginning() {
        let body = br#"{"errors":[{"code":"DENIED","message":"no right","detail":{}}]}"#;
        let answer = Answer::new(403, body);
        assert!(answer.has("DENIED"));
        assert_eq!(
            answer.to_string(),
            "the registry answered 403 Forbidden; DENIED (no right)"
        );
        let html = Answer::new(502, format!("<html>\n{}", "x".repeat(9000)).as_bytes());
        assert!(
            html.to_string()
                .starts_with("the registry answered 502 Bad Gateway: <html> xxx")
        );
        assert!(html.text.len() <= SHOWN_BYTES);
        assert_eq!(
            Answer::new(404, b"").to_string(),
            "the registry answered 404 Not Found"
        );
        assert_eq!(Answer::new(400, br#"{"errors":7}"#).errors, []);
    }
}
