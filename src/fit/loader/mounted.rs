//! What arrives with a mount: volumes of the image, and the driver's libraries that NVIDIA's runtime brings.
//!
//! Which libraries these are is a list in libnvidia-container; they belong to the driver of the machine, and no image has
//! them. <https://github.com/NVIDIA/libnvidia-container/blob/v1.17.0/src/nvc_info.c>

use crate::fit::scene::Scene;

/// Either of them makes the runtime bring its libraries.
/// <https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/docker-specialized.html>
const VARIABLES: [&str; 2] = ["NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES"];

const DRIVER: [&str; 9] = [
    "libEGL_nvidia",
    "libGLESv1_CM_nvidia",
    "libGLESv2_nvidia",
    "libGLX_nvidia",
    "libcuda",
    "libcudadebugger",
    "libnvcuvid",
    "libnvoptix",
    "libvdpau_nvidia",
];

/// What a runtime brings when it starts a container.
#[derive(Default)]
pub(super) struct Mounted {
    /// Where volumes are, without links, relative to the root.
    volumes: Vec<Vec<u8>>,
    driver: bool,
}

impl Mounted {
    pub(super) fn of(scene: &Scene<'_>) -> Self {
        let volumes = scene.set("Volumes").into_iter();
        Self {
            volumes: volumes.map(|path| real(scene, path.as_bytes())).collect(),
            driver: VARIABLES.iter().any(|name| scene.variable(name).is_some()),
        }
    }

    /// Whether what lies in a directory is known when the container is started.
    pub(super) fn covers(&self, scene: &Scene<'_>, directory: &[u8]) -> bool {
        if self.volumes.is_empty() {
            return false;
        }
        let directory = real(scene, directory);
        self.volumes.iter().any(|volume| {
            let rest = directory.strip_prefix(volume.as_slice());
            rest.is_some_and(|rest| volume.is_empty() || rest.is_empty() || rest.starts_with(b"/"))
        })
    }

    /// Whether the driver on the machine brings a library.
    pub(super) fn has(&self, library: &str) -> bool {
        let name = library.split_once(".so").map_or(library, |(name, _)| name);
        self.driver && (DRIVER.contains(&name) || name.starts_with("libnvidia-"))
    }
}

/// Where a directory really is, there or not.
fn real(scene: &Scene<'_>, directory: &[u8]) -> Vec<u8> {
    scene.question.tree.real(&[directory, b"/."].concat())
}
