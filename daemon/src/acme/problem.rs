use std::fmt;

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::printable::{printable, web_page};

/// Longest detail kept: an operator reads it, a store holds it.
const MAX_DETAIL: usize = 1000;
/// Most subproblems kept: one for each of a certificate's hundred names.
const MAX_SUBPROBLEMS: usize = 100;

/// A problem document (RFC 9457, RFC 8555 6.7): why the CA refused, or why an order,
/// authorization or challenge became invalid. Texts are safe to print.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What went wrong.
    pub kind: ProblemKind,
    /// The CA's words; may be empty.
    pub detail: String,
    /// The HTTP status it belongs to, as the document says.
    pub status: Option<u16>,
    /// A page to read, for `userActionRequired` (RFC 8555 7.3.3).
    pub instance: Option<String>,
    /// What went wrong with which name (RFC 8555 6.7.1).
    pub subproblems: Vec<Subproblem>,
    action: Option<String>,
}

/// Part of a problem that concerns one identifier (RFC 8555 6.7.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subproblem {
    /// What went wrong.
    pub kind: ProblemKind,
    /// The CA's words; may be empty.
    pub detail: String,
    /// The name as the CA writes it.
    pub identifier: Option<String>,
}

macro_rules! problem_kinds {
    ($($(#[$doc:meta])* $variant:ident = $text:literal,)*) => {
        /// Error types of RFC 8555 6.7 and of its extensions.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ProblemKind {
            $($(#[$doc])* $variant,)*
            /// A type that is not known here, as sent; empty when there was none.
            Other(String),
        }

        impl ProblemKind {
            /// The name after `urn:ietf:params:acme:error:`, or the whole unknown type.
            pub fn as_str(&self) -> &str {
                match self {
                    $(ProblemKind::$variant => $text,)*
                    ProblemKind::Other(text) => text,
                }
            }

            fn acme(name: &str) -> Option<Self> {
                match name {
                    $($text => Some(ProblemKind::$variant),)*
                    _ => None,
                }
            }
        }

        #[cfg(test)]
        const ALL: &[ProblemKind] = &[$(ProblemKind::$variant,)*];
    };
}

problem_kinds! {
    /// The account does not exist.
    AccountDoesNotExist = "accountDoesNotExist",
    /// The certificate to be replaced already was (RFC 9773 5).
    AlreadyReplaced = "alreadyReplaced",
    /// The certificate to be revoked already was.
    AlreadyRevoked = "alreadyRevoked",
    /// The CSR is unacceptable.
    BadCsr = "badCSR",
    /// The nonce is unacceptable: try again with another.
    BadNonce = "badNonce",
    /// The key of the JWS is unacceptable.
    BadPublicKey = "badPublicKey",
    /// The reason for revocation is unacceptable.
    BadRevocationReason = "badRevocationReason",
    /// The algorithm of the JWS is unacceptable.
    BadSignatureAlgorithm = "badSignatureAlgorithm",
    /// CAA records forbid it.
    Caa = "caa",
    /// See the subproblems.
    Compound = "compound",
    /// The CA could not connect to a validation target.
    Connection = "connection",
    /// A DNS query of the CA failed.
    Dns = "dns",
    /// The account must be bound to one outside ACME.
    ExternalAccountRequired = "externalAccountRequired",
    /// What the CA found does not prove the name.
    IncorrectResponse = "incorrectResponse",
    /// A contact is invalid.
    InvalidContact = "invalidContact",
    /// The profile is not offered, or not to this order (draft-ietf-acme-profiles).
    InvalidProfile = "invalidProfile",
    /// The request is malformed.
    Malformed = "malformed",
    /// The order is not ready to be finalized.
    OrderNotReady = "orderNotReady",
    /// Too much of something.
    RateLimited = "rateLimited",
    /// The CA will not issue for the name.
    RejectedIdentifier = "rejectedIdentifier",
    /// The CA failed.
    ServerInternal = "serverInternal",
    /// A TLS error of the CA's validation.
    Tls = "tls",
    /// The account may not do this, or a name is not proved.
    Unauthorized = "unauthorized",
    /// A kind of contact that the CA does not take.
    UnsupportedContact = "unsupportedContact",
    /// A kind of identifier that the CA does not take.
    UnsupportedIdentifier = "unsupportedIdentifier",
    /// A person must go to `instance`.
    UserActionRequired = "userActionRequired",
}

impl ProblemKind {
    fn parse(text: &str) -> Self {
        text.strip_prefix("urn:ietf:params:acme:error:")
            .and_then(Self::acme)
            .unwrap_or_else(|| ProblemKind::Other(printable(text, 200)))
    }
}

impl fmt::Display for ProblemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.as_str() {
            // RFC 9457 4.2.1: the title of `about:blank` is the status
            "" | "about:blank" => f.write_str("no type"),
            text => f.write_str(text),
        }
    }
}

impl Problem {
    /// Reads the body of a refusal; `None` when it says nothing in the form of a problem
    /// document, so that the caller shows the text.
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        let problem: Problem = serde_json::from_slice(body).ok()?;
        let silent = problem.kind.as_str().is_empty() && problem.detail.is_empty();
        (!silent).then_some(problem)
    }

    /// A page where a person can act, or read what to do: `instance` where it is an `https`
    /// address (RFC 8555 7.3.3), else the first one in the detail, where Let's Encrypt has the
    /// page that ends a pause. Whole, also where the detail is cut; safe to print.
    pub fn action_url(&self) -> Option<&str> {
        self.action.as_deref()
    }
}

/// An `https` address in a sentence.
fn page_in(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("https://")?;
    let end = rest
        .find(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '"' | '\''))
        .unwrap_or(rest.len());
    // the end of the sentence is not the address's
    let rest = rest[..end].trim_end_matches(['.', ',', ';', ':', ')', '!', '?']);
    web_page(&format!("https://{rest}")).map(String::from)
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)?;
        if !self.detail.is_empty() {
            write!(f, ": {}", self.detail)?;
        }
        for part in &self.subproblems {
            let name = part.identifier.as_deref().unwrap_or("a name");
            write!(f, "; {name}: {}", part.kind)?;
            if !part.detail.is_empty() {
                write!(f, ": {}", part.detail)?;
            }
        }
        if let Some(page) = &self.instance {
            write!(f, "; see {page}")?;
        }
        Ok(())
    }
}

fn text(value: &Value) -> String {
    printable(value.as_str().unwrap_or_default(), MAX_DETAIL)
}

/// A member of a wrong type counts as absent: it must not hide the rest of a refusal.
impl<'de> Deserialize<'de> for Problem {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let members = Map::deserialize(deserializer)?;
        let member = |name| members.get(name).unwrap_or(&Value::Null);
        let parts = member("subproblems")
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        let words = |name| member(name).as_str().unwrap_or_default();
        Ok(Problem {
            action: page_in(words("instance")).or_else(|| page_in(words("detail"))),
            kind: ProblemKind::parse(member("type").as_str().unwrap_or_default()),
            detail: text(member("detail")),
            status: member("status")
                .as_u64()
                .and_then(|status| u16::try_from(status).ok()),
            instance: Some(text(member("instance"))).filter(|page| !page.is_empty()),
            subproblems: parts.iter().take(MAX_SUBPROBLEMS).map(Subproblem::from).collect(),
        })
    }
}

impl From<&Value> for Subproblem {
    fn from(value: &Value) -> Self {
        Subproblem {
            kind: ProblemKind::parse(value["type"].as_str().unwrap_or_default()),
            detail: text(&value["detail"]),
            identifier: Some(text(&value["identifier"]["value"])).filter(|name| !name.is_empty()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_example_of_rfc_8555_is_read_with_its_subproblems() {
        let body = br#"{
            "type": "urn:ietf:params:acme:error:malformed",
            "detail": "Some of the identifiers requested were rejected",
            "subproblems": [
                {"type": "urn:ietf:params:acme:error:malformed", "detail": "Invalid underscore in DNS name \"_example.org\"",
                 "identifier": {"type": "dns", "value": "_example.org"}},
                {"type": "urn:ietf:params:acme:error:rejectedIdentifier", "detail": "This CA will not issue for \"example.net\"",
                 "identifier": {"type": "dns", "value": "example.net"}}
            ]}"#;
        let problem = Problem::parse(body).expect("a problem");
        assert_eq!(
            problem.to_string(),
            "malformed: Some of the identifiers requested were rejected; \
             _example.org: malformed: Invalid underscore in DNS name \"_example.org\"; \
             example.net: rejectedIdentifier: This CA will not issue for \"example.net\""
        );
        assert_eq!(problem.subproblems[1].kind, ProblemKind::RejectedIdentifier);
    }

    #[test]
    fn every_kind_is_known_by_its_urn() {
        for kind in ALL {
            assert_eq!(
                ProblemKind::parse(&format!("urn:ietf:params:acme:error:{kind}")),
                *kind
            );
        }
        let other = ProblemKind::parse("urn:ietf:params:acme:error:brandNew");
        assert_eq!(
            other,
            ProblemKind::Other("urn:ietf:params:acme:error:brandNew".into())
        );
    }

    #[test]
    fn a_field_of_a_wrong_type_does_not_hide_the_rest() {
        let body =
            br#"{"type":"urn:ietf:params:acme:error:caa","detail":7,"status":"403","subproblems":{"a":[]}}"#;
        let problem = Problem::parse(body).expect("a problem");
        assert_eq!(problem.kind, ProblemKind::Caa);
        assert_eq!((problem.detail.as_str(), problem.status), ("", None));
    }

    #[test]
    fn what_is_no_document_is_none() {
        for body in [
            "",
            "[]",
            "{}",
            "null",
            "<html>",
            "\"urn\"",
            r#"{"message": "slow down"}"#,
        ] {
            assert_eq!(Problem::parse(body.as_bytes()), None, "{body}");
        }
    }

    fn action(document: &Value) -> Option<String> {
        let problem = Problem::parse(document.to_string().as_bytes()).expect("a problem");
        problem.action_url().map(str::to_owned)
    }

    #[test]
    fn the_page_that_ends_a_pause_is_found_whole() {
        let token = "x".repeat(1500);
        let page = format!("https://portal.ca.example/sfe/v1/unpause?jwt={token}");
        let paused = serde_json::json!({
            "type": "urn:ietf:params:acme:error:rateLimited",
            "detail": format!("Your account is temporarily prevented from requesting certificates for \
                a.example, b.example and possibly others. Please visit: {page}."),
        });
        assert_eq!(action(&paused), Some(page));
    }

    #[test]
    fn rfc8555_7_3_3_the_instance_goes_before_the_detail_and_is_shown() {
        let terms = serde_json::json!({
            "type": "urn:ietf:params:acme:error:userActionRequired",
            "detail": "Terms of service have changed (https://ca.example/news)",
            "instance": "https://ca.example/acme/agreement/?token=W8Ih3PswD-8",
        });
        let page = "https://ca.example/acme/agreement/?token=W8Ih3PswD-8";
        assert_eq!(action(&terms).as_deref(), Some(page));
        let problem = Problem::parse(terms.to_string().as_bytes()).expect("a problem");
        assert!(
            problem.to_string().ends_with(&format!("; see {page}")),
            "{problem}"
        );
    }

    #[test]
    fn a_page_that_is_not_https_or_not_whole_is_none() {
        for detail in [
            "visit http://ca.example/",
            "visit https://",
            "visit https://ca.example@evil.example/",
            "visit javascript:alert(1)",
            "nothing to see",
        ] {
            assert_eq!(
                action(&serde_json::json!({"type": "x", "detail": detail})),
                None,
                "{detail}"
            );
        }
        let odd =
            serde_json::json!({"type": "x", "detail": "(see https://ca.example/a_(b)).", "instance": 7});
        assert_eq!(action(&odd).as_deref(), Some("https://ca.example/a_(b"));
    }

    proptest! {
        #[test]
        fn no_body_panics(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Problem::parse(&body);
        }

        #[test]
        fn nothing_printed_can_move_a_cursor(detail in any::<String>(), name in any::<String>()) {
            let body = serde_json::json!({
                "type": name, "detail": format!("x{detail}"),
                "subproblems": [{"detail": detail, "identifier": {"value": name}}],
            });
            let problem = Problem::parse(body.to_string().as_bytes()).expect("a problem");
            prop_assert!(!problem.to_string().chars().any(char::is_control));
        }
    }
}
