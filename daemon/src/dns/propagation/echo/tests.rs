//! Resolvers that remember, on a small internet with a paused clock. The fake's SOA lets a "no" stand for a minute.

use std::{collections::BTreeMap, sync::Arc};

use super::*;
use crate::dns::{
    Dns, Failure, Location, Options, Resolver, Visibility, Wanted, ZoneOptions,
    fake::{FakeNet, Mood, address},
    location::Server,
};

const ZONE: &str = "example.org";
const OWNER: &str = "_acme-challenge.www.example.org";
const AUTHORITY: &str = "192.0.2.53";
const VANTAGE: &str = "203.0.113.1";
const OTHER: &str = "203.0.113.2";
const NEGATIVE_TTL: Duration = Duration::from_secs(60);

fn name(text: &str) -> DnsName {
    text.parse().expect("a name")
}

struct Lab {
    net: Arc<FakeNet>,
    dns: Dns,
    start: Instant,
    progress: Vec<Progress>,
}

impl Lab {
    fn new(vantage: &[&str]) -> Lab {
        let vantage = vantage.iter().map(|server| address(server).into()).collect();
        Lab::with(Options {
            vantage,
            ..Options::default()
        })
    }

    fn with(options: Options) -> Lab {
        let net = Arc::new(FakeNet::default());
        net.serve(AUTHORITY, ZONE, "example.org NS ns.example.org.\n");
        for server in [VANTAGE, OTHER] {
            net.resolve_and_remember(server);
        }
        Lab {
            dns: Dns::over(net.clone(), options).expect("good options"),
            net,
            start: Instant::now(),
            progress: Vec::new(),
        }
    }

    fn publish(&self) {
        self.net.publish(AUTHORITY, ZONE, &format!("{OWNER} TXT v1"));
    }

    /// Somebody asked too early.
    async fn poison(&self, server: &str) {
        let question = Question::recursive(name(OWNER), Kind::Txt);
        let asked = self
            .net
            .ask(&address(server).into(), &question, NEGATIVE_TTL)
            .await;
        asked.expect("an answer");
    }

    async fn wait(
        &mut self,
        visibility: Visibility,
        until: u64,
        memory: u64,
    ) -> Result<Vec<Sighting>, NotVisible> {
        let wanted = [Wanted {
            location: Location {
                challenge_name: name(OWNER),
                owner: name(OWNER),
                zone: name(ZONE),
                chain: Vec::new(),
                unfollowed: None,
                agreement: crate::dns::Agreement::All,
                visibility,
                servers: vec![Server {
                    name: None,
                    addresses: vec![address(AUTHORITY)],
                }],
                unresolved: Vec::new(),
            },
            values: vec!["v1".into()],
        }];
        let patience = Patience {
            until: self.start + Duration::from_secs(until),
            memory: self.start + Duration::from_secs(memory),
        };
        let progress = &mut self.progress;
        self.dns
            .wait_echoed(&wanted, patience, |now| progress.push(now))
            .await
    }
}

#[tokio::test(start_paused = true)]
async fn without_vantage_resolvers_nobody_is_asked() {
    let mut lab = Lab::new(&[]);
    assert_eq!(lab.wait(Visibility::Authorities, 1, 1).await, Ok(Vec::new()));
    assert_eq!(lab.net.asked.lock().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn every_vantage_resolver_is_asked_twice() {
    let mut lab = Lab::new(&[VANTAGE, OTHER]);
    lab.publish();
    let seen = lab.wait(Visibility::Authorities, 10, 10).await.expect("visible");
    assert_eq!(seen.len(), 2);
    assert!(
        seen.iter()
            .all(|sighting| !sighting.blocks() && sighting.witness == Witness::Vantage)
    );
    assert_eq!((lab.net.count(VANTAGE), lab.net.count(OTHER)), (2, 2));
    assert!(lab.start.elapsed() < Duration::from_millis(50));
}

#[tokio::test(start_paused = true)]
async fn a_no_is_waited_out_and_not_asked_for_meanwhile() {
    let mut lab = Lab::new(&[VANTAGE, OTHER]);
    lab.poison(VANTAGE).await;
    lab.publish();
    lab.wait(Visibility::Authorities, 10, 600).await.expect("visible");
    let took = lab.start.elapsed();
    assert!(
        took >= NEGATIVE_TTL && took < NEGATIVE_TTL + Duration::from_secs(2),
        "{took:?}"
    );
    assert!(
        lab.net.count(VANTAGE) <= 5,
        "{} questions",
        lab.net.count(VANTAGE)
    );
    let shown: Vec<String> = lab.progress[..]
        .iter()
        .flat_map(Progress::lagging)
        .map(ToString::to_string)
        .collect();
    let text = "the vantage resolver 203.0.113.1:53 lacks 1 of the values of _acme-challenge.www.example.org, and \
                remembers so until 20";
    assert!(shown.iter().any(|line| line.starts_with(text)), "{shown:?}");
}

#[tokio::test(start_paused = true)]
async fn a_no_that_outlasts_our_patience_fails_at_once_and_says_until_when() {
    let mut lab = Lab::new(&[VANTAGE]);
    lab.poison(VANTAGE).await;
    lab.publish();
    let error = lab
        .wait(Visibility::Authorities, 10, 30)
        .await
        .expect_err("it remembers for a minute");
    assert!(lab.start.elapsed() < Duration::from_secs(1));
    assert!(error.to_string().contains("and remembers so until 20"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_vantage_resolver_that_does_not_answer_is_not_passed_over() {
    let mut lab = Lab::new(&[VANTAGE, OTHER]);
    lab.publish();
    lab.net.mood(OTHER, Mood::Silent);
    let error = lab
        .wait(Visibility::Authorities, 12, 600)
        .await
        .expect_err("one is silent");
    assert!(lab.start.elapsed() <= Duration::from_secs(12));
    assert_eq!(
        error.to_string(),
        "not visible after 12s: the vantage resolver 203.0.113.2:53 cannot be asked for \
         _acme-challenge.www.example.org: no answer from 203.0.113.2:53 within 5s"
    );
}

#[tokio::test(start_paused = true)]
async fn old_values_are_waited_out_as_long_as_they_live() {
    let mut lab = Lab::new(&[VANTAGE]);
    lab.net.publish(AUTHORITY, ZONE, &format!("{OWNER} TXT old"));
    lab.poison(VANTAGE).await;
    lab.publish();
    lab.wait(Visibility::Authorities, 10, 600).await.expect("visible");
    let took = lab.start.elapsed();
    assert!(
        took >= Duration::from_secs(299) && took < Duration::from_secs(303),
        "the TTL of the old set: {took:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn resolvers_of_a_zone_count_before_vantage_and_only_the_encrypted_ones() {
    let secure = Resolver::At(Endpoint {
        address: address("203.0.113.1:853"),
        channel: crate::dns::Channel::Tls { name: None },
    });
    let zone = ZoneOptions {
        resolvers: vec![address("203.0.113.9").into(), secure],
        vantage: Some(vec![address(OTHER).into()]),
        ..ZoneOptions::default()
    };
    let mut lab = Lab::with(Options {
        zones: BTreeMap::from([(name(ZONE), zone)]),
        ..Options::default()
    });
    lab.net.resolve("203.0.113.1:853");
    let error = lab.wait(Visibility::Doh, 1, 1).await.expect_err("not published");
    assert!(
        error
            .sightings
            .iter()
            .all(|sighting| sighting.witness == Witness::Resolver)
    );
    assert_eq!(lab.net.count(OTHER), 0, "vantage comes second");
    lab.publish();
    lab.start = Instant::now();
    lab.net.resolve("203.0.113.1:853");
    let seen = lab.wait(Visibility::Doh, 10, 10).await.expect("visible");
    let seen: Vec<String> = seen
        .iter()
        .map(|sighting| sighting.endpoint.to_string())
        .collect();
    assert_eq!(seen, ["tls://203.0.113.1:853", "203.0.113.2:53"]);
    assert_eq!(lab.net.count("203.0.113.9"), 0);
}

#[tokio::test(start_paused = true)]
async fn where_nobody_is_to_be_asked_vantage_resolvers_are_not() {
    let mut lab = Lab::new(&[VANTAGE]);
    for visibility in [Visibility::ProviderSync, Visibility::Wait(NEGATIVE_TTL)] {
        assert_eq!(lab.wait(visibility, 1, 1).await, Ok(Vec::new()));
    }
    assert_eq!(lab.net.count(VANTAGE), 0);
}

#[tokio::test(start_paused = true)]
async fn an_alias_that_was_not_followed_is_named() {
    let mut lab = Lab::new(&[VANTAGE]);
    lab.net
        .publish(AUTHORITY, ZONE, &format!("{OWNER} CNAME elsewhere.example.org."));
    let error = lab
        .wait(Visibility::Authorities, 1, 1)
        .await
        .expect_err("elsewhere");
    assert!(
        error
            .to_string()
            .contains("holds it to be an alias of elsewhere.example.org"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_failure_of_a_resolver_is_tried_again_soon() {
    let mut lab = Lab::new(&[VANTAGE]);
    lab.publish();
    lab.net.mood(VANTAGE, Mood::Fails(Failure::ConnectionRefused));
    let net = lab.net.clone();
    let healed = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        net.mood(VANTAGE, Mood::Well);
    };
    let (seen, ()) = futures_util::future::join(lab.wait(Visibility::Authorities, 10, 10), healed).await;
    seen.expect("visible");
    assert!(lab.start.elapsed() < Duration::from_secs(2));
}
