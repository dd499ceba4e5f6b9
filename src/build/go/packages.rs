//! [`groups`]: which packages one `go build` can write into one folder.

use std::path::{Component, Path, PathBuf};

use super::GoTarget;
use super::call::Caller;
use crate::build::BuildError;

/// Packages of one call, and the files that go makes of them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Group<'a> {
    /// Where go runs.
    pub(super) directory: PathBuf,
    pub(super) members: Vec<Member<'a>>,
}

/// One package of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member<'a> {
    /// As the unit says it.
    pub(super) package: &'a str,
    /// As it is said to go, in the directory of its group.
    pub(super) argument: String,
    /// The name of the file that go makes of it.
    pub(super) file: String,
}

/// The unit's packages in groups of one module and of different names: go would write two of one name to one path, and
/// refuses.
pub(super) fn groups<'a>(caller: &Caller<'a>, target: &GoTarget) -> Result<Vec<Group<'a>>, BuildError> {
    let mut found: Vec<(PathBuf, Member<'a>)> = Vec::new();
    for binary in &caller.unit.binaries {
        let package = binary.package.as_str();
        if found.iter().all(|(_, member)| member.package != package) {
            let (directory, argument) = module(&caller.unit.directory, package);
            let file = file(caller, target, package, &directory, &argument)?;
            found.push((
                directory,
                Member {
                    package,
                    argument,
                    file,
                },
            ));
        }
    }
    Ok(arranged(found))
}

fn arranged(found: Vec<(PathBuf, Member<'_>)>) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for (directory, member) in found {
        // Of files that are named one by one go makes a single program.
        let alone = |member: &Member<'_>| is_file(&member.argument);
        let takes = |group: &&mut Group<'_>| {
            let apart = |other: &Member<'_>| other.file != member.file && !alone(other);
            group.directory == directory && group.members.iter().all(apart)
        };
        match groups.iter_mut().find(takes).filter(|_| !alone(&member)) {
            Some(group) => group.members.push(member),
            None => groups.push(Group {
                directory,
                members: vec![member],
            }),
        }
    }
    groups
}

/// Where go must run for a package, and what it is called there: in the folder of its own module, where that lies below
/// ours. A workspace, or a module around it, is found from there as well.
fn module(directory: &Path, package: &str) -> (PathBuf, String) {
    let as_said = || (directory.to_owned(), package.to_owned());
    let below = Path::new(package);
    let inward = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
    if !package.starts_with('.') || !below.components().all(inward) {
        return as_said();
    }
    let folders = below.ancestors().skip(usize::from(is_file(package)));
    let own = folders
        .take_while(|folder| !folder.as_os_str().is_empty() && *folder != Path::new("."))
        .find(|folder| directory.join(folder).join("go.mod").is_file());
    let Some((own, rest)) = own.and_then(|own| Some((own, below.strip_prefix(own).ok()?.to_str()?))) else {
        return as_said();
    };
    let argument = match rest {
        "" => ".".to_owned(),
        rest => format!("./{rest}"),
    };
    (directory.join(own), argument)
}

/// The name of the file that go makes of a package.
fn file(
    caller: &Caller<'_>,
    target: &GoTarget,
    package: &str,
    directory: &Path,
    argument: &str,
) -> Result<String, BuildError> {
    let refused = |why: &str| BuildError::GoPackage {
        package: package.to_owned(),
        why: why.to_owned(),
    };
    if package.is_empty() || package.starts_with('-') {
        return Err(refused("is no package"));
    }
    let call = caller
        .list(target)
        .dir(directory)
        .args(["-f", "{{.Name}} {{.ImportPath}}"])
        .arg(argument);
    let answer = caller.run(&call, Some(target))?;
    let mut lines = answer.lines();
    let (Some(line), None) = (lines.next(), lines.next()) else {
        return Err(refused("names several packages, or none"));
    };
    let (kind, path) = line.split_once(' ').unwrap_or((line, ""));
    if kind != "main" {
        return Err(refused(&format!("is a library (`package {kind}`)")));
    }
    let stem = match is_file(argument) {
        true => argument
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
        let member = |(directory, package, file): (&str, &'static str, &str)| {
            let member = Member {
                package,
                argument: package.into(),
                file: file.into(),
            };
            (PathBuf::from(directory), member)
        };
        let found = [
            ("/w", "./a/x", "x"),
            ("/w", "./b/x", "x"),
            ("/w", "./t.go", "t"),
            ("/w", "./y", "y"),
            ("/w/m", "./z", "z"),
        ];
        let groups = arranged(found.map(member).to_vec());
        let packages: Vec<Vec<&str>> = groups
            .iter()
            .map(|group| group.members.iter().map(|member| member.package).collect())
            .collect();
        assert_eq!(
            packages,
            [vec!["./a/x", "./y"], vec!["./b/x"], vec!["./t.go"], vec!["./z"]]
        );
    }

    #[test]
    fn go_runs_in_the_folder_of_the_module() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        std::fs::create_dir_all(root.join("worker/tools/deep")).unwrap();
        for module in ["go.mod", "worker/go.mod", "worker/tools/deep/go.mod"] {
            std::fs::write(root.join(module), "").unwrap();
        }
        for (package, directory, argument) in [
            ("./cmd/x", "", "./cmd/x"),
            (".", "", "."),
            ("./tool.go", "", "./tool.go"),
            ("./worker", "worker", "."),
            ("./worker/", "worker", "."),
            ("./worker/cmd/x", "worker", "./cmd/x"),
            ("./worker/tool.go", "worker", "./tool.go"),
            ("./worker/tools/deep/x", "worker/tools/deep", "./x"),
            ("../worker", "", "../worker"),
            ("example.com/worker", "", "example.com/worker"),
            ("worker", "", "worker"),
        ] {
            let (found, said) = module(root, package);
            assert_eq!(
                (found, said.as_str()),
                (root.join(directory), argument),
                "{package}"
            );
        }
    }
}
