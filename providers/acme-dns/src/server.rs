//! The three requests that acme-dns knows.

use std::collections::BTreeMap;
use std::time::Duration;

use dns01_plugin_api::{Call, Host};
use dns01_provider_http::{self as http, Answer};
use reqwest::StatusCode;
use reqwest::header::HeaderValue;
use serde::Deserialize;
use serde_json::json;
use url::Url;

use crate::account::Account;
use crate::error::Error;

/// Name and version in the User-Agent.
const PRODUCT: &str = concat!("acme-dns/", env!("CARGO_PKG_VERSION"));
/// Its longest answer is an account with its networks.
const MAX_BODY: usize = 64 * 1024;
/// Characters of the server's own words that an error repeats.
const WORDS: usize = 200;

/// A server with its API.
#[derive(Debug)]
pub(crate) struct Server {
    client: http::Client,
    base: Url,
}

/// What the server says about a refusal.
#[derive(Debug, Deserialize)]
struct Refusal {
    error: String,
}

impl Server {
    pub(crate) fn open(
        host: Host,
        base: Url,
        settings: http::Settings,
    ) -> Result<Self, dns01_plugin_api::Error> {
        let settings = http::Settings {
            max_body: MAX_BODY,
            ..settings
        };
        Ok(Self {
            client: http::Client::open(host, PRODUCT, settings)?,
            base,
        })
    }

    /// Host and port of the API, for messages.
    pub(crate) fn name(&self) -> String {
        http::host_of(&self.base)
    }

    /// Blocks for a while.
    pub(crate) fn wait(&self, call: &Call<'_>, time: Duration) -> Result<(), Error> {
        match self
            .client
            .runtime()
            .run(call, time, std::future::pending::<()>())
        {
            Ok(()) | Err(http::Stopped::Limit(_)) => Ok(()),
            Err(http::Stopped::Cancelled) => Err(http::Error::Cancelled.into()),
        }
    }

    /// `GET /health`: whether it is there.
    pub(crate) fn health(&self, call: &Call<'_>) -> Result<(), Error> {
        let request = self.client.inner().get(self.url("health"));
        let answer = self.client.send(call, request)?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Err(wrong_server(&answer));
        }
        answer.success()?;
        Ok(())
    }

    /// `POST /register`: a new account, for use from these networks.
    pub(crate) fn register(&self, call: &Call<'_>, allow_from: &[String]) -> Result<Account, Error> {
        let mut request = self.client.inner().post(self.url("register"));
        if !allow_from.is_empty() {
            request = request.json(&json!({ "allowfrom": allow_from }));
        }
        let answer = self.client.send(call, request)?;
        let server = answer.host().to_owned();
        if answer.status().is_success() {
            let account: Account = answer.json().map_err(|_| wrong_server(&answer))?;
            return account
                .checked()
                .map_err(|fault| Error::BadAccount { server, fault });
        }
        let status = answer.status().as_u16();
        Err(match (status, word(&answer).as_deref()) {
            (404 | 405, _) => Error::NoRegistration { server, status },
            (400, Some("invalid_allowfrom_cidr")) => Error::BadNetwork { server },
            (_, said) => refused(&answer, said.map(str::to_owned)),
        })
    }

    /// `POST /update`: the account shows this value in place of its oldest.
    pub(crate) fn update(&self, call: &Call<'_>, account: &Account, value: &str) -> Result<(), Error> {
        let answer = self.post_update(call, account, value)?;
        if answer.status().is_success() {
            let echo: Option<BTreeMap<String, String>> = answer.json().ok();
            return match echo.and_then(|mut echo| echo.remove("txt")) {
                Some(echo) if echo == value => Ok(()),
                _ => Err(Error::NotAcmeDns {
                    server: answer.host().to_owned(),
                }),
            };
        }
        Err(self.update_refused(&answer, account, value))
    }

    /// Whether an update would be accepted, seen by one that cannot be: without a value. The server
    /// asks first who sends it and from where.
    pub(crate) fn probe(&self, call: &Call<'_>, account: &Account) -> Result<(), Error> {
        let answer = self.post_update(call, account, "")?;
        match (answer.status().as_u16(), word(&answer).as_deref()) {
            // up to 0.4 it had one word for both
            (400, Some("bad_txt" | "bad_subdomain")) => Ok(()),
            (200..=299 | 404, _) => Err(wrong_server(&answer)),
            _ => Err(self.update_refused(&answer, account, "")),
        }
    }

    fn post_update(&self, call: &Call<'_>, account: &Account, value: &str) -> Result<Answer, Error> {
        let mut password =
            HeaderValue::from_str(account.password.reveal()).map_err(|_| http::Error::Request)?;
        password.set_sensitive(true);
        let request = self
            .client
            .inner()
            .post(self.url("update"))
            .header("X-Api-User", &account.username)
            .header("X-Api-Key", password)
            .json(&json!({ "subdomain": account.subdomain, "txt": value }));
        Ok(self.client.send(call, request)?)
    }

    fn update_refused(&self, answer: &Answer, account: &Account, value: &str) -> Error {
        let server = answer.host().to_owned();
        let fulldomain = account.fulldomain.clone();
        match (answer.status().as_u16(), word(answer).as_deref()) {
            (401, _) | (403, Some("forbidden")) => Error::Forbidden { server, fulldomain },
            (400, Some("bad_subdomain")) => Error::BadSubdomain { server, fulldomain },
            (400, Some("bad_txt")) => Error::BadTxt {
                server,
                len: value.chars().count(),
            },
            (_, said) => refused(
                answer,
                // it has no reason to repeat the password, and shall not if it does
                said.map(|said| said.replace(account.password.reveal(), "***")),
            ),
        }
    }

    fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{path}", self.base.path()));
        url
    }
}

fn wrong_server(answer: &Answer) -> Error {
    Error::WrongServer {
        server: answer.host().to_owned(),
        status: answer.status().as_u16(),
    }
}

/// The server's own word for a refusal.
fn word(answer: &Answer) -> Option<String> {
    let refusal: Refusal = answer.json().ok()?;
    Some(refusal.error)
}

fn refused(answer: &Answer, said: Option<String>) -> Error {
    let refusal = answer.refusal();
    match said {
        Some(said) => Error::Refused {
            refusal,
            said: http::printable(&said, WORDS),
        },
        None => refusal.into(),
    }
}
