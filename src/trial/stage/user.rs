//! [`User`]: who the program runs as, from the config's `User` and the image's `passwd` and `group`.
//!
//! As runtimes do it: a name or number of `passwd` gives user and group, and `group` the further ones; a number that is
//! not there is taken as it is. <https://github.com/moby/sys/blob/user/v0.3.0/user/user.go> (`GetExecUser`)

/// The largest id that a runtime takes.
const MOST: u32 = (1 << 31) - 1;

/// Who the program runs as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct User {
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// Supplementary groups.
    pub(super) groups: Vec<u32>,
    pub(super) home: String,
}

impl User {
    /// Who `text` is; or what a runtime has against it.
    pub(super) fn of(text: &str, passwd: &[u8], group: &[u8]) -> Result<Self, String> {
        let (user, own_group) = text.split_once(':').unwrap_or((text, ""));
        let user = if user.is_empty() { "0" } else { user };
        let (passwd, group) = (lines(passwd), lines(group));
        let entry = find(&passwd, user);
        let uid = match entry {
            Some(line) => number(line, 2),
            None => user.parse().ok(),
        };
        let uid = uid.ok_or_else(|| format!("its user `{user}` is not in its /etc/passwd"))?;
        let gid = if own_group.is_empty() {
            entry.and_then(|line| number(line, 3)).unwrap_or(0)
        } else {
            let known = find(&group, own_group).and_then(|line| number(line, 2));
            known
                .or_else(|| own_group.parse().ok())
                .ok_or_else(|| format!("its group `{own_group}` is not in its /etc/group"))?
        };
        if uid > MOST || gid > MOST {
            return Err(format!("its user `{text}` is above {MOST}"));
        }
        let name = entry
            .map(|line| line[0].as_str())
            .filter(|_| own_group.is_empty());
        let member = |line: &&Vec<String>| {
            let members = line.get(3).map(String::as_str).unwrap_or_default();
            name.is_some_and(|name| members.split(',').any(|member| member == name))
        };
        let home = entry.and_then(|line| line.get(5)).map(String::as_str);
        Ok(Self {
            uid,
            gid,
            groups: group
                .iter()
                .filter(member)
                .filter_map(|line| number(line, 2))
                .collect(),
            home: home.filter(|home| !home.is_empty()).unwrap_or("/").to_owned(),
        })
    }
}

/// The line of a name or a number.
fn find<'l>(lines: &'l [Vec<String>], name: &str) -> Option<&'l Vec<String>> {
    let id = name.parse::<u32>().ok();
    lines
        .iter()
        .find(|line| line[0] == name || (id.is_some() && number(line, 2) == id))
}

fn number(line: &[String], field: usize) -> Option<u32> {
    line.get(field)?.parse().ok()
}

fn lines(text: &[u8]) -> Vec<Vec<String>> {
    let text = String::from_utf8_lossy(text);
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines
        .map(|line| line.split(':').map(|field| field.trim().to_owned()).collect())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &[u8] = b"root:x:0:0:root:/root:/bin/sh\n\napp:x:1000:1001::/home/app:\nbare:x:7:8\n";
    const GROUP: &[u8] = b"root:x:0:\napp:x:1001:\nvideo:x:44:app,other\naudio:x:29:other\n";

    #[test]
    fn names_and_numbers_are_those_of_the_image() {
        for (text, expected) in [
            ("", Ok((0, 0, vec![], "/root"))),
            ("app", Ok((1000, 1001, vec![44], "/home/app"))),
            ("1000", Ok((1000, 1001, vec![44], "/home/app"))),
            ("app:audio", Ok((1000, 29, vec![], "/home/app"))),
            ("app:5", Ok((1000, 5, vec![], "/home/app"))),
            ("bare", Ok((7, 8, vec![], "/"))),
            ("65532:65532", Ok((65532, 65532, vec![], "/"))),
            ("65532", Ok((65532, 0, vec![], "/"))),
            (":video", Ok((0, 44, vec![], "/root"))),
            ("nobody", Err("its user `nobody` is not in its /etc/passwd")),
            ("app:none", Err("its group `none` is not in its /etc/group")),
            ("2147483648", Err("its user `2147483648` is above 2147483647")),
        ] {
            let user = User::of(text, PASSWD, GROUP);
            let user = user
                .as_ref()
                .map(|user| (user.uid, user.gid, user.groups.clone(), user.home.as_str()));
            assert_eq!(user.map_err(String::as_str), expected, "{text:?}");
        }
        assert!(User::of("root", b"", b"").is_err());
        assert_eq!(User::of("", b"", b"").unwrap().home, "/");
    }
}
