//! [`Check::Certificates`]: programs that trust the system's root certificates find some.
//!
//! Crates tell: the ones below read files of the system and nothing else. A program that carries roots as well (webpki-roots)
//! may do without. The places are those of the openssl-probe crate
//! <https://docs.rs/openssl-probe/0.1.6/src/openssl_probe/lib.rs.html> and of Go's crypto/x509.

use super::scene::Scene;
use super::{Check, Finding};
use crate::rootfs::Kind;

/// Crates that read the system's roots.
const READERS: [&str; 4] = [
    "rustls-native-certs",
    "rustls-platform-verifier",
    "native-tls",
    "openssl-probe",
];

/// Crates that carry roots.
const CARRIERS: [&str; 2] = ["webpki-roots", "webpki-root-certs"];

const BUNDLES: [&str; 8] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/tls/cert.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/opt/etc/ssl/certs/ca-certificates.crt",
];

/// Directories of single certificates.
const DIRECTORIES: [&str; 4] = [
    "/etc/ssl/certs",
    "/etc/pki/tls/certs",
    "/usr/lib/ssl/certs",
    "/etc/openssl/certs",
];

pub(super) fn check(scene: &Scene<'_>, out: &mut Vec<Finding>) {
    // Who names another place means to bring it, perhaps when the container is started.
    if ["SSL_CERT_FILE", "SSL_CERT_DIR"]
        .iter()
        .any(|name| scene.variable(name).is_some())
    {
        return;
    }
    if BUNDLES.iter().any(|path| is_filled(scene, path))
        || DIRECTORIES.iter().any(|path| has_files(scene, path))
    {
        return;
    }
    for program in &scene.programs {
        let Some(crates) = scene.crates(program) else {
            continue;
        };
        let Some(reader) = READERS.iter().find(|name| crates.contains(**name)) else {
            continue;
        };
        if CARRIERS.iter().any(|name| crates.contains(*name)) {
            continue;
        }
        let message = format!(
            "`{}` reads the system's root certificates (`{reader}`), and {} has none",
            program.path,
            scene.base()
        );
        let finding = scene
            .finding(Check::Certificates, &program.path, message)
            .needed(BUNDLES[0]);
        out.push(finding.help("add `provide = [\"ca-certificates\"]`, or build with webpki-roots"));
    }
}

fn is_filled(scene: &Scene<'_>, path: &str) -> bool {
    let found = scene.question.tree.resolve(path.as_bytes());
    found.is_some_and(|(_, node)| matches!(&node.kind, Kind::File(facts) if facts.size > 0))
}

fn has_files(scene: &Scene<'_>, path: &str) -> bool {
    let tree = scene.question.tree;
    let Some((folder, _)) = tree.resolve(path.as_bytes()) else {
        return false;
    };
    tree.inside(&folder).any(|(path, _)| {
        let found = tree.resolve(path);
        found.is_some_and(|(_, node)| matches!(&node.kind, Kind::File(facts) if facts.size > 0))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::example::{Example, file};
    use serde_json::json;

    #[test]
    fn roots_are_there_for_who_reads_them() {
        let empty = "etc/ssl/certs/ca-certificates.crt";
        for (crates, path, size, expected) in [
            (&["rustls", "webpki-roots"][..], "none", 1, 0),
            (&["openssl-sys"], "none", 1, 0),
            (&["rustls-native-certs", "webpki-roots"], "none", 1, 0),
            (
                &["rustls-native-certs"],
                "etc/ssl/certs/ca-certificates.crt",
                9,
                0,
            ),
            (&["native-tls"], "etc/pki/tls/certs/ca-bundle.crt", 9, 0),
            (&["native-tls"], "etc/ssl/certs/5ed36f99.0", 9, 0),
            (&["native-tls"], "none", 1, 1),
            (&["rustls-platform-verifier"], empty, 0, 1),
        ] {
            let mut example = Example::default();
            example.built_with(crates);
            example.put(path, file(size));
            assert_eq!(
                example.only(Check::Certificates).len(),
                expected,
                "{crates:?} {path}"
            );
            example.config(json!({"Env": ["SSL_CERT_FILE=/certs/all.pem"]}));
            assert_eq!(example.all(), []);
        }
    }
}
