//! The description holds together, and its formats take what they should.

use super::*;

fn each_shape(form: &Form, see: &mut dyn FnMut(&Shape)) {
    match form {
        Form::Table(shape) => {
            see(shape);
            for key in shape.keys() {
                each_shape(&key.form, see);
            }
        }
        Form::List(form) | Form::FullList(form) | Form::Map { value: form, .. } => each_shape(form, see),
        Form::Either(forms) => forms.iter().for_each(|form| each_shape(form, see)),
        _ => {}
    }
}

#[test]
fn every_key_is_kebab_case_described_and_there_once() {
    let mut seen = 0;
    each_shape(&Form::Table(&ROOT), &mut |shape| {
        for (position, key) in shape.keys().enumerate() {
            seen += 1;
            let kebab = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
            assert!(key.name.bytes().all(kebab), "{}", key.name);
            assert!(key.about.ends_with('.'), "{}.{}", shape.name, key.name);
            assert!(!key.example.is_empty(), "{}.{}", shape.name, key.name);
            assert!(
                shape.keys().take(position).all(|other| other.name != key.name),
                "{}",
                key.name
            );
        }
    });
    assert!(seen > 60);
}

#[test]
fn forms_beside_each_other_are_of_different_types() {
    each_shape(&Form::Table(&ROOT), &mut |shape| {
        for key in shape.keys() {
            if let Form::Either(forms) = &key.form {
                let mut types: Vec<_> = forms
                    .iter()
                    .map(|form| match form.expected().split(' ').nth(1) {
                        Some(kind) => kind.to_owned(),
                        None => "boolean".to_owned(),
                    })
                    .collect();
                types.sort();
                types.dedup();
                assert_eq!(types.len(), forms.len(), "{}.{}", shape.name, key.name);
            }
        }
    });
}

#[test]
fn formats_take_what_they_should() {
    for (format, good, bad) in [
        (Format::Name, vec!["api", "a.b-c_d"], vec!["", "-a", "a/b", "a b"]),
        (
            Format::Platform,
            vec!["linux/amd64", "linux/arm/v7", "wasi/wasm"],
            vec!["linux", "linux/x86_64", "x86_64", "linux/", "windows/amd64"],
        ),
        (
            Format::Base,
            vec![
                "static",
                "scratch",
                "debian:13-slim",
                "ghcr.io/a/b@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                "oci:dist/base",
                "oci:dist/base:1.0",
                "oci-archive:my base.tar",
                "docker:27-dind",
                "localhost:5000/base",
            ],
            vec![
                "",
                "oci:",
                "acme/Upper",
                "a b",
                "docker-archive:x.tar",
                "docker://debian",
                "debian:{version}",
                "oci:{arch}/base",
            ],
        ),
        (
            Format::Repository,
            vec![
                "ghcr.io/acme/{image}",
                "localhost:5000/a",
                "{env.REGISTRY:-ghcr.io}/a",
                "acme/api",
            ],
            vec![
                "",
                "ghcr.io/a:1",
                "ghcr.io/Acme/a",
                "a/{platform}",
                "a@sha256:00",
                "https://a/b",
            ],
        ),
        (
            Format::Tag,
            vec![
                "latest",
                "{version}",
                "v{major}.{minor}",
                "{commit:12}-{platform}",
                "semver",
                "_x",
            ],
            vec![
                "",
                "-a",
                ".a",
                "a b",
                "a/b",
                "{verison}",
                "{commit:12",
                "a+b",
                "{{a}}",
            ],
        ),
        (
            Format::Condition,
            vec![
                "git-tag",
                "ci",
                "branch=main",
                "branch=release/*",
                "env.X=",
                "env.X=a=b",
            ],
            vec!["", "branch=", "branch", "env.=x", "tag=v1", "CI"],
        ),
        (
            Format::Glibc,
            vec!["from-base", "2.31"],
            vec!["2", "3.1", "2.31.1", "glibc"],
        ),
        (Format::Variable, vec!["A", "a.b"], vec!["", "A=B"]),
        (
            Format::User,
            vec!["0", "65532:65532", "nobody", "api:web"],
            vec!["", "a:b:c", "a b", ":1"],
        ),
        (
            Format::Path,
            vec!["/", "/a", "/a/", "/.a/..b"],
            vec!["", "a", "/a/../b", "/./a", "//"],
        ),
        (Format::FilePath, vec!["/a", "/a/b"], vec!["/", "/a/", "a"]),
        (
            Format::PathTemplate,
            vec!["/{image}/", "/a"],
            vec!["a", "/../a", "{image}", "/{out}"],
        ),
        (
            Format::FilesFrom,
            vec!["a/b", ".", "assets/", "{triple}/x"],
            vec!["", "/a", "../a", "a/../b"],
        ),
        (
            Format::FileBelow,
            vec!["agent", "dist/{os}/{arch}{variant}/agent", ".cache/a..b"],
            vec!["", "/a", "a/", "./a", "../a", "a//b", "{out}"],
        ),
        (
            Format::Member,
            vec!["agent", "agent-{version}/agent"],
            vec!["", "/agent", "a/../b", "bin/"],
        ),
        (
            Format::GoPackage,
            vec![
                ".",
                "./cmd/worker",
                "../tool",
                "./cmd/a.b/",
                "example.org/a-b/v2/cmd/x",
                "cmd/go",
                "main.go",
            ],
            vec![
                "",
                "-x",
                "./...",
                "./cmd/...",
                "a.../b",
                "x...",
                "/abs/cmd",
                "./a b",
                "./cmd//x",
            ],
        ),
        (
            Format::GoTag,
            vec!["netgo", "go1.18", "a_b"],
            vec!["", "a,b", "!a", "a b"],
        ),
        (Format::Glob, vec!["**/*.html", "{a,b}"], vec!["", "a[", "{a"]),
        (
            Format::Port,
            vec!["1", "8080/tcp", "9000-9003/udp", "65535"],
            vec!["0", "65536", "http", "9-8", "80/sctp", "80/"],
        ),
        (
            Format::Owner,
            vec!["0:0", "65532:1"],
            vec!["0", "a:b", "4294967296:0", "0:0:0"],
        ),
        (
            Format::Mode,
            vec!["0644", "644", "1777", "04755"],
            vec!["", "0888", "64", "rw-r--r--", "077777"],
        ),
        (
            Format::Signal,
            vec!["SIGTERM", "15", "SIGRTMIN+3"],
            vec!["TERM", "SIGTRM", "0", "sigterm"],
        ),
        (
            Format::Size,
            vec!["40MB", "1.5GiB"],
            vec!["40", "MB", "40 MB", "-1MB"],
        ),
        (Format::Growth, vec!["10%", "2MB"], vec!["10", "%"]),
    ] {
        for (texts, expected) in [(good, true), (bad, false)] {
            for text in texts {
                let got = format.check(text);
                assert_eq!(got.is_ok(), expected, "{format:?} {text:?} {got:?}");
                if expected {
                    assert!(format.matches(text), "the pattern of {format:?} refuses {text:?}");
                }
            }
        }
    }
}
