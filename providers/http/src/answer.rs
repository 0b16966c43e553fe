//! An answer, read to its end.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde::de::DeserializeOwned;

use crate::error::Error;
use crate::retry_after::retry_after;

/// What a server answered, whatever the status.
#[derive(Clone, Debug)]
pub struct Answer {
    host: String,
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    pub(crate) fn new(host: &str, status: StatusCode, headers: HeaderMap, body: Vec<u8>) -> Self {
        Self {
            host: host.to_owned(),
            status,
            headers,
            body,
        }
    }

    /// Host and port that was asked, for messages.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The body, of at most [`Settings::max_body`](crate::Settings::max_body) bytes.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// How long it asks to wait, from the moment it came.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        retry_after(&self.headers)
    }

    /// The answer, if its status is one of success.
    ///
    /// # Errors
    /// [`Error::Status`], in general words: a provider whose service says more in the body
    /// looks there first.
    pub fn success(self) -> Result<Self, Error> {
        if self.status.is_success() {
            Ok(self)
        } else {
            Err(self.refusal())
        }
    }

    /// The status as an error.
    #[must_use]
    pub fn refusal(&self) -> Error {
        Error::Status {
            host: self.host.clone(),
            status: self.status.as_u16(),
            retry_after: self.retry_after(),
        }
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// [`Error::NotJson`]. What does not fit is not repeated: it may hold anything.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|error| Error::NotJson {
            host: self.host.clone(),
            status: self.status.as_u16(),
            line: error.line(),
            column: error.column(),
        })
    }
}

/// Text of a stranger as one short line for a message: control characters become spaces,
/// runs of them one, and what is over `most` characters is cut. The caller knows that it is
/// no secret.
#[must_use]
pub fn printable(text: &str, most: usize) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    let line = words
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ");
    match line.char_indices().nth(most) {
        None => line,
        Some((cut, _)) => format!("{}..", &line[..cut]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_words_become_one_short_line() {
        assert_eq!(printable("<html>\r\n \x1b[31m gone\0", 80), "<html> [31m gone");
        assert_eq!(printable("ääää", 3), "äää..");
        assert_eq!(printable("", 3), "");
    }
}
