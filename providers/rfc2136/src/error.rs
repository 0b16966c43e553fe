//! What can go wrong, whose fault it is, and what to do.

use std::fmt;
use std::time::Duration;

use dns01_plugin_api::Class;
use hickory_proto::op::ResponseCode;

use crate::exchange::Fault;
use crate::tsig::{Algorithm, SignError, error_code};

/// How long to wait for a clock to be set.
const CLOCK: Duration = Duration::from_secs(60);

/// A failed exchange, or a refusal by the server.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The host wants the call to end, or its time is up.
    #[error("given up: cancelled or out of time")]
    Cancelled,
    /// No server could be asked, or none of several can do it.
    #[error("no server can be used: {}", list(.attempts))]
    NoServer {
        /// Each address tried, and why it failed.
        attempts: Vec<(String, Fault)>,
    },
    /// The answer cannot be read.
    #[error("{server} gives an answer that cannot be read")]
    Malformed {
        /// Who answered.
        server: String,
    },
    /// The answer to a signed request has no signature.
    #[error(
        "{server} answers {} without a signature, which is not trusted: it does not know key {key}, has another secret \
         or algorithm for it, or has no such zone (its log says which), or something else answers in its place",
        mnemonic(*.code)
    )]
    Unsigned {
        /// Who answered.
        server: String,
        /// Name of our key.
        key: String,
        /// What it claims.
        code: ResponseCode,
    },
    /// The answer is signed, but not by our key over our request.
    #[error("the answer of {server} is not signed by key {key}: it is not trusted")]
    Forged {
        /// Who answered.
        server: String,
        /// Name of our key.
        key: String,
    },
    /// BADKEY
    #[error(
        "{server} does not take key {key} with {algorithm} (BADKEY): compare name and algorithm with its \
         configuration; Knot DNS says so too of a key whose acl does not allow this change"
    )]
    BadKey {
        /// Who answered.
        server: String,
        /// Name of our key.
        key: String,
        /// Its algorithm here.
        algorithm: Algorithm,
    },
    /// BADSIG
    #[error("the secret for key {key} is not the one that {server} has (BADSIG)")]
    BadSig {
        /// Who answered.
        server: String,
        /// Name of our key.
        key: String,
    },
    /// BADTIME
    #[error(
        "clocks differ by {} s (BADTIME): {} here, {} at {server}; set them by NTP",
        .ours.abs_diff(*.theirs), utc(*.ours), utc(*.theirs)
    )]
    BadTime {
        /// Who answered.
        server: String,
        /// Our time, in seconds since 1970.
        ours: u64,
        /// Theirs.
        theirs: u64,
    },
    /// Another error of TSIG, such as BADTRUNC.
    #[error("{server} refuses the signature of key {key} with TSIG error {code}")]
    Tsig {
        /// Who answered.
        server: String,
        /// Name of our key.
        key: String,
        /// Its number.
        code: u16,
    },
    /// OpenSSL cannot make the signature.
    #[error("the request cannot be signed: {source}")]
    Sign {
        /// Why.
        source: SignError,
    },
    /// The server says no.
    #[error("{}", refusal(.server, .zone, .key.as_deref(), *.code))]
    Refused {
        /// Who answered.
        server: String,
        /// The zone that was to be changed, or whose SOA was asked for.
        zone: String,
        /// Name of our key.
        key: Option<String>,
        /// Its RCODE.
        code: ResponseCode,
    },
    /// No server has a zone for the name.
    #[error(
        "{server} has no zone for {fqdn}: give the server that is primary for it, or `zone` if its SOA may not \
         be asked for"
    )]
    NotServed {
        /// Who was asked.
        server: String,
        /// Name of the record.
        fqdn: String,
    },
    /// The server's zone hands the name on to other servers.
    #[error("{server} delegates {cut}, and with it {fqdn}, to other servers: give the primary of {cut}")]
    Delegated {
        /// Who was asked.
        server: String,
        /// Name of the record.
        fqdn: String,
        /// Where the delegation is.
        cut: String,
    },
    /// The configured zone does not hold the name.
    #[error("{fqdn} is not in the configured zone {zone}")]
    OutsideZone {
        /// Name of the record.
        fqdn: String,
        /// Option `zone`.
        zone: String,
    },
    /// The record cannot be written as DNS.
    #[error("{fqdn} with a value of {len} bytes is no TXT record")]
    NoRecord {
        /// Name of the record.
        fqdn: String,
        /// Bytes of its value.
        len: usize,
    },
}

impl Error {
    /// Whose fault it is, in the terms of the ABI.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Cancelled => Class::Cancelled,
            Self::NoServer { attempts } => match attempts.last() {
                Some(_) if attempts.iter().all(|(_, fault)| fault.is_lasting()) => Class::Permanent,
                _ => Class::Transient,
            },
            Self::Malformed { .. } | Self::Forged { .. } => Class::Transient,
            // a machine that has just booted has no clock yet; NTP mends it unaided
            Self::BadTime { .. } => Class::Transient,
            Self::Unsigned {
                code: ResponseCode::ServFail,
                ..
            } => Class::Transient,
            Self::Unsigned { .. } | Self::BadKey { .. } | Self::BadSig { .. } | Self::Tsig { .. } => {
                Class::Auth
            }
            Self::Sign { .. } | Self::NoRecord { .. } => Class::Permanent,
            Self::NotServed { .. } | Self::Delegated { .. } => Class::ZoneNotFound,
            Self::OutsideZone { .. } => Class::Config,
            Self::Refused { code, .. } => match code {
                ResponseCode::ServFail => Class::Transient,
                ResponseCode::Refused => Class::Auth,
                ResponseCode::NotAuth | ResponseCode::NotZone => Class::ZoneNotFound,
                _ => Class::Permanent,
            },
        }
    }

    /// RCODE, or the extended error of TSIG.
    fn native_code(&self) -> u16 {
        match self {
            Self::Refused { code, .. } | Self::Unsigned { code, .. } => u16::from(*code),
            Self::BadKey { .. } => error_code::BADKEY,
            Self::BadSig { .. } => error_code::BADSIG,
            Self::BadTime { .. } => error_code::BADTIME,
            Self::Tsig { code, .. } => *code,
            Self::NoServer { attempts } => {
                let answered = attempts.iter().rev().find_map(|(_, fault)| fault.code());
                answered.map_or(0, u16::from)
            }
            Self::Cancelled
            | Self::Malformed { .. }
            | Self::Forged { .. }
            | Self::Sign { .. }
            | Self::NotServed { .. }
            | Self::Delegated { .. }
            | Self::OutsideZone { .. }
            | Self::NoRecord { .. } => 0,
        }
    }

    /// Nothing that follows in this call could go better.
    pub(crate) fn ends_call(&self) -> bool {
        match self {
            Self::Cancelled => true,
            // one that answers may have failed at this zone only
            Self::NoServer { attempts } => attempts.iter().all(|(_, fault)| fault.code().is_none()),
            _ => false,
        }
    }
}

impl From<Error> for dns01_plugin_api::Error {
    fn from(error: Error) -> Self {
        let converted =
            Self::new(error.class(), error.to_string()).with_native_code(i32::from(error.native_code()));
        if matches!(error, Error::BadTime { .. }) {
            converted.with_retry_after(CLOCK)
        } else {
            converted
        }
    }
}

/// One sentence per RCODE, with what to do about it.
fn refusal(server: &str, zone: &str, key: Option<&str>, code: ResponseCode) -> String {
    match (code, key) {
        (ResponseCode::Refused, Some(key)) => format!(
            "{server} refuses (REFUSED): key {key} is not allowed to change this name in {zone}: see \
             update-policy or allow-update of that zone"
        ),
        (ResponseCode::Refused, None) => format!(
            "{server} refuses (REFUSED): {zone} takes no unsigned update from this address: give `tsig-key` and \
             `tsig-secret`, or see allow-update of that zone"
        ),
        (ResponseCode::NotAuth, _) => format!(
            "{server} is not authoritative for {zone} (NOTAUTH): give the primary of that zone as `server`"
        ),
        (ResponseCode::NotZone, _) => {
            format!(
                "{server} says that the name is not in {zone} (NOTZONE): correct or drop the option `zone`"
            )
        }
        (ResponseCode::ServFail, _) => format!(
            "{server} fails at {zone} (SERVFAIL): its log says why; often it cannot write the zone or its \
             journal, or cannot reach the primary"
        ),
        (ResponseCode::NotImp, _) => format!("{server} has no dynamic updates (NOTIMP): see allow-update"),
        (ResponseCode::FormErr, _) => {
            format!(
                "{server} cannot read the request for {zone} (FORMERR): a relay on the way may have bent it"
            )
        }
        (code, _) => format!("{server} answers {} to a request for {zone}", mnemonic(code)),
    }
}

/// The name that operators know an RCODE by.
pub(crate) fn mnemonic(code: ResponseCode) -> String {
    match code {
        ResponseCode::NoError => "NOERROR".to_owned(),
        ResponseCode::FormErr => "FORMERR".to_owned(),
        ResponseCode::ServFail => "SERVFAIL".to_owned(),
        ResponseCode::NotImp => "NOTIMP".to_owned(),
        ResponseCode::Refused => "REFUSED".to_owned(),
        ResponseCode::NotAuth => "NOTAUTH".to_owned(),
        ResponseCode::NotZone => "NOTZONE".to_owned(),
        ResponseCode::NXDomain => "NXDOMAIN".to_owned(),
        ResponseCode::YXDomain => "YXDOMAIN".to_owned(),
        ResponseCode::YXRRSet => "YXRRSET".to_owned(),
        ResponseCode::NXRRSet => "NXRRSET".to_owned(),
        other => format!("RCODE {}", u16::from(other)),
    }
}

struct List<'a>(&'a [(String, Fault)]);

fn list(attempts: &[(String, Fault)]) -> List<'_> {
    List(attempts)
}

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (server, fault)) in self.0.iter().enumerate() {
            let separator = if at == 0 { "" } else { "; " };
            write!(f, "{separator}{server}: {fault}")?;
        }
        Ok(())
    }
}

/// Seconds since 1970 as people read them.
fn utc(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // days since 1 March of the year 0, in which each leap day ends a cycle (Howard
    // Hinnant, chrono-compatible low-level date algorithms)
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_as_date_does() {
        assert_eq!(utc(0), "1970-01-01T00:00:00Z");
        assert_eq!(utc(951_782_399), "2000-02-28T23:59:59Z");
        assert_eq!(utc(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(utc(1_709_251_199), "2024-02-29T23:59:59Z");
        assert_eq!(utc(4_107_542_400), "2100-03-01T00:00:00Z");
        assert_eq!(utc(1_800_000_000), "2027-01-15T08:00:00Z");
    }

    #[test]
    fn each_rcode_has_its_class_and_number() {
        let refused = |code| -> dns01_plugin_api::Error {
            let (server, zone) = ("192.0.2.1:53".to_owned(), "example.org".to_owned());
            Error::Refused {
                server,
                zone,
                key: Some("k".to_owned()),
                code,
            }
            .into()
        };
        for (code, number, class, word) in [
            (ResponseCode::FormErr, 1, Class::Permanent, "FORMERR"),
            (ResponseCode::ServFail, 2, Class::Transient, "SERVFAIL"),
            (ResponseCode::NXDomain, 3, Class::Permanent, "NXDOMAIN"),
            (ResponseCode::NotImp, 4, Class::Permanent, "NOTIMP"),
            (ResponseCode::Refused, 5, Class::Auth, "update-policy"),
            (ResponseCode::YXDomain, 6, Class::Permanent, "YXDOMAIN"),
            (ResponseCode::YXRRSet, 7, Class::Permanent, "YXRRSET"),
            (ResponseCode::NXRRSet, 8, Class::Permanent, "NXRRSET"),
            (ResponseCode::NotAuth, 9, Class::ZoneNotFound, "NOTAUTH"),
            (ResponseCode::NotZone, 10, Class::ZoneNotFound, "NOTZONE"),
            (ResponseCode::Unknown(11), 11, Class::Permanent, "RCODE 11"),
        ] {
            let error = refused(code);
            assert_eq!((error.native_code(), error.class()), (number, class), "{error}");
            assert!(error.message().contains(word), "{error}");
        }
    }
}
