//! [`advice`]: the way out of what go says.

/// Words of go, and what to do about them where go itself does not say it, or says it of its own command line.
const KNOWN: &[(&str, &str)] = &[
    (
        "go.mod file not found",
        "a Go program belongs to a module: put a go.mod above its package (`go mod init`)",
    ),
    (
        "is not in std",
        "a package of your own module begins with `./` and is seen from the matrix's folder: `./cmd/x`",
    ),
    (
        ": directory not found",
        "the package is a folder, seen from the matrix's: `./cmd/x`",
    ),
    (
        "does not contain package",
        "the package's folder lies in no module, or in one that go.work does not use",
    ),
    (
        "GOTOOLCHAIN=local)",
        "install a newer Go, or let it fetch one with `GOTOOLCHAIN=auto`",
    ),
    (
        "build constraints exclude all Go files",
        "its files are for other platforms or tags (`tags = [..]`), or call C, which needs `cgo = true`",
    ),
    (
        "module lookup disabled by GOPROXY=off",
        "run `go mod download` once with a network, or keep what is needed in the project with `go mod vendor`",
    ),
    ("inconsistent vendoring", "run `go mod vendor`"),
    (
        "cgo: C compiler",
        "install the target's C compiler, or leave out `cgo = true` if the program can do without C",
    ),
    (
        "error obtaining VCS status",
        "let git trust the folder (`git config --global --add safe.directory DIR`), or set `GOFLAGS=-buildvcs=false`",
    ),
];

/// The way out of what go said, where it is known.
pub(super) fn advice(said: &str) -> Option<&'static str> {
    let known = KNOWN.iter().find(|(words, _)| said.contains(words));
    known.map(|(_, help)| *help)
}
