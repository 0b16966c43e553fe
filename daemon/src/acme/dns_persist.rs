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
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::acme::stub_ca::{Answer, StubCa};

    fn record(text: &str) -> PersistRecord {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn draft_dns_persist_10_the_examples_are_written_as_they_stand_there() {
        for (text, wildcard, until) in [
            (
                "authority.example; accounturi=https://ca.example/acct/123",
                false,
                None,
            ),
            (
                "authority.example; accounturi=https://ca.example/acct/123; policy=wildcard",
                true,
                None,
            ),
            (
                "ca2.example; accounturi=https://ca2.example/acct/67890; persistUntil=1767225600",
                false,
                Some(1_767_225_600),
            ),
            (
                "authority.example; accounturi=https://ca.example/acct/123; policy=wildcard; persistUntil=1721952000",
                true,
                Some(1_721_952_000),
            ),
        ] {
            let it = record(text);
            assert_eq!(it.to_string(), text);
            assert_eq!(
                (it.wildcard, it.persist_until.map(Timestamp::as_second)),
                (wildcard, until)
            );
        }
    }

    #[test]
    fn draft_dns_persist_4_1_what_the_syntax_leaves_free_is_free() {
        let plain = record(
            "authority.example; accounturi=https://ca.example/acct/123; policy=wildcard; persistUntil=7",
        );
        for text in [
            "authority.example;accounturi=https://ca.example/acct/123;policy=wildcard;persistUntil=7",
            " \tAuthority.Example ;\tPERSISTUNTIL = 7 ; AccountURI=https://ca.example/acct/123;Policy=WildCard ",
            "authority.example; future=x; accounturi=https://ca.example/acct/123; policy=wildcard; persistUntil=7",
        ] {
            assert_eq!(record(text), plain, "{text}");
        }
        let other = record("authority.example; accounturi=https://ca.example/acct/123; policy=subdomains");
        assert!(!other.wildcard, "a policy that is not known is as none");
        assert_ne!(
            record("authority.example; accounturi=https://ca.example/Acct/123").account_uri,
            plain.account_uri
        );
    }

    #[test]
    fn draft_dns_persist_4_1_what_cas_refuse_is_refused() {
        let parse = |text: &str| text.parse::<PersistRecord>().expect_err(text);
        let account = "accounturi=https://ca.example/a";
        assert_eq!(parse("authority.example"), PersistError::NoAccount);
        assert_eq!(parse("v=spf1 -all"), PersistError::Issuer("v=spf1 -all".into()));
        assert!(matches!(parse(&format!("; {account}")), PersistError::Issuer(_)));
        assert!(matches!(
            parse(&format!("ca.example; {account};")),
            PersistError::Parameter(_)
        ));
        assert!(matches!(
            parse(&format!("ca.example; {account}; x")),
            PersistError::Parameter(_)
        ));
        assert!(matches!(
            parse(&format!("ca.example; {account}; ACCOUNTURI=x")),
            PersistError::Twice(_)
        ));
        assert!(matches!(
            parse("ca.example; accounturi="),
            PersistError::Account(_)
        ));
        assert!(matches!(
            parse("ca.example; accounturi=a b"),
            PersistError::Parameter(_)
        ));
        for until in ["", "soon", "1.5", "0x10"] {
            let text = format!("ca.example; {account}; persistUntil={until}");
            assert_eq!(parse(&text), PersistError::Until(until.into()));
        }
    }

    #[test]
    fn a_moment_at_the_end_of_time_is_no_error() {
        let it = record("ca.example; accounturi=a; persistUntil=9223372036854775807");
        assert_eq!(
            it.persist_until,
            Some(Timestamp::from_second(Timestamp::MAX.as_second()).expect("the last"))
        );
    }

    #[tokio::test]
    async fn draft_dns_persist_3_1_the_record_follows_the_challenge() {
        let ca = StubCa::start(|_| Answer::new(200, "")).await;
        let account = ca.account();
        let challenge = |members: serde_json::Value| -> Challenge {
            let mut json = serde_json::json!({
                "type": "dns-persist-01", "url": "https://ca.example/c/1", "status": "pending",
                "issuer-domain-names": ["authority.example", "ca.example.net"],
            });
            let members = members.as_object().expect("an object").clone();
            json.as_object_mut().expect("an object").extend(members);
            serde_json::from_value(json).expect("a challenge")
        };
        let make = |challenge: &Challenge| account.persist_record(challenge, true, None);
        let of_the_draft = challenge(serde_json::json!({"accounturi": "https://ca.example/acct/123"}));
        assert_eq!(
            make(&of_the_draft).expect("a record").to_string(),
            "authority.example; accounturi=https://ca.example/acct/123; policy=wildcard"
        );
        let silent = make(&challenge(serde_json::json!({}))).expect("a record");
        assert_eq!(silent.account_uri.as_str(), account.url().as_str());

        let names = |number: usize| serde_json::json!({"issuer-domain-names": vec!["ca.example"; number]});
        make(&challenge(names(10))).expect("a record");
        for number in [0, 11] {
            assert_eq!(
                make(&challenge(names(number))),
                Err(PersistError::Issuers(number))
            );
        }
        let hostile = challenge(serde_json::json!({"accounturi": "https://ca.example/a;policy=wildcard"}));
        assert!(matches!(make(&hostile), Err(PersistError::Account(_))));
        let other = challenge(serde_json::json!({"type": "dns-01"}));
        assert!(matches!(make(&other), Err(PersistError::Challenge(_))));
    }

    proptest! {
        #[test]
        fn every_record_is_read_as_it_was_written(
            issuer in "[a-z]{1,10}\\.example",
            account in "[!-:<-~]{1,60}",
            wildcard in any::<bool>(),
            until in prop::option::of(0_i64..4_000_000_000),
        ) {
            let it = PersistRecord {
                issuer: issuer.parse().expect("a name"),
                account_uri: account.parse().expect("an account"),
                wildcard,
                persist_until: until.map(|second| Timestamp::from_second(second).expect("a moment")),
            };
            prop_assert_eq!(it.to_string().parse::<PersistRecord>(), Ok(it));
        }

        #[test]
        fn no_text_panics(text in any::<String>()) {
            let _ = text.parse::<PersistRecord>();
        }
    }
}
