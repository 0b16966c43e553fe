//! Renewal information and replacements (RFC 9773).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use jiff::{SignedDuration, Timestamp};
use lab::ca::{RenewalAnswers, ReplacesAnswers, RetryAfter, Window};
use openssl::x509::X509;
use serde_json::{Value, json};

use crate::by_hand::{Bench, ZONE};

fn moment(value: &Value) -> Timestamp {
    value.as_str().unwrap().parse().unwrap()
}

/// The window in an answer.
fn window(answer: &Value) -> (Timestamp, Timestamp) {
    let window = &answer["suggestedWindow"];
    (moment(&window["start"]), moment(&window["end"]))
}

#[tokio::test(flavor = "multi_thread")]
async fn rfc9773_4_1_certificate_is_found_by_key_id_and_whole_serial_only() {
    let bench = Bench::start().await;
    let account = bench.register().await;
    bench.ca.knobs().update(|knobs| knobs.high_serials = true);
    let issued = bench.issue(&account, &[ZONE]).await;
    let directory = bench.get(&bench.ca.directory_url()).await.json;
    let base = directory["renewalInfo"].as_str().unwrap().to_owned();

    // from the certificate itself, not from what the lab remembers
    let leaf = X509::from_pem(issued.chain_pem.as_bytes()).unwrap();
    let key_id = B64.encode(leaf.authority_key_id().unwrap().as_slice());
    let serial = leaf.serial_number().to_bn().unwrap().to_vec();
    assert!(serial[0] >= 0x80);
    let whole = format!("{key_id}.{}", B64.encode([&[0], serial.as_slice()].concat()));
    let short = format!("{key_id}.{}", B64.encode(&serial));
    assert_eq!(issued.cert_id, whole);

    let found = bench.get(&format!("{base}/{whole}")).await;
    assert_eq!((found.status, found.retry_after.as_deref()), (200, Some("21600")));
    let lost = bench.get(&format!("{base}/{short}")).await;
    assert_eq!(lost.status, 404);
    assert!(
        lost.json["detail"].as_str().unwrap().contains("leading 00"),
        "{lost:?}"
    );
    let unknown = bench.get(&format!("{base}/{key_id}.AQID")).await;
    assert_eq!(unknown.status, 404);
    assert!(!unknown.json["detail"].as_str().unwrap().contains("leading 00"));
    for garbage in ["x", "a.b.c", &format!("{whole}="), &format!(".{key_id}")] {
        assert_eq!(
            bench.get(&format!("{base}/{garbage}")).await.status,
            400,
            "{garbage}"
        );
    }
    assert_eq!(bench.get(&format!("{base}//{whole}")).await.status, 404);

    let polls = bench.ca.renewal_polls();
    assert_eq!((polls.len(), polls[0].status, polls[1].status), (7, 200, 404));
    assert_eq!(polls[0].serial.as_deref(), Some(issued.serial.as_str()));
    assert_eq!((&polls[1].cert_id, &polls[1].serial), (&short, &None));
}

#[tokio::test(flavor = "multi_thread")]
async fn rfc9773_4_2_window_is_two_hundredths_of_the_life_unless_the_ca_says_otherwise() {
    let bench = Bench::start().await;
    let account = bench.register().await;
    let url = |id: &str| bench.url(&format!("/renewal-info/{id}"));
    let span = |seconds: f64| SignedDuration::from_secs_f64(seconds);
    for (profile, life, at) in [
        ("classic", 90.0 * 86400.0, 2.0 / 3.0),
        ("shortlived", 160.0 * 3600.0, 0.5),
    ] {
        let issued = bench
            .issue_with(&account, &[ZONE], &json!({ "profile": profile }))
            .await;
        let (start, end) = window(&bench.get(&url(&issued.cert_id)).await.json);
        let leaf = X509::from_pem(issued.chain_pem.as_bytes()).unwrap();
        let epoch = openssl::asn1::Asn1Time::from_unix(0).unwrap();
        let age = epoch.diff(leaf.not_before()).unwrap();
        let begin = Timestamp::from_second(i64::from(age.days) * 86400 + i64::from(age.secs)).unwrap();
        let ideal = begin + span(life * at);
        let near = |one: Timestamp, other: Timestamp| one.duration_since(other).abs() < span(2.0);
        assert!(near(start, ideal - span(life / 100.0)), "{profile}: {start}");
        assert!(near(end, ideal + span(life / 100.0)), "{profile}: {end}");
    }

    let issued = bench.issue(&account, &[ZONE]).await;
    let past = Window {
        start: "2020-01-01T00:00:00Z".parse().unwrap(),
        end: "2020-01-02T00:00:00Z".parse().unwrap(),
        explanation_url: Some("https://lab.test/incident".to_owned()),
    };
    bench.ca.set_renewal_info(&issued.serial, past.clone()).unwrap();
    let told = bench.get(&url(&issued.cert_id)).await.json;
    assert_eq!(window(&told), (past.start, past.end));
    assert_eq!(told["explanationURL"], "https://lab.test/incident");
    assert!(bench.ca.set_renewal_info("00", past).is_err());

    let revoked = bench.issue(&account, &[ZONE]).await;
    let der = X509::from_pem(revoked.chain_pem.as_bytes())
        .unwrap()
        .to_der()
        .unwrap();
    let payload = json!({ "certificate": B64.encode(der) }).to_string();
    bench.post(&account, &bench.url("/revoke-cert"), &payload).await;
    let (_, end) = window(&bench.get(&url(&revoked.cert_id)).await.json);
    assert!(end < bench.ca.renewal_polls().last().unwrap().at);
}

#[tokio::test(flavor = "multi_thread")]
async fn rfc9773_4_3_hostile_renewal_information_is_given_on_demand() {
    let bench = Bench::start().await;
    let account = bench.register().await;
    let issued = bench.issue(&account, &[ZONE]).await;
    let url = bench.url(&format!("/renewal-info/{}", issued.cert_id));
    let ask = async |answers| {
        bench.ca.knobs().update(|knobs| knobs.renewal_info = answers);
        bench.get(&url).await
    };
    assert_eq!(ask(RenewalAnswers::NotFound).await.status, 404);
    assert_eq!(
        ask(RenewalAnswers::InternalError).await.problem(),
        "serverInternal"
    );
    let (start, end) = window(&ask(RenewalAnswers::Inverted).await.json);
    assert!(end < start);
    let garbage = ask(RenewalAnswers::Garbage).await;
    assert_eq!((garbage.status, garbage.json), (200, Value::Null));
    let (start, end) = window(&ask(RenewalAnswers::AlwaysOpen).await.json);
    let at = bench.ca.renewal_polls().last().unwrap().at;
    assert!(start < at && at < end);

    let wait = async |retry_after| {
        bench
            .ca
            .knobs()
            .update(|knobs| knobs.renewal_retry_after = retry_after);
        ask(RenewalAnswers::Offered).await.retry_after
    };
    assert_eq!(wait(RetryAfter::Absent).await, None);
    assert_eq!(wait(RetryAfter::Seconds(0)).await.as_deref(), Some("0"));
    let ten_years = 10 * 365 * 86400;
    assert_eq!(
        wait(RetryAfter::Seconds(ten_years)).await,
        Some(ten_years.to_string())
    );

    assert_eq!(ask(RenewalAnswers::Absent).await.status, 404);
    let directory = bench.get(&bench.ca.directory_url()).await.json;
    assert!(directory.get("renewalInfo").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn rfc9773_5_certificate_is_replaced_once_by_its_own_account_and_for_a_name_that_it_has() {
    let bench = Bench::start().await;
    let account = bench.register().await;
    let www = format!("www.{ZONE}");
    let first = bench.issue(&account, &[ZONE, &www]).await;
    let wish = json!({ "replaces": first.cert_id });
    let order = async |account, names: &[&str]| bench.order_with(account, names, &wish).await;

    let stranger = bench.register().await;
    assert_eq!(order(&stranger, &[ZONE]).await.problem(), "unauthorized");
    let other = format!("other.{ZONE}");
    assert_eq!(order(&account, &[&other]).await.problem(), "malformed");
    let unknown = json!({ "replaces": "AQID.AQID" });
    let unknown = bench.order_with(&account, &[ZONE], &unknown).await;
    assert_eq!(unknown.status, 404);
    let garbage = bench
        .order_with(&account, &[ZONE], &json!({ "replaces": "garbage" }))
        .await;
    assert_eq!(garbage.problem(), "malformed");

    let abandoned = order(&account, &[ZONE]).await;
    assert_eq!(abandoned.status, 201);
    assert_eq!(abandoned.json["replaces"], first.cert_id.as_str());
    let again = order(&account, &[ZONE]).await;
    assert_eq!((again.status, again.problem()), (409, "alreadyReplaced"));

    // an order that came to nothing replaces nothing
    let authorization = abandoned.json["authorizations"][0].as_str().unwrap();
    bench
        .post(&account, authorization, r#"{"status":"deactivated"}"#)
        .await;
    let second = bench.issue_with(&account, &[&www], &wish).await;
    let first = bench
        .ca
        .certificates()
        .into_iter()
        .find(|seen| seen.serial == first.serial)
        .unwrap();
    assert_eq!(first.replaced_by, Some(second.serial));
    assert_eq!(order(&account, &[ZONE]).await.problem(), "alreadyReplaced");
}

#[tokio::test(flavor = "multi_thread")]
async fn rfc9773_5_replacements_are_refused_on_demand() {
    let bench = Bench::start().await;
    let account = bench.register().await;
    let first = bench.issue(&account, &[ZONE]).await;
    let wish = json!({ "replaces": first.cert_id });
    let order = async |answers| {
        bench.ca.knobs().update(|knobs| knobs.replaces = answers);
        bench.order_with(&account, &[ZONE], &wish).await
    };
    let replaced = order(ReplacesAnswers::AlreadyReplaced).await;
    assert_eq!((replaced.status, replaced.problem()), (409, "alreadyReplaced"));
    let refused = order(ReplacesAnswers::Refused).await;
    assert_eq!((refused.status, refused.problem()), (400, "malformed"));
    assert_eq!(bench.order(&account, &[ZONE]).await.status, 201);
    assert_eq!(order(ReplacesAnswers::Checked).await.status, 201);
}
