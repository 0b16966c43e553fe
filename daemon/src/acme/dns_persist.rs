//! The standing record of dns-persist-01 (draft-ietf-acme-dns-persist 4.1).

use std::{fmt, str::FromStr};

use jiff::Timestamp;

use super::{Account, Challenge, ChallengeKind};
use crate::types::DnsName;

/// The label in front of the name that is proved.
pub const PERSIST_LABEL: &str = "_validation-persist";
/// draft 3.1: "Clients MUST consider a challenge malformed [...] if it contains more than 10 entries".
const MAX_ISSUERS: usize = 10;

/// What a TXT record at `_validation-persist.<name>` says: that an account of a CA may have
/// certificates for the name. In the syntax of a CAA issue-value (RFC 8659 4.2).
///
/// Written exactly and read as CAs read it: white space, order and case where the syntax leaves
/// them free, unknown parameters skipped, what they refuse refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersistRecord {
    /// One of the CA's issuer domain names.
    pub issuer: DnsName,
    /// Which account; compared octet by octet.
    pub account_uri: AccountUri,
    /// True when it also proves `*.<name>` and every name below.
    pub wildcard: bool,
    /// Not good for new validations after this moment; whole seconds.
    pub persist_until: Option<Timestamp>,
}

/// The identifier of an account in a record (RFC 8657 3): mostly its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountUri(String);

/// Why there is no record, or a text is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PersistError {
    /// Not the challenge that such a record answers.
    #[error("the challenge is {0}, which no standing record answers")]
    Challenge(String),
    /// The challenge names no issuer, or too many (draft 3.1).
    #[error("the challenge names {0} issuers; 1 to {MAX_ISSUERS} are allowed")]
    Issuers(usize),
    /// The issuer is no domain name.
    #[error("the issuer `{0}` of a standing record is no domain name")]
    Issuer(String),
    /// An account that the syntax cannot hold.
    #[error("the account `{0}` cannot stand in a record: a semicolon, white space or other than ASCII")]
    Account(String),
    /// The parameter that a record cannot be without.
    #[error("the record has no accounturi")]
    NoAccount,
    /// Not `tag=value`.
    #[error("`{0}` in the record is not tag=value")]
    Parameter(String),
    /// The same tag twice.
    #[error("the record has {0} twice")]
    Twice(String),
    /// A moment that is no number.
    #[error("persistUntil `{0}` is no number of seconds since 1970")]
    Until(String),
}

impl AccountUri {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AccountUri {
    type Err = PersistError;

    /// RFC 8659 4.2: `value = *(%x21-3A / %x3C-7E)`.
    fn from_str(text: &str) -> Result<Self, PersistError> {
        if !text.is_empty() && is_value(text) {
            Ok(AccountUri(text.to_owned()))
        } else {
            Err(PersistError::Account(text.to_owned()))
        }
    }
}

impl fmt::Display for AccountUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_value(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b';')
}

impl Account {
    /// The record that answers a dns-persist-01 challenge of this account: for the first of the
    /// CA's issuer names, and for the account as the CA calls it in the challenge, if it does.
    ///
    /// # Errors
    /// For other challenges, and those that the draft calls malformed.
    pub fn persist_record(
        &self,
        challenge: &Challenge,
        wildcard: bool,
        persist_until: Option<Timestamp>,
    ) -> Result<PersistRecord, PersistError> {
        if challenge.kind != ChallengeKind::DnsPersist01 {
            return Err(PersistError::Challenge(challenge.kind.to_string()));
        }
        let issuers = &challenge.issuer_domain_names;
        let issuer = match issuers.first() {
            Some(issuer) if issuers.len() <= MAX_ISSUERS => issuer,
            _ => return Err(PersistError::Issuers(issuers.len())),
        };
        let account = challenge.account_uri.as_deref();
        Ok(PersistRecord {
            issuer: issuer.parse().map_err(|_| PersistError::Issuer(issuer.clone()))?,
            account_uri: account.unwrap_or(self.url().as_str()).parse()?,
            wildcard,
            persist_until,
        })
    }
}

impl fmt::Display for PersistRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; accounturi={}", self.issuer, self.account_uri)?;
        if self.wildcard {
            f.write_str("; policy=wildcard")?;
        }
        if let Some(until) = self.persist_until {
            write!(f, "; persistUntil={}", until.as_second())?;
        }
        Ok(())
    }
}

impl FromStr for PersistRecord {
    type Err = PersistError;

    fn from_str(text: &str) -> Result<Self, PersistError> {
        let mut parts = text.split(';').map(|part| part.trim_matches([' ', '\t']));
        let issuer = parts.next().unwrap_or_default();
        let mut record = PersistRecord {
            issuer: issuer
                .parse()
                .map_err(|_| PersistError::Issuer(issuer.to_owned()))?,
            account_uri: AccountUri(String::new()),
            wildcard: false,
            persist_until: None,
        };
        let mut seen = Vec::new();
        for part in parts {
            let unusable = || PersistError::Parameter(part.to_owned());
            let (tag, value) = part.split_once('=').ok_or_else(unusable)?;
            let (tag, value) = (tag.trim_matches([' ', '\t']), value.trim_matches([' ', '\t']));
            if tag.is_empty() || !is_value(value) {
                return Err(unusable());
            }
            // RFC 8659 4.2: tags are compared without case
            let tag = tag.to_ascii_lowercase();
            if seen.contains(&tag) {
                return Err(PersistError::Twice(tag));
            }
            match tag.as_str() {
                "accounturi" => record.account_uri = value.parse()?,
                // draft 4.1: another value is as none
                "policy" => record.wildcard = value.eq_ignore_ascii_case("wildcard"),
                "persistuntil" => record.persist_until = Some(until(value)?),
                _ => {}
            }
            seen.push(tag);
        }
        if record.account_uri.0.is_empty() {
            return Err(PersistError::NoAccount);
        }
        Ok(record)
    }
}

/// A moment beyond those that exist is the last or the first one.
fn until(value: &str) -> Result<Timestamp, PersistError> {
    let seconds: i64 = value.parse().map_err(|_| PersistError::Until(value.to_owned()))?;
    let ends = Timestamp::MIN.as_second()..=Timestamp::MAX.as_second();
    let seconds = seconds.clamp(*ends.start(), *ends.end());
    Ok(Timestamp::from_second(seconds).expect("within the moments that exist"))
}

#[cfg(test)]
mod tests;
