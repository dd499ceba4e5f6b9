//! [`Docker`]: the Docker Engine API by its socket; podman's socket speaks it, too.
//!
//! Paths carry no version: the engine then takes its own newest one, and what is used here is in all of them.
//! <https://github.com/moby/moby/blob/v27.5.1/api/swagger.yaml>

use std::io::{self, Cursor, Read, Write};
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use reqwest::{Body, Response};
use serde::Deserialize;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::sync::mpsc;
use tokio_util::io::ReaderStream;

use super::{Cargo, DaemonError, Loaded, context, feed};
use crate::archive::ArchiveError;
use crate::blob::BlobStore;
use crate::spec::Platform;
use crate::tool::Tools;

/// How long an engine that is there may take to say so.
const ANSWER: Duration = Duration::from_secs(20);

/// How much is handed over at a time, and how many of these wait.
const CHUNK: usize = 128 << 10;
const WAITING: usize = 4;

/// The most of an answer that is read, in bytes; and of one line of it.
const LIMIT: usize = 4 << 20;

/// The engine behind a socket.
#[derive(Clone, Debug)]
pub(super) struct Docker {
    client: reqwest::Client,
    socket: PathBuf,
}

/// `GET /version`.
#[derive(Deserialize)]
struct Version {
    #[serde(rename = "Os")]
    os: String,
    #[serde(rename = "Arch")]
    arch: String,
}

/// `GET /info`, where the architecture is in the kernel's words.
#[derive(Deserialize)]
struct Info {
    #[serde(rename = "Architecture")]
    architecture: String,
}

/// `GET /images/NAME/json`.
#[derive(Deserialize)]
struct ImageInfo {
    #[serde(rename = "Id")]
    id: String,
}

/// What is said while an image is loaded: status 200 comes before it is known how that ends.
#[derive(Deserialize)]
struct Message {
    error: Option<String>,
    #[serde(rename = "errorDetail")]
    detail: Option<Detail>,
}

/// An error, here or as an answer of its own.
#[derive(Deserialize)]
struct Detail {
    message: String,
}

impl Docker {
    /// The engine that docker's own command would use, if it answers.
    pub(super) async fn connect(tools: &Tools) -> Result<Self, DaemonError> {
        let socket = context::socket(tools)?;
        let client = client(&socket)?;
        let docker = Self { client, socket };
        docker.get("_ping", "to answer").await?;
        Ok(docker)
    }

    /// What it runs. Go's word for 32-bit Arm does not say which.
    pub(super) async fn platform(&self) -> Result<Platform, DaemonError> {
        let doing = "to say what it is";
        let version: Version = parsed(&self.get("version", doing).await?, doing)?;
        let mut variant = None;
        if version.arch == "arm" {
            let info: Info = parsed(&self.get("info", doing).await?, doing)?;
            // `armv7l`: the last letter is the byte order.
            let version = info.architecture.split_once('v');
            variant = version.map(|(_, version)| format!("v{}", version.trim_end_matches(['l', 'b'])));
        }
        Ok(Platform::new(&version.os, &version.arch, variant.as_deref()))
    }

    /// Loads an image from a stream, and gives its id.
    pub(super) async fn load(&self, store: BlobStore, cargo: Cargo) -> Result<Loaded, DaemonError> {
        let (sender, receiver) = mpsc::channel(WAITING);
        let pour = feed::docker_archive(store, &cargo)?;
        let poured = tokio::task::spawn_blocking(move || {
            let mut pipe = Pipe {
                sender,
                chunk: Vec::with_capacity(CHUNK),
            };
            let poured = pour(&mut pipe).and_then(|()| pipe.end().map_err(ArchiveError::Stream));
            if poured.is_err() {
                // The request then breaks off: what came of the archive must not pass for the whole.
                let _ = pipe.sender.blocking_send(Err(io::ErrorKind::BrokenPipe.into()));
            }
            poured
        });
        let body = Poured {
            receiver,
            chunk: Cursor::new(Vec::new()),
            ended: false,
        };
        let doing = "to load the image";
        let request = self
            .client
            .post("http://docker/images/load?quiet=1")
            .header("content-type", "application/x-tar")
            .body(Body::wrap_stream(ReaderStream::with_capacity(body, CHUNK)));
        let answer = match request.send().await {
            Ok(response) => self.loaded(response, doing).await,
            Err(error) => Err(self.fault(error, doing)),
        };
        match poured.await {
            // It did not read on: its answer says why.
            Ok(Ok(()) | Err(ArchiveError::Stream(_))) => answer?,
            Ok(Err(error)) => return Err(error.into()),
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
        // Under each of its names, or it is an error.
        let mut id = String::new();
        for name in &cargo.names {
            let doing = format!("to find `{name}`, which was just loaded");
            let found: ImageInfo = parsed(&self.get(&format!("images/{name}/json"), &doing).await?, &doing)?;
            id = found.id;
        }
        let names = cargo.names;
        Ok(Loaded { id, names })
    }

    /// Reads what is said of an image that is loaded, to the end.
    async fn loaded(&self, response: Response, doing: &str) -> Result<(), DaemonError> {
        let mut response = self.welcome(response, doing).await?;
        let mut line = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.fault(error, doing))? {
            for part in chunk.split_inclusive(|byte| *byte == b'\n') {
                if line.len() + part.len() <= LIMIT {
                    line.extend_from_slice(part);
                }
                if part.ends_with(b"\n") {
                    judge(&line, doing)?;
                    line.clear();
                }
            }
        }
        judge(&line, doing)
    }

    async fn get(&self, path: &str, doing: &str) -> Result<Vec<u8>, DaemonError> {
        let request = self.client.get(format!("http://docker/{path}")).timeout(ANSWER);
        let response = request.send().await.map_err(|error| self.fault(error, doing))?;
        let response = self.welcome(response, doing).await?;
        self.text(response, doing).await
    }

    /// The answer, if it is a good one.
    async fn welcome(&self, response: Response, doing: &str) -> Result<Response, DaemonError> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let text = self.text(response, doing).await?;
        let message = match serde_json::from_slice::<Detail>(&text) {
            Ok(detail) => detail.message,
            Err(_) => format!(
                "{status} {}",
                String::from_utf8_lossy(&text[..text.len().min(500)])
            ),
        };
        Err(refused(doing, message.trim()))
    }

    async fn text(&self, mut response: Response, doing: &str) -> Result<Vec<u8>, DaemonError> {
        let mut text = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.fault(error, doing))? {
            if text.len() + chunk.len() > LIMIT {
                return Err(refused(doing, &format!("it says more than {LIMIT} bytes")));
            }
            text.extend_from_slice(&chunk);
        }
        Ok(text)
    }

    fn fault(&self, error: reqwest::Error, doing: &str) -> DaemonError {
        let (runtime, place) = ("docker".to_owned(), self.socket.display().to_string());
        match system(&error).map(io::Error::kind) {
            Some(io::ErrorKind::PermissionDenied) => DaemonError::Denied {
                runtime,
                place,
                help: "let yourself into docker's group, `sudo usermod -aG docker $USER`, and log in again; or use \
                       rootless docker, or `--into podman`",
            },
            Some(io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => DaemonError::NotRunning {
                runtime,
                place,
                help: "start docker (`sudo systemctl start docker`, or Docker Desktop), say where it is in DOCKER_HOST, \
                       or name another runtime with `--into`",
                source: error.into(),
            },
            _ => DaemonError::Broken {
                runtime,
                doing: doing.to_owned(),
                source: error.into(),
            },
        }
    }
}

#[cfg(unix)]
fn client(socket: &std::path::Path) -> Result<reqwest::Client, DaemonError> {
    // Nothing is encrypted on a socket, but a client is not made without.
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map(|tls| tls.with_root_certificates(rustls::RootCertStore::empty()));
    let tls = tls.map_err(|error| refused("to be spoken to", &error.to_string()))?;
    reqwest::Client::builder()
        .user_agent(concat!("cargo-gantry/", env!("CARGO_PKG_VERSION")))
        .tls_backend_preconfigured(tls.with_no_client_auth())
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .unix_socket(socket)
        .build()
        .map_err(|error| refused("to be spoken to", &error.to_string()))
}

#[cfg(not(unix))]
fn client(socket: &std::path::Path) -> Result<reqwest::Client, DaemonError> {
    Err(DaemonError::Remote {
        named: "this system".to_owned(),
        host: socket.display().to_string(),
    })
}

fn refused(doing: &str, message: &str) -> DaemonError {
    DaemonError::Refused {
        runtime: "docker".to_owned(),
        doing: doing.to_owned(),
        message: message.to_owned(),
    }
}

fn parsed<T: serde::de::DeserializeOwned>(text: &[u8], doing: &str) -> Result<T, DaemonError> {
    serde_json::from_slice(text).map_err(|error| refused(doing, &error.to_string()))
}

/// What a line of the answer says. What is no message says nothing.
fn judge(line: &[u8], doing: &str) -> Result<(), DaemonError> {
    let Ok(message) = serde_json::from_slice::<Message>(line) else {
        return Ok(());
    };
    match message.detail.map(|detail| detail.message).or(message.error) {
        Some(message) => Err(refused(doing, &message)),
        None => Ok(()),
    }
}

/// The system's error within one of HTTP.
fn system(error: &reqwest::Error) -> Option<&io::Error> {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref::<io::Error>() {
            return Some(found);
        }
        cause = error.source();
    }
    None
}

/// Part of a body; none is its good end.
type Part = io::Result<Option<Vec<u8>>>;

/// The end of a body that a thread writes to.
struct Pipe {
    sender: mpsc::Sender<Part>,
    chunk: Vec<u8>,
}

impl Pipe {
    fn end(&mut self) -> io::Result<()> {
        self.flush()?;
        self.send(Ok(None))
    }

    fn send(&self, part: Part) -> io::Result<()> {
        let sent = self.sender.blocking_send(part);
        sent.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(CHUNK - self.chunk.len());
        self.chunk.extend_from_slice(&bytes[..count]);
        if self.chunk.len() == CHUNK {
            self.flush()?;
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        let chunk = std::mem::replace(&mut self.chunk, Vec::with_capacity(CHUNK));
        self.send(Ok(Some(chunk)))
    }
}

/// The end of a body that the request reads. Without its good end it ends in an error.
struct Poured {
    receiver: mpsc::Receiver<Part>,
    chunk: Cursor<Vec<u8>>,
    ended: bool,
}

impl AsyncRead for Poured {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let count = self.chunk.read(buffer.initialize_unfilled())?;
            if count > 0 || self.ended || buffer.remaining() == 0 {
                buffer.advance(count);
                return Poll::Ready(Ok(()));
            }
            match ready!(self.receiver.poll_recv(context)) {
                Some(Ok(Some(chunk))) => self.chunk = Cursor::new(chunk),
                Some(Ok(None)) => self.ended = true,
                Some(Err(error)) => return Poll::Ready(Err(error)),
                None => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            }
        }
    }
}
