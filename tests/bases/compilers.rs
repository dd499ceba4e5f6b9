//! CompilerVersions are recorded where the matrix pins them, and stay.

use std::sync::{Arc, Mutex};

use cargo_gantry::base::{BUILTIN, BaseError, Bases, CompilerPart, CompilerVersions, Mode};
use cargo_gantry::event::{Event, Observer};

use crate::fixture::{Project, code, help, watched};

const MUSL: &str = "aarch64-unknown-linux-musl";
const GNU: &str = "x86_64-unknown-linux-gnu";

/// What is here: one rustc for both triples, one linker each.
fn here(rustc: &str) -> CompilerVersions {
    let mut compilers = CompilerVersions::default();
    for (triple, linker) in [(MUSL, "zig 0.17.0"), (GNU, "gcc 12.2.0")] {
        compilers.add(triple, CompilerPart::Rustc, rustc);
        compilers.add(triple, CompilerPart::Linker, linker);
    }
    compilers
}

fn save(bases: &mut Bases) -> Result<bool, BaseError> {
    bases.save(&[BUILTIN.to_owned()])
}

#[derive(Default)]
struct Notices(Mutex<Vec<String>>);

impl Observer for Notices {
    fn event(&self, event: &Event<'_>) {
        if let Event::Notice { text } = event {
            self.0.lock().unwrap().push((*text).to_owned());
        }
    }
}

#[test]
fn what_is_recorded_holds_and_others_are_refused() {
    let project = Project::new();
    let mut bases = project.bases();
    bases.pin_compilers(&here("1.95.0")).unwrap();
    assert!(save(&mut bases).unwrap());
    let text = project.lock();
    assert!(
        text.ends_with(
            "\n[[toolchain]]\ntriple = \"aarch64-unknown-linux-musl\"\nrustc = \"1.95.0\"\nlinker = \"zig 0.17.0\"\n\
             \n[[toolchain]]\ntriple = \"x86_64-unknown-linux-gnu\"\nrustc = \"1.95.0\"\nlinker = \"gcc 12.2.0\"\n"
        ),
        "{text}"
    );

    // The same, and a part of it, as a build for one platform has.
    let mut part = CompilerVersions::default();
    part.add(GNU, CompilerPart::Rustc, "1.95.0");
    for compilers in [here("1.95.0"), part, CompilerVersions::default()] {
        let mut locked = project.locked();
        locked.pin_compilers(&compilers).unwrap();
        assert!(!save(&mut locked).unwrap());
    }

    let error = project.locked().pin_compilers(&here("1.96.0")).unwrap_err();
    assert!(error.is_refusal());
    assert_eq!(code(&error), "gantry::base::toolchain");
    assert_eq!(
        error.to_string(),
        "the compilers here are not those of gantry.lock: rustc is 1.96.0, not 1.95.0 \
         (for aarch64-unknown-linux-musl, x86_64-unknown-linux-gnu)"
    );
    assert!(help(&error).contains("cargo gantry update"));
    // What nobody recorded cannot be held against anything.
    let mut unknown = here("1.95.0");
    unknown.add(MUSL, CompilerPart::Go, "go1.27.3");
    let error = project.locked().pin_compilers(&unknown).unwrap_err();
    assert!(
        error.to_string().contains("go is go1.27.3, and none is recorded"),
        "{error}"
    );
    assert_eq!(project.lock(), text);
}

#[test]
fn without_locked_others_are_told_and_the_record_moves_when_asked() {
    let project = Project::new();
    let mut bases = project.bases();
    bases.pin_compilers(&here("1.95.0")).unwrap();
    save(&mut bases).unwrap();
    let text = project.lock();

    let notices = Arc::new(Notices::default());
    let mut bases = watched(&project.path(""), Mode::default(), notices.clone()).unwrap();
    bases.pin_compilers(&here("1.96.0")).unwrap();
    assert!(!save(&mut bases).unwrap());
    assert_eq!(project.lock(), text);
    let told = std::mem::take(&mut *notices.0.lock().unwrap());
    assert!(
        matches!(told.as_slice(), [one] if one.contains("rustc is 1.96.0, not 1.95.0")),
        "{told:?}"
    );

    assert!(matches!(
        project.locked().update_compilers(here("1.96.0")),
        Err(BaseError::Locked { .. })
    ));
    let changes = bases.compilers().differences(&here("1.96.0"));
    assert_eq!(bases.update_compilers(here("1.96.0")).unwrap(), changes);
    assert!(save(&mut bases).unwrap());
    assert_eq!(project.lock(), text.replace("1.95.0", "1.96.0"));
    project.locked().pin_compilers(&here("1.96.0")).unwrap();

    // A matrix that pins them no more leaves nothing.
    assert!(
        bases
            .update_compilers(CompilerVersions::default())
            .unwrap()
            .is_empty()
    );
    assert!(save(&mut bases).unwrap());
    assert!(!project.lock().contains("toolchain"));
}

#[test]
fn nothing_pinned_needs_no_lock_file() {
    let project = Project::new();
    let mut bases = project.bases();
    bases.pin_compilers(&CompilerVersions::default()).unwrap();
    assert!(
        bases
            .update_compilers(CompilerVersions::default())
            .unwrap()
            .is_empty()
    );
    assert!(!save(&mut bases).unwrap());
    assert!(!project.path("gantry.lock").exists());
}
