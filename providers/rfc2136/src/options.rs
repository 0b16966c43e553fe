//! The options of an instance.

use std::time::Duration;

use dns01_plugin_api::{Error, Opt, OptionSpec, Options, Secret};
use hickory_proto::rr::Name;

use crate::client::{Client, Transport, Turn, unix_now};
use crate::server::Server;
use crate::tsig::{Algorithm, Key};

const SERVER: Opt<Vec<String>> = Opt::required_list(
    "server",
    "primary server of the zone, host:port; several are tried in order",
);
const ZONE: Opt<Option<String>> = Opt::optional(
    "zone",
    "zone to update; otherwise found by asking the server for SOA records",
);
const TRANSPORT: Opt<String> = Opt::with_default("transport", "udp", "udp (TCP where needed) or tcp (only)");
const TSIG_KEY: Opt<Option<String>> = Opt::optional("tsig-key", "name of the TSIG key on the server");
const TSIG_ALGORITHM: Opt<String> = Opt::with_default(
    "tsig-algorithm",
    "hmac-sha256",
    "hmac-sha224, hmac-sha256, hmac-sha384 or hmac-sha512, as on the server",
);
const TSIG_SECRET: Opt<Option<Secret>> = Opt::optional("tsig-secret", "secret of the TSIG key, base64");
const TTL: Opt<Option<u32>> =
    Opt::optional("ttl", "TTL of the records in seconds, whatever the host asks for");
const TIMEOUT: Opt<Duration> = Opt::with_default("timeout", "5000", "limit of one exchange with one server");

/// All of them.
pub(crate) const ALL: &[OptionSpec] = &[
    SERVER.spec(),
    ZONE.spec(),
    TRANSPORT.spec(),
    TSIG_KEY.spec(),
    TSIG_ALGORITHM.spec(),
    TSIG_SECRET.spec(),
    TTL.spec(),
    TIMEOUT.spec(),
];

/// What an instance was told.
#[derive(Debug)]
pub(crate) struct Settings {
    pub client: Client,
    pub zone: Option<Name>,
    pub ttl: Option<u32>,
}

impl Settings {
    /// Reads and holds them against each other.
    ///
    /// # Errors
    /// Each names the option.
    pub(crate) fn read(options: &Options) -> Result<Self, Error> {
        let fault = |key: &str, why: &dyn std::fmt::Display| Error::config(format!("option `{key}`: {why}"));
        let servers = options
            .read(&SERVER)?
            .iter()
            .map(|text| text.parse::<Server>().map_err(|why| fault(SERVER.key(), &why)))
            .collect::<Result<Vec<_>, _>>()?;
        let zone = options.read(&ZONE)?.map(|text| zone_name(&text)).transpose()?;
        let transport = match options.read(&TRANSPORT)?.as_str() {
            "udp" => Transport::Udp,
            "tcp" => Transport::Tcp,
            other => {
                return Err(fault(
                    TRANSPORT.key(),
                    &format!("`{other}` is neither udp nor tcp"),
                ));
            }
        };
        // also without a key: a word like gss-tsig tells what the operator expects
        let algorithm = options
            .read(&TSIG_ALGORITHM)?
            .parse::<Algorithm>()
            .map_err(|why| fault(TSIG_ALGORITHM.key(), &why))?;
        let key = match (options.read(&TSIG_KEY)?, options.read(&TSIG_SECRET)?) {
            (None, None) => None,
            (Some(name), Some(secret)) => Some(
                Key::from_base64(&name, algorithm, secret.reveal())
                    .map_err(|why| fault(TSIG_KEY.key(), &why))?,
            ),
            (Some(_), None) => {
                return Err(fault(
                    TSIG_SECRET.key(),
                    &"is missing: `tsig-key` is given, and needs it",
                ));
            }
            (None, Some(_)) => {
                return Err(fault(
                    TSIG_KEY.key(),
                    &"is missing: `tsig-secret` is given, and needs a name",
                ));
            }
        };
        let timeout = options.read(&TIMEOUT)?;
        if timeout.is_zero() {
            return Err(fault(TIMEOUT.key(), &"must be more than 0"));
        }
        let client = Client {
            servers,
            transport,
            key,
            timeout,
            now: unix_now,
            turn: Turn::default(),
        };
        Ok(Self {
            client,
            zone,
            ttl: options.read(&TTL)?,
        })
    }
}

fn zone_name(text: &str) -> Result<Name, Error> {
    let refused = || Error::config(format!("option `{}`: `{text}` is not a domain name", ZONE.key()));
    let mut name = Name::from_ascii(text).map_err(|_| refused())?;
    if name.num_labels() == 0 {
        return Err(refused());
    }
    name.set_fqdn(true);
    Ok(name.to_lowercase())
}
