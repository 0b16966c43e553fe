//! The DNS part against BIND 9: authorities, a late secondary, delegations, and
//! a recursive resolver whose query log must never show a challenge name.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on says where"
)]

mod named;

use std::{collections::BTreeMap, time::Duration};

use dns01d::{
    dns::{
        Aliases, Authority, Dns, LocateError, Location, NotVisible, Options, Pace, Report, Standing, Wanted,
        ZoneOptions,
    },
    types::DnsName,
};
use lab::loopback::Site;
use named::{Named, Zone};
use tokio::time::Instant;

const ZONE: &str = "example.test";
const PARTNER: &str = "partner.test";

fn name(text: &str) -> DnsName {
    text.parse().expect("a name")
}

fn not_followed() -> ZoneOptions {
    ZoneOptions {
        aliases: Some(Aliases::Plain),
        ..ZoneOptions::default()
    }
}

/// A primary, a late secondary, the server of another organisation, a resolver for all.
struct Lab {
    site: Site,
    primary: Named,
    _secondary: Named,
    partner: Named,
    resolver: Named,
    dns: Dns,
}

impl Lab {
    async fn start(records: &str, partner_zones: &[&'static str]) -> Lab {
        let site = Site::new().expect("free addresses");
        let [ns1, ns2, ns3] = [1, 2, 3].map(|host| site.ip(host).to_string());
        let zone = format!(
            "@ NS ns1\n@ NS ns2\nns1 A {ns1}\nns2 A {ns2}\nwww A 192.0.2.1\ndeep.empty A 192.0.2.1\n{}",
            records.replace("{ns3}", &ns3)
        );
        let of_partner = |apex: &&'static str| match *apex {
            PARTNER => Zone::Primary(PARTNER, format!("@ NS ns3\nns3 A {ns3}")),
            apex => Zone::Primary(apex, format!("@ NS ns3.{PARTNER}.")),
        };
        let partner_zones: Vec<_> = [PARTNER].iter().chain(partner_zones).copied().collect();
        let partner: Vec<_> = partner_zones.iter().map(of_partner).collect();
        let primary = Named::start(site.at(1), &[Zone::Primary(ZONE, zone)]).await;
        let secondary = Named::start(site.at(2), &[Zone::Secondary(ZONE, primary.direct())]).await;
        let partner = Named::start(site.at(3), &partner).await;
        // not those at a challenge name: nobody may ask about them here
        let of_partner = partner_zones
            .iter()
            .filter(|apex| !apex.starts_with("_acme-challenge"));
        let of_partner = of_partner.map(|apex| Zone::Forward(apex, partner.direct()));
        let forwards: Vec<_> = [Zone::Forward(ZONE, primary.direct())]
            .into_iter()
            .chain(of_partner)
            .collect();
        let resolver = Named::start(site.at(4), &forwards).await;
        let options = Options {
            resolvers: vec![site.at(4).into()],
            name_server_port: site.port(),
            query_timeout: Duration::from_secs(2),
            zones: ["below.example.test", "_acme-challenge.plain.example.test"]
                .map(|at| (name(at), not_followed()))
                .into(),
            ..Options::default()
        };
        let dns = Dns::new(options).expect("good options");
        Lab {
            site,
            primary,
            _secondary: secondary,
            partner,
            resolver,
            dns,
        }
    }

    async fn locate(&self, challenge_name: &str) -> Result<Location, LocateError> {
        self.dns.locate(&name(challenge_name)).await
    }

    async fn place_of(&self, challenge_name: &str) -> (String, String) {
        let found = self.locate(challenge_name).await.expect("a location");
        (found.zone.to_string(), found.owner.to_string())
    }

    /// The promise that matters most: asserted from the server's own log.
    fn assert_resolver_heard_of_no(&self, names: &[&str]) {
        let asked = self.resolver.asked();
        assert!(
            asked
                .iter()
                .any(|asked| asked == ZONE || asked.ends_with(&format!(".{ZONE}"))),
            "{asked:?}"
        );
        for name in names {
            let poisoned = asked
                .iter()
                .find(|asked| *asked == name || asked.ends_with(&format!(".{name}")));
            assert_eq!(poisoned, None, "asked of the resolver");
        }
    }
}

async fn wait(dns: &Dns, location: &Location, values: &[&str], seconds: u64) -> Result<Report, NotVisible> {
    let values = values.iter().map(|value| (*value).to_owned()).collect();
    let wanted = [Wanted {
        location: location.clone(),
        values,
    }];
    dns.wait_visible(
        &wanted,
        Pace::default(),
        Instant::now() + Duration::from_secs(seconds),
        drop,
    )
    .await
}

#[tokio::test]
async fn a_late_secondary_is_waited_for_and_no_resolver_hears_of_the_name() {
    let lab = Lab::start("", &[]).await;
    let location = lab
        .locate("_acme-challenge.www.example.test")
        .await
        .expect("a location");
    assert_eq!(location.zone, name(ZONE));
    let servers: Vec<_> = location
        .servers
        .iter()
        .map(|server| server.addresses.clone())
        .collect();
    assert_eq!(servers, [[lab.site.at(1)], [lab.site.at(2)]]);

    for value in ["first", "second"] {
        lab.primary.publish(ZONE, &location.owner, value).await;
    }
    let wanted = [Wanted {
        location: location.clone(),
        values: vec!["first".into(), "second".into()],
    }];
    let mut late = Vec::new();
    let deadline = Instant::now() + Duration::from_secs(30);
    let report = lab
        .dns
        .wait_visible(&wanted, Pace::default(), deadline, |progress| {
            late.extend(progress.lagging().map(ToString::to_string));
        })
        .await
        .expect("visible");
    let after = |n: usize| match report.sightings[n].standing {
        Standing::Visible { after } => after,
        ref other => panic!("{other:?}"),
    };
    println!(
        "primary visible after {:?}, secondary after {:?}",
        after(0),
        after(1)
    );
    assert!(after(0) < Duration::from_millis(500), "{:?}", after(0));
    let named = format!("ns2.{ZONE} ({}) lags", lab.site.at(2));
    assert!(
        late.iter()
            .any(|line| line.starts_with(&named) && line.contains("serial 1")),
        "{late:?}"
    );
    for shown in lab.dns.txt(&location).await {
        let mut values = shown.values.expect("an answer");
        values.sort();
        assert_eq!(values, ["first", "second"], "{}", shown.address);
    }
    lab.assert_resolver_heard_of_no(&["_acme-challenge.www.example.test"]);
}

#[tokio::test]
async fn every_layout_leads_to_the_right_zone_or_a_clear_error() {
    let cut = "_acme-challenge.cut.example.test";
    let lab = Lab::start(
        "_acme-challenge.cut NS ns._acme-challenge.cut\nns._acme-challenge.cut A {ns3}\n\
         sub NS ns3.partner.test.\ncdn CNAME www.partner.test.\n\
         _acme-challenge.alias CNAME alias.acme.partner.test.\n\
         *.wild CNAME www.partner.test.\n\
         *.both CNAME www.partner.test.\n_acme-challenge.both CNAME both.acme.partner.test.\n\
         _acme-challenge.loop CNAME l2\nl2 CNAME _acme-challenge.loop\n\
         moved DNAME acme.partner.test.\nbelow DNAME acme.partner.test.\n\
         _acme-challenge.plain CNAME plain.acme.partner.test.\n",
        &[cut, "sub.example.test"],
    )
    .await;
    let own = |host: &str| (ZONE.to_owned(), format!("_acme-challenge.{host}"));
    for host in [
        "example.test",
        "www.example.test",
        "none.example.test",
        "empty.example.test",
        "wild.example.test",
        "cdn.example.test",
    ] {
        assert_eq!(lab.place_of(&format!("_acme-challenge.{host}")).await, own(host));
    }
    assert_eq!(lab.place_of(cut).await, (cut.into(), cut.into()));
    let in_sub = "_acme-challenge.host.sub.example.test";
    assert_eq!(
        lab.place_of(in_sub).await,
        ("sub.example.test".into(), in_sub.into())
    );
    for (host, target) in [
        ("alias.example.test", "alias.acme.partner.test"),
        ("both.example.test", "both.acme.partner.test"),
        ("moved.example.test", "_acme-challenge.acme.partner.test"),
    ] {
        assert_eq!(
            lab.place_of(&format!("_acme-challenge.{host}")).await,
            (PARTNER.into(), target.into())
        );
    }
    let wild = lab
        .locate("_acme-challenge.x.wild.example.test")
        .await
        .expect("a location");
    assert_eq!(
        wild.unfollowed,
        Some(dns01d::dns::Unfollowed::Wildcard(name("www.partner.test")))
    );
    let error = lab
        .locate("_acme-challenge.loop.example.test")
        .await
        .expect_err("a loop");
    assert!(matches!(error, LocateError::AliasLoop { .. }), "{error}");
    let error = lab.locate("_acme-challenge.below.example.test").await;
    let error = error.expect_err("nothing can stand there");
    assert!(matches!(error, LocateError::BelowDname { .. }), "{error}");
    // an alias that is not followed, and stays
    let plain = lab
        .locate("_acme-challenge.plain.example.test")
        .await
        .expect("a location");
    assert_eq!(plain.zone, name(ZONE));
    let hidden = wait(&lab.dns, &plain, &["v1"], 1).await.expect_err("hidden");
    let hidden = hidden.to_string();
    assert!(
        hidden.contains("where it is an alias of plain.acme.partner.test"),
        "{hidden}"
    );
    lab.assert_resolver_heard_of_no(&[
        "_acme-challenge.example.test",
        "_acme-challenge.www.example.test",
        "_acme-challenge.none.example.test",
        "_acme-challenge.loop.example.test",
        "l2.example.test",
        cut,
        in_sub,
        "alias.acme.partner.test",
        "both.acme.partner.test",
        "_acme-challenge.acme.partner.test",
    ]);
}

#[tokio::test]
async fn records_behind_a_cname_and_in_a_delegated_zone_are_seen_where_they_are() {
    let cut = "_acme-challenge.cut.example.test";
    let lab = Lab::start(
        "_acme-challenge.cut NS ns._acme-challenge.cut\nns._acme-challenge.cut A {ns3}\n\
         _acme-challenge.alias CNAME alias.acme.partner.test.\n",
        &[cut],
    )
    .await;
    for (challenge_name, zone) in [(cut, cut), ("_acme-challenge.alias.example.test", PARTNER)] {
        let location = lab.locate(challenge_name).await.expect("a location");
        lab.partner.publish(zone, &location.owner, "here").await;
        let report = wait(&lab.dns, &location, &["here"], 10).await.expect("visible");
        assert_eq!(report.sightings.len(), 1);
        assert_eq!(report.sightings[0].endpoint, lab.site.at(3).into());
    }
}

/// Two primaries that know nothing of each other, configured as authorities.
struct Pair {
    servers: [Named; 2],
    dns: Dns,
    site: Site,
}

impl Pair {
    async fn start() -> Pair {
        let site = Site::new().expect("free addresses");
        let start = |host| {
            let site = &site;
            async move {
                Named::start(
                    site.at(host),
                    &[Zone::Primary(ZONE, "@ NS ns1\nns1 A 192.0.2.1".into())],
                )
                .await
            }
        };
        let servers = [start(1).await, start(2).await];
        let dns = Pair::dns(&[Authority::Address(site.at(1)), Authority::Address(site.at(2))]);
        Pair { servers, dns, site }
    }

    fn dns(authorities: &[Authority]) -> Dns {
        let zones = BTreeMap::from([(
            name(ZONE),
            ZoneOptions {
                authorities: authorities.to_vec(),
                ..ZoneOptions::default()
            },
        )]);
        // TEST-NET-1: a resolver that would not answer, were it asked
        let resolver: std::net::SocketAddr = "192.0.2.1:53".parse().expect("an address");
        let resolvers = vec![resolver.into()];
        Dns::new(Options {
            zones,
            resolvers,
            ..Options::default()
        })
        .expect("good options")
    }

    async fn location(&self, host: &str) -> Location {
        self.dns
            .locate(&name(&format!("_acme-challenge.{host}.{ZONE}")))
            .await
            .expect("a location")
    }

    /// From the acknowledgement of the later publication to the report.
    async fn latency(&self, host: &str, lag: Duration, pace: Pace) -> Duration {
        let location = self.location(host).await;
        self.servers[0].publish(ZONE, &location.owner, "v").await;
        let wanted = [Wanted {
            location: location.clone(),
            values: vec!["v".into()],
        }];
        let deadline = Instant::now() + Duration::from_secs(30);
        let later = async {
            tokio::time::sleep(lag).await;
            self.servers[1].publish(ZONE, &location.owner, "v").await;
            Instant::now()
        };
        let watch = async {
            self.dns
                .wait_visible(&wanted, pace, deadline, drop)
                .await
                .expect("visible");
            Instant::now()
        };
        let (published, visible) = tokio::join!(later, watch);
        visible.saturating_duration_since(published)
    }
}

#[tokio::test]
async fn visible_follows_publication_on_the_slowest_server_within_50_ms() {
    let pair = Pair::start().await;
    let mut report = Vec::new();
    for (label, lag, pace) in [
        ("no lag", Duration::ZERO, Pace::default()),
        ("100 ms of lag", Duration::from_millis(100), Pace::default()),
        (
            "1 s of lag, learned",
            Duration::from_secs(1),
            Pace::after(Duration::from_millis(950)),
        ),
        ("1 s of lag, not learned", Duration::from_secs(1), Pace::default()),
    ] {
        let mut latencies = Vec::new();
        for n in 0..9 {
            let host = format!("n{n}-{}", report.len());
            // not in step with the looks
            latencies.push(
                pair.latency(&host, lag + Duration::from_millis(7 * n), pace)
                    .await,
            );
        }
        latencies.sort();
        println!("{label}: median {:?}, worst {:?}", latencies[4], latencies[8]);
        report.push(latencies[4]);
    }
    // twice the goal: eight builds may share this machine
    assert!(report[0] < Duration::from_millis(100), "{report:?}");
    assert!(report[2] < Duration::from_millis(100), "{report:?}");
}

#[tokio::test]
async fn a_lame_server_and_a_dead_one_are_named() {
    let pair = Pair::start().await;
    let location = pair.location("www").await;
    pair.servers[0].publish(ZONE, &location.owner, "v").await;
    let lame = Named::start(
        pair.site.at(3),
        &[Zone::Primary(
            "other.test",
            "@ NS ns1.other.test.\nns1 A 192.0.2.1".into(),
        )],
    )
    .await;
    let dns = Pair::dns(&[1, 3, 4].map(|host| Authority::Address(pair.site.at(host))));
    let location = dns.locate(&location.owner).await.expect("the first one answers");
    let error = wait(&dns, &location, &["v"], 1)
        .await
        .expect_err("two cannot show it")
        .to_string();
    assert!(
        error.contains(&format!("REFUSED from {}", pair.site.at(3))),
        "{error}"
    );
    assert!(
        error.contains(&format!("{} refused the connection", pair.site.at(4))),
        "{error}"
    );
    assert!(!error.contains(&pair.site.at(1).to_string()), "{error}");
    drop(lame);
}

#[tokio::test]
async fn a_name_crowded_with_stale_values_is_read_over_tcp() {
    let pair = Pair::start().await;
    let location = pair.location("crowded").await;
    // BIND takes 100 records of a type; these make 11 kB
    for n in 0..90 {
        for server in &pair.servers {
            server
                .publish(ZONE, &location.owner, &format!("stale-{n}-{}", "x".repeat(100)))
                .await;
        }
    }
    for server in &pair.servers {
        server.publish(ZONE, &location.owner, "v").await;
    }
    wait(&pair.dns, &location, &["v"], 10).await.expect("visible");
}
