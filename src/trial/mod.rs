//! [`Stage`]: the image's own root, unpacked, in which its programs are really started.
//!
//! In: the layers of an image, as files, and its config. Out: how a program ended, or whether it passed; or why that
//! cannot be tried here. The root is entered as container runtimes do it, with outside programs (`unshare`, `mount`,
//! `setpriv`): as root with namespaces of mounts, processes, host names and, for [`Stage::smoke`], networks; otherwise
//! within a user namespace, where everything belongs to one user. Programs for other machines are started by a
//! static qemu inside the same root. It is a trial, not a jail: who does not trust a program must not try it.
//!
//! It must never write outside of its folder, whatever a layer says, show a program the host's files or variables, or
//! leave a process, a mount or a folder behind.
//!
//! <https://github.com/opencontainers/runtime-spec/blob/v1.2.0/config.md>

mod error;
#[cfg(target_os = "linux")]
mod stage;
#[cfg(not(target_os = "linux"))]
#[path = "elsewhere.rs"]
mod stage;

use std::path::PathBuf;
use std::time::Duration;

pub use error::TrialError;
pub use stage::Stage;

use crate::spec::{MediaType, Platform};
use crate::target::Target;

/// What is tried.
#[derive(Clone, Debug)]
pub struct Scene<'a> {
    /// The image's layers, lowest first.
    pub layers: Vec<LayerFile>,
    /// What the image is for.
    pub platform: &'a Platform,
    /// Its config, whole.
    pub config: &'a serde_json::Value,
    /// What its programs were built for: says which qemu runs them, and which machine they must be for.
    pub target: Option<&'a Target>,
}

/// A layer as it is stored.
#[derive(Clone, Debug)]
pub struct LayerFile {
    /// The file.
    pub path: PathBuf,
    /// How it is compressed.
    pub media_type: MediaType,
}

/// Why something cannot be tried here.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NotTried {
    /// The reason, in a sentence or two.
    pub why: String,
}

/// What a program that is tried may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long it may run; none: 10 seconds, and 60 where it is emulated.
    pub time: Option<Duration>,
    /// How many bytes of memory each process may have (`RLIMIT_DATA`, as that leaves out what Go and qemu reserve
    /// and never use).
    pub memory: u64,
    /// How many bytes it may write, both streams together.
    pub output: u64,
    /// How many of these bytes are kept for [`Verdict::Failed`].
    pub kept: usize,
}

impl Default for Limits {
    /// The usual time, 2 GiB, 16 MiB, of which 64 KiB are kept.
    fn default() -> Self {
        Self {
            time: None,
            memory: 2 << 30,
            output: 16 << 20,
            kept: 64 << 10,
        }
    }
}

/// What came of a trial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It ended with 0; of [`Stage::start_program`]: it started.
    Passed,
    /// It did not.
    Failed {
        /// How it ended, or which limit it met.
        how: String,
        /// What it wrote, both streams as they came, as far as it is kept.
        output: String,
    },
    /// It could not be tried.
    NotTried {
        /// The reason, in a sentence or two.
        why: String,
    },
}
