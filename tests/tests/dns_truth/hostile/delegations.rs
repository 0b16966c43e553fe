//! Referrals and name servers that lead nowhere, or where nobody should go.

use std::time::Duration;

use dns01d::dns::{LocateError, Location};
use tokio::time::Instant;

use super::{
    super::primary::name,
    DEADLINE, SLACK,
    scripted::{A, CNAME, NS, OWN_NAME, Reply, Scripted, Section, Step, wire},
    zone::{client, zone_server},
};

/// `example.org`, but for what a test says of it.
async fn server(other: impl Fn(Reply, &str, u16) -> Option<Reply> + Send + Sync + 'static) -> Scripted {
    zone_server("example.org", "ns.example.org", other).await
}

async fn locate(server: &Scripted, challenge_name: &str) -> Result<Location, LocateError> {
    let begun = Instant::now();
    let result = client(server).locate(&name(challenge_name)).await;
    let took = begun.elapsed();
    // eight query timeouts, as the documentation of `locate` says
    assert!(took < DEADLINE * 8 + SLACK, "{took:?}");
    result
}

/// NS records without authority.
fn referral(reply: Reply, apex: &str, hosts: &[&str]) -> Reply {
    let reply = Reply {
        flags: 0x8000,
        ..reply
    };
    hosts.iter().fold(reply, |reply, host| {
        reply.record(Section::Authority, &wire(apex), NS, &wire(host))
    })
}

fn glue(reply: Reply, host: &str, address: [u8; 4]) -> Reply {
    reply.record(Section::Additional, &wire(host), A, &address)
}

const CHALLENGE: &str = "_acme-challenge.a.b.c.example.org";

#[tokio::test]
async fn a_referral_to_the_zone_itself_upwards_or_sideways_is_lame() {
    for apex in ["example.org", "org", "", "example.net", "x.example.org"] {
        let server = server(move |reply, _, kind| {
            (kind == CNAME).then(|| {
                glue(
                    referral(reply, apex, &["ns.example.org"]),
                    "ns.example.org",
                    [127, 0, 0, 1],
                )
            })
        })
        .await;
        let error = locate(&server, CHALLENGE).await.expect_err(apex);
        assert_eq!(
            error.to_string(),
            format!(
                "no name server of example.org answers for {CHALLENGE}: cname of {CHALLENGE}: {} is not \
                 authoritative (lame delegation)",
                server.address()
            )
        );
    }
}

#[tokio::test]
async fn a_zone_and_its_child_that_refer_to_each_other_are_left_at_the_second_step() {
    let server = server(|reply, asked, kind| {
        let below = |apex: &str| referral(reply.clone(), apex, &["ns.example.org"]);
        match (asked, kind) {
            (CHALLENGE, CNAME) => Some(glue(
                // both at once: who is asked as the parent means the child, and the other way round
                [below("c.example.org"), below("example.org")]
                    .into_iter()
                    .reduce(|one, other| Reply {
                        counts: [1, 0, one.counts[2] + other.counts[2], 0],
                        records: [one.records, other.records].concat(),
                        ..other
                    })?,
                "ns.example.org",
                [127, 0, 0, 1],
            )),
            _ => None,
        }
    })
    .await;
    let error = locate(&server, CHALLENGE).await.expect_err("a loop").to_string();
    assert!(
        error.starts_with(&format!(
            "no name server of c.example.org answers for {CHALLENGE}"
        )),
        "{error}"
    );
    assert!(server.asked().0 < 20, "{:?}", server.asked());
}

#[tokio::test]
async fn referrals_that_go_down_for_ever_end_after_eight() {
    let labels = "a.".repeat(30);
    let challenge_name = format!("_acme-challenge.{labels}example.org");
    let steps = std::sync::atomic::AtomicUsize::new(0);
    let owner = challenge_name.clone();
    let server = server(move |reply, asked, kind| {
        if asked != owner || kind != CNAME {
            return None;
        }
        let step = steps.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
        let apex = format!("{}example.org", "a.".repeat(step));
        Some(glue(
            referral(reply, &apex, &["ns.example.org"]),
            "ns.example.org",
            [127, 0, 0, 1],
        ))
    })
    .await;
    let error = locate(&server, &challenge_name).await.expect_err("no end");
    assert_eq!(
        error,
        LocateError::TooManyReferrals {
            zone: name("example.org"),
            name: name(&challenge_name)
        }
    );
}

#[tokio::test]
async fn glue_is_believed_for_names_that_the_referring_zone_holds_and_for_no_others() {
    let server = server(|reply, asked, kind| match (asked, kind) {
        (CHALLENGE, CNAME) => {
            let reply = referral(reply, "c.example.org", &["ns.c.example.org", "ns.example.net"]);
            let reply = glue(reply, "ns.c.example.org", [127, 0, 0, 1]);
            let reply = glue(reply, "ns.example.net", [127, 0, 0, 66]);
            Some(glue(reply, "ns.elsewhere.example", [127, 0, 0, 67]))
        }
        ("ns.example.net", A) => Some(reply.answer(OWN_NAME, A, &[127, 0, 0, 1])),
        _ => None,
    })
    .await;
    // the child answers as its parent does, which is lame of it: whom was it asked of?
    let error = locate(&server, CHALLENGE).await.expect_err("lame").to_string();
    assert!(
        !error.contains("127.0.0.66") && !error.contains("127.0.0.67"),
        "{error}"
    );
}

#[tokio::test]
async fn a_resolver_that_adds_addresses_of_other_names_gives_none_of_the_server() {
    let server = server(|reply, asked, kind| match (asked, kind) {
        ("ns.example.org", A) => Some(reply.answer(&wire("www.example.org"), A, &[127, 0, 0, 66])),
        _ => None,
    })
    .await;
    let error = locate(&server, CHALLENGE).await.expect_err("no address");
    assert_eq!(
        error.to_string(),
        "no name server of example.org has an address: ns.example.org has no address"
    );
}

#[tokio::test]
async fn a_zone_with_more_servers_than_any_has_is_refused_with_their_number() {
    let server = server(|reply, asked, kind| match (asked, kind) {
        ("example.org", NS) => Some((0..1000).fold(reply, |reply, n| {
            reply.answer(OWN_NAME, NS, &wire(&format!("ns{n}.example.org")))
        })),
        _ => None,
    })
    .await;
    let error = locate(&server, CHALLENGE).await.expect_err("too many");
    assert_eq!(
        error,
        LocateError::TooManyServers {
            zone: name("example.org"),
            count: 1000
        }
    );
    assert!(server.asked().0 < 10, "{:?}", server.asked());
}

#[tokio::test]
async fn of_a_server_with_a_hundred_addresses_some_are_asked() {
    let server = server(|reply, asked, kind| match (asked, kind) {
        ("ns.example.org", A) => {
            Some((1..=100).fold(reply, |reply, n| reply.answer(OWN_NAME, A, &[127, 0, 0, n])))
        }
        _ => None,
    })
    .await;
    let found = locate(&server, "_acme-challenge.example.org")
        .await
        .expect("a place");
    assert_eq!(found.servers.len(), 1);
    assert!(
        found.servers[0].addresses.len() <= 32,
        "{}",
        found.servers[0].addresses.len()
    );
}

#[tokio::test]
async fn a_chain_of_aliases_inside_one_answer_is_asked_for_step_by_step() {
    let alias = |n: usize| format!("_acme-challenge.h{n}.example.org");
    let server = server(move |reply, asked, kind| {
        let step = (0..100).find(|n| alias(*n) == asked)?;
        (kind == CNAME).then(|| {
            (step..100).fold(reply, |reply, n| {
                reply.answer(&wire(&alias(n)), CNAME, &wire(&alias(n + 1)))
            })
        })
    })
    .await;
    let error = locate(&server, &alias(0)).await.expect_err("a chain");
    assert!(
        matches!(&error, LocateError::AliasChain { chain } if chain.len() == 10),
        "{error}"
    );
}

#[tokio::test]
async fn an_alias_to_itself_or_to_no_name_at_all_is_refused() {
    let targets: [(&str, Vec<u8>); 4] = [
        ("cname loop: ", wire(CHALLENGE)),
        ("which cannot hold a challenge record", vec![0]),
        ("which cannot hold a challenge record", b"\x03a b\0".to_vec()),
        (
            "which cannot hold a challenge record",
            b"\x03a.b\x03org\0".to_vec(),
        ),
    ];
    for (expected, target) in targets {
        let server = server(move |reply, asked, _| {
            (asked == CHALLENGE).then(|| reply.answer(OWN_NAME, CNAME, &target))
        })
        .await;
        let error = locate(&server, CHALLENGE)
            .await
            .expect_err("no target")
            .to_string();
        assert!(error.contains(expected) && error.contains(CHALLENGE), "{error}");
    }
}

#[tokio::test]
async fn an_answer_about_a_sibling_is_no_alias() {
    let server = server(|reply, asked, kind| {
        (asked == CHALLENGE && kind == CNAME).then(|| {
            reply.answer(
                &wire("_acme-challenge.x.example.org"),
                CNAME,
                &wire("target.example.net"),
            )
        })
    })
    .await;
    let found = locate(&server, CHALLENGE).await.expect("a place");
    assert_eq!((found.owner, found.zone), (name(CHALLENGE), name("example.org")));
}

#[tokio::test]
async fn servers_that_never_end_an_answer_are_left_at_the_deadline_of_the_look() {
    let server = Scripted::start(|_, query| {
        let mut reply = Reply::to(query);
        reply.flags |= 0x0200;
        let octets = reply.octets();
        // over TCP, an octet now and then
        vec![
            Step::Send(octets),
            Step::Raw(vec![0xff]),
            Step::Pause(Duration::from_secs(1)),
            Step::Stay,
        ]
    })
    .await;
    let error = locate(&server, CHALLENGE).await.expect_err("no end").to_string();
    assert!(error.contains(&server.address().to_string()), "{error}");
}
