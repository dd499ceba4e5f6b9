//! [`Pair`]: which layer of one image is which of the other.
//!
//! Layers that are the same in the same order hold the others in place. What is left is paired by its digest, then by the
//! tar that it is said to be, then between the same neighbours: by what made it, and at last by position.

use super::{LayerSide, State};
use crate::inspect::InspectError;

/// Layers of one image at most; Docker itself takes 127.
const MOST: usize = 1000;

/// A layer by its position in each of the images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) state: State,
    pub(super) before: Option<usize>,
    pub(super) after: Option<usize>,
}

/// Pairs the layers of two images, in the order of the second one; what that lacks comes where it was.
pub(super) fn pair(before: &[LayerSide], after: &[LayerSide]) -> Result<Vec<Pair>, InspectError> {
    for side in [before, after] {
        if side.len() > MOST {
            return Err(InspectError::TooManyLayers {
                found: side.len(),
                limit: MOST,
            });
        }
    }
    let mut pairs: Vec<Pair> = common(before, after)
        .into_iter()
        .map(|(old, new)| Pair {
            state: State::Same,
            before: Some(old),
            after: Some(new),
        })
        .collect();
    let anchors = pairs.clone();
    // How many layers that stay lie below one: pairs by position do not reach over these.
    let gap = |at: usize, of: fn(&Pair) -> Option<usize>| {
        let below = anchors.iter().filter(|pair| of(pair) < Some(at));
        below.count()
    };
    let mut old: Vec<usize> = (0..before.len()).collect();
    old.retain(|at| anchors.iter().all(|pair| pair.before != Some(*at)));
    let mut new: Vec<usize> = (0..after.len()).collect();
    new.retain(|at| anchors.iter().all(|pair| pair.after != Some(*at)));
    let same_gap = |a: usize, b: usize| gap(a, |pair| pair.before) == gap(b, |pair| pair.after);
    let made_alike = |a: usize, b: usize| {
        let known = before[a].created_by.as_deref().is_some_and(|by| by != "unknown");
        known && before[a].created_by == after[b].created_by
    };
    let same_tar = |a: usize, b: usize| before[a].diff_id.is_some() && before[a].diff_id == after[b].diff_id;
    type Fits<'f> = &'f dyn Fn(usize, usize) -> bool;
    let rules: [(State, Fits<'_>); 4] = [
        (State::Moved, &|a, b| before[a].digest == after[b].digest),
        (State::Changed, &same_tar),
        (State::Changed, &|a, b| same_gap(a, b) && made_alike(a, b)),
        (State::Changed, &same_gap),
    ];
    for (state, fits) in rules {
        old.retain(|&a| {
            let found = new.iter().position(|&b| fits(a, b));
            if let Some(found) = found {
                pairs.push(Pair {
                    state,
                    before: Some(a),
                    after: Some(new.remove(found)),
                });
            }
            found.is_none()
        });
    }
    pairs.extend(old.into_iter().map(|at| Pair {
        state: State::Removed,
        before: Some(at),
        after: None,
    }));
    pairs.extend(new.into_iter().map(|at| Pair {
        state: State::Added,
        before: None,
        after: Some(at),
    }));
    pairs.sort_by_key(|pair| (pair.after.or(pair.before), pair.after.is_some()));
    Ok(pairs)
}

/// The longest common subsequence of the digests.
fn common(before: &[LayerSide], after: &[LayerSide]) -> Vec<(usize, usize)> {
    let width = after.len() + 1;
    let mut longest = vec![0_u32; (before.len() + 1) * width];
    for a in (0..before.len()).rev() {
        for b in (0..after.len()).rev() {
            longest[a * width + b] = if before[a].digest == after[b].digest {
                longest[(a + 1) * width + b + 1] + 1
            } else {
                longest[(a + 1) * width + b].max(longest[a * width + b + 1])
            };
        }
    }
    let (mut a, mut b, mut found) = (0, 0, Vec::new());
    while a < before.len() && b < after.len() {
        if before[a].digest == after[b].digest {
            found.push((a, b));
            (a, b) = (a + 1, b + 1);
        } else if longest[(a + 1) * width + b] >= longest[a * width + b + 1] {
            a += 1;
        } else {
            b += 1;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{DiffId, Digest};

    /// Layers of one letter each: a capital has the same tar as the small letter. What follows made it.
    fn layers(text: &str) -> Vec<LayerSide> {
        let words = text.split_whitespace().enumerate();
        words
            .map(|(position, word)| LayerSide {
                position,
                digest: Digest::of(&word.as_bytes()[..1]),
                diff_id: Some(DiffId::of(word[..1].to_lowercase().as_bytes())),
                media_type: String::new(),
                size: 0,
                uncompressed: None,
                created_by: word.get(2..).map(str::to_owned),
            })
            .collect()
    }

    #[test]
    fn layers_are_paired_by_what_is_known_of_them() {
        for (before, after, want) in [
            ("a b", "a b", "a=a b=b"),
            ("a b", "a c", "a=a b~c"),
            ("a b", "b a", "b=b a>a"),
            ("a", "A", "a~A"),
            ("a b", "a", "a=a b-"),
            ("a", "b a", "+b a=a"),
            ("a b c", "a c", "a=a b- c=c"),
            // A layer between two that stay is paired with none beyond them.
            ("x a", "a y", "x- a=a +y"),
            ("x:run y:copy", "p:copy q:run", "y~p x~q"),
            ("x:unknown y:copy", "p:unknown q:other", "x~p y~q"),
            ("", "a", "+a"),
        ] {
            let (old, new) = (layers(before), layers(after));
            let word = |text: &str, at: usize| text.split_whitespace().nth(at).unwrap()[..1].to_owned();
            let shown: Vec<String> = pair(&old, &new)
                .unwrap()
                .into_iter()
                .map(|pair| match (pair.state, pair.before, pair.after) {
                    (state, Some(a), Some(b)) => {
                        let sign = match state {
                            State::Same => "=",
                            State::Moved => ">",
                            _ => "~",
                        };
                        format!("{}{sign}{}", word(before, a), word(after, b))
                    }
                    (_, Some(a), None) => format!("{}-", word(before, a)),
                    (_, _, Some(b)) => format!("+{}", word(after, b)),
                    _ => "?".to_owned(),
                })
                .collect();
            assert_eq!(shown.join(" "), want, "{before} -> {after}");
        }
    }

    #[test]
    fn layers_are_bounded() {
        let many = layers(&"a ".repeat(MOST + 1));
        assert!(pair(&many, &[]).is_err());
        assert!(pair(&many[1..], &many[1..]).is_ok());
    }
}
