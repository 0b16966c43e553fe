use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;
use serde::Deserialize;
use tokio::time::Instant;

use super::{Client, Error, Fault, Operation, client::decode, directory::lenient, printable::web_page};
use crate::pki::CertId;

/// When a CA would have a certificate renewed (RFC 9773 4.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenewalInfo {
    /// Begin of the window; in the past it means now.
    pub start: Timestamp,
    /// End of the window, later than its begin.
    pub end: Timestamp,
    /// A page that says why, for people; `http` or `https`, safe to print.
    pub explanation_url: Option<String>,
    /// When to ask again, from now on, at most a week: both the shortest and the longest wait
    /// (RFC 9773 4.3). `None` when the CA did not say.
    pub retry_after: Option<Duration>,
}

/// RFC 9773 4.2.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RenewalInfoObject {
    pub(super) suggested_window: Window,
    #[serde(default, deserialize_with = "lenient", rename = "explanationURL")]
    explanation_url: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Window {
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
}

impl RenewalInfoObject {
    /// RFC 9773 4.2: a window that ends before it begins is none.
    pub(super) fn is_window(&self) -> bool {
        self.suggested_window.start < self.suggested_window.end
    }
}

/// Questions in a row without an answer, after which the CA is held to be silent.
const UNANSWERED: u32 = 4;
/// Then it is left alone for so long.
const LEFT_ALONE: Duration = Duration::from_secs(60);

/// Whether a CA answers such questions. Many certificates are asked about, and those of a CA that is silent must not
/// keep others waiting for one time-out each.
#[derive(Debug, Default)]
pub(super) struct Silence(Mutex<Option<Unanswered>>);

#[derive(Debug)]
struct Unanswered {
    in_a_row: u32,
    last: Instant,
    fault: Fault,
}

impl Silence {
    /// How the last question ended, while the CA is left alone.
    fn verdict(&self) -> Option<Fault> {
        let unanswered = self.0.lock();
        let unanswered = unanswered.as_ref()?;
        let is_silent = unanswered.in_a_row >= UNANSWERED && unanswered.last.elapsed() < LEFT_ALONE;
        is_silent.then(|| unanswered.fault.clone())
    }

    fn learn(&self, outcome: Result<(), &Fault>) {
        let mut unanswered = self.0.lock();
        match outcome {
            Err(fault @ (Fault::Timeout(_) | Fault::Network(_))) => {
                *unanswered = Some(Unanswered {
                    in_a_row: unanswered
                        .as_ref()
                        .map_or(1, |before| before.in_a_row.saturating_add(1)),
                    last: Instant::now(),
                    fault: fault.clone(),
                });
            }
            _ => *unanswered = None,
        }
    }
}

impl Client {
    /// Asks when a certificate should be renewed (RFC 9773 4.1): a plain GET, without an account.
    ///
    /// # Errors
    /// [`Fault::NotOffered`]; [`Fault::Window`] for a window that ends before it begins, which
    /// counts as no answer (4.2); the CA's refusal. Of a CA that left several such questions without an answer, that of
    /// the last one, at once and for a minute.
    pub async fn renewal_info(&self, certificate: &CertId) -> Result<RenewalInfo, Error> {
        let directory = self.directory().await?;
        let base = self.offered(
            Operation::RenewalInfo,
            "renewalInfo",
            directory.renewal_info.as_deref(),
        )?;
        // RFC 9773 4.1: the address, "a forward slash", the identifier; some addresses end with one
        let url = format!("{}/{certificate}", base.trim_end_matches('/'));
        if let Some(fault) = self.silence().verdict() {
            return Err(Error::new(Operation::RenewalInfo, &url, fault));
        }
        let reply = self.get(Operation::RenewalInfo, &url).await;
        self.silence()
            .learn(reply.as_ref().map(drop).map_err(|error| &error.fault));
        let reply = reply?;
        let object: RenewalInfoObject = decode(Operation::RenewalInfo, &url, &reply)?;
        let is_window = object.is_window();
        let RenewalInfoObject {
            suggested_window: Window { start, end },
            explanation_url,
        } = object;
        if !is_window {
            return Err(Error::new(
                Operation::RenewalInfo,
                &url,
                Fault::Window { start, end },
            ));
        }
        Ok(RenewalInfo {
            start,
            end,
            explanation_url: explanation_url.as_deref().and_then(web_page).map(String::from),
            retry_after: reply.retry_after,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        acme::{
            Retry,
            stub_ca::{Answer, StubCa},
        },
        pki::{
            Chain, KeyType, PrivateKey,
            test_ca::{Leaf, TestCa},
        },
    };

    fn certificate() -> CertId {
        let key = PrivateKey::generate(KeyType::EcdsaP256).expect("a key");
        let leaf = Leaf {
            names: &["example.org"],
            serial: 0x8765_4321,
            not_before: 1_700_000_000,
            not_after: 1_707_776_000,
        };
        let chain = Chain::parse(&TestCa::root("Root").issue(&key, &leaf)).expect("a chain");
        chain.cert_id().expect("an identifier")
    }

    fn window(explanation: &str) -> Answer {
        // the example of RFC 9773 4.2
        Answer::json(&json!({
            "suggestedWindow": {"start": "2025-01-02T04:00:00Z", "end": "2025-01-03T04:00:00Z"},
            "explanationURL": explanation, "future": {},
        }))
        .header("retry-after", "21600")
    }

    #[tokio::test]
    async fn rfc9773_4_1_the_address_has_one_slash_and_nothing_is_signed() {
        for base in ["/ari", "/ari/"] {
            let edit: fn(&mut Value) = match base {
                "/ari" => |directory| {
                    let url = directory["newNonce"]
                        .as_str()
                        .expect("text")
                        .replace("/nonce", "/ari");
                    directory["renewalInfo"] = url.into();
                },
                _ => |directory| {
                    let url = directory["newNonce"]
                        .as_str()
                        .expect("text")
                        .replace("/nonce", "/ari/");
                    directory["renewalInfo"] = url.into();
                },
            };
            let ca = StubCa::with_directory(edit, |_| window("https://ca.example/why?x=1")).await;
            let certificate = certificate();
            let info = ca.client().renewal_info(&certificate).await.expect("a window");
            assert_eq!(info.start.to_string(), "2025-01-02T04:00:00Z");
            assert_eq!(info.end.to_string(), "2025-01-03T04:00:00Z");
            assert_eq!(
                info.explanation_url.as_deref(),
                Some("https://ca.example/why?x=1")
            );
            assert_eq!(info.retry_after, Some(Duration::from_secs(6 * 3600)));
            let seen = &ca.seen()[0];
            assert_eq!((seen.method.as_str(), &seen.jws), ("GET", &Value::Null));
            assert_eq!(seen.path, format!("/ari/{certificate}"), "{base}");
            assert!(certificate.as_str().ends_with(".AIdlQyE"));
        }
    }

    #[tokio::test]
    async fn rfc9773_4_2_a_window_that_ends_before_it_begins_is_no_answer() {
        for end in ["2025-01-02T04:00:00Z", "2025-01-01T04:00:00Z"] {
            let ca = StubCa::start(move |_| {
                Answer::json(&json!({"suggestedWindow": {"start": "2025-01-02T04:00:00Z", "end": end}}))
            })
            .await;
            let error = ca
                .client()
                .renewal_info(&certificate())
                .await
                .expect_err("no window");
            assert!(matches!(error.fault, Fault::Window { .. }), "{error}");
            assert_eq!(error.retry(), Retry::NextCycle);
        }
        let ca = StubCa::start(|_| Answer::json(&json!({"suggestedWindow": {"start": "soon"}}))).await;
        let error = ca
            .client()
            .renewal_info(&certificate())
            .await
            .expect_err("no window");
        assert!(matches!(error.fault, Fault::Malformed { .. }), "{error}");
    }

    #[tokio::test]
    async fn an_explanation_that_is_no_web_page_is_dropped() {
        for odd in [
            "javascript:alert(1)",
            "see our page",
            "https://letsencrypt.org@evil.example/",
            "file:///etc/passwd",
        ] {
            let ca = StubCa::start(move |_| window(odd)).await;
            let info = ca.client().renewal_info(&certificate()).await.expect("a window");
            assert_eq!(info.explanation_url, None, "{odd}");
        }
        let ca = StubCa::start(|_| window("https://ca.example/\u{1b}[2J\u{202e}")).await;
        let info = ca.client().renewal_info(&certificate()).await.expect("a window");
        let page = info.explanation_url.expect("a page");
        assert!(page.is_ascii() && !page.contains('\u{1b}'), "{page}");
    }

    #[tokio::test]
    async fn rfc9773_3_a_ca_without_renewal_info_is_not_asked() {
        let without = |directory: &mut Value| {
            directory
                .as_object_mut()
                .expect("an object")
                .remove("renewalInfo");
        };
        let ca = StubCa::with_directory(without, |_| window("")).await;
        let error = ca
            .client()
            .renewal_info(&certificate())
            .await
            .expect_err("not offered");
        assert!(matches!(error.fault, Fault::NotOffered("renewalInfo")), "{error}");
        assert!(ca.seen().is_empty());
    }

    #[tokio::test]
    async fn rfc9773_4_3_3_a_certificate_that_the_ca_does_not_know_is_a_lasting_fault() {
        let ca = StubCa::start(|_| Answer::problem(404, "malformed")).await;
        let error = ca
            .client()
            .renewal_info(&certificate())
            .await
            .expect_err("unknown");
        assert_eq!(error.retry(), Retry::NextCycle);
        let ca = StubCa::start(|_| Answer::new(502, "<html>")).await;
        let error = ca.client().renewal_info(&certificate()).await.expect_err("down");
        assert_eq!(error.retry(), Retry::Backoff);
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_ca_is_left_alone_for_a_minute_and_then_asked_again() {
        let silence = Silence::default();
        let timeout = Fault::Timeout(Duration::from_secs(30));
        for _ in 1..UNANSWERED {
            silence.learn(Err(&timeout));
            assert!(silence.verdict().is_none());
        }
        silence.learn(Err(&timeout));
        assert!(matches!(silence.verdict(), Some(Fault::Timeout(_))));
        tokio::time::advance(LEFT_ALONE).await;
        assert!(silence.verdict().is_none());
        // the next one in vain is enough now
        silence.learn(Err(&timeout));
        assert!(silence.verdict().is_some());
        silence.learn(Ok(()));
        assert!(silence.verdict().is_none());
        // whoever says no is not silent
        for _ in 0..UNANSWERED * 2 {
            silence.learn(Err(&Fault::Header("Replay-Nonce")));
        }
        assert!(silence.verdict().is_none());
    }
}
