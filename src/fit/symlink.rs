//! [`Check::Symlink`]: no directory lies over a link of a lower layer and hides what that led to.
//!
//! A tar that has `/lib` as a directory, laid over a base whose `/lib` is a link to `/usr/lib`, takes the loader away from
//! every program. What a base's own layers did to each other is meant so: `RUN rm /var/run && mkdir /var/run` comes as a
//! directory over a link from tools that compare two trees. <https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md#file-types>

use super::scene::{Scene, shown};
use super::{Check, Finding};
use crate::rootfs::{Kind, Tree};

pub(super) fn check(scene: &Scene<'_>, out: &mut Vec<Finding>) {
    let tree = scene.question.tree;
    let base = scene.question.base_layers;
    for replaced in tree.replaced() {
        if base.is_some_and(|layers| replaced.layer < layers) {
            continue;
        }
        let Some(hidden) = hidden(tree, &replaced.path, &replaced.link) else {
            continue;
        };
        let path = shown(&replaced.path);
        let link = String::from_utf8_lossy(&replaced.link);
        let message = format!(
            "`{path}` of {} is a link to `{link}`, and layer {} lays something else over it: `{path}/{hidden}` is gone",
            scene.base(),
            replaced.layer + 1
        );
        let finding = scene
            .finding(Check::Symlink, &path, message)
            .needed(format!("a link to `{link}`"));
        let finding = finding.help("lay the files below where the link leads");
        out.push(match base {
            Some(_) => finding,
            None => finding.doubtful(),
        });
    }
}

/// The first name that could be reached through the link and cannot be reached any more; none if there is none: then the
/// link was replaced by what it led to, or it led nowhere.
fn hidden(tree: &Tree, path: &[u8], link: &[u8]) -> Option<String> {
    let parent = path
        .iter()
        .rposition(|byte| *byte == b'/')
        .map_or(&b""[..], |end| &path[..end]);
    let target = if link.starts_with(b"/") {
        link.to_vec()
    } else {
        [parent, b"/", link].concat()
    };
    let (target, node) = tree.resolve(&target)?;
    if node.kind != Kind::Directory || target == path {
        return None;
    }
    let names = tree.inside(&target).filter_map(|(own, _)| {
        let name = own.strip_prefix(target.as_slice())?.strip_prefix(b"/")?;
        (!name.contains(&b'/')).then_some(name)
    });
    let lost = |name: &&[u8]| tree.resolve(&[path, b"/", name].concat()).is_none();
    let mut names = names.filter(lost);
    names
        .next()
        .map(|name| String::from_utf8_lossy(name).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::Level;
    use crate::fit::example::{Example, file};

    #[test]
    fn links_of_the_base_are_not_hidden() {
        let base = || {
            let mut example = Example::default();
            example.put("usr/lib/libc.so.6", file(1));
            example.link("lib", "usr/lib");
            example
        };
        let mut right = base();
        right.put("usr/lib/own.so", file(1));
        assert_eq!(right.all(), []);
        let mut wrong = base();
        wrong.directory("lib", 0o755, 0);
        wrong.put("lib/own.so", file(1));
        let found = wrong.messages(Check::Symlink);
        assert_eq!(found.len(), 1);
        assert!(
            found[0].starts_with("`/lib` of `debian:12-slim` is a link to `usr/lib`, and layer "),
            "{found:?}"
        );
        assert!(
            found[0].ends_with(" lays something else over it: `/lib/libc.so.6` is gone"),
            "{found:?}"
        );
        // Everything is there again: nothing is hidden.
        wrong.put("lib/libc.so.6", file(1));
        assert_eq!(wrong.all(), []);
    }

    #[test]
    fn what_a_base_does_to_itself_is_its_own() {
        for (layer, base_layers, expected) in [
            (1, Some(1), Some(Level::Deny)),
            (1, Some(2), None),
            (1, None, Some(Level::Warn)),
            (2, Some(2), Some(Level::Deny)),
        ] {
            let mut example = Example::default();
            example.put("run/lock", file(1));
            example.link("var/run", "/run");
            for _ in 0..layer {
                example.tree.apply([0; 1024].as_slice()).unwrap();
            }
            example.directory("var/run", 0o755, 0);
            example.base_layers = base_layers;
            let found: Vec<_> = example.all().into_iter().map(|one| one.level).collect();
            assert_eq!(found, Vec::from_iter(expected), "{layer} {base_layers:?}");
        }
    }
}
