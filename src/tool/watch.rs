//! A watch over a child for the case that we end without being asked: killed, or out of memory.
//!
//! A shell waits for the end of a pipe that only we hold; when it comes, it ends the child's process group. The kernel
//! could end the child alone, but not what it started: of a build that would leave the build scripts.

use std::process::Child;

/// Watches while it lives; dropped, it lets the child be.
pub(super) struct Watch(Option<Child>);

impl Watch {
    /// Watches the process group of that number. Where no shell can be started there is no watch.
    #[cfg(unix)]
    pub(super) fn over(group: u32) -> Self {
        use std::os::unix::process::CommandExt;
        use std::process::{Command, Stdio};

        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", "read -r _; kill -s KILL -- \"-$0\"", &group.to_string()])
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
    pub(super) fn over(_: u32) -> Self {
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
