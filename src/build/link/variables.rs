//! What build scripts read beside the compilers: where CMake, pkg-config and bindgen find the target's files and
//! not the host's. Each is set only where the user set none of its forms.

use std::path::{Path, PathBuf};

use super::script::quoted;
use super::{Asked, Attempt, LinkChoice};
use crate::build::rustflags::upper;
use crate::spec::Digest;
use crate::target::{Libc, LinkerKind};

/// Settings of pkg-config that say where it looks.
/// <https://docs.rs/pkg-config/latest/pkg_config/#environment-variables>
const PLACES: [&str; 4] = [
    "PKG_CONFIG",
    "PKG_CONFIG_PATH",
    "PKG_CONFIG_LIBDIR",
    "PKG_CONFIG_SYSROOT_DIR",
];

/// Settings of pkg-config by which its crate answers for another machine at all.
const CROSSING: [&str; 3] = ["PKG_CONFIG", "PKG_CONFIG_ALLOW_CROSS", "PKG_CONFIG_SYSROOT_DIR"];

impl Attempt<'_> {
    /// Adds what holds for every way to link.
    pub(super) fn equipped(&self, mut choice: LinkChoice) -> LinkChoice {
        for (name, value) in &self.target.env {
            let plain = name
                .strip_prefix(&upper(&self.target.triple))
                .map(|name| name.trim_start_matches('_'));
            let set = |name: &str| self.variable(name).is_some();
            if !set(name) && !plain.is_some_and(set) {
                choice.variables.insert(name.clone(), value.into());
            }
        }
        self.libatomic(&mut choice);
        self.self_contained(&mut choice);
        // What the host's own tools find is right for the host.
        let native = choice.kind == Some(LinkerKind::Cc);
        let own = choice.kind.is_none() && !matches!(self.wanted.linker, Asked::Program(_));
        if native || own || self.target.libc == Libc::None {
            return choice;
        }
        if !self.is_host() {
            self.pkg_config(&mut choice);
        }
        let own = |name: &str| self.variable(name).is_some();
        let users = |name: &str| self.own_value(name).is_some();
        if choice.compilers.cc.is_none() || users("CC") {
            return choice;
        }
        if !own("BINDGEN_EXTRA_CLANG_ARGS")
            && let Some(arguments) = self.bindgen(&choice)
        {
            self.say(&mut choice, "BINDGEN_EXTRA_CLANG_ARGS", arguments);
        }
        if !own("CMAKE_TOOLCHAIN_FILE")
            && !users("CXX")
            && !users("AR")
            && let Some(file) = self.cmake(&choice)
        {
            self.say(&mut choice, "CMAKE_TOOLCHAIN_FILE", file);
        }
        choice
    }

    /// rustc would name musl's start files, and the component that has them is not there: who links has its own.
    fn self_contained(&self, choice: &mut LinkChoice) {
        if self.target.libc == Libc::Musl && self.toolchain.std_is_built(&self.target.triple) {
            choice.rustflags.push("-Clink-self-contained=no".to_owned());
        }
    }

    /// gcc makes calls of some atomics, and names no library for them. Its archive costs nothing where nobody calls; its
    /// shared library would be one more that the base must have.
    fn libatomic(&self, choice: &mut LinkChoice) {
        let gcc = matches!(choice.kind, Some(LinkerKind::Gcc | LinkerKind::Cc));
        if !gcc || !self.target.libatomic || self.wanted.no_rust {
            return;
        }
        if choice
            .compilers
            .linker
            .as_ref()
            .is_some_and(|gcc| self.finds(gcc, "libatomic.a"))
        {
            choice.rustflags.push("-Clink-arg=-l:libatomic.a".to_owned());
        }
    }

    /// pkg-config sees the target's own descriptions of libraries, if the compiler's system has such; else none: those
    /// of the host would be linked for the wrong machine, or glibc's into a program for musl.
    fn pkg_config(&self, choice: &mut LinkChoice) {
        let plain = |names: &[&str]| names.iter().any(|name| self.variable(name).is_some());
        let configured = PLACES.iter().any(|name| self.own_value(name).is_some());
        if configured || plain(&CROSSING) && plain(&PLACES) {
            return;
        }
        let sysroot = self.sysroot(choice);
        let places = match &sysroot {
            Some(sysroot) => ["usr/lib64", "usr/lib", "lib", "usr/share", "share"]
                .map(|folder| sysroot.join(folder))
                .to_vec(),
            None => self.libraries(choice),
        };
        let places: Vec<_> = places
            .iter()
            .map(|place| place.join("pkgconfig"))
            .filter(|place| place.is_dir())
            .map(|place| place.display().to_string())
            .collect();
        if places.is_empty() {
            if let Some(empty) = self.empty() {
                self.say(choice, "PKG_CONFIG_LIBDIR", &empty);
                self.say(choice, "PKG_CONFIG_PATH", empty);
            }
            return;
        }
        let places = places.join(":");
        // The path of the environment is the host's.
        self.say(choice, "PKG_CONFIG_PATH", &places);
        self.say(choice, "PKG_CONFIG_LIBDIR", places);
        match sysroot {
            Some(sysroot) => self.say(choice, "PKG_CONFIG_SYSROOT_DIR", sysroot),
            None if plain(&["PKG_CONFIG_ALLOW_CROSS"]) => {}
            None => self.say(choice, "PKG_CONFIG_ALLOW_CROSS", "1"),
        }
    }

    /// Where the compiler looks for libraries of the target beside its own, as Debian lays them.
    /// <https://wiki.debian.org/Multiarch>
    fn libraries(&self, choice: &LinkChoice) -> Vec<PathBuf> {
        let linked = matches!(choice.kind, None | Some(LinkerKind::Gcc | LinkerKind::Clang));
        let Some(prefix) = self.target.gcc_prefix.as_deref() else {
            return Vec::new();
        };
        if !linked || self.target.libc == Libc::Musl {
            return Vec::new();
        }
        let said = self.asked(choice, "-print-multiarch");
        let multiarch = said.unwrap_or_else(|| prefix.to_owned());
        let own = Path::new("/usr/lib").join(multiarch);
        let cross = Path::new("/usr").join(prefix).join("lib");
        let any = |place: &PathBuf| place.join("pkgconfig").is_dir();
        let mut places: Vec<_> = [own, cross].into_iter().filter(any).collect();
        if !places.is_empty() {
            places.push("/usr/share".into());
        }
        places
    }

    /// The root below which a gcc looks for everything; none where that is the system's.
    fn sysroot(&self, choice: &LinkChoice) -> Option<PathBuf> {
        // A gcc with glibc that is given musl's headers has the wrong one.
        let compiles_only = self.target.libc == Libc::Musl && choice.compilers.cc != choice.compilers.linker;
        if !matches!(choice.kind, None | Some(LinkerKind::Gcc)) || compiles_only {
            return None;
        }
        let sysroot = PathBuf::from(self.asked(choice, "-print-sysroot")?);
        let real = sysroot.is_absolute() && sysroot.parent().is_some() && sysroot.is_dir();
        real.then_some(sysroot)
    }

    /// The answer of the chosen C compiler to a question; none if there is none.
    fn asked(&self, choice: &LinkChoice, question: &str) -> Option<String> {
        let compiler = self.call(choice.compilers.cc.as_deref()?)?;
        let call = compiler.clone().arg(question);
        let output = self.answered(&compiler, &call)?.text();
        Some(output).filter(|text| !text.is_empty())
    }

    /// What libclang must be told to read the target's headers: those that the chosen compiler reads, but for the
    /// compiler's own, as libclang brings its own.
    fn bindgen(&self, choice: &LinkChoice) -> Option<String> {
        let target = self.target.clang.as_deref()?;
        let cc = choice.compilers.cc.as_deref()?;
        let compiler = self.call(cc)?;
        let call = compiler.clone().args(["-E", "-v", "-x", "c", "-"]).input("");
        let output = self.answered(&compiler, &call)?;
        let folders = searched(&String::from_utf8_lossy(&output.stderr));
        let folders = folders.into_iter().filter(|folder| !of_compiler(folder));
        let mut arguments = vec![format!("--target={target}"), "-nostdlibinc".to_owned()];
        arguments.extend(folders.flat_map(|folder| ["-isystem".to_owned(), shell(&folder)]));
        // zig's headers are those of every glibc.
        let minor = choice.glibc.as_deref().and_then(|glibc| glibc.split_once('.'));
        if let (Some(LinkerKind::Zig), Some((_, minor))) = (choice.kind, minor) {
            arguments.push(format!("-D__GLIBC_MINOR__={minor}"));
        }
        Some(arguments.join(" "))
    }

    /// A file that tells CMake the target's machine and tools, and keeps it from looking at the host's files.
    /// <https://cmake.org/cmake/help/latest/manual/cmake-toolchains.7.html>
    fn cmake(&self, choice: &LinkChoice) -> Option<PathBuf> {
        let machine = self.target.uname.as_deref()?;
        let mut lines = vec![
            "# Written by cargo-gantry: changes are lost.".to_owned(),
            "set(CMAKE_SYSTEM_NAME Linux)".to_owned(),
            format!("set(CMAKE_SYSTEM_PROCESSOR {machine})"),
        ];
        let compilers = &choice.compilers;
        for (name, tool) in [
            ("C_COMPILER", &compilers.cc),
            ("CXX_COMPILER", &compilers.cxx),
            ("ASM_COMPILER", &compilers.cc),
            ("AR", &compilers.ar),
            ("RANLIB", &compilers.ranlib),
        ] {
            // CMake takes a name for a file of the folder that it is in.
            let path = tool.as_ref().and_then(|tool| self.toolchain.find(tool));
            lines.extend(path.map(|path| format!("set(CMAKE_{name} [==[{}]==])", path.display())));
        }
        let root = self.sysroot(choice).or_else(|| self.cross_root(choice));
        let root = root.or_else(|| self.empty())?;
        lines.push(format!("set(CMAKE_FIND_ROOT_PATH [==[{}]==])", root.display()));
        lines.push("set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)".to_owned());
        for what in ["LIBRARY", "INCLUDE", "PACKAGE"] {
            lines.push(format!("set(CMAKE_FIND_ROOT_PATH_MODE_{what} ONLY)"));
        }
        // What only compiles cannot link the programs that CMake tries a compiler with.
        if self.target.libc == Libc::Musl && choice.compilers.cc != choice.compilers.linker {
            lines.push("set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)".to_owned());
        }
        let text = lines.join("\n") + "\n";
        let way = choice
            .kind
            .map_or_else(|| "own".to_owned(), |kind| kind.to_string());
        // Two programs for one target, in one matrix or in two, are ways of the same name: each has its own file.
        let name = format!("toolchain-{}.cmake", &Digest::of(text.as_bytes()).hex()[..12]);
        let folder = self.scripts(&format!("{way}{}", suffix(choice)), &[(&name, text)]);
        Some(folder.ok()?.join(name))
    }

    /// Debian's folder of a cross gcc's libraries.
    fn cross_root(&self, choice: &LinkChoice) -> Option<PathBuf> {
        let linked = matches!(choice.kind, None | Some(LinkerKind::Gcc | LinkerKind::Clang));
        let prefix = self.target.gcc_prefix.as_deref().filter(|_| linked)?;
        let folder = Path::new("/usr").join(prefix);
        folder.is_dir().then_some(folder)
    }

    /// A folder of this target in which nothing lies.
    fn empty(&self) -> Option<PathBuf> {
        let folder = self.folder("empty").ok()?;
        std::fs::create_dir_all(&folder).ok()?;
        Some(folder)
    }
}

/// zig's folder holds the glibc in its name.
fn suffix(choice: &LinkChoice) -> String {
    let glibc = choice.glibc.as_ref();
    let glibc = glibc.filter(|_| choice.kind == Some(LinkerKind::Zig));
    glibc.map(|glibc| format!(".{glibc}")).unwrap_or_default()
}

/// The folders that gcc and clang say they search for `#include <...>`.
fn searched(said: &str) -> Vec<PathBuf> {
    let lines = said.lines();
    let list = lines
        .skip_while(|line| !line.starts_with("#include <...>"))
        .skip(1)
        .take_while(|line| line.starts_with(' '));
    list.map(|line| normal(Path::new(line.trim()))).collect()
}

/// The same folder without `..`, where it is there.
fn normal(folder: &Path) -> PathBuf {
    folder.canonicalize().unwrap_or_else(|_| folder.to_owned())
}

/// Whether a folder holds a compiler's own headers: `stddef.h` without a C library's `stdio.h`.
fn of_compiler(folder: &Path) -> bool {
    folder.join("stddef.h").is_file() && !folder.join("stdio.h").is_file()
}

/// A path as bindgen splits its arguments: as a shell does.
fn shell(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    if text.chars().all(plain) {
        text
    } else {
        quoted(&text)
    }
}
