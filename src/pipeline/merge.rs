//! What other machines have built becomes one image each, with the names that the matrix gives it.

use std::collections::BTreeMap;

use super::named::named;
use super::parcel::Parcel;
use super::publish::client;
use super::source::Sources;
use super::{Access, Error, Gantry, Request, blocking};
use crate::matrix::{IndexRule, Moves, Template};
use crate::plan::{self, PlannedTag, Release};
use crate::project::ProjectError;
use crate::publish::PublishError;
use crate::release::{self, Part, ReleaseError};
use crate::spec::{Platform, Reference, annotation};

/// Why images that were built elsewhere are not those of the matrix.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum GatherError {
    /// The matrix has no such image.
    #[error("`{place}` is image `{image}`, which the matrix does not have")]
    #[diagnostic(code(gantry::pipeline::foreign_image))]
    Foreign {
        /// Where it is.
        place: String,
        /// What it says that it is.
        image: String,
        /// Those of the matrix.
        #[help]
        help: String,
    },
    /// Nothing says which image it is.
    #[error("nothing says which image `{place}` is")]
    #[diagnostic(code(gantry::pipeline::nameless_image))]
    Nameless {
        /// Where it is.
        place: String,
        /// Those of the matrix.
        #[help]
        help: String,
    },
    /// It was built from another version of the project.
    #[error("`{place}` is version {found}, and the project is {expected}")]
    #[diagnostic(
        code(gantry::pipeline::other_version),
        help(
            "check out the commit that it was built from, or build it again: tags take their version from the project"
        )
    )]
    Version {
        /// Where it is.
        place: String,
        /// Its version.
        found: String,
        /// That of the project.
        expected: String,
    },
    /// It has a platform too many.
    #[error("image `{image}` is not declared for {platform}")]
    #[diagnostic(
        code(gantry::pipeline::undeclared_platform),
        help(
            "declared are: {declared}; add it to `platforms` of gantry.toml, or name the others with --platform"
        )
    )]
    Undeclared {
        /// The image.
        image: String,
        /// The platform.
        platform: Platform,
        /// Those of the matrix.
        declared: String,
    },
    /// An image was asked for that none of the sources holds.
    #[error("none of the sources holds image `{image}`")]
    #[diagnostic(
        code(gantry::pipeline::not_in_sources),
        help("leave --image out, or name the files that its machines wrote as well")
    )]
    NotThere {
        /// The image.
        image: String,
    },
    /// There is nothing to say where it goes.
    #[error("there is no project here, and no `--repository`")]
    #[diagnostic(
        code(gantry::pipeline::no_destination),
        help("give --repository (and --tag), or run it where gantry.toml is")
    )]
    NoDestination,
}

pub(super) async fn gather(
    gantry: &Gantry,
    request: &Request,
    sources: &[String],
    access: &Access,
) -> Result<Vec<Parcel>, Error> {
    let releases = {
        let (gantry, request) = (gantry.clone(), request.clone());
        blocking(move || releases(&gantry, &request)).await?
    };
    // The login is for the destination, which may be where the parts lie as well.
    let repositories = releases
        .iter()
        .flatten()
        .flat_map(|release| &release.repositories);
    let first = repositories.chain(&request.repositories).next();
    let to: Option<Reference> = first.and_then(|first| crate::spec::reference(first).ok());
    let client = client(gantry, access, to.as_ref())?;
    let mut reader = Sources::new(gantry, &client);
    let parts = parts(request, &mut reader, sources).await?;
    let mut parcels = of_parts(gantry, request, releases, parts)?;
    let scratch = reader.keep();
    for parcel in &mut parcels {
        parcel.scratch = scratch.clone();
    }
    Ok(parcels)
}

fn of_parts(
    gantry: &Gantry,
    request: &Request,
    releases: Option<Vec<Release>>,
    parts: Vec<Part>,
) -> Result<Vec<Parcel>, Error> {
    let Some(releases) = releases else {
        return match (parts.is_empty(), request.images.first()) {
            (true, Some(image)) => Err(GatherError::NotThere { image: image.clone() }.into()),
            _ => Ok(vec![without_project(gantry, request, &parts)?]),
        };
    };
    let mut of_releases: BTreeMap<usize, Vec<Part>> = BTreeMap::new();
    for part in parts {
        of_releases
            .entry(belongs(&releases, &part)?)
            .or_default()
            .push(part);
    }
    // What nobody asked for by name may come later, from other machines.
    let mut unmet = (0..releases.len()).filter(|position| !of_releases.contains_key(position));
    if let (false, Some(position)) = (request.images.is_empty(), unmet.next()) {
        let image = releases[position].name.clone();
        return Err(GatherError::NotThere { image }.into());
    }
    of_releases
        .into_iter()
        .map(|(position, parts)| parcel(gantry, request, &releases[position], &parts))
        .collect()
}

/// The parts, without images that were not selected.
async fn parts(request: &Request, reader: &mut Sources<'_>, sources: &[String]) -> Result<Vec<Part>, Error> {
    let mut parts = Vec::new();
    for named in sources {
        parts.extend(reader.read(named).await?);
    }
    let selected = |part: &Part| {
        let named = part.image.as_ref();
        request.images.is_empty() || named.is_none_or(|name| request.images.contains(name))
    };
    parts.retain(selected);
    Ok(parts)
}

/// The images of the project, named; none where there is no project.
fn releases(gantry: &Gantry, request: &Request) -> Result<Option<Vec<Release>>, Error> {
    let named = match named(gantry, request) {
        Err(Error::Project(ProjectError::NoCargo { .. })) => return Ok(None),
        named => named?,
    };
    for notice in &named.notices {
        gantry.notice(notice);
    }
    Ok(Some(named.releases))
}

/// Which of the images a part belongs to.
fn belongs(releases: &[Release], part: &Part) -> Result<usize, GatherError> {
    let title = release::said(&part.content.root).remove(annotation::TITLE);
    let known: Vec<&str> = releases.iter().map(|release| release.name.as_str()).collect();
    let help = format!("its images are: {}", known.join(", "));
    let called = |image: &String| releases.iter().position(|release| release.name == *image);
    let titled = |title: &String| {
        releases
            .iter()
            .position(|release| release.title.as_ref() == Some(title))
    };
    let found = match (&part.image, &title) {
        (Some(image), _) => called(image),
        (None, Some(title)) => titled(title),
        (None, None) if releases.len() == 1 => Some(0),
        (None, None) => {
            return Err(GatherError::Nameless {
                place: part.name.clone(),
                help: format!("{help}; name one with --image, or bring the images' files of digests"),
            });
        }
    };
    found.ok_or_else(|| GatherError::Foreign {
        place: part.name.clone(),
        image: part.image.clone().or(title).unwrap_or_default(),
        help: format!("{help}; `cargo gantry copy` brings anything anywhere"),
    })
}

fn parcel(gantry: &Gantry, request: &Request, release: &Release, parts: &[Part]) -> Result<Parcel, Error> {
    let merged = merged(gantry, request, parts, &release.platforms, release.index)?;
    let is_undeclared = |platform: &&Platform| !release.platforms.contains(platform);
    if let Some(platform) = merged.platforms().iter().find(is_undeclared) {
        let declared: Vec<String> = release.platforms.iter().map(ToString::to_string).collect();
        return Err(Error::Gather(GatherError::Undeclared {
            image: release.name.clone(),
            platform: platform.clone(),
            declared: declared.join(", "),
        }));
    }
    let said = release::said(&merged.content.root).remove(annotation::VERSION);
    if let (Some(expected), Some(found)) = (&release.version, &said)
        && expected != found
    {
        return Err(Error::Gather(GatherError::Version {
            place: parts[0].name.clone(),
            found: found.clone(),
            expected: expected.clone(),
        }));
    }
    Ok(Parcel {
        image: release.name.clone(),
        version: release.version.clone().or(said),
        repositories: release.repositories.clone(),
        tags: release.tags.clone(),
        partial: merged.platforms().len() < release.platforms.len(),
        platforms: merged.images(),
        scratch: None,
        store: None,
        content: merged.content,
    })
}

/// One image, where the command line alone says where it goes.
fn without_project(gantry: &Gantry, request: &Request, parts: &[Part]) -> Result<Parcel, Error> {
    if request.repositories.is_empty() {
        return Err(Error::Gather(GatherError::NoDestination));
    }
    let merged = merged(gantry, request, parts, &[], IndexRule::Always)?;
    let mut said = release::said(&merged.content.root);
    let image = parts.iter().find_map(|part| part.image.clone());
    let image = image
        .or(said.remove(annotation::TITLE))
        .unwrap_or_else(|| parts[0].name.clone());
    let version = said.remove(annotation::VERSION);
    Ok(Parcel {
        tags: tags(&image, version.as_deref(), &request.tags)?,
        image,
        version,
        repositories: request.repositories.clone(),
        partial: false,
        platforms: merged.images(),
        scratch: None,
        store: None,
        content: merged.content,
    })
}

/// The tags of the command line, where no matrix says what else there is to know: as their own words have it.
fn tags(image: &str, version: Option<&str>, asked: &[String]) -> Result<Vec<PlannedTag>, Error> {
    let mut names: Vec<String> = Vec::new();
    for text in asked {
        if text == "semver" {
            let Some(version) = version else {
                let (image, tag) = (image.to_owned(), text.clone());
                return Err(plan::PlanError::ForwardWithoutVersion { image, tag }.into());
            };
            let full = version.replace('+', "-");
            names.extend(release::shorter(version));
            names.push(full);
            continue;
        }
        let value = |name: &str, _: Option<&str>| match name {
            "image" => Some(image.to_owned()),
            "version" => version.map(|version| version.replace('+', "-")),
            _ => None,
        };
        let rendered = Template::parse(text).and_then(|template| template.render(&value));
        names.push(rendered.map_err(|error| plan::PlanError::Template {
            image: image.to_owned(),
            template: text.clone(),
            fault: error.to_string(),
            help: "without a project there are `{image}`, `{version}` and `semver`".to_owned(),
        })?);
    }
    let tags = release::tags_of(&names).map_err(PublishError::from)?;
    let planned = tags.iter().map(|tag| PlannedTag {
        name: tag.name().to_owned(),
        moves: match tag.moves() {
            release::Moves::Never => Moves::Never,
            release::Moves::Forward => Moves::Forward,
            release::Moves::Always => Moves::Always,
        },
        platform: None,
    });
    Ok(planned.collect())
}

fn merged(
    gantry: &Gantry,
    request: &Request,
    parts: &[Part],
    order: &[Platform],
    index: IndexRule,
) -> Result<Part, Error> {
    let (mut kept, mut asked) = (Vec::new(), request.platforms.clone());
    for part in parts {
        let there = part.platforms();
        let wanted: Vec<Platform> = there
            .iter()
            .filter(|platform| request.platforms.is_empty() || request.platforms.contains(platform))
            .cloned()
            .collect();
        asked.retain(|platform| !there.contains(platform));
        if wanted.len() == there.len() {
            kept.push(part.clone());
        } else if !wanted.is_empty() {
            kept.push(release::only(part, &wanted).map_err(ReleaseError::from)?.part);
        }
    }
    if !asked.is_empty() {
        // Says which there are.
        release::only(&parts[0], &asked).map_err(ReleaseError::from)?;
    }
    // Where the matrix wants no index, a manifest stays alone.
    if let (IndexRule::Never, [part]) = (index, kept.as_slice())
        && !part.content.root.is_index()
    {
        return Ok(part.clone());
    }
    let merged = release::merge(&kept, order, &BTreeMap::new()).map_err(ReleaseError::from)?;
    for notice in &merged.notices {
        gantry.notice(notice);
    }
    Ok(merged.part)
}
