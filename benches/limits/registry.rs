//! docker-registry on loopback, spoken to with as little as HTTP needs.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use cargo_gantry::codec;
use cargo_gantry::spec::MediaType;
use serde_json::Value;

use crate::cost::{self, Cost};
use crate::work;

/// More than any base unpacks to.
const MOST: u64 = 4 << 30;

/// A running registry; it ends with the value.
pub(crate) struct Registry {
    child: Child,
    address: String,
    _data: tempfile::TempDir,
}

impl Registry {
    pub(crate) fn start() -> Self {
        let data = tempfile::tempdir().unwrap();
        let address = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .to_string();
        let settings = data.path().join("config.yml");
        let text = format!(
            "version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\nstorage: {{filesystem: {{rootdirectory: \
             {}}}}}\nhttp: {{addr: '{address}', relativeurls: true}}\n",
            data.path().join("data").display()
        );
        fs::write(&settings, text).unwrap();
        let child = Command::new("docker-registry")
            .arg("serve")
            .arg(&settings)
            .env("OTEL_TRACES_EXPORTER", "none")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("docker-registry is installed (`cargo xtask setup`)");
        let begun = Instant::now();
        while TcpStream::connect(&address).is_err() {
            assert!(
                begun.elapsed() < Duration::from_secs(20),
                "docker-registry does not answer"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        Self {
            child,
            address,
            _data: data,
        }
    }

    /// One small request on a connection that is open: the median of runs of many.
    pub(crate) fn request(&self) -> Cost {
        const MANY: u32 = 200;
        let run = |_| {
            let mut connection = Connection::to(&self.address);
            let begun = Instant::now();
            for _ in 0..MANY {
                connection.ask("GET", "/v2/", b"");
            }
            (begun.elapsed() / MANY).as_secs_f64()
        };
        let mut walls: Vec<f64> = (0..5).map(run).collect();
        walls.sort_by(f64::total_cmp);
        Cost {
            wall: walls[2],
            cpu: 0.0,
        }
    }

    /// POST and PUT of each layer, at once as far as there are cores. A registry that has a blob takes it faster, so each
    /// run has one of its own.
    pub(crate) fn push(layers: &[Vec<u8>]) -> Cost {
        let digests: Vec<String> = layers.iter().map(|layer| work::digest(layer)).collect();
        let run = |_| {
            let registry = Self::start();
            cost::once(layers.len(), &|at| {
                registry.upload("limits/push", &layers[at], &digests[at])
            })
        };
        let mut costs: Vec<Cost> = (0..3).map(run).collect();
        costs.sort_by(|one, other| one.wall.total_cmp(&other.wall));
        costs[1]
    }

    /// Fetching, verifying and reading the base's layers, as must be done once to know what is in it.
    pub(crate) fn pull(&self, layout: &Path, platforms: usize) -> Cost {
        let layers = layers(layout, platforms);
        for (digest, bytes) in &layers {
            self.upload("limits/base", bytes, digest);
        }
        cost::of(layers.len(), |at| {
            let (digest, _) = &layers[at];
            let mut connection = Connection::to(&self.address);
            let bytes = connection
                .ask("GET", &format!("/v2/limits/base/blobs/{digest}"), b"")
                .1;
            work::hash(&bytes);
            let mut decoder = codec::decoder(&MediaType::ImageLayerGzip, bytes.as_slice(), MOST).unwrap();
            std::io::copy(&mut decoder, &mut std::io::sink()).unwrap();
        })
    }

    fn upload(&self, repository: &str, bytes: &[u8], digest: &str) {
        let mut connection = Connection::to(&self.address);
        let (location, _) = connection.ask("POST", &format!("/v2/{repository}/blobs/uploads/"), b"");
        let joint = if location.contains('?') { '&' } else { '?' };
        connection.ask("PUT", &format!("{location}{joint}digest={digest}"), bytes);
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A connection that stays open.
struct Connection(BufReader<TcpStream>);

impl Connection {
    fn to(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        Self(BufReader::with_capacity(1 << 18, stream))
    }

    /// Sends a request; the answer's `Location` and body.
    fn ask(&mut self, method: &str, path: &str, body: &[u8]) -> (String, Vec<u8>) {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: limits\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        self.0.get_mut().write_all(head.as_bytes()).unwrap();
        self.0.get_mut().write_all(body).unwrap();
        let (mut location, mut length) = (String::new(), 0);
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        assert!(line.contains(" 20"), "{method} {path}: {line}");
        loop {
            line.clear();
            self.0.read_line(&mut line).unwrap();
            let Some((name, value)) = line.trim().split_once(": ") else {
                break;
            };
            match name.to_ascii_lowercase().as_str() {
                "location" => location = value.to_owned(),
                "content-length" => length = value.parse().unwrap(),
                _ => {}
            }
        }
        let mut answer = vec![0; length];
        self.0.read_exact(&mut answer).unwrap();
        (location, answer)
    }
}

/// The digest and bytes of the one layer of each of the first images of a layout.
fn layers(layout: &Path, platforms: usize) -> Vec<(String, Vec<u8>)> {
    let blob = |digest: &str| {
        fs::read(
            layout
                .join("blobs/sha256")
                .join(digest.trim_start_matches("sha256:")),
        )
        .unwrap()
    };
    let document = |digest: &str| -> Value { serde_json::from_slice(&blob(digest)).unwrap() };
    let top: Value = serde_json::from_slice(&fs::read(layout.join("index.json")).unwrap()).unwrap();
    let index = document(top["manifests"][0]["digest"].as_str().unwrap());
    let images = index["manifests"].as_array().unwrap().iter().take(platforms);
    images
        .map(|image| {
            let manifest = document(image["digest"].as_str().unwrap());
            let digest = manifest["layers"][0]["digest"].as_str().unwrap().to_owned();
            let bytes = blob(&digest);
            (digest, bytes)
        })
        .collect()
}
