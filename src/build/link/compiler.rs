//! Asking a C compiler what it compiles for, before it is trusted.

use std::ffi::OsStr;
use std::path::Path;
use std::time::Duration;

use super::{Answer, Attempt, LinkChoice, LinkError};
use crate::target::{Libc, LinkerKind};
use crate::tool::{Call, Ended, Output};

/// What pure Rust needs of a glibc up to now, whatever newer one it was linked against: glibc 2.34 gave
/// `__libc_start_main` and the `pthread` functions new versions.
const PURE_RUST: (u32, u32) = (2, 34);

/// A compiler answers at once; zig compiles something first.
pub(super) const LIMIT: Duration = Duration::from_secs(120);

/// A compiler that was asked.
pub(super) struct Compiler {
    /// The glibc whose headers it uses.
    pub(super) glibc: Option<(u32, u32)>,
}

/// Why a compiler is not taken.
pub(super) enum Unfit {
    /// It compiles for something else.
    Wrong(String),
    /// It does not answer as a C compiler does.
    Silent(String),
}

impl From<Unfit> for String {
    fn from(unfit: Unfit) -> Self {
        let (Unfit::Wrong(why) | Unfit::Silent(why)) = unfit;
        why
    }
}

impl Attempt<'_> {
    /// Lets a compiler preprocess and parse a few lines that hold only for this target with this C library.
    pub(super) fn check(&self, program: impl AsRef<OsStr>, libc: Libc) -> Result<Compiler, Unfit> {
        let program = program.as_ref();
        let shown = program.to_string_lossy();
        let Some(call) = self.call(program) else {
            return Err(Unfit::Silent(format!("`{shown}` is not in PATH")));
        };
        self.check_call(&call, &shown, libc)
    }

    /// Holds the user's own C compiler against the target, with the flags that it will be given: one that compiles
    /// for something else would do so without a word.
    pub(super) fn check_own(&self) -> Result<(), LinkError> {
        let cc = self.own_value("CC").filter(|_| self.wanted.compiles());
        let Some((cc, call)) = cc.and_then(|cc| Some((cc, self.call(cc)?))) else {
            return Ok(());
        };
        let flags = self
            .own_value("CFLAGS")
            .and_then(OsStr::to_str)
            .unwrap_or_default();
        let mut call = call.args(flags.split_whitespace());
        // The `cc` crate tells clang the target.
        let clang = self.says_of_itself(cc).is_some_and(|said| said.contains("clang"));
        let told = |text: &str| text.contains("-target");
        if clang && !told(flags) && !told(&cc.to_string_lossy()) {
            let target = self.target.clang.iter();
            call = call.args(target.map(|target| format!("--target={target}")));
        }
        let shown = cc.to_string_lossy().into_owned();
        match self.check_call(&call, &shown, self.target.libc) {
            Err(Unfit::Wrong(why)) => Err(LinkError::Miscompiles {
                triple: self.target.triple.clone(),
                program: shown,
                why,
            }),
            _ => Ok(()),
        }
    }

    fn check_call(&self, compiler: &Call, shown: &str, libc: Libc) -> Result<Compiler, Unfit> {
        let pointer = self.target.elf.as_ref().map_or(0, |elf| elf.class / 8);
        let condition = self.target.compiler_check.as_deref().unwrap_or("1");
        let glibc = if libc == Libc::Gnu {
            "defined(__GLIBC__)"
        } else {
            "!defined(__GLIBC__)"
        };
        let lines = format!(
            "#include <stdint.h>\n#include <stdio.h>\n\
             #if !({condition})\n#error gantry: another architecture\n#endif\n\
             #if !({glibc})\n#error gantry: another C library\n#endif\n\
             _Static_assert(sizeof(uint64_t) == 8, \"gantry: uint64_t\");\n\
             _Static_assert({pointer} == 0 || sizeof(void *) == {pointer}, \"gantry: pointers\");\n"
        );
        let call = |what: &[&str], input: String| {
            compiler
                .clone()
                .args(what)
                .args(["-x", "c", "-"])
                .input(input)
                // What it says is read.
                .var("LC_ALL", "C")
                .limit(LIMIT)
        };
        let silent = |why: String| Unfit::Silent(format!("`{shown}` {why}"));
        let answers = |output: &Output| matches!(output.ended, Ended::Code(_));
        let output = self
            .ask(compiler, &call(&["-fsyntax-only"], lines), answers)
            .map_err(|error| silent(format!("does not run: {error}")))?;
        let stderr = String::from_utf8_lossy(&output.stderr);
        if output.ended != Ended::Code(0) {
            return Err(fault(shown, &stderr));
        }
        let versions = "#include <stdio.h>\n__GLIBC__ __GLIBC_MINOR__\n".to_owned();
        let question = call(&["-E", "-P"], versions);
        let output = self.ask(compiler, &question, answers);
        let output = output.and_then(|output| output.succeeded(&question));
        let text = output.map_err(|error| silent(error.to_string()))?.text();
        let numbers = text.lines().last().and_then(|line| line.split_once(' '));
        let glibc =
            numbers.and_then(|(major, minor)| Some((major.parse().ok()?, minor.trim().parse().ok()?)));
        Ok(Compiler { glibc })
    }

    /// Whether programs linked with this compiler's glibc keep the floor.
    pub(super) fn keeps_floor(&self, compiler: &Compiler, choice: &mut LinkChoice) -> Result<(), String> {
        choice.glibc = compiler.glibc.map(shown);
        let Some(floor) = self.floor().filter(|_| !self.wanted.static_) else {
            return Ok(());
        };
        let wanted = shown(floor);
        let Some(glibc) = compiler.glibc else {
            if self.strict {
                return Err(format!(
                    "which glibc it links with is not known, and the programs must run on {wanted}"
                ));
            }
            choice.why += &self.unkept();
            return Ok(());
        };
        let linked = shown(glibc);
        if glibc <= floor {
            choice.why += &format!("; its glibc {linked} keeps the floor {wanted}");
            return Ok(());
        }
        let pure = !self.wanted.compiles();
        if !self.strict && pure && PURE_RUST <= floor {
            choice.why += &format!(
                ", likely to run on glibc {wanted} although linked with {linked}: the finished programs are checked"
            );
            return Ok(());
        }
        Err(format!(
            "it links with glibc {linked}, and the programs must run on {wanted}"
        ))
    }

    /// What is said of a linker that may link with any glibc; nothing where none is loaded.
    pub(super) fn unkept(&self) -> String {
        let dynamic = self.target.libc == Libc::Gnu && !self.wanted.static_;
        self.floor()
            .filter(|_| dynamic)
            .map_or_else(String::new, |floor| {
                let floor = shown(floor);
                format!(
                    "; nothing keeps the floor, glibc {floor}, for sure: the finished programs are checked"
                )
            })
    }

    /// The glibc floor as numbers.
    pub(super) fn floor(&self) -> Option<(u32, u32)> {
        version(self.wanted.glibc.as_deref()?)
    }

    /// Whether the compiler finds an archive or object (`libc.a`, `crt1.o`) to link with.
    pub(super) fn finds(&self, program: impl AsRef<OsStr>, file: &str) -> bool {
        let compiler = Call::new(Path::new(program.as_ref()));
        let call = compiler.clone().arg(format!("-print-file-name={file}"));
        // Where it looked in vain is not known: something may lie there by now.
        let found = |output: &Output| Path::new(&output.text()).is_absolute();
        let asked = self
            .ask(&compiler, &call, found)
            .and_then(|output| output.succeeded(&call));
        let path = asked.map(|output| output.text());
        path.is_ok_and(|path| path != file && Path::new(&path).exists())
    }

    /// The system's own `cc`: links and compiles for the host alone.
    pub(super) fn system(&self) -> Answer {
        // This compiler is asked for its C library.
        if !self.toolchain.is_host(self.target) {
            let host = self.toolchain.host().unwrap_or("this machine");
            return Err(format!("the system's own compiles for `{host}` only"));
        }
        self.toolchain.find("cc").ok_or("`cc` is not in PATH")?;
        let mut choice = self.choice(LinkerKind::Cc, "cc", "the target is the host");
        let compiler = self.check("cc", self.target.libc)?;
        self.keeps_floor(&compiler, &mut choice)?;
        self.finds_static("cc")?;
        // rustc and the `cc` crate take these by themselves.
        for (name, tool) in [("CC", "cc"), ("CXX", "c++"), ("AR", "ar"), ("RANLIB", "ranlib")] {
            if self.toolchain.find(tool).is_some() {
                self.holds(&mut choice, name, tool);
            }
        }
        let linker = self
            .own_linker()
            .map_or_else(|| "cc".into(), |(own, _)| own.into());
        choice.compilers.linker = Some(linker);
        Ok(choice)
    }

    /// Where a static program is wanted: whether libc's archive is there.
    pub(super) fn finds_static(&self, program: impl AsRef<OsStr>) -> Result<(), String> {
        if self.wanted.static_ && self.target.libc == Libc::Gnu && !self.finds(program, "libc.a") {
            return Err("it has no static libc (`libc.a`)".to_owned());
        }
        Ok(())
    }
}

/// Numbers as `2.31`.
pub(super) fn shown((major, minor): (u32, u32)) -> String {
    format!("{major}.{minor}")
}

/// `2.31` as numbers.
pub(super) fn version(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

fn fault(program: &str, stderr: &str) -> Unfit {
    let known = [
        (
            "gantry: another architecture",
            "compiles for another architecture or ABI",
        ),
        ("gantry: another C library", "uses another C library"),
        ("gantry: uint64_t", "uses another architecture's headers"),
        ("gantry: pointers", "compiles for another architecture or ABI"),
    ];
    for (mark, why) in known {
        if stderr.contains(mark) {
            return Unfit::Wrong(format!("`{program}` {why}"));
        }
    }
    let headers = ["stdio.h", "features.h"];
    if headers
        .iter()
        .any(|header| stderr.contains(&format!("{header}: No such file")))
    {
        return Unfit::Silent(format!("`{program}` comes without a C library (`stdio.h`)"));
    }
    let first = stderr
        .lines()
        .find(|line| line.contains("error"))
        .unwrap_or("no message");
    Unfit::Silent(format!("`{program}` does not compile: {}", first.trim()))
}
