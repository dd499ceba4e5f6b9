//! A watch over the children for the case that we end without being asked: killed, or out of memory.
//!
//! One shell reads from a pipe that only we hold whom to watch, and whom no longer; when the pipe ends, it ends the process
//! groups that are left. The kernel could end the children alone, but not what they started: of a build that would leave
//! the build scripts.

use std::sync::{Mutex, PoisonError};

use super::child::Family;

/// Watches over children. Dropped, it lets those be that it still watches.
#[derive(Debug, Default)]
pub(super) struct Watch(Mutex<Option<Shell>>);

impl Watch {
    /// Watches a child from now on. Where no shell can be started there is no watch.
    pub(super) fn over(&self, family: Family) {
        let mut shell = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if shell.is_none() {
            *shell = Shell::start();
        }
        if let Some(shell) = &mut *shell {
            shell.tell('+', family);
        }
    }

    /// Lets a child be: to be called before its number is free for others.
    pub(super) fn leave(&self, family: Family) {
        if let Some(shell) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            shell.tell('-', family);
        }
    }
}

#[cfg(unix)]
#[derive(Debug)]
struct Shell(std::process::Child);

#[cfg(unix)]
const SCRIPT: &str = r#"all=
while read -r what whom; do
    rest=
    for one in $all; do
        [ "$one" = "$whom" ] || rest="$rest $one"
    done
    all=$rest
    [ "$what" = - ] || all="$all $whom"
done
for one in $all; do
    kill -s KILL -- "$one"
done"#;

#[cfg(unix)]
impl Shell {
    fn start() -> Option<Self> {
        use std::os::unix::process::CommandExt;
        use std::process::{Command, Stdio};

        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", SCRIPT])
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // What ends our group, as Ctrl-C does, must leave it alone.
            .process_group(0);
        command.spawn().ok().map(Self)
    }

    fn tell(&mut self, what: char, family: Family) {
        use std::io::Write;

        let line = match family {
            Family::Group(id) => format!("{what} -{id}\n"),
            Family::Alone(id) => format!("{what} {id}\n"),
        };
        if let Some(pipe) = &mut self.0.stdin {
            // Somebody may have ended the shell: then there is no watch.
            let _ = pipe.write_all(line.as_bytes());
        }
    }
}

#[cfg(unix)]
impl Drop for Shell {
    fn drop(&mut self) {
        // Before its pipe closes. It may be gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(not(unix))]
#[derive(Debug)]
struct Shell;

#[cfg(not(unix))]
impl Shell {
    fn start() -> Option<Self> {
        None
    }

    fn tell(&mut self, _: char, _: Family) {}
}
