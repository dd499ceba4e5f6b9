//! What the bases are made of.

use std::fs;

use anyhow::Result;

use crate::step::{root, target};

/// One base.
#[derive(Debug)]
pub(crate) struct Recipe {
    pub(crate) name: &'static str,
    /// The same image as this one with the media types of Docker; then the rest is not looked at.
    pub(crate) copy_of: Option<&'static str>,
    pub(crate) suite: &'static str,
    /// Its layers, lowest first.
    pub(crate) parts: &'static [Part],
    pub(crate) platforms: &'static [Platform],
    pub(crate) command: &'static [&'static str],
    pub(crate) user: &'static str,
    pub(crate) directory: &'static str,
    pub(crate) environment: &'static [&'static str],
}

/// One layer.
#[derive(Debug)]
pub(crate) struct Part {
    /// What apt chooses and mmdebstrap unpacks, dependencies included.
    pub(crate) packages: &'static [&'static str],
    /// Whether /bin, /lib and /sbin are links into /usr.
    pub(crate) merged_usr: bool,
    /// The script in `xtask/bases` that has the last word.
    pub(crate) script: &'static str,
}

/// One platform, in both worlds' words.
#[derive(Debug)]
pub(crate) struct Platform {
    pub(crate) architecture: &'static str,
    pub(crate) variant: &'static str,
    pub(crate) debian: &'static str,
}

/// A platform and what Debian calls its architecture.
pub(crate) const fn platform(
    architecture: &'static str,
    variant: &'static str,
    debian: &'static str,
) -> Platform {
    Platform {
        architecture,
        variant,
        debian,
    }
}

/// As Docker's official images name them.
const OFFICIAL: &[Platform] = &[
    platform("amd64", "", "amd64"),
    platform("arm", "v7", "armhf"),
    platform("arm64", "v8", "arm64"),
];

/// arm64 without a variant, which must make no difference.
const PLAIN: &[Platform] = &[
    platform("amd64", "", "amd64"),
    platform("arm64", "", "arm64"),
    platform("arm", "v7", "armhf"),
];

const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

const fn debian(name: &'static str, suite: &'static str) -> Recipe {
    Recipe {
        name,
        copy_of: None,
        suite,
        parts: &[Part {
            packages: &["?priority(required)", "apt"],
            merged_usr: true,
            script: "debian.sh",
        }],
        platforms: OFFICIAL,
        command: &["bash"],
        user: "",
        directory: "",
        environment: &[PATH],
    }
}

/// All of them; a copy comes after what it is a copy of.
pub(crate) const RECIPES: &[Recipe] = &[
    debian("debian-bookworm-slim", "bookworm"),
    Recipe {
        copy_of: Some("debian-bookworm-slim"),
        ..debian("debian-bookworm-slim-docker", "bookworm")
    },
    debian("debian-trixie-slim", "trixie"),
    Recipe {
        name: "musl",
        copy_of: None,
        suite: "bookworm",
        parts: &[Part {
            packages: &[],
            merged_usr: false,
            script: "musl.sh",
        }],
        platforms: OFFICIAL,
        command: &["/bin/sh"],
        user: "",
        directory: "",
        environment: &[PATH],
    },
    Recipe {
        name: "distroless-cc",
        copy_of: None,
        suite: "bookworm",
        parts: &[
            Part {
                packages: &[],
                merged_usr: false,
                script: "distroless-static.sh",
            },
            Part {
                packages: &[],
                merged_usr: false,
                script: "distroless-cc.sh",
            },
        ],
        platforms: PLAIN,
        command: &[],
        user: "65532",
        directory: "/home/nonroot",
        environment: &[PATH, "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"],
    },
];

impl Recipe {
    /// Changes when the base has to be made anew: with the table above, a script, or how layouts are written.
    pub(crate) fn digest(&self) -> Result<String> {
        let mut all = format!("{self:?}\n");
        let scripts = self.parts.iter().map(|part| part.script);
        for script in scripts.chain(["lay.sh", "merged-usr.sh"]) {
            all += &fs::read_to_string(root().join("xtask/bases").join(script))?;
        }
        all += include_str!("layout.rs");
        all += include_str!("root.rs");
        let text = target().join(format!("{}.{}", self.name, std::process::id()));
        fs::write(&text, all)?;
        let digest = super::sha256(&text);
        fs::remove_file(text)?;
        digest
    }
}
