//! [`Git`]: what git knows of the commit that is being packaged.

use std::path::Path;

use url::Url;

use super::ProjectError;
use crate::tool::{Call, Ended, Output, Tools};

/// Facts of the commit at HEAD.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Git {
    /// The full commit id.
    pub commit: String,
    /// When it was committed, in seconds since 1970.
    pub time: i64,
    /// The branch; none where HEAD is detached.
    pub branch: Option<String>,
    /// Tags that point at HEAD, sorted.
    pub tags: Vec<String>,
    /// Files that git follows differ from the commit. Files that git does not know are not looked at, as with
    /// `git describe --dirty`.
    pub dirty: bool,
    /// `origin` as a web address: no user, password, query or fragment, no `.git` at the end; none if there is no
    /// `origin`, or it is a path.
    pub remote: Option<String>,
}

impl Git {
    /// Asks git about the repository that `directory` lies in. None outside of any, before the first commit, and
    /// where git is not installed.
    ///
    /// # Errors
    /// When there is a repository that git will not read, or whose other half is not here.
    pub fn read(tools: &Tools, directory: &Path) -> Result<Option<Self>, ProjectError> {
        if tools.find("git").is_none() {
            return Ok(None);
        }
        let ask = |arguments: &[&str]| tools.output(&git(directory).args(arguments));
        // They do not wait for one another: looking through the files may take a while.
        let (status, head, remote) = std::thread::scope(|scope| {
            let head = scope.spawn(|| ask(&HEAD));
            let remote = scope.spawn(|| ask(&["config", "--get", "remote.origin.url"]));
            let status = ask(&[
                "status",
                "--porcelain=v2",
                "--branch",
                "--no-ahead-behind",
                "--untracked-files=no",
            ]);
            let whole = "asking git does not panic";
            (status, head.join().expect(whole), remote.join().expect(whole))
        });
        let status = status?;
        if !ok(&status) {
            let said = String::from_utf8_lossy(&status.stderr).trim().to_owned();
            // A repository without files of its own has nothing that is packaged.
            if said.contains(OUTSIDE) || said.contains("must be run in a work tree") {
                return Ok(None);
            }
            let directory = directory.to_owned();
            let said = said.lines().next().unwrap_or_default().to_owned();
            return Err(match said.contains("not a git repository") {
                true => ProjectError::HalfRepository { directory, said },
                false => ProjectError::Git { directory, said },
            });
        }
        let head = head?;
        let text = head.text();
        let mut lines = text.lines();
        let (true, Some((commit, time))) = (ok(&head), lines.next().and_then(|line| line.split_once(' ')))
        else {
            return Ok(None);
        };
        let status = status.text();
        let branch = status
            .lines()
            .find_map(|line| line.strip_prefix("# branch.head "));
        Ok(Some(Self {
            commit: commit.to_owned(),
            time: time.parse().unwrap_or_default(),
            branch: branch.filter(|name| *name != "(detached)").map(str::to_owned),
            tags: tags(lines.next().unwrap_or_default()),
            dirty: status.lines().any(|line| !line.starts_with("# ")),
            remote: web_address(&remote?.text()),
        }))
    }

    /// Where `directory` lies in its repository, with `/` and none at its end: empty at the root. None outside of any, and
    /// where git is not installed.
    ///
    /// # Errors
    /// When git cannot be started.
    pub fn within(tools: &Tools, directory: &Path) -> Result<Option<String>, ProjectError> {
        if tools.find("git").is_none() {
            return Ok(None);
        }
        let prefix = tools.output(&git(directory).args(["rev-parse", "--show-prefix"]))?;
        Ok(ok(&prefix).then(|| prefix.text().trim_end_matches('/').to_owned()))
    }
}

/// What git says where no folder above is a repository: `(or any of the parent directories)`, or `(or any parent up to
/// mount point /home)`. With a path after it, something there points to a repository that is not.
const OUTSIDE: &str = "not a git repository (or any ";

/// Commit, time, and in a second line the tags that point at it.
const HEAD: [&str; 6] = [
    "show",
    "--no-patch",
    "--decorate=full",
    "--decorate-refs=refs/tags/",
    "--format=%H %ct%n%D",
    "HEAD",
];

/// The tags of a line as `tag: refs/tags/v1, tag: refs/tags/v1.2`, sorted. No name of a tag has a blank.
fn tags(line: &str) -> Vec<String> {
    let name = |part: &str| part.split_once("refs/tags/").map(|(_, name)| name.to_owned());
    let mut tags: Vec<String> = line.split(", ").filter_map(name).collect();
    tags.sort();
    tags
}

/// A call that writes nothing, starts no helper of the repository's own and speaks English.
fn git(directory: &Path) -> Call {
    Call::new("git")
        .args(["-c", "core.fsmonitor=false", "-c", "log.showSignature=false"])
        .var("GIT_OPTIONAL_LOCKS", "0")
        .var("LC_ALL", "C")
        .dir(directory)
}

fn ok(output: &Output) -> bool {
    output.ended == Ended::Code(0)
}

/// The web address of a remote, of which nothing secret and no path of this machine is left.
fn web_address(remote: &str) -> Option<String> {
    let mut url = match remote.split_once("://") {
        Some((scheme, rest)) => match scheme {
            "http" | "https" => Url::parse(remote).ok()?,
            // The port is the port of ssh or git, not of the web server.
            "ssh" | "git+ssh" | "ssh+git" | "git" => {
                let mut url = Url::parse(&format!("https://{rest}")).ok()?;
                url.set_port(None).ok()?;
                url
            }
            _ => return None,
        },
        None => {
            let place = remote.rsplit_once('@').map_or(remote, |(_, place)| place);
            let (host, path) = place.split_once(':')?;
            // A single letter is a Windows drive.
            if host.len() < 2 || host.contains(['/', '\\']) {
                return None;
            }
            Url::parse(&format!("https://{host}/{}", path.trim_start_matches('/'))).ok()?
        }
    };
    url.host_str()?;
    url.set_username("").ok()?;
    url.set_password(None).ok()?;
    url.set_query(None);
    url.set_fragment(None);
    let text = url.as_str().trim_end_matches('/');
    Some(text.strip_suffix(".git").unwrap_or(text).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn remotes_become_web_addresses() {
        for (remote, expected) in [
            ("https://github.com/acme/app", Some("https://github.com/acme/app")),
            (
                "https://token@github.com/acme/app.git",
                Some("https://github.com/acme/app"),
            ),
            (
                "https://u:p%40@h.example:8443/a/?private_token=x#f",
                Some("https://h.example:8443/a"),
            ),
            ("https://u:p@ss@h.example/a", Some("https://h.example/a")),
            ("git@github.com:acme/app.git", Some("https://github.com/acme/app")),
            ("h.example:/srv/app", Some("https://h.example/srv/app")),
            ("to:ken@h.example:a/b", Some("https://h.example/a/b")),
            ("ssh://git@h.example:2222/a/b.git", Some("https://h.example/a/b")),
            ("git://h.example/a", Some("https://h.example/a")),
            ("/srv/app", None),
            ("../app", None),
            ("./a:b", None),
            (r"C:\app", None),
            ("C:/app", None),
            ("file:///srv/app", None),
            ("", None),
        ] {
            assert_eq!(web_address(remote).as_deref(), expected, "{remote}");
        }
    }

    proptest! {
        #[test]
        fn no_secret_survives(
            shape in prop::sample::select(vec!["https://U@h.example/a", "https://x:U@h.example/a",
                "ssh://U@h.example:1/a", "U@h.example:a", "x:U@h.example:a", "https://h.example/a?t=U"]),
            noise in "[a-z:@]{0,4}",
        ) {
            let remote = shape.replace('U', &format!("{noise}SECRET"));
            let address = web_address(&remote).unwrap_or_default();
            prop_assert!(!address.contains("SECRET"), "{remote} became {address}");
        }
    }
}
