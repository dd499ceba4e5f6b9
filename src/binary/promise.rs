//! Holding a program against what its target promises.
//!
//! A wrong linker, a C compiler for another processor or a file taken from another platform's folder all yield files
//! that look well until they are started somewhere else.

use std::fmt;

use super::{BinaryError, Elf, ElfKind, Facts, Format};
use crate::target::{ElfPromise, Target};

/// One thing that a file says and its target promises otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mismatch {
    /// What it is about.
    pub what: &'static str,
    /// What the file says.
    pub found: String,
    /// What the target promises.
    pub promised: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {} instead of {}", self.what, self.found, self.promised)
    }
}

impl Facts {
    /// Checks the file against the target's promise.
    ///
    /// # Errors
    /// [`BinaryError::Promise`] with everything that differs.
    pub fn keeps(&self, target: &Target) -> Result<(), BinaryError> {
        let mismatches = match (&self.format, &target.elf) {
            (Format::Elf(elf), Some(promise)) => differences(elf, promise),
            (Format::Wasm, None) => Vec::new(),
            (format, promise) => {
                let promised = if promise.is_some() { "ELF" } else { "WebAssembly" };
                vec![mismatch("format", format.name(), promised)]
            }
        };
        if mismatches.is_empty() {
            return Ok(());
        }
        Err(BinaryError::Promise {
            path: self.path.clone(),
            triple: target.triple.clone(),
            mismatches,
        })
    }
}

impl Format {
    fn name(&self) -> &'static str {
        match self {
            Self::Elf(_) => "ELF",
            Self::Wasm => "WebAssembly",
            Self::Other => "neither ELF nor WebAssembly",
        }
    }
}

fn differences(elf: &Elf, promise: &ElfPromise) -> Vec<Mismatch> {
    let mut found = Vec::new();
    let mut hold = |what, own: String, promised: String| {
        if own != promised {
            found.push(mismatch(what, own, promised));
        }
    };
    hold(
        "class",
        format!("{} bits", elf.class),
        format!("{} bits", promise.class),
    );
    hold(
        "byte order",
        format!("{:?}", elf.endian).to_lowercase(),
        format!("{:?}", promise.endian).to_lowercase(),
    );
    hold("machine", elf.machine.to_string(), promise.machine.to_string());
    if let Some(flags) = promise.flags {
        let bits = |bits: u32| format!("{:#x} (of {:#x})", bits & flags.mask, flags.mask);
        // A static program calls no library: bits that it does not set say nothing, as those of the float ABI, which
        // Go's linker leaves open. One that the target does not have is of another ABI all the same.
        let open = if elf.is_static() {
            flags.value & !elf.flags
        } else {
            0
        };
        hold("e_flags", bits(elf.flags | open), bits(flags.value));
    }
    if let ElfKind::Other(kind) = elf.kind {
        found.push(mismatch("type", kind.to_string(), "a program"));
    }
    // A static program keeps every promise: it asks for no interpreter.
    match (&elf.interpreter, &promise.interpreter) {
        (Some(own), Some(promised)) if own != promised => {
            found.push(mismatch(
                "interpreter",
                format!("`{own}`"),
                format!("`{promised}`"),
            ));
        }
        (Some(own), None) => found.push(mismatch("interpreter", format!("`{own}`"), "none")),
        (None, _) if !elf.needed.is_empty() => {
            found.push(mismatch("interpreter", "none, though it needs libraries,", "one"));
        }
        _ => {}
    }
    found
}

fn mismatch(what: &'static str, found: impl Into<String>, promised: impl Into<String>) -> Mismatch {
    Mismatch {
        what,
        found: found.into(),
        promised: promised.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::Endian;

    fn target(elf: serde_json::Value) -> Target {
        serde_json::from_value(serde_json::json!({
            "triple": "t", "platform": "linux/arm/v7", "libc": "gnu", "arch": "arm", "linkers": [], "elf": elf,
        }))
        .unwrap()
    }

    fn facts(change: impl FnOnce(&mut Elf)) -> Facts {
        let mut elf: Elf = serde_json::from_value(serde_json::json!({
            "class": 32, "endian": "little", "machine": 40, "flags": 0x0500_0400, "kind": "dyn",
            "interpreter": "/lib/ld-linux-armhf.so.3", "needed": ["libc.so.6"], "stripped": true,
        }))
        .unwrap();
        change(&mut elf);
        Facts {
            path: "p".into(),
            size: 1,
            format: Format::Elf(Box::new(elf)),
        }
    }

    #[test]
    fn everything_that_differs_is_said() {
        let flags = serde_json::json!({"mask": 0xff00_0400_u32, "value": 0x0500_0400});
        let arm = target(
            serde_json::json!({"class": 32, "endian": "little", "machine": 40, "flags": flags,
            "interpreter": "/lib/ld-linux-armhf.so.3"}),
        );
        let musl = target(serde_json::json!({"class": 32, "endian": "little", "machine": 40}));
        let make_static = |elf: &mut Elf| {
            elf.interpreter = None;
            elf.needed.clear();
        };
        facts(|_| {}).keeps(&arm).unwrap();
        facts(make_static).keeps(&arm).unwrap();
        facts(make_static).keeps(&musl).unwrap();
        facts(|elf| {
            make_static(elf);
            elf.flags = 0x0500_0002;
        })
        .keeps(&arm)
        .unwrap();
        for (facts, target, expected) in [
            (
                facts(|elf| elf.class = 64),
                &arm,
                "class is 64 bits instead of 32 bits",
            ),
            (
                facts(|elf| elf.endian = Endian::Big),
                &arm,
                "byte order is big instead of little",
            ),
            (
                facts(|elf| {
                    elf.machine = 62;
                    elf.flags = 0x0500_0200;
                }),
                &arm,
                "machine is 62 instead of 40; e_flags is 0x5000000 (of 0xff000400) instead of 0x5000400 (of 0xff000400)",
            ),
            (
                facts(|elf| elf.flags = 0x0500_0002),
                &arm,
                "e_flags is 0x5000000 (of 0xff000400) instead of 0x5000400 (of 0xff000400)",
            ),
            (
                facts(|elf| {
                    make_static(elf);
                    elf.flags = 0x0700_0400;
                }),
                &arm,
                "e_flags is 0x7000400 (of 0xff000400) instead of 0x5000400 (of 0xff000400)",
            ),
            (
                facts(|elf| elf.kind = ElfKind::Other(1)),
                &arm,
                "type is 1 instead of a program",
            ),
            (
                facts(|elf| elf.interpreter = Some("/lib/x".into())),
                &arm,
                "interpreter is `/lib/x` instead of `/lib/ld-linux-armhf.so.3`",
            ),
            (
                facts(|_| {}),
                &musl,
                "interpreter is `/lib/ld-linux-armhf.so.3` instead of none",
            ),
            (
                facts(|elf| elf.interpreter = None),
                &arm,
                "interpreter is none, though it needs libraries, instead of one",
            ),
            (
                facts(|_| {}),
                &target(serde_json::Value::Null),
                "format is ELF instead of WebAssembly",
            ),
        ] {
            let error = facts.keeps(target).unwrap_err().to_string();
            assert_eq!(error, format!("`p` is no program for `t`: {expected}"));
        }
        let of = |format| Facts {
            path: "p".into(),
            size: 1,
            format,
        };
        assert!(of(Format::Other).keeps(&arm).is_err());
        assert!(of(Format::Wasm).keeps(&arm).is_err());
        of(Format::Wasm).keeps(&target(serde_json::Value::Null)).unwrap();
    }
}
