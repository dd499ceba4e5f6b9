//! Certificates made for one test, by the openssl program.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::outside;

const KEY: &str = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";

/// An authority of its own in a folder: `ca.pem`, and `cert.pem` with `key.pem` for this machine.
pub struct Authority {
    folder: tempfile::TempDir,
}

impl Authority {
    /// A new one; none where openssl is missing.
    pub fn new() -> Option<Self> {
        let authority = Self {
            folder: tempfile::tempdir().expect("a folder"),
        };
        authority.openssl(&format!(
            "req -x509 {KEY} -keyout ca.key -out ca.pem -days 2 -subj /CN=test-authority"
        ))?;
        authority.sign("cert.pem", "key.pem", "subjectAltName=IP:127.0.0.1,DNS:localhost")?;
        Some(authority)
    }

    /// Where the files lie.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The authority's own certificate.
    pub fn certificate(&self) -> PathBuf {
        self.folder().join("ca.pem")
    }

    /// A certificate for somebody who calls, and its key.
    pub fn client(&self) -> Option<(PathBuf, PathBuf)> {
        self.sign("client.pem", "client.key", "extendedKeyUsage=clientAuth")?;
        Some((self.folder().join("client.pem"), self.folder().join("client.key")))
    }

    /// A key for signing tokens, `token.key`, with a certificate that vouches for itself, `token.pem`.
    pub fn token_signer(&self) -> Option<()> {
        self.openssl(
            "req -x509 -newkey rsa:2048 -nodes -keyout token.key -out token.pem -days 2 -subj /CN=tokens",
        )
    }

    fn sign(&self, certificate: &str, key: &str, extension: &str) -> Option<()> {
        std::fs::write(self.folder().join("extension"), extension).expect("a file");
        self.openssl(&format!("req {KEY} -keyout {key} -out request -subj /CN=test"))?;
        self.openssl(&format!(
            "x509 -req -in request -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out {certificate} \
             -extfile extension"
        ))
    }

    fn openssl(&self, line: &str) -> Option<()> {
        let mut command = Command::new("openssl");
        command.args(line.split_whitespace()).current_dir(self.folder());
        let output = outside(command.output(), "openssl", "openssl")?;
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        Some(())
    }
}
