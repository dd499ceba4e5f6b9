//! Packing with UPX, and what it does not do for.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::super::{BinaryError, ElfKind, Facts};
use super::UpxLevel;
use super::entries::kept;
use crate::target::Target;
use crate::tool::{Call, Ended, Output, ToolError, Tools};

/// LZMA needs some minutes for the largest programs.
const LIMIT: Duration = Duration::from_mins(60);
/// In a packed file, this stands behind the program headers.
/// <https://github.com/upx/upx/blob/v4.2.2/src/stub/src/include/linux.h> (`struct l_info`)
const MAGIC: &[u8] = b"UPX!";
const HEADERS: u64 = 512;

/// What UPX itself says of programs that it does not do for. Other errors are no fault of the program.
/// <https://github.com/upx/upx/blob/v4.2.2/src/except.h>
const REFUSALS: &[&str] = &[
    "AlreadyPackedException",
    "CantPackException",
    "NotCompressibleException",
    "OverlayException",
    "UnknownExecutableFormatException",
];

/// An installed UPX.
pub(super) struct Upx {
    program: PathBuf,
    /// What it says of its version and of the libraries in it.
    pub(super) version: String,
}

impl Upx {
    pub(super) fn find(tools: &Tools) -> Result<Self, BinaryError> {
        let names = ["upx", "upx-ucl"];
        let program = names.iter().find_map(|name| tools.find(name));
        let program = program.ok_or(BinaryError::NoUpx)?;
        let version = tools.run(&call(&program).arg("--version"))?.text();
        Ok(Self { program, version })
    }

    /// Packs `from` into `to`, and lets UPX unpack it again; or says why not, and leaves no file.
    pub(super) fn pack(
        &self,
        tools: &Tools,
        wish: UpxLevel,
        from: &Path,
        to: &Path,
    ) -> Result<Option<String>, BinaryError> {
        // UPX takes neither files with several links (cargo's) nor such that may not be executed.
        let copy = to.with_added_extension("unpacked");
        fs::copy(from, &copy).map_err(kept(&copy))?;
        super::set_mode(&copy, 0o755)?;
        let refused = self.pack_copy(tools, wish, &copy, to)?;
        fs::remove_file(&copy).map_err(kept(&copy))?;
        if refused.is_some() {
            // It may have been written already, or not.
            let _ = fs::remove_file(to);
        }
        Ok(refused)
    }

    fn pack_copy(
        &self,
        tools: &Tools,
        wish: UpxLevel,
        from: &Path,
        to: &Path,
    ) -> Result<Option<String>, BinaryError> {
        let mut pack = call(&self.program).args(["-q", "-q"]);
        pack = pack.args(wish.level.map(|level| format!("-{level}")));
        pack = pack.args(wish.lzma.then_some("--lzma"));
        let pack = pack.arg("-o").arg(to).arg("--").arg(from);
        if let Some(refused) = judged(&pack, &tools.output(&pack)?)? {
            return Ok(Some(refused));
        }
        let size = |path: &Path| path.metadata().map(|metadata| metadata.len()).map_err(kept(path));
        let (before, after) = (size(from)?, size(to)?);
        if after >= before {
            return Ok(Some(format!("it would have {after} bytes instead of {before}")));
        }
        let test = call(&self.program).args(["-q", "-q", "-t", "--"]).arg(to);
        let tested = tools.output(&test)?;
        match tested.ended {
            Ended::Code(0) => Ok(None),
            Ended::Code(_) => Ok(Some("`upx -t` cannot unpack it again".to_owned())),
            // Killed, say: nothing to be remembered of the program.
            ended => Err(ToolError::failed(&test, ended, &String::from_utf8_lossy(&tested.stderr)).into()),
        }
    }
}

/// What UPX has against the program; none if it packed it.
fn judged(call: &Call, output: &Output) -> Result<Option<String>, ToolError> {
    if output.ended == Ended::Code(0) {
        return Ok(None);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let refusal = said.lines().find_map(|line| {
        REFUSALS
            .iter()
            .find_map(|name| line.find(name).map(|at| &line[at..]))
    });
    match refusal {
        Some(refusal) => Ok(Some(format!("UPX says `{}`", refusal.trim_end()))),
        None => Err(ToolError::failed(call, output.ended, &said)),
    }
}

fn call(program: &Path) -> Call {
    // Options in the user's `UPX` would make other bytes than ours.
    Call::new(program).limit(LIMIT).without("UPX")
}

/// What is known to come to nothing, before UPX is asked.
pub(super) fn obstacle(facts: &Facts, target: &Target) -> Option<String> {
    let Some(elf) = facts.elf() else {
        return Some("it is no ELF file".to_owned());
    };
    if !target.upx {
        return Some(format!("UPX packs no programs for `{}`", target.triple));
    }
    // UPX packs some of them; none can be tried by starting it.
    let library = elf.soname.is_some() || (elf.interpreter.is_none() && !elf.needed.is_empty());
    if library || matches!(elf.kind, ElfKind::Other(_)) {
        return Some("it is a library, no program".to_owned());
    }
    is_packed(&facts.path).then(|| "it is packed already".to_owned())
}

/// Whether UPX packed it. A file that cannot be read is not packed.
fn is_packed(path: &Path) -> bool {
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(HEADERS).read_to_end(&mut start));
    read.is_ok() && start.windows(MAGIC.len()).any(|bytes| bytes == MAGIC)
}
