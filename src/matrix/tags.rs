//! `tags`: which tags are set, and when each may move.

use super::error::MatrixError;
use super::node::{Node, Place, Table};
use super::template::Template;
use super::{Moves, TagRule};

/// The tags of an image; the version's own where none are given.
pub(super) fn read(image: &Table, faults: &mut Vec<MatrixError>) -> Vec<TagRule> {
    if image.node("tags").is_none() {
        return vec![TagRule {
            template: "{version}".to_owned(),
            moves: Moves::Never,
        }];
    }
    let mut rules = Vec::new();
    let mut seen: Vec<(String, Place)> = Vec::new();
    for item in image.items_of("tags") {
        let fields = item.table();
        let node = fields.map_or(Some(item), |fields| fields.node("tag"));
        let Some((node, template)) = node.and_then(|node| Some((node, node.text()?))) else {
            continue;
        };
        match seen.iter().find(|(before, _)| before == template) {
            Some((_, first)) => {
                faults.push(MatrixError::twice(
                    "tag",
                    template,
                    "keep one of them",
                    first,
                    &node.at,
                ));
            }
            None => seen.push((template.to_owned(), node.at.clone())),
        }
        let moves = match fields
            .and_then(|fields| fields.node("moves"))
            .and_then(Node::text)
        {
            Some("never") => Moves::Never,
            Some(_) => Moves::Always,
            None if moves_never(template) => Moves::Never,
            None => Moves::Always,
        };
        rules.push(TagRule {
            template: template.to_owned(),
            moves,
        });
    }
    rules
}

/// Whether a tag moves to higher versions only, if nothing is said: `latest`, and a part of the version.
pub(super) fn moves_forward(template: &str) -> bool {
    let part = |t: &Template| t.uses("major") || t.uses("minor") || t.uses("patch");
    template == "latest" || !moves_never(template) && Template::parse(template).is_ok_and(|t| part(&t))
}

/// Whether a tag never moves, if nothing is said: it holds the full version or the commit.
fn moves_never(template: &str) -> bool {
    Template::parse(template).is_ok_and(|template| {
        template.uses("version")
            || template.uses("commit")
            || ["major", "minor", "patch"].iter().all(|part| template.uses(part))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_tag_holds_decides_whether_it_moves() {
        for (template, never, forward) in [
            ("{version}", true, false),
            ("v{major}.{minor}.{patch}", true, false),
            ("{commit:12}-{platform}", true, false),
            ("{major}.{minor}", false, true),
            ("latest", false, true),
            ("edge", false, false),
            ("{branch}-{date}", false, false),
        ] {
            assert_eq!(
                (moves_never(template), moves_forward(template)),
                (never, forward),
                "{template}"
            );
        }
    }
}
