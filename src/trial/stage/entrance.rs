//! [`Entrance`]: the way into a root that works here, and the call that takes it.
//!
//! `unshare` makes the namespaces, a shell furnishes the root and stays as the first process of its namespace: when it
//! or `unshare` ends, the kernel ends everything inside. A second `unshare` enters the root, and becomes the program.

use std::path::{Path, PathBuf};

use super::process::HOSTNAME;
use super::user::User;
use crate::tool::{Call, Ended, ToolError, Tools};

const FURNISH: &str = include_str!("enter.sh");

/// Where the script puts the emulator, seen from inside.
const EMULATOR: &str = "/dev/.emulator";

/// Folders of system tools, which the `PATH` of a user may lack.
const SYSTEM: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What runtimes leave to root, as of
/// <https://github.com/moby/moby/blob/v27.0.0/oci/caps/defaults.go>.
const CAPABILITIES: &str = "--bounding-set=-all,+chown,+dac_override,+fsetid,+fowner,+mknod,+net_raw,+setgid,\
                            +setuid,+setfcap,+setpcap,+net_bind_service,+sys_chroot,+kill,+audit_write";

/// The way in that works here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// As root: owners are those of the image.
    Root,
    /// Within a user namespace: everything belongs to one user.
    UserNamespace,
}

/// One start of a program.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entrance<'a> {
    pub(super) root: &'a Path,
    /// A file outside of the root that the script makes when it is done.
    pub(super) entered: &'a Path,
    pub(super) env: &'a [(String, String)],
    pub(super) user: &'a User,
    pub(super) workdir: &'a str,
    /// The static qemu, and where the program lies.
    pub(super) emulator: Option<(&'a Path, &'a str)>,
    pub(super) words: &'a [String],
    /// Without the host's network, and within these bounds.
    pub(super) bounds: Option<Bounds>,
}

/// What a program may use that runs alone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Bytes of memory for each process.
    pub(super) memory: u64,
}

impl Way {
    /// The first way that works, tried in an empty root; or why none does.
    pub(super) fn find(
        tools: &Tools,
        root: &Path,
        entered: &Path,
    ) -> Result<Result<Self, String>, ToolError> {
        for program in ["unshare", "mount"] {
            if tools.find(program).is_none() {
                return Ok(Err(missing(program, "util-linux")));
            }
        }
        let Some(env) = tools.find("env") else {
            return Ok(Err(missing("env", "coreutils")));
        };
        let mut said = String::new();
        let ways: &[Self] = if rustix::process::geteuid().is_root() {
            &[Self::Root, Self::UserNamespace]
        } else {
            &[Self::UserNamespace]
        };
        for way in ways {
            if *way == Self::Root && tools.find("setpriv").is_none() {
                said = missing("setpriv", "util-linux");
                continue;
            }
            let user = User {
                uid: 1,
                gid: 1,
                groups: Vec::new(),
                home: "/".to_owned(),
            };
            let probe = Entrance {
                // Nothing of an image is there yet: what is started is a program of ours.
                root,
                entered,
                env: &[],
                user: &user,
                workdir: "/",
                emulator: None,
                words: &[env.display().to_string()],
                bounds: Some(Bounds { memory: u64::MAX }),
            };
            let output = tools.output(&probe.call(tools, *way, Path::new("/")))?;
            if output.ended == Ended::Code(0) {
                return Ok(Ok(*way));
            }
            let last = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            said = last.lines().next_back().unwrap_or("it said nothing").to_owned();
        }
        Ok(Err(format!(
            "no namespaces can be had here: {said}{}",
            switches()
        )))
    }
}

fn missing(program: &str, package: &str) -> String {
    format!("`{program}` is not installed, which enters the image's root ({package})")
}

/// What of the system's settings forbids it, as far as they tell.
fn switches() -> String {
    let off = [
        ("kernel/unprivileged_userns_clone", "0"),
        ("user/max_user_namespaces", "0"),
        ("kernel/apparmor_restrict_unprivileged_userns", "1"),
    ];
    let says = |(name, value): &(&str, &str)| {
        let text = std::fs::read_to_string(Path::new("/proc/sys").join(name));
        text.is_ok_and(|text| text.trim() == *value)
    };
    off.iter().find(|switch| says(switch)).map_or_else(
        || "; in a container, it must be allowed from outside (`--privileged`)".to_owned(),
        |(name, value)| {
            let name = name.replace('/', ".");
            format!("; unprivileged user namespaces are switched off (sysctl {name}={value})")
        },
    )
}

impl Entrance<'_> {
    /// The call that takes this way and starts the program in `root`.
    pub(super) fn call(&self, tools: &Tools, way: Way, into: &Path) -> Call {
        let mut call = Call::new("unshare");
        if way == Way::UserNamespace {
            call = call.args(["--user", "--map-root-user"]);
        }
        call = call.args(["--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child"]);
        let mut memory = String::new();
        if let Some(bounds) = self.bounds {
            call = call.arg("--net");
            memory = (bounds.memory >> 10).to_string();
        }
        let emulator = self.emulator.map_or(Path::new(""), |(emulator, _)| emulator);
        call.args(["--", "sh", "-c", FURNISH, "gantry"])
            .args(self.command(tools, way, into))
            .bare()
            .dir("/")
            .var("PATH", search_path(tools))
            .var("ROOT", self.root)
            .var("ENTERED", self.entered)
            .var("EMULATOR", emulator)
            .var("NAME", HOSTNAME)
            .var("MEMORY", memory)
    }

    /// What enters the root and becomes the program.
    fn command(&self, tools: &Tools, way: Way, into: &Path) -> Vec<String> {
        let (uid, gid) = (self.user.uid.to_string(), self.user.gid.to_string());
        let mut words: Vec<String> = Vec::new();
        if way == Way::Root {
            words.extend(["setpriv".to_owned(), CAPABILITIES.to_owned()]);
            words.extend(["--regid".to_owned(), gid.clone()]);
            if self.user.groups.is_empty() {
                words.push("--clear-groups".to_owned());
            } else {
                let groups: Vec<_> = self.user.groups.iter().map(u32::to_string).collect();
                words.extend(["--groups".to_owned(), groups.join(",")]);
            }
        }
        // The image's variables come last: the tools must not see them.
        words.extend(["env", "-i", "--"].map(str::to_owned));
        words.extend(self.env.iter().map(|(name, value)| format!("{name}={value}")));
        let unshare = tools.find("unshare").unwrap_or_else(|| PathBuf::from("unshare"));
        words.push(unshare.display().to_string());
        match way {
            Way::Root => words.extend(["--setuid".to_owned(), uid]),
            // One more, also for root: whoever is root where the first process is may look into the host through it.
            Way::UserNamespace => {
                words.push("--user".to_owned());
                words.push(format!("--map-user={uid}"));
                words.push(format!("--map-group={gid}"));
            }
        }
        words.push(format!("--root={}", into.display()));
        words.push(format!("--wd={}", self.workdir));
        words.push("--".to_owned());
        match (self.emulator, self.words) {
            (Some((_, path)), [word, rest @ ..]) => {
                words.extend([EMULATOR, "-0", word, path].map(str::to_owned));
                words.extend(rest.iter().cloned());
            }
            _ => words.extend(self.words.iter().cloned()),
        }
        words
    }
}

fn search_path(tools: &Tools) -> String {
    let own = tools.environment().var("PATH").unwrap_or_default();
    format!("{own}:{SYSTEM}")
}
