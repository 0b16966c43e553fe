//! Requests to the API and its envelope: `success`, `errors`, `result`, `result_info`.

use std::time::Duration;

use dns01_plugin_api::{Call, Secret};
use dns01_provider_http::{self as http, Answer, Stopped, printable};
use reqwest::{Method, StatusCode};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use url::Url;

use crate::error::{Error, Refusal};
use crate::pacer::{Pacer, spent};

/// Longest wait for a turn; with a longer one the call is better tried again later.
const PATIENCE: Duration = Duration::from_secs(5);
/// Characters of Cloudflare's words that an operator sees of each reason.
const WORDS: usize = 200;

const RATELIMIT: &str = "ratelimit";

/// The API with its token.
#[derive(Debug)]
pub(crate) struct Api {
    pub http: http::Client,
    pub token: Secret,
    pub base: Url,
    pub pacer: Pacer,
}

/// A request, without its body.
#[derive(Clone, Debug)]
pub(crate) struct Request<'a> {
    pub method: Method,
    /// Segments below the base URL.
    pub path: &'a [&'a str],
    pub query: &'a [(&'a str, &'a str)],
    /// What it is for, as an operator calls it.
    pub doing: &'a str,
}

/// What came of a request.
#[derive(Debug)]
pub(crate) struct Reply<T> {
    pub result: T,
    pub pages: u32,
}

#[derive(Deserialize)]
struct Envelope<T> {
    success: bool,
    #[serde(default = "Vec::new")]
    errors: Vec<Fault>,
    result: Option<T>,
    result_info: Option<ResultInfo>,
}

#[derive(Deserialize)]
struct Fault {
    #[serde(default)]
    code: i64,
    #[serde(default)]
    message: String,
    #[serde(default)]
    error_chain: Vec<Fault>,
}

#[derive(Deserialize)]
struct ResultInfo {
    #[serde(default)]
    total_pages: u32,
}

/// No body, for requests without one.
pub(crate) const NO_BODY: Option<&()> = None;

impl Api {
    /// Sends a request when its turn has come, and reads the result.
    ///
    /// # Errors
    /// [`Error::Refused`] for what Cloudflare says itself, [`Error::Limit`], or
    /// [`Error::Http`] for what lies below.
    pub(crate) fn send<T: DeserializeOwned>(
        &self,
        call: &Call<'_>,
        request: &Request<'_>,
        body: Option<&impl Serialize>,
    ) -> Result<Reply<T>, Error> {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(request.path);
        }
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(request.query);
        }
        let mut sent = self
            .http
            .inner()
            .request(request.method.clone(), url)
            .bearer_auth(self.token.reveal());
        if let Some(body) = body {
            sent = sent.json(body);
        }
        self.turn(call)?;
        let answer = self.http.send(call, sent)?;
        self.read(&answer, request.doing)
    }

    fn read<T: DeserializeOwned>(&self, answer: &Answer, doing: &str) -> Result<Reply<T>, Error> {
        if answer.status() == StatusCode::TOO_MANY_REQUESTS {
            let wait = self.pacer.block(Instant::now(), answer.retry_after());
            return Err(Error::Limit { wait });
        }
        let count = answer
            .headers()
            .get(RATELIMIT)
            .and_then(|count| count.to_str().ok());
        if let Some(wait) = count.and_then(spent) {
            self.pacer.block(Instant::now(), Some(wait));
        }
        if answer.status().is_success() {
            let envelope: Envelope<T> = answer.json()?;
            if envelope.success {
                return Ok(Reply {
                    result: envelope.result.ok_or_else(|| Error::Unexpected {
                        doing: doing.to_owned(),
                        missing: "result",
                    })?,
                    pages: envelope.result_info.map_or(1, |info| info.total_pages),
                });
            }
            return Err(self.refused(answer, doing, &envelope.errors));
        }
        // what does not speak Cloudflare's language is a gateway, or not Cloudflare
        match answer.json::<Envelope<IgnoredAny>>() {
            Ok(envelope) => Err(self.refused(answer, doing, &envelope.errors)),
            Err(_) => Err(answer.refusal().into()),
        }
    }

    fn refused(&self, answer: &Answer, doing: &str, faults: &[Fault]) -> Error {
        let mut reasons = Vec::new();
        self.collect(faults, &mut reasons);
        Error::Refused {
            doing: doing.to_owned(),
            refusal: Refusal {
                status: answer.status().as_u16(),
                reasons,
                retry_after: answer.retry_after(),
            },
        }
    }

    /// Every code with its words; the token is not repeated, should the words hold it.
    fn collect(&self, faults: &[Fault], reasons: &mut Vec<(i64, String)>) {
        for fault in faults {
            let words = fault.message.replace(self.token.reveal(), "..");
            reasons.push((fault.code, printable(&words, WORDS)));
            self.collect(&fault.error_chain, reasons);
        }
    }

    /// Waits until a request may be sent.
    fn turn(&self, call: &Call<'_>) -> Result<(), Error> {
        while let Err(wait) = self.pacer.take(Instant::now()) {
            if wait > PATIENCE || wait >= call.remaining() {
                return Err(Error::Limit { wait });
            }
            let waited = self.http.runtime().run(call, wait, std::future::pending::<()>());
            if waited == Err(Stopped::Cancelled) {
                return Err(http::Error::Cancelled.into());
            }
        }
        Ok(())
    }
}
