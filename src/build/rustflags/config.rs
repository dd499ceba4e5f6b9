//! [`CargoConfig`]: cargo's configuration files, merged as cargo merges them.
//! <https://doc.rust-lang.org/cargo/reference/config.html#hierarchical-structure>

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use cargo_platform::{Cfg, CfgExpr};
use toml::{Table, Value};

use crate::environment::Environment;

/// How deep files may include one another.
const DEEPEST: usize = 16;

/// The configuration files that hold in a directory, merged. Variables are not part of it.
#[derive(Clone, Debug, Default)]
pub struct CargoConfig {
    table: Table,
}

/// Cargo's configuration is wrong.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum RustflagsError {
    /// A file cannot be read.
    #[error("cannot read `{}`", path.display())]
    #[diagnostic(code(gantry::build::config_read))]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A file is not TOML.
    #[error("`{}` is not TOML", path.display())]
    #[diagnostic(code(gantry::build::config_parse))]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where and why.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// A key has one type in one file and another in the next.
    #[error("`{key}` in `{}` is not of the type it has in a nearer file", path.display())]
    #[diagnostic(
        code(gantry::build::config_merge),
        help("cargo merges a list with a list and a text with a text: write both the same way")
    )]
    Merge {
        /// The key.
        key: String,
        /// The farther file.
        path: PathBuf,
    },
    /// Flags that are neither a text nor a list of texts.
    #[error("`{key}` in cargo's configuration is neither a text nor a list of texts")]
    #[diagnostic(code(gantry::build::config_list))]
    List {
        /// The key.
        key: String,
    },
    /// `include` of an odd shape, or files that include one another.
    #[error("cannot follow `include` in `{}`", path.display())]
    #[diagnostic(
        code(gantry::build::config_include),
        help(
            "`include` is a list of paths, or of tables with `path` and `optional`, and may not come back to itself"
        )
    )]
    Include {
        /// The including file.
        path: PathBuf,
    },
}

impl CargoConfig {
    /// Reads the files that cargo would read in `directory`: `.cargo/config.toml` there and in each folder above,
    /// then the one in `CARGO_HOME`.
    ///
    /// # Errors
    /// When a file cannot be read or does not fit the others.
    pub fn load(environment: &Environment, directory: &Path) -> Result<Self, RustflagsError> {
        let directory = environment.directory().join(directory);
        let mut homes: Vec<PathBuf> = directory
            .ancestors()
            .map(|folder| folder.join(".cargo"))
            .collect();
        if let Some(home) = environment.cargo_home().filter(|home| !homes.contains(home)) {
            homes.push(home);
        }
        let mut config = Self::default();
        for path in homes.iter().filter_map(|home| file_in(home)) {
            let farther = read(&path, 0)?;
            merge(&mut config.table, farther, "", &path)?;
        }
        Ok(config)
    }

    /// The list at a path of keys: a list of texts, or a text that is split at blanks; empty if nothing is there.
    ///
    /// # Errors
    /// When it is something else.
    pub fn list(&self, keys: &[&str]) -> Result<Vec<String>, RustflagsError> {
        let wrong = || RustflagsError::List { key: keys.join(".") };
        match self.get(keys) {
            None => Ok(Vec::new()),
            Some(Value::String(text)) => Ok(text.split_whitespace().map(str::to_owned).collect()),
            Some(Value::Array(values)) => {
                let texts = values.iter().map(|value| value.as_str().map(str::to_owned));
                texts.collect::<Option<_>>().ok_or_else(wrong)
            }
            Some(_) => Err(wrong()),
        }
    }

    /// The text at a path of keys.
    pub fn text(&self, keys: &[&str]) -> Option<&str> {
        self.get(keys)?.as_str()
    }

    /// The keys `cfg(..)` of the table `target` that hold for these `cfg`s, sorted, as cargo goes through them.
    pub fn matching_cfgs<'a>(&'a self, cfgs: &[Cfg]) -> Vec<&'a str> {
        let Some(Value::Table(targets)) = self.get(&["target"]) else {
            return Vec::new();
        };
        let mut keys: Vec<&str> = targets.keys().map(String::as_str).collect();
        keys.retain(|key| holds(key, cfgs));
        keys.sort_unstable();
        keys
    }

    /// Whether the table `target` has a key `cfg(..)` at all.
    pub fn has_cfg_tables(&self) -> bool {
        let targets = self.get(&["target"]).and_then(Value::as_table);
        targets.is_some_and(|targets| targets.keys().any(|key| key.starts_with("cfg(")))
    }

    /// The compiler that cargo is told to use: `RUSTC`, `CARGO_BUILD_RUSTC`, or `build.rustc`.
    pub fn rustc(&self, environment: &Environment) -> Option<PathBuf> {
        let variable = |name| environment.non_empty(name).map(PathBuf::from);
        variable("RUSTC")
            .or_else(|| variable("CARGO_BUILD_RUSTC"))
            .or_else(|| self.text(&["build", "rustc"]).map(PathBuf::from))
    }

    /// A variable for what cargo starts, and whether it holds against one of the same name in the environment.
    /// <https://doc.rust-lang.org/cargo/reference/config.html#env>
    pub fn variable(&self, name: &str) -> Option<(&str, bool)> {
        variable(self.get(&["env", name])?)
    }

    /// All variables for what cargo starts.
    pub fn variables(&self) -> BTreeMap<String, String> {
        let table = self.get(&["env"]).and_then(Value::as_table);
        let values = table.into_iter().flatten();
        let said = values.filter_map(|(name, value)| Some((name.clone(), variable(value)?.0.to_owned())));
        said.collect()
    }

    /// All of it, as TOML.
    pub fn shown(&self) -> String {
        self.table.to_string()
    }

    fn get(&self, keys: &[&str]) -> Option<&Value> {
        let (last, tables) = keys.split_last()?;
        let table = tables
            .iter()
            .try_fold(&self.table, |table, key| table.get(*key)?.as_table());
        table?.get(*last)
    }
}

/// The older name wins, as in cargo, which warns about two files itself.
fn file_in(home: &Path) -> Option<PathBuf> {
    ["config", "config.toml"]
        .map(|name| home.join(name))
        .into_iter()
        .find(|path| path.is_file())
}

/// A value of the table `env`: a text, or a table that says more of it.
fn variable(value: &Value) -> Option<(&str, bool)> {
    match value {
        Value::Table(table) => {
            let force = table.get("force").and_then(Value::as_bool);
            Some((table.get("value")?.as_str()?, force.unwrap_or_default()))
        }
        value => Some((value.as_str()?, false)),
    }
}

fn holds(key: &str, cfgs: &[Cfg]) -> bool {
    let expression = key.strip_prefix("cfg(").and_then(|key| key.strip_suffix(')'));
    expression.is_some_and(|text| CfgExpr::from_str(text).is_ok_and(|expression| expression.matches(cfgs)))
}

/// One file with what it includes below it.
fn read(path: &Path, depth: usize) -> Result<Table, RustflagsError> {
    let text = std::fs::read_to_string(path).map_err(|source| RustflagsError::Read {
        path: path.to_owned(),
        source,
    })?;
    let mut table: Table = toml::from_str(&text).map_err(|source| RustflagsError::Parse {
        path: path.to_owned(),
        source: Box::new(source),
    })?;
    // Paths are relative to the folder that holds `.cargo`.
    if let Some(folder) = path.parent().and_then(Path::parent) {
        whole_paths(&mut table, folder);
    }
    let Some(include) = table.remove("include") else {
        return Ok(table);
    };
    let wrong = || RustflagsError::Include {
        path: path.to_owned(),
    };
    if depth == DEEPEST {
        return Err(wrong());
    }
    let includes = included(include).ok_or_else(wrong)?;
    // Later ones are nearer than earlier ones, and the file itself is the nearest.
    for (included, optional) in includes.iter().rev() {
        let included = path.parent().unwrap_or(Path::new("")).join(included);
        if *optional && !included.exists() {
            continue;
        }
        let farther = read(&included, depth + 1)?;
        merge(&mut table, farther, "", &included)?;
    }
    Ok(table)
}

/// Writes out the paths in a file that are relative to `folder`. A program's name alone is looked up.
fn whole_paths(table: &mut Table, folder: &Path) {
    let whole = |path: &mut String| *path = folder.join(&*path).display().to_string();
    let program = |table: &mut Value, key: &str| {
        if let Some(Value::String(path)) = table.get_mut(key)
            && path.contains(std::path::is_separator)
        {
            whole(path);
        }
    };
    if let Some(build) = table.get_mut("build") {
        program(build, "rustc");
    }
    let targets = table.get_mut("target").and_then(Value::as_table_mut);
    for (_, target) in targets.into_iter().flatten() {
        program(target, "linker");
    }
    let variables = table.get_mut("env").and_then(Value::as_table_mut);
    for (_, variable) in variables.into_iter().flatten() {
        let relative = variable.get("relative").and_then(Value::as_bool);
        if let (Some(true), Some(Value::String(path))) = (relative, variable.get_mut("value")) {
            whole(path);
        }
    }
}

fn included(value: Value) -> Option<Vec<(String, bool)>> {
    let one = |value: Value| match value {
        Value::String(path) => Some((path, false)),
        Value::Table(table) => {
            let optional = table.get("optional").and_then(Value::as_bool).unwrap_or_default();
            Some((table.get("path")?.as_str()?.to_owned(), optional))
        }
        _ => None,
    };
    match value {
        Value::Array(values) => values.into_iter().map(one).collect(),
        value => Some(vec![one(value)?]),
    }
}

/// Puts a farther file below what is there: tables are united, lists joined with the farther values first, of
/// anything else the nearer one stays.
fn merge(near: &mut Table, far: Table, above: &str, path: &Path) -> Result<(), RustflagsError> {
    for (key, far) in far {
        let shown = if above.is_empty() {
            key.clone()
        } else {
            format!("{above}.{key}")
        };
        match (near.get_mut(&key), far) {
            (None, far) => {
                near.insert(key, far);
            }
            (Some(Value::Table(near)), Value::Table(far)) => merge(near, far, &shown, path)?,
            (Some(Value::Array(near)), Value::Array(mut far)) => {
                far.append(near);
                *near = far;
            }
            (Some(near), far) if near.same_type(&far) => {}
            _ => {
                return Err(RustflagsError::Merge {
                    key: shown,
                    path: path.to_owned(),
                });
            }
        }
    }
    Ok(())
}
