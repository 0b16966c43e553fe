//! The options of an instance.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use dns01_plugin_api::{Error, Opt, OptionSpec, Options, Secret};
use dns01_provider_http as http;
use reqwest::header::{
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue,
};
use url::Url;
use zeroize::Zeroizing;

const ENDPOINT: Opt<String> = Opt::required(
    "endpoint",
    "address of the portal, to which /present and /cleanup are appended",
);
const MODE: Opt<String> = Opt::with_default(
    "mode",
    "default",
    "default sends fqdn and value, raw sends domain, token and keyAuth",
);
const USERNAME: Opt<Option<String>> = Opt::optional("username", "name for basic authentication");
const PASSWORD: Opt<Option<Secret>> = Opt::optional("password", "password for basic authentication");
const HEADERS: Opt<Vec<Secret>> = Opt::list(
    "headers",
    "headers to send with each request, such as `X-Api-Key: ...`",
);
const ALLOW_HTTP: Opt<bool> = Opt::with_default(
    "allow-http",
    "false",
    "also http to another machine: passwords then travel in clear",
);

/// All of them.
pub(crate) const ALL: &[OptionSpec] = &[
    ENDPOINT.spec(),
    MODE.spec(),
    USERNAME.spec(),
    PASSWORD.spec(),
    HEADERS.spec(),
    ALLOW_HTTP.spec(),
    http::TIMEOUT.spec(),
    http::CA_FILE.spec(),
    http::PROXY.spec(),
    http::PROXY_CREDENTIALS.spec(),
];

/// What a request says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Mode {
    /// The record: `fqdn` and `value`.
    Record,
    /// The challenge, from which the portal finds the record: `domain`, `token` and `keyAuth`.
    Raw,
}

/// What an instance was told.
#[derive(Debug)]
pub(crate) struct Settings {
    pub endpoint: Url,
    pub mode: Mode,
    /// With the authorization; all sensitive.
    pub headers: HeaderMap,
    /// What no message may show.
    pub secrets: Vec<Secret>,
    pub http: http::Settings,
}

impl Settings {
    /// Reads and holds them against each other.
    ///
    /// # Errors
    /// Each names the option.
    pub(crate) fn read(options: &Options) -> Result<Self, Error> {
        let plain = if options.read(&ALLOW_HTTP)? {
            http::Plain::Anywhere
        } else {
            http::Plain::Loopback
        };
        let mode = options.read(&MODE)?;
        let mode = match mode.to_ascii_lowercase().as_str() {
            "default" => Mode::Record,
            // as lego writes it: RAW
            "raw" => Mode::Raw,
            _ => return Err(fault(MODE.key(), &format!("`{mode}` is neither default nor raw"))),
        };
        let (mut headers, mut secrets) = (HeaderMap::new(), Vec::new());
        for line in options.read(&HEADERS)? {
            let (name, value) = header(&line)?;
            if let Some((_, text)) = line.reveal().split_once(':') {
                secrets.push(Secret::new(text.trim().to_owned()));
            }
            headers.append(name, value);
        }
        if let Some((credentials, password)) = basic(options)? {
            if headers.contains_key(AUTHORIZATION) {
                let why = "holds Authorization, and so do `username` and `password`";
                return Err(fault(HEADERS.key(), &why));
            }
            headers.insert(
                AUTHORIZATION,
                sensitive(&format!("Basic {}", credentials.reveal()))
                    .ok_or_else(|| fault(PASSWORD.key(), &"cannot be sent"))?,
            );
            secrets.extend([credentials, password]);
        }
        Ok(Self {
            endpoint: http::endpoint(ENDPOINT.key(), &options.read(&ENDPOINT)?, plain)?,
            mode,
            headers,
            secrets,
            http: http::Settings {
                plain,
                ..http::Settings::read(options)?
            },
        })
    }
}

fn fault(key: &str, why: &dyn std::fmt::Display) -> Error {
    Error::config(format!("option `{key}`: {why}"))
}

/// Credentials of RFC 7617, and the password by itself.
fn basic(options: &Options) -> Result<Option<(Secret, Secret)>, Error> {
    match (options.read(&USERNAME)?, options.read(&PASSWORD)?) {
        (None, None) => Ok(None),
        (Some(_), None) => Err(fault(
            PASSWORD.key(),
            &"is missing: `username` is given, and needs it",
        )),
        (None, Some(_)) => Err(fault(
            USERNAME.key(),
            &"is missing: `password` is given, and needs a name",
        )),
        // section 2
        (Some(name), Some(_)) if name.contains(':') => Err(fault(USERNAME.key(), &"must not hold a colon")),
        (Some(name), Some(password)) => {
            let pair = Zeroizing::new(format!("{name}:{}", password.reveal()));
            Ok(Some((
                Secret::new(BASE64_STANDARD.encode(pair.as_bytes())),
                password,
            )))
        }
    }
}

/// `Name: value`; nothing of it is shown.
fn header(line: &Secret) -> Result<(HeaderName, HeaderValue), Error> {
    let parsed = line.reveal().split_once(':').and_then(|(name, value)| {
        let name = HeaderName::try_from(name.trim()).ok()?;
        Some((name, sensitive(value.trim())?))
    });
    match parsed {
        // they belong to the request, whose body is not the operator's
        Some((name, _)) if [CONTENT_TYPE, CONTENT_LENGTH, HOST].contains(&name) => {
            Err(fault(HEADERS.key(), &format!("must not set {name}")))
        }
        Some(parsed) => Ok(parsed),
        None => Err(fault(HEADERS.key(), &"takes lines such as `X-Api-Key: ...`")),
    }
}

fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}
