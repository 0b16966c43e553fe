use std::sync::Arc;

use super::*;
use crate::dns::{
    Dns, Options,
    fake::{FakeNet, Mood, address},
};

const ONE: &str = "192.0.2.1";
const TWO: &str = "192.0.2.2";
const SERVER: &str = "192.0.2.53";

fn name(text: &str) -> DnsName {
    text.parse().expect("a name")
}

/// What two resolvers in these moods make of a zone with these records more.
async fn security(first: Mood, second: Mood, more: &str) -> (Security, usize) {
    let net = Arc::new(FakeNet::default());
    for (resolver, mood) in [(ONE, first), (TWO, second)] {
        net.resolve(resolver);
        net.mood(resolver, mood);
    }
    net.serve(SERVER, "example.org", more);
    let options = Options {
        resolvers: vec![address(ONE).into(), address(TWO).into()],
        ..Options::default()
    };
    let dns = Dns::over(net.clone(), options).expect("good options");
    let off_limits = name("_acme-challenge.example.org");
    let security = dns.security(&name("example.org"), &off_limits).await;
    (security, net.count(ONE))
}

fn expired() -> ExtendedError {
    ExtendedError {
        code: 7,
        text: "old".into(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_resolver_that_found_the_zone_secure_is_believed_after_one_question() {
    let (found, asked) = security(Mood::Validates, Mood::Silent, "").await;
    assert_eq!(
        found,
        Security::Secure {
            resolver: address(ONE).into()
        }
    );
    assert_eq!(asked, 1);
}

#[tokio::test(start_paused = true)]
async fn a_zone_without_ds_needs_no_signatures() {
    let (found, asked) = security(Mood::Well, Mood::Silent, "").await;
    assert_eq!(
        found,
        Security::Insecure {
            resolver: address(ONE).into()
        }
    );
    assert_eq!(asked, 2);
}

#[tokio::test(start_paused = true)]
async fn a_resolver_that_does_not_look_at_signatures_says_nothing_of_them() {
    let (found, _) = security(Mood::Well, Mood::Silent, "example.org DS 12345").await;
    let Security::Unknown(why) = found else {
        panic!("{found:?}")
    };
    assert_eq!(
        why,
        Unsure::NotValidating {
            resolver: address(ONE).into()
        }
    );
    let (found, _) = security(Mood::Well, Mood::Validates, "example.org DS 12345").await;
    assert_eq!(
        found,
        Security::Secure {
            resolver: address(TWO).into()
        },
        "another one does"
    );
}

#[tokio::test(start_paused = true)]
async fn servfail_with_checking_alone_means_bogus_and_the_reason_is_kept() {
    let (found, asked) = security(Mood::FindsBogus(expired()), Mood::FindsBogus(expired()), "").await;
    let Security::Bogus(refused) = found else {
        panic!("{found:?}")
    };
    assert_eq!(
        refused[0].to_string(),
        "SERVFAIL from 192.0.2.1:53 (Signature Expired (EDE 7): old)"
    );
    assert_eq!(asked, 3, "with, without, and once more with checking");
}

#[tokio::test(start_paused = true)]
async fn resolvers_that_disagree_block_nothing() {
    let (found, _) = security(Mood::FindsBogus(expired()), Mood::Validates, "").await;
    assert!(matches!(found, Security::Divided { .. }), "{found:?}");
}

#[tokio::test(start_paused = true)]
async fn servfail_with_and_without_checking_tells_nothing_of_signatures() {
    let (found, _) = security(Mood::Says(Rcode::SERV_FAIL), Mood::Silent, "").await;
    let Security::Unknown(why) = found else {
        panic!("{found:?}")
    };
    assert_eq!(
        why.to_string(),
        "no resolver tells: soa of example.org unchecked: SERVFAIL from 192.0.2.1:53; soa of example.org: no answer \
         from 192.0.2.2:53 within 5s"
    );
}

#[tokio::test(start_paused = true)]
async fn a_resolver_that_knows_no_zone_says_nothing_of_it() {
    let (found, _) = security(Mood::Says(Rcode::NX_DOMAIN), Mood::Silent, "").await;
    assert!(
        matches!(found, Security::Unknown(Unsure::NoZone { .. })),
        "{found:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn nothing_is_asked_about_a_zone_at_a_challenge_name() {
    let net = Arc::new(FakeNet::default());
    net.resolve(ONE);
    let options = Options {
        resolvers: vec![address(ONE).into()],
        ..Options::default()
    };
    let dns = Dns::over(net.clone(), options).expect("good options");
    let challenge = name("_acme-challenge.example.org");
    let found = dns.security(&challenge, &challenge).await;
    assert!(
        matches!(found, Security::Unknown(Unsure::NotAsked(_))),
        "{found:?}"
    );
    assert_eq!(net.count(ONE), 0);
}
