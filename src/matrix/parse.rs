//! Texts to [`Matrix`].

use std::sync::Arc;

use miette::NamedSource;

use super::error::MatrixError;
use super::grammar::{IMAGE, ROOT, Shape};
use super::node::{self, Node, Table, Value};
use super::sources::Sources;
use super::{Matrix, ToolchainRule, check, image, platforms, unsupported};

/// A text that may say something about the matrix.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    name: &'a str,
    text: &'a str,
    part: Part<'a>,
}

/// Which part of a text is meant.
#[derive(Clone, Copy, Debug)]
enum Part<'a> {
    /// All of it.
    File,
    /// `[workspace.metadata.gantry]`.
    Workspace,
    /// `[package.metadata.gantry]` of the package of this name.
    Package(&'a str),
}

impl<'a> Source<'a> {
    /// A `gantry.toml`; `name` is how errors call it.
    pub fn file(name: &'a str, text: &'a str) -> Self {
        let part = Part::File;
        Self { name, text, part }
    }

    /// The workspace's Cargo.toml, for its `[workspace.metadata.gantry]`, if it has any.
    pub fn workspace(name: &'a str, text: &'a str) -> Self {
        let part = Part::Workspace;
        Self { name, text, part }
    }

    /// The Cargo.toml of the package `package`, for its `[package.metadata.gantry]`, if it has any: the keys of the
    /// image that is named like the package.
    pub fn package(name: &'a str, text: &'a str, package: &'a str) -> Self {
        let part = Part::Package(package);
        Self { name, text, part }
    }
}

/// The matrix that `gantry.toml` says. `source_name` is how errors call the text.
///
/// # Errors
/// All faults of the text that can be seen, each with its place.
pub fn parse(source_name: &str, text: &str) -> Result<Matrix, MatrixError> {
    parse_sources(&[Source::file(source_name, text)])
}

/// The matrix that several texts say together: at most one `gantry.toml` or `[workspace.metadata.gantry]`, and any
/// number of packages, each an image of its own. Texts that say nothing of it are passed over; without any that does,
/// this is the matrix of a project that has none.
///
/// # Errors
/// All faults of the texts that can be seen, each with its place; [`MatrixError::TwoSources`] if two say the same.
pub fn parse_sources(sources: &[Source<'_>]) -> Result<Matrix, MatrixError> {
    let mut faults = Vec::new();
    let mut whole: Option<Node> = None;
    let mut packages: Vec<(&str, Node)> = Vec::new();
    for source in sources {
        let Some(node) = section(source, &mut faults) else {
            continue;
        };
        match source.part {
            Part::Package(package) => packages.push((package, node)),
            _ => match &whole {
                Some(first) => faults.push(two("the matrix", first, &node)),
                None => whole = Some(node),
            },
        }
    }
    if let Some(fault) = whole.as_ref().and_then(other_schema) {
        return Err(fault);
    }

    let root = whole.as_ref().and_then(Node::table).cloned().unwrap_or_default();
    if let Some(node) = &whole {
        shaped(node, &ROOT, "the matrix", &mut faults);
    }
    for (package, node) in &packages {
        shaped(node, &IMAGE, &format!("image `{package}`"), &mut faults);
    }
    let mut images: Vec<(&str, &Node)> = root
        .entries_of("image")
        .iter()
        .map(|entry| (entry.key.as_str(), &entry.node))
        .collect();
    for (package, node) in &packages {
        match images.iter().find(|(name, _)| name == package) {
            Some((_, first)) => faults.push(two(&format!("image `{package}`"), first, node)),
            None => images.push((package, node)),
        }
    }
    let matrix = assemble(&root, &images, &mut faults);
    if faults.is_empty() {
        Ok(matrix)
    } else {
        Err(MatrixError::of(faults))
    }
}

fn assemble(root: &Table, images: &[(&str, &Node)], faults: &mut Vec<MatrixError>) -> Matrix {
    let empty = Table::default();
    let defaults = root.node("defaults").and_then(Node::table).unwrap_or(&empty);
    let platform = root.entries_of("platform");
    unsupported::image(&defaults.entries, faults);

    let sources = Sources::read(root.entries_of("binary"), faults);

    let shared = [platform, defaults.entries_of("base")];
    let mut matrix = Matrix {
        shared: shared.into_iter().flat_map(platforms::spoken_of).collect(),
        unnamed: image::read("", defaults, platform, faults),
        toolchain: match root.text("toolchain").as_deref() {
            Some("pinned") => ToolchainRule::Pinned,
            _ => ToolchainRule::Any,
        },
        ..Matrix::default()
    };
    if images.is_empty() {
        image::agrees(&matrix.unnamed, defaults, faults);
    }
    for (name, node) in images {
        let Some(own) = node.table() else { continue };
        unsupported::image(&own.entries, faults);
        let whole = defaults.overlaid(own);
        let mut image = image::read(name, &whole, platform, faults);
        image::agrees(&image, &whole, faults);
        sources.named_by(&mut image, &whole, faults);
        let declared: Vec<_> = image
            .platforms
            .iter()
            .map(|settings| settings.platform.clone())
            .collect();
        let title = format!("image `{name}`");
        platforms::are_declared(own.entries_of("base"), &declared, &title, faults);
        matrix.images.push(image);
    }
    matrix.binaries = sources.known();
    matrix
}

/// The part of a source that speaks of the matrix.
fn section(source: &Source<'_>, faults: &mut Vec<MatrixError>) -> Option<Node> {
    let text = Arc::new(NamedSource::new(source.name, source.text.to_owned()).with_language("TOML"));
    let root = node::read(&text, faults);
    let owner = match source.part {
        Part::File => return Some(root),
        Part::Workspace => "workspace",
        Part::Package(_) => "package",
    };
    let path = [owner, "metadata", "gantry"];
    path.iter()
        .try_fold(root, |node, key| node.table()?.node(key).cloned())
}

fn shaped(node: &Node, shape: &'static Shape, title: &str, faults: &mut Vec<MatrixError>) {
    match node.value {
        Value::Table(_) => check::table(node, shape, title, faults),
        _ => {
            let (text, at) = node.at.shown();
            faults.push(MatrixError::WrongType {
                key: "gantry".to_owned(),
                found: node.kind(),
                expected: "a table".to_owned(),
                help: "the keys are those of gantry.toml".to_owned(),
                text,
                at,
            });
        }
    }
}

/// A fault if the text says that it is of another language: then nothing else of it can be judged.
fn other_schema(root: &Node) -> Option<MatrixError> {
    let node = root.table()?.node("schema")?;
    match node.value {
        Value::Integer(version) if version != 1 => Some(MatrixError::unsupported(
            format!("schema {version}"),
            "this version reads `schema = 1`; a newer cargo-gantry may read yours",
            &node.at,
        )),
        _ => None,
    }
}

fn two(thing: &str, first: &Node, second: &Node) -> MatrixError {
    let (text, at) = second.at.shown();
    MatrixError::TwoSources {
        thing: thing.to_owned(),
        first: first.at.text.name().to_owned(),
        second: text.name().to_owned(),
        text,
        at,
    }
}
