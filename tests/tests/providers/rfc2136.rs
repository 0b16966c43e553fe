//! rfc2136 in its sandbox, one body of tests against BIND, Knot DNS and PowerDNS. Its own crate has the tests of
//! every answer that a server can give.

use std::collections::BTreeMap;

use dns01d::plugin::{Failure, FailureClass, Instance, ProviderClient as _, Record};
use lab::{
    bind::{Bind, BindOptions, BindPolicy},
    dns::TsigKey,
    knot::Knot,
    powerdns::PowerDns,
    primary::{Open, PrimaryOptions, PrimaryZone},
};

use crate::instance::{LONG, instance, present, record, remove};

/// Of `example.test`, where a value of somebody else stands.
const APEX: &str = "_acme-challenge.example.test";
const ALGORITHMS: [&str; 4] = ["hmac-sha224", "hmac-sha256", "hmac-sha384", "hmac-sha512"];
/// One that no server has.
const WRONG_SECRET: &str = "d3Jvbmcgc2VjcmV0IG9mIGEga2V5IHRoYXQgaXMgbm9uZQ==";

/// A real primary server.
enum Server {
    Bind(Bind),
    Knot(Knot),
    PowerDns(PowerDns),
}

/// It serves `example.test` (which delegates `sub` to itself and `away` to others), `sub.example.test`,
/// `second.test`, and `closed.test`, which no key may change. Each algorithm has a key, named as it is.
struct Primary {
    server: Server,
    keys: BTreeMap<&'static str, TsigKey>,
}

fn keys() -> BTreeMap<&'static str, TsigKey> {
    let key = |algorithm: &'static str| {
        let secret = TsigKey::generate(algorithm)
            .expect("a key")
            .secret_base64()
            .to_owned();
        let key = TsigKey::parse(&format!("{algorithm}:{algorithm}:{secret}")).expect("a key");
        (algorithm, key)
    };
    ALGORITHMS.map(key).into()
}

fn options(keys: &BTreeMap<&'static str, TsigKey>) -> PrimaryOptions {
    let records =
        "_acme-challenge TXT \"foreign\"\nsub NS ns1.sub\nns1.sub A 127.0.0.1\naway NS ns.elsewhere.test.\n";
    PrimaryOptions {
        zones: vec![
            PrimaryZone {
                records: records.to_owned(),
                ..PrimaryZone::new("example.test")
            },
            PrimaryZone::new("sub.example.test"),
            PrimaryZone::new("second.test"),
            PrimaryZone {
                open: Open::Nowhere,
                ..PrimaryZone::new("closed.test")
            },
        ],
        keys: keys.values().cloned().collect(),
    }
}

impl Primary {
    async fn bind() -> Self {
        let keys = keys();
        let options = options(&keys);
        let open = options.zones.iter().filter(|zone| zone.open != Open::Nowhere);
        let grant = |(zone, key): (&PrimaryZone, &TsigKey)| {
            format!(
                "grant {} subdomain _acme-challenge.{}. TXT; ",
                key.name(),
                zone.name
            )
        };
        let grants: String = open
            .flat_map(|zone| options.keys.iter().map(move |key| (zone, key)))
            .map(grant)
            .collect();
        let bind = BindOptions {
            zones: options.zones.iter().map(|zone| zone.name.clone()).collect(),
            policy: BindPolicy::Text(grants),
            records: options.zones[0].records.clone(),
            keys: options.keys,
            ..BindOptions::new("example.test", keys[ALGORITHMS[0]].clone())
        };
        let server = Server::Bind(Bind::start(bind).await.expect("BIND"));
        Primary { server, keys }
    }

    async fn knot() -> Self {
        let keys = keys();
        let server = Server::Knot(Knot::start(&options(&keys)).await.expect("Knot DNS"));
        Primary { server, keys }
    }

    async fn powerdns() -> Self {
        let keys = keys();
        let server = Server::PowerDns(PowerDns::start(&options(&keys)).await.expect("PowerDNS"));
        Primary { server, keys }
    }

    fn address(&self) -> String {
        match &self.server {
            Server::Bind(server) => server.addr(),
            Server::Knot(server) => server.addr(),
            Server::PowerDns(server) => server.addr(),
        }
        .to_string()
    }

    fn log(&self) -> String {
        match &self.server {
            Server::Bind(server) => server.log(),
            Server::Knot(server) => server.log(),
            Server::PowerDns(server) => server.log(),
        }
    }

    async fn txt(&self, name: &str) -> Vec<String> {
        let values = match &self.server {
            Server::Bind(server) => server.txt(name).await,
            Server::Knot(server) => server.txt(name).await,
            Server::PowerDns(server) => server.txt(name).await,
        };
        values.expect("an answer")
    }

    fn provider(&self) -> Instance {
        self.signed("hmac-sha256", "udp", &[])
    }

    /// With the key of an algorithm.
    fn signed(&self, algorithm: &str, transport: &str, more: &[(&str, &str, bool)]) -> Instance {
        let key = &self.keys[algorithm];
        self.with_key(
            key.name(),
            algorithm,
            key.secret_base64(),
            &[&[("transport", transport, false)], more].concat(),
        )
    }

    fn with_key(&self, name: &str, algorithm: &str, secret: &str, more: &[(&str, &str, bool)]) -> Instance {
        let address = self.address();
        let values = [
            ("server", address.as_str(), false),
            ("tsig-key", name, false),
            ("tsig-algorithm", algorithm, false),
            ("tsig-secret", secret, true),
        ];
        instance("rfc2136", &[&values, more].concat())
    }
}

/// Runs each body against each server, as a test of its own.
macro_rules! against_each_server {
    ($($body:ident)*) => {
        mod bind { $(#[tokio::test] async fn $body() { super::$body(super::Primary::bind().await).await })* }
        mod knot { $(#[tokio::test] async fn $body() { super::$body(super::Primary::knot().await).await })* }
        mod powerdns { $(#[tokio::test] async fn $body() { super::$body(super::Primary::powerdns().await).await })* }
    };
}

against_each_server! {
    values_stand_beside_others_and_go_one_by_one
    what_is_so_already_is_success_and_changes_nothing
    each_name_goes_into_the_zone_that_the_server_has_for_it
    a_name_that_is_delegated_away_is_refused_with_the_cut
    every_algorithm_signs_over_udp_and_tcp
    a_wrong_key_secret_or_algorithm_is_told_as_the_server_says_it
    what_a_key_may_not_change_fails_alone
    a_zone_that_the_server_has_not_is_told
    a_hundred_records_are_one_update
    a_check_tells_of_the_key_and_changes_nothing
}

async fn values_stand_beside_others_and_go_one_by_one(primary: Primary) {
    let provider = primary.provider();
    let records = [record("example.test", "apex"), record("example.test", "wildcard")];
    present(&provider, &records).await;
    assert_eq!(primary.txt(APEX).await, ["apex", "foreign", "wildcard"]);
    remove(&provider, &records[..1]).await;
    assert_eq!(primary.txt(APEX).await, ["foreign", "wildcard"]);
    remove(&provider, &records[1..]).await;
    assert_eq!(primary.txt(APEX).await, ["foreign"]);
}

/// The answer to an update does not tell whether anything changed, so nothing says so here.
async fn what_is_so_already_is_success_and_changes_nothing(primary: Primary) {
    let records = &[record("example.test", "once")];
    present(&primary.provider(), records).await;
    // another process, which remembers nothing
    present(&primary.provider(), records).await;
    assert_eq!(primary.txt(APEX).await, ["foreign", "once"]);
    let provider = primary.provider();
    remove(&provider, records).await;
    remove(&provider, records).await;
    assert_eq!(primary.txt(APEX).await, ["foreign"]);
    remove(&provider, &[record("second.test", "never there")]).await;
}

async fn each_name_goes_into_the_zone_that_the_server_has_for_it(primary: Primary) {
    let provider = primary.provider();
    let mut records = ["example.test", "sub.example.test", "second.test"].map(|name| record(name, name));
    // what the daemon found elsewhere is no more than a hint
    records[2].zone = "test".to_owned();
    records[0].zone = "example.test".to_owned();
    present(&provider, &records).await;
    for record in &records {
        assert!(
            primary.txt(&record.fqdn).await.contains(&record.value),
            "{}",
            record.fqdn
        );
    }
    remove(&provider, &records).await;
    for record in &records {
        assert!(
            !primary.txt(&record.fqdn).await.contains(&record.value),
            "{}",
            record.fqdn
        );
    }
}

async fn a_name_that_is_delegated_away_is_refused_with_the_cut(primary: Primary) {
    let failure = refused(&primary.provider(), &record("deep.away.example.test", "v")).await;
    assert_eq!(failure.class, FailureClass::ZoneNotFound, "{failure}");
    assert!(
        failure.message.contains("delegates away.example.test"),
        "{failure}"
    );
}

async fn every_algorithm_signs_over_udp_and_tcp(primary: Primary) {
    for algorithm in ALGORITHMS {
        for transport in ["udp", "tcp"] {
            let provider = primary.signed(algorithm, transport, &[]);
            let records = [record("second.test", &format!("{algorithm}-{transport}"))];
            present(&provider, &records).await;
            assert_eq!(primary.txt(&records[0].fqdn).await, [records[0].value.as_str()]);
            remove(&provider, &records).await;
        }
    }
    assert!(primary.txt("_acme-challenge.second.test").await.is_empty());
}

async fn a_wrong_key_secret_or_algorithm_is_told_as_the_server_says_it(primary: Primary) {
    let key = &primary.keys["hmac-sha256"];
    let (name, secret) = (key.name(), key.secret_base64());
    // with the zone given, nothing is asked before the update
    for zone in [&[][..], &[("zone", "example.test", false)]] {
        let wrong_secret = primary.with_key(name, "hmac-sha256", WRONG_SECRET, zone);
        let wrong_key = primary.with_key("nobody", "hmac-sha256", secret, zone);
        let wrong_algorithm = primary.with_key(name, "hmac-sha512", secret, zone);
        let expected = match &primary.server {
            Server::Bind(_) | Server::Knot(_) => [("BADSIG", 16), ("BADKEY", 17), ("BADKEY", 17)],
            // it signs no such answer, and tells them apart in its log only
            Server::PowerDns(_) if zone.is_empty() => [("NOTAUTH without a signature", 9); 3],
            Server::PowerDns(_) => [("REFUSED without a signature", 5); 3],
        };
        for (provider, (word, code)) in [wrong_secret, wrong_key, wrong_algorithm].iter().zip(expected) {
            let failure = refused(provider, &record("example.test", "v")).await;
            assert_eq!(failure.class, FailureClass::Auth, "{failure}");
            assert!(failure.message.contains(word), "{word}: {failure}");
            assert_eq!(failure.native_code, Some(code), "{failure}");
            assert!(!failure.message.contains(secret) && !failure.message.contains(WRONG_SECRET));
        }
    }
    assert_eq!(primary.txt(APEX).await, ["foreign"]);
}

async fn what_a_key_may_not_change_fails_alone(primary: Primary) {
    let provider = primary.provider();
    let records = [record("closed.test", "v"), record("second.test", "v")];
    let outcomes = provider.present(&records, LONG).await.expect("an answer");
    let failure = outcomes[0].as_ref().expect_err("nobody may");
    assert_eq!(failure.class, FailureClass::Auth, "{failure}");
    outcomes[1].as_ref().expect("beside it");
    assert!(primary.txt("_acme-challenge.closed.test").await.is_empty());
    assert_eq!(primary.txt("_acme-challenge.second.test").await, ["v"]);
    // PowerDNS knows no limit on names
    if !matches!(primary.server, Server::PowerDns(_)) {
        let mut elsewhere = record("second.test", "v");
        elsewhere.fqdn = "www.second.test".to_owned();
        let failure = refused(&provider, &elsewhere).await;
        assert_eq!(failure.class, FailureClass::Auth, "{failure}");
        assert!(primary.txt("www.second.test").await.is_empty());
    }
}

async fn a_zone_that_the_server_has_not_is_told(primary: Primary) {
    let unserved = record("unserved.test", "v");
    let failure = refused(&primary.provider(), &unserved).await;
    assert_eq!(failure.class, FailureClass::ZoneNotFound, "{failure}");
    assert!(failure.message.contains("no zone for"), "{failure}");
    let named = primary.signed("hmac-sha256", "udp", &[("zone", "unserved.test", false)]);
    let failure = refused(&named, &unserved).await;
    match &primary.server {
        // without a zone it has nothing to verify a signature by
        Server::Knot(_) => {
            assert_eq!(failure.class, FailureClass::Auth, "{failure}");
            assert!(failure.message.contains("has no such zone"), "{failure}");
        }
        Server::Bind(_) | Server::PowerDns(_) => {
            assert_eq!(failure.class, FailureClass::ZoneNotFound, "{failure}");
            assert!(
                failure.message.contains("not authoritative for unserved.test"),
                "{failure}"
            );
        }
    }
}

async fn a_hundred_records_are_one_update(primary: Primary) {
    let provider = primary.provider();
    let records: Vec<Record> = (0..100)
        .map(|at| {
            let mut record = record("example.test", &format!("{at:043}"));
            // two values at each of fifty names
            record.fqdn = format!("h{}.{APEX}", at / 2);
            record
        })
        .collect();
    present(&provider, &records).await;
    for pair in records.chunks(2) {
        assert_eq!(
            primary.txt(&pair[0].fqdn).await,
            [&*pair[0].value, &*pair[1].value]
        );
    }
    let log = primary.log();
    let updates = match &primary.server {
        Server::Bind(_) => log.matches("adding an RR at 'h0.").count(),
        Server::Knot(_) => log.matches("DDNS, finished").count() * 2,
        Server::PowerDns(_) => log.matches("starting transaction").count() * 2,
    };
    assert_eq!(updates, 2, "{log}");
    remove(&provider, &records).await;
    for record in &records {
        assert!(primary.txt(&record.fqdn).await.is_empty(), "{}", record.fqdn);
    }
    assert_eq!(primary.txt(APEX).await, ["foreign"]);
}

async fn a_check_tells_of_the_key_and_changes_nothing(primary: Primary) {
    let provider = primary.provider();
    let records = [
        record("example.test", "v"),
        record("closed.test", "v"),
        record("unserved.test", "v"),
    ];
    let outcomes = provider.check(&records, LONG).await.expect("an answer");
    let done = outcomes[0].as_ref().expect("allowed");
    assert!(done.message.contains("may remove TXT"), "{}", done.message);
    let class = |at: usize| outcomes[at].as_ref().expect_err("refused").class;
    assert_eq!(
        (class(1), class(2)),
        (FailureClass::Auth, FailureClass::ZoneNotFound)
    );
    assert_eq!(primary.txt(APEX).await, ["foreign"]);
    let key = &primary.keys["hmac-sha256"];
    let with_zone = [("zone", "example.test", false)];
    for zone in [&[][..], &with_zone] {
        let right = primary.with_key(key.name(), "hmac-sha256", key.secret_base64(), zone);
        let outcomes = right.check(&[], LONG).await.expect("an answer");
        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
        let wrong = primary.with_key(key.name(), "hmac-sha256", WRONG_SECRET, zone);
        let outcomes = wrong.check(&[], LONG).await.expect("an answer");
        // Knot DNS looks at no key but for a zone of its own, and the check says so
        if matches!(primary.server, Server::Knot(_)) && zone.is_empty() {
            assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
            continue;
        }
        let failure = outcomes[0].as_ref().expect_err("refused");
        assert_eq!(failure.class, FailureClass::Auth);
    }
}

/// The one failure of a record that must not be written.
async fn refused(provider: &Instance, record: &Record) -> Failure {
    let mut outcomes = provider
        .present(std::slice::from_ref(record), LONG)
        .await
        .expect("an answer");
    outcomes.remove(0).expect_err("refused")
}
