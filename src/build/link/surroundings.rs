//! What the answers of a C compiler depend on, so that they can be remembered: its own programs, and the headers and
//! libraries around it.
//!
//! Compilers say it themselves: `-v` names the programs they start and the folders they search, there or not, and the
//! preprocessor each header it has read. A folder changes when a file in it comes, goes or is replaced. What a script looks at
//! is not known, so one is asked each time, except our own and musl's, which only add arguments to a compiler.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::Attempt;
use crate::build::toolchain::is_script;
use crate::tool::{Call, Ended, Output, ToolError};

/// Read by every question about a C library.
const HEADERS: &str = "#include <stdint.h>\n#include <stdio.h>\n";

/// What package managers keep of what is installed, which changes with every package; and which of Apple's tools are chosen.
const INSTALLED: [&str; 6] = [
    "/lib/apk/db/installed",
    "/usr/lib/sysimage/rpm",
    "/var/db/xcode_select_link",
    "/var/lib/dpkg/status",
    "/var/lib/pacman/local",
    "/var/lib/rpm",
];

/// A script of ours says so.
const OURS: &str = "Written by cargo-gantry";

impl Attempt<'_> {
    /// The answer of a C compiler to `question`, from memory where nothing around the compiler has changed. `compiler` is
    /// the part of the call that names it, `worth` says whether an answer is of a kind that may be remembered.
    pub(super) fn ask(
        &self,
        compiler: &Call,
        question: &Call,
        worth: impl FnOnce(&Output) -> bool,
    ) -> Result<Output, ToolError> {
        let tools = self.toolchain.tools();
        let around = tools.remembers().then(|| self.surroundings(compiler)).flatten();
        let Some(around) = around else {
            return tools.output(question);
        };
        tools.remembered(question, b"", |output| worth(output).then_some(around))
    }

    /// As [`Attempt::ask`], where nothing but success counts.
    pub(super) fn answered(&self, compiler: &Call, question: &Call) -> Option<Output> {
        let asked = self.ask(compiler, question, |output| output.ended == Ended::Code(0));
        asked.and_then(|output| output.succeeded(question)).ok()
    }

    /// The files and folders that a compiler depends on; none where that cannot be known.
    fn surroundings(&self, compiler: &Call) -> Option<Vec<PathBuf>> {
        let tools = self.toolchain.tools();
        let own = self.own_files(&tools.find(compiler.program())?)?;
        let call = compiler.clone().args(["-v", "-E", "-x", "c", "-"]);
        let call = call
            .input(HEADERS)
            .var("LC_ALL", "C")
            .limit(super::compiler::LIMIT);
        let found = |output: &Output| {
            let said = [&output.stderr, &output.stdout].map(|said| named(&String::from_utf8_lossy(said)));
            let mut all: BTreeSet<PathBuf> = said.into_iter().flatten().collect();
            // What zig makes in passing lies in its cache, and is made of the rest.
            let environment = tools.environment();
            let caches = ["ZIG_GLOBAL_CACHE_DIR", "ZIG_LOCAL_CACHE_DIR"].map(|name| environment.var_os(name));
            let caches = caches
                .into_iter()
                .flatten()
                .filter(|cache| !cache.is_empty())
                .map(PathBuf::from);
            for cache in caches.chain(environment.cache_dir().map(|cache| cache.join("zig"))) {
                all.retain(|path| !path.starts_with(&cache));
            }
            all.extend(own.iter().cloned());
            all.extend(INSTALLED.map(PathBuf::from));
            all.extend(environment.path());
            // Some name the folder they are called in, of which they use nothing.
            all.remove(environment.directory());
            all.into_iter().collect::<Vec<_>>()
        };
        let output = tools.remembered(&call, b"", |output| Some(found(output))).ok()?;
        Some(found(&output))
    }

    /// The files of a program by themselves; none where it is a script of others.
    fn own_files(&self, program: &Path) -> Option<Vec<PathBuf>> {
        let real = program.canonicalize().ok()?;
        if !is_script(&real) {
            return Some(vec![program.to_owned(), real]);
        }
        let text = fs::read_to_string(&real).ok()?;
        // musl's is two lines: a gcc is called with another description of where things lie.
        let second = text.lines().nth(1)?;
        let musls = second.starts_with("exec ") && second.contains(" -specs ") && text.lines().count() == 2;
        if !musls && !second.contains(OURS) {
            return None;
        }
        let mut files = vec![program.to_owned(), real];
        // Whatever of its words is a program may be the compiler.
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let words = lines.flat_map(|line| line.split(|c: char| c.is_whitespace() || "'\"{}:()".contains(c)));
        for word in words.map(|word| word.trim_start_matches(['-', '$'])) {
            let Some(found) = (!word.is_empty()).then(|| self.toolchain.find(word)).flatten() else {
                continue;
            };
            let real = found.canonicalize().ok().filter(|real| !is_script(real))?;
            files.extend([found, real]);
        }
        Some(files)
    }
}

/// The absolute paths in what a compiler says.
fn named(said: &str) -> BTreeSet<PathBuf> {
    let words = said.split(|c: char| c.is_whitespace() || "'\"=:,()".contains(c));
    let paths = words.filter(|word| word.len() > 1 && word.starts_with('/'));
    // Folders with blanks in their names stand in lines of their own.
    let lines = said
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with('/') && line.contains(' '));
    paths.chain(lines).map(PathBuf::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compilers_name_what_they_use() {
        let said = "COLLECT_GCC=/usr/bin/gcc\n\
            Configured with: ../src/configure --prefix=/usr --with-x\n \
            /usr/lib/gcc/12/cc1 -E -isystem /usr/include/x -o -\n\
            ignoring nonexistent directory \"/usr/local/include\"\n\
            #include <...> search starts here:\n /a b/include\nEnd of search list.\n\
            LIBRARY_PATH=/usr/lib/gcc/12/:/lib/\n# 1 \"/usr/include/stdio.h\" 1 3 4\n";
        let named = named(said);
        for path in [
            "/usr/bin/gcc",
            "/usr/lib/gcc/12/cc1",
            "/usr/include/x",
            "/usr/local/include",
            "/a b/include",
            "/usr/lib/gcc/12/",
            "/lib/",
            "/usr/include/stdio.h",
        ] {
            assert!(named.contains(Path::new(path)), "{path}: {named:?}");
        }
    }
}
