//! Programs from files and archives, made on the fly.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use cargo_gantry::build::{self, PrebuiltFile, PrebuiltUnit};
use cargo_gantry::codec::Compression;
use cargo_gantry::codec::tar::{Attributes, TarWriter};
use cargo_gantry::environment::Environment;
use cargo_gantry::event::Silent;
use cargo_gantry::spec::Digest;
use cargo_gantry::tool::Tools;
use miette::Diagnostic;

struct Place {
    _folder: tempfile::TempDir,
    root: PathBuf,
}

const PROGRAM: &[u8] = b"#!/bin/sh\necho agent\n";

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap().join("project");
        fs::create_dir(&root).unwrap();
        Self {
            _folder: folder,
            root,
        }
    }

    fn write(&self, path: &str, bytes: &[u8]) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn unit(&self, files: Vec<PrebuiltFile>) -> PrebuiltUnit {
        PrebuiltUnit {
            name: "prebuilt".into(),
            directory: self.root.clone(),
            files,
            into: self.root.join(".gantry/prebuilt"),
        }
    }

    /// Takes one file: where it lies, or what is said and advised.
    fn take(&self, file: PrebuiltFile) -> Result<PathBuf, (String, String)> {
        let tools = Tools::new(Environment::empty(&self.root));
        let mut seen = Vec::new();
        let built = build::prebuilt(&tools, &Silent, &self.unit(vec![file]), &mut |one| seen.push(one));
        match built {
            Ok(built) => {
                assert_eq!(built.artifacts, seen);
                assert_eq!(seen[0].package, None);
                Ok(seen.remove(0).path)
            }
            Err(error) => {
                let mut said = error.to_string();
                let mut cause = std::error::Error::source(&error);
                while let Some(inner) = cause {
                    said.push_str(&format!(": {inner}"));
                    cause = inner.source();
                }
                Err((
                    said,
                    error.help().map(|help| help.to_string()).unwrap_or_default(),
                ))
            }
        }
    }

    /// Names of what was unpacked, or left behind by it.
    fn unpacked(&self) -> usize {
        fn count(folder: &Path) -> usize {
            let entries = fs::read_dir(folder).into_iter().flatten().flatten();
            let paths = entries.map(|entry| entry.path());
            paths
                .map(|path| if path.is_dir() { count(&path) } else { 1 })
                .sum()
        }
        // The lock is a file, too.
        count(&self.root.join(".gantry/prebuilt")) - 1
    }
}

fn file(path: &str, member: Option<&str>) -> PrebuiltFile {
    PrebuiltFile {
        triple: "x86_64-unknown-linux-musl".into(),
        platform: "linux/amd64".parse().unwrap(),
        binary: "agent".into(),
        path: path.into(),
        sha256: None,
        member: member.map(str::to_owned),
    }
}

/// A tar of a release, as its makers have it: `prefix` before each path.
fn tar(prefix: &str, program: &[u8]) -> Vec<u8> {
    let mut tar = TarWriter::new(Vec::new(), 0);
    let root = Attributes::root(0o755);
    let name = |path: &str| format!("{prefix}{path}").into_bytes();
    tar.directory(&name("agent-1.0"), root).unwrap();
    for (path, mut content) in [
        ("agent-1.0/LICENSE", b"MIT".as_slice()),
        ("agent-1.0/bin/agent", program),
    ] {
        let size = content.len() as u64;
        tar.file(&name(path), root, size, &mut content, &|_| ()).unwrap();
    }
    tar.symlink(&name("agent-1.0/latest"), b"bin/agent", root)
        .unwrap();
    tar.hardlink(&name("agent-1.0/twin"), b"agent-1.0/bin/agent", root)
        .unwrap();
    tar.symlink(&name("agent-1.0/secret"), b"/etc/passwd", root)
        .unwrap();
    tar.finish().unwrap()
}

fn compressed(bytes: &[u8], compression: Compression) -> Vec<u8> {
    let mut encoder = compression.encoder(Vec::new()).unwrap();
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zip(program: &[u8]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let deflated = stored.compression_method(zip::CompressionMethod::Deflated);
    zip.add_directory("agent-1.0", stored).unwrap();
    zip.start_file("agent-1.0/LICENSE", stored).unwrap();
    zip.write_all(b"MIT").unwrap();
    zip.start_file("agent-1.0/bin/agent", deflated).unwrap();
    zip.write_all(program).unwrap();
    zip.add_symlink("agent-1.0/latest", "bin/agent", stored).unwrap();
    zip.finish().unwrap().into_inner()
}

const MEMBER: &str = "agent-1.0/bin/agent";

#[test]
fn members_are_found_in_every_kind_of_archive() {
    let place = Place::new();
    let large: Vec<u8> = (0..3_000_000_u32).flat_map(|n| (n / 3).to_le_bytes()).collect();
    for (name, bytes, small) in [
        ("a.tar", tar("", PROGRAM), true),
        (
            "b.tar.gz",
            compressed(&tar("./", PROGRAM), Compression::Gzip(6)),
            true,
        ),
        (
            "c.tar.zst",
            compressed(&tar("", &large), Compression::Zstd(3)),
            false,
        ),
        ("d.zip", zip(PROGRAM), true),
        ("e.zip", zip(&large), false),
        // The name says nothing.
        (
            "f.exe",
            compressed(&tar("./", &large), Compression::Gzip(1)),
            false,
        ),
    ] {
        place.write(name, &bytes);
        let before = place.unpacked_or_none();
        let found = place
            .take(file(name, Some(MEMBER)))
            .unwrap_or_else(|said| panic!("{name}: {said:?}"));
        let expected = if small { PROGRAM } else { &large };
        assert!(fs::read(&found).unwrap() == expected, "{name}");
        assert_eq!(fs::metadata(&found).unwrap().permissions().mode() & 0o777, 0o755);
        assert!(
            found.starts_with(place.root.join(".gantry/prebuilt")),
            "{}",
            found.display()
        );
        assert_eq!(place.unpacked(), before + 1, "{name}");
        // Not unpacked a second time, however the archive is called.
        let modified = fs::metadata(&found).unwrap().modified().unwrap();
        place.write("other/name", &bytes);
        assert_eq!(place.take(file("other/name", Some(MEMBER))), Ok(found.clone()));
        assert_eq!(fs::metadata(&found).unwrap().modified().unwrap(), modified);
        assert_eq!(place.unpacked(), before + 1, "{name}");
    }
}

impl Place {
    fn unpacked_or_none(&self) -> usize {
        match self.root.join(".gantry/prebuilt").is_dir() {
            true => self.unpacked(),
            false => 0,
        }
    }
}

#[test]
fn what_is_no_file_of_its_own_is_refused_in_archives() {
    let place = Place::new();
    place.write("a.tgz", &compressed(&tar("./", PROGRAM), Compression::Gzip(6)));
    place.write("a.zip", &zip(PROGRAM));
    for (archive, member, expected) in [
        ("a.tgz", "agent-1.0/latest", "is a symbolic link to `bin/agent`"),
        (
            "a.tgz",
            "agent-1.0/twin",
            "is a hard link to `agent-1.0/bin/agent`",
        ),
        ("a.tgz", "agent-1.0/secret", "is a symbolic link to `/etc/passwd`"),
        ("a.tgz", "agent-1.0", "is a folder"),
        ("a.zip", "agent-1.0/latest", "is a symbolic link to `bin/agent`"),
        ("a.zip", "agent-1.0/", "is a folder"),
    ] {
        let (said, help) = place.take(file(archive, Some(member))).unwrap_err();
        assert_eq!(said, format!("`{member}` in `{archive}` {expected}"));
        assert!(help.contains("regular file"), "{help}");
    }
    for archive in ["a.tgz", "a.zip"] {
        let (said, help) = place.take(file(archive, Some("bin/agent"))).unwrap_err();
        assert_eq!(
            said,
            format!("`{archive}` holds no file `bin/agent` for `agent` on linux/amd64")
        );
        assert!(
            help.starts_with("it holds ") && help.contains("agent-1.0/bin/agent`, "),
            "{help}"
        );
    }
    assert_eq!(place.unpacked(), 0);
}

#[test]
fn of_two_members_of_one_name_the_last_counts() {
    let place = Place::new();
    let mut tar = TarWriter::new(Vec::new(), 0);
    for mut content in [b"a longer first one".as_slice(), b"second"] {
        let size = content.len() as u64;
        tar.file(b"x", Attributes::root(0o755), size, &mut content, &|_| ())
            .unwrap();
    }
    place.write("a.tar", &tar.finish().unwrap());
    let found = place.take(file("a.tar", Some("x"))).unwrap();
    assert_eq!(fs::read(found).unwrap(), b"second");
}

#[test]
fn damaged_archives_leave_nothing() {
    let place = Place::new();
    let whole = compressed(&tar("", &[7; 100_000]), Compression::Gzip(6));
    let mut flipped = zip(&(0..100_000_u32).flat_map(u32::to_le_bytes).collect::<Vec<_>>());
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0x55;
    let long_name = {
        let mut header = tar("", PROGRAM);
        header.truncate(512);
        header[156] = b'L';
        header[124..135].copy_from_slice(b"77777777777");
        header[148..156].fill(b' ');
        let sum: u32 = header[..512].iter().map(|byte| u32::from(*byte)).sum();
        header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        header
    };
    for (name, bytes, expected) in [
        (
            "cut.tgz",
            &whole[..whole.len() - 5],
            "cannot read the archive `cut.tgz`",
        ),
        ("flipped.zip", &flipped, "cannot read the archive `flipped.zip`"),
        ("cut.zip", &flipped[..middle], "cannot read the archive `cut.zip`"),
        ("long.tar", &long_name, "more than 1048576 bytes"),
        (
            "text.gz",
            &compressed(&[b'x'; 600], Compression::Gzip(6)),
            "this is no tar",
        ),
        ("a.xz", b"\xfd7zXZ\0", "`a.xz` is compressed with xz"),
        ("plain", PROGRAM, "`plain` is no archive"),
    ] {
        place.write(name, bytes);
        let (said, _) = place.take(file(name, Some(MEMBER))).unwrap_err();
        assert!(said.contains(expected), "{name}: {said}");
        assert_eq!(place.unpacked(), 0, "{name}");
    }
}

#[test]
fn files_are_taken_where_they_lie() {
    let place = Place::new();
    place.write("dist/linux/amd64/agent", PROGRAM);
    symlink("linux/amd64/agent", place.root.join("dist/agent")).unwrap();
    let real = place.root.join("dist/linux/amd64/agent");
    for path in ["dist/linux/amd64/agent", "./dist/agent"] {
        assert_eq!(place.take(file(path, None)), Ok(real.clone()));
    }
    let mut right = file("dist/agent", None);
    right.sha256 = Some(Digest::of(PROGRAM));
    assert_eq!(place.take(right.clone()), Ok(real));
    right.sha256 = Some(Digest::of(b""));
    let (said, help) = place.take(right).unwrap_err();
    assert_eq!(
        said,
        format!(
            "`dist/agent` for linux/amd64 has the sha256 {} instead of {}",
            Digest::of(PROGRAM).hex(),
            Digest::of(b"").hex()
        )
    );
    assert!(help.contains("on purpose"), "{help}");
}

/// The digest is that of the archive, and a wrong one keeps it from being unpacked.
#[test]
fn an_archive_is_checked_before_it_is_read() {
    let place = Place::new();
    let archive = tar("", PROGRAM);
    place.write("a.tar", &archive);
    let mut wanted = file("a.tar", Some(MEMBER));
    wanted.sha256 = Some(Digest::of(PROGRAM));
    let (said, _) = place.take(wanted.clone()).unwrap_err();
    assert!(said.contains(&Digest::of(&archive).hex()), "{said}");
    assert_eq!(place.unpacked(), 0);
    wanted.sha256 = Some(Digest::of(&archive));
    assert!(place.take(wanted).is_ok());
}

/// What was unpacked is taken again only if it is what it was; and not for ever.
#[test]
fn a_damaged_or_old_program_out_of_an_archive_is_unpacked_again() {
    let place = Place::new();
    place.write("a.tar", &tar("", PROGRAM));
    let wanted = || file("a.tar", Some(MEMBER));
    let path = place.take(wanted()).unwrap();
    let inode = |path: &Path| std::os::unix::fs::MetadataExt::ino(&fs::metadata(path).unwrap());
    let first = inode(&path);
    assert_eq!(place.take(wanted()), Ok(path.clone()));
    assert_eq!(inode(&path), first, "it is not unpacked twice");
    let other = [b"#!/bin/sh\necho other\n", PROGRAM].map(|bytes| &bytes[..PROGRAM.len()]);
    for damaged in [b"".as_slice(), other[0]] {
        fs::write(&path, damaged).unwrap();
        assert_eq!(place.take(wanted()), Ok(path.clone()));
        assert_eq!(fs::read(&path).unwrap(), PROGRAM);
    }
    // Another archive, and a week.
    place.write("a.tar", &tar("more/", PROGRAM));
    let folder = path.parent().unwrap();
    let week = std::time::Duration::from_hours(24 * 8);
    let before = std::time::SystemTime::now() - week;
    File::open(folder).unwrap().set_modified(before).unwrap();
    assert!(place.take(wanted()).is_err() || place.unpacked() == 1);
    assert!(!folder.exists());
}

#[test]
fn what_is_missing_or_outside_is_said() {
    let place = Place::new();
    place.write("dist/linux/amd64/other", PROGRAM);
    place.write("dist/linux/arm64/agent", PROGRAM);
    let outside = place.root.parent().unwrap().join("outside");
    fs::write(&outside, PROGRAM).unwrap();
    symlink(&outside, place.root.join("dist/out")).unwrap();
    symlink("nowhere", place.root.join("dist/broken")).unwrap();
    for (path, expected, advice) in [
        (
            "dist/linux/amd64/agent",
            "there is no file `dist/linux/amd64/agent` for `agent` on linux/amd64",
            "`dist/linux/amd64` holds `other`",
        ),
        (
            "dist/linux/s390x/agent",
            "there is no file `dist/linux/s390x/agent` for `agent` on linux/amd64",
            "`dist/linux` holds `amd64/`, `arm64/`",
        ),
        (
            "none",
            "there is no file `none`",
            "the matrix's folder holds `dist/`",
        ),
        ("dist/broken", "there is no file `dist/broken`", "holds `broken`"),
        ("dist/linux", "`dist/linux` is a folder", "`member`"),
        ("dist/out", "`dist/out` leads out of", "without `..`"),
        ("../outside", "`../outside` leads out of", "without `..`"),
        (outside.to_str().unwrap(), "leads out of", "without `..`"),
    ] {
        let (said, help) = place.take(file(path, None)).unwrap_err();
        assert!(said.contains(expected), "{path}: {said}");
        assert!(help.contains(advice), "{path}: {help}");
    }
}

/// A build that was killed leaves a temporary file; the next one removes it.
#[test]
fn what_a_killed_build_left_is_removed() {
    let place = Place::new();
    place.write("a.tar", &tar("", PROGRAM));
    place.write(".gantry/prebuilt/.temporary/half", b"half");
    File::create(place.root.join(".gantry/prebuilt/.lock")).unwrap();
    place.take(file("a.tar", Some(MEMBER))).unwrap();
    assert_eq!(place.unpacked(), 1);
}
