//! The tags of an image: which are set here and now, for which manifest, and in which order.

use std::collections::BTreeMap;

use semver::Version;

use super::rendering::Rendering;
use super::{PlanError, PlannedTag, Question};
use crate::matrix::{Condition, Image, Moves, TagOrder, TagRule, Template};
use crate::spec::{Platform, is_tag};

/// Variables that only have a value for a platform.
const OF_A_PLATFORM: [&str; 7] = [
    "os",
    "arch",
    "variant",
    "platform",
    "platform-full",
    "platform-path",
    "triple",
];

/// Tags, and what the user should know of those that are left out.
pub(super) struct Tags {
    pub tags: Vec<PlannedTag>,
    pub notices: Vec<String>,
}

/// The tags of an image: what the command line says, else the Matrix. `platforms` are those that are packed, each with its
/// triple.
pub(super) fn tags(
    question: &Question<'_>,
    image: &Image,
    rendering: &Rendering<'_>,
    platforms: &[(&Platform, &str)],
) -> Result<Tags, PlanError> {
    let given: Vec<TagRule> = question
        .overrides
        .tags
        .iter()
        .flat_map(|text| TagRule::named(text))
        .collect();
    let rules = if given.is_empty() { &image.tags } else { &given };
    let mut notices = Vec::new();
    // The tag that nobody asked for: without a version there is none.
    if let ([rule], None) = (rules.as_slice(), rendering.version)
        && rule.template == "{version}"
    {
        let tags = Vec::new();
        return Ok(Tags { tags, notices });
    }
    let version = rendering.version.and_then(|version| Version::parse(version).ok());
    let mut left_out = Vec::new();
    let mut tags = Vec::new();
    for rule in rules.iter().filter(|rule| holds(rule, question)) {
        if let (Some(version), true) = (&version, rule.releases_only) {
            if !version.pre.is_empty() {
                left_out.push(rendering.text(&rule.template)?);
                continue;
            }
            // Nothing is compatible within 0.
            if version.major == 0 && only_major(&rule.template) {
                continue;
            }
        }
        if rule.moves == Moves::Forward && version.is_none() {
            return Err(PlanError::ForwardWithoutVersion {
                image: image.name.clone(),
                tag: rule.template.clone(),
            });
        }
        if per_platform(&rule.template) {
            for (platform, triple) in platforms {
                let name = rendering.on(platform, triple).text(&rule.template)?;
                tags.push(planned(image, &name, rule.moves, Some(platform))?);
            }
        } else {
            tags.push(planned(
                image,
                &rendering.text(&rule.template)?,
                rule.moves,
                None,
            )?);
        }
    }
    if let (false, Some(version)) = (left_out.is_empty(), rendering.version) {
        notices.push(format!(
            "image `{}`: {version} is a pre-release, so it gets no tag {}",
            image.name,
            left_out.join(", ")
        ));
    }
    each_once(image, &tags)?;
    if image.tag_order == TagOrder::ExactFirst {
        tags.sort_by_key(|tag| match tag.moves {
            Moves::Never => 0,
            Moves::Forward => 1,
            Moves::Always => 2,
        });
    }
    Ok(Tags { tags, notices })
}

fn holds(rule: &TagRule, question: &Question<'_>) -> bool {
    let git = question.git.as_ref();
    match &rule.when {
        None => true,
        Some(Condition::GitTag) => git.is_some_and(|git| !git.tags.is_empty()),
        Some(Condition::Branch(pattern)) => {
            let pattern = globset::Glob::new(pattern)
                .ok()
                .map(|glob| glob.compile_matcher());
            let branch = git.and_then(|git| git.branch.as_ref());
            pattern
                .zip(branch)
                .is_some_and(|(pattern, branch)| pattern.is_match(branch))
        }
        Some(Condition::Ci) => {
            let ci = question.variables.get("CI").map(String::as_str);
            ci.is_some_and(|ci| !matches!(ci, "" | "0" | "false"))
        }
        Some(Condition::Variable { name, value }) => question.variables.get(name) == Some(value),
    }
}

fn only_major(template: &str) -> bool {
    let template = Template::parse(template);
    template.is_ok_and(|template| template.uses("major") && !template.uses("minor"))
}

fn per_platform(template: &str) -> bool {
    let template = Template::parse(template);
    template.is_ok_and(|template| OF_A_PLATFORM.iter().any(|name| template.uses(name)))
}

fn planned(
    image: &Image,
    rendered: &str,
    moves: Moves,
    platform: Option<&Platform>,
) -> Result<PlannedTag, PlanError> {
    // `+` is legal in a version and not in a tag.
    let name = rendered.replace('+', "-");
    if is_tag(&name) {
        let platform = platform.cloned();
        return Ok(PlannedTag {
            name,
            moves,
            platform,
        });
    }
    Err(PlanError::Tag {
        image: image.name.clone(),
        tag: name,
    })
}

/// Two rules of one tag would contradict each other, and two platforms take it from each other.
fn each_once(image: &Image, tags: &[PlannedTag]) -> Result<(), PlanError> {
    let mut seen = BTreeMap::new();
    for tag in tags {
        if let Some(first) = seen.insert(&tag.name, tag) {
            let platforms = [first, tag].map(|tag| tag.platform.as_ref().map(ToString::to_string));
            return Err(PlanError::TagTwice {
                image: image.name.clone(),
                tag: tag.name.clone(),
                help: match platforms {
                    [Some(one), Some(other)] if one != other => format!(
                        "{one} and {other} would both get it: `{{platform}}`, or `{{arch}}{{variant}}`, tells them apart"
                    ),
                    _ => "two elements of `tags` come to the same name: keep one of them".to_owned(),
                },
            });
        }
    }
    Ok(())
}
