//! The language of a matrix as data: which tables there are, which keys they have, what each takes.
//!
//! One description serves four readers: the check of a text, "did you mean", the JSON Schema and the reference for
//! people. A new key is a new line in [`keys`]; what its value means is said where it is read.

mod checks;
mod format;
mod image;
mod keys;
mod parts;

pub(super) use checks::names as check_names;
pub(super) use format::{Flaw, Format, meant, owner};
pub(super) use image::IMAGE;
pub(super) use keys::ROOT;

/// A table with fixed keys.
pub(super) struct Shape {
    /// As people say it: `an image`, `a tag`.
    pub(super) name: &'static str,
    /// Its keys in groups, so that tables can share them.
    pub(super) groups: &'static [&'static [Key]],
    /// Of these there must be exactly one, if there are any.
    pub(super) kinds: &'static [Kind],
}

/// A way to write a [`Shape`]: a key that says which, and those that go with it. Keys of other ways exclude it.
pub(super) struct Kind {
    pub(super) key: &'static str,
    /// Keys that must stand beside it.
    pub(super) needs: &'static [&'static str],
    /// Keys that may stand beside it.
    pub(super) takes: &'static [&'static str],
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

    /// This one and all that may stand in it.
    pub(super) fn all(&'static self) -> Vec<&'static Shape> {
        let mut found = vec![self];
        let mut next = 0;
        while let Some(shape) = found.get(next).copied() {
            for key in shape.keys() {
                key.form.tables(&mut found);
            }
            next += 1;
        }
        found
    }
}

impl Kind {
    /// The keys that it must have, as people say them.
    pub(super) fn way(&self) -> String {
        let keys: Vec<_> = std::iter::once(&self.key)
            .chain(self.needs)
            .map(|key| format!("`{key}`"))
            .collect();
        keys.join(" and ")
    }

    /// Whether `key` may stand in this way of writing.
    pub(super) fn has(&self, key: &str) -> bool {
        self.key == key || self.needs.contains(&key) || self.takes.contains(&key)
    }
}

impl Form {
    /// Adds the tables that a value may be or hold, unless they are there.
    fn tables(&self, found: &mut Vec<&'static Shape>) {
        match self {
            Self::Table(shape) if !found.iter().any(|known| std::ptr::eq(*known, *shape)) => {
                found.push(shape)
            }
            Self::List(form) | Self::FullList(form) | Self::Map { value: form, .. } => form.tables(found),
            Self::Either(forms) => forms.iter().for_each(|form| form.tables(found)),
            _ => {}
        }
    }

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
mod tests;
