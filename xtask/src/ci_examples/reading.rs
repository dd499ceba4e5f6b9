//! A CI's file, read strictly: what the player does not know is an error, never passed over.
//!
//! In: the text of a YAML file. Out: [`Node`]s, each with the place that it is at for messages. Nothing is guessed: a list
//! is no text, a number is the text that it was written as.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use yaml_rust2::{Yaml, YamlLoader};

/// A part of the file.
#[derive(Clone, Debug)]
pub(super) struct Node {
    place: String,
    value: Yaml,
}

/// Reads a file of one document.
pub(super) fn file(path: &Path) -> Result<Node> {
    let shown = path.display().to_string();
    let text = fs::read_to_string(path).with_context(|| shown.clone())?;
    let mut documents = YamlLoader::load_from_str(&text).with_context(|| shown.clone())?;
    ensure!(documents.len() == 1, "{shown}: not one document");
    Ok(Node {
        place: path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
        value: documents.remove(0),
    })
}

impl Node {
    /// Where it is.
    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// Its fields, of which there may be no others than `known`.
    pub(super) fn fields(&self, known: &[&str]) -> Result<BTreeMap<String, Self>> {
        let fields: BTreeMap<String, Self> = self.entries()?.into_iter().collect();
        for name in fields.keys() {
            ensure!(
                known.contains(&name.as_str()),
                "{}: `{name}` is not known here",
                self.place
            );
        }
        Ok(fields)
    }

    /// Its fields, whatever they are called, in their order.
    pub(super) fn entries(&self) -> Result<Vec<(String, Self)>> {
        let Yaml::Hash(hash) = &self.value else {
            bail!("{}: not a mapping", self.place);
        };
        let entry = |(name, value): (&Yaml, &Yaml)| {
            let name = name
                .as_str()
                .with_context(|| format!("{}: a name that is no text", self.place))?;
            Ok((name.to_owned(), self.below(name, value)))
        };
        hash.iter().map(entry).collect()
    }

    /// Its elements; of a text the text alone, as both CIs take it.
    pub(super) fn elements(&self) -> Result<Vec<Self>> {
        match &self.value {
            Yaml::Array(elements) => Ok(elements
                .iter()
                .enumerate()
                .map(|(position, value)| self.below(&position.to_string(), value))
                .collect()),
            Yaml::Hash(_) | Yaml::Null => bail!("{}: not a list", self.place),
            _ => Ok(vec![self.clone()]),
        }
    }

    /// Its elements as texts.
    pub(super) fn texts(&self) -> Result<Vec<String>> {
        self.elements()?.iter().map(Self::text).collect()
    }

    /// A text, number or truth value, as it was written.
    pub(super) fn text(&self) -> Result<String> {
        match &self.value {
            Yaml::String(text) | Yaml::Real(text) => Ok(text.clone()),
            Yaml::Integer(number) => Ok(number.to_string()),
            Yaml::Boolean(truth) => Ok(truth.to_string()),
            _ => bail!("{}: not a text", self.place),
        }
    }

    /// A mapping of texts, in its order.
    pub(super) fn table(&self) -> Result<Vec<(String, String)>> {
        let entries = self.entries()?.into_iter();
        entries.map(|(name, node)| Ok((name, node.text()?))).collect()
    }

    /// Whether nothing is said.
    pub(super) fn is_null(&self) -> bool {
        self.value.is_null()
    }

    fn below(&self, name: &str, value: &Yaml) -> Self {
        Self {
            place: format!("{}.{name}", self.place),
            value: value.clone(),
        }
    }
}

#[cfg(test)]
pub(super) fn of_text(text: &str) -> Node {
    Node {
        place: "file".to_owned(),
        value: YamlLoader::load_from_str(text).unwrap().remove(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_an_error() {
        let node = of_text("on: {push: null}\nrun: [a, 1]\nversion: 0.1.0\ntwice: 2.50\n");
        let error = node.fields(&["on", "run", "version"]).unwrap_err();
        assert_eq!(error.to_string(), "file: `twice` is not known here");
        let fields = node.fields(&["on", "run", "version", "twice"]).unwrap();
        assert_eq!(fields["run"].texts().unwrap(), ["a", "1"]);
        assert_eq!(fields["version"].texts().unwrap(), ["0.1.0"]);
        assert_eq!(fields["twice"].text().unwrap(), "2.50");
        assert!(fields["on"].text().is_err() && fields["run"].entries().is_err());
        assert!(fields["on"].fields(&["push"]).unwrap()["push"].is_null());
    }
}
