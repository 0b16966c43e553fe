use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;

use super::{
    Account, Challenge, ChallengeKind, Error, Operation, Polled, Problem,
    jws::Payload,
    printable::{MAX_WORD, printable},
};
use crate::types::{AuthorizationUrl, Identifier};

/// Whether an account has proved a name (RFC 8555 7.1.4).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Authorization {
    identifier: WireIdentifier,
    /// How far it is.
    pub status: AuthorizationStatus,
    /// When it ends, whatever its status.
    #[serde(default)]
    pub expires: Option<Timestamp>,
    /// The ways to prove the name. Those that cannot be read are left out.
    #[serde(default, deserialize_with = "readable")]
    pub challenges: Vec<Challenge>,
    /// True when it is about the name with `*.` in front.
    #[serde(default)]
    pub wildcard: bool,
}

/// Status of an authorization (RFC 8555 7.1.6).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AuthorizationStatus {
    /// Waits for a proof.
    Pending,
    /// Proved.
    Valid,
    /// Failed.
    Invalid,
    /// Given up by its account.
    Deactivated,
    /// Too late.
    Expired,
    /// Withdrawn by the CA.
    Revoked,
    /// A status that RFC 8555 does not have.
    #[serde(untagged)]
    Unknown(String),
}

impl fmt::Display for AuthorizationStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AuthorizationStatus::Pending => "pending",
            AuthorizationStatus::Valid => "valid",
            AuthorizationStatus::Invalid => "invalid",
            AuthorizationStatus::Deactivated => "deactivated",
            AuthorizationStatus::Expired => "expired",
            AuthorizationStatus::Revoked => "revoked",
            AuthorizationStatus::Unknown(text) => return f.write_str(&printable(text, MAX_WORD)),
        })
    }
}

/// RFC 8555 7.1.3: `{"type": "dns", "value": "example.org"}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct WireIdentifier {
    #[serde(rename = "type")]
    kind: String,
    value: String,
}

impl From<&Identifier> for WireIdentifier {
    fn from(identifier: &Identifier) -> Self {
        WireIdentifier {
            kind: "dns".to_owned(),
            value: identifier.to_string(),
        }
    }
}

impl WireIdentifier {
    /// `None` for what is no DNS name.
    pub(super) fn dns(&self, wildcard: bool) -> Option<Identifier> {
        if self.kind != "dns" {
            return None;
        }
        // RFC 8555 7.1.4: an authorization for a wildcard has the name without `*.`; some CAs keep it
        match (wildcard, self.value.starts_with("*.")) {
            (true, false) => format!("*.{}", self.value).parse().ok(),
            _ => self.value.parse().ok(),
        }
    }
}

impl Authorization {
    /// What it is about; `None` for what is no DNS name.
    pub fn identifier(&self) -> Option<Identifier> {
        self.identifier.dns(self.wildcard)
    }

    /// The challenge of a kind, if the CA offers it.
    pub fn challenge(&self, kind: &ChallengeKind) -> Option<&Challenge> {
        self.challenges.iter().find(|challenge| challenge.kind == *kind)
    }

    /// Why it failed: the error of the challenge that has one.
    pub fn problem(&self) -> Option<&Problem> {
        self.challenges
            .iter()
            .find_map(|challenge| challenge.error.as_ref())
    }
}

/// New kinds of challenges may lack what the known ones have.
fn readable<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Challenge>, D::Error> {
    let challenges = Vec::<serde_json::Value>::deserialize(deserializer)?;
    Ok(challenges
        .into_iter()
        .filter_map(|challenge| serde_json::from_value(challenge).ok())
        .collect())
}

impl Account {
    /// A look at an authorization (RFC 8555 7.5).
    ///
    /// # Errors
    /// When the CA does not show it.
    pub async fn authorization(&self, url: &AuthorizationUrl) -> Result<Polled<Authorization>, Error> {
        self.fetch(Operation::Authorization, url.as_str(), Payload::none())
            .await
    }

    /// Gives an authorization up (RFC 8555 7.5.2), so that a failed order does not count
    /// against the CA's limit of pending ones.
    ///
    /// # Errors
    /// The CA's refusal.
    pub async fn deactivate_authorization(&self, url: &AuthorizationUrl) -> Result<Authorization, Error> {
        let payload = Payload::json(&json!({"status": "deactivated"}));
        Ok(self
            .fetch(Operation::DeactivateAuthorization, url.as_str(), payload)
            .await?
            .value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acme::{ChallengeStatus, ProblemKind};

    #[test]
    fn challenges_that_are_not_known_do_not_spoil_those_that_are() {
        let text = r#"{
            "status": "pending", "expires": "2026-01-20T14:09:30Z", "wildcard": true, "future": {},
            "identifier": {"type": "dns", "value": "Example.org"},
            "challenges": [
                {"type": "dns-persist-01", "url": "https://ca.example/c/1", "status": "pending",
                 "issuer-domain-names": ["ca.example"]},
                {"type": "smoke-01", "smoke": true},
                {"type": "smoke-02", "url": "https://ca.example/c/2", "status": "smouldering", "token": "a"},
                {"type": "http-01", "url": "https://ca.example/c/3", "status": "pending", "token": "not base64url!"},
                {"type": "dns-01", "url": "https://ca.example/c/4", "status": "invalid", "token": "DGyRejmCefe7v4N",
                 "accounturi": 7, "issuer-domain-names": null,
                 "error": {"type": "urn:ietf:params:acme:error:dns", "detail": "SERVFAIL"}}
            ]}"#;
        let it: Authorization = serde_json::from_str(text).expect("an authorization");
        assert_eq!(it.identifier().expect("a name").to_string(), "*.example.org");
        assert_eq!(it.challenges.len(), 3);
        let dns = it.challenge(&ChallengeKind::Dns01).expect("dns-01");
        assert_eq!(dns.status, ChallengeStatus::Invalid);
        assert_eq!(it.problem().expect("a problem").kind, ProblemKind::Dns);
        let persist = it
            .challenge(&ChallengeKind::DnsPersist01)
            .expect("dns-persist-01");
        assert_eq!(
            (persist.token.as_ref(), persist.issuer_domain_names.len()),
            (None, 1)
        );
        let other = it
            .challenge(&ChallengeKind::Other("smoke-02".into()))
            .expect("the unknown one");
        assert_eq!(other.status, ChallengeStatus::Unknown("smouldering".into()));
        assert_eq!(it.challenge(&ChallengeKind::DnsAccount01), None);
    }

    #[test]
    fn an_authorization_for_something_else_than_a_name_is_read() {
        let text = r#"{"status": "pending", "identifier": {"type": "ip", "value": "192.0.2.1"}}"#;
        let it: Authorization = serde_json::from_str(text).expect("an authorization");
        assert_eq!(it.identifier(), None);
    }
}
