//! clang, which compiles for every architecture: with a gcc's sysroot for gnu targets, with musl's headers for musl.

use std::path::Path;

use super::script::calling;
use super::{Answer, Attempt};
use crate::target::{Libc, LinkerKind};
use crate::tool::{Call, Ended};

impl Attempt<'_> {
    pub(super) fn clang(&self) -> Answer {
        let target = self.target.clang.as_deref().ok_or("clang has no such target")?;
        let clang = self.in_path("clang")?;
        let target = format!("--target={target}");
        match self.target.libc {
            Libc::Musl => self.musl_clang(&clang, target),
            _ => self.gnu_clang(&clang, target),
        }
    }

    fn gnu_clang(&self, clang: &str, target: String) -> Answer {
        self.in_path("ld.lld")?;
        let options = [
            target,
            "-fuse-ld=lld".to_owned(),
            "-Wno-unused-command-line-argument".to_owned(),
        ];
        let folder = self.scripts("clang", &both(clang, &options))?;
        let cc = folder.join("cc");
        if !self.finds(&cc, "crt1.o") {
            return Err("it finds no libc of the target to link with".to_owned());
        }
        let compiler = self.check(&cc, Libc::Gnu)?;
        let mut choice = self.choice(
            LinkerKind::Clang,
            "clang with lld",
            "clang and the target's libc are here",
        );
        self.keeps_floor(&compiler, &mut choice)?;
        self.finds_static(&cc)?;
        if self.wanted.cc_links {
            self.links(&cc)?;
        }
        self.link_with(&mut choice, &cc);
        self.set(&mut choice, "CC", &cc);
        self.set(&mut choice, "CXX", folder.join("c++"));
        let archiver = ["llvm-ar", "ar"]
            .into_iter()
            .find(|ar| self.toolchain.find(ar).is_some());
        if let Some(ar) = archiver {
            self.set(&mut choice, "AR", ar);
        }
        Ok(choice)
    }

    /// Whether lld knows the architecture: older ones lack some. rustc brings an lld of its own, C alone has this one.
    fn links(&self, cc: &Path) -> Result<(), String> {
        let call = Call::new(cc)
            .args(["-x", "c", "-", "-o", "/dev/null"])
            .input("int main(void) { return 0; }\n");
        let output = self.toolchain.tools().output(&call);
        let output = output.map_err(|error| error.to_string())?;
        if output.ended == Ended::Code(0) {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let first = said.lines().next().unwrap_or("no message").trim();
        Err(format!("it does not link: {first}"))
    }

    fn musl_clang(&self, clang: &str, target: String) -> Answer {
        if self.wanted.cc_links {
            return Err("with musl's headers alone it does not link".to_owned());
        }
        self.rust_lld_links()?;
        let headers = self.musl_headers()?;
        let folders = headers
            .into_iter()
            .flat_map(|folder| ["-isystem".to_owned(), folder]);
        let options: Vec<_> = [target, "-nostdlibinc".to_owned()]
            .into_iter()
            .chain(folders)
            .collect();
        let folder = self.scripts("clang", &both(clang, &options))?;
        self.check(folder.join("cc"), Libc::Musl)?;
        let (cc, cxx) = (folder.join("cc"), folder.join("c++"));
        Ok(self.compiling_with(LinkerKind::Clang, "clang", cc.into(), Some(cxx.into())))
    }
}

fn both(clang: &str, options: &[String]) -> [(&'static str, String); 2] {
    let script = |program: String| calling(&[&[program], options].concat());
    [
        ("cc", script(clang.to_owned())),
        ("c++", script(format!("{clang}++"))),
    ]
}
