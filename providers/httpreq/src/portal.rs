//! The portal and its two requests.

use dns01_plugin_api::{Call, Host, Record, Secret};
use dns01_provider_http::{self as http, Answer};
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use url::Url;

use crate::error::Error;
use crate::options::{Mode, Settings};

/// Name and version in the User-Agent.
const PRODUCT: &str = concat!("httpreq/", env!("CARGO_PKG_VERSION"));
/// What a portal says besides its status is for people.
const MAX_BODY: usize = 64 * 1024;
/// Characters of it that an error repeats.
const WORDS: usize = 300;
/// Shorter secrets would blacken half of every line.
const SHORTEST_SECRET: usize = 4;

/// A portal with its credentials.
#[derive(Debug)]
pub(crate) struct Portal {
    client: http::Client,
    endpoint: Url,
    mode: Mode,
    headers: HeaderMap,
    secrets: Vec<Secret>,
}

impl Portal {
    pub(crate) fn open(host: Host, settings: Settings) -> Result<Self, dns01_plugin_api::Error> {
        let http = http::Settings {
            max_body: MAX_BODY,
            ..settings.http
        };
        Ok(Self {
            client: http::Client::open(host, PRODUCT, http)?,
            endpoint: settings.endpoint,
            mode: settings.mode,
            headers: settings.headers,
            secrets: settings.secrets,
        })
    }

    pub(crate) fn mode(&self) -> Mode {
        self.mode
    }

    /// Host and port, for messages.
    pub(crate) fn name(&self) -> String {
        http::host_of(&self.endpoint)
    }

    /// `POST /present`
    pub(crate) fn present(&self, call: &Call<'_>, record: &Record<'_>) -> Result<(), Error> {
        let answer = self.post(call, "present", record)?;
        self.accepted(&answer)
    }

    /// `POST /cleanup`. False if the portal says that there was nothing.
    pub(crate) fn cleanup(&self, call: &Call<'_>, record: &Record<'_>) -> Result<bool, Error> {
        let answer = self.post(call, "cleanup", record)?;
        // 404 says the same of the record as of a wrong address
        if answer.status() == StatusCode::GONE {
            return Ok(false);
        }
        self.accepted(&answer)?;
        Ok(true)
    }

    /// Whether something answers there that does not refuse the credentials: the protocol has no
    /// request for more.
    pub(crate) fn look(&self, call: &Call<'_>) -> Result<(), Error> {
        let request = self.client.inner().head(self.endpoint.clone());
        let answer = self.client.send(call, request.headers(self.headers.clone()))?;
        match answer.status().as_u16() {
            401 | 407 | 429 | 500.. => Err(self.refused(&answer)),
            _ => Ok(()),
        }
    }

    fn post(&self, call: &Call<'_>, path: &str, record: &Record<'_>) -> Result<Answer, Error> {
        let mut url = self.endpoint.clone();
        url.set_path(&format!("{}{path}", self.endpoint.path()));
        let request = self.client.inner().post(url).headers(self.headers.clone());
        Ok(self.client.send(call, request.json(&self.message(record)?))?)
    }

    /// The body, as lego has it.
    fn message(&self, record: &Record<'_>) -> Result<Value, Error> {
        match self.mode {
            Mode::Record => Ok(json!({ "fqdn": format!("{}.", record.fqdn), "value": record.value })),
            Mode::Raw if record.token.is_empty() || record.key_authorization.is_empty() => {
                Err(Error::NoChallenge {
                    fqdn: record.fqdn.to_owned(),
                })
            }
            Mode::Raw => Ok(json!({
                "domain": record.identifier,
                "token": record.token,
                "keyAuth": record.key_authorization,
            })),
        }
    }

    fn accepted(&self, answer: &Answer) -> Result<(), Error> {
        if answer.status().is_success() {
            Ok(())
        } else {
            Err(self.refused(answer))
        }
    }

    fn refused(&self, answer: &Answer) -> Error {
        let mut said = String::from_utf8_lossy(answer.body()).into_owned();
        // a portal that is being debugged may repeat the request
        for secret in &self.secrets {
            if secret.reveal().len() >= SHORTEST_SECRET {
                said = said.replace(secret.reveal(), "***");
            }
        }
        let (refusal, said) = (answer.refusal(), http::printable(&said, WORDS));
        if said.is_empty() {
            refusal.into()
        } else {
            Error::Refused { refusal, said }
        }
    }
}
