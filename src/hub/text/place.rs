//! [`Place`]: where a text lies in a repository on the web, and where an address in it leads from there.

use std::fmt::Write;

/// What a repository's web pages are made by: the shapes of their addresses differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Forge {
    /// github.com and GitHub Enterprise.
    Github,
    /// gitlab.com and GitLab elsewhere.
    Gitlab,
    /// Gitea and Forgejo, as at codeberg.org.
    Gitea,
    /// bitbucket.org.
    Bitbucket,
}

impl Forge {
    /// The forge at `host`, as far as its name tells.
    pub fn of(host: &str) -> Option<Self> {
        let host = host.to_ascii_lowercase();
        let part = |name: &str| host.split('.').any(|part| part == name);
        match host.as_str() {
            "codeberg.org" => Some(Self::Gitea),
            "bitbucket.org" => Some(Self::Bitbucket),
            _ if part("github") => Some(Self::Github),
            _ if part("gitlab") => Some(Self::Gitlab),
            _ if part("gitea") || part("forgejo") => Some(Self::Gitea),
            _ => None,
        }
    }
}

/// What the text was taken from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revision {
    /// A tag's name.
    Tag(String),
    /// A commit's full id.
    Commit(String),
}

/// Where a text lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// How addresses are made.
    pub forge: Forge,
    /// The repository's web address, without a slash at the end.
    pub repository: String,
    /// The revision.
    pub revision: Revision,
    /// The file, from the repository's root, with `/`.
    pub file: String,
}

/// Where an address leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Leads {
    /// Wherever it led before: it is absolute, or within the text.
    Same,
    /// There.
    To(String),
    /// Out of the repository.
    Out,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum View {
    Page,
    Folder,
    Raw,
}

impl Place {
    /// The address of the text itself.
    pub fn whole(&self) -> String {
        self.address(&self.file, View::Page)
    }

    /// Where `address` leads: a page, or the bytes of an image.
    pub(super) fn resolve(&self, address: &str, image: bool) -> Leads {
        let address = address.trim_matches(|c: char| c.is_ascii_whitespace());
        let end = address.find(['?', '#']).unwrap_or(address.len());
        let (path, rest) = address.split_at(end);
        if path.is_empty() || path.starts_with("//") || has_scheme(path) {
            return Leads::Same;
        }
        let (folder, path) = match path.strip_prefix('/') {
            Some(path) => ("", path),
            None => (self.file.rsplit_once('/').map_or("", |(folder, _)| folder), path),
        };
        let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
        for part in path.split('/') {
            match part.to_ascii_lowercase().replace("%2e", ".").as_str() {
                "" | "." => {}
                ".." if parts.pop().is_none() => return Leads::Out,
                ".." => {}
                // A browser takes it for a slash.
                _ if part.contains('\\') || part.to_ascii_lowercase().contains("%5c") => return Leads::Out,
                _ => parts.push(part),
            }
        }
        let ends = path.rsplit('/').next().unwrap_or_default();
        let folder = matches!(ends, "" | "." | "..");
        let view = match (image, folder) {
            (true, _) => View::Raw,
            (false, true) => View::Folder,
            (false, false) => View::Page,
        };
        let mut to = self.address(&parts.join("/"), view);
        escape(rest, "/?#", true, &mut to);
        Leads::To(to)
    }

    fn address(&self, path: &str, view: View) -> String {
        let (name, kind) = match &self.revision {
            Revision::Tag(name) => (name, "tag"),
            Revision::Commit(name) => (name, "commit"),
        };
        let mut revision = String::new();
        escape(name, "/", false, &mut revision);
        let repository = self.repository.trim_end_matches('/');
        let between = match (self.forge, view) {
            (Forge::Github, View::Page) => format!("blob/{revision}"),
            (Forge::Github, View::Folder) => format!("tree/{revision}"),
            (Forge::Github | Forge::Bitbucket, View::Raw) => format!("raw/{revision}"),
            (Forge::Gitlab, View::Page) => format!("-/blob/{revision}"),
            (Forge::Gitlab, View::Folder) => format!("-/tree/{revision}"),
            (Forge::Gitlab, View::Raw) => format!("-/raw/{revision}"),
            (Forge::Gitea, View::Raw) => format!("raw/{kind}/{revision}"),
            (Forge::Gitea, _) => format!("src/{kind}/{revision}"),
            (Forge::Bitbucket, _) => format!("src/{revision}"),
        };
        let mut text = format!("{repository}/{between}/");
        escape(path, "/", true, &mut text);
        text
    }
}

/// <https://www.rfc-editor.org/rfc/rfc3986#section-3.1>
fn has_scheme(text: &str) -> bool {
    let Some((scheme, _)) = text.split_once(':') else {
        return false;
    };
    let mut bytes = scheme.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic())
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// Writes `text` so that it can stand in an address, bare in Markdown and in an attribute of HTML. What is escaped
/// already stays, if `escaped`.
fn escape(text: &str, also: &str, escaped: bool, to: &mut String) {
    let bytes = text.as_bytes();
    for (at, byte) in bytes.iter().copied().enumerate() {
        let hex = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_hexdigit);
        let plain = byte.is_ascii_alphanumeric()
            || b"-._~!$&*+,;=:@".contains(&byte)
            || also.as_bytes().contains(&byte)
            || byte == b'%' && escaped && hex(at + 1) && hex(at + 2);
        if plain {
            to.push(byte.into());
        } else {
            let _ = write!(to, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(forge: Forge, revision: Revision, file: &str) -> Place {
        Place {
            forge,
            repository: "https://h.example/acme/app".to_owned(),
            revision,
            file: file.to_owned(),
        }
    }

    #[test]
    fn addresses_lead_into_the_repository() {
        let place = place(
            Forge::Github,
            Revision::Tag("v1.0".to_owned()),
            "crates/app/README.md",
        );
        let root = "https://h.example/acme/app";
        for (address, expected) in [
            ("docs/a.md", Some("blob/v1.0/crates/app/docs/a.md")),
            ("./docs/a.md#x?y", Some("blob/v1.0/crates/app/docs/a.md#x?y")),
            ("../LICENSE", Some("blob/v1.0/crates/LICENSE")),
            ("../../LICENSE", Some("blob/v1.0/LICENSE")),
            ("/LICENSE", Some("blob/v1.0/LICENSE")),
            ("docs/", Some("tree/v1.0/crates/app/docs")),
            (".", Some("tree/v1.0/crates/app")),
            ("../..", Some("tree/v1.0/")),
            ("a b(1).md", Some("blob/v1.0/crates/app/a%20b%281%29.md")),
            ("a%20b%2.md", Some("blob/v1.0/crates/app/a%20b%252.md")),
            ("ä.md?a=\"b\"", Some("blob/v1.0/crates/app/%C3%A4.md?a=%22b%22")),
            (
                "a.md?raw=true#L1-L2",
                Some("blob/v1.0/crates/app/a.md?raw=true#L1-L2"),
            ),
            ("docs//a.md", Some("blob/v1.0/crates/app/docs/a.md")),
            ("%2e%2E/x", Some("blob/v1.0/crates/x")),
            ("v1:2/x", Some("")),
            ("#anchor", Some("")),
            ("?q", Some("")),
            ("", Some("")),
            ("mailto:a@b.c", Some("")),
            ("//cdn.example/x", Some("")),
            ("https://a.example/x", Some("")),
            ("../../../x", None),
            ("/../x", None),
            ("%2e%2e/.%2E/../x", None),
            ("..\\..\\..\\x", None),
        ] {
            let expected = match expected {
                None => Leads::Out,
                Some("") => Leads::Same,
                Some(text) => Leads::To(format!("{root}/{text}")),
            };
            assert_eq!(place.resolve(address, false), expected, "{address}");
        }
    }

    #[test]
    fn forges_have_their_own_shapes() {
        let tag = || Revision::Tag("rel/1.0#a".to_owned());
        let commit = || Revision::Commit("c0ffee".to_owned());
        for (forge, revision, page, folder, raw) in [
            (
                Forge::Github,
                commit(),
                "blob/c0ffee/a",
                "tree/c0ffee/d",
                "raw/c0ffee/i",
            ),
            (
                Forge::Gitlab,
                tag(),
                "-/blob/rel/1.0%23a/a",
                "-/tree/rel/1.0%23a/d",
                "-/raw/rel/1.0%23a/i",
            ),
            (
                Forge::Gitea,
                commit(),
                "src/commit/c0ffee/a",
                "src/commit/c0ffee/d",
                "raw/commit/c0ffee/i",
            ),
            (
                Forge::Gitea,
                tag(),
                "src/tag/rel/1.0%23a/a",
                "src/tag/rel/1.0%23a/d",
                "raw/tag/rel/1.0%23a/i",
            ),
            (
                Forge::Bitbucket,
                commit(),
                "src/c0ffee/a",
                "src/c0ffee/d",
                "raw/c0ffee/i",
            ),
        ] {
            let place = place(forge, revision, "README.md");
            for (address, image, expected) in [("a", false, page), ("d/", false, folder), ("i", true, raw)] {
                let expected = Leads::To(format!("https://h.example/acme/app/{expected}"));
                assert_eq!(place.resolve(address, image), expected, "{forge:?} {address}");
            }
        }
    }

    #[test]
    fn forges_are_known_by_their_names() {
        for (host, forge) in [
            ("github.com", Some(Forge::Github)),
            ("github.acme.example", Some(Forge::Github)),
            ("gitlab.com", Some(Forge::Gitlab)),
            ("codeberg.org", Some(Forge::Gitea)),
            ("bitbucket.org", Some(Forge::Bitbucket)),
            ("notgithub.com", None),
            ("git.example", None),
        ] {
            assert_eq!(Forge::of(host), forge, "{host}");
        }
    }
}
