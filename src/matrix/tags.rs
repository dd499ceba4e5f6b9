//! `tags`: which tags are set, when, and when each may move.

use super::error::MatrixError;
use super::node::{Node, Place, Table};
use super::template::Template;
use super::{Condition, Moves, TagOrder, TagRule};
use crate::spec::version_of;

/// What `semver` stands for, the exact one first.
const SEMVER: [&str; 4] = ["{version}", "{major}.{minor}", "{major}", "latest"];

/// The tags of an image; the version's own where none are given.
pub(super) fn read(image: &Table, faults: &mut Vec<MatrixError>) -> Vec<TagRule> {
    if image.node("tags").is_none() {
        return vec![TagRule::of("{version}")];
    }
    let mut rules = Vec::new();
    let mut seen: Vec<(String, Place)> = Vec::new();
    for item in image.items_of("tags") {
        let fields = item.table();
        let node = fields.map_or(Some(item), |fields| fields.node("tag"));
        let Some((node, text)) = node.and_then(|node| Some((node, node.text()?))) else {
            continue;
        };
        let moves = fields.and_then(|fields| fields.node("moves"));
        let when = fields.and_then(|fields| fields.text("when"));
        let when = when.as_deref().and_then(Condition::parse);
        let templates: &[&str] = if text == "semver" { &SEMVER } else { &[text] };
        if let (true, Some(moves)) = (text == "semver", moves) {
            faults.push(MatrixError::conflict(("semver", &node.at), ("moves", &moves.at)));
        }
        for template in templates {
            match seen.iter().find(|(before, _)| before == template) {
                Some((_, first)) => {
                    faults.push(MatrixError::twice(
                        "tag",
                        template,
                        "keep one of them; `semver` stands for the version, its shorter forms and `latest`",
                        first,
                        &node.at,
                    ));
                }
                None => seen.push(((*template).to_owned(), node.at.clone())),
            }
            let mut rule = TagRule::of(template);
            rule.when = when.clone();
            if let Some(moves) = moves.and_then(Node::text).and_then(moves_of) {
                rule.moves = moves;
                rule.releases_only = false;
            }
            rules.push(rule);
        }
    }
    rules
}

/// `tag-order`.
pub(super) fn order(image: &Table) -> TagOrder {
    match image.text("tag-order").as_deref() {
        Some("given") => TagOrder::Given,
        _ => TagOrder::ExactFirst,
    }
}

impl TagRule {
    /// The rule of a tag of which nothing but its template is said.
    pub fn of(template: &str) -> Self {
        let moves = usual(template);
        Self {
            template: template.to_owned(),
            moves,
            releases_only: moves == Moves::Forward,
            when: None,
        }
    }

    /// What a tag on the command line stands for: a template, or the word `semver`.
    pub fn named(text: &str) -> Vec<Self> {
        match text {
            "semver" => SEMVER.map(Self::of).into(),
            template => vec![Self::of(template)],
        }
    }
}

impl Condition {
    /// Reads `git-tag`, `ci`, `branch=PATTERN` or `env.NAME=VALUE`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        match text {
            "git-tag" => return Some(Self::GitTag),
            "ci" => return Some(Self::Ci),
            _ => {}
        }
        let (what, value) = text.split_once('=')?;
        match what.strip_prefix("env.") {
            Some(name) if !name.is_empty() => Some(Self::Variable {
                name: name.to_owned(),
                value: value.to_owned(),
            }),
            None if what == "branch" => {
                globset::Glob::new(value).ok().filter(|_| !value.is_empty())?;
                Some(Self::Branch(value.to_owned()))
            }
            _ => None,
        }
    }
}

fn moves_of(word: &str) -> Option<Moves> {
    match word {
        "never" => Some(Moves::Never),
        "forward" => Some(Moves::Forward),
        "always" => Some(Moves::Always),
        _ => None,
    }
}

/// When a tag moves if nothing is said: never if it is or holds the full version or the commit; forward if it is `latest` or
/// holds a part of the version; else always.
fn usual(template: &str) -> Moves {
    let parsed = Template::parse(template);
    let uses = |name: &str| parsed.as_ref().is_ok_and(|template| template.uses(name));
    let parts = ["major", "minor", "patch"].map(uses);
    if version_of(template).is_some() || uses("version") || uses("commit") || parts.iter().all(|used| *used) {
        Moves::Never
    } else if template == "latest" || parts.contains(&true) {
        Moves::Forward
    } else {
        Moves::Always
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_tag_holds_decides_whether_it_moves() {
        for (template, moves) in [
            ("{version}", Moves::Never),
            ("v1.2.3-rc.1", Moves::Never),
            ("v{major}.{minor}.{patch}", Moves::Never),
            ("{commit:12}-{platform}", Moves::Never),
            ("{major}.{minor}", Moves::Forward),
            ("latest", Moves::Forward),
            ("edge", Moves::Always),
            ("{branch}-{date}", Moves::Always),
        ] {
            assert_eq!(usual(template), moves, "{template}");
        }
    }

    #[test]
    fn conditions_have_four_forms() {
        let branch = |pattern: &str| Some(Condition::Branch(pattern.to_owned()));
        for (text, condition) in [
            ("git-tag", Some(Condition::GitTag)),
            ("ci", Some(Condition::Ci)),
            ("branch=main", branch("main")),
            ("branch=release/*", branch("release/*")),
            (
                "env.DEPLOY=a=b",
                Some(Condition::Variable {
                    name: "DEPLOY".to_owned(),
                    value: "a=b".to_owned(),
                }),
            ),
            ("branch=", None),
            ("branch=[", None),
            ("branch", None),
            ("env.=x", None),
            ("tag=v1", None),
            ("", None),
        ] {
            assert_eq!(Condition::parse(text), condition, "{text}");
        }
    }
}
