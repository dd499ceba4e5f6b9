//! The language of a matrix as data: which tables there are, which keys they have, what each takes.
//!
//! One description serves four readers: the check of a text, "did you mean", the JSON Schema and the reference for
//! people. A new key is a new line in [`keys`]; what its value means is said where it is read.

mod format;
mod image;
mod keys;

pub(super) use format::{Flaw, Format, meant, owner};
pub(super) use image::IMAGE;
pub(super) use keys::ROOT;

/// A table with fixed keys.
pub(super) struct Shape {
    /// As people say it: `an image`, `a tag`.
    pub(super) name: &'static str,
    /// Its keys in groups, so that tables can share them.
    pub(super) groups: &'static [&'static [Key]],
}

/// A key of a [`Shape`].
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) form: Form,
    /// Whether it must be there.
    pub(super) required: bool,
    /// What it says, one sentence or two.
    pub(super) about: &'static str,
    /// What holds without it, in words or as TOML; empty where that is said by `about`.
    pub(super) default: &'static str,
    /// A value as one would write it.
    pub(super) example: &'static str,
}

/// What a value may be.
pub(super) enum Form {
    Boolean,
    /// `false`, where `true` would say nothing.
    Off,
    Integer {
        minimum: i64,
        maximum: i64,
    },
    Text(Format),
    /// One of these words.
    Word(&'static [&'static str]),
    List(&'static Form),
    /// A list that must have an item.
    FullList(&'static Form),
    /// A table whose keys the user chooses.
    Map {
        key: Format,
        value: &'static Form,
    },
    Table(&'static Shape),
    /// Forms of different TOML types.
    Either(&'static [Form]),
}

impl Shape {
    pub(super) fn keys(&self) -> impl Iterator<Item = &'static Key> {
        self.groups.iter().copied().flatten()
    }

    pub(super) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys().find(|key| key.name == name)
    }
}

impl Form {
    /// As people say it: `a string or an array`.
    pub(super) fn expected(&self) -> String {
        match self {
            Self::Boolean => "a boolean".to_owned(),
            Self::Off => "`false`".to_owned(),
            Self::Integer { .. } => "an integer".to_owned(),
            Self::Text(_) | Self::Word(_) => "a string".to_owned(),
            Self::List(item) | Self::FullList(item) => match item {
                Self::Text(_) | Self::Word(_) => "an array of strings".to_owned(),
                Self::Table(_) => "an array of tables".to_owned(),
                _ => "an array".to_owned(),
            },
            Self::Map { .. } | Self::Table(_) => "a table".to_owned(),
            Self::Either(forms) => {
                let forms: Vec<_> = forms.iter().map(Self::expected).collect();
                forms.join(" or ")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn each_shape(form: &Form, see: &mut dyn FnMut(&Shape)) {
        match form {
            Form::Table(shape) => {
                see(shape);
                for key in shape.keys() {
                    each_shape(&key.form, see);
                }
            }
            Form::List(form) | Form::FullList(form) | Form::Map { value: form, .. } => each_shape(form, see),
            Form::Either(forms) => forms.iter().for_each(|form| each_shape(form, see)),
            _ => {}
        }
    }

    #[test]
    fn every_key_is_kebab_case_described_and_there_once() {
        let mut seen = 0;
        each_shape(&Form::Table(&ROOT), &mut |shape| {
            for (position, key) in shape.keys().enumerate() {
                seen += 1;
                let kebab = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
                assert!(key.name.bytes().all(kebab), "{}", key.name);
                assert!(key.about.ends_with('.'), "{}.{}", shape.name, key.name);
                assert!(!key.example.is_empty(), "{}.{}", shape.name, key.name);
                assert!(
                    shape.keys().take(position).all(|other| other.name != key.name),
                    "{}",
                    key.name
                );
            }
        });
        assert!(seen > 60);
    }

    #[test]
    fn forms_beside_each_other_are_of_different_types() {
        each_shape(&Form::Table(&ROOT), &mut |shape| {
            for key in shape.keys() {
                if let Form::Either(forms) = &key.form {
                    let mut types: Vec<_> = forms
                        .iter()
                        .map(|form| match form.expected().split(' ').nth(1) {
                            Some(kind) => kind.to_owned(),
                            None => "boolean".to_owned(),
                        })
                        .collect();
                    types.sort();
                    types.dedup();
                    assert_eq!(types.len(), forms.len(), "{}.{}", shape.name, key.name);
                }
            }
        });
    }
}
