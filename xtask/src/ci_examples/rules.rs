//! The conditions and variables of GitLab that the example uses: `$NAME`, texts, `==`, `!=`, and lists of rules.
//!
//! In: the text of an `if:`, or a value that names variables. Out: whether it holds, or the value. Everything else of the
//! language is an error. <https://docs.gitlab.com/ci/jobs/job_rules/>

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};

use super::reading::Node;

/// The variables of a job or pipeline.
pub(super) type Variables = BTreeMap<String, String>;

/// Whether the first rule that holds says yes; without rules it does.
pub(super) fn allow(rules: Option<&Node>, variables: &Variables) -> Result<bool> {
    let Some(rules) = rules else {
        return Ok(true);
    };
    for rule in rules.elements()? {
        let fields = rule.fields(&["if"])?;
        let condition = fields
            .get("if")
            .with_context(|| rule.place().to_owned())?
            .text()?;
        if holds(&condition, variables).with_context(|| rule.place().to_owned())? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn holds(condition: &str, variables: &Variables) -> Result<bool> {
    let words: Vec<&str> = condition.split_whitespace().collect();
    match words.as_slice() {
        [one] => Ok(value(one, variables)?.is_some_and(|value| !value.is_empty())),
        [left, "==", right] => Ok(value(left, variables)? == value(right, variables)?),
        [left, "!=", right] => Ok(value(left, variables)? != value(right, variables)?),
        _ => bail!("`{condition}` is not known"),
    }
}

/// A variable, none where it is not set, or a text in quotes.
fn value<'a>(word: &'a str, variables: &'a Variables) -> Result<Option<&'a str>> {
    let is_name = |name: &&str| !name.is_empty() && name.chars().all(is_of_name);
    if let Some(name) = word.strip_prefix('$').filter(is_name) {
        return Ok(variables.get(name).map(String::as_str));
    }
    let text = word.strip_prefix('"').and_then(|word| word.strip_suffix('"'));
    match text.filter(|text| !text.contains(['"', '$'])) {
        Some(text) => Ok(Some(text)),
        None => bail!("`{word}` is not known"),
    }
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// `text` with `$NAME` replaced; what is not set is an error, as it would be a slip in an example.
pub(super) fn fill(text: &str, variables: &Variables) -> Result<String> {
    let (mut rest, mut filled) = (text, String::new());
    while let Some((before, after)) = rest.split_once('$') {
        let length = after.find(|c| !is_of_name(c)).unwrap_or(after.len());
        let name = &after[..length];
        let value = variables
            .get(name)
            .with_context(|| format!("`{text}`: `${name}` has no value"))?;
        filled.push_str(before);
        filled.push_str(value);
        rest = &after[length..];
    }
    filled.push_str(rest);
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::super::reading::of_text;
    use super::*;

    #[test]
    fn rules_hold_or_are_errors() {
        let variables: Variables = [("CI_PIPELINE_SOURCE", "push"), ("A", "main"), ("B", "main")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        for (condition, expected) in [
            ("$CI_COMMIT_TAG", Some(false)),
            ("$CI_PIPELINE_SOURCE", Some(true)),
            ("$CI_PIPELINE_SOURCE == \"push\"", Some(true)),
            ("$CI_PIPELINE_SOURCE != \"push\"", Some(false)),
            ("$A == $B", Some(true)),
            ("$A == $CI_COMMIT_TAG", Some(false)),
            ("$A =~ /^v/", None),
            ("$A == \"main\" && $B", None),
            ("A == \"main\"", None),
            ("$A == 'main'", None),
        ] {
            assert_eq!(holds(condition, &variables).ok(), expected, "{condition}");
        }
        let rules = of_text("- if: $CI_COMMIT_TAG\n- if: $A\n");
        assert!(allow(Some(&rules), &variables).unwrap() && allow(None, &variables).unwrap());
        assert!(!allow(Some(&of_text("- if: $C\n")), &variables).unwrap());
        assert!(allow(Some(&of_text("- if: $A\n  when: manual\n")), &variables).is_err());
    }

    #[test]
    fn variables_are_filled_in() {
        let variables = Variables::from([("CI_PROJECT_DIR".to_owned(), "/builds/a".to_owned())]);
        let filled = fill("$CI_PROJECT_DIR/.cache/x", &variables);
        assert_eq!(filled.unwrap(), "/builds/a/.cache/x");
        assert!(fill("$NOBODY", &variables).is_err() && fill("${CI_PROJECT_DIR}", &variables).is_err());
    }
}
