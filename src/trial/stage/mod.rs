//! [`Stage`] on systems of Unix.

mod emulator;
mod end;
mod entrance;
mod folder;
mod furnish;
mod process;
mod program;
mod root;
mod unpack;
mod user;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use emulator::Emulator;
use end::End;
use entrance::{Bounds, Entrance, Way};
use folder::Folder;
use process::Process;
use program::Program;
use root::{Missing, PLAIN, Root};
use unpack::{Fault, Left};
use user::User;

use super::{Limits, NotTried, Scene, TrialError, Verdict};
use crate::target::ElfPromise;
use crate::tool::{Ended, ToolError, Tools};

type Result<T> = std::result::Result<T, TrialError>;

/// How long a program may run that nobody gave a limit.
const NATIVE: Duration = Duration::from_secs(10);
const EMULATED: Duration = Duration::from_secs(60);

/// How long a program is looked at that must only start.
const STARTED: Duration = Duration::from_secs(3);
const STARTED_EMULATED: Duration = Duration::from_secs(15);

/// As many bytes of variables as a large environment has, and as one of them has.
const LARGE: usize = 96 << 10;
const VALUE: usize = 8 << 10;

/// The image's own root, unpacked into a folder of its own, which is removed when this is dropped. One program at a
/// time is started in it; what one writes there the next one sees.
#[derive(Debug)]
pub struct Stage {
    tools: Tools,
    root: Root,
    way: Way,
    emulator: Emulator,
    process: Process,
    /// Or what a runtime has against it.
    user: std::result::Result<User, String>,
    promise: Option<ElfPromise>,
    /// The file beside the root that tells that it was entered.
    entered: PathBuf,
    /// Dropped last.
    _folder: Folder,
}

impl Stage {
    /// Unpacks an image into a new folder in `folder`, which is made if need be; what was left there by a stage whose
    /// process was killed is removed. Or says why nothing can be tried here.
    ///
    /// # Errors
    /// When a layer cannot be read or unpacked, the folder cannot be written, or we were cancelled.
    pub fn set(
        tools: &Tools,
        folder: &Path,
        scene: &Scene<'_>,
    ) -> Result<std::result::Result<Self, NotTried>> {
        if let Some(why) = impossible(scene) {
            return Ok(Err(NotTried { why }));
        }
        let emulator = match Emulator::of(tools, scene.target) {
            Ok(emulator) => emulator,
            Err(why) => return Ok(Err(NotTried { why })),
        };
        let folder = Folder::new(folder).map_err(|source| unwritable(folder, source))?;
        if let Some(why) = runs_nothing(folder.path()) {
            return Ok(Err(NotTried { why }));
        }
        let mut root = Root::new(folder.path().join("root"));
        fs::create_dir(root.path()).map_err(|source| unwritable(root.path(), source))?;
        root.put_directory(root.path().to_owned(), PLAIN);
        for name in ["proc", "dev"] {
            let made = root.directory(name.as_bytes(), Missing::Made);
            made.map_err(|source| unwritable(root.path(), source))?;
        }
        let entered = folder.path().join("entered");
        let way = match Way::find(tools, root.path(), &entered)? {
            Ok(way) => way,
            Err(why) => return Ok(Err(NotTried { why })),
        };
        let own = way == Way::Root;
        let mut left = Left::default();
        for layer in &scene.layers {
            if tools.cancelled() {
                let command = "unpacking a layer".to_owned();
                return Err(ToolError::Cancelled { command }.into());
            }
            match unpack::unpack(&mut root, layer, &mut left, own) {
                Ok(()) => {}
                Err(Fault::NotTried(why)) => return Ok(Err(NotTried { why })),
                Err(Fault::Error(error)) => return Err(error),
            }
        }
        let process = Process::of(scene.config);
        let user = User::of(&process.user, &root.text("etc/passwd"), &root.text("etc/group"));
        let home = user.as_ref().map_or("/", |user| user.home.as_str());
        let process = process.at_home(home);
        furnish::prepare(&mut root, &process.workdir)?;
        unpack::finish(&root, own)?;
        Ok(Ok(Self {
            tools: tools.clone(),
            root,
            way,
            emulator,
            process,
            user,
            promise: scene.target.and_then(|target| target.elf.clone()),
            entered,
            _folder: folder,
        }))
    }

    /// Whether its programs are started by an emulator.
    pub fn is_emulated(&self) -> bool {
        self.emulator != Emulator::None
    }

    /// Starts the image's program with our own standard streams and the host's network; `arguments` take the place of
    /// the image's `Cmd`. A program that ended by a signal has the exit code 128 plus its number.
    ///
    /// # Errors
    /// [`TrialError::Refused`] where a runtime would not start it, and when we were cancelled.
    pub fn run(&self, arguments: Option<&[String]>) -> Result<Ended> {
        let words = self.process.words(arguments);
        let (user, program) = self.ready(&words)?;
        furnish::put(&self.root, "hosts", &furnish::host_file("/etc/hosts"))?;
        furnish::put(&self.root, "resolv.conf", &furnish::host_file("/etc/resolv.conf"))?;
        let call = self
            .entrance(user, &program, &words)
            .call(&self.tools, self.way, self.root.path());
        end::forget(&self.entered);
        let ended = self.tools.hand_over(&call)?;
        if !self.entered.exists() {
            return Err(TrialError::Enter { said: String::new() });
        }
        Ok(match ended {
            Ended::Signal(signal) => Ended::Code(128 + signal),
            ended => ended,
        })
    }

    /// Tries the image's program with these arguments in the place of its `Cmd`: without network but for its own
    /// loopback, without input, within limits. It passes if it ends with 0.
    ///
    /// # Errors
    /// When the root cannot be entered any more, or we were cancelled.
    pub fn smoke(&self, arguments: &[String], limits: &Limits) -> Result<Verdict> {
        let words = self.process.words(Some(arguments));
        let (user, program) = match self.ready(&words) {
            Ok(ready) => ready,
            Err(TrialError::Refused { why, .. }) => return Ok(failed(why, String::new())),
            Err(error) => return Err(error),
        };
        let (end, output) = self.watched(&self.entrance(user, &program, &words), limits, NATIVE, EMULATED)?;
        Ok(match end {
            End::Code(0) => Verdict::Passed,
            _ if program.script && self.is_emulated() => Verdict::NotTried {
                why: format!(
                    "`{}` is a script, and what it starts can be emulated only by the kernel (binfmt_misc)",
                    words[0]
                ),
            },
            end => failed(end.told(limits, &output), output),
        })
    }

    /// Whether a program starts at all: it is put at the path `at` of the root, and started without arguments with a
    /// large environment, otherwise as by [`Stage::smoke`]. It has started if it does not end by a signal, nor with the
    /// exit codes of what cannot be started, within the limit of time (here usually 3 seconds, and 15 where it is
    /// emulated): also if it still runs then.
    ///
    /// # Errors
    /// When the program cannot be read or put there, the root cannot be entered any more, or we were cancelled.
    pub fn start_program(&self, program: &Path, at: &str, limits: &Limits) -> Result<Verdict> {
        furnish::put_program(&self.root, at, program)?;
        let words = [at.to_owned()];
        let (user, program) = match self.ready(&words) {
            Ok(ready) => ready,
            Err(TrialError::Refused { why, .. }) => return Ok(failed(why, String::new())),
            Err(error) => return Err(error),
        };
        let mut env = self.process.env.clone();
        env.extend((0..LARGE / VALUE).map(|n| (format!("GANTRY_{n}"), "x".repeat(VALUE))));
        let entrance = Entrance {
            env: &env,
            ..self.entrance(user, &program, &words)
        };
        let (end, output) = self.watched(&entrance, limits, STARTED, STARTED_EMULATED)?;
        Ok(match end {
            End::Code(126 | 127) | End::Signal(_) => failed(end.told(limits, &output), output),
            End::Code(_) | End::Time(_) | End::Most => Verdict::Passed,
        })
    }

    /// What a runtime looks at before it starts a program.
    fn ready(&self, words: &[String]) -> Result<(&User, Program)> {
        let refused = |why: String, code| TrialError::Refused { why, code };
        let user = self.user.as_ref().map_err(|why| refused(why.clone(), 126))?;
        furnish::check(&self.root, &self.process.workdir).map_err(|why| refused(why, 126))?;
        let program = Program::find(&self.root, &self.process, words)
            .map_err(|refusal| refused(refusal.why, refusal.code))?;
        if let Some(promise) = &self.promise
            && !program.machine.keeps(promise)
        {
            let why = format!(
                "`{}` is for another machine than the image's platform (exec format error)",
                program.path
            );
            return Err(refused(why, 126));
        }
        Ok((user, program))
    }

    fn entrance<'a>(&'a self, user: &'a User, program: &'a Program, words: &'a [String]) -> Entrance<'a> {
        let (emulator, words) = match &self.emulator {
            Emulator::None => (None, words),
            Emulator::Qemu(qemu) => (
                Some((qemu.as_path(), program.path.as_str())),
                program.words.as_slice(),
            ),
        };
        Entrance {
            root: self.root.path(),
            entered: &self.entered,
            env: &self.process.env,
            user,
            workdir: &self.process.workdir,
            emulator,
            words,
            bounds: None,
        }
    }

    /// Starts a program alone and within limits.
    fn watched(
        &self,
        entrance: &Entrance<'_>,
        limits: &Limits,
        native: Duration,
        emulated: Duration,
    ) -> Result<(End, String)> {
        furnish::put(&self.root, "hosts", b"127.0.0.1\tlocalhost\n::1\tlocalhost\n")?;
        furnish::put(&self.root, "resolv.conf", b"")?;
        let usual = if self.is_emulated() { emulated } else { native };
        let entrance = Entrance {
            bounds: Some(Bounds {
                memory: limits.memory,
            }),
            ..*entrance
        };
        let call = entrance.call(&self.tools, self.way, self.root.path());
        let time = limits.time.unwrap_or(usual);
        end::watch(
            &self.tools,
            &call.limit(time).most(limits.output),
            limits.kept,
            &self.entered,
        )
    }
}

/// Why an image can be tried nowhere like here.
fn impossible(scene: &Scene<'_>) -> Option<String> {
    let os = scene.platform.os();
    (os != "linux").then(|| format!("images for {os} cannot be tried"))
}

/// What a file system has against programs that are started from it, as far as it tells.
fn runs_nothing(folder: &Path) -> Option<String> {
    let mounted = rustix::fs::statvfs(folder).ok()?;
    let no_exec = rustix::fs::StatVfsMountFlags::NOEXEC;
    mounted.f_flag.contains(no_exec).then(|| {
        format!(
            "`{}` is on a file system that programs may not be started from (noexec)",
            folder.display()
        )
    })
}

fn failed(how: String, output: String) -> Verdict {
    Verdict::Failed { how, output }
}

fn unwritable(path: &Path, source: io::Error) -> TrialError {
    TrialError::Folder {
        path: path.to_owned(),
        source,
    }
}
