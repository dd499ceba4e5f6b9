//! A real registry on loopback: Debian's docker-registry, ended with its value.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::Duration;
use std::{fs, thread};

use anyhow::{Context, Result, bail};

use crate::step::{Step, target};

/// A running registry; its data goes with it.
pub(crate) struct Registry {
    child: Child,
    folder: PathBuf,
    address: SocketAddr,
}

impl Registry {
    /// Starts one on a free port and waits until it listens.
    pub(crate) fn start() -> Result<Self> {
        Self::start_guarded(None)
    }

    /// The same, for those alone who are in an htpasswd file of these lines.
    pub(crate) fn start_guarded(htpasswd: Option<&str>) -> Result<Self> {
        // The port is free again when the listener goes; nobody else takes it within a moment.
        let address = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
        let folder = target().join("registry").join(address.port().to_string());
        fs::create_dir_all(&folder)?;
        let settings = folder.join("config.yml");
        let auth = match htpasswd {
            Some(lines) => {
                let path = folder.join("htpasswd");
                fs::write(&path, lines)?;
                format!("auth: {{htpasswd: {{realm: xtask, path: {}}}}}\n", path.display())
            }
            None => String::new(),
        };
        let text = format!(
            "version: 0.1\nlog: {{level: warn, accesslog: {{disabled: true}}}}\n{auth}storage:\n  filesystem: \
             {{rootdirectory: {}}}\n  delete: {{enabled: true}}\nhttp: {{addr: {address}, relativeurls: true}}\n",
            folder.join("data").display()
        );
        fs::write(&settings, text)?;
        let mut command =
            Step::new("docker-registry", ["serve", &settings.display().to_string()]).into_command();
        command.env("OTEL_TRACES_EXPORTER", "none").stdout(Stdio::null());
        command.stderr(fs::File::create(folder.join("log"))?);
        let child = command
            .spawn()
            .context("docker-registry does not start (`cargo xtask setup` installs it)")?;
        let registry = Self {
            child,
            folder,
            address,
        };
        for _ in 0..100 {
            if TcpStream::connect(address).is_ok() {
                return Ok(registry);
            }
            thread::sleep(Duration::from_millis(100));
        }
        bail!(
            "docker-registry does not answer on {address}: {}",
            fs::read_to_string(registry.folder.join("log"))?
        )
    }

    /// `127.0.0.1:PORT`
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        // It may have ended by itself; its data is of no use to anybody then, either.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
