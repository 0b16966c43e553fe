use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    Account, AuthorizationStatus, Error, Operation, Polled, Problem,
    account::location,
    authorization::WireIdentifier,
    client::decode,
    jws::Payload,
    printable::{MAX_WORD, printable},
};
use crate::{
    pki::CertId,
    types::{AuthorizationUrl, CertificateUrl, FinalizeUrl, Identifier, OrderUrl},
};

/// A wish for a certificate (RFC 8555 7.1.3).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Order {
    /// How far it is.
    pub status: OrderStatus,
    /// When it ends, unless it is valid.
    #[serde(default)]
    pub expires: Option<Timestamp>,
    #[serde(default)]
    identifiers: Vec<WireIdentifier>,
    /// Why it failed.
    #[serde(default)]
    pub error: Option<Problem>,
    /// What has to be proved; several names may share one, some may be valid already.
    pub authorizations: Vec<AuthorizationUrl>,
    /// Where the certificate request goes.
    pub finalize: FinalizeUrl,
    /// Where the certificate is, once valid.
    #[serde(default)]
    pub certificate: Option<CertificateUrl>,
    /// The profile that the CA chose (draft-ietf-acme-profiles).
    #[serde(default)]
    pub profile: Option<String>,
    /// The certificate that this one follows (RFC 9773 5).
    #[serde(default)]
    pub replaces: Option<String>,
}

/// Status of an order (RFC 8555 7.1.6).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OrderStatus {
    /// Names wait for their proofs.
    Pending,
    /// All names are proved: finalize.
    Ready,
    /// The CA is issuing.
    Processing,
    /// Issued.
    Valid,
    /// Failed for good.
    Invalid,
    /// A status that RFC 8555 does not have.
    #[serde(untagged)]
    Unknown(String),
}

impl fmt::Display for OrderStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            OrderStatus::Pending => "pending",
            OrderStatus::Ready => "ready",
            OrderStatus::Processing => "processing",
            OrderStatus::Valid => "valid",
            OrderStatus::Invalid => "invalid",
            OrderStatus::Unknown(text) => return f.write_str(&printable(text, MAX_WORD)),
        })
    }
}

impl Order {
    /// The names ordered, as far as they are DNS names.
    pub fn identifiers(&self) -> impl Iterator<Item = Identifier> {
        self.identifiers
            .iter()
            .filter_map(|identifier| identifier.dns(false))
    }
}

/// What to order.
#[derive(Clone, Debug)]
pub struct NewOrder<'a> {
    /// The names, at least one.
    pub identifiers: &'a [Identifier],
    /// The certificate that this one follows (RFC 9773 5).
    pub replaces: Option<&'a CertId>,
    /// One of the directory's profiles (draft-ietf-acme-profiles).
    pub profile: Option<&'a str>,
    /// First moment of validity wished for; many CAs refuse any wish (RFC 8555 7.4).
    pub not_before: Option<Timestamp>,
    /// Last moment of validity wished for.
    pub not_after: Option<Timestamp>,
}

impl<'a> From<&'a [Identifier]> for NewOrder<'a> {
    fn from(identifiers: &'a [Identifier]) -> Self {
        NewOrder {
            identifiers,
            replaces: None,
            profile: None,
            not_before: None,
            not_after: None,
        }
    }
}

/// RFC 8555 7.4.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OrderRequest<'a> {
    identifiers: Vec<WireIdentifier>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replaces: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_before: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_after: Option<Timestamp>,
}

/// RFC 8555 7.4.
#[derive(Serialize)]
struct Finalization {
    csr: String,
}

/// A name that the CA could not validate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedAuthorization {
    /// The name; `None` for what is no DNS name.
    pub identifier: Option<Identifier>,
    /// The authorization.
    pub url: AuthorizationUrl,
    /// How it ended.
    pub status: AuthorizationStatus,
    /// The CA's reasons, if it gave some.
    pub problem: Option<Problem>,
}

impl Account {
    /// Orders a certificate (RFC 8555 7.4). The CA may answer with an order that exists already.
    ///
    /// # Errors
    /// The CA's refusal. Without an answer an order may exist: another try may find it.
    pub async fn new_order(&self, order: impl Into<NewOrder<'_>>) -> Result<(OrderUrl, Order), Error> {
        let order = order.into();
        let directory = self.client().directory().await?;
        let url = &directory.new_order;
        let payload = Payload::json(&OrderRequest {
            identifiers: order.identifiers.iter().map(WireIdentifier::from).collect(),
            replaces: order.replaces.map(CertId::as_str),
            profile: order.profile,
            not_before: order.not_before,
            not_after: order.not_after,
        });
        let reply = self.post(Operation::NewOrder, url, payload).await?;
        Ok((
            location(Operation::NewOrder, url, &reply)?,
            decode(Operation::NewOrder, url, &reply)?,
        ))
    }

    /// A look at an order (RFC 8555 7.4).
    ///
    /// # Errors
    /// When the CA does not show it.
    pub async fn order(&self, url: &OrderUrl) -> Result<Polled<Order>, Error> {
        self.fetch(Operation::Order, url.as_str(), Payload::none()).await
    }

    /// Sends the certificate request (RFC 2986, DER) of an order that is ready (RFC 8555 7.4).
    /// Its key must be durable before.
    ///
    /// # Errors
    /// The CA's refusal. Without an answer the order tells whether it was heard.
    pub async fn finalize(&self, url: &FinalizeUrl, csr: &[u8]) -> Result<Polled<Order>, Error> {
        let payload = Payload::json(&Finalization {
            csr: URL_SAFE_NO_PAD.encode(csr),
        });
        self.fetch(Operation::Finalize, url.as_str(), payload).await
    }

    /// Which names made an order invalid, and why: looks at each of its authorizations.
    ///
    /// # Errors
    /// When the CA does not show one.
    pub async fn failed_authorizations(&self, order: &Order) -> Result<Vec<FailedAuthorization>, Error> {
        let mut failed = Vec::new();
        for url in &order.authorizations {
            let authorization = self.authorization(url).await?.value;
            if !matches!(
                authorization.status,
                AuthorizationStatus::Pending | AuthorizationStatus::Valid
            ) {
                failed.push(FailedAuthorization {
                    identifier: authorization.identifier(),
                    url: url.clone(),
                    problem: authorization.problem().cloned(),
                    status: authorization.status,
                });
            }
        }
        Ok(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_read_with_every_field_that_a_decision_needs() {
        let text = r#"{
            "status": "invalid", "expires": "2026-01-20T14:09:07.99Z", "notBefore": null,
            "identifiers": [{"type": "dns", "value": "*.example.org"}, {"type": "ip", "value": "192.0.2.1"}],
            "authorizations": ["https://ca.example/a/1"], "finalize": "https://ca.example/f/1",
            "error": {"type": "urn:ietf:params:acme:error:compound", "detail": "x"}, "profile": "short"}"#;
        let order: Order = serde_json::from_str(text).expect("an order");
        assert_eq!(order.status, OrderStatus::Invalid);
        assert_eq!(
            order
                .identifiers()
                .map(|name| name.to_string())
                .collect::<Vec<_>>(),
            ["*.example.org"]
        );
        assert_eq!(order.expires.expect("a moment").as_second(), 1_768_918_147);
        assert!(order.error.is_some() && order.certificate.is_none());
        assert_eq!(order.profile.as_deref(), Some("short"));
    }

    #[test]
    fn a_status_of_the_future_is_kept() {
        let text = r#"{"status": "paused", "authorizations": [], "finalize": "https://ca.example/f"}"#;
        let order: Order = serde_json::from_str(text).expect("an order");
        assert_eq!(order.status, OrderStatus::Unknown("paused".into()));
    }
}
