//! `prune`

use std::time::Duration;

use clap::Args;

use super::{Login, Plain};

/// `prune`
///
/// The word for really deleting is `--delete`: `--yes` would answer a question that nobody was asked.
#[derive(Debug, Args)]
#[command(after_long_help = NOTES)]
pub(crate) struct Prune {
    /// `registry/repository`
    #[arg(value_name = "REPOSITORY")]
    pub(crate) repository: String,
    /// Tags that match go, all others stay: `pr-*`, `v1.[0-9]*`, `{dev,test}-*` (repeatable)
    #[arg(long = "pattern", value_name = "GLOB", required = true)]
    pub(crate) patterns: Vec<String>,
    /// Of those, only what is older: `30d`, `12w`, `36h`; a bare number is days. Tags without a date stay
    #[arg(long, value_name = "AGE", value_parser = age)]
    pub(crate) older_than: Option<Duration>,
    /// Of each pattern's tags, keep the newest N: by date, or by version where not all have a date
    #[arg(long, value_name = "N")]
    pub(crate) keep_last: Option<usize>,
    /// Also delete the manifests that have no tag any more afterwards, with signatures and whatever refers to them
    #[arg(long)]
    pub(crate) untagged: bool,
    /// Really delete; without it, only show what would be deleted
    #[arg(long)]
    pub(crate) delete: bool,
    #[command(flatten)]
    pub(crate) plain: Plain,
    #[command(flatten)]
    pub(crate) login: Login,
}

const NOTES: &str = "\
Before anything is deleted, every tag that stays is followed to all that it leads to; if something of that cannot be read, \
nothing is deleted. A tag that moves meanwhile stays.

Tags go by the registry's own DELETE, else by its vendor's API (Docker Hub, GitHub, GitLab, Harbor, Quay), else the tag is \
pointed at a small placeholder of its own, which is deleted by digest. Where none of that works, no tag changes, and the \
exit code is 9.

With --untagged, whoever uses such a manifest by its digest, as deployments often do, loses it: registries do not tell who \
does. Without it, tags like `sha256-...` and `sha256-....sig`, which belong to a manifest, always stay.";

/// Days, or a number with its unit.
fn age(text: &str) -> Result<Duration, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let hours: u64 = match unit {
        "h" => 1,
        "" | "d" => 24,
        "w" => 24 * 7,
        _ => return Err("write a number of days, or `36h`, `30d`, `12w`".to_owned()),
    };
    let number: u64 = number
        .parse()
        .map_err(|_| "write a number first, as in `30d`".to_owned())?;
    let seconds = number.checked_mul(hours * 3600).ok_or("this is too long")?;
    Ok(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_have_units() {
        for (text, hours) in [
            ("30", Some(720)),
            ("30d", Some(720)),
            ("36h", Some(36)),
            ("2w", Some(336)),
            ("0d", Some(0)),
        ] {
            assert_eq!(
                age(text).ok(),
                hours.map(|hours| Duration::from_secs(hours * 3600)),
                "{text}"
            );
        }
        for text in [
            "",
            "d",
            "-1d",
            "1y",
            "99999999999999999999d",
            "9999999999999999999",
            "é",
        ] {
            assert!(age(text).is_err(), "{text}");
        }
    }
}
