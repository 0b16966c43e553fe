//! Authorities of other makes than BIND.

use std::net::SocketAddr;

use lab::{
    dns::TsigKey,
    knot::Knot,
    loopback::{Passes, Relay, Site},
    nsd::Nsd,
    powerdns::PowerDns,
    primary::{Open, PrimaryOptions, PrimaryZone},
};

use super::world::{World, authority, update};

const ZONE: &str = "example.test";
const OWNER: &str = "_acme-challenge.www.example.test";
/// The guards put `ns1` there.
const DELEGATION: &str = "example.test. NS ns1.example.test.\nns1.example.test. A 127.0.0.1";

/// A record that a client with `key` writes to `primary` is seen on `shown`, the only authority that the NS set names.
async fn is_proved_at(primary: SocketAddr, shown: SocketAddr, key: Option<&TsigKey>) {
    let site = Site::new().unwrap();
    let relays = vec![
        Relay::start(site.loopback(), shown, Passes::Everything)
            .await
            .unwrap(),
    ];
    let world = World::over(site, relays, DELEGATION, ZONE).await;
    let location = world.locate(OWNER).await.expect("a location");
    assert_eq!(location.zone.as_str(), ZONE);
    let key = key.map(|key| format!("{}:{}:{}", key.algorithm(), key.name(), key.secret_base64()));
    let arguments = key.as_deref().map_or(Vec::new(), |key| vec!["-y", key]);
    update(primary, ZONE, OWNER, "value", &arguments);
    let report = world.wait(&location, 30).await.expect("visible");
    assert_eq!(report.sightings.len(), 1);
    assert_eq!(report.sightings[0].endpoint.address, world.site.loopback());
}

fn open(key: &TsigKey) -> PrimaryOptions {
    PrimaryOptions {
        zones: vec![PrimaryZone {
            open: Open::Everywhere,
            ..PrimaryZone::new(ZONE)
        }],
        keys: vec![key.clone()],
    }
}

#[tokio::test]
async fn a_record_is_seen_on_knot() {
    let key = TsigKey::generate("lab-key").unwrap();
    let knot = Knot::start(&open(&key)).await.unwrap();
    is_proved_at(knot.addr(), knot.addr(), Some(&key)).await;
}

#[tokio::test]
async fn a_record_is_seen_on_powerdns() {
    let key = TsigKey::generate("lab-key").unwrap();
    let powerdns = PowerDns::start(&open(&key)).await.unwrap();
    is_proved_at(powerdns.addr(), powerdns.addr(), Some(&key)).await;
}

#[tokio::test]
async fn a_record_is_seen_on_nsd_once_it_came_there_from_a_hidden_primary() {
    let text = "@ NS ns1\nns1 A 127.0.0.1";
    let hidden = authority(Site::new().unwrap(), &[(ZONE, text)]).await;
    let nsd = Nsd::start(ZONE, hidden.addr()).await.unwrap();
    is_proved_at(hidden.addr(), nsd.addr(), None).await;
    let asked = hidden.asked();
    let asked = asked.iter().find(|asked| asked.is_within(OWNER));
    assert_eq!(asked, None, "the hidden primary is no authority");
}
