//! An engine that speaks docker's API on a socket, as far as images are loaded: it keeps what it is sent.
//! <https://github.com/moby/moby/blob/v27.5.1/api/swagger.yaml>

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use cargo_gantry::spec::{DiffId, Digest};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::sync::Notify;

/// How an engine takes images.
#[derive(Clone, Copy)]
pub(crate) enum Mood {
    Good,
    /// It begins with 200 and ends with an error.
    Late,
    /// It refuses at once, without reading.
    Refusing,
    /// It says that all is well and has nothing.
    Forgetful,
}

/// A running engine; it ends with the value.
pub(crate) struct Engine {
    folder: tempfile::TempDir,
    loaded: Arc<Mutex<Vec<Loaded>>>,
    stop: Arc<Notify>,
    thread: Option<JoinHandle<()>>,
}

/// An image that was sent.
#[derive(Clone, Debug)]
pub(crate) struct Loaded {
    pub(crate) names: Vec<String>,
    pub(crate) config: String,
    pub(crate) diff_ids: Vec<String>,
}

struct Manner {
    arch: &'static str,
    mood: Mood,
    loaded: Arc<Mutex<Vec<Loaded>>>,
}

impl Engine {
    pub(crate) fn start(arch: &'static str, mood: Mood) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (loaded, stop) = (Arc::<Mutex<Vec<Loaded>>>::default(), Arc::new(Notify::new()));
        let listener = std::os::unix::net::UnixListener::bind(folder.path().join("docker.sock")).unwrap();
        listener.set_nonblocking(true).unwrap();
        let manner = Arc::new(Manner {
            arch,
            mood,
            loaded: loaded.clone(),
        });
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || serve(listener, &manner, &stopped));
        Self {
            folder,
            loaded,
            stop,
            thread: Some(thread),
        }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("docker.sock")
    }

    /// As DOCKER_HOST has it.
    pub(crate) fn host(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    pub(crate) fn loaded(&self) -> Vec<Loaded> {
        self.loaded.lock().unwrap().clone()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(listener: std::os::unix::net::UnixListener, manner: &Arc<Manner>, stop: &Notify) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(async move {
        let listener = tokio::net::UnixListener::from_std(listener).unwrap();
        loop {
            let stream = tokio::select! {
                accepted = listener.accept() => accepted.unwrap().0,
                () = stop.notified() => return,
            };
            let manner = Arc::clone(manner);
            let answer = move |request| {
                let manner = Arc::clone(&manner);
                async move { Ok::<_, Infallible>(manner.answer(request).await) }
            };
            tokio::spawn(async move {
                let builder = hyper::server::conn::http1::Builder::new();
                let _ = builder
                    .serve_connection(TokioIo::new(stream), service_fn(answer))
                    .await;
            });
        }
    });
}

impl Manner {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let path = request.uri().path().to_owned();
        match (request.method(), path.as_str()) {
            (&Method::GET, "/_ping") => response(200, "OK".to_owned()),
            (&Method::GET, "/version") => response(
                200,
                json!({"Version": "27.5.1", "ApiVersion": "1.47", "Os": "linux", "Arch": self.arch})
                    .to_string(),
            ),
            (&Method::GET, "/info") => response(200, json!({"Architecture": "armv6l"}).to_string()),
            (&Method::POST, "/images/load") => self.load(request).await,
            (&Method::GET, path) => self.image(path),
            _ => response(404, json!({"message": "page not found"}).to_string()),
        }
    }

    async fn load(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        if let Mood::Refusing = self.mood {
            return response(500, json!({"message": "no space left on device"}).to_string());
        }
        let Ok(body) = request.into_body().collect().await else {
            return response(500, json!({"message": "unexpected EOF"}).to_string());
        };
        let images = read(&body.to_bytes());
        let mut said = String::new();
        if let Mood::Good = self.mood {
            for image in &images {
                for name in &image.names {
                    said += &format!("{}\r\n", json!({"stream": format!("Loaded image: {name}\n")}));
                }
            }
            self.loaded.lock().unwrap().extend(images);
        }
        if let Mood::Late = self.mood {
            said += &format!("{}\r\n", json!({"status": "Loading layer", "id": "1"}));
            let message = "invalid diffID for layer 0";
            said += &json!({"errorDetail": {"message": message}, "error": message}).to_string();
        }
        response(200, said)
    }

    fn image(&self, path: &str) -> Response<Full<Bytes>> {
        let name = path
            .strip_prefix("/images/")
            .and_then(|rest| rest.strip_suffix("/json"));
        let loaded = self.loaded.lock().unwrap();
        let found = loaded
            .iter()
            .find(|image| image.names.iter().any(|known| Some(known.as_str()) == name));
        match found {
            Some(image) => response(200, json!({"Id": image.config}).to_string()),
            None => response(
                404,
                json!({"message": format!("No such image: {name:?}")}).to_string(),
            ),
        }
    }
}

fn response(status: u16, body: String) -> Response<Full<Bytes>> {
    let response = Response::builder().status(status);
    response.body(Full::new(body.into())).unwrap()
}

/// The images of a tar, each checked as docker checks them: the config is there, and each layer is what it says.
/// <https://github.com/moby/moby/blob/v27.5.1/image/tarexport/load.go>
fn read(tar: &[u8]) -> Vec<Loaded> {
    let mut files = std::collections::BTreeMap::new();
    for entry in tar::Archive::new(tar).entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().display().to_string();
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut bytes).unwrap();
        files.insert(name, bytes);
    }
    let list: Value = serde_json::from_slice(&files["manifest.json"]).unwrap();
    let image = |entry: &Value| {
        let config = &files[entry["Config"].as_str().unwrap()];
        let parsed: Value = serde_json::from_slice(config).unwrap();
        let diff_ids = super::texts(&parsed["rootfs"]["diff_ids"]);
        let layers = super::texts(&entry["Layers"]);
        let found: Vec<String> = layers
            .iter()
            .map(|layer| DiffId::of(&files[layer]).to_string())
            .collect();
        assert_eq!(found, diff_ids);
        Loaded {
            names: super::texts(&entry["RepoTags"]),
            config: Digest::of(config).to_string(),
            diff_ids,
        }
    };
    list.as_array().unwrap().iter().map(image).collect()
}

/// Where nobody answers.
pub(crate) fn nowhere(folder: &Path) -> String {
    format!("unix://{}/none.sock", folder.display())
}
