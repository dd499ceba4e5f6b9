//! The real registry of the distribution project (Debian's package `docker-registry`) on this machine.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::outside;
use super::token_server::{ISSUER, SERVICE};

/// A running registry with its data in a folder of its own; it ends with the value.
pub struct DockerRegistry {
    child: Child,
    folder: tempfile::TempDir,
    port: u16,
}

/// What stands between a registry and its users.
#[derive(Default)]
pub struct Guard<'a> {
    /// The lines of an htpasswd file.
    pub htpasswd: Option<&'a str>,
    /// A folder with `cert.pem` and `key.pem`.
    pub tls: Option<&'a Path>,
    /// Whose certificates callers must show.
    pub client_authority: Option<&'a Path>,
    /// Where tokens are to be had, and the certificate that vouches for them.
    pub tokens: Option<(&'a str, &'a Path)>,
    /// Manifests can be deleted by digest; tags never can.
    pub deletes: bool,
    /// Nothing can be pushed.
    pub read_only: bool,
}

impl DockerRegistry {
    /// Starts it; none where the program is missing.
    pub fn start(guard: &Guard<'_>) -> Option<Self> {
        let program = std::env::var("GANTRY_TEST_DOCKER_REGISTRY").unwrap_or("docker-registry".to_owned());
        let folder = tempfile::tempdir().expect("a folder");
        let port = free_port();
        std::fs::write(
            folder.path().join("config.yml"),
            config(folder.path(), port, guard),
        )
        .expect("a file");
        let log = std::fs::File::create(folder.path().join("log")).expect("a file");
        let child = Command::new(&program)
            .arg("serve")
            .arg(folder.path().join("config.yml"))
            .env("OTEL_TRACES_EXPORTER", "none")
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a file"))
            .stderr(log)
            .spawn();
        let child = outside(child, &program, "docker-registry")?;
        let registry = Self { child, folder, port };
        registry.wait();
        Some(registry)
    }

    /// `127.0.0.1:port`.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// What it has logged: a line per request among others.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn wait(&self) {
        let end = Instant::now() + Duration::from_secs(20);
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(
                Instant::now() < end,
                "the registry does not answer:\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(30));
        }
    }
}

impl Drop for DockerRegistry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn config(folder: &Path, port: u16, guard: &Guard<'_>) -> String {
    let auth = match guard.htpasswd {
        Some(lines) => {
            std::fs::write(folder.join("htpasswd"), lines).expect("a file");
            format!(
                "auth: {{htpasswd: {{realm: test, path: {}/htpasswd}}}}\n",
                folder.display()
            )
        }
        None => String::new(),
    };
    let auth = match guard.tokens {
        Some((realm, certificate)) => format!(
            "auth: {{token: {{realm: '{realm}', service: {SERVICE}, issuer: {ISSUER}, rootcertbundle: {}}}}}\n",
            certificate.display()
        ),
        None => auth,
    };
    let client = match guard.client_authority.map(Path::display) {
        Some(path) => format!(", clientcas: [{path}]"),
        None => String::new(),
    };
    let tls = match guard.tls.map(Path::display) {
        Some(folder) => format!(", tls: {{certificate: {folder}/cert.pem, key: {folder}/key.pem{client}}}"),
        None => String::new(),
    };
    format!(
        "version: 0.1\nlog: {{level: warn}}\n{auth}storage:\n  filesystem: {{rootdirectory: {}/data}}\n  \
         maintenance: {{uploadpurging: {{enabled: false}}, readonly: {{enabled: {}}}}}\n  delete: {{enabled: {}}}\n\
         http: {{addr: '127.0.0.1:{port}', relativeurls: true{tls}}}\n",
        folder.display(),
        guard.read_only,
        guard.deletes
    )
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("a bound socket").port()
}
