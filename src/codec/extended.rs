//! [`Extended`]: what extended headers of a tar say about the entry after them.
//!
//! In: the text of such headers. Out: names and numbers for the entry. Records that nobody knows are jumped over.
//!
//! <https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html#tag_20_92_13_03>

use std::collections::BTreeMap;
use std::io;

use super::entries::invalid;
use super::pax::{decimal, records};

/// What extended headers say about the next entry.
#[derive(Default)]
pub(crate) struct Extended {
    path: Option<Vec<u8>>,
    target: Option<Vec<u8>>,
    gnu_path: Option<Vec<u8>>,
    gnu_target: Option<Vec<u8>>,
    pub(crate) size: Option<u64>,
    pub(crate) uid: Option<u64>,
    pub(crate) gid: Option<u64>,
    /// In whole seconds: what is before 1970 counts as nothing.
    pub(crate) modified: Option<u64>,
    pub(crate) attributes: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(crate) sparse: bool,
    pub(crate) real_size: Option<u64>,
}

impl Extended {
    /// The entry's path, if it is not its header's. GNU's headers win over PAX's, and empty ones count for nothing.
    pub(crate) fn path(&mut self) -> Option<Vec<u8>> {
        let pax = self.path.take().filter(|path| !path.is_empty());
        self.gnu_path.take().or(pax)
    }

    /// Where the entry leads, if not where its header says.
    pub(crate) fn target(&mut self) -> Option<Vec<u8>> {
        let pax = self.target.take().filter(|target| !target.is_empty());
        self.gnu_target.take().or(pax)
    }

    /// Takes GNU's long name of the next entry.
    pub(crate) fn read_path(&mut self, text: Vec<u8>) {
        self.gnu_path = Some(until_nul(text));
    }

    /// Takes GNU's long target of the next entry.
    pub(crate) fn read_target(&mut self, text: Vec<u8>) {
        self.gnu_target = Some(until_nul(text));
    }

    /// Reads the records of PAX.
    pub(crate) fn read_pax(&mut self, text: &[u8]) -> io::Result<()> {
        for record in records(text) {
            let (key, value) = record?;
            self.take(key, value)?;
        }
        Ok(())
    }

    fn take(&mut self, key: &[u8], value: &[u8]) -> io::Result<()> {
        let number = || match value {
            // Takes back what was said before.
            b"" => Ok(None),
            _ => decimal(value)
                .map(Some)
                .ok_or_else(|| invalid("a number that is none in an extended header")),
        };
        match key {
            b"path" => self.path = Some(value.to_vec()),
            b"linkpath" => self.target = Some(value.to_vec()),
            b"size" => self.size = number()?,
            b"uid" => self.uid = number()?,
            b"gid" => self.gid = number()?,
            b"mtime" => {
                let whole = value.split(|byte| *byte == b'.').next().unwrap_or_default();
                self.modified = (!value.is_empty()).then(|| decimal(whole).unwrap_or_default());
            }
            // <https://www.gnu.org/software/tar/manual/html_node/PAX-1.html>
            b"GNU.sparse.name" => self.path = Some(value.to_vec()),
            b"GNU.sparse.realsize" | b"GNU.sparse.size" => self.real_size = number()?,
            _ => {}
        }
        // As Go has it, whose tars most images are made of.
        if let Some(name) = key.strip_prefix(b"SCHILY.xattr.") {
            self.attributes.insert(name.to_vec(), value.to_vec());
        }
        self.sparse |= key.starts_with(b"GNU.sparse.");
        Ok(())
    }
}

fn until_nul(mut text: Vec<u8>) -> Vec<u8> {
    if let Some(end) = text.iter().position(|byte| *byte == 0) {
        text.truncate(end);
    }
    text
}
