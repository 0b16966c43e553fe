//! The options of an instance.

use std::collections::BTreeMap;

use dns01_plugin_api::{Error, Opt, OptionSpec, Options, Secret};
use dns01_provider_http::{self as http, Plain, Settings as HttpSettings};
use url::Url;

/// Least TTL in a zone that is not Enterprise, in seconds.
pub(crate) const MIN_TTL: u32 = 60;
/// Least TTL in an Enterprise zone.
const MIN_TTL_ENTERPRISE: u32 = 30;
/// Greatest TTL.
pub(crate) const MAX_TTL: u32 = 86_400;
/// What Cloudflare calls automatic: 300 s.
pub(crate) const AUTOMATIC: u32 = 1;

const API_TOKEN: Opt<Secret> = Opt::required(
    "api-token",
    "API token with the right DNS:Edit on the zones; the global API key is not taken",
);
const ZONE: Opt<Vec<String>> = Opt::list(
    "zone",
    "zone id, or example.org=id for each of several zones; otherwise zones are found by name",
);
const TTL: Opt<Option<u32>> = Opt::optional(
    "ttl",
    "TTL of the records in seconds, whatever the host asks for: 1 (automatic), or 30 or 60 to 86400",
);
const BASE_URL: Opt<String> = Opt::with_default(
    "base-url",
    "https://api.cloudflare.com/client/v4",
    "address of the API",
);
// what people bring along from other clients: named here so that the refusal can say why
const EMAIL: Opt<Option<String>> = Opt::optional("email", "refused: goes with the global API key");
const API_KEY: Opt<Option<Secret>> = Opt::optional(
    "api-key",
    "refused: the global API key may do everything in the account",
);

/// All of them.
pub(crate) const ALL: &[OptionSpec] = &[
    API_TOKEN.spec(),
    ZONE.spec(),
    TTL.spec(),
    BASE_URL.spec(),
    http::CA_FILE.spec(),
    http::PROXY.spec(),
    http::PROXY_CREDENTIALS.spec(),
    http::TIMEOUT.spec(),
    EMAIL.spec(),
    API_KEY.spec(),
];

/// Which zones the operator named.
#[derive(Debug)]
pub(crate) enum Given {
    /// None: they are found by name.
    None,
    /// One id, whose zone's name is not known.
    One(String),
    /// Zones by name.
    Named(BTreeMap<String, String>),
}

/// What an instance was told.
#[derive(Debug)]
pub(crate) struct Settings {
    pub token: Secret,
    pub zones: Given,
    pub ttl: Option<u32>,
    pub base: Url,
    pub http: HttpSettings,
}

impl Settings {
    /// Reads and holds them against each other.
    ///
    /// # Errors
    /// Each names the option.
    pub(crate) fn read(options: &Options) -> Result<Self, Error> {
        if options.read(&EMAIL)?.is_some() || options.read(&API_KEY)?.is_some() {
            return Err(global_key(API_KEY.key()));
        }
        let token = options.read(&API_TOKEN)?;
        check_token(token.reveal())?;
        let ttl = options.read(&TTL)?;
        if let Some(ttl) = ttl
            && ttl != AUTOMATIC
            && !(MIN_TTL_ENTERPRISE..=MAX_TTL).contains(&ttl)
        {
            return Err(fault(
                TTL.key(),
                &format!("{ttl} is neither 1 (automatic) nor from 60 (Enterprise zones: 30) to 86400"),
            ));
        }
        Ok(Self {
            token,
            zones: zones(&options.read(&ZONE)?)?,
            ttl,
            base: http::endpoint(BASE_URL.key(), &options.read(&BASE_URL)?, Plain::Loopback)?,
            http: HttpSettings::read(options)?,
        })
    }
}

fn fault(key: &str, why: &str) -> Error {
    Error::config(format!("option `{key}`: {why}"))
}

fn global_key(key: &str) -> Error {
    fault(
        key,
        "the global API key is refused: it may do everything in the account, and whoever reads it here owns \
         the domains; create an API token with DNS:Edit on the zones (My Profile, API Tokens) and give it as \
         `api-token`",
    )
}

/// Tells a token from a global key by its form, and from what cannot stand in a header.
fn check_token(token: &str) -> Result<(), Error> {
    // 37 hexadecimal digits until 2026, since then by prefix
    let old_key = token.len() == 37 && token.bytes().all(|byte| byte.is_ascii_hexdigit());
    if old_key || token.starts_with("cfk_") {
        return Err(global_key(API_TOKEN.key()));
    }
    if !token
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
    {
        return Err(fault(
            API_TOKEN.key(),
            "holds other characters than letters, digits, `_` and `-`: give the token alone, without `Bearer` \
             or quotes",
        ));
    }
    Ok(())
}

fn zones(given: &[String]) -> Result<Given, Error> {
    if let [one] = given
        && !one.contains('=')
    {
        return Ok(Given::One(zone_id(one)?));
    }
    let mut named = BTreeMap::new();
    for text in given {
        let (name, id) = text.split_once('=').ok_or_else(|| {
            fault(
                ZONE.key(),
                &format!("`{text}`: of several zones each is given as example.org=id"),
            )
        })?;
        let name = name.trim().trim_end_matches('.').to_ascii_lowercase();
        if !is_name(&name) {
            return Err(fault(ZONE.key(), &format!("`{name}` is not a domain name")));
        }
        if named.insert(name.clone(), zone_id(id.trim())?).is_some() {
            return Err(fault(ZONE.key(), &format!("{name} is given twice")));
        }
    }
    Ok(if named.is_empty() {
        Given::None
    } else {
        Given::Named(named)
    })
}

/// A name in A-labels, without the trailing dot.
fn is_name(name: &str) -> bool {
    name.len() <= 253
        && name.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        })
}

fn zone_id(id: &str) -> Result<String, Error> {
    if id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(id.to_ascii_lowercase());
    }
    Err(fault(
        ZONE.key(),
        &format!(
            "`{id}` is not a zone id: that has 32 hexadecimal digits and stands on the zone's overview page"
        ),
    ))
}
