//! Filling in templates: which variable means what for an image, and for one of its platforms.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Git, PlanError, Question};
use crate::matrix::{Image, Template};
use crate::spec::Platform;

/// What templates of one image may name.
#[derive(Clone, Copy)]
pub(super) struct Rendering<'a> {
    pub image: &'a str,
    /// None where no package and no tag says it.
    pub version: Option<&'a str>,
    pub git: Option<&'a Git>,
    pub created: i64,
    pub variables: &'a BTreeMap<String, String>,
    /// Platform and triple, where there is one.
    pub platform: Option<(&'a Platform, &'a str)>,
    /// The file that a command makes.
    pub out: Option<&'a str>,
}

impl<'a> Rendering<'a> {
    /// For an image as a whole.
    pub(super) fn of(question: &'a Question<'_>, image: &'a Image, version: Option<&'a str>) -> Self {
        Self {
            image: &image.name,
            version,
            git: question.git.as_ref(),
            created: question.created,
            variables: &question.variables,
            platform: None,
            out: None,
        }
    }

    /// The same for one platform.
    pub(super) fn on(self, platform: &'a Platform, triple: &'a str) -> Self {
        Self {
            platform: Some((platform, triple)),
            ..self
        }
    }

    /// The same for a command that makes the file `out`.
    pub(super) fn writing(self, out: &'a str) -> Self {
        Self {
            out: Some(out),
            ..self
        }
    }

    /// A template's text.
    pub(super) fn text(&self, template: &str) -> Result<String, PlanError> {
        let wrong = |fault: String, help: &str| PlanError::Template {
            image: self.image.to_owned(),
            template: template.to_owned(),
            fault,
            help: help.to_owned(),
        };
        let parsed = Template::parse(template)
            .map_err(|error| wrong(error.to_string(), "write `{{` and `}}` for literal braces"))?;
        parsed
            .render(&|name, argument| self.value(name, argument))
            .map_err(|error| {
                wrong(
                    error.to_string(),
                    "commit and branch need a git repository (and branch one that is checked out), a version needs a \
                     cargo package or a tag such as v1.2.3 on HEAD, platform words only exist per platform, and \
                     `{env.X:-default}` gives a default",
                )
            })
    }

    /// The values of a table.
    pub(super) fn table(
        &self,
        table: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>, PlanError> {
        table
            .iter()
            .map(|(key, value)| Ok((key.clone(), self.text(value)?)))
            .collect()
    }

    fn value(&self, name: &str, argument: Option<&str>) -> Option<String> {
        if let Some(variable) = name.strip_prefix("env.") {
            return self.variables.get(variable).cloned();
        }
        match name {
            "image" => Some(self.image.to_owned()),
            "version" => self.version.map(str::to_owned),
            "out" => self.out.map(str::to_owned),
            "major" => self.part(0),
            "minor" => self.part(1),
            "patch" => self.part(2),
            "commit" => {
                let commit = &self.git?.commit;
                let length = argument
                    .and_then(|length| length.parse().ok())
                    .unwrap_or(commit.len());
                commit.get(..length.min(commit.len())).map(str::to_owned)
            }
            "branch" => self.git?.branch.as_ref().map(|branch| branch.replace('/', "-")),
            "date" => Timestamp::from_second(self.created)
                .ok()
                .map(|time| time.to_string()[..10].to_owned()),
            _ => self.platform_value(name),
        }
    }

    fn platform_value(&self, name: &str) -> Option<String> {
        let (platform, triple) = self.platform?;
        Some(match name {
            "os" => platform.os().to_owned(),
            "arch" => platform.architecture().to_owned(),
            "variant" => platform.variant().unwrap_or_default().to_owned(),
            "platform" => platform.dashed(),
            "platform-full" => platform.dashed_full(),
            "platform-path" => platform.to_string(),
            "triple" => triple.to_owned(),
            _ => return None,
        })
    }

    fn part(&self, position: usize) -> Option<String> {
        let version = semver::Version::parse(self.version?).ok()?;
        Some([version.major, version.minor, version.patch][position].to_string())
    }
}
