//! [`Environment`]: the process environment, captured once and handed on as a value.
//!
//! In: the process's variables, home and working directory. Out: a plain value that tests can make up. This is
//! the only room that reads `std::env`; a room that was not handed a variable cannot depend on it.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};

/// Variables of cargo and rustup that name a folder, relative to the directory they are started in.
const FOLDERS: [&str; 5] = [
    "CARGO_HOME",
    "RUSTUP_HOME",
    "CARGO_TARGET_DIR",
    "CARGO_BUILD_TARGET_DIR",
    "CARGO_BUILD_BUILD_DIR",
];

/// Variables, home, working directory and machine of this process, as they were when captured; the folders that cargo is told
/// of are absolute.
#[derive(Clone, Default)]
pub struct Environment {
    variables: BTreeMap<OsString, OsString>,
    home: Option<PathBuf>,
    directory: PathBuf,
    machine: Machine,
}

/// The machine that this program was compiled for, in rustc's words; none of them is known of a made up environment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// `target_arch`: `x86_64`, `aarch64`, ...
    pub arch: &'static str,
    /// `target_os`: `linux`, `macos`, ...
    pub os: &'static str,
}

/// Leaves the variables' values out: tokens of CI jobs are among them.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment")
            .field("variables", &self.variables.keys())
            .field("home", &self.home)
            .field("directory", &self.directory)
            .finish()
    }
}

impl Environment {
    /// Reads the process's environment.
    ///
    /// # Errors
    /// When the working directory does not exist any more.
    pub fn capture() -> std::io::Result<Self> {
        let captured = Self {
            variables: std::env::vars_os().collect(),
            home: std::env::home_dir().filter(|home| !home.as_os_str().is_empty()),
            directory: std::env::current_dir()?,
            machine: Machine {
                arch: std::env::consts::ARCH,
                os: std::env::consts::OS,
            },
        };
        Ok(captured.with_whole_paths())
    }

    /// The same with the folders that cargo takes relative to the working directory written out: tools are run in
    /// other directories, and must not take them for others.
    fn with_whole_paths(mut self) -> Self {
        for name in FOLDERS {
            if let Some(value) = self.variables.get_mut(OsStr::new(name))
                && !value.is_empty()
            {
                *value = self.directory.join(&*value).into();
            }
        }
        self
    }

    /// An environment made up by the caller: no variables, no home.
    pub fn empty(directory: impl Into<PathBuf>) -> Self {
        Self {
            variables: BTreeMap::new(),
            home: None,
            directory: directory.into(),
            machine: Machine::default(),
        }
    }

    /// The same environment with one variable more.
    #[must_use]
    pub fn with(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.variables.insert(name.into(), value.into());
        self
    }

    /// The same environment without one variable.
    #[must_use]
    pub fn without(mut self, name: impl AsRef<OsStr>) -> Self {
        self.variables.remove(name.as_ref());
        self
    }

    /// The same environment with another home directory.
    #[must_use]
    pub fn with_home(mut self, home: impl Into<PathBuf>) -> Self {
        self.home = Some(home.into());
        self
    }

    /// The same environment on another machine.
    #[must_use]
    pub fn with_machine(mut self, machine: Machine) -> Self {
        self.machine = machine;
        self
    }

    /// A variable's value; none if it is unset, or not Unicode.
    pub fn var(&self, name: &str) -> Option<&str> {
        self.var_os(name)?.to_str()
    }

    /// A variable's value as the system has it.
    pub fn var_os(&self, name: &str) -> Option<&OsStr> {
        self.variables.get(OsStr::new(name)).map(OsString::as_os_str)
    }

    /// A variable's value, unless it is unset or empty.
    pub fn non_empty(&self, name: &str) -> Option<&str> {
        self.var(name).filter(|value| !value.is_empty())
    }

    /// All variables, sorted by name.
    pub fn variables(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.variables
            .iter()
            .map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }

    /// The user's home directory.
    pub fn home(&self) -> Option<&Path> {
        self.home.as_deref()
    }

    /// The working directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The machine.
    pub fn machine(&self) -> Machine {
        self.machine
    }

    /// `CARGO_HOME`, or its default below the home directory.
    pub fn cargo_home(&self) -> Option<PathBuf> {
        self.path_or("CARGO_HOME", ".cargo")
    }

    /// The XDG configuration directory of the user.
    pub fn config_dir(&self) -> Option<PathBuf> {
        self.xdg("XDG_CONFIG_HOME", ".config")
    }

    /// The XDG cache directory of the user.
    pub fn cache_dir(&self) -> Option<PathBuf> {
        self.xdg("XDG_CACHE_HOME", ".cache")
    }

    /// The directories of `PATH`, in order.
    pub fn path(&self) -> Vec<PathBuf> {
        self.var_os("PATH")
            .map(|path| std::env::split_paths(path).collect())
            .unwrap_or_default()
    }

    fn path_or(&self, name: &str, below_home: &str) -> Option<PathBuf> {
        match self.var_os(name).filter(|value| !value.is_empty()) {
            Some(value) => Some(self.directory.join(value)),
            None => self.home.as_ref().map(|home| home.join(below_home)),
        }
    }

    /// "All paths set in these environment variables must be absolute": others count as not set.
    /// <https://specifications.freedesktop.org/basedir-spec/latest/>
    fn xdg(&self, name: &str, below_home: &str) -> Option<PathBuf> {
        match self.var_os(name).filter(|value| Path::new(value).is_absolute()) {
            Some(value) => Some(PathBuf::from(value)),
            None => self.home.as_ref().map(|home| home.join(below_home)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_not_shown() {
        let shown = format!("{:?}", Environment::empty("/w").with("TOKEN", "hunter2"));
        assert!(shown.contains("TOKEN") && !shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn homes_follow_their_variables() {
        let environment = Environment::empty("/w").with_home("/h");
        assert_eq!(environment.cargo_home(), Some("/h/.cargo".into()));
        let environment = environment.with("CARGO_HOME", "rel").with("EMPTY", "");
        assert_eq!(environment.cargo_home(), Some("/w/rel".into()));
        assert_eq!(environment.non_empty("EMPTY"), None);
        assert_eq!(Environment::empty("/w").cache_dir(), None);
        for (set, expected) in [("/c", "/c"), ("rel", "/h/.cache"), ("", "/h/.cache")] {
            let environment = environment.clone().with("XDG_CACHE_HOME", set);
            assert_eq!(environment.cache_dir(), Some(expected.into()), "{set:?}");
        }
    }

    #[test]
    fn folders_of_cargo_are_those_of_our_own_directory() {
        let environment = Environment::empty("/w/sub")
            .with("CARGO_TARGET_DIR", "../out")
            .with("CARGO_HOME", "")
            .with("RUSTUP_HOME", "/r")
            .with_whole_paths();
        for (name, expected) in [
            ("CARGO_TARGET_DIR", Some("/w/sub/../out")),
            ("CARGO_HOME", Some("")),
            ("RUSTUP_HOME", Some("/r")),
            ("CARGO_BUILD_TARGET_DIR", None),
        ] {
            let found = environment.var(name).map(|value| value.replace('\\', "/"));
            assert_eq!(found.as_deref(), expected, "{name}");
        }
    }
}
