//! A watch over a child for the case that we end without being asked: killed, or out of memory.
//!
//! A shell waits for the end of a pipe that only we hold; when it comes, it ends the child's process group. The kernel
//! could end the child alone, but not what it started: of a build that would leave the build scripts.

use std::process::Child;

use super::child::Family;

/// Watches while it lives; dropped, it lets the child be.
pub(super) struct Watch(Option<Child>);

impl Watch {
    /// Watches a child. Where no shell can be started there is no watch.
    #[cfg(unix)]
    pub(super) fn over(family: Family) -> Self {
        use std::os::unix::process::CommandExt;
        use std::process::{Command, Stdio};

        let whom = match family {
            Family::Group(id) => format!("-{id}"),
            Family::Alone(id) => id.to_string(),
        };
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", "read -r _; kill -s KILL -- \"$0\"", &whom])
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // What ends our group, as Ctrl-C does, must leave it alone.
            .process_group(0);
        Self(command.spawn().ok())
    }

    #[cfg(not(unix))]
    pub(super) fn over(_: Family) -> Self {
        Self(None)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(shell) = &mut self.0 {
            // Before its pipe closes. It may be gone already.
            let _ = shell.kill();
            let _ = shell.wait();
        }
    }
}
