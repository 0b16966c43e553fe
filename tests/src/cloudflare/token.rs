//! API tokens: their form, their state, what they may do.

use axum::http::{HeaderMap, header};
use serde_json::json;

use super::answer::{Answer, Refusal, found};
use super::record::new_id;

/// What a token may do, per zone id; an empty list of zones means all.
#[derive(Clone, Debug, Default)]
pub struct Rights {
    /// Zones that it is limited to.
    pub zones: Vec<String>,
    /// Zone.DNS:Edit, which includes reading records.
    pub dns_edit: bool,
    /// Zone.DNS:Read.
    pub dns_read: bool,
    /// Zone.Zone:Read.
    pub zone_read: bool,
}

/// State of a token.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TokenStatus {
    /// Good.
    Active,
    /// Switched off by a person.
    Disabled,
    /// Past its time.
    Expired,
}

/// A token.
#[derive(Clone, Debug)]
pub struct Token {
    pub(super) id: String,
    pub(super) secret: String,
    pub(super) rights: Rights,
    status: TokenStatus,
    of_account: bool,
}

impl Token {
    pub(super) fn new(rights: Rights, status: TokenStatus, of_account: bool) -> Self {
        // 40 characters with the two that are no letters or digits
        let secret = format!("{}-_secret", new_id());
        Self {
            id: new_id(),
            secret,
            rights,
            status,
            of_account,
        }
    }

    /// May it read, or also write, the records of the zone?
    pub(super) fn may(&self, zone: &str, write: bool) -> bool {
        self.covers(zone) && (self.rights.dns_edit || (self.rights.dns_read && !write))
    }

    /// May it see the zone itself?
    pub(super) fn sees(&self, zone: &str) -> bool {
        self.covers(zone) && self.rights.zone_read
    }

    /// Is it not limited to some zones?
    pub(super) fn is_for_all(&self) -> bool {
        self.rights.zones.is_empty()
    }

    fn covers(&self, zone: &str) -> bool {
        self.is_for_all() || self.rights.zones.iter().any(|it| it == zone)
    }
}

/// The token of a request, good for anything but `verify`.
pub(super) fn authenticate(headers: &HeaderMap, tokens: &[Token]) -> Result<Token, Refusal> {
    let secret = bearer(headers)?;
    let known = tokens.iter().find(|token| token.secret == secret);
    match known {
        None => Err(Refusal::new(403, 9109, "Invalid access token")),
        Some(token) if token.status != TokenStatus::Active => Err(Refusal::new(
            403,
            9109,
            "Unauthorized to access requested resource",
        )),
        Some(token) => Ok(token.clone()),
    }
}

/// `GET user/tokens/verify`
pub(super) fn verify(headers: &HeaderMap, tokens: &[Token]) -> Answer {
    let secret = bearer(headers)?;
    let known = tokens
        .iter()
        .find(|token| token.secret == secret && !token.of_account);
    let token = known.ok_or_else(|| Refusal::new(401, 1000, "Invalid API Token"))?;
    let status = match token.status {
        TokenStatus::Active => "active",
        TokenStatus::Disabled => "disabled",
        TokenStatus::Expired => "expired",
    };
    found(json!({"id": token.id, "status": status}))
}

fn bearer(headers: &HeaderMap) -> Result<&str, Refusal> {
    let malformed = |code, name: &str| {
        let inner = format!("Invalid format for {name} header");
        Refusal::chained(400, (6003, "Invalid request headers"), (code, &inner))
    };
    let Some(value) = headers.get(header::AUTHORIZATION) else {
        return Err(if headers.contains_key("x-auth-key") {
            // this double has no global key: the tests have no use for one
            malformed(6103, "X-Auth-Key")
        } else {
            Refusal::new(
                400,
                9106,
                "Missing X-Auth-Key, X-Auth-Email or Authorization headers",
            )
        });
    };
    let wrong = || malformed(6111, "Authorization");
    let value = value.to_str().map_err(|_| wrong())?;
    let secret = value.strip_prefix("Bearer ").ok_or_else(wrong)?;
    let is_token = secret.len() >= 40
        && secret
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if is_token { Ok(secret) } else { Err(wrong()) }
}
