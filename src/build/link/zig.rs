//! zig: compiler, linker, headers and libraries in one, behind scripts that speak rustc's and gcc's language to it.

use super::compiler::version;
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
        let glibc = (self.target.libc == Libc::Gnu).then(|| self.zig_floor(facts));
        let suffix = glibc
            .map(|(major, minor)| format!(".{major}.{minor}"))
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
            choice.why = format!("zig links with glibc {}.{}", glibc.0, glibc.1);
            if glibc > floor {
                choice.why += ", the oldest that works for this target";
            }
        }
        choice.glibc = glibc.map(|(major, minor)| format!("{major}.{minor}"));
        self.link_with(&mut choice, folder.join("cc"));
        for (name, script) in [("CC", "cc"), ("CXX", "c++"), ("AR", "ar"), ("RANLIB", "ranlib")] {
            self.set(&mut choice, name, folder.join(script));
        }
        Ok(choice)
    }

    fn zig_floor(&self, facts: &Facts) -> (u32, u32) {
        let minimum = facts.minimum_glibc.as_deref().and_then(version);
        self.floor()
            .unwrap_or(USUAL_FLOOR)
            .max(minimum.unwrap_or_default())
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

fn version_of(zig: &Zig) -> Option<(u32, u32)> {
    let mut numbers = zig.version.split(['.', '-']).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}
