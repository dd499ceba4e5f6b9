use super::example::{Example, elf, static_elf};
use super::*;
use serde_json::json;

#[test]
fn names_lead_back_to_checks() {
    for check in Check::ALL {
        assert_eq!(Check::named(check.name()), Some(check));
        assert_eq!(serde_json::to_value(check).unwrap(), json!(check.name()));
    }
    assert_eq!(Check::named("fit"), None);
}

#[test]
fn a_program_without_its_loader_is_told_which() {
    let mut scratch = Example::default();
    scratch.program("app", elf());
    let found = scratch.only(Check::Interpreter);
    assert_eq!(
        found[0].message,
        "`/app` is started by `/lib64/ld-linux-x86-64.so.2`, which `debian:12-slim` does not have"
    );
    assert!(
        found[0].help.as_deref().unwrap().contains("distroless"),
        "{found:?}"
    );

    let mut library = Example::debian("2.36");
    let mut nobody = elf();
    nobody.interpreter = None;
    library.program("app", nobody);
    assert_eq!(
        library.messages(Check::Interpreter),
        ["`/app` needs libraries and names no loader: it is a library, or was not linked as a program"]
    );

    let mut alpine = Example::alpine();
    alpine.program("app", elf());
    assert_eq!(
        alpine.messages(Check::Libc),
        [
            "`/app` is made for glibc, and `debian:12-slim` has musl: its loader `/lib64/ld-linux-x86-64.so.2` is not there"
        ]
    );
    let mut musl = elf();
    musl.interpreter = Some("/lib/ld-musl-x86_64.so.1".into());
    musl.needed = vec!["libc.so".into()];
    alpine = Example::alpine();
    alpine.program("app", musl.clone());
    assert_eq!(alpine.all(), []);
    let mut debian = Example::debian("2.36");
    debian.program("app", musl);
    let found = debian.only(Check::Libc);
    assert!(
        found[0].help.as_deref().unwrap().contains("`alpine:3`"),
        "{found:?}"
    );

    // Through two links, as /usr is merged.
    let mut debian = Example::debian("2.36");
    debian.program("app", elf());
    assert_eq!(debian.all(), []);
    let mut loader = example::library("ld-linux-x86-64.so.2", &["GLIBC_2.36"]);
    loader.machine = 183;
    debian.elf("usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", loader);
    assert_eq!(
        debian.only(Check::Interpreter)[0].found.as_deref(),
        Some("machine 183, 64 bits")
    );
}

#[test]
fn findings_are_ordered_and_levels_are_the_users() {
    let mut example = Example::default();
    example.program("b", elf());
    example.program("a", elf());
    let mut arm = static_elf();
    arm.machine = 183;
    example.program("z", arm);
    example.config(json!({"User": "0", "WorkingDir": "/none"}));
    let shape = |example: &Example| -> Vec<_> {
        let all = example.all().into_iter();
        all.map(|one| (one.level, one.check.name(), one.subject))
            .collect()
    };
    let found = |level, check, subject: &str| (level, check, subject.to_owned());
    assert_eq!(
        shape(&example),
        [
            found(Level::Deny, "machine", "/z"),
            found(Level::Deny, "interpreter", "/a"),
            found(Level::Deny, "interpreter", "/b"),
            found(Level::Warn, "root", "user"),
            found(Level::Warn, "workdir", "workdir"),
        ]
    );
    example.levels.insert(Check::Interpreter, Level::Allow);
    example.levels.insert(Check::Machine, Level::Warn);
    example.levels.insert(Check::Root, Level::Deny);
    assert_eq!(
        shape(&example),
        [
            found(Level::Deny, "root", "user"),
            found(Level::Warn, "machine", "/z"),
            found(Level::Warn, "workdir", "workdir"),
        ]
    );
}

#[test]
fn other_systems_are_left_alone() {
    let mut example = Example::on("wasi/wasm");
    example.config(json!({"User": "nobody", "Entrypoint": ["/app.wasm"]}));
    assert_eq!(example.all(), []);
}
