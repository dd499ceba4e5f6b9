//! `Warning` headers: what a registry wants its users to know.
//! <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#warnings>

use reqwest::Response;
use reqwest::header::WARNING;

use super::Client;
use super::host::Host;
use crate::event::Event;

/// Longer warnings are cut.
const LONGEST: usize = 256;
/// More than so many different warnings of one host are not told.
const MOST: usize = 20;

impl Client {
    /// Tells the observer each warning of a host once.
    pub(super) fn tell_warnings(&self, host: &Host, response: &Response) {
        let values = response.headers().get_all(WARNING);
        for text in values.iter().filter_map(|value| parse(value.to_str().ok()?)) {
            let text = self.0.shown.hide(&text);
            let new = {
                let mut told = host.warnings();
                told.len() < MOST && told.insert(text.clone())
            };
            if new {
                let text = format!("the registry `{}` warns: {text}", host.name());
                self.0.observer.event(&Event::Warning { text: &text });
            }
        }
    }
}

/// The text of `299 - "text"`, the only form that the specification knows.
fn parse(value: &str) -> Option<String> {
    let quoted = value.trim().strip_prefix("299 - \"")?.strip_suffix('"')?;
    let plain = quoted.replace("\\\"", "\"").replace("\\\\", "\\");
    Some(plain.chars().filter(|c| !c.is_control()).take(LONGEST).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_specified_form_is_told() {
        for (value, text) in [
            (
                r#"299 - "repository moves on \"Friday\"""#,
                Some(r#"repository moves on "Friday""#),
            ),
            (r#"110 - "stale""#, None),
            ("299 - unquoted", None),
            ("", None),
        ] {
            assert_eq!(parse(value).as_deref(), text, "{value}");
        }
    }
}
