//! A disk that is full, and one that may not be written.

use std::fs;
use std::process::Command;

use crate::outside::{self, child, role};
use crate::support::workspace::Ran;
use crate::support::workspace::{Workspace, gantry, settled};
use crate::whole;

#[test]
fn a_full_disk_is_exit_7_and_the_next_run_works() {
    const NAME: &str = "disk::a_full_disk_is_exit_7_and_the_next_run_works";
    if let Some(root) = role() {
        let root = std::path::PathBuf::from(root);
        let store = root.join("target/gantry");
        let run = || Ran::of(gantry(&root).args(["build", "--quiet"]));
        let ran = run().fails(7);
        assert!(
            ran.stderr.contains("no space left"),
            "{}",
            ran.stderr.to_lowercase()
        );
        assert!(ran.stderr.contains(store.to_str().unwrap()), "{}", ran.stderr);
        whole::store(&store);
        assert_eq!(fs::read_dir(store.join(".unfinished")).unwrap().count(), 0);
        // Twice: a failed run takes no room from the next.
        run().fails(7);
        fs::write(root.join("data/large"), "small now").unwrap();
        let ran = run().ok();
        assert!(ran.stdout.starts_with("sha256:"));
        whole::store(&store);
        assert_eq!(whole::entries(&store), 1);
        return println!("DONE");
    }
    if !outside::installed("unshare") {
        return;
    }
    let Some(workspace) = Workspace::tiny() else {
        return;
    };
    workspace.write("data/large", noise(6 << 20));
    workspace.write(
        "gantry.toml",
        "schema = 1\n[image.tiny]\nplatforms = [\"linux/amd64\"]\nfiles = [{ from = \"data/\", to = \"/srv/\" }]\n",
    );
    // cargo's own files lie elsewhere: only the store is on the small disk.
    fs::create_dir_all(workspace.store()).unwrap();
    let test = child(NAME, workspace.root().to_str().unwrap());
    let script = r#"mount -t tmpfs -o size=3m none "$0" && exec "$@""#;
    let mut outer = Command::new("unshare");
    settled(&mut outer);
    outer
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", script])
        .arg(workspace.store())
        .arg(test.get_program())
        .args(test.get_args())
        .env(outside::ROLE, workspace.root());
    let ran = Ran::of(&mut outer);
    if ran.code != Some(0) && ran.stdout.is_empty() {
        return outside::missing(&format!("no tmpfs can be mounted here: {}", ran.stderr));
    }
    assert!(
        ran.code == Some(0) && ran.stdout.contains("DONE"),
        "{}{}",
        ran.stdout,
        ran.stderr
    );
}

/// Bytes that no encoder makes smaller.
fn noise(count: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    (0..count / 8).flat_map(|_| next().to_le_bytes()).collect()
}
