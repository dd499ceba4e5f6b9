//! [`groups`]: which packages one `go build` can write into one folder.

use super::GoTarget;
use super::call::Caller;
use crate::build::BuildError;

/// Packages of one call, and the files that go makes of them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Group<'a> {
    /// Package as the unit says it, and the name of its file.
    pub(super) members: Vec<(&'a str, String)>,
    /// Files named one by one: go takes those of a single program only.
    alone: bool,
}

/// The unit's packages in groups of different names: go would write two of one name to one path, and refuses.
pub(super) fn groups<'a>(caller: &Caller<'a>, target: &GoTarget) -> Result<Vec<Group<'a>>, BuildError> {
    let mut named: Vec<(&'a str, String)> = Vec::new();
    for binary in &caller.unit.binaries {
        if named.iter().all(|(package, _)| *package != binary.package) {
            named.push((&binary.package, name(caller, target, &binary.package)?));
        }
    }
    Ok(arranged(named))
}

fn arranged(named: Vec<(&str, String)>) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for (package, name) in named {
        let alone = is_file(package);
        let free =
            |group: &&mut Group<'_>| !group.alone && group.members.iter().all(|(_, other)| *other != name);
        match groups.iter_mut().find(free).filter(|_| !alone) {
            Some(group) => group.members.push((package, name)),
            None => groups.push(Group {
                members: vec![(package, name)],
                alone,
            }),
        }
    }
    groups
}

/// The name of the file that go makes of a package.
fn name(caller: &Caller<'_>, target: &GoTarget, package: &str) -> Result<String, BuildError> {
    let refused = |why: &str| BuildError::GoPackage {
        package: package.to_owned(),
        why: why.to_owned(),
    };
    if package.is_empty() || package.starts_with('-') {
        return Err(refused("is no package"));
    }
    let call = caller
        .list(target)
        .args(["-f", "{{.Name}} {{.ImportPath}}"])
        .arg(package);
    let answer = caller.run(&call, Some(target))?;
    let mut lines = answer.lines();
    let (Some(line), None) = (lines.next(), lines.next()) else {
        return Err(refused("names several packages, or none"));
    };
    let (kind, path) = line.split_once(' ').unwrap_or((line, ""));
    if kind != "main" {
        return Err(refused(&format!("is a library (`package {kind}`)")));
    }
    let stem = match is_file(package) {
        true => package
            .rsplit(['/', '\\'])
            .next()
            .and_then(|file| file.strip_suffix(".go")),
        false => executable(path),
    };
    let stem = stem.ok_or_else(|| refused("has no name that a file could have"))?;
    let windows = target.variables.get("GOOS").is_some_and(|os| os == "windows");
    Ok(format!("{stem}{}", if windows { ".exe" } else { "" }))
}

fn is_file(package: &str) -> bool {
    package.ends_with(".go")
}

/// The last element of an import path, or that before it where the last is a major version.
/// <https://github.com/golang/go/blob/go1.24.0/src/cmd/go/internal/load/pkg.go> (`DefaultExecName`)
fn executable(path: &str) -> Option<&str> {
    let (before, last) = path.rsplit_once('/').unwrap_or(("", path));
    let version = last.strip_prefix('v').is_some_and(|digits| {
        !digits.is_empty()
            && !digits.starts_with('0')
            && digits != "1"
            && digits.bytes().all(|byte| byte.is_ascii_digit())
    });
    let name = match version && !before.is_empty() {
        true => before.rsplit('/').next().unwrap_or(before),
        false => last,
    };
    Some(name).filter(|name| !["", ".", ".."].contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_named_as_go_names_them() {
        for (path, expected) in [
            ("example.com/m/cmd/x", Some("x")),
            ("m", Some("m")),
            ("example.com/m/v2", Some("m")),
            ("example.com/m/v12", Some("m")),
            ("example.com/m/v1", Some("v1")),
            ("example.com/m/v0", Some("v0")),
            ("example.com/m/v", Some("v")),
            ("example.com/m/v2x", Some("v2x")),
            ("v2", Some("v2")),
            ("", None),
            ("a/..", None),
        ] {
            assert_eq!(executable(path), expected, "{path}");
        }
    }

    #[test]
    fn one_call_makes_no_two_files_of_one_name() {
        let named = [("./a/x", "x"), ("./b/x", "x"), ("./t.go", "t"), ("./y", "y")];
        let named = named.map(|(package, name)| (package, name.to_owned())).to_vec();
        let groups = arranged(named);
        let packages: Vec<Vec<&str>> = groups
            .iter()
            .map(|group| group.members.iter().map(|(package, _)| *package).collect())
            .collect();
        assert_eq!(packages, [vec!["./a/x", "./y"], vec!["./b/x"], vec!["./t.go"]]);
    }
}
