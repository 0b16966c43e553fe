//! Names as long as DNS allows (RFC 1035 2.3.4), and one octet longer.

use dns01d::dns::{Dns, Location, Unfollowed};

use super::{
    super::primary::name,
    scripted::{CNAME, OWN_NAME, Scripted, wire},
    zone::{client, zone_server},
};

/// `first`, then labels of 63 and a shorter one, and `zone`: `length` octets in all.
fn long(first: &str, zone: &str, length: usize) -> String {
    let mut name = zone.to_owned();
    while first.len() + 1 + name.len() < length {
        let room = length - first.len() - 1 - name.len() - 1;
        // nothing may be left that is too short for a label and its dot
        let label = if room == 64 { 62 } else { room.min(63) };
        name = format!("{}.{name}", "x".repeat(label));
    }
    let name = format!("{first}.{name}");
    assert_eq!(name.len(), length);
    name
}

/// A zone with these aliases, and who looks for names in it.
async fn serve(
    apex: &str,
    alias: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
) -> (Scripted, Dns) {
    let server = zone_server(apex, "ns.test", move |reply, asked, kind| {
        let target = alias(asked).filter(|_| kind == CNAME)?;
        Some(reply.answer(OWN_NAME, CNAME, &wire(&target)))
    })
    .await;
    let dns = client(&server);
    (server, dns)
}

async fn found(dns: &Dns, challenge_name: &str) -> Location {
    let found = dns.locate(&name(challenge_name)).await;
    found.unwrap_or_else(|error| panic!("{error}"))
}

#[tokio::test]
async fn a_name_of_253_octets_is_found_and_seen() {
    for length in [250, 251, 252, 253] {
        let owner = long("_acme-challenge", "example.org", length);
        let (_server, dns) = serve("example.org", |_| None).await;
        let location = found(&dns, &owner).await;
        assert_eq!(
            (location.zone, location.owner),
            (name("example.org"), name(&owner))
        );
    }
}

#[tokio::test]
async fn a_zone_at_the_limit_is_found() {
    // a challenge name of 253 octets, and its whole parent a zone
    let owner = long("_acme-challenge", "org", 253);
    let zone = owner.split_once('.').unwrap().1.to_owned();
    let (server, dns) = serve(&zone, |_| None).await;
    assert_eq!(found(&dns, &owner).await.zone, name(&zone));
    assert!(server.asked().0 < 10);
}

#[tokio::test]
async fn an_alias_to_a_name_of_253_octets_is_followed() {
    let target = long("x", "example.org", 253);
    let leads = target.clone();
    let (_server, dns) = serve("example.org", move |asked| {
        (asked == "_acme-challenge.example.org").then(|| leads.clone())
    })
    .await;
    let location = found(&dns, "_acme-challenge.example.org").await;
    assert_eq!(location.owner, name(&target));
}

#[tokio::test]
async fn a_wildcard_is_told_also_where_no_longer_sibling_has_room() {
    for length in 237..=253 {
        let owner = long("_acme-challenge", "example.org", length);
        let parent = owner.split_once('.').unwrap().1.to_owned();
        let (_server, dns) = serve("example.org", move |asked| {
            let below = asked.strip_suffix(&parent)?;
            below.ends_with('.').then(|| "target.example.org".to_owned())
        })
        .await;
        let location = found(&dns, &owner).await;
        assert_eq!(
            location.unfollowed,
            Some(Unfollowed::Wildcard(name("target.example.org"))),
            "{length}"
        );
        assert_eq!(location.owner, name(&owner));
    }
}

#[tokio::test]
async fn an_explicit_alias_at_the_limit_is_followed() {
    let owner = long("_acme-challenge", "example.org", 253);
    let alias = owner.clone();
    let (_server, dns) = serve("example.org", move |asked| {
        (asked == alias).then(|| "target.example.org".to_owned())
    })
    .await;
    assert_eq!(found(&dns, &owner).await.owner, name("target.example.org"));
}
