//! A gcc for another architecture: its own libc for gnu targets, musl's headers for musl targets.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::script::calling;
use super::{Answer, Attempt, LinkChoice};
use crate::target::{Libc, LinkerKind};
use crate::tool::Call;

impl Attempt<'_> {
    pub(super) fn gcc(&self) -> Answer {
        match self.target.libc {
            Libc::Musl => self.musl_gcc(),
            _ => self.cross_gcc(),
        }
    }

    fn cross_gcc(&self) -> Answer {
        let prefix = self.target.gcc_prefix.as_deref().ok_or("it has no gcc")?;
        let gcc = self.in_path(&format!("{prefix}-gcc"))?;
        let compiler = self.check(&gcc, self.target.libc)?;
        let mut choice = self.choice(LinkerKind::Gcc, &gcc, "the cross gcc is here");
        self.keeps_floor(&compiler, &mut choice)?;
        self.finds_static(&gcc)?;
        self.link_with(&mut choice, &gcc);
        self.set(&mut choice, "CC", &gcc);
        for (name, tool) in [("CXX", "g++"), ("AR", "ar"), ("RANLIB", "ranlib")] {
            if let Ok(tool) = self.in_path(&format!("{prefix}-{tool}")) {
                self.set(&mut choice, name, tool);
            }
        }
        Ok(choice)
    }

    /// gcc compiles C, `rust-lld` links: with a glibc gcc as linker the `cc` crate would take its headers too.
    fn musl_gcc(&self) -> Answer {
        let prefix = self.target.gcc_prefix.as_deref();
        let named = prefix.map(|prefix| format!("{prefix}-gcc"));
        let mut why = String::new();
        for gcc in named.into_iter().chain(["musl-gcc".to_owned()]) {
            let checked = self
                .in_path(&gcc)
                .and_then(|gcc| Ok(self.check(gcc, Libc::Musl)?));
            match checked {
                // A whole toolchain brings a C++ library too, which only its own driver finds.
                Ok(_)
                    if self.wanted.cc_links
                        || self.plus(&gcc).is_some()
                        || self.rust_lld_links().is_err() =>
                {
                    return Ok(self.linking_gcc(&gcc));
                }
                Ok(_) => return Ok(self.compiling_with(LinkerKind::Gcc, &gcc, gcc.clone().into(), None)),
                Err(fault) => why += &format!("{fault}; "),
            }
        }
        if self.wanted.cc_links {
            return Err(why + "a gcc with musl's headers alone does not link");
        }
        let headed = self.headed_gcc();
        headed.map_err(|fault| why + &fault)
    }

    /// A gcc that brings musl, as compiler and linker.
    fn linking_gcc(&self, gcc: &str) -> LinkChoice {
        let mut choice = self.choice(LinkerKind::Gcc, gcc, "a gcc with musl is here");
        self.link_with(&mut choice, gcc);
        self.set(&mut choice, "CC", gcc);
        if let Some(cxx) = self.plus(gcc) {
            self.set(&mut choice, "CXX", cxx);
        }
        self.binutils(&mut choice);
        choice
    }

    /// The g++ beside a gcc.
    fn plus(&self, gcc: &str) -> Option<String> {
        self.in_path(&format!("{}-g++", gcc.strip_suffix("-gcc")?)).ok()
    }

    /// A gcc that brings glibc, given musl's headers instead.
    fn headed_gcc(&self) -> Answer {
        let prefix = self
            .target
            .gnu_gcc_prefix
            .as_deref()
            .ok_or("no other gcc will do")?;
        let gcc = self.in_path(&format!("{prefix}-gcc"))?;
        self.rust_lld_links()?;
        let headers = self.musl_headers()?;
        let compiler = Call::new(&gcc);
        let question = compiler.clone().arg("-print-file-name=include");
        let own = self
            .ask(&compiler, &question, |output| {
                Path::new(&output.text()).is_absolute()
            })
            .and_then(|output| output.succeeded(&question))
            .map_err(|error| error.to_string())?;
        let folders = headers
            .iter()
            .chain([&own.text()])
            .flat_map(|folder| ["-isystem".to_owned(), folder.clone()])
            .collect::<Vec<_>>();
        let command = |program: &str| {
            let options = ["-nostdinc", "-U_FORTIFY_SOURCE"].map(str::to_owned);
            let command = [[program.to_owned()].as_slice(), &options, &folders].concat();
            calling(&command)
        };
        let cxx = self.in_path(&format!("{prefix}-g++")).ok();
        let mut scripts = vec![("cc", command(&gcc))];
        scripts.extend(cxx.iter().map(|cxx| ("c++", command(cxx))));
        let folder = self.scripts("gcc", &scripts)?;
        self.check(folder.join("cc"), Libc::Musl)?;
        let cxx = cxx.map(|_| folder.join("c++").into());
        let shown = format!("{gcc} with musl's headers");
        Ok(self.compiling_with(LinkerKind::Gcc, &shown, folder.join("cc").into(), cxx))
    }

    /// `rust-lld` links, and this compiles C.
    pub(super) fn compiling_with(
        &self,
        kind: LinkerKind,
        shown: &str,
        cc: OsString,
        cxx: Option<OsString>,
    ) -> LinkChoice {
        let why = "C is compiled with musl's headers, `rust-lld` links";
        let mut choice = self.choice(kind, &format!("rust-lld, C by {shown}"), why);
        self.link_with(&mut choice, "rust-lld");
        self.set(&mut choice, "CC", cc);
        if let Some(cxx) = cxx {
            self.set(&mut choice, "CXX", cxx);
        }
        self.binutils(&mut choice);
        choice
    }

    fn binutils(&self, choice: &mut LinkChoice) {
        let prefixes = [
            self.target.gcc_prefix.as_deref(),
            self.target.gnu_gcc_prefix.as_deref(),
        ];
        let named = prefixes.iter().flatten().map(|prefix| format!("{prefix}-ar"));
        let mut archivers = named.chain(["llvm-ar".to_owned(), "ar".to_owned()]);
        if let Some(ar) = archivers.find(|ar| self.toolchain.find(ar).is_some()) {
            self.set(choice, "AR", ar);
        }
    }

    /// The folders with musl's headers for this target, in the order of their search.
    pub(super) fn musl_headers(&self) -> Result<Vec<String>, String> {
        let headers = self
            .target
            .musl_headers
            .as_ref()
            .ok_or("it has no musl headers")?;
        let system = PathBuf::from("/usr/include").join(&headers.system);
        if system.join("stdio.h").is_file() {
            return Ok(vec![system.display().to_string()]);
        }
        let zig = self.toolchain.zig();
        let zig = zig.ok_or_else(|| {
            format!(
                "musl's headers are neither in `{}` nor brought by zig",
                system.display()
            )
        })?;
        let folder = zig.library.join("libc/include");
        Ok(headers
            .zig
            .iter()
            .map(|name| folder.join(name).display().to_string())
            .collect())
    }

    /// A program's name, if it is in PATH.
    pub(super) fn in_path(&self, name: &str) -> Result<String, String> {
        match self.toolchain.find(name) {
            Some(_) => Ok(name.to_owned()),
            None => Err(format!("`{name}` is not in PATH")),
        }
    }
}
