//! [`releases`]: how each image is called and where it goes, without a word on how it is made.
//!
//! For whoever publishes what was built elsewhere: no compiler, no target and no base need be here.

use super::consistency::one_image_a_tag;
use super::image::{check_selection, implied, uses};
use super::naming::{check_version_tag, repositories, version};
use super::origin::{Origin, origin};
use super::rendering::Rendering;
use super::{PlanError, PlannedTag, Question, tagging};
use crate::matrix::{Image, IndexRule};
use crate::spec::{Platform, annotation};

/// How one image is published.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Release {
    /// Its name.
    pub name: String,
    /// Its `org.opencontainers.image.title`, if it says one.
    pub title: Option<String>,
    /// The package of its first binary that cargo makes.
    pub package: Option<String>,
    /// Its version, if something says it.
    pub version: Option<String>,
    /// Where it is published to.
    pub repositories: Vec<String>,
    /// Tags to set, in order; those of single platforms for all that are selected.
    pub tags: Vec<PlannedTag>,
    /// The platforms that the Matrix declares, in its order.
    pub platforms: Vec<Platform>,
    /// Whether an index is published.
    pub index: IndexRule,
}

/// The selected images, in the order of the Matrix, and what the user should know. Of the question, what is installed and
/// the bases are not looked at.
///
/// # Errors
/// When the Matrix names what the project does not have, or a name cannot be rendered.
pub fn releases(question: &Question<'_>) -> Result<(Vec<Release>, Vec<String>), PlanError> {
    let implied = implied(question)?;
    let declared = if question.matrix.images.is_empty() {
        &implied
    } else {
        &question.matrix.images
    };
    check_selection(question, declared)?;
    let (mut releases, mut notices) = (Vec::new(), Vec::new());
    let selected = declared
        .iter()
        .filter(|image| question.selection.packs_image(&image.name));
    for image in selected {
        releases.push(release(question, image, &mut notices)?);
    }
    let names = releases.iter().map(|release: &Release| {
        (
            release.name.as_str(),
            release.repositories.as_slice(),
            release.tags.as_slice(),
        )
    });
    one_image_a_tag(names)?;
    Ok((releases, notices))
}

fn release(question: &Question<'_>, image: &Image, notices: &mut Vec<String>) -> Result<Release, PlanError> {
    let git = question.git.as_ref();
    let mut package = None;
    for of in &uses(image) {
        if let (None, Origin::Cargo(found)) = (package, origin(question, image, of)?) {
            package = Some(found);
        }
    }
    if let Some(package) = package {
        check_version_tag(image, package, git)?;
    }
    let version = version(package, git);
    let rendering = Rendering::of(question, image, version.as_deref());
    let selected: Vec<(&Platform, &str)> = image
        .platforms
        .iter()
        .filter(|settings| question.selection.packs_platform(&settings.platform))
        // Which triple was chosen is only known where it was built; `unnamed` looks that no tag needs it.
        .map(|settings| (&settings.platform, settings.target.as_deref().unwrap_or_default()))
        .collect();
    unnamed(question, image)?;
    let is_omitted = image
        .omit_annotations
        .iter()
        .any(|omitted| omitted == annotation::TITLE);
    let title = match image.annotations.get(annotation::TITLE) {
        _ if !image.format.has_annotations() => None,
        Some(title) => Some(rendering.text(title)?),
        None => Some(image.name.clone()).filter(|_| !is_omitted),
    };
    let tags = tagging::tags(question, image, &rendering, &selected)?;
    notices.extend(tags.notices);
    Ok(Release {
        name: image.name.clone(),
        title,
        package: package.map(|package| package.name.clone()),
        repositories: repositories(question, image, &rendering)?,
        tags: tags.tags,
        platforms: image
            .platforms
            .iter()
            .map(|settings| settings.platform.clone())
            .collect(),
        index: image.index,
        version,
    })
}

/// That no tag holds a triple that the Matrix does not say.
fn unnamed(question: &Question<'_>, image: &Image) -> Result<(), PlanError> {
    if image.platforms.iter().all(|settings| settings.target.is_some()) {
        return Ok(());
    }
    let given = question.overrides.tags.iter().map(String::as_str);
    let declared = image.tags.iter().map(|rule| rule.template.as_str());
    let mut templates: Vec<&str> = given.collect();
    if templates.is_empty() {
        templates = declared.collect();
    }
    match templates.iter().find(|template| template.contains("{triple}")) {
        None => Ok(()),
        Some(template) => Err(PlanError::Template {
            image: image.name.clone(),
            template: (*template).to_owned(),
            fault: "nobody knows here which triple was chosen".to_owned(),
            help: "use `{platform}`, or name a `target` for each platform in gantry.toml".to_owned(),
        }),
    }
}
