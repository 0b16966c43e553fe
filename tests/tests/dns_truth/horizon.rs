//! Split horizons, hidden primaries, a resolver inside of its zone, and networks that let nothing out.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use dns01d::dns::{Channel, Endpoint, Options, Pace, Resolver as ToAsk};
use lab::{
    ca::ServerIdentity,
    named::{Named, Resolver},
};
use tokio::{
    net::{TcpListener, UdpSocket},
    time::Instant,
};

use super::primary::{NEGATIVE_TTL, OWNER, ZONE, asks, dns, name, primary, publish, wanted, zone};

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

fn with_zone(
    options: dns01d::dns::ZoneOptions,
) -> BTreeMap<dns01d::types::DnsName, dns01d::dns::ZoneOptions> {
    BTreeMap::from([(name(ZONE), options)])
}

/// One server, and a zone with two faces: who comes from this address sees the outer one.
const OUTSIDE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 9);

async fn two_faces() -> Named {
    let more = format!(
        "view outer {{ match-clients {{ {OUTSIDE}; }}; zone \"{ZONE}\" {{ type primary; file \"outer\"; }}; }};\n\
         view inner {{ match-clients {{ any; }}; zone \"{ZONE}\" {{ type primary; file \"zone\"; \
         allow-update {{ 127.0.0.1; }}; }}; }};"
    );
    let outer = zone("@ NS public").replace("ns1 hostmaster", "public hostmaster") + "public A 127.0.0.1\n";
    let files = [("zone", zone("@ NS ns1")), ("outer", outer)];
    let files = files.each_ref().map(|(name, text)| (*name, text.as_str()));
    Named::start(ZONE, "recursion no;", &more, &files).await.unwrap()
}

#[tokio::test]
async fn in_a_split_horizon_the_configured_authorities_decide_and_both_faces_are_shown() {
    let server = two_faces().await;
    let identity = ServerIdentity::loopback().unwrap();
    let outside = Resolver::start(ZONE, server.addr(), OUTSIDE, &identity)
        .await
        .unwrap();
    let dns = dns(Options {
        resolvers: vec![outside.named.addr().into()],
        zones: with_zone(asks(server.addr())),
        ..Options::default()
    });
    let location = dns.locate(&name(OWNER)).await.expect("a location");
    publish(server.addr(), "v1");
    let report = dns
        .wait_visible(&wanted(location), Pace::default(), soon(), drop)
        .await;
    report.expect("visible where the operator says that it counts");
    let asked = outside.named.asked();
    assert!(!asked.iter().any(|asked| asked.is_within(OWNER)), "{asked:?}");

    let views = dns.views(&name(ZONE)).await;
    assert_eq!(views.authorities[0].name_servers, [name(&format!("ns1.{ZONE}"))]);
    assert_eq!(views.resolvers[0].name_servers, [name(&format!("public.{ZONE}"))]);
    let shown: Vec<String> = views.faces().iter().map(ToString::to_string).collect();
    assert_eq!(
        shown[..2],
        [
            format!("its authorities: ns1.{ZONE}, primary ns1.{ZONE}"),
            format!("the configured resolvers: public.{ZONE}, primary public.{ZONE}"),
        ]
    );
    assert!(views.faces()[1].differs && views.chosen, "{views:#?}");
}

#[tokio::test]
async fn a_hidden_primary_is_asked_though_no_ns_record_names_it() {
    let hidden = primary("@ NS public.example.net.").await;
    // nobody is asked but the primary
    let nobody = SocketAddr::from((Ipv4Addr::LOCALHOST, lab::process::free_port().unwrap()));
    let dns = dns(Options {
        resolvers: vec![nobody.into()],
        zones: with_zone(asks(hidden.addr())),
        ..Options::default()
    });
    let location = dns.locate(&name(OWNER)).await.expect("a location");
    publish(hidden.addr(), "v1");
    let report = dns
        .wait_visible(&wanted(location), Pace::default(), soon(), drop)
        .await;
    assert_eq!(
        report.expect("visible").sightings[0].endpoint,
        hidden.addr().into()
    );
}

#[tokio::test]
async fn a_resolver_inside_of_the_zone_that_it_serves_is_found_by_the_address_given() {
    let server = primary("@ NS ns1").await;
    let identity = ServerIdentity::loopback().unwrap();
    let inside = Resolver::start(ZONE, server.addr(), Ipv4Addr::LOCALHOST, &identity)
        .await
        .unwrap();
    let roots = tempfile::tempdir().unwrap();
    std::fs::write(roots.path().join("root.pem"), &identity.root_pem).unwrap();
    // another plain resolver of the zone finds the address of the one given by name
    let named = ToAsk::Named {
        name: name("localhost"),
        port: inside.tls.port(),
        channel: Channel::Tls {
            name: Some(name("localhost")),
        },
    };
    let at = ToAsk::At(Endpoint {
        address: inside.tls,
        channel: Channel::Tls {
            name: Some(name("localhost")),
        },
    });
    for resolvers in [vec![at.clone()], vec![at, named]] {
        let zone = dns01d::dns::ZoneOptions {
            resolvers,
            ..Default::default()
        };
        let dns = dns(Options {
            zones: with_zone(zone),
            ca_file: Some(roots.path().join("root.pem")),
            name_server_port: server.addr().port(),
            ..Options::default()
        });
        let location = dns.locate(&name(OWNER)).await.expect("a location");
        assert_eq!(location.zone, name(ZONE));
    }
}

#[tokio::test]
async fn where_a_network_lets_nothing_out_the_error_names_the_other_ways() {
    let (udp, _tcp) = loop {
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        if let Ok(udp) = UdpSocket::bind(tcp.local_addr().unwrap()).await {
            break (udp, tcp);
        }
    };
    let dns = dns(Options {
        zones: with_zone(asks(udp.local_addr().unwrap())),
        query_timeout: Duration::from_millis(300),
        ..Options::default()
    });
    let begun = Instant::now();
    let error = dns.locate(&name(OWNER)).await.expect_err("nothing comes back");
    assert!(begun.elapsed() < NEGATIVE_TTL, "{:?}", begun.elapsed());
    let text = error.to_string();
    for mode in ["`visibility`", "`doh`", "`provider-sync`", "`{wait: DURATION}`"] {
        assert!(text.contains(mode), "{text}");
    }
}
