//! [`Check::Interpreter`] and [`Check::Libc`]: the loader that a program names is not in the image.
//!
//! `PT_INTERP` is a path that the kernel opens (gABI, "Program Interpreter"); without it the start fails with "no such file
//! or directory", which says nothing about which file. Every link is followed inside the tree.

use super::loader::same_machine;
use super::scene::{Program, Scene};
use super::{Check, Finding, propose};
use crate::binary::Elf;
use crate::rootfs::Kind;
use crate::target::Libc;

/// The loader of a program as it lies in the tree.
pub(super) struct Found<'a> {
    /// As the program names it.
    pub(super) named: &'a str,
    pub(super) real: Vec<u8>,
    /// None if it could not be read as ELF.
    pub(super) elf: Option<&'a Elf>,
    /// Whose loader it is, where the name tells.
    pub(super) libc: Option<Libc>,
}

/// The loader of a program; or what is wrong with it. None for programs without one.
pub(super) fn of<'a>(scene: &Scene<'a>, program: &Program<'a>) -> Option<Result<Found<'a>, Box<Finding>>> {
    let elf = program.elf?;
    let Some(named) = elf.interpreter.as_deref() else {
        return (!elf.needed.is_empty()).then(|| Err(Box::new(nameless(scene, program))));
    };
    let Some((real, node)) = scene.question.tree.resolve(named.as_bytes()) else {
        return Some(Err(Box::new(missing(scene, program, named))));
    };
    let Kind::File(facts) = &node.kind else {
        return Some(Err(Box::new(missing(scene, program, named))));
    };
    if let Some(own) = facts.elf.as_deref().filter(|own| !same_machine(own, elf)) {
        let message = format!(
            "`{}` is started by `{named}`, which in {} is for another machine",
            program.path,
            scene.base()
        );
        let finding = scene
            .finding(Check::Interpreter, &program.path, message)
            .needed(format!("machine {}, {} bits", elf.machine, elf.class))
            .found(format!("machine {}, {} bits", own.machine, own.class))
            .help("take the base of this platform");
        return Some(Err(Box::new(finding)));
    }
    Some(Ok(Found {
        named,
        libc: libc_of(scene, named, &real),
        real,
        elf: facts.elf.as_deref(),
    }))
}

/// Somebody has to load what it needs, and nobody is called: the kernel starts it, and it falls over.
fn nameless(scene: &Scene<'_>, program: &Program<'_>) -> Finding {
    let message = format!(
        "`{}` needs libraries and names no loader: it is a library, or was not linked as a program",
        program.path
    );
    let finding = scene.finding(Check::Interpreter, &program.path, message);
    finding.help("take the program itself, or link it again as one")
}

fn missing(scene: &Scene<'_>, program: &Program<'_>, named: &str) -> Finding {
    let wanted = libc_of(scene, named, b"");
    let there = wanted.and_then(|wanted| other_libc(scene, wanted));
    let fitting = propose::sentence(scene, program.elf);
    if let (Some(wanted), Some((libc, path))) = (wanted, there) {
        let message = format!(
            "`{}` is made for {wanted}, and {} has {libc}: its loader `{named}` is not there",
            program.path,
            scene.base()
        );
        let build = match wanted {
            Libc::Gnu => "build for a musl target, which gives a static program",
            _ => "build for a gnu target, or link statically",
        };
        return scene
            .finding(Check::Libc, &program.path, message)
            .needed(named)
            .found(path)
            .help(format!("{build}; {fitting}"));
    }
    let message = format!(
        "`{}` is started by `{named}`, which {} does not have",
        program.path,
        scene.base()
    );
    let finding = scene
        .finding(Check::Interpreter, &program.path, message)
        .needed(named);
    finding.help(format!("link it statically (a musl target does); {fitting}"))
}

/// Whose loader that is: by the path that targets promise, else by the file's name, also that of the file behind links.
fn libc_of(scene: &Scene<'_>, named: &str, real: &[u8]) -> Option<Libc> {
    let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let real = String::from_utf8_lossy(real);
    let own = [name(named), name(&real)];
    let targets = scene.question.catalog.iter();
    let mut known =
        targets.filter_map(|target| Some((target.elf.as_ref()?.interpreter.as_deref()?, target.libc)));
    known
        .find(|(interpreter, _)| own.contains(&name(interpreter)))
        .map(|(_, libc)| libc)
}

/// The loader of another C library that the image has, for this platform.
fn other_libc(scene: &Scene<'_>, wanted: Libc) -> Option<(Libc, String)> {
    let question = &scene.question;
    let targets = question.catalog.iter().filter(|target| {
        (target.platform.os(), target.platform.architecture())
            == (question.platform.os(), question.platform.architecture())
    });
    targets
        .filter(|target| target.libc != wanted)
        .filter_map(|target| Some((target.libc, target.elf.as_ref()?.interpreter.clone()?)))
        .find(|(_, path)| question.tree.resolve(path.as_bytes()).is_some())
}
