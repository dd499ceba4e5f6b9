//! kind and k3s, which cannot run here: programs of their names record how they are called, and what they are given.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use cargo_gantry::archive::Layout;

use super::support::workspace::{Ran, Workspace};
use super::{NAMES, lines, project};

/// Answers as docker does for a cluster of two nodes and its load balancer.
const DOCKER: &str = r#"#!/bin/sh
case "$1" in
ps) [ "$3" = label=io.x-k8s.kind.cluster=dev ] || exit 0
    printf 'dev-control-plane control-plane\ndev-external-load-balancer external-load-balancer\ndev-worker worker\n' ;;
inspect) echo sha256:0123 ;;
image) [ "$5" = sha256:0123 ] && echo linux/amd64/ ;;
exec) cat > "$RECORD/$4.tar"; echo "$@" >> "$RECORD/calls" ;;
*) exit 1 ;;
esac
"#;

const K3S: &str = r#"#!/bin/sh
[ "$3" = version ] && exit 0
cat > "$RECORD/k3s.tar"; echo "$@" >> "$RECORD/calls"
"#;

/// A made-up program before all others, and where it records.
fn recording(workspace: &Workspace, program: &str, text: &str) -> (String, PathBuf) {
    let folder = workspace.outside().join("programs");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(program), text).unwrap();
    fs::set_permissions(folder.join(program), fs::Permissions::from_mode(0o755)).unwrap();
    let path = std::env::var("PATH").unwrap();
    (
        format!("{}:{path}", folder.display()),
        workspace.outside().to_owned(),
    )
}

fn load(workspace: &Workspace, into: &str, (path, record): &(String, PathBuf)) -> Ran {
    let mut command = workspace.command(["load", "--quiet", "--platform", "linux/amd64", "--into", into]);
    Ran::of(command.env("PATH", path).env("RECORD", record))
}

/// The name in containerd and the digest of each image of an archive.
fn entries(path: PathBuf) -> Vec<(String, String)> {
    let layout = Layout::open(path).unwrap();
    let mut found = Vec::new();
    for entry in layout.entries() {
        // Everything is there, and is what it should be.
        for blob in layout.reach(&entry.descriptor).unwrap() {
            let digest = blob.digest().to_string().parse().unwrap();
            std::io::copy(&mut layout.blob(&digest).unwrap(), &mut std::io::sink()).unwrap();
        }
        let annotations = entry.descriptor.annotations().clone().unwrap();
        let name = annotations["io.containerd.image.name"].clone();
        found.push((name, entry.descriptor.digest().to_string()));
    }
    found
}

#[test]
fn every_node_of_a_cluster_gets_the_image() {
    let Some(workspace) = project("\"linux/amd64\"") else {
        return;
    };
    let there = recording(&workspace, "docker", DOCKER);
    let ran = load(&workspace, "kind=dev", &there).ok();
    let calls = fs::read_to_string(there.1.join("calls")).unwrap();
    let call = |node: &str| {
        format!("exec --privileged -i {node} ctr --namespace=k8s.io images import --all-platforms -\n")
    };
    assert_eq!(calls, call("dev-control-plane") + &call("dev-worker"));
    for node in ["dev-control-plane", "dev-worker"] {
        let found = entries(there.1.join(format!("{node}.tar")));
        let shown: Vec<(&str, &str)> = found
            .iter()
            .map(|(name, digest)| (digest.as_str(), name.as_str()))
            .collect();
        assert_eq!(lines(&ran.stdout), shown);
        assert_eq!(shown.iter().map(|(_, name)| *name).collect::<Vec<_>>(), NAMES);
    }
    let ran = load(&workspace, "kind", &there).fails(4);
    assert!(
        ran.stderr.contains("there is no kind cluster `kind`"),
        "{}",
        ran.stderr
    );
}

#[test]
fn k3s_has_a_ctr_of_its_own() {
    let Some(workspace) = project("\"linux/amd64\"") else {
        return;
    };
    let there = recording(&workspace, "k3s", K3S);
    load(&workspace, "k3s", &there).ok();
    let calls = fs::read_to_string(there.1.join("calls")).unwrap();
    assert_eq!(calls, "ctr images import --platform linux/amd64 -\n");
    assert_eq!(entries(there.1.join("k3s.tar")).len(), NAMES.len());
}
