//! [`Over`]: platforms whose layers hold more than they may.
//!
//! In: what platforms hold, and what they may. Out: those that hold more. It asks nobody: whoever calls it knows the limits
//! and what is published.

use crate::spec::Platform;

/// A platform whose layers hold more than they may.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Over {
    /// The platform.
    pub platform: Platform,
    /// Bytes that its layers hold, compressed.
    pub size: u64,
    /// Bytes that they may hold.
    pub limit: u64,
    /// Bytes that they hold in the published image, where that sets the limit.
    pub published: Option<u64>,
}

/// What platforms hold, compressed, against one limit for each of them.
pub fn size(weights: &[(Platform, u64)], limit: u64) -> Vec<Over> {
    let over = weights.iter().filter(|(_, size)| *size > limit);
    over.map(|(platform, size)| Over {
        platform: platform.clone(),
        size: *size,
        limit,
        published: None,
    })
    .collect()
}

/// What platforms hold against what they hold in the published image: `most` gives the limit for each size there. A platform
/// that it lacks has none.
pub fn growth(
    weights: &[(Platform, u64)],
    published: &[(Platform, u64)],
    most: impl Fn(u64) -> u64,
) -> Vec<Over> {
    let mut over = Vec::new();
    for (platform, size) in weights {
        let before = published.iter().find(|(known, _)| known == platform);
        let Some((_, before)) = before else {
            continue;
        };
        let limit = most(*before);
        if *size > limit {
            over.push(Over {
                platform: platform.clone(),
                size: *size,
                limit,
                published: Some(*before),
            });
        }
    }
    over
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weights(sizes: &[(&str, u64)]) -> Vec<(Platform, u64)> {
        let weight = |(platform, size): &(&str, u64)| (platform.parse().unwrap(), *size);
        sizes.iter().map(weight).collect()
    }

    #[test]
    fn what_is_at_the_limit_may_be() {
        let weights = weights(&[("linux/amd64", 100), ("linux/arm64", 101)]);
        let names =
            |over: Vec<Over>| -> Vec<String> { over.iter().map(|over| over.platform.to_string()).collect() };
        assert_eq!(names(size(&weights, 101)), Vec::<String>::new());
        assert_eq!(names(size(&weights, 100)), ["linux/arm64"]);
        assert_eq!(names(size(&weights, 0)), ["linux/amd64", "linux/arm64"]);
    }

    #[test]
    fn platforms_grow_each_for_itself() {
        let now = weights(&[("linux/amd64", 110), ("linux/arm64", 110), ("linux/s390x", 900)]);
        let before = weights(&[("linux/amd64", 100), ("linux/arm64", 99), ("linux/386", 1)]);
        let over = growth(&now, &before, |before| before + before / 10);
        let want = Over {
            platform: "linux/arm64".parse().unwrap(),
            size: 110,
            limit: 108,
            published: Some(99),
        };
        assert_eq!(over, [want]);
    }
}
