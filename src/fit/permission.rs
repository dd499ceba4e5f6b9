//! [`Check::Permission`]: the user may start the program, its loader, and read its libraries.
//!
//! execve(2) needs the right to execute program and interpreter and to go through every directory that leads there; the
//! loader opens libraries for reading. Access lists and security modules are not in an image's tree.
//!
//! What a layer says of the root itself is not what all runtimes do: over the layers of an image lies the container's own,
//! whose root Podman and CRI-O give the mode of the one below
//! (<https://github.com/containers/storage/blob/v1.55.0/drivers/overlay/overlay.go>), and Docker and containerd make 0755
//! (<https://github.com/containerd/containerd/blob/v2.0.0/plugins/snapshots/overlay/overlay.go>). A closed root is told, and
//! stops nothing.

use super::identity::{EXECUTE, Identity, READ};
use super::loader::Closure;
use super::scene::{Program, Scene, shown};
use super::{Check, Finding};
use crate::rootfs::Node;

pub(super) fn check(
    scene: &Scene<'_>,
    program: &Program<'_>,
    closure: Option<&Closure<'_>>,
    out: &mut Vec<Finding>,
) {
    let Ok(identity) = &scene.user else { return };
    // The kernel reads a script's program for the interpreter, and lets the interpreter read the script.
    let bits = if program.script.is_some() {
        READ | EXECUTE
    } else {
        EXECUTE
    };
    let mut wrong: Vec<_> = refused(scene, identity, &program.path, &program.real, program.node, bits)
        .into_iter()
        .collect();
    let interpreter = program.elf.and_then(|elf| elf.interpreter.as_deref());
    if let Some((path, (real, node))) =
        interpreter.and_then(|path| Some((path, scene.question.tree.resolve(path.as_bytes())?)))
    {
        wrong.extend(refused(scene, identity, path, &real, node, EXECUTE));
    }
    for object in closure
        .into_iter()
        .flat_map(|closure| closure.objects.iter().skip(1))
    {
        let path = shown(&object.path);
        wrong.extend(refused(scene, identity, &path, &object.real, object.node, READ));
    }
    wrong.sort();
    wrong.dedup();
    for Refused {
        what,
        needed,
        found,
        root,
    } in wrong
    {
        let (path, user) = (&program.path, identity.shown());
        let message = match root {
            true => format!(
                "`{path}` cannot run where a runtime keeps the mode of `/`, as Podman and CRI-O do: {user} {what}"
            ),
            false => format!("`{path}` cannot run: {user} {what}"),
        };
        let finding = scene
            .finding(Check::Permission, path, message)
            .needed(needed)
            .found(found);
        out.push(match root {
            true => finding
                .help("take a base whose `/` is open, or give the image another `user`")
                .doubtful(),
            false => finding.help("give it `mode = \"0755\"`, or the image another `user`"),
        });
    }
}

/// What somebody may not do.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Refused {
    what: String,
    needed: String,
    /// What there is.
    found: String,
    /// Whether it is to enter the root.
    root: bool,
}

fn refused(
    scene: &Scene<'_>,
    identity: &Identity,
    path: &str,
    real: &[u8],
    node: &Node,
    bits: u32,
) -> Option<Refused> {
    let tree = scene.question.tree;
    // Links may lead through closed directories that the path without links does not have.
    let parent = path
        .rsplit_once('/')
        .map(|(parent, _)| parent)
        .filter(|parent| !parent.is_empty());
    let named = parent.and_then(|parent| tree.resolve(parent.as_bytes()));
    let named = named.map(|(parent, _)| [parent.as_slice(), b"/"].concat());
    let ways = [Some(real.to_vec()), named];
    let closed = ways
        .iter()
        .flatten()
        .find_map(|way| identity.stopped_at(tree, way));
    if let Some(directory) = closed {
        let mode = tree
            .get(&directory)
            .map(|node| format!("{:04o}", node.mode))
            .unwrap_or_default();
        return Some(Refused {
            what: format!("may not enter `{}`", shown(&directory)),
            needed: "0755".to_owned(),
            found: mode,
            root: false,
        });
    }
    if identity.may(node, bits) {
        // Last, as it is no more than a warning.
        return identity.stopped_by_root(tree).map(|root| Refused {
            what: "may not enter `/`".to_owned(),
            needed: "0755".to_owned(),
            found: format!("{:04o}", root.mode),
            root: true,
        });
    }
    let verb = if bits & EXECUTE != 0 { "start" } else { "read" };
    Some(Refused {
        what: format!("may not {verb} `{path}`"),
        needed: if bits & EXECUTE != 0 { "0755" } else { "0644" }.to_owned(),
        found: format!("{:04o} of {}:{}", node.mode, node.uid, node.gid),
        root: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::Level;
    use crate::fit::example::{Example, elf, mode, script, static_elf};
    use serde_json::json;

    #[test]
    fn programs_may_be_started() {
        let own = |bits, uid, gid| {
            let mut example = Example::default();
            example.program("srv/app", static_elf());
            let node = example.tree.get(b"srv/app").unwrap().clone();
            example.put("srv/app", mode(node, bits, uid, gid));
            example
        };
        for (bits, uid, gid, user, expected) in [
            (0o755, 0, 0, "65532:65532", None),
            (0o711, 0, 0, "65532:65532", None),
            (0o500, 65532, 0, "65532:65532", None),
            (0o750, 0, 44, "api", None),
            (0o644, 0, 0, "65532:65532", Some("0644 of 0:0")),
            (0o700, 0, 0, "65532:65532", Some("0700 of 0:0")),
            (0o750, 0, 44, "65532:65532", Some("0750 of 0:44")),
        ] {
            let mut example = own(bits, uid, gid);
            example.text("etc/passwd", "api:x:1000:1000::/:\n");
            example.text("etc/group", "media:x:44:api\n");
            example.config(json!({ "User": user }));
            let found = example.only(Check::Permission);
            let shown = found.first().and_then(|one| one.found.as_deref());
            assert_eq!(shown, expected, "{bits:o} {user}");
        }
        let mut example = own(0o755, 0, 0);
        example.directory("srv", 0o700, 0);
        assert_eq!(
            example.messages(Check::Permission),
            ["`/srv/app` cannot run: the user 65532:65532 may not enter `/srv`"]
        );
    }

    #[test]
    fn a_closed_root_is_told() {
        for (bits, owner, program, expected) in [
            (0o700, 0, 0o755, Some(Level::Warn)),
            (0o711, 0, 0o755, None),
            (0o700, 65532, 0o755, None),
            // What nobody can start, whatever the runtime.
            (0o700, 0, 0o644, Some(Level::Deny)),
        ] {
            let mut example = Example::debian("2.36");
            example.program("srv/app", elf());
            let node = example.tree.get(b"srv/app").unwrap().clone();
            example.put("srv/app", mode(node, program, 0, 0));
            // A layer with an entry for the root, as `tar -C root .` makes them.
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(tar::EntryType::Directory);
            header.set_mode(bits);
            header.set_uid(owner);
            header.set_size(0);
            let mut layer = tar::Builder::new(Vec::new());
            layer.append_data(&mut header, "./", [].as_slice()).unwrap();
            let layer = layer.into_inner().unwrap();
            example.tree.apply(layer.as_slice()).unwrap();
            let found: Vec<_> = example.all().iter().map(|one| (one.check, one.level)).collect();
            let expected = expected.map(|level| (Check::Permission, level));
            assert_eq!(
                found[..1.min(found.len())],
                Vec::from_iter(expected),
                "{bits:o} {owner}"
            );
        }
    }

    #[test]
    fn what_a_program_loads_may_be_read() {
        let mut example = Example::debian("2.36");
        example.program("app", elf());
        let libc = "usr/lib/x86_64-linux-gnu/libc.so.6";
        let node = example.tree.get(libc.as_bytes()).unwrap().clone();
        example.put(libc, mode(node.clone(), 0o644, 0, 0));
        assert_eq!(example.all(), []);
        example.put(libc, mode(node, 0o600, 0, 0));
        let expected =
            "`/app` cannot run: the user 65532:65532 may not read `/lib/x86_64-linux-gnu/libc.so.6`";
        assert_eq!(example.messages(Check::Permission), [expected]);
        // A script is read by its interpreter.
        let mut example = Example::default();
        example.elf("bin/sh", static_elf());
        example.put("run", mode(script("/bin/sh"), 0o711, 0, 0));
        example.config(json!({"Entrypoint": ["/run"]}));
        assert_eq!(example.only(Check::Permission).len(), 1);
    }
}
