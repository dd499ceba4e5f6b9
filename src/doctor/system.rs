//! [`System`]: which packages this machine takes, and who we are on it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::environment::Environment;
use crate::tool::{Call, Tools};

/// How much of a small file of the system is read.
const LIMIT: usize = 64 << 10;

/// What commands for this machine are made for.
#[derive(Clone, Debug, Default)]
pub struct System {
    family: Option<&'static Family>,
    codename: Option<String>,
    root: bool,
    /// A folder of the user's own that is in PATH, for programs.
    pub(super) own_bin: Option<String>,
    /// apt knows packages of backports already.
    backports: bool,
    /// The glibc that packages of compilers bring, as numbers.
    pub(super) glibc: Option<(u32, u32)>,
    /// curl is here.
    pub(super) curl: bool,
}

/// Systems that take the same packages.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Family {
    pub(super) name: String,
    ids: Vec<String>,
    pub(super) install: String,
    pub(super) refresh: Option<String>,
    #[serde(default = "yes")]
    pub(super) sudo: bool,
}

fn yes() -> bool {
    true
}

/// The packages of one tool.
#[derive(Debug, Deserialize)]
pub(super) struct Packages {
    /// Where those get it for whom no package is known.
    pub(super) url: String,
    /// Releases of Debian that have it in their backports only.
    #[serde(default)]
    backports: Vec<String>,
    #[serde(flatten)]
    of: BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize)]
struct Sheet {
    family: Vec<Family>,
    tool: BTreeMap<String, Packages>,
}

static SHEET: LazyLock<Sheet> =
    LazyLock::new(|| toml::from_str(include_str!("packages.toml")).expect("a test reads it"));

/// What is known of a tool's packages.
pub(super) fn packages(tool: &str) -> Option<&'static Packages> {
    SHEET.tool.get(tool)
}

impl System {
    /// Looks at this machine.
    pub fn here(tools: &Tools) -> Self {
        let release = ["/etc/os-release", "/usr/lib/os-release"].map(|path| small(Path::new(path)));
        let mut system = Self::described(&release.concat(), user_is_root());
        if tools.find("brew").is_some() && system.family.is_none() {
            system.family = SHEET.family.iter().find(|family| family.name == "brew");
        }
        system.own_bin = own_bin(tools.environment());
        system.curl = tools.find("curl").is_some();
        let output = |call: Call| tools.run(&call).map(|output| output.text()).unwrap_or_default();
        system.glibc = glibc(&output(Call::new("getconf").arg("GNU_LIBC_VERSION")));
        if tools.find("apt-cache").is_some() {
            let all = output(Call::new("apt-cache").arg("policy").var("LC_ALL", "C"));
            system.backports = all.contains("-backports/");
        }
        system
    }

    /// A machine with this text in its /etc/os-release.
    /// <https://www.freedesktop.org/software/systemd/man/latest/os-release.html>
    pub fn described(os_release: &str, root: bool) -> Self {
        let field = |name: &str| {
            let lines = os_release.lines();
            let value = lines
                .filter_map(|line| line.strip_prefix(name)?.strip_prefix('='))
                .next();
            value.map(|value| value.trim_matches(['"', '\'']).to_owned())
        };
        let ids = [field("ID"), field("ID_LIKE")].into_iter().flatten();
        let ids: Vec<String> = ids
            .flat_map(|ids| ids.split(' ').map(str::to_owned).collect::<Vec<_>>())
            .collect();
        let of = |id: &String| SHEET.family.iter().find(|family| family.ids.contains(id));
        Self {
            family: ids.iter().find_map(of),
            codename: field("VERSION_CODENAME"),
            root,
            curl: true,
            ..Self::default()
        }
    }

    pub(super) fn family(&self) -> Option<&'static Family> {
        self.family
    }

    /// Before a command that only root may run.
    pub(super) fn sudo(&self) -> &'static str {
        match self.root {
            true => "",
            false => "sudo ",
        }
    }

    pub(super) fn is_root(&self) -> bool {
        self.root
    }

    pub(super) fn has_curl(&self) -> bool {
        self.curl
    }

    /// A folder for programs that needs no rights, if the user has one in PATH.
    pub(super) fn own_bin(&self) -> Option<&str> {
        self.own_bin.as_deref().filter(|_| !self.root)
    }

    /// Whether `apt-get` is what installs here: sheets of targets name packages of Debian.
    pub(super) fn is_debian(&self) -> bool {
        self.family.is_some_and(|family| family.name == "debian")
    }

    /// Whether a compiler that a package brings links with a glibc that is no newer than this.
    pub(super) fn keeps_floor(&self, floor: (u32, u32)) -> bool {
        self.glibc.is_some_and(|glibc| glibc <= floor)
    }

    /// The packages that bring a tool here, and whether they are in the backports only.
    pub(super) fn packages_of(&self, tool: &str) -> Option<(&'static [String], bool)> {
        let packages = packages(tool)?;
        let names = packages.of.get(&self.family?.name)?;
        let elsewhere = self
            .codename
            .as_ref()
            .is_some_and(|name| packages.backports.contains(name));
        Some((names, elsewhere))
    }

    /// The suite of backports, and whether apt has to be told of it.
    pub(super) fn backports(&self) -> Option<(String, bool)> {
        let suite = self.codename.as_ref().map(|name| format!("{name}-backports"));
        suite.map(|suite| (suite, !self.backports))
    }
}

/// `glibc 2.36` as numbers.
fn glibc(text: &str) -> Option<(u32, u32)> {
    version(text.strip_prefix("glibc ")?)
}

/// `2.36` as numbers.
pub(super) fn version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split('.').map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

fn own_bin(environment: &Environment) -> Option<String> {
    let own = environment.home()?.join(".local/bin");
    let is_searched = environment.path().contains(&own);
    is_searched.then(|| own.display().to_string())
}

/// The beginning of a file of the system; nothing if there is none.
pub(super) fn small(path: &Path) -> String {
    let Ok(bytes) = fs::read(path) else {
        return String::new();
    };
    String::from_utf8_lossy(&bytes[..bytes.len().min(LIMIT)]).into_owned()
}

#[cfg(unix)]
fn user_is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[cfg(not(unix))]
fn user_is_root() -> bool {
    // Nothing there is called sudo.
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_package_is_of_a_family_that_there_is() {
        let families: Vec<&String> = SHEET.family.iter().map(|family| &family.name).collect();
        for (tool, packages) in &SHEET.tool {
            assert!(packages.url.starts_with("https://"), "{tool}");
            for (family, names) in &packages.of {
                assert!(
                    families.contains(&family) && !names.is_empty(),
                    "{tool}: {family}"
                );
            }
        }
    }

    #[test]
    fn versions_are_read_as_far_as_they_are_numbers() {
        for (text, expected) in [
            ("2.36", Some((2, 36))),
            ("1.21.3", Some((1, 21))),
            ("1", None),
            ("1.x", None),
            ("", None),
        ] {
            assert_eq!(version(text), expected, "{text}");
        }
        assert_eq!(glibc("glibc 2.36"), Some((2, 36)));
        assert_eq!(glibc("musl"), None);
    }
}
