//! Authorities of one zone that are late, lame, or hard to reach.

use std::time::Duration;

use dns01d::dns::{Pace, Standing, Wanted};
use lab::{
    loopback::{Passes, Relay, Site},
    named::Named,
};
use parking_lot::Mutex;
use tokio::time::{Instant, sleep};

use super::world::{World, authority, publish, stand};

const ZONE: &str = "example.test";
const OWNER: &str = "_acme-challenge.www.example.test";
const THREE: &str = "@ NS ns1\n@ NS ns2\n@ NS ns3\nns1 A {1}\nns2 A {2}\nns3 A {3}\nwww A 192.0.2.80";
const TO_THREE: &str = "example.test. NS ns1.example.test.\nexample.test. NS ns2.example.test.\n\
                        example.test. NS ns3.example.test.\nns1.example.test. A {1}\nns2.example.test. A {2}\n\
                        ns3.example.test. A {3}";
const ONE: &str = "@ NS ns1\nns1 A {1}\nwww A 192.0.2.80";
const TO_ONE: &str = "example.test. NS ns1.example.test.\nns1.example.test. A {1}";

#[tokio::test]
async fn a_record_is_visible_when_the_last_of_three_authorities_has_it_and_who_lags_is_named() {
    const LATE: [Duration; 3] = [Duration::ZERO, Duration::from_secs(2), Duration::from_secs(10)];
    let site = Site::new().unwrap();
    let mut servers: Vec<Named> = Vec::new();
    let mut relays = Vec::new();
    for host in 1..=3 {
        let server = authority(site, &[(ZONE, THREE)]).await;
        relays.push(stand(site, host, &server).await);
        servers.push(server);
    }
    let world = World::over(site, relays, TO_THREE, ZONE).await;
    let location = world.locate(OWNER).await.expect("a location");
    let wanted = [Wanted {
        location,
        values: vec!["value".into()],
    }];
    let told = Mutex::new(Vec::new());
    let begun = Instant::now();
    let deadline = begun + Duration::from_secs(60);
    let progress = |progress: dns01d::dns::Progress| {
        let lagging = progress.lagging().map(ToString::to_string);
        told.lock().push((begun.elapsed(), lagging.collect::<Vec<_>>()));
    };
    let appear = async {
        for (server, late) in servers.iter().zip(LATE) {
            sleep((begun + late).duration_since(Instant::now())).await;
            publish(server.addr(), ZONE, OWNER, "value");
        }
    };
    let (report, ()) = tokio::join!(
        world
            .dns
            .wait_visible(&wanted, Pace::default(), deadline, progress),
        appear
    );
    let report = report.expect("visible");
    assert!(report.took >= LATE[2], "{report:?}");
    for (sighting, (host, late)) in report.sightings.iter().zip((1..).zip(LATE)) {
        assert_eq!(sighting.endpoint.address, site.at(host));
        let Standing::Visible { after } = sighting.standing else {
            panic!("{sighting}");
        };
        assert!(after >= late, "{sighting}");
    }
    let told = told.into_inner();
    let lags = |host: u8| format!("ns{host}.{ZONE} ({}) lags", site.at(host));
    let named = |lines: &[String], host| lines.iter().any(|line| line.starts_with(&lags(host)));
    let two = |(_, lines): &&(Duration, Vec<String>)| named(lines, 2) && named(lines, 3) && lines.len() == 2;
    let one = |(_, lines): &&(Duration, Vec<String>)| named(lines, 3) && lines.len() == 1;
    assert!(told.iter().find(two).is_some(), "{told:?}");
    assert!(
        told.iter().find(one).is_some_and(|(at, _)| *at >= LATE[1]),
        "{told:?}"
    );
}

#[tokio::test]
async fn an_authority_that_refuses_its_zone_is_named_and_nothing_counts_as_visible() {
    let site = Site::new().unwrap();
    let good = authority(site, &[(ZONE, THREE)]).await;
    let lame = authority(site, &[("other.test", "@ NS ns1\nns1 A 192.0.2.1")]).await;
    let relays = vec![
        stand(site, 1, &good).await,
        stand(site, 2, &good).await,
        stand(site, 3, &lame).await,
    ];
    let world = World::over(site, relays, TO_THREE, ZONE).await;
    let location = world.locate(OWNER).await.expect("two know it");
    publish(good.addr(), ZONE, OWNER, "value");
    let error = world.wait(&location, 3).await.expect_err("one cannot show it");
    let blocking: Vec<_> = error
        .sightings
        .iter()
        .filter(|sighting| sighting.blocks())
        .collect();
    assert_eq!(blocking.len(), 1, "{error}");
    assert_eq!(blocking[0].endpoint.address, site.at(3));
    let text = error.to_string();
    assert!(text.contains(&format!("ns3.{ZONE} ({})", site.at(3))), "{text}");
    assert!(text.contains("REFUSED"), "{text}");
}

#[tokio::test]
async fn an_authority_whose_udp_port_is_silent_is_asked_over_tcp() {
    let site = Site::new().unwrap();
    let server = authority(site, &[(ZONE, ONE)]).await;
    let relays = vec![
        Relay::start(site.at(1), server.addr(), Passes::TcpOnly)
            .await
            .unwrap(),
    ];
    // some resolvers find that out; this one is told, because it is not what is tried
    let tcp = "server {1} { tcp-only yes; };";
    let world = World::resolved(site, relays, TO_ONE, ZONE, tcp).await;
    world
        .proves(OWNER, (OWNER, ZONE), server.addr(), &[site.at(1)])
        .await;
}

#[tokio::test]
async fn an_authority_on_ipv6_alone_is_asked_there() {
    let site = Site::new().unwrap();
    let server = authority(site, &[(ZONE, "@ NS ns1\nns1 AAAA ::1\nwww A 192.0.2.80")]).await;
    let relays = vec![
        Relay::start(site.six(), server.addr(), Passes::Everything)
            .await
            .unwrap(),
    ];
    let to_one = TO_ONE.replace("A {1}", "AAAA ::1");
    let world = World::over(site, relays, &to_one, ZONE).await;
    world
        .proves(OWNER, (OWNER, ZONE), server.addr(), &[site.six()])
        .await;
}
