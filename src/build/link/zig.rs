//! zig: compiler, linker, headers and libraries in one, behind scripts that speak rustc's and gcc's language to it.

use std::fs::File;
use std::io::Read;

use super::compiler::{shown as as_text, version};
use super::script::quoted;
use super::{Answer, Attempt};
use crate::build::toolchain::Zig;
use crate::target::{Libc, LinkerKind, March, Zig as Facts};

/// The script around `zig cc` and `zig c++`, with its blanks unfilled.
const SCRIPT: &str = include_str!("zig.sh");

/// Older ones take other arguments.
const OLDEST: (u32, u32) = (0, 11);

/// The glibc to link with where nobody says: what the oldest supported enterprise distributions have.
const USUAL_FLOOR: (u32, u32) = (2, 28);

/// zig brings its own start files and libc.
const MUSL: &str = "    *self-contained*crt*.o | -lc | -Wl,-melf_i386) return 1 ;;\n";

impl Attempt<'_> {
    pub(super) fn zig(&self) -> Answer {
        let facts = self.target.zig.as_ref().ok_or("zig has no such target")?;
        if self.wanted.static_ && self.target.libc == Libc::Gnu {
            return Err("zig has no static glibc".to_owned());
        }
        let zig = self.toolchain.zig();
        let zig = zig.ok_or("neither `zig` nor the Python package `ziglang` is installed")?;
        if version_of(zig).is_none_or(|version| version < OLDEST) {
            return Err(format!(
                "zig {} is too old: {}.{} is needed",
                zig.version, OLDEST.0, OLDEST.1
            ));
        }
        let glibc = match self.target.libc {
            Libc::Gnu => Some(self.zig_glibc(zig, facts)?),
            _ => None,
        };
        let suffix = glibc
            .map(|glibc| format!(".{}", as_text(glibc)))
            .unwrap_or_default();
        let script = |role: &str| self.filled(role, zig, facts, &suffix);
        let tool = |role: &str| super::script::calling(&[zig.program.display().to_string(), role.to_owned()]);
        let scripts = [
            ("cc", script("cc")),
            ("c++", script("c++")),
            ("ar", tool("ar")),
            ("ranlib", tool("ranlib")),
        ];
        let folder = self.scripts(&format!("zig{suffix}"), &scripts)?;
        let libc = self.target.triple.rsplit('-').next().unwrap_or_default();
        let shown = format!("zig {} ({libc}{suffix})", zig.version);
        let mut choice = self.choice(LinkerKind::Zig, &shown, "zig brings headers and libc");
        if let (Some(glibc), Some(floor)) = (glibc, self.floor()) {
            choice.why = format!("zig links with glibc {}", as_text(glibc));
            if glibc > floor {
                choice.why += ", the oldest that works for this target";
                choice.why += &self.unkept();
            } else if glibc < floor {
                choice.why += ", the newest that it knows";
            }
        }
        choice.glibc = glibc.map(as_text);
        choice.identity = Some(format!("zig {}", zig.version));
        self.link_with(&mut choice, folder.join("cc"));
        for (name, script) in [("CC", "cc"), ("CXX", "c++"), ("AR", "ar"), ("RANLIB", "ranlib")] {
            self.set(&mut choice, name, folder.join(script));
        }
        Ok(choice)
    }

    /// The glibc that zig links with: the floor, unless zig or the target has none so old or so new.
    fn zig_glibc(&self, zig: &Zig, facts: &Facts) -> Result<(u32, u32), String> {
        let minimum = facts.minimum_glibc.as_deref().and_then(version);
        let minimum = minimum.unwrap_or_default();
        if let Some(floor) = self.floor().filter(|floor| self.strict && *floor < minimum) {
            return Err(format!(
                "it links this target with glibc {} or newer, and the programs must run on {}",
                as_text(minimum),
                as_text(floor)
            ));
        }
        let wanted = self.floor().unwrap_or(USUAL_FLOOR);
        let known = newest_glibc(zig).unwrap_or(wanted);
        Ok(wanted.min(known).max(minimum))
    }

    fn filled(&self, role: &str, zig: &Zig, facts: &Facts, suffix: &str) -> String {
        let march = match facts.march {
            March::Cpu => "    -march=* | -mcpu=* | -mtune=*) cpu ;;",
            March::Features => "    -march=armv*) features ;;\n    -march=* | -mcpu=* | -mtune=*) cpu ;;",
            March::Drop => "    -march=*) return 1 ;;",
            March::Keep => "    -march=*) ;;",
        };
        let musl = if self.target.libc == Libc::Musl { MUSL } else { "" };
        // Without -g zig strips symbols while linking; in debug builds it would let undefined behaviour of C trap.
        let cpu = facts.cpu.iter().map(|cpu| format!("-mcpu={cpu} "));
        let options = cpu.collect::<String>() + "-g -fno-sanitize=all";
        SCRIPT
            .replace("@RULES@", &format!("{musl}{march}"))
            .replace("@TRIPLE@", &self.target.triple)
            .replace("@TARGET@", &format!("{}{suffix}", facts.target))
            .replace("@OPTIONS@", &options)
            .replace("@ZIG@", &quoted(&zig.program.display().to_string()))
            .replace("@ROLE@", role)
    }
}

/// The newest glibc that a zig knows, as its own description of glibc says: names of libraries, then versions, both
/// after their number. <https://codeberg.org/ziglang/zig/src/branch/master/src/libs/glibc.zig> (`loadMetaData`)
fn newest_glibc(zig: &Zig) -> Option<(u32, u32)> {
    // Both lists are at the head of the file; what follows is long.
    let mut head = Vec::new();
    let file = File::open(zig.library.join("libc/glibc/abilists")).ok()?;
    file.take(4096).read_to_end(&mut head).ok()?;
    let (libraries, mut rest) = head.split_first()?;
    for _ in 0..*libraries {
        let end = rest.iter().position(|byte| *byte == 0)?;
        rest = rest.get(end + 1..)?;
    }
    let (versions, rest) = rest.split_first()?;
    let versions = rest.get(..usize::from(*versions) * 3)?.chunks_exact(3);
    versions
        .map(|version| (u32::from(version[0]), u32::from(version[1])))
        .max()
}

fn version_of(zig: &Zig) -> Option<(u32, u32)> {
    let mut numbers = zig.version.split(['.', '-']).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}
