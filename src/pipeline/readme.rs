//! READMEs on their way to the pages of registries: which text goes to which repository, and sending it.

use std::path::{Path, PathBuf};

use url::Url;

use super::named::{Named, named};
use super::publish::{client, one_registry};
use super::tags::repository;
use super::{Access, Error, Gantry, Request, blocking};
use crate::hub::{self, Api, Described, Description, Forge, HubError, Place, Revision, Vendor};
use crate::plan::Release;
use crate::project::{Git, Package, ProjectError};
use crate::registry::Repository;
use crate::spec::Reference;

/// The largest README in bytes. No registry takes as much.
const LARGEST: u64 = 4 << 20;

/// What is to be sent where.
#[derive(Clone, Debug, Default)]
pub struct ReadmeRequest {
    /// Repositories, instead of those of the matrix.
    pub repositories: Vec<String>,
    /// The text, instead of the README that Cargo.toml names, or that lies beside the matrix.
    pub file: Option<PathBuf>,
    /// Whose product the registries are, where that is not known.
    pub vendor: Option<Vendor>,
}

/// A README as one repository is to show it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Readme {
    /// The image; none where the repository is none of the matrix.
    pub image: Option<String>,
    /// The repository.
    pub repository: Repository,
    /// Whose registry it is.
    pub vendor: Vendor,
    /// The file.
    pub file: PathBuf,
    /// What is sent.
    pub description: Description,
    /// The file is longer than the vendor takes.
    pub is_cut: bool,
}

/// A text before it is fitted to a vendor, and where it lies.
struct Source {
    file: PathBuf,
    text: String,
    whole: Option<String>,
    summary: Option<String>,
}

/// Prepares what is to be sent; nothing is sent.
pub(super) async fn prepare(
    gantry: &Gantry,
    request: &Request,
    wanted: &ReadmeRequest,
    access: &Access,
) -> Result<Vec<Readme>, Error> {
    let (gantry, request) = (gantry.clone(), request.clone());
    let (wanted, access) = (wanted.clone(), access.clone());
    blocking(move || prepared(&gantry, &request, &wanted, &access)).await
}

/// Sends one.
pub(super) async fn send(gantry: &Gantry, readme: &Readme, access: &Access) -> Result<Described, Error> {
    let to = reference(&readme.repository.to_string())?;
    let client = client(gantry, access, Some(&to))?;
    match Api::of(&client, &readme.repository, Some(readme.vendor)).await? {
        Some(api) => Ok(api.describe(&readme.description).await?),
        None => Err(unknown(&readme.repository)),
    }
}

fn prepared(
    gantry: &Gantry,
    request: &Request,
    wanted: &ReadmeRequest,
    access: &Access,
) -> Result<Vec<Readme>, Error> {
    let known = match named(gantry, request) {
        // With a file and a place, no project is needed.
        Err(Error::Project(ProjectError::NoCargo { .. }))
            if wanted.file.is_some() && !wanted.repositories.is_empty() =>
        {
            None
        }
        known => Some(known?),
    };
    let targets = targets(known.as_ref(), wanted)?;
    let client = client(gantry, access, None)?;
    let (mut readmes, mut left_out, mut first): (Vec<Readme>, Vec<String>, Option<Error>) =
        (Vec::new(), Vec::new(), None);
    for (repository, release) in targets {
        let vendor = hub::vendor(&client, &repository, wanted.vendor);
        let limits = match vendor.map(|vendor| (vendor, hub::limits(vendor))) {
            Some((vendor, Some(limits))) => Ok((vendor, limits)),
            Some((vendor, None)) => Err(Error::Hub(HubError::NoDescriptions {
                vendor,
                repository: repository.clone(),
            })),
            None => Err(unknown(&repository)),
        };
        let (vendor, limits) = match limits {
            Ok(found) => found,
            Err(error) if !wanted.repositories.is_empty() => return Err(error),
            Err(error) => {
                left_out.push(error.to_string());
                first.get_or_insert(error);
                continue;
            }
        };
        let source = source(gantry, known.as_ref(), release, wanted.file.as_deref())?;
        let limit = limits.text.unwrap_or(usize::MAX);
        let summary = limits.summary.zip(source.summary.as_deref());
        readmes.push(Readme {
            image: release.map(|release| release.name.clone()),
            repository,
            vendor,
            is_cut: source.text.len() > limit,
            description: Description {
                text: hub::shortened(&source.text, limit, source.whole.as_deref()),
                summary: summary.map(|(limit, summary)| hub::summary(summary, limit)),
            },
            file: source.file,
        });
    }
    if let (true, Some(error)) = (readmes.is_empty(), first) {
        return Err(error);
    }
    for why in left_out {
        gantry.notice(&format!("left out: {why}"));
    }
    one_registry(readmes.iter().map(|readme| readme.repository.registry()), access)?;
    Ok(readmes)
}

/// The repositories, each once, and the image that each is of.
fn targets<'a>(
    known: Option<&'a Named>,
    wanted: &ReadmeRequest,
) -> Result<Vec<(Repository, Option<&'a Release>)>, Error> {
    let releases = known.map_or(&[][..], |known| known.releases.as_slice());
    let mut all = Vec::new();
    for release in releases {
        for text in &release.repositories {
            all.push((Repository::from(&reference(text)?), Some(release)));
        }
    }
    if wanted.repositories.is_empty() {
        if let (true, Some(release)) = (all.is_empty(), releases.first()) {
            return Err(Error::NoRepository {
                image: release.name.clone(),
            });
        }
    } else {
        let only = Some(releases)
            .filter(|releases| releases.len() == 1)
            .and_then(<[_]>::first);
        let mut named = Vec::new();
        for text in &wanted.repositories {
            let repository = Repository::from(&repository(text)?);
            let of = all.iter().find(|(known, _)| *known == repository);
            let release = of.and_then(|(_, release)| *release).or(only);
            named.push((repository, release));
        }
        all = named;
    }
    let mut seen = Vec::new();
    all.retain(|(repository, _)| {
        let new = !seen.contains(repository);
        seen.push(repository.clone());
        new
    });
    Ok(all)
}

fn source(
    gantry: &Gantry,
    known: Option<&Named>,
    release: Option<&Release>,
    file: Option<&Path>,
) -> Result<Source, Error> {
    let package = release.and_then(|release| known?.project.package(release.package.as_deref()?));
    let beside = |known: &Named| known.directory.join("README.md");
    let file = match (file, package.and_then(|package| package.readme.clone()), known) {
        (Some(file), ..) => gantry.absolute(file),
        (None, Some(readme), _) => readme,
        (None, None, known) => known
            .map(beside)
            .unwrap_or_else(|| gantry.absolute(Path::new("README.md"))),
    };
    let text = read(&file)?;
    let version = release.and_then(|release| release.version.as_deref());
    let place = match known {
        Some(known) => place(gantry, known, package, version, &file)?,
        None => None,
    };
    let Some(place) = place else {
        let some = Place {
            forge: Forge::Github,
            repository: String::new(),
            revision: Revision::Commit(String::new()),
            file: "README.md".to_owned(),
        };
        if hub::linked(&text, &some).text != text {
            gantry.notice(&format!(
                "relative links of `{}` stay as they are: git names no `origin` here whose pages are known",
                file.display()
            ));
        }
        return Ok(Source {
            file,
            text,
            whole: None,
            summary: package.and_then(|package| package.description.clone()),
        });
    };
    let linked = hub::linked(&text, &place);
    for outside in &linked.outside {
        gantry.notice(&format!(
            "`{}`: the link `{outside}` leads out of the repository",
            file.display()
        ));
    }
    Ok(Source {
        file,
        text: linked.text,
        whole: Some(place.whole()),
        summary: package.and_then(|package| package.description.clone()),
    })
}

/// Where a file lies on the web: at the version's tag if that is on HEAD, else at the commit.
fn place(
    gantry: &Gantry,
    known: &Named,
    package: Option<&Package>,
    version: Option<&str>,
    file: &Path,
) -> Result<Option<Place>, Error> {
    let Some(git) = &known.git else { return Ok(None) };
    let written = package.and_then(|package| package.repository.clone());
    let pages = [git.remote.clone(), written].into_iter().flatten();
    let mut pages = pages.filter_map(|address| Some((forge(gantry, &address)?, address)));
    let (Some((forge, repository)), Some(name)) = (pages.next(), file.file_name()) else {
        return Ok(None);
    };
    let folder = file.parent().unwrap_or(Path::new("."));
    let Some(folder) = Git::within(&gantry.tools, folder)? else {
        return Ok(None);
    };
    let name = name.to_string_lossy();
    let tags = git.tags.iter();
    let mut tags = tags.filter(|tag| Some(tag.strip_prefix('v').unwrap_or(tag)) == version);
    Ok(Some(Place {
        forge,
        repository,
        revision: match tags.next() {
            Some(tag) => Revision::Tag(tag.clone()),
            None => Revision::Commit(git.commit.clone()),
        },
        file: match folder.as_str() {
            "" => name.into_owned(),
            folder => format!("{folder}/{name}"),
        },
    }))
}

/// What serves a repository's pages: known by the host's name, or since a job of its CI says so.
fn forge(gantry: &Gantry, address: &str) -> Option<Forge> {
    let host = |address: &str| Some(Url::parse(address).ok()?.host_str()?.to_owned());
    let own = host(address)?;
    let says = |variable: &str| {
        let named = gantry.tools.environment().non_empty(variable);
        named.and_then(host).as_ref() == Some(&own)
    };
    match () {
        () if says("GITHUB_SERVER_URL") => Some(Forge::Github),
        () if says("CI_SERVER_URL") => Some(Forge::Gitlab),
        () => Forge::of(&own),
    }
}

fn read(file: &Path) -> Result<String, Error> {
    use std::io::{Error as IoError, ErrorKind, Read};
    let fault = |source| Error::Read {
        path: file.to_owned(),
        source,
    };
    let mut text = String::new();
    let mut bounded = std::fs::File::open(file).map_err(fault)?.take(LARGEST + 1);
    bounded.read_to_string(&mut text).map_err(fault)?;
    if text.len() as u64 > LARGEST {
        return Err(fault(IoError::new(
            ErrorKind::FileTooLarge,
            format!("it is larger than {LARGEST} bytes"),
        )));
    }
    Ok(text)
}

fn reference(text: &str) -> Result<Reference, Error> {
    crate::spec::reference(text).map_err(|source| Error::Reference {
        text: text.to_owned(),
        source,
    })
}

fn unknown(repository: &Repository) -> Error {
    Error::Hub(HubError::UnknownVendor {
        repository: repository.clone(),
    })
}
