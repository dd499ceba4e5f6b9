//! [`Finding`], and the [`Check`]s there are.

use serde::{Deserialize, Serialize};

use crate::spec::Platform;

/// One thing that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(rename_all = "kebab-case")]
pub struct Finding {
    /// What found it.
    pub check: Check,
    /// Whether it stops the build.
    pub level: Level,
    /// Where.
    pub platform: Platform,
    /// The program's path in the image, or the setting that is wrong (`user`, `workdir`, `entrypoint`).
    pub subject: String,
    /// What is wrong: one sentence, without a full stop.
    pub message: String,
    /// What is needed, where that is one thing: `GLIBC_2.39`, `libssl.so.3`.
    pub needed: Option<String>,
    /// What the base has instead.
    pub found: Option<String>,
    /// The way out.
    pub help: Option<String>,
}

impl Finding {
    /// Whether it stops the build.
    pub fn is_denied(&self) -> bool {
        self.level == Level::Deny
    }

    /// With the level that it has by default.
    pub(super) fn new(
        platform: &Platform,
        check: Check,
        subject: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            check,
            level: check.level(),
            platform: platform.clone(),
            subject: subject.into(),
            message: message.into(),
            needed: None,
            found: None,
            help: None,
        }
    }

    pub(super) fn needed(mut self, needed: impl Into<String>) -> Self {
        self.needed = Some(needed.into());
        self
    }

    pub(super) fn found(mut self, found: impl Into<String>) -> Self {
        self.found = Some(found.into());
        self
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Only told by default although the check denies: it may be meant so.
    pub(super) fn doubtful(mut self) -> Self {
        self.level = Level::Warn;
        self
    }

    /// Denied by default although the check only warns: no container of the image would start.
    pub(super) fn fatal(mut self) -> Self {
        self.level = Level::Deny;
        self
    }
}

/// What a finding does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// It stops the build, before anything is uploaded.
    Deny,
    /// It is told.
    Warn,
    /// It is not told.
    Allow,
}

/// The checks. Names, as `checks` in the matrix has them, and what each does by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// Machine, class, byte order, ABI or ARM version are not the platform's.
    Machine,
    /// The program's interpreter is not in the image.
    Interpreter,
    /// A program for musl on a base with glibc, or the reverse.
    Libc,
    /// A library is not in the image.
    Library,
    /// A library lacks a symbol version: glibc, libstdc++, libgcc, OpenSSL, any.
    Glibc,
    /// The program needs instructions that not every machine of the platform has.
    Cpu,
    /// An executable stack, or no read-only relocations.
    Hardening,
    /// It looks for root certificates, and there are none.
    Certificates,
    /// It makes temporary files, and there is no `/tmp` for everybody.
    Tmp,
    /// It reads time zones, and there are none.
    Timezone,
    /// glibc, linked statically, with look-ups that load libraries at run time.
    StaticGlibc,
    /// The user is not in `passwd`, or its group not in `group`.
    User,
    /// It runs as root.
    Root,
    /// A user's name where Kubernetes' `runAsNonRoot` needs a number.
    UserName,
    /// The program may not be read or started by the user.
    Permission,
    /// A port below 1024 without the right to listen there.
    Port,
    /// The entrypoint's program is not in the image, or is none.
    Entrypoint,
    /// The entrypoint is a script whose interpreter is not in the image, or a shell line without a shell.
    Shell,
    /// The working directory is not there, is none, or may not be entered.
    Workdir,
    /// A volume may not be written to by the user, or hides a program.
    Volume,
    /// A directory lies over a link of the base, and hides what that led to.
    Symlink,
    /// A health check's program is not in the image.
    Healthcheck,
    /// The base was made long before the image.
    Age,
}

impl Check {
    /// All of them.
    pub const ALL: [Self; 23] = [
        Self::Machine,
        Self::Interpreter,
        Self::Libc,
        Self::Library,
        Self::Glibc,
        Self::Cpu,
        Self::Hardening,
        Self::Certificates,
        Self::Tmp,
        Self::Timezone,
        Self::StaticGlibc,
        Self::User,
        Self::Root,
        Self::UserName,
        Self::Permission,
        Self::Port,
        Self::Entrypoint,
        Self::Shell,
        Self::Workdir,
        Self::Volume,
        Self::Symlink,
        Self::Healthcheck,
        Self::Age,
    ];

    /// Its name in `checks`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Machine => "machine",
            Self::Interpreter => "interpreter",
            Self::Libc => "libc",
            Self::Library => "library",
            Self::Glibc => "glibc",
            Self::Cpu => "cpu",
            Self::Hardening => "hardening",
            Self::Certificates => "certificates",
            Self::Tmp => "tmp",
            Self::Timezone => "timezone",
            Self::StaticGlibc => "static-glibc",
            Self::User => "user",
            Self::Root => "root",
            Self::UserName => "user-name",
            Self::Permission => "permission",
            Self::Port => "port",
            Self::Entrypoint => "entrypoint",
            Self::Shell => "shell",
            Self::Workdir => "workdir",
            Self::Volume => "volume",
            Self::Symlink => "symlink",
            Self::Healthcheck => "healthcheck",
            Self::Age => "age",
        }
    }

    /// The check of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|check| check.name() == name)
    }

    /// What it does unless the matrix says otherwise: what cannot run is denied, what may not is told. A working
    /// directory that keeps the image from starting is denied as well, and a link that an image of somebody else hides is
    /// told, as is a root directory that the user may not enter.
    ///
    /// `hardening`, `user-name` and `age` are matters of taste. `port` is not told because the image cannot know: where
    /// `net.ipv4.ip_unprivileged_port_start` is 0 (Docker since 20.10) every user may listen on every port.
    pub fn level(self) -> Level {
        match self {
            Self::Machine
            | Self::Interpreter
            | Self::Libc
            | Self::Library
            | Self::Glibc
            | Self::User
            | Self::Permission
            | Self::Entrypoint
            | Self::Shell
            | Self::Symlink => Level::Deny,
            Self::Hardening | Self::UserName | Self::Port | Self::Age => Level::Allow,
            _ => Level::Warn,
        }
    }
}
