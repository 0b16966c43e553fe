//! What can go wrong, whose fault it is, and what to do.

use std::time::Duration;

use dns01_plugin_api::Class;
use dns01_provider_http as http;

use crate::options::AUTOMATIC;

/// A request that failed, or that Cloudflare refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Below the API.
    #[error(transparent)]
    Http(#[from] http::Error),
    /// Cloudflare said no.
    #[error("{doing}: {refusal}{}", advice(.refusal))]
    Refused {
        /// What was tried.
        doing: String,
        /// Its reasons.
        refusal: Refusal,
    },
    /// Cloudflare's limit is reached, or would be.
    #[error(
        "Cloudflare allows 1200 requests in five minutes to all tokens of a user together, and about as many \
         were made; the next is welcome in {} s", .wait.as_secs_f32().ceil()
    )]
    Limit {
        /// How long to wait.
        wait: Duration,
    },
    /// No zone of the account holds the name.
    #[error(
        "the token sees no zone for {fqdn}: it needs Zone:Read on it to find the zone by name, else give the \
         zone's id as `zone`"
    )]
    NoZone {
        /// Name of the record.
        fqdn: String,
    },
    /// The zone is there but not in use.
    #[error("zone {zone} is {status} at Cloudflare: its name servers do not serve it yet; activate it there")]
    Inactive {
        /// The zone.
        zone: String,
        /// What Cloudflare calls it.
        status: String,
    },
    /// The configured zones do not hold the name.
    #[error("{fqdn} is in none of the zones that are configured as `zone`")]
    OutsideZones {
        /// Name of the record.
        fqdn: String,
    },
    /// Cloudflare appended the zone's name, because the name is not in the zone.
    #[error("zone id {zone} is not that of {fqdn}: Cloudflare made it {became}; correct `zone`")]
    WrongZone {
        /// The configured id.
        zone: String,
        /// Name of the record.
        fqdn: String,
        /// What it became.
        became: String,
    },
    /// The token is not in use.
    #[error("the API token is {status}: create another, or activate it (My Profile, API Tokens)")]
    Token {
        /// What Cloudflare calls it.
        status: String,
    },
    /// OpenSSL gives no random bytes.
    #[error("no random bytes: {0}")]
    Random(openssl::error::ErrorStack),
    /// Success, but without what it must hold.
    #[error("{doing}: Cloudflare's answer has no {missing}")]
    Unexpected {
        /// What was tried.
        doing: String,
        /// What is missing.
        missing: &'static str,
    },
}

/// Cloudflare's reasons, first code first.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// Codes, also those of the chains below an error, with their words.
    pub reasons: Vec<(i64, String)>,
    /// How long it asks to wait.
    pub retry_after: Option<Duration>,
}

/// What a refusal comes down to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Reason {
    /// The token is wrong, or may not do this.
    Auth,
    /// The record is there.
    Exists,
    /// The record is not there.
    Gone,
    /// There is no such zone.
    Zone,
    /// There is no such request.
    NoRoute,
    /// No more records fit the plan.
    Quota,
    /// The TTL does not suit the plan.
    Ttl,
    /// The comment does not suit the plan.
    Comment,
    /// The request is not as Cloudflare wants it, for a reason that its words say.
    Invalid,
    /// It has trouble of its own.
    Trouble,
}

impl Refusal {
    /// Told by codes, which Cloudflare keeps; where it has none that is known, by the status.
    pub(crate) fn reason(&self) -> Reason {
        if self.status >= 500 {
            return Reason::Trouble;
        }
        let known = self.reasons.iter().find_map(|(code, _)| reason_of(*code));
        match (known, self.status) {
            (Some(reason), _) => reason,
            (None, 401 | 403) => Reason::Auth,
            (None, 400 | 404) if self.reasons.iter().any(|(code, _)| *code == 1001) => Reason::Zone,
            (None, 405) => Reason::NoRoute,
            (None, 408 | 425) => Reason::Trouble,
            (None, _) => Reason::Invalid,
        }
    }
}

/// What a code means wherever it comes. 1000 and 1001 do not: they stand for an invalid
/// token at one path and for an invalid zone at another, and the status tells.
fn reason_of(code: i64) -> Option<Reason> {
    Some(match code {
        // 6003 has one of 6100 to 6112 below it: a header that is malformed
        6003 | 6100..=6112 | 9103 | 9106 | 9109 | 10000 | 10001 => Reason::Auth,
        81057 | 81058 => Reason::Exists,
        81044 => Reason::Gone,
        1003 | 7003 => Reason::Zone,
        7000 | 7001 => Reason::NoRoute,
        81045 => Reason::Quota,
        9021 => Reason::Ttl,
        9313 => Reason::Comment,
        _ => return None,
    })
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cloudflare answers ")?;
        if self.reasons.is_empty() {
            return write!(f, "HTTP {} without a reason", self.status);
        }
        for (at, (code, words)) in self.reasons.iter().enumerate() {
            let separator = if at == 0 { "" } else { "; " };
            write!(f, "{separator}{code}, {words}")?;
        }
        Ok(())
    }
}

fn advice(refusal: &Refusal) -> String {
    match refusal.reason() {
        Reason::Auth if refusal.status == 403 => {
            ": the token is not allowed this, or not known there: it needs DNS:Edit on the zone, and Zone:Read \
             where the zone is to be found by name; a token may also be limited to addresses and to a time"
        }
        Reason::Auth => {
            ": the API token is wrong or has run out: compare it (My Profile, API Tokens); an account's token \
             and a user's both do, the global API key does not"
        }
        Reason::Zone => ": there is no such zone, or the token does not see it: correct `zone`",
        Reason::Quota => ": the zone's plan has room for no more records: remove some, or change the plan",
        Reason::Ttl => return format!(": set `ttl` to 60 or more, or to {AUTOMATIC} (automatic)"),
        Reason::Trouble => ": it is tried again",
        Reason::Exists
        | Reason::Gone
        | Reason::NoRoute
        | Reason::Comment
        | Reason::Invalid => "",
    }
    .to_owned()
}

impl Error {
    /// Whose fault it is, in the terms of the ABI.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Http(error) => error.class(),
            Self::Refused { refusal, .. } => match refusal.reason() {
                Reason::Auth => Class::Auth,
                Reason::Zone => Class::ZoneNotFound,
                Reason::Trouble => Class::Transient,
                Reason::Ttl | Reason::NoRoute => Class::Config,
                Reason::Exists | Reason::Gone | Reason::Quota | Reason::Comment | Reason::Invalid => {
                    Class::Permanent
                }
            },
            Self::Limit { .. } => Class::RateLimited,
            Self::NoZone { .. } | Self::Inactive { .. } => Class::ZoneNotFound,
            Self::OutsideZones { .. } | Self::WrongZone { .. } => Class::Config,
            Self::Token { .. } => Class::Auth,
            Self::Random(_) => Class::Internal,
            Self::Unexpected { .. } => Class::Transient,
        }
    }

    /// What Cloudflare's refusal comes down to, if it is one.
    pub(crate) fn reason(&self) -> Option<Reason> {
        match self {
            Self::Refused { refusal, .. } => Some(refusal.reason()),
            _ => None,
        }
    }

    /// Cloudflare does not know the token, or does not take it from here.
    pub(crate) fn is_unknown_token(&self) -> bool {
        const UNKNOWN: i64 = 9109;
        matches!(self, Self::Refused { refusal, .. } if refusal.reasons.iter().any(|(code, _)| *code == UNKNOWN))
    }

    /// Nothing that follows in this call could go better.
    pub(crate) fn ends_call(&self) -> bool {
        match self {
            Self::Http(error) => error.ends_call(),
            Self::Limit { .. } => true,
            _ => false,
        }
    }
}

impl From<Error> for dns01_plugin_api::Error {
    fn from(error: Error) -> Self {
        let (class, message) = (error.class(), error.to_string());
        let (status, wait) = match error {
            Error::Http(error) => return error.into(),
            Error::Refused { refusal, .. } => (refusal.status, refusal.retry_after),
            Error::Limit { wait } => (429, Some(wait)),
            _ => return Self::new(class, message),
        };
        let converted = Self::new(class, message).with_native_code(i32::from(status));
        match wait {
            Some(wait) => converted.with_retry_after(wait),
            None => converted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, codes: &[i64]) -> Error {
        Error::Refused {
            doing: "add TXT records".to_owned(),
            refusal: Refusal {
                status,
                reasons: codes.iter().map(|code| (*code, "words".to_owned())).collect(),
                retry_after: None,
            },
        }
    }

    #[test]
    fn each_code_has_its_class_and_advice() {
        for (status, codes, class, word) in [
            (403, &[9109][..], Class::Auth, "DNS:Edit"),
            (403, &[10000], Class::Auth, "DNS:Edit"),
            (400, &[6003, 6111], Class::Auth, "6111"),
            (401, &[1000], Class::Auth, "wrong or has run out"),
            (405, &[10000], Class::Auth, "wrong or has run out"),
            (404, &[1001], Class::ZoneNotFound, "correct `zone`"),
            (404, &[1003], Class::ZoneNotFound, "correct `zone`"),
            (400, &[7003, 7000], Class::ZoneNotFound, "correct `zone`"),
            (400, &[7000], Class::Config, "7000"),
            (400, &[81045], Class::Permanent, "the plan"),
            (400, &[1004, 9021], Class::Config, "`ttl`"),
            (400, &[1004, 9005], Class::Permanent, "1004, words; 9005, words"),
            (500, &[10000], Class::Transient, "tried again"),
            (502, &[], Class::Transient, "HTTP 502"),
            (400, &[], Class::Permanent, "without a reason"),
        ] {
            let error = refused(status, codes);
            assert_eq!(error.class(), class, "{error}");
            assert!(error.to_string().contains(word), "{error}");
            let converted = dns01_plugin_api::Error::from(error);
            assert_eq!(converted.native_code(), i32::from(status));
        }
    }

    #[test]
    fn what_is_as_wanted_is_told_from_refusals() {
        assert_eq!(refused(400, &[81057]).reason(), Some(Reason::Exists));
        assert_eq!(refused(400, &[81058]).reason(), Some(Reason::Exists));
        assert_eq!(refused(404, &[81044]).reason(), Some(Reason::Gone));
        assert_eq!(refused(400, &[1004, 9313]).reason(), Some(Reason::Comment));
        assert_eq!(refused(404, &[]).reason(), Some(Reason::Invalid));
    }
}
