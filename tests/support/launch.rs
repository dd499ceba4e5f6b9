//! A program of an unpacked image, started inside that image's root as a container runtime starts it.
//!
//! By python3, whose `execve` is the kernel's own (those of the C library and of the usual tools start a shell where the
//! kernel refuses a file). Programs for another machine are started by a static qemu inside the same root. `/proc` is
//! there (`$ORIGIN` of a program needs it), `/dev` and `/sys` are not.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

/// As runc does it: into the directory while it is still root (else again as the user), then the search in `PATH`.
/// <https://github.com/opencontainers/runc/blob/v1.1.12/libcontainer/init_linux.go> (`finalizeNamespace`)
const LAUNCHER: &str = r#"
import json, os, subprocess, sys
say = json.loads(sys.argv[1])
def refuse(step, error):
    print("launch:", step, error.strerror, file=sys.stderr, flush=True)
    os._exit(127)
os.makedirs(say["root"] + "/proc", exist_ok=True)
if subprocess.call(["mount", "-t", "proc", "proc", say["root"] + "/proc"]):
    os._exit(126)
# The first process of a namespace is not killed by its own faults.
child = os.fork()
if child:
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        print("launch: signal", os.WTERMSIG(status), file=sys.stderr, flush=True)
        os._exit(128 + os.WTERMSIG(status))
    os._exit(os.WEXITSTATUS(status))
os.chroot(say["root"])
os.chdir("/")
os.umask(0o022)
if not say["cwd"].startswith("/"):
    print("launch: cwd must be an absolute path", file=sys.stderr, flush=True)
    os._exit(127)
try:
    os.makedirs(say["cwd"], exist_ok=True)
    os.chdir(say["cwd"])
except OSError as error:
    refuse(say["cwd"], error)
os.setgroups(say["groups"])
os.setresgid(say["gid"], say["gid"], say["gid"])
os.setresuid(say["uid"], say["uid"], say["uid"])
word = say["args"][0]
path = word
if "/" not in word:
    folders = dict(line.split("=", 1) for line in say["env"]).get("PATH", "").split(":")
    found = [f"{folder}/{word}" for folder in folders]
    found = [path for path in found if os.path.isfile(path) and os.access(path, os.X_OK)]
    path = found[0] if found else word
args = say["args"]
if say["emulator"]:
    # What the kernel would have said, without the emulator between.
    if not os.access(path, os.X_OK):
        refuse(path, PermissionError(13, "Permission denied"))
    args = say["emulator"] + ["-0", word, path] + args[1:]
    path = args[0]
try:
    os.execve(path, args, dict(line.split("=", 1) for line in say["env"]))
except OSError as error:
    refuse(path, error)
"#;

/// Mounts and processes are seen by nobody else.
const ALONE: [&str; 5] = ["--mount", "--pid", "--fork", "--kill-child", "--"];

/// What is started, and how.
pub struct Launch {
    root: PathBuf,
    process: Value,
    emulator: Vec<String>,
}

/// How it ended.
#[derive(Debug)]
pub struct Ended {
    /// None after a signal.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    /// What went wrong, in a line; none if it went well.
    pub fn fault(&self) -> Option<String> {
        if self.code == Some(0) {
            return None;
        }
        let text = format!("{}{}", self.stderr, self.stdout);
        let line = text.lines().find(|line| !line.trim().is_empty());
        let end = self
            .code
            .map_or_else(|| "a signal".to_owned(), |code| format!("exit {code}"));
        Some(format!("{end}: {}", line.unwrap_or("said nothing")))
    }
}

/// Whether roots can be entered here: said loudly where not.
pub fn possible() -> bool {
    let root = Command::new("id").arg("-u").output();
    let root = root.is_ok_and(|said| said.stdout.trim_ascii() == b"0");
    if !root {
        super::missing("programs are started in roots of their own by root only");
    }
    let python = Command::new("python3").arg("--version").output();
    let python = super::outside(python, "python3", "python3").is_some();
    let alone = Command::new("unshare").args(ALONE).arg("true").output();
    let alone = super::outside(alone, "unshare", "util-linux").is_some_and(|said| said.status.success());
    if !alone {
        super::missing("`unshare` may not make a namespace of mounts and processes");
    }
    root && python && alone
}

/// Words of Linux for a platform's architecture.
fn machine(architecture: &str) -> &str {
    match architecture {
        "amd64" => "x86_64",
        "386" => "i386",
        "arm64" => "aarch64",
        "loong64" => "loongarch64",
        same => same,
    }
}

impl Launch {
    /// `process` of a runtime's config.json, in the unpacked tree at `root`, on a machine of this architecture (in the
    /// words of platforms). A `processor` that is named is always emulated. None, said loudly, where qemu is missing.
    pub fn new(root: &Path, process: &Value, architecture: &str, processor: Option<&str>) -> Option<Self> {
        let machine = machine(architecture);
        let mut emulator = Vec::new();
        if machine != std::env::consts::ARCH || processor.is_some() {
            let qemu = PathBuf::from(format!("/usr/bin/qemu-{machine}-static"));
            if !qemu.is_file() {
                super::missing(&format!("{} is not installed (qemu-user-static)", qemu.display()));
                return None;
            }
            std::fs::copy(qemu, root.join(".qemu")).expect("a copy");
            emulator.push("/.qemu".to_owned());
            if let Some(processor) = processor {
                emulator.extend(["-cpu".to_owned(), processor.to_owned()]);
            }
        }
        Some(Self {
            root: root.to_owned(),
            process: process.clone(),
            emulator,
        })
    }

    /// Runs it to its end.
    pub fn run(&self) -> Ended {
        let user = &self.process["user"];
        let groups = user["additionalGids"].as_array().cloned().unwrap_or_default();
        let say = json!({
            "root": self.root,
            "cwd": self.process["cwd"],
            "uid": user["uid"].as_u64().unwrap_or(0),
            "gid": user["gid"].as_u64().unwrap_or(0),
            "groups": groups,
            "args": self.process["args"],
            "env": self.process["env"].as_array().cloned().unwrap_or_default(),
            "emulator": self.emulator,
        });
        // A program that does not end is not one that fits.
        let output = Command::new("timeout")
            .args(["--signal=KILL", "60", "unshare"])
            .args(ALONE)
            .args(["python3", "-I", "-c", LAUNCHER, &say.to_string()])
            .stdin(Stdio::null())
            .current_dir("/")
            .output()
            .expect("python3");
        Ended {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// `process` as umoci makes it for an image of a layout, looking users up in `root`; or what it has against it.
/// None, said loudly, where umoci is missing.
pub fn process(layout: &Path, tag: &str, root: &Path) -> Option<Result<Value, String>> {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("config.json");
    let said = Command::new("umoci")
        .args(["raw", "runtime-config", "--image"])
        .arg(format!("{}:{tag}", layout.display()))
        .arg("--rootfs")
        .arg(root)
        .arg(&config)
        .output();
    let said = super::outside(said, "umoci", "umoci")?;
    if !said.status.success() {
        return Some(Err(String::from_utf8_lossy(&said.stderr).trim().to_owned()));
    }
    Some(Ok(self::read(&config)["process"].take()))
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).expect("a file")).expect("JSON")
}
