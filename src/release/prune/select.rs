//! [`Selection`]: which tags are to go, by name and age. Nothing is asked of the registry here.

use std::time::{Duration, SystemTime};

use globset::{GlobBuilder, GlobMatcher};
use jiff::Timestamp;

use super::Reason;
use crate::release::ReleaseError;
use crate::release::listing::{Age, believable, companion, newest_first};

/// Which tags are to go. What no pattern matches stays.
#[derive(Clone, Debug)]
pub struct Selection {
    patterns: Vec<GlobMatcher>,
    older_than: Option<Duration>,
    keep_last: Option<usize>,
    now: Timestamp,
}

/// What becomes of a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    Prune,
    Keep(Reason),
    /// No pattern matches it.
    Other,
}

impl Selection {
    /// All tags that match one of these patterns, in which `*`, `?`, `[...]` and `{a,b}` have their usual meaning.
    ///
    /// # Errors
    /// When a pattern cannot be understood.
    pub fn new(patterns: &[String]) -> Result<Self, ReleaseError> {
        let compiled = patterns.iter().map(|pattern| {
            let glob = GlobBuilder::new(pattern).backslash_escape(true).build();
            let glob = glob.map_err(|source| ReleaseError::Pattern {
                pattern: pattern.clone(),
                source,
            })?;
            Ok(glob.compile_matcher())
        });
        Ok(Self {
            patterns: compiled.collect::<Result<_, ReleaseError>>()?,
            older_than: None,
            keep_last: None,
            now: Timestamp::try_from(SystemTime::now()).unwrap_or(Timestamp::UNIX_EPOCH),
        })
    }

    /// Of those, only what is older. A tag whose date is not known stays.
    #[must_use]
    pub fn older_than(mut self, age: Duration) -> Self {
        self.older_than = Some(age);
        self
    }

    /// Of each pattern's tags the `count` newest stay: by date where all have one, else by version where all are one. A tag
    /// that has no place in that order stays.
    #[must_use]
    pub fn keep_last(mut self, count: usize) -> Self {
        self.keep_last = Some(count);
        self
    }

    /// As if it were `now`.
    #[must_use]
    pub fn at(mut self, now: SystemTime) -> Self {
        self.now = Timestamp::try_from(now).unwrap_or(self.now);
        self
    }

    /// Whether dates matter.
    pub(super) fn needs_dates(&self) -> bool {
        self.older_than.is_some() || self.keep_last.is_some()
    }

    /// Whether some pattern matches the tag, and it belongs to no other.
    pub(super) fn matches(&self, tag: &str) -> bool {
        companion(tag).is_none() && self.patterns.iter().any(|pattern| pattern.is_match(tag))
    }

    /// What becomes of each of `tags`.
    pub(super) fn choose(&self, tags: &[Age]) -> Vec<Choice> {
        let mut choices: Vec<Choice> = tags
            .iter()
            .map(|age| match self.matches(&age.tag) {
                false => Choice::Other,
                true => self.by_age(age),
            })
            .collect();
        if let Some(count) = self.keep_last {
            for pattern in &self.patterns {
                for (position, reason) in last(tags, |tag| self.matches(tag) && pattern.is_match(tag), count)
                {
                    choices[position] = Choice::Keep(reason);
                }
            }
        }
        choices
    }

    fn by_age(&self, age: &Age) -> Choice {
        let Some(least) = self.older_than else {
            return Choice::Prune;
        };
        match age.date.filter(believable) {
            None => Choice::Keep(Reason::NoDate),
            // A date in the future is young, too.
            Some(date)
                if self.now.duration_since(date)
                    > jiff::SignedDuration::try_from(least).unwrap_or(jiff::SignedDuration::MAX) =>
            {
                Choice::Prune
            }
            Some(_) => Choice::Keep(Reason::Young),
        }
    }
}

/// The positions of the tags that a pattern keeps, and why.
fn last(tags: &[Age], matches: impl Fn(&str) -> bool, count: usize) -> Vec<(usize, Reason)> {
    let matched = tags.iter().enumerate().filter(|(_, age)| matches(&age.tag));
    let mut matched: Vec<(usize, Age)> = matched.map(|(position, age)| (position, age.clone())).collect();
    let dated = |age: &Age| age.date.as_ref().is_some_and(believable);
    let mut kept = Vec::new();
    if !matched.iter().all(|(_, age)| dated(age)) {
        if matched.iter().all(|(_, age)| age.version.is_some()) {
            matched.iter_mut().for_each(|(_, age)| age.date = None);
        } else {
            let loose = matched.iter().filter(|(_, age)| !dated(age));
            kept.extend(loose.map(|(position, _)| (*position, Reason::NoDate)));
            matched.retain(|(_, age)| dated(age));
        }
    }
    matched.sort_by_cached_key(|(_, age)| newest_first(age.clone()));
    kept.extend(
        matched
            .iter()
            .take(count)
            .map(|(position, _)| (*position, Reason::Last)),
    );
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::listing::version_of;

    const DAY: u64 = 86_400;

    fn chosen(selection: &Selection, tags: &[(&str, Option<u64>)]) -> String {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(20_000 * DAY);
        let ages: Vec<Age> = tags
            .iter()
            .map(|(tag, days)| Age {
                date: days
                    .map(|days| Timestamp::try_from(now - Duration::from_secs(days * DAY)).expect("a date")),
                version: version_of(tag),
                tag: (*tag).to_owned(),
            })
            .collect();
        let choices = selection.clone().at(now).choose(&ages);
        let word = |choice: &Choice| match choice {
            Choice::Prune => 'x',
            Choice::Other => '.',
            Choice::Keep(Reason::Last) => 'l',
            Choice::Keep(Reason::Young) => 'y',
            Choice::Keep(_) => '?',
        };
        choices.iter().map(word).collect()
    }

    fn selection(patterns: &[&str]) -> Selection {
        let patterns: Vec<String> = patterns.iter().map(|&pattern| pattern.to_owned()).collect();
        Selection::new(&patterns).expect("patterns")
    }

    #[test]
    fn patterns_age_and_number_narrow_each_other() {
        let companion = format!("sha256-{}.sig", "0".repeat(64));
        let tags = [
            ("pr-1", Some(40)),
            ("pr-2", Some(20)),
            ("pr-3", Some(10)),
            ("v1.0.0", Some(400)),
            ("v1.1.0", Some(300)),
            ("main", Some(1)),
            (companion.as_str(), Some(900)),
            ("pr-old", Some(20_000)),
            ("pr-x", None),
        ];
        let days = |days: u64| Duration::from_secs(days * DAY);
        for (name, selection, expected) in [
            ("all", selection(&["*"]), "xxxxxx.xx"),
            ("some", selection(&["pr-*", "v?.0.0"]), "xxxx...xx"),
            ("none", selection(&["nothing"]), "........."),
            ("older", selection(&["*"]).older_than(days(30)), "xyyxxy.??"),
            ("future", selection(&["*"]).older_than(Duration::MAX), "yyyyyy.??"),
            // pr-old says 1970, and pr-x nothing: both are no part of the order.
            ("last", selection(&["pr-*"]).keep_last(1), "xxl....??"),
            (
                "last of each",
                selection(&["pr-*", "v*"]).keep_last(1),
                "xxlxl..??",
            ),
            (
                "last of one of two",
                selection(&["pr-*", "pr-1"]).keep_last(1),
                "lxl....??",
            ),
            (
                "both",
                selection(&["pr-*", "v*"]).keep_last(1).older_than(days(15)),
                "xxlxl..??",
            ),
            ("none kept", selection(&["pr-?"]).keep_last(0), "xxx.....?"),
        ] {
            let expected = expected.to_owned();
            assert_eq!(chosen(&selection, &tags), expected, "{name}");
        }
    }

    #[test]
    fn versions_stand_in_for_dates() {
        let tags = [
            ("1.9.0", None),
            ("1.10.0", Some(20_000)),
            ("1.2", Some(1)),
            ("1.10.0-rc.1", None),
        ];
        assert_eq!(chosen(&selection(&["1*"]).keep_last(2), &tags), "xlxl");
        assert!(Selection::new(&["[".to_owned()]).is_err());
    }
}
