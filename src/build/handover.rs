//! How the flags for rustc are handed to cargo.
//!
//! Only `CARGO_ENCODED_RUSTFLAGS` replaces every other source of flags and can say flags with blanks. It holds for
//! all targets of one call: triples whose flags differ need a call each. They share the target directory, so what is
//! built for the host stays fresh.

use std::collections::BTreeMap;
use std::ffi::OsString;

/// How one call of cargo is given its flags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Handover {
    /// The triples of this call; all get the same flags.
    pub(super) triples: Vec<String>,
    /// Variables to set.
    pub(super) variables: BTreeMap<String, OsString>,
    /// Variables to remove.
    pub(super) remove: Vec<String>,
}

/// One entry for each call of cargo that is needed to give each triple exactly its flags.
pub(super) fn handover(flags: &BTreeMap<String, Vec<String>>) -> Vec<Handover> {
    let mut calls: BTreeMap<&[String], Vec<String>> = BTreeMap::new();
    for (triple, flags) in flags {
        calls.entry(flags).or_default().push(triple.clone());
    }
    calls
        .into_iter()
        .map(|(flags, triples)| Handover {
            triples,
            variables: BTreeMap::from([("CARGO_ENCODED_RUSTFLAGS".to_owned(), flags.join("\u{1f}").into())]),
            remove: vec!["RUSTFLAGS".to_owned()],
        })
        .collect()
}
