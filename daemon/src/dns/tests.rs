//! Where records belong: every layout that operators build.

use std::collections::BTreeMap;

use super::{
    fake::{FakeNet, Mood, address},
    *,
};

const RESOLVER: &str = "192.0.2.1";
const ONE: &str = "192.0.2.53";
const TWO: &str = "198.51.100.53";
const OTHER: &str = "203.0.113.53";

/// `example.org` on two servers, `example.net` on a third, and a resolver for all.
const ORG: &str = "example.org NS ns1.example.org.
     example.org NS ns2.example.org.
     ns1.example.org A 192.0.2.53
     ns2.example.org A 198.51.100.53
     ns2.example.org AAAA 2001:db8::53
     www.example.org A 192.0.2.80
     deep.empty.example.org A 192.0.2.80
";
const NET: &str = "example.net NS ns.example.net.
     ns.example.net A 203.0.113.53
     _acme-challenge.loop.example.net CNAME _acme-challenge.loop.example.org.
";

fn name(text: &str) -> DnsName {
    text.parse().expect("a name")
}

struct Lab {
    net: Arc<FakeNet>,
    dns: Dns,
}

impl Lab {
    fn new(more: &str) -> Lab {
        Lab::with(
            more,
            Options {
                resolvers: vec![address(RESOLVER).into()],
                ..Options::default()
            },
        )
    }

    fn with(more: &str, options: Options) -> Lab {
        let net = Arc::new(FakeNet::default());
        net.resolve(RESOLVER);
        for server in [ONE, TWO, "2001:db8::53"] {
            net.serve(server, "example.org", &format!("{ORG}{more}"));
        }
        net.serve(OTHER, "example.net", NET);
        let dns = Dns::over(net.clone(), options).expect("good options");
        Lab { net, dns }
    }

    async fn locate(&self, challenge_name: &str) -> Result<Location, LocateError> {
        let challenge_name = name(challenge_name);
        let result = self.dns.locate(&challenge_name).await;
        let asked = self.net.asked.lock();
        let poison = asked.iter().find(|(server, question)| {
            *server == address(RESOLVER) && question.name.is_within(&challenge_name)
        });
        assert_eq!(
            poison, None,
            "a resolver was asked at or below the challenge name"
        );
        assert!(
            asked
                .iter()
                .all(|(server, question)| question.recursive == (*server == address(RESOLVER)))
        );
        result
    }

    async fn zone_of(&self, challenge_name: &str) -> (String, String) {
        let found = self.locate(challenge_name).await.expect("a location");
        (found.zone.to_string(), found.owner.to_string())
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_in_a_zone_is_found_with_every_server_on_every_address() {
    let lab = Lab::new("");
    let found = lab
        .locate("_acme-challenge.www.example.org")
        .await
        .expect("a location");
    assert_eq!(found.zone, name("example.org"));
    assert_eq!(found.owner, found.challenge_name);
    assert_eq!(found.chain, []);
    let servers = [
        Server {
            name: Some(name("ns1.example.org")),
            addresses: vec![address(ONE)],
        },
        Server {
            name: Some(name("ns2.example.org")),
            addresses: vec![address(TWO), address("2001:db8::53")],
        },
    ];
    assert_eq!(found.servers, servers);
}

#[tokio::test(start_paused = true)]
async fn apex_unknown_hosts_and_empty_non_terminals_lie_in_the_zone_above() {
    let lab = Lab::new("");
    for host in [
        "example.org",
        "not-there.example.org",
        "empty.example.org",
        "a.b.c.example.org",
    ] {
        let challenge_name = format!("_acme-challenge.{host}");
        assert_eq!(
            lab.zone_of(&challenge_name).await,
            ("example.org".into(), challenge_name)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_delegated_sub_zone_above_the_challenge_label_is_the_zone() {
    let lab = Lab::new("sub.example.org NS ns.example.net.\n");
    lab.net
        .serve(OTHER, "sub.example.org", "sub.example.org NS ns.example.net.\n");
    let found = lab
        .locate("_acme-challenge.host.sub.example.org")
        .await
        .expect("a location");
    assert_eq!(found.zone, name("sub.example.org"));
    assert_eq!(
        found.servers,
        [Server {
            name: Some(name("ns.example.net")),
            addresses: vec![address(OTHER)]
        }]
    );
}

#[tokio::test(start_paused = true)]
async fn a_delegation_of_the_challenge_name_itself_is_followed_by_its_glue() {
    let cut = "_acme-challenge.www.example.org";
    let lab = Lab::new(&format!(
        "{cut} NS ns.{cut}.\nns.{cut} A 203.0.113.7\nns.{cut} AAAA 2001:db8::7\n"
    ));
    lab.net
        .serve("203.0.113.7", cut, &format!("{cut} NS ns.{cut}.\n"));
    let found = lab.locate(cut).await.expect("a location");
    assert_eq!(found.zone, name(cut));
    let server = Server {
        name: Some(name(&format!("ns.{cut}"))),
        addresses: vec![address("203.0.113.7"), address("2001:db8::7")],
    };
    assert_eq!(found.servers, [server]);
}

#[tokio::test(start_paused = true)]
async fn a_server_below_the_challenge_name_without_glue_is_reported_and_not_looked_up() {
    let cut = "_acme-challenge.www.example.org";
    let lab = Lab::new(&format!("{cut} NS ns.{cut}.\n"));
    let error = lab.locate(cut).await.expect_err("no address");
    assert!(
        matches!(&error, LocateError::NoAddresses { unresolved, .. }
        if matches!(unresolved[0].failure, Some(ResolverError::OffLimits { .. }))),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_child_zone_on_the_parents_servers_is_told_by_its_soa() {
    let cut = "_acme-challenge.www.example.org";
    let lab = Lab::new(&format!("{cut} NS ns1.example.org.\n"));
    for server in [ONE, TWO, "2001:db8::53"] {
        lab.net
            .serve(server, cut, &format!("{cut} NS ns1.example.org.\n"));
    }
    let found = lab.locate(cut).await.expect("a location");
    assert_eq!(found.zone, name(cut));
    assert_eq!(
        found.servers.len(),
        1,
        "the child has one server only: {:?}",
        found.servers
    );
}

#[tokio::test(start_paused = true)]
async fn cnames_are_followed_into_other_zones() {
    let lab = Lab::new(
        "_acme-challenge.www.example.org CNAME hop.example.org.
         hop.example.org CNAME www.acme.example.net.\n",
    );
    let found = lab
        .locate("_acme-challenge.www.example.org")
        .await
        .expect("a location");
    assert_eq!(found.owner, name("www.acme.example.net"));
    assert_eq!(found.zone, name("example.net"));
    assert_eq!(
        found.chain,
        [name("_acme-challenge.www.example.org"), name("hop.example.org")]
    );
    assert_eq!(found.servers[0].addresses, [address(OTHER)]);
    let asked = lab.net.asked.lock();
    let resolver_heard = |of: &str| {
        asked
            .iter()
            .any(|(to, q)| *to == address(RESOLVER) && q.name == name(of))
    };
    assert!(
        !resolver_heard("www.acme.example.net"),
        "the target would be remembered as missing"
    );
    assert!(!resolver_heard("hop.example.org"));
}

#[tokio::test(start_paused = true)]
async fn an_alias_is_treated_as_the_nearest_zone_says() {
    let zone = |aliases| ZoneOptions {
        aliases: Some(aliases),
        ..ZoneOptions::default()
    };
    let zones = [
        ("example.org", zone(Aliases::Refuse)),
        ("_acme-challenge.www.example.org", zone(Aliases::Follow)),
        ("_acme-challenge.made.example.org", zone(Aliases::Plain)),
    ];
    let options = Options {
        zones: zones.into_iter().map(|(apex, zone)| (name(apex), zone)).collect(),
        resolvers: vec![address(RESOLVER).into()],
        ..Options::default()
    };
    let lab = Lab::with(
        "_acme-challenge.www.example.org CNAME www.acme.example.net.
         _acme-challenge.other.example.org CNAME www.acme.example.net.
         _acme-challenge.made.example.org CNAME www.acme.example.net.
         *.wild.example.org CNAME www.example.net.\n",
        options,
    );
    let followed = lab
        .locate("_acme-challenge.www.example.org")
        .await
        .expect("a location");
    assert_eq!(followed.owner, name("www.acme.example.net"));
    let refused = lab.locate("_acme-challenge.other.example.org").await;
    let text = refused.expect_err("refused").to_string();
    assert!(
        text.starts_with(
            "_acme-challenge.other.example.org is an alias of www.acme.example.net, and `aliases`"
        ),
        "{text}"
    );
    let plain = lab
        .locate("_acme-challenge.made.example.org")
        .await
        .expect("a location");
    assert_eq!(
        (plain.owner, plain.zone),
        (name("_acme-challenge.made.example.org"), name("example.org"))
    );
    assert_eq!(
        plain.unfollowed,
        Some(Unfollowed::Plain(name("www.acme.example.net")))
    );
    // a wildcard's goes when the record comes: nobody's decision
    let wild = lab
        .locate("_acme-challenge.wild.example.org")
        .await
        .expect("a location");
    assert_eq!(
        wild.unfollowed,
        Some(Unfollowed::Wildcard(name("www.example.net")))
    );
}

#[tokio::test(start_paused = true)]
async fn a_cname_to_an_apex_finds_the_zone_of_that_apex() {
    let lab = Lab::new("_acme-challenge.example.org CNAME d.example.net.\n");
    lab.net
        .publish(OTHER, "example.net", "d.example.net NS ns.example.net.");
    lab.net
        .serve(OTHER, "d.example.net", "d.example.net NS ns.example.net.\n");
    assert_eq!(
        lab.zone_of("_acme-challenge.example.org").await,
        ("d.example.net".into(), "d.example.net".into())
    );
}

#[tokio::test(start_paused = true)]
async fn a_cname_loop_across_zones_is_shown_and_not_walked_for_ever() {
    let lab = Lab::new("_acme-challenge.loop.example.org CNAME _acme-challenge.loop.example.net.\n");
    let error = lab
        .locate("_acme-challenge.loop.example.org")
        .await
        .expect_err("a loop");
    assert_eq!(
        error.to_string(),
        "cname loop: _acme-challenge.loop.example.org -> _acme-challenge.loop.example.net \
         -> _acme-challenge.loop.example.org"
    );
    assert_eq!(error.retry(), Retry::Never);
}

#[tokio::test(start_paused = true)]
async fn eight_cnames_are_followed_and_nine_are_not() {
    let chain: String = (0..9)
        .map(|n| format!("a{n}.example.org CNAME a{}.example.org.\n", n + 1))
        .collect();
    let lab = Lab::new(&chain);
    assert_eq!(lab.zone_of("a1.example.org").await.1, "a9.example.org");
    assert!(
        matches!(lab.locate("a0.example.org").await, Err(LocateError::AliasChain { chain }) if chain.len() == 10)
    );
}

#[tokio::test(start_paused = true)]
async fn a_wildcard_cname_is_not_followed() {
    let lab = Lab::new("*.wild.example.org CNAME www.example.net.\n");
    let found = lab
        .locate("_acme-challenge.wild.example.org")
        .await
        .expect("a location");
    assert_eq!(
        (found.zone, found.owner),
        (name("example.org"), found.challenge_name)
    );
    assert_eq!(
        found.unfollowed,
        Some(Unfollowed::Wildcard(name("www.example.net")))
    );
}

#[tokio::test(start_paused = true)]
async fn an_explicit_cname_beside_a_wildcard_is_followed() {
    let lab = Lab::new(
        "*.wild.example.org CNAME www.example.net.
         _acme-challenge.wild.example.org CNAME wild.acme.example.net.\n",
    );
    assert_eq!(
        lab.zone_of("_acme-challenge.wild.example.org").await.1,
        "wild.acme.example.net"
    );
}

#[tokio::test(start_paused = true)]
async fn an_alias_to_what_is_no_challenge_name_is_refused_with_its_text() {
    let lab = Lab::new("_acme-challenge.www.example.org CNAME bad-.example.net.\n");
    let error = lab
        .locate("_acme-challenge.www.example.org")
        .await
        .expect_err("a bad target");
    assert!(error.to_string().contains("`bad-.example.net.`"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn one_lame_and_one_silent_server_do_not_hide_the_answer_of_the_third() {
    let lab = Lab::new("");
    lab.net.mood(ONE, Mood::Says(Rcode::REFUSED));
    lab.net.mood(TWO, Mood::Silent);
    let start = Instant::now();
    assert_eq!(
        lab.zone_of("_acme-challenge.www.example.org").await.0,
        "example.org"
    );
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn when_no_authority_answers_each_is_named_with_what_it_did() {
    let lab = Lab::new("");
    lab.net.mood(ONE, Mood::Says(Rcode::SERV_FAIL));
    lab.net.mood(TWO, Mood::NotAuthoritative);
    lab.net.mood("2001:db8::53", Mood::Fails(Failure::Unreachable));
    let error = lab
        .locate("_acme-challenge.www.example.org")
        .await
        .expect_err("all are unwell");
    let text = error.to_string();
    for part in [
        "no name server of example.org answers for _acme-challenge.www.example.org",
        "cname of _acme-challenge.www.example.org: SERVFAIL from 192.0.2.53:53",
        "198.51.100.53:53 is not authoritative",
        "no route to [2001:db8::53]:53",
    ] {
        assert!(text.contains(part), "`{part}` is not in `{text}`");
    }
    assert_eq!(error.retry(), Retry::Backoff);
}

#[tokio::test(start_paused = true)]
async fn a_resolver_that_fails_is_no_reason_to_take_the_parents_zone() {
    let lab = Lab::new("");
    lab.net.mood(RESOLVER, Mood::Says(Rcode::SERV_FAIL));
    let error = lab
        .locate("_acme-challenge.www.example.org")
        .await
        .expect_err("no resolver");
    assert_eq!(
        error.to_string(),
        "no resolver answers: soa of www.example.org: SERVFAIL from 192.0.2.1:53"
    );
}

#[tokio::test]
async fn a_host_whose_alias_cannot_be_followed_keeps_its_own_zone() {
    // the resolver fails for every type but CNAME
    let lab = Lab::new(
        "host.example.org CNAME round.example.org.
         round.example.org CNAME host.example.org.",
    );
    let challenge_name = "_acme-challenge.host.example.org";
    assert_eq!(
        lab.zone_of(challenge_name).await,
        ("example.org".into(), challenge_name.into())
    );
}

#[tokio::test(start_paused = true)]
async fn a_name_under_no_zone_says_what_to_configure() {
    let error = Lab::new("")
        .locate("_acme-challenge.host.corp.internal")
        .await
        .expect_err("no zone");
    assert!(matches!(error, LocateError::NoZone { .. }));
    assert!(error.to_string().contains("list its `authorities`"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn configured_authorities_need_no_resolver_and_the_longest_suffix_wins() {
    let zone = |server: &str| ZoneOptions {
        authorities: vec![Authority::Address(address(server))],
        ..ZoneOptions::default()
    };
    let zones = BTreeMap::from([
        (name("example.org"), zone("192.0.2.99")),
        (name("corp.example.org"), zone(OTHER)),
        (name("host.corp.example.org"), ZoneOptions::default()),
    ]);
    let lab = Lab::with(
        "",
        Options {
            zones,
            resolvers: vec![address(RESOLVER).into()],
            ..Options::default()
        },
    );
    lab.net.serve(OTHER, "corp.example.org", "");
    let found = lab
        .locate("_acme-challenge.host.corp.example.org")
        .await
        .expect("a location");
    assert_eq!(found.zone, name("corp.example.org"));
    assert_eq!(
        found.servers,
        [Server {
            name: None,
            addresses: vec![address(OTHER)]
        }]
    );
    assert_eq!(lab.net.count(RESOLVER), 0);
}

#[tokio::test(start_paused = true)]
async fn authorities_configured_for_a_name_within_a_zone_tell_its_apex() {
    let authorities = vec![Authority::Address(address(ONE))];
    let zones = BTreeMap::from([(
        name("www.example.org"),
        ZoneOptions {
            authorities,
            ..ZoneOptions::default()
        },
    )]);
    let lab = Lab::with(
        "",
        Options {
            zones,
            resolvers: vec![address(RESOLVER).into()],
            ..Options::default()
        },
    );
    assert_eq!(
        lab.zone_of("_acme-challenge.www.example.org").await.0,
        "example.org"
    );
}

#[tokio::test(start_paused = true)]
async fn a_server_of_the_parent_only_is_lame_for_the_child() {
    let cut = "sub.example.org NS ns.example.net.\nsub.example.org NS ns4.example.net.\n";
    let lab = Lab::new(cut);
    lab.net.serve(OTHER, "sub.example.org", cut);
    lab.net
        .publish(OTHER, "example.net", "ns4.example.net A 203.0.113.4");
    // listed for the child, but answers from the parent as if it had no cut
    lab.net.serve("203.0.113.4", "example.org", ORG);
    let found = lab
        .locate("_acme-challenge.host.sub.example.org")
        .await
        .expect("one server serves it");
    assert_eq!((found.zone, found.servers.len()), (name("sub.example.org"), 2));
    let dns = Dns::over(
        lab.net.clone(),
        Options {
            resolvers: vec![address(RESOLVER).into()],
            ..Options::default()
        },
    );
    let dns = dns.expect("good options");
    lab.net
        .serve(OTHER, "sub.example.org", "sub.example.org NS ns4.example.net.\n");
    let error = dns
        .locate(&name("_acme-challenge.host.sub.example.org"))
        .await
        .expect_err("nobody serves it");
    assert!(
        error.to_string().contains("203.0.113.4:53 is not authoritative"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_host_that_is_an_alias_keeps_its_own_zone() {
    let lab = Lab::new("cdn.example.org CNAME www.example.net.\n");
    let place = lab.zone_of("_acme-challenge.cdn.example.org").await;
    assert_eq!(
        place,
        ("example.org".into(), "_acme-challenge.cdn.example.org".into())
    );
}

#[tokio::test(start_paused = true)]
async fn an_authority_configured_by_name_is_asked_on_its_port() {
    let authorities = vec![Authority::Host(name("ns2.example.org"), 5353)];
    let zones = BTreeMap::from([(
        name("corp.internal"),
        ZoneOptions {
            authorities,
            ..ZoneOptions::default()
        },
    )]);
    let lab = Lab::with(
        "",
        Options {
            zones,
            resolvers: vec![address(RESOLVER).into()],
            ..Options::default()
        },
    );
    lab.net.serve("198.51.100.53:5353", "corp.internal", "");
    let found = lab
        .locate("_acme-challenge.corp.internal")
        .await
        .expect("a location");
    assert_eq!(
        found.servers[0].addresses,
        [address("198.51.100.53:5353"), address("[2001:db8::53]:5353")]
    );
}

#[tokio::test(start_paused = true)]
async fn a_name_server_without_an_address_is_reported_and_left_out() {
    let lab = Lab::new("example.org NS gone.example.net.\n");
    let found = lab
        .locate("_acme-challenge.www.example.org")
        .await
        .expect("a location");
    assert_eq!(found.servers.len(), 2);
    assert_eq!(
        found.unresolved,
        [Unresolved {
            name: name("gone.example.net"),
            failure: None
        }]
    );
}

#[tokio::test(start_paused = true)]
async fn a_hundred_names_of_one_zone_ask_for_its_servers_once() {
    let lab = Lab::new("");
    let names: Vec<_> = (0..100)
        .map(|n| name(&format!("_acme-challenge.h{n}.example.org")))
        .collect();
    let found = join_all(names.iter().map(|name| lab.dns.locate(name))).await;
    assert!(found.iter().all(Result::is_ok));
    let asked = lab.net.asked.lock();
    let of = |kind| asked.iter().filter(|(_, question)| question.kind == kind).count();
    assert_eq!((of(Kind::Ns), of(Kind::A), of(Kind::Aaaa)), (1, 2, 2));
    assert_eq!(of(Kind::Soa), 100, "each name may lie in a zone of its own");
}

#[tokio::test(start_paused = true)]
async fn a_zone_that_resolvers_find_bogus_is_located_all_the_same() {
    let lab = Lab::new("");
    let why = ExtendedError {
        code: 6,
        text: String::new(),
    };
    lab.net.mood(RESOLVER, Mood::FindsBogus(why));
    let place = lab.zone_of("_acme-challenge.www.example.org").await;
    assert_eq!(place.0, "example.org");
    assert!(
        lab.net
            .asked
            .lock()
            .iter()
            .any(|(_, question)| question.checking == Checking::Disabled)
    );
}

#[tokio::test(start_paused = true)]
async fn endless_silence_ends_at_the_deadline() {
    let lab = Lab::new("");
    for server in [ONE, TWO, "2001:db8::53", RESOLVER] {
        lab.net.mood(server, Mood::Silent);
    }
    let start = Instant::now();
    assert!(lab.locate("_acme-challenge.www.example.org").await.is_err());
    assert!(start.elapsed() <= DEFAULT_QUERY_TIMEOUT * LOCATE_TIMEOUTS);
}

#[test]
fn options_that_cannot_work_are_refused() {
    let no_time = Options {
        query_timeout: Duration::ZERO,
        ..Options::default()
    };
    assert_eq!(Dns::new(no_time).err(), Some(SetupError::NoTime));
    let no_port = Options {
        resolvers: vec![address("192.0.2.1:0").into()],
        ..Options::default()
    };
    assert_eq!(
        Dns::new(no_port).err(),
        Some(SetupError::NoPort(address("192.0.2.1:0")))
    );
}

fn with_zone(apex: &str, zone: ZoneOptions) -> Options {
    Options {
        zones: BTreeMap::from([(name(apex), zone)]),
        resolvers: vec![address(RESOLVER).into()],
        ..Options::default()
    }
}

#[tokio::test(start_paused = true)]
async fn names_in_a_zone_are_asked_of_its_resolvers_and_others_are_not() {
    let zone = ZoneOptions {
        resolvers: vec![address("192.0.2.2").into()],
        ..ZoneOptions::default()
    };
    let lab = Lab::with("", with_zone("example.org", zone));
    lab.net.resolve("192.0.2.2");
    for host in ["www.example.org", "example.net"] {
        let challenge_name = name(&format!("_acme-challenge.{host}"));
        lab.dns.locate(&challenge_name).await.expect("a location");
    }
    let asked = lab.net.asked.lock();
    for (server, question) in asked.iter().filter(|(_, question)| question.recursive) {
        let inside = question.name.is_within(&name("example.org"));
        assert_eq!(*server == address("192.0.2.2"), inside, "{question}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_resolver_given_by_name_is_looked_up_by_those_with_an_address_and_once() {
    let named = Resolver::Named {
        name: name("www.example.org"),
        port: 853,
        channel: Channel::Tls {
            name: Some(name("www.example.org")),
        },
    };
    let zone = ZoneOptions {
        resolvers: vec![named],
        ..ZoneOptions::default()
    };
    let lab = Lab::with("", with_zone("example.net", zone));
    lab.net.resolve("192.0.2.80:853");
    for host in ["a", "b"] {
        let challenge_name = name(&format!("_acme-challenge.{host}.example.net"));
        lab.dns.locate(&challenge_name).await.expect("a location");
    }
    let asked = lab.net.asked.lock();
    let looked_up = asked
        .iter()
        .filter(|(_, question)| question.name == name("www.example.org"));
    assert_eq!(looked_up.count(), 2, "A and AAAA");
    assert!(
        asked
            .iter()
            .any(|(server, _)| *server == address("192.0.2.80:853"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_resolver_whose_name_has_no_address_is_named_in_the_error() {
    let named = Resolver::Named {
        name: name("gone.example.org"),
        port: 443,
        channel: Channel::Https {
            name: Some(name("gone.example.org")),
            path: "/dns-query".into(),
        },
    };
    let zone = ZoneOptions {
        resolvers: vec![named],
        ..ZoneOptions::default()
    };
    let lab = Lab::with("", with_zone("example.net", zone));
    let error = lab
        .dns
        .locate(&name("_acme-challenge.a.example.net"))
        .await
        .expect_err("no resolver");
    assert_eq!(
        error.to_string(),
        "no resolver answers: a of gone.example.org: 192.0.2.1:53 knows no address of it; \
         aaaa of gone.example.org: 192.0.2.1:53 knows no address of it"
    );
}

#[tokio::test(start_paused = true)]
async fn where_the_authorities_are_not_asked_nobody_hears_of_the_challenge_name() {
    for (visibility, apex) in [
        (Visibility::Wait(Duration::from_secs(1)), "www.example.org"),
        (Visibility::ProviderSync, "www.example.org"),
        (Visibility::Doh, "example.org"),
    ] {
        let zone = ZoneOptions {
            visibility: Some(visibility),
            ..ZoneOptions::default()
        };
        let lab = Lab::with("", with_zone("www.example.org", zone));
        let found = lab
            .locate("_acme-challenge.www.example.org")
            .await
            .expect("a location");
        assert_eq!((found.zone, found.visibility), (name(apex), visibility));
        assert_eq!(found.servers, []);
        let asked = lab.net.asked.lock();
        assert!(asked.iter().all(|(_, question)| question.recursive));
        assert_eq!(
            asked.is_empty(),
            visibility != Visibility::Doh,
            "only for the cut"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_alias_into_a_zone_of_another_visibility_is_followed_into_it() {
    let zone = ZoneOptions {
        visibility: Some(Visibility::ProviderSync),
        ..ZoneOptions::default()
    };
    let lab = Lab::with(
        "_acme-challenge.www.example.org CNAME www.acme.example.net.\n",
        with_zone("acme.example.net", zone),
    );
    let found = lab
        .locate("_acme-challenge.www.example.org")
        .await
        .expect("a location");
    assert_eq!(found.owner, name("www.acme.example.net"));
    assert_eq!(found.visibility, Visibility::ProviderSync);
}

#[tokio::test(start_paused = true)]
async fn the_nearest_zone_that_says_how_records_are_seen_counts() {
    let waits = ZoneOptions {
        visibility: Some(Visibility::ProviderSync),
        ..ZoneOptions::default()
    };
    let asked = ZoneOptions {
        authorities: vec![Authority::Address(address(ONE))],
        ..ZoneOptions::default()
    };
    let silent = ZoneOptions {
        vantage: Some(Vec::new()),
        ..ZoneOptions::default()
    };
    let mut options = with_zone("example.org", waits);
    options.zones.insert(name("www.example.org"), asked);
    options.zones.insert(name("a.b.example.org"), silent);
    let lab = Lab::with("", options);
    for (host, visibility) in [
        ("www.example.org", Visibility::Authorities),
        ("a.b.example.org", Visibility::ProviderSync),
        ("example.net", Visibility::Authorities),
    ] {
        let found = lab
            .locate(&format!("_acme-challenge.{host}"))
            .await
            .expect("a location");
        assert_eq!(found.visibility, visibility, "{host}");
    }
}

#[tokio::test(start_paused = true)]
async fn where_everything_on_port_53_is_dropped_the_error_names_the_other_ways() {
    let lab = Lab::new("");
    for server in [ONE, TWO, "2001:db8::53"] {
        lab.net.mood(server, Mood::Silent);
    }
    let error = lab
        .locate("_acme-challenge.www.example.org")
        .await
        .expect_err("nobody answers");
    for mode in ["`doh`", "`provider-sync`", "`{wait: DURATION}`"] {
        assert!(error.to_string().contains(mode), "{error}");
    }
    lab.net.mood(RESOLVER, Mood::Silent);
    let error = lab
        .locate("_acme-challenge.deep.empty.example.org")
        .await
        .expect_err("nobody answers");
    assert!(error.to_string().contains("name encrypted resolvers"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_split_horizon_shows_as_two_faces() {
    let zone = ZoneOptions {
        authorities: vec![Authority::Address(address(ONE))],
        resolvers: vec![address("192.0.2.2").into()],
        ..ZoneOptions::default()
    };
    let lab = Lab::with("", with_zone("example.org", zone));
    // the zone above, and a resolver that knows only what stands outside
    lab.net.serve(
        "192.0.2.60",
        "org",
        "org NS a.nic.org.\na.nic.org A 192.0.2.60\nexample.org NS outside.example.net.\n",
    );
    lab.net.serve(
        "192.0.2.2",
        "example.org",
        "example.org NS outside.example.net.\n",
    );
    let views = lab.dns.views(&name("example.org")).await;
    assert_eq!(
        views.authorities[0].name_servers,
        [name("ns1.example.org"), name("ns2.example.org")]
    );
    assert_eq!(
        views.authorities[0].start.as_ref().map(|start| start.serial),
        Some(7)
    );
    assert_eq!(views.parent[0].name_servers, [name("outside.example.net")]);
    let shown: Vec<(bool, String)> = views
        .faces()
        .iter()
        .map(|face| (face.differs, face.to_string()))
        .collect();
    assert_eq!(
        shown,
        [
            (
                false,
                "its authorities: ns1.example.org, ns2.example.org, primary ns.invalid".to_owned()
            ),
            (
                true,
                "the configured resolvers: outside.example.net, primary ns.invalid".to_owned()
            ),
            (true, "the zone above: outside.example.net".to_owned()),
        ]
    );
    assert!(views.chosen, "{views:?}");
    // who says only half is not taken for somebody who knows another zone
    lab.net.mood("192.0.2.2", Mood::Silent);
    let faces = lab.dns.views(&name("example.org")).await.faces();
    let who: Vec<_> = faces.iter().map(|face| face.who).collect();
    assert_eq!(who, ["its authorities", "the zone above"]);
}
