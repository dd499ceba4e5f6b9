//! [`Checks`]: what findings do.

use std::collections::BTreeMap;

use serde::Serialize;

use super::grammar::check_names;
use super::limits::{self, Growth};
use super::node::Table;

/// What the user says of the checks.
///
/// A check that is named does what is said for it. What `fit` says holds for the others: `deny`, the default, leaves
/// each at its own level, `warn` makes warnings of those that would stop the build, `allow` switches them off. So
/// `fit` never makes a check stricter than it is by itself; its name does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "kebab-case")]
pub struct Checks {
    /// For the checks that are not named.
    pub fit: Option<CheckLevel>,
    /// By the name of the check.
    pub named: BTreeMap<String, CheckLevel>,
    /// Bytes that the layers of one platform may hold, compressed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_size: Option<u64>,
    /// How much larger than the published image one platform may be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_growth: Option<Growth>,
}

/// What a finding does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckLevel {
    /// It stops the build.
    Deny,
    /// It is told.
    Warn,
    /// It is not told.
    Allow,
}

impl Checks {
    /// `checks` of an image.
    pub(super) fn read(image: &Table) -> Self {
        let level = |name: &str| {
            let table = image.node("checks")?.table()?;
            match table.text(name)?.as_str() {
                "deny" => Some(CheckLevel::Deny),
                "warn" => Some(CheckLevel::Warn),
                "allow" => Some(CheckLevel::Allow),
                _ => None,
            }
        };
        let text = |name: &str| image.node("checks")?.table()?.text(name);
        Self {
            max_size: text("max-size").and_then(|text| limits::bytes(&text)),
            max_growth: text("max-growth").and_then(|text| Growth::read(&text)),
            fit: level("fit"),
            named: check_names()
                .filter_map(|name| Some((name.to_owned(), level(name)?)))
                .collect(),
        }
    }

    /// What the check `name` does, which does `own` by itself.
    pub fn level(&self, name: &str, own: CheckLevel) -> CheckLevel {
        // The levels are in the order of their weight, so that the lighter one is the greater.
        let capped = || own.max(self.fit.unwrap_or(CheckLevel::Deny));
        self.named.get(name).copied().unwrap_or_else(capped)
    }
}

#[cfg(test)]
mod tests {
    use super::CheckLevel::{Allow, Deny, Warn};
    use super::*;

    #[test]
    fn a_name_wins_over_fit_which_only_lowers() {
        for (fit, named, own, want) in [
            (None, None, Deny, Deny),
            (None, None, Allow, Allow),
            (Some(Deny), None, Warn, Warn),
            (Some(Deny), None, Allow, Allow),
            (Some(Warn), None, Deny, Warn),
            (Some(Warn), None, Warn, Warn),
            (Some(Warn), None, Allow, Allow),
            (Some(Allow), None, Deny, Allow),
            (Some(Allow), Some(Deny), Warn, Deny),
            (Some(Warn), Some(Deny), Deny, Deny),
            (None, Some(Allow), Deny, Allow),
            (None, Some(Warn), Allow, Warn),
        ] {
            let named = named.map(|level| ("glibc".to_owned(), level));
            let checks = Checks {
                fit,
                named: named.into_iter().collect(),
                ..Checks::default()
            };
            assert_eq!(checks.level("glibc", own), want, "{checks:?} on {own:?}");
        }
    }
}
