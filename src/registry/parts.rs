//! Uploading a blob in parts, for registries, and what stands before them, that refuse it as a whole.
//!
//! We keep our own count: an answer's `Range` is believed only after the registry has contradicted it or was cut
//! off, because some registries repeat the first one. At the end the registry is asked how much it holds.
//! <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-a-blob-in-chunks>

use reqwest::header::{CONTENT_RANGE, RANGE};
use reqwest::{Method, Response};

use super::feed::Slot;
use super::push::{Push, Pushed, Seen, closing};
use super::retry::Fault;
use super::send::{Payload, Request, estimate};
use super::session::{Session, lost_session};
use super::sign_in::Purpose;
use super::upload::Upload;
use super::{BlobContent, RegistryError};

/// The size of a part where nothing else is known: the most that one large registry takes.
pub(super) const PART: u64 = 4 << 20;
/// Parts do not become smaller than this.
pub(super) const SMALLEST: u64 = 64 << 10;

/// What became of a part.
enum Part {
    /// It is there; the rest goes on.
    Taken,
    /// It is too large.
    TooLarge(Response),
    /// Something went wrong that may be of no account to the session.
    Doubtful(Fault),
}

impl Push<'_> {
    /// Sends the blob in parts. Parts that are too large are made smaller, in a new session.
    pub(super) async fn in_parts(&mut self, mut session: Session) -> Result<Pushed, Fault> {
        loop {
            let smallest = session.smallest_part.max(SMALLEST);
            let part = self.host.part_size().unwrap_or(PART).max(session.smallest_part);
            // Halving what is larger than all of it would change nothing.
            let part = part.min(self.blob.size);
            let Some(refusal) = self.send_parts(&mut session, part).await? else {
                break;
            };
            if part / 2 < smallest {
                return Err(self.client.fault_of(self.host, self.purpose, refusal).await);
            }
            self.host.halve_part_size(part);
            session = self.client.open_session(self.host, self.purpose).await?;
        }
        self.close(session).await?;
        match self.seen().await? {
            Seen::Size(size) if size == self.blob.size => Ok(Pushed::Sent),
            // It said that it took all; some proxies say of everything that it is empty.
            Seen::Unclear | Seen::Size(0) => Ok(Pushed::Sent),
            Seen::Size(size) => Err(Fault::Final(RegistryError::Mismatch {
                what: format!("{}: what the registry stored", self.purpose.what),
                expected: format!("{} bytes", self.blob.size),
                found: format!("{size} bytes"),
            })),
            Seen::Absent => Err(Fault::again("the registry does not show what it took")),
        }
    }

    /// Sends parts until all is there, or one is refused as too large.
    async fn send_parts(&mut self, session: &mut Session, part: u64) -> Result<Option<Response>, Fault> {
        let feed = Slot::default();
        let (mut at, mut doubted) = (0, false);
        while at < self.blob.size {
            let length = part.min(self.blob.size - at);
            let fault = match self.send_part(session, &feed, at, length).await? {
                Part::Taken => {
                    at += length;
                    doubted = false;
                    self.advanced(at);
                    continue;
                }
                Part::TooLarge(refusal) => return Ok(Some(refusal)),
                Part::Doubtful(fault) => fault,
            };
            // What was read elsewhere cannot be read again from the middle.
            let again = !matches!(self.blob.content, BlobContent::Remote(_)) && !doubted;
            if !again {
                return Err(fault);
            }
            doubted = true;
            self.attempts.pause(fault).await?;
            at = self.arrived(session).await?;
        }
        self.sent = true;
        Ok(None)
    }

    async fn send_part(
        &self,
        session: &mut Session,
        feed: &Slot,
        start: u64,
        length: u64,
    ) -> Result<Part, Fault> {
        let upload = Upload::new(self.client, self.blob, start, length, feed);
        let purpose = Purpose {
            needed: estimate(length),
            ..self.purpose
        };
        let request = Request::new(Method::PATCH, session.url.clone(), purpose)
            .header(CONTENT_RANGE, &format!("{start}-{}", start + length - 1))
            .payload(Payload::Upload(&upload));
        let response = match self.client.send(self.host, &request).await {
            Ok(response) => response,
            Err(fault @ Fault::Final(_)) => return Err(fault),
            Err(fault) => return Ok(Part::Doubtful(fault)),
        };
        match response.status().as_u16() {
            200..=202 | 204 => {
                if let Some(next) = self.client.next_place(self.host, purpose, &response).await? {
                    session.url = next;
                }
                Ok(Part::Taken)
            }
            413 => Ok(Part::TooLarge(response)),
            _ => match self.client.fault_of(self.host, purpose, response).await {
                Fault::Final(RegistryError::Refused { source, .. }) if lost_session(&source) => {
                    Ok(Part::Doubtful(Fault::again(source)))
                }
                fault @ Fault::Final(_) => Err(fault),
                fault => Ok(Part::Doubtful(fault)),
            },
        }
    }

    /// Asks the session how much has arrived.
    async fn arrived(&self, session: &mut Session) -> Result<u64, Fault> {
        let request = Request::new(Method::GET, session.url.clone(), self.purpose);
        let response = self.client.send(self.host, &request).await?;
        if !matches!(response.status().as_u16(), 200 | 202 | 204) {
            return Err(Fault::again("the session is gone"));
        }
        if let Some(next) = self.client.next_place(self.host, self.purpose, &response).await? {
            session.url = next;
        }
        let range = response
            .headers()
            .get(RANGE)
            .and_then(|value| value.to_str().ok());
        range
            .map_or(Some(0), arrived)
            .filter(|at| *at <= self.blob.size)
            .ok_or_else(|| Fault::again("the session does not say how much has arrived"))
    }

    async fn close(&self, session: Session) -> Result<(), Fault> {
        let url = closing(session.url, &self.blob.digest);
        let request = Request::new(Method::PUT, url, self.purpose).payload(Payload::End(self.blob.size));
        let response = self.client.send(self.host, &request).await?;
        self.closed(response).await.map(drop)
    }

    /// Failures before this count no more, if no attempt has come as far.
    fn advanced(&mut self, at: u64) {
        if at > self.furthest {
            self.furthest = at;
            self.attempts.progressed();
        }
    }
}

/// How many bytes `0-N` stands for. An empty session says `0-0`.
fn arrived(range: &str) -> Option<u64> {
    let range = range.trim();
    let (from, to) = range.strip_prefix("bytes=").unwrap_or(range).split_once('-')?;
    let to: u64 = to.parse().ok()?;
    match (from, to) {
        ("0", 0) => Some(0),
        ("0", to) => to.checked_add(1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_tells_what_has_arrived() {
        for (range, expected) in [
            ("0-0", Some(0)),
            ("0-1023", Some(1024)),
            ("bytes=0-9", Some(10)),
            (" 0-9 ", Some(10)),
            ("5-9", None),
            ("0-", None),
            ("-9", None),
            ("0-18446744073709551615", None),
            ("", None),
        ] {
            assert_eq!(arrived(range), expected, "{range}");
        }
    }
}
