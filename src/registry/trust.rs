//! [`Trust`]: which authorities a registry's certificate may be of, and which certificate we show it.
//!
//! In: the user's settings and the folders in which docker and podman keep such files. Out: paths, and from them the
//! settings of TLS. Whom the user names is trusted for that registry alone, beside whom the system trusts.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustls::client::ResolvesClientCert;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore, SignatureScheme};

use super::error::Cause;
use super::{HostSettings, RegistryError, small_file};
use crate::environment::Environment;

/// Bound on the size of a file with certificates, in bytes.
const LIMIT: u64 = 8 << 20;
/// How many files of one folder are read.
const FILES: usize = 64;

/// What is trusted beside the system's authorities, and what is shown; the usual one is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Trust {
    authorities: Vec<PathBuf>,
    /// Certificate and key.
    shown: Option<(PathBuf, PathBuf)>,
}

impl Trust {
    /// What the user says of `registry`: in our settings, else in the first of docker's and podman's folders that has
    /// something for it.
    pub(super) fn of(registry: &str, settings: Option<&HostSettings>, environment: &Environment) -> Self {
        let own = settings.map(|settings| Self {
            authorities: settings.ca.iter().cloned().collect(),
            shown: settings
                .client_certificate
                .clone()
                .zip(settings.client_key.clone()),
        });
        if let Some(own) = own.filter(|own| *own != Self::default()) {
            return own;
        }
        // A name that is not one could lead out of the folders.
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b".-_:[]".contains(&b);
        if !registry.bytes().all(allowed) || registry.starts_with('.') {
            return Self::default();
        }
        let folders = folders(environment)
            .into_iter()
            .map(|folder| folder.join(registry));
        folders
            .filter_map(|folder| Self::in_folder(&folder))
            .next()
            .unwrap_or_default()
    }

    /// The same, without what we show: for the other hosts that a registry leads to.
    pub(super) fn anonymous(&self) -> Self {
        Self {
            authorities: self.authorities.clone(),
            shown: None,
        }
    }

    /// `*.crt` are authorities; `NAME.cert` with `NAME.key` is what we show. None if there is no such folder.
    /// <https://docs.docker.com/engine/security/certificates/>
    fn in_folder(folder: &Path) -> Option<Self> {
        let entries = folder.read_dir().ok()?;
        let mut files: Vec<PathBuf> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .take(FILES)
            .collect();
        files.sort();
        let with = |extension: &'static str| {
            files
                .iter()
                .filter(move |file| file.extension().is_some_and(|found| found == extension))
        };
        Some(Self {
            authorities: with("crt").cloned().collect(),
            shown: with("cert")
                .map(|certificate| (certificate.clone(), certificate.with_extension("key")))
                .next(),
        })
    }

    /// The settings of TLS, with the system's authorities in `roots`. `asked` is told when a server asks who we are.
    pub(super) fn tls(
        &self,
        mut roots: RootCertStore,
        asked: &Arc<AtomicBool>,
    ) -> Result<ClientConfig, RegistryError> {
        for path in &self.authorities {
            for authority in certificates(path)? {
                roots.add(authority).map_err(|error| wrong(path, error))?;
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|source| RegistryError::Setup {
                what: "TLS".to_owned(),
                source: source.into(),
            })?
            .with_root_certificates(roots);
        let mut config = match &self.shown {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => builder
                .with_client_auth_cert(certificates(certificate)?, private_key(key)?)
                .map_err(|error| wrong(certificate, error))?,
        };
        config.client_auth_cert_resolver = Arc::new(Telling {
            inner: config.client_auth_cert_resolver,
            asked: asked.clone(),
        });
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }
}

/// Shows our certificate if there is one, and tells that it was asked for: a server that wants another just closes the
/// connection, and its alert may be lost.
#[derive(Debug)]
struct Telling {
    inner: Arc<dyn ResolvesClientCert>,
    asked: Arc<AtomicBool>,
}

impl ResolvesClientCert for Telling {
    fn resolve(&self, hints: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.asked.store(true, Ordering::Relaxed);
        self.inner.resolve(hints, schemes)
    }

    fn has_certs(&self) -> bool {
        self.inner.has_certs()
    }
}

/// Where docker and podman look, the user's own folders first.
fn folders(environment: &Environment) -> Vec<PathBuf> {
    let own = environment.config_dir();
    let own = own.iter().map(PathBuf::as_path);
    let system = cfg!(unix).then_some(Path::new("/etc"));
    own.chain(system)
        .flat_map(|folder| ["containers", "docker"].map(|tool| folder.join(tool).join("certs.d")))
        .collect()
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, RegistryError> {
    let text = read(path)?;
    let all = CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>();
    let all = all.map_err(|error| wrong(path, error))?;
    if all.is_empty() {
        return Err(wrong(path, "there is no certificate in it"));
    }
    Ok(all)
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, RegistryError> {
    // What the parser says could show parts of the key.
    PrivateKeyDer::from_pem_slice(&read(path)?).map_err(|_| {
        wrong(
            path,
            "there is no private key in it that can be read without a password",
        )
    })
}

fn read(path: &Path) -> Result<Vec<u8>, RegistryError> {
    small_file::read(path, LIMIT)?.ok_or_else(|| wrong(path, "there is no such file"))
}

fn wrong(path: &Path, source: impl Into<Cause>) -> RegistryError {
    RegistryError::Setup {
        what: format!("TLS with `{}`", path.display()),
        source: source.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_win_over_the_folders_of_docker_and_podman() {
        let folder = tempfile::tempdir().unwrap();
        let environment = Environment::empty("/").with("XDG_CONFIG_HOME", folder.path());
        let docker = folder.path().join("docker/certs.d/reg.example:5000");
        std::fs::create_dir_all(&docker).unwrap();
        for name in ["ca.crt", "other.crt", "client.cert", "client.key", "notes.txt"] {
            std::fs::write(docker.join(name), "").unwrap();
        }
        let of = |registry: &str, settings: &HostSettings| Trust::of(registry, Some(settings), &environment);
        let unset = HostSettings::default();
        let found = of("reg.example:5000", &unset);
        assert_eq!(
            found.authorities,
            [docker.join("ca.crt"), docker.join("other.crt")]
        );
        assert_eq!(
            found.shown,
            Some((docker.join("client.cert"), docker.join("client.key")))
        );
        assert_eq!(found.anonymous().shown, None);
        let named = HostSettings {
            ca: Some("/own.pem".into()),
            ..HostSettings::default()
        };
        let own = of("reg.example:5000", &named);
        assert_eq!(
            (own.authorities, own.shown),
            (vec![PathBuf::from("/own.pem")], None)
        );
        for other in ["reg.example", "..", "../certs.d/reg.example:5000", ""] {
            assert_eq!(of(other, &unset), Trust::default(), "{other}");
        }
        let podman = folder.path().join("containers/certs.d/reg.example:5000");
        std::fs::create_dir_all(&podman).unwrap();
        assert_eq!(of("reg.example:5000", &unset), Trust::default());
    }

    #[test]
    fn files_that_are_of_no_use_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let trust = Trust {
            authorities: vec![path.clone()],
            shown: None,
        };
        let said = || trust.tls(RootCertStore::empty(), &Arc::default()).unwrap_err();
        assert!(said().to_string().contains("ca.pem"));
        for text in [
            "",
            "nonsense",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        ] {
            std::fs::write(&path, text).unwrap();
            assert!(said().to_string().contains("ca.pem"), "{text}");
        }
        std::fs::write(&path, "-----BEGIN EC PRIVATE KEY-----\nhunter2\n").unwrap();
        let error = private_key(&path).unwrap_err();
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }
}
