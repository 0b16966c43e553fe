//! The options of an instance.

use std::net::IpAddr;

use dns01_plugin_api::{Error, Opt, OptionSpec, Options, Secret};
use dns01_provider_http as http;
use url::Url;

use crate::account::{Account, by_domain};
use crate::accounts::Fixed;

const SERVER: Opt<String> = Opt::required(
    "server",
    "address of the server's API, such as https://auth.example.org",
);
const ALLOW_FROM: Opt<Vec<String>> = Opt::list(
    "allow-from",
    "networks that may use the accounts which setup makes, such as 192.0.2.0/24; everybody if none is given",
);
const ACCOUNTS: Opt<Option<Secret>> = Opt::optional(
    "accounts",
    "accounts made elsewhere, in the JSON that lego and acme-dns-client keep",
);
const USERNAME: Opt<Option<String>> = Opt::optional(
    "username",
    "one account made elsewhere, for every name: its username",
);
const PASSWORD: Opt<Option<Secret>> = Opt::optional("password", "its password");
const FULLDOMAIN: Opt<Option<String>> =
    Opt::optional("fulldomain", "its name at the server, to which the CNAMEs lead");
const SUBDOMAIN: Opt<Option<String>> = Opt::optional(
    "subdomain",
    "its subdomain, if that is not the first label of fulldomain",
);
const ALLOW_HTTP: Opt<bool> = Opt::with_default(
    "allow-http",
    "false",
    "also http to another machine: passwords then travel in clear",
);

/// All of them.
pub(crate) const ALL: &[OptionSpec] = &[
    SERVER.spec(),
    ALLOW_FROM.spec(),
    ACCOUNTS.spec(),
    USERNAME.spec(),
    PASSWORD.spec(),
    FULLDOMAIN.spec(),
    SUBDOMAIN.spec(),
    ALLOW_HTTP.spec(),
    http::TIMEOUT.spec(),
    http::CA_FILE.spec(),
    http::PROXY.spec(),
    http::PROXY_CREDENTIALS.spec(),
];

/// What an instance was told.
#[derive(Debug)]
pub(crate) struct Settings {
    pub server: Url,
    pub allow_from: Vec<String>,
    pub fixed: Fixed,
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
        let allow_from = options.read(&ALLOW_FROM)?;
        Ok(Self {
            server: http::endpoint(SERVER.key(), &options.read(&SERVER)?, plain)?,
            allow_from: allow_from
                .iter()
                .map(|text| network(text))
                .collect::<Result<_, _>>()?,
            fixed: fixed(options)?,
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

/// The accounts in the configuration.
fn fixed(options: &Options) -> Result<Fixed, Error> {
    let accounts = match options.read(&ACCOUNTS)? {
        Some(json) => by_domain(json.reveal()).map_err(|why| fault(ACCOUNTS.key(), &why))?,
        None => Default::default(),
    };
    let subdomain = options.read(&SUBDOMAIN)?;
    let parts = (
        options.read(&USERNAME)?,
        options.read(&PASSWORD)?,
        options.read(&FULLDOMAIN)?,
    );
    let for_all = match parts {
        (None, None, None) if subdomain.is_none() => None,
        (Some(username), Some(password), Some(fulldomain)) => {
            let first_label = || fulldomain.split('.').next().unwrap_or_default().to_owned();
            let account = Account {
                username,
                password,
                subdomain: subdomain.unwrap_or_else(first_label),
                fulldomain,
            };
            Some(account.checked().map_err(|why| {
                Error::config(format!(
                    "options `{}`, `{}`, `{}`: {why}",
                    USERNAME.key(),
                    PASSWORD.key(),
                    FULLDOMAIN.key()
                ))
            })?)
        }
        (username, password, _) => {
            let missing = match (username, password) {
                (None, _) => USERNAME.key(),
                (_, None) => PASSWORD.key(),
                _ => FULLDOMAIN.key(),
            };
            let why = "is missing: an account has `username`, `password` and `fulldomain`";
            return Err(fault(missing, &why));
        }
    };
    Ok(Fixed { accounts, for_all })
}

/// A network as the server wants it: an address alone gets its prefix.
fn network(text: &str) -> Result<String, Error> {
    let refused = || {
        fault(
            ALLOW_FROM.key(),
            &format!("`{text}` is not a network such as 192.0.2.0/24 or 2001:db8::/32"),
        )
    };
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().map_err(|_| refused())?;
    let most: u8 = if address.is_ipv4() { 32 } else { 128 };
    match prefix {
        None => Ok(format!("{address}/{most}")),
        Some(prefix) => match prefix.parse::<u8>() {
            Ok(bits) if bits <= most && prefix.bytes().all(|byte| byte.is_ascii_digit()) => {
                Ok(text.to_owned())
            }
            _ => Err(refused()),
        },
    }
}
