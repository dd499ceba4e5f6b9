//! [`Process`]: what the image's config says about its process.
//!
//! <https://github.com/opencontainers/image-spec/blob/v1.1.1/conversion.md>

use serde_json::Value;

/// What a runtime searches where the image sets no `PATH`: Docker and containerd have the same.
/// <https://github.com/containerd/containerd/blob/v2.0.0/pkg/oci/spec.go#L33>
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The host name inside.
pub(super) const HOSTNAME: &str = "gantry";

/// What the image's config says about its process.
#[derive(Debug)]
pub(super) struct Process {
    entrypoint: Vec<String>,
    cmd: Vec<String>,
    /// Names and values, each name once.
    pub(super) env: Vec<(String, String)>,
    pub(super) user: String,
    pub(super) workdir: String,
}

impl Process {
    pub(super) fn of(config: &Value) -> Self {
        let config = &config["config"];
        let list = |key: &str| {
            let texts = config[key].as_array().into_iter().flatten();
            texts
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let text = |key: &str| config[key].as_str().unwrap_or_default().to_owned();
        let workdir = match text("WorkingDir") {
            empty if empty.is_empty() => "/".to_owned(),
            workdir => workdir,
        };
        let mut env = Vec::new();
        put(&mut env, "PATH", DEFAULT_PATH);
        put(&mut env, "HOSTNAME", HOSTNAME);
        for line in list("Env") {
            match line.split_once('=') {
                Some((name, value)) if !name.is_empty() && !line.contains('\0') => put(&mut env, name, value),
                // Nobody can read such a variable.
                _ => {}
            }
        }
        Self {
            entrypoint: list("Entrypoint"),
            cmd: list("Cmd"),
            env,
            user: text("User"),
            workdir,
        }
    }

    /// The words that are started; `arguments` take the place of `Cmd`.
    pub(super) fn words(&self, arguments: Option<&[String]>) -> Vec<String> {
        let rest = arguments.unwrap_or(&self.cmd);
        self.entrypoint.iter().chain(rest).cloned().collect()
    }

    /// A variable's value; empty if it is not set.
    pub(super) fn variable(&self, name: &str) -> &str {
        let found = self.env.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }

    /// Sets `HOME`, unless the image does.
    pub(super) fn at_home(mut self, home: &str) -> Self {
        if self.variable("HOME").is_empty() {
            put(&mut self.env, "HOME", home);
        }
        self
    }
}

/// Of two values the later holds.
fn put(env: &mut Vec<(String, String)>, name: &str, value: &str) {
    env.retain(|(known, _)| known != name);
    env.push((name.to_owned(), value.to_owned()));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn words_and_variables_are_the_images() {
        let process = Process::of(&json!({ "config": {
            "Entrypoint": ["/app", "-x"], "Cmd": ["serve"],
            "Env": ["A=1", "B", "=c", "A=2=3", "HOSTNAME=own"],
        }}));
        assert_eq!(process.words(None), ["/app", "-x", "serve"]);
        assert_eq!(process.words(Some(&[])), ["/app", "-x"]);
        assert_eq!(process.words(Some(&["-v".to_owned()])), ["/app", "-x", "-v"]);
        let process = process.at_home("/home/a");
        let lines: Vec<_> = process.env.iter().map(|(n, v)| format!("{n}={v}")).collect();
        let path = format!("PATH={DEFAULT_PATH}");
        assert_eq!(lines, [path.as_str(), "A=2=3", "HOSTNAME=own", "HOME=/home/a"]);
        assert_eq!((process.workdir.as_str(), process.user.as_str()), ("/", ""));
        assert!(Process::of(&json!({})).words(None).is_empty());
    }
}
