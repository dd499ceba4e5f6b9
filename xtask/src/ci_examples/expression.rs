//! The expressions of GitHub Actions that the example uses: names, texts, `==`, `!=`, `&&`, `||` and `hashFiles`.
//!
//! In: `${{ ... }}` in a text, and the values of a job. Out: the text. Everything else of the language is an error.
//! <https://docs.github.com/en/actions/reference/workflows-and-actions/expressions>

use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};

/// What expressions may name.
#[derive(Clone, Debug, Default)]
pub(super) struct Values {
    /// By the full name, as `github.ref`.
    pub known: BTreeMap<String, String>,
    /// The project's folder, whose files are hashed; none before the first step.
    pub folder: Option<PathBuf>,
}

impl Values {
    pub(super) fn set(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.known.insert(name.into(), value.into());
    }

    /// `text` with every expression replaced by its value.
    pub(super) fn fill(&self, text: &str) -> Result<String> {
        let (mut rest, mut filled) = (text, String::new());
        while let Some((before, after)) = rest.split_once("${{") {
            let (expression, after) = after
                .split_once("}}")
                .with_context(|| format!("`{text}`: an expression without end"))?;
            filled.push_str(before);
            filled.push_str(&self.value(expression)?);
            rest = after;
        }
        filled.push_str(rest);
        Ok(filled)
    }

    /// Whether a condition (with or without `${{ }}`) holds.
    pub(super) fn holds(&self, condition: &str) -> Result<bool> {
        let inside = condition.trim();
        let inside = inside
            .strip_prefix("${{")
            .and_then(|inside| inside.strip_suffix("}}"));
        let value = self.value(inside.unwrap_or(condition))?;
        Ok(is_true(&value))
    }

    fn value(&self, expression: &str) -> Result<String> {
        let words = words(expression).with_context(|| format!("`{}`", expression.trim()))?;
        let mut reader = Reader {
            values: self,
            words: &words,
        };
        let value = reader
            .either()
            .with_context(|| format!("`{}`", expression.trim()))?;
        ensure!(
            reader.words.is_empty(),
            "`{}`: not known from {:?} on",
            expression.trim(),
            reader.words
        );
        Ok(value)
    }

    fn named(&self, name: &str) -> Result<String> {
        match self.known.get(name) {
            Some(value) => Ok(value.clone()),
            // A variable that nobody has set is empty; any other name is a slip.
            None if name.starts_with("vars.") => Ok(String::new()),
            None => bail!("`{name}` has no value here"),
        }
    }

    fn hash(&self, file: &str) -> Result<String> {
        let folder = self.folder.as_ref().context("no files are here yet")?;
        let bytes = fs::read(folder.join(file)).with_context(|| format!("hashFiles('{file}')"))?;
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        Ok(format!("{:016x}", hasher.finish()))
    }
}

fn is_true(value: &str) -> bool {
    !value.is_empty() && value != "false"
}

fn truth(value: bool) -> String {
    value.to_string()
}

/// A word of an expression: an operator or bracket, a name, or a text in quotes with its first quote.
fn words(expression: &str) -> Result<Vec<String>> {
    let mut words = Vec::new();
    let mut rest = expression.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = if first == '\'' {
            let end = rest[1..].find('\'').context("a text without end")?;
            words.push(rest[..=end].to_owned());
            end + 2
        } else {
            let operator = ["==", "!=", "&&", "||", "(", ")"]
                .into_iter()
                .find(|operator| rest.starts_with(operator));
            let is_name = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
            let length = operator.map_or_else(|| rest.find(|c| !is_name(c)).unwrap_or(rest.len()), str::len);
            ensure!(length > 0, "`{first}` is not known");
            words.push(rest[..length].to_owned());
            length
        };
        rest = rest[length..].trim_start();
    }
    Ok(words)
}

struct Reader<'a> {
    values: &'a Values,
    words: &'a [String],
}

impl Reader<'_> {
    fn take(&mut self, word: &str) -> bool {
        match self.words.split_first() {
            Some((first, rest)) if first == word => {
                self.words = rest;
                true
            }
            _ => false,
        }
    }

    /// The first of some values that is true, else the last.
    fn either(&mut self) -> Result<String> {
        let mut value = self.both()?;
        while self.take("||") {
            let other = self.both()?;
            if !is_true(&value) {
                value = other;
            }
        }
        Ok(value)
    }

    fn both(&mut self) -> Result<String> {
        let mut value = self.compared()?;
        while self.take("&&") {
            let other = self.compared()?;
            if is_true(&value) {
                value = other;
            }
        }
        Ok(value)
    }

    fn compared(&mut self) -> Result<String> {
        let left = self.single()?;
        // GitHub compares texts without regard to case.
        if self.take("==") {
            return Ok(truth(left.eq_ignore_ascii_case(&self.single()?)));
        }
        if self.take("!=") {
            return Ok(truth(!left.eq_ignore_ascii_case(&self.single()?)));
        }
        Ok(left)
    }

    fn single(&mut self) -> Result<String> {
        let (first, rest) = self.words.split_first().context("something is missing")?;
        self.words = rest;
        if let Some(text) = first.strip_prefix('\'') {
            return Ok(text.to_owned());
        }
        if first == "hashFiles" {
            ensure!(self.take("("), "`hashFiles` without bracket");
            let file = self.single()?;
            ensure!(self.take(")"), "`hashFiles` of several files");
            return self.values.hash(&file);
        }
        ensure!(first.contains('.'), "`{first}` is not known");
        self.values.named(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_have_values_or_are_errors() {
        let mut values = Values::default();
        values.set("github.event_name", "push");
        values.set("matrix.part", "arm");
        for (text, expected) in [
            ("part-${{ matrix.part }}.tar", Some("part-arm.tar")),
            ("${{ vars.REGISTRY || 'ghcr.io' }}/x", Some("ghcr.io/x")),
            ("${{ github.event_name == 'PUSH' }}", Some("true")),
            (
                "${{ github.event_name != 'push' && matrix.part || 'no' }}",
                Some("no"),
            ),
            ("plain", Some("plain")),
            ("${{ matrix.runner }}", None),
            ("${{ contains(matrix.part, 'a') }}", None),
            ("${{ always() }}", None),
            ("${{ !matrix.part }}", None),
            ("${{ matrix.part", None),
            ("${{ 'open }}", None),
            ("${{ matrix.part matrix.part }}", None),
            ("${{ hashFiles('Cargo.lock') }}", None),
        ] {
            assert_eq!(values.fill(text).ok().as_deref(), expected, "{text}");
        }
        assert!(values.holds("github.event_name != 'pull_request'").unwrap());
        assert!(
            !values
                .holds("${{ github.event_name == 'pull_request' }}")
                .unwrap()
        );
    }
}
