//! A [`Tree`] as a cache keeps it: written without a loss, checked when it is read.
//!
//! Small enough as JSON: a row for each node, and bytes as text. What is no UTF-8 is written `%FF`, and `%` itself as
//! `%25`. It has no version number: whoever keeps it says which version of this program wrote it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::walk::{clean, split};
use super::{Kind, Node, Replaced, Tree};

/// Path, mode, user, group, kind.
#[derive(Serialize, Deserialize)]
struct Row<P, K>(P, u32, u64, u64, K);

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Stored {
    layers: usize,
    /// The root first.
    nodes: Vec<Row<Text, Kind>>,
    replaced: Vec<Replaced>,
}

impl Serialize for Tree {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut tree = serializer.serialize_struct("Tree", 3)?;
        tree.serialize_field("layers", &self.layers)?;
        tree.serialize_field("nodes", &Rows(self))?;
        tree.serialize_field("replaced", &self.replaced)?;
        tree.end()
    }
}

/// The rows of a tree, without a copy of them.
struct Rows<'t>(&'t Tree);

impl Serialize for Rows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let root = std::iter::once((b"".as_slice(), &self.0.root));
        let rows = root.chain(self.0.iter());
        serializer.collect_seq(
            rows.map(|(path, node)| Row(encode(path), node.mode, node.uid, node.gid, &node.kind)),
        )
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let stored = Stored::deserialize(deserializer)?;
        let mut rows = stored
            .nodes
            .into_iter()
            .map(|Row(Text(path), mode, uid, gid, kind)| {
                let node = Node { mode, uid, gid, kind };
                (path, node)
            });
        let root = rows
            .next()
            .filter(|(path, node)| path.is_empty() && node.kind == Kind::Directory);
        let (_, root) = root.ok_or_else(|| D::Error::custom("the tree has no root"))?;
        let count = rows.len();
        let nodes: BTreeMap<Vec<u8>, Node> = rows.collect();
        let is_directory = |path: &[u8]| {
            let node = nodes.get(path);
            path.is_empty() || node.is_some_and(|node| node.kind == Kind::Directory)
        };
        let fits =
            |path: &[u8]| split(path).is_some_and(|(folder, _)| is_directory(folder)) && clean(path) == path;
        if nodes.len() != count || !nodes.keys().all(|path| fits(path)) {
            return Err(D::Error::custom("what is stored is no tree"));
        }
        let mut tree = Self {
            held: 0,
            root,
            nodes,
            replaced: stored.replaced,
            layers: stored.layers,
        };
        tree.count();
        Ok(tree)
    }
}

/// Bytes, written as text.
struct Text(Vec<u8>);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = decode(text).ok_or_else(|| D::Error::custom("a `%` that stands for nothing"))?;
        Ok(Self(bytes))
    }
}

fn encode(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes)
        && !text.contains('%')
    {
        return Cow::Borrowed(text);
    }
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        text += &chunk.valid().replace('%', "%25");
        for byte in chunk.invalid() {
            text += &format!("%{byte:02X}");
        }
    }
    Cow::Owned(text)
}

fn decode(text: String) -> Option<Vec<u8>> {
    if !text.contains('%') {
        return Some(text.into_bytes());
    }
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend(rest.as_bytes());
    }
    Some(bytes)
}

/// For serde's `with`: bytes, written as text.
pub(super) mod bytes {
    use super::{Deserialize, Deserializer, Serialize, Serializer, Text, encode};

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        encode(bytes).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        Ok(Text::deserialize(deserializer)?.0)
    }
}

/// The same, where there may be none.
pub(super) mod optional_bytes {
    use super::{Deserialize, Deserializer, Serialize, Serializer, Text, encode};

    pub(crate) fn serialize<S: Serializer>(
        bytes: &Option<Vec<u8>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        bytes.as_deref().map(encode).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Vec<u8>>, D::Error> {
        Ok(Option::<Text>::deserialize(deserializer)?.map(|text| text.0))
    }
}

/// For serde's `with`: what is shared is written again each time.
pub(super) mod shared {
    use std::sync::Arc;

    use super::super::FileFacts;
    use super::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(facts: &Arc<FileFacts>, serializer: S) -> Result<S::Ok, S::Error> {
        facts.as_ref().serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Arc<FileFacts>, D::Error> {
        FileFacts::deserialize(deserializer).map(Arc::new)
    }
}
