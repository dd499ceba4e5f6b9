//! Lists that come in pages, read until what is looked for was found.

use serde::de::DeserializeOwned;

use super::{Api, Ask, HubError, Purpose};
use crate::registry::{Answer, Reply};

/// How many pages of a list are read.
const PAGES: usize = 1000;

/// What came of looking through a list.
pub(super) enum Looked<T> {
    /// It is there.
    Found(T),
    /// It is not in the list.
    NotListed,
    /// There is no such list.
    NoList(Box<Answer>),
}

impl Api {
    /// The first that `wanted` takes of the list at the path `list`; `what` and `of` are for messages.
    pub(super) async fn look_through<T: DeserializeOwned>(
        &self,
        list: &str,
        (what, of): (&str, &str),
        wanted: impl Fn(&T) -> bool,
    ) -> Result<Looked<T>, HubError> {
        let mut next = Some(self.site.url(&format!("{list}?per_page=100"))?);
        for _ in 0..PAGES {
            let Some(url) = next else { break };
            let ask = Ask {
                method: "GET",
                url,
                body: None,
                what,
                purpose: Purpose::Remove,
            };
            match self.ask(ask).await? {
                Reply::Done { body, next: more } => {
                    let page: Vec<T> = serde_json::from_slice(&body).map_err(|_| HubError::Protocol {
                        what: what.to_owned(),
                        problem: format!("this is no list of {of}"),
                    })?;
                    if let Some(found) = page.into_iter().find(|one| wanted(one)) {
                        return Ok(Looked::Found(found));
                    }
                    next = more;
                }
                Reply::Refused(answer) if answer.status == 404 => return Ok(Looked::NoList(answer)),
                Reply::Refused(answer) => return Err(self.refused(what, Purpose::Remove, answer)),
            }
        }
        Ok(Looked::NotListed)
    }
}
