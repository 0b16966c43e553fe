//! What the CA does on demand that no client should fall for.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use jiff::SignedDuration;
use jiff::fmt::rfc2822::DateTimeParser;
use lab::ca::{CertificateFault, Endpoint, Fault, FaultRule, Phase, RetryAfter, When};
use openssl::x509::X509;
use serde_json::json;

use crate::by_hand::{Account, Answer, Bench, ZONE};
use crate::keys::{Key, csr};

const WWW: &str = "www.internal.example.test";

fn strike(bench: &Bench, endpoint: Endpoint, phase: Phase, fault: Fault) {
    let rule = FaultRule {
        endpoint: Some(endpoint),
        when: When::Next(1),
        phase,
        fault,
    };
    bench.ca.knobs().update(|knobs| knobs.faults = vec![rule]);
}

/// The chain of a fresh certificate, issued with a fault.
async fn faulty(bench: &Bench, account: &Account, key: &Key, fault: Option<CertificateFault>) -> Vec<X509> {
    bench.ca.knobs().update(|knobs| knobs.certificate_fault = fault);
    let order = bench.ready_order(account, &[ZONE, WWW]).await;
    let done = bench
        .finalize(account, &order, &csr(&key.0, &key.0, None, &[ZONE, WWW]))
        .await;
    let url = done.json["certificate"].as_str().unwrap();
    let pem = bench.post(account, url, "").await.text;
    X509::stack_from_pem(pem.as_bytes()).unwrap()
}

fn names(leaf: &X509) -> Vec<String> {
    let names = leaf.subject_alt_names().unwrap();
    names
        .iter()
        .map(|name| name.dnsname().unwrap().to_owned())
        .collect()
}

/// Whether one is after the other.
fn is_after(one: &openssl::asn1::Asn1TimeRef, days: u32) -> bool {
    one > openssl::asn1::Asn1Time::days_from_now(days).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_have_the_fault_that_was_asked_for_and_no_other() {
    let bench = Bench::start().await;
    let account = bench.register().await;
    let key = Key::generate();
    let issue = async |fault| faulty(&bench, &account, &key, fault).await;
    let is_ours = |leaf: &X509| leaf.public_key().unwrap().public_eq(&key.0);
    let is_signed = |chain: &[X509]| chain[0].verify(&chain[1].public_key().unwrap()).unwrap();

    let good = issue(None).await;
    assert!(is_ours(&good[0]) && is_signed(&good) && names(&good[0]) == [ZONE, WWW]);
    let wrong = issue(Some(CertificateFault::WrongKey)).await;
    assert!(!is_ours(&wrong[0]) && is_signed(&wrong) && names(&wrong[0]) == [ZONE, WWW]);
    let missing = issue(Some(CertificateFault::NameMissing)).await;
    assert!(is_ours(&missing[0]) && names(&missing[0]) == [WWW]);
    let foreign = issue(Some(CertificateFault::ForeignName)).await;
    assert_eq!(names(&foreign[0]), [ZONE, WWW, "foreign.lab.test"]);

    let expired = issue(Some(CertificateFault::Expired)).await;
    assert!(!is_after(expired[0].not_after(), 0));
    let early = issue(Some(CertificateFault::NotYetValid)).await;
    assert!(is_after(early[0].not_before(), 0));
    assert!(!is_after(good[0].not_before(), 0) && is_after(good[0].not_after(), 0));

    let broken = issue(Some(CertificateFault::WrongIntermediate)).await;
    assert!(broken.len() == 2 && !is_signed(&broken));
    let names = |certificate: &X509| certificate.subject_name().to_der().unwrap();
    assert_eq!(names(&broken[1]), names(&good[1]));
    assert_eq!(issue(Some(CertificateFault::NoIntermediate)).await.len(), 1);
    let turned = issue(Some(CertificateFault::IntermediateFirst)).await;
    assert!(is_ours(&turned[1]) && !is_ours(&turned[0]));
    let long = issue(Some(CertificateFault::LongChain(1000))).await;
    assert!(long.len() == 1000 && is_signed(&long));
}

#[tokio::test(flavor = "multi_thread")]
async fn back_dated_certificate_begins_in_the_past() {
    let bench = Bench::start().await;
    let account = bench.register().await;
    bench
        .ca
        .knobs()
        .update(|knobs| knobs.backdate = Duration::from_secs(80 * 86400));
    let leaf = faulty(&bench, &account, &Key::generate(), None).await.remove(0);
    assert!(!is_after(leaf.not_after(), 11) && is_after(leaf.not_after(), 9));
}

#[tokio::test(flavor = "multi_thread")]
async fn paused_name_is_429_without_a_time_and_with_a_page_for_a_person() {
    let bench = Bench::start().await;
    let account = bench.register().await;
    strike(&bench, Endpoint::NewOrder, Phase::Before, Fault::Paused);
    let paused = bench.order(&account, &[ZONE]).await;
    assert_eq!((paused.status, paused.problem()), (429, "rateLimited"));
    assert_eq!(paused.retry_after, None);
    assert!(
        paused.json["detail"]
            .as_str()
            .unwrap()
            .contains("https://lab.test/unpause")
    );
    assert_eq!(bench.order(&account, &[ZONE]).await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn retry_after_is_also_a_date_by_the_cas_own_clock() {
    let bench = Bench::start().await;
    let account = bench.register().await;
    let day = SignedDuration::from_hours(24);
    let before = bench.ca.now();
    bench.ca.knobs().update(|knobs| {
        knobs.clock_offset = day.as_secs();
        knobs.processing = Some(Duration::from_secs(3600));
        knobs.order_retry_after = RetryAfter::DateIn(60);
    });
    let order = bench.ready_order(&account, &[ZONE]).await;
    let key = Key::generate().0;
    let answer = bench
        .finalize(&account, &order, &csr(&key, &key, None, &[ZONE]))
        .await;
    let directory = bench.http.get(bench.ca.directory_url()).send().await.unwrap();
    let date = directory.headers()["date"].to_str().unwrap();
    let ahead = |date: &str| {
        let moment = DateTimeParser::new().parse_timestamp(date).unwrap();
        moment.duration_since(before) - day
    };
    // dates have whole seconds
    let allowed = SignedDuration::from_secs(-1)..SignedDuration::from_secs(60);
    assert!(allowed.contains(&ahead(date)), "{date}");
    let date = answer.retry_after.unwrap();
    let minute = SignedDuration::from_secs(60);
    assert!(allowed.contains(&(ahead(&date) - minute)), "{date}");
}

#[tokio::test(flavor = "multi_thread")]
async fn processing_of_hours_ends_when_it_is_told_to() {
    let bench = Bench::start().await;
    let account = bench.register().await;
    bench.ca.knobs().update(|knobs| {
        knobs.processing = Some(Duration::from_secs(6 * 3600));
        knobs.order_retry_after = RetryAfter::Seconds(0);
    });
    let order = bench.ready_order(&account, &[ZONE]).await;
    let key = Key::generate().0;
    bench
        .finalize(&account, &order, &csr(&key, &key, None, &[ZONE]))
        .await;
    let url = order.location.as_ref().unwrap();
    let looked = bench.post(&account, url, "").await;
    assert_eq!(looked.json["status"], "processing");
    assert_eq!(looked.retry_after.as_deref(), Some("0"));
    bench.ca.finish_processing();
    let done = bench.until(&account, url, |status| status != "processing").await;
    assert_eq!(done.json["status"], "valid");
}

#[tokio::test(flavor = "multi_thread")]
async fn finalize_has_its_effect_though_the_client_has_gone() {
    let bench = Bench::start().await;
    let account = bench.register().await;
    let order = bench.ready_order(&account, &[ZONE]).await;
    let key = Key::generate().0;
    let payload = json!({ "csr": B64.encode(csr(&key, &key, None, &[ZONE])) }).to_string();
    let url = order.json["finalize"].as_str().unwrap();
    strike(&bench, Endpoint::Finalize, Phase::After, Fault::Delay(3600.0));
    let finalize = bench.post(&account, url, &payload);
    assert!(
        tokio::time::timeout(Duration::from_millis(500), finalize)
            .await
            .is_err()
    );
    let looked = bench.post(&account, order.location.as_ref().unwrap(), "").await;
    assert_eq!(looked.json["status"], "valid");
    assert_eq!(bench.ca.counts().certificates, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn shared_order_serves_the_first_key_only() {
    let bench = Bench::start().await;
    let account = bench.register().await;
    bench.ca.knobs().update(|knobs| knobs.reuse_orders = true);
    let first = bench.ready_order(&account, &[ZONE]).await;
    let second = bench.order(&account, &[ZONE]).await;
    assert_eq!(first.location, second.location);
    // another profile is another order
    let other = bench
        .order_with(&account, &[ZONE], &json!({ "profile": "classic" }))
        .await;
    assert_ne!(first.location, other.location);
    let finalize = async |order: &Answer, key: &Key| {
        let csr = csr(&key.0, &key.0, None, &[ZONE]);
        bench.finalize(&account, order, &csr).await
    };
    assert_eq!(finalize(&first, &Key::generate()).await.status, 200);
    let late = finalize(&second, &Key::rsa(2048)).await;
    assert_eq!((late.status, late.problem()), (403, "orderNotReady"));
}

#[tokio::test(flavor = "multi_thread")]
async fn order_grows_with_each_look_at_it() {
    let bench = Bench::start().await;
    let account = bench.register().await;
    bench.ca.knobs().update(|knobs| knobs.growing_orders = true);
    let order = bench.order(&account, &[ZONE]).await;
    let mut lengths = Vec::new();
    for _ in 0..3 {
        let looked = bench.post(&account, order.location.as_ref().unwrap(), "").await;
        lengths.push(looked.json["authorizations"].as_array().unwrap().len());
    }
    assert_eq!(lengths, [2, 3, 4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn urls_of_plain_http_lead_to_a_server_that_sees_who_follows() {
    let bench = Bench::with_http().await;
    bench.ca.knobs().update(|knobs| knobs.http_urls = true);
    let directory = bench.get(&bench.ca.directory_url()).await.json;
    let url = directory["newNonce"].as_str().unwrap();
    assert!(url.starts_with("http://"));
    assert!(bench.ca.requests().iter().all(|request| request.tls));
    bench.http.head(url).send().await.unwrap();
    assert!(!bench.ca.requests().last().unwrap().tls);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_pages_or_without_nonces_or_deep_on_demand() {
    let bench = Bench::start().await;
    let account = bench.register().await;
    strike(&bench, Endpoint::Directory, Phase::After, Fault::Html);
    let page = bench.http.get(bench.ca.directory_url()).send().await.unwrap();
    assert_eq!(page.status(), 200);
    assert!(
        page.headers()["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/html")
    );

    strike(&bench, Endpoint::NewOrder, Phase::After, Fault::NoNonce);
    let order = bench.order(&account, &[ZONE]).await;
    assert_eq!((order.status, order.nonce), (201, None));
    assert!(bench.order(&account, &[ZONE]).await.nonce.is_some());

    strike(&bench, Endpoint::NewOrder, Phase::After, Fault::DeepJson(100_000));
    let deep = bench.order(&account, &[ZONE]).await;
    assert_eq!(deep.status, 201);
    let head = deep.text.split_once(",\"deep\":").unwrap().0;
    let object: serde_json::Value = serde_json::from_str(&format!("{head}}}")).unwrap();
    assert_eq!(object["status"], "pending");
    assert_eq!(deep.text.matches('[').count(), 100_000 + 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn redirection_leads_to_where_the_ledger_shows_who_follows() {
    let bench = Bench::start().await;
    let account = bench.register().await;
    strike(&bench, Endpoint::NewOrder, Phase::Before, Fault::Redirect(307));
    // this client follows, and nothing is there
    assert_eq!(bench.order(&account, &[ZONE]).await.status, 404);
    let last = bench.ca.requests().pop().unwrap();
    assert_eq!(
        (last.path.as_str(), last.endpoint),
        ("/redirected", Endpoint::Unknown)
    );
    assert_eq!(bench.ca.counts().orders, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn body_goes_on_for_100_mb() {
    const BYTES: u64 = 100_000_000;
    let bench = Bench::start().await;
    strike(&bench, Endpoint::Directory, Phase::After, Fault::Flood(BYTES));
    let mut answer = bench.http.get(bench.ca.directory_url()).send().await.unwrap();
    assert_eq!(answer.content_length(), None);
    let (mut all, mut begin) = (0, Vec::new());
    while let Some(chunk) = answer.chunk().await.unwrap() {
        all += chunk.len() as u64;
        if begin.is_empty() {
            begin = chunk.to_vec();
        }
    }
    assert!(all > BYTES && all < BYTES + 10_000, "{all}");
    assert!(begin.starts_with(b"{"));
}
