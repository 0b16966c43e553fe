//! The types of challenges, and where each looks.

use openssl::sha::sha256;
use serde::{Deserialize, Serialize};

/// How control of a name is proved.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum ChallengeType {
    /// RFC 8555 section 8.4.
    #[serde(rename = "dns-01")]
    Dns01,
    /// draft-ietf-acme-dns-account-label: as dns-01, at a name that belongs to the account.
    #[serde(rename = "dns-account-01")]
    DnsAccount01,
    /// draft-ietf-acme-dns-persist: a record that stays.
    #[serde(rename = "dns-persist-01")]
    DnsPersist01,
    /// Of the lab's invention, without a token, and never valid: a client must pass it over.
    #[serde(rename = "smoke-01")]
    Smoke01,
}

impl ChallengeType {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            ChallengeType::Dns01 => "dns-01",
            ChallengeType::DnsAccount01 => "dns-account-01",
            ChallengeType::DnsPersist01 => "dns-persist-01",
            ChallengeType::Smoke01 => "smoke-01",
        }
    }

    pub(super) fn has_token(self) -> bool {
        matches!(self, ChallengeType::Dns01 | ChallengeType::DnsAccount01)
    }

    /// The name whose TXT records decide.
    pub(super) fn owner(self, name: &str, account_url: &str) -> String {
        match self {
            ChallengeType::Dns01 => format!("_acme-challenge.{name}"),
            ChallengeType::DnsAccount01 => format!("_{}._acme-challenge.{name}", account_label(account_url)),
            ChallengeType::DnsPersist01 => format!("_validation-persist.{name}"),
            ChallengeType::Smoke01 => format!("_smoke.{name}"),
        }
    }
}

/// Section 3.2 of the draft: base32 (RFC 4648), lower case, of the first ten bytes of the URL's SHA-256.
fn account_label(account_url: &str) -> String {
    let digest = sha256(account_url.as_bytes());
    let bits = digest[..10]
        .iter()
        .fold(0_u128, |bits, byte| bits << 8 | u128::from(*byte));
    let letter = |index: u32| {
        let value = (bits >> (75 - 5 * index)) & 31;
        char::from(b"abcdefghijklmnopqrstuvwxyz234567"[value as usize])
    };
    (0..16).map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the draft (section 3.2).
    #[test]
    fn account_label_is_the_drafts() {
        assert_eq!(
            account_label("https://example.com/acme/acct/ExampleAccount"),
            "ujmmovf2vn55tgye"
        );
    }
}
