//! Which of the arguments that flags of rustc give to the linker are for a compiler: a bare linker takes none of them.
//! <https://doc.rust-lang.org/rustc/codegen-options/index.html#link-arg>

/// How they begin.
const OF_COMPILERS: [&str; 12] = [
    "-Wl,",
    "-Xlinker",
    "-flto",
    "-fsanitize",
    "-fuse-ld",
    "-march=",
    "-mcpu=",
    "-mtune=",
    "-nodefaultlibs",
    "-nostartfiles",
    "-pthread",
    "-rdynamic",
];

/// Those among the arguments that `rustflags` hold.
pub(super) fn words(rustflags: &[String]) -> impl Iterator<Item = &str> {
    let options = rustflags.iter().filter_map(|flag| {
        let option = flag
            .strip_prefix("--codegen=")
            .or_else(|| flag.strip_prefix("-C"));
        // An option may stand in a word of its own.
        let option = option.unwrap_or(flag).trim_start();
        option
            .strip_prefix("link-arg=")
            .or_else(|| option.strip_prefix("link-args="))
    });
    let words = options.flat_map(str::split_ascii_whitespace);
    words.filter(|word| OF_COMPILERS.iter().any(|start| word.starts_with(start)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_for_compilers_are_told_from_those_for_linkers() {
        for (rustflags, expected) in [
            (vec!["-C", "link-arg=-fuse-ld=lld"], Some("-fuse-ld=lld")),
            (vec!["-Clink-arg=-Wl,-z,now"], Some("-Wl,-z,now")),
            (vec!["--codegen", "link-args=-s -pthread"], Some("-pthread")),
            (vec!["--codegen=link-arg=-Xlinker"], Some("-Xlinker")),
            (
                vec!["-C", "link-arg=-s", "-Clink-args=-z now --gc-sections"],
                None,
            ),
            (vec!["--cfg", "feature=\"-Wl,x\"", "-Ctarget-cpu=x86-64-v3"], None),
        ] {
            let rustflags: Vec<_> = rustflags.into_iter().map(str::to_owned).collect();
            assert_eq!(words(&rustflags).next(), expected, "{rustflags:?}");
        }
    }
}
