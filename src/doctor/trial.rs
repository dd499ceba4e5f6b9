//! What `run` and `smoke` start programs with.

use std::path::Path;

use super::{Check, Need, Remedy, System, system};
use crate::target::Target;
use crate::tool::Tools;

/// Settings of the kernel that forbid what it takes, each with the value that does, and the one that allows it.
/// <https://www.kernel.org/doc/html/latest/admin-guide/sysctl/user.html>,
/// <https://gitlab.com/apparmor/apparmor/-/wikis/unprivileged_userns_restriction>
const SWITCHES: [(&str, &str, &str); 3] = [
    ("kernel/unprivileged_userns_clone", "0", "1"),
    ("user/max_user_namespaces", "0", "15000"),
    ("kernel/apparmor_restrict_unprivileged_userns", "1", "0"),
];

/// Programs that enter a root, and the package that brings each.
const ENTERING: [(&str, &str); 3] = [("unshare", "unshare"), ("mount", "mount"), ("setpriv", "unshare")];

/// Whether an image's own root can be entered; `refused` says why not.
pub fn root(refused: Option<&str>, required: bool, tools: &Tools, system: &System) -> Check {
    let subject = "a root of its own for a program";
    let Some(why) = refused else {
        return Check::found(Need::Trial, subject, "can be entered");
    };
    let missing: Vec<Remedy> = ENTERING
        .iter()
        .filter(|(program, _)| tools.find(program).is_none())
        .map(|(_, tool)| Remedy::tool(tool, system))
        .collect();
    let check = lacking(subject, why, required);
    if !missing.is_empty() {
        return check.remedy(Remedy::joined(&missing), system);
    }
    let forbids = |(name, value, _): &&(&str, &str, &str)| {
        system::small(&Path::new("/proc/sys").join(name)).trim() == *value
    };
    match SWITCHES.iter().find(forbids) {
        Some((name, _, value)) => {
            let line = format!("{}sysctl -w {}={value}", system.sudo(), name.replace('/', "."));
            check.remedy(Remedy::shell(line), system)
        }
        None => check.advise("run it as root, or where user namespaces are allowed"),
    }
}

/// Whether programs for a target can be started here; `refused` says why not.
pub fn emulator(target: &Target, refused: Option<&str>, required: bool, system: &System) -> Check {
    let subject = format!("programs for {}", target.platform);
    match refused {
        None => Check::found(Need::Trial, subject, "can be started"),
        Some(why) if target.qemu.is_some() => {
            lacking(&subject, why, required).remedy(Remedy::tool("qemu", system), system)
        }
        Some(why) => lacking(&subject, why, required).advise("try them on a machine of their own"),
    }
}

fn lacking(subject: &str, why: &str, required: bool) -> Check {
    match required {
        true => Check::missing(Need::Trial, subject, why),
        false => Check::warning(
            Need::Trial,
            subject,
            format!("{why}; only `run` and `smoke` need it"),
        ),
    }
}
