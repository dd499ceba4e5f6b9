//! Small programs for several machines, and what is needed to finish them.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use cargo_gantry::binary::Workshop;
use cargo_gantry::environment::Environment;
use cargo_gantry::target::{Catalog, Target};
use cargo_gantry::tool::Tools;

use crate::outside::{installed, missing};

/// It says how many bytes of environment it was given, and is large enough to be worth packing.
pub const TEXT: &str = r#"
#include <stdio.h>
#include <string.h>
extern char **environ;
static const int table[50000] = {7};
int main(int argc, char **argv) {
    size_t bytes = 0;
    for (char **each = environ; *each; each++) bytes += strlen(*each) + 1;
    printf("%zu %d\n", bytes, table[argc - 1]);
    return 0;
}
"#;

/// The facts of a triple.
pub fn target(triple: &str) -> Target {
    Catalog::builtin().by_triple(triple).unwrap().clone()
}

/// The programs of this machine.
pub fn tools() -> Tools {
    Tools::new(Environment::capture().unwrap())
}

/// Where rustc keeps its own tools.
pub fn sysroot() -> PathBuf {
    let said = Command::new("rustc")
        .args(["--print", "sysroot"])
        .output()
        .unwrap();
    String::from_utf8(said.stdout).unwrap().trim().into()
}

/// A workshop with everything that is installed.
pub fn workshop(folder: &Path) -> Workshop {
    Workshop::new(&tools(), folder.join("shop")).with_sysroot(sysroot())
}

/// Compiles `text` to a program `name`; none, said loudly, where the compiler is missing.
pub fn compile(folder: &Path, compiler: &str, options: &[&str], name: &str, text: &str) -> Option<PathBuf> {
    if !installed(compiler) {
        return None;
    }
    let source = folder.join("source.c");
    fs::write(&source, text).unwrap();
    let program = folder.join(name);
    let output = Command::new(compiler)
        .args(options)
        .arg("-o")
        .arg(&program)
        .arg(&source)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{compiler} {options:?}: {said}");
    Some(program)
}

/// The same in Rust; none, said loudly, where the standard library of that target is missing.
pub fn rust(folder: &Path, triple: &str, options: &[&str]) -> Option<PathBuf> {
    if !sysroot().join("lib/rustlib").join(triple).join("lib").is_dir() {
        missing(&format!("`rustup target add {triple}`"));
        return None;
    }
    let text = r#"fn main() {
        let bytes: usize = std::env::vars().map(|(name, value)| name.len() + value.len() + 2).sum();
        println!("{bytes} 7");
    }"#;
    let source = folder.join("hello.rs");
    fs::write(&source, text).unwrap();
    let program = folder.join("hello");
    let output = Command::new("rustc")
        .args(options)
        .args(["--target", triple, "-o"])
        .arg(&program)
        .arg(&source)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{triple}: {said}");
    Some(program)
}

/// What `program` says on standard output.
pub fn said(program: &str, arguments: &[&str], file: &Path) -> String {
    let output = Command::new(program).args(arguments).arg(file).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A folder with only these programs of `PATH`, as tools.
pub fn only(folder: &Path, programs: &[&str]) -> Tools {
    let bin = folder.join("bin");
    fs::create_dir_all(&bin).unwrap();
    let environment = Environment::capture().unwrap();
    let all = Tools::new(environment.clone());
    for program in programs {
        symlink(all.find(program).unwrap(), bin.join(program)).unwrap();
    }
    Tools::new(environment.with("PATH", bin))
}
