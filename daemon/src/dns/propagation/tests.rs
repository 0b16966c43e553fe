//! When a record counts as visible, on a small internet with a paused clock.

use std::sync::Arc;

use super::super::{
    Dns, Failure, Location, Options, Rcode, Server, Unresolved, Visibility,
    fake::{FakeNet, Mood, address},
};
use super::*;

const ZONE: &str = "example.org";
const OWNER: &str = "_acme-challenge.www.example.org";
const FAST: &str = "192.0.2.53";
const SLOW: &str = "198.51.100.53";
const SLOW6: &str = "2001:db8::53";

fn name(text: &str) -> DnsName {
    text.parse().expect("a name")
}

fn location(owner: &str) -> Location {
    Location {
        challenge_name: name(owner),
        owner: name(owner),
        zone: name(ZONE),
        chain: Vec::new(),
        unfollowed: None,
        agreement: crate::dns::Agreement::All,
        visibility: Visibility::Authorities,
        servers: vec![
            Server {
                name: Some(name("ns1.example.org")),
                addresses: vec![address(FAST)],
            },
            Server {
                name: Some(name("ns2.example.org")),
                addresses: vec![address(SLOW), address(SLOW6)],
            },
        ],
        unresolved: Vec::new(),
    }
}

fn wanted(values: &[&str]) -> Vec<Wanted> {
    vec![Wanted {
        location: location(OWNER),
        values: values.iter().map(|value| (*value).to_owned()).collect(),
    }]
}

struct Lab {
    net: Arc<FakeNet>,
    dns: Dns,
    start: Instant,
    progress: Vec<Progress>,
}

impl Lab {
    fn new() -> Lab {
        let net = Arc::new(FakeNet::default());
        for server in [FAST, SLOW, SLOW6] {
            net.serve(server, ZONE, "example.org NS ns1.example.org.\n");
        }
        let dns = Dns::over(net.clone(), Options::default()).expect("good options");
        Lab {
            net,
            dns,
            start: Instant::now(),
            progress: Vec::new(),
        }
    }

    fn publish(&self, servers: &[&str], value: &str) {
        for server in servers {
            self.net.publish(server, ZONE, &format!("{OWNER} TXT {value}"));
        }
    }

    async fn wait(&mut self, wanted: &[Wanted], seconds: u64) -> Result<Report, NotVisible> {
        let deadline = self.start + Duration::from_secs(seconds);
        let progress = &mut self.progress;
        self.dns
            .wait_visible(wanted, Pace::default(), deadline, |now| progress.push(now))
            .await
    }
}

/// Runs `act` after `delay`, beside the wait.
async fn beside<T>(delay: Duration, act: impl FnOnce(), wait: impl Future<Output = T>) -> T {
    let later = async {
        tokio::time::sleep(delay).await;
        act();
    };
    futures_util::future::join(later, wait).await.1
}

#[tokio::test(start_paused = true)]
async fn what_every_server_shows_is_visible_after_two_looks_at_each() {
    let mut lab = Lab::new();
    lab.publish(&[FAST, SLOW, SLOW6], "v1");
    lab.publish(&[FAST, SLOW, SLOW6], "v2");
    let report = lab.wait(&wanted(&["v1", "v2"]), 10).await.expect("visible");
    assert!(report.took < Duration::from_millis(50), "{:?}", report.took);
    assert_eq!(report.sightings.len(), 3);
    for server in [FAST, SLOW, SLOW6] {
        assert_eq!(lab.net.count(server), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn one_value_of_two_is_not_visible() {
    let mut lab = Lab::new();
    lab.publish(&[FAST, SLOW, SLOW6], "v1");
    lab.publish(&[FAST, SLOW6], "v2");
    let error = lab
        .wait(&wanted(&["v1", "v2"]), 3)
        .await
        .expect_err("one server lags");
    assert_eq!(
        error.to_string(),
        "not visible after 3s: ns2.example.org (198.51.100.53:53) lags: it lacks 1 of the values of \
         _acme-challenge.www.example.org, shows v1"
    );
}

#[tokio::test(start_paused = true)]
async fn a_server_that_lags_is_waited_for_and_shown_as_lagging_with_its_serial() {
    let mut lab = Lab::new();
    lab.publish(&[FAST, SLOW6], "v1");
    let net = lab.net.clone();
    let late = move || net.publish(SLOW, ZONE, &format!("{OWNER} TXT v1"));
    let report = beside(Duration::from_secs(3), late, lab.wait(&wanted(&["v1"]), 60))
        .await
        .expect("visible");
    assert!(
        report.took >= Duration::from_secs(3) && report.took < Duration::from_secs(5),
        "{:?}",
        report.took
    );
    let first = lab
        .progress
        .iter()
        .find(|progress| progress.lagging().count() == 1)
        .expect("one lags");
    let line = first.lagging().next().expect("the one").to_string();
    assert!(
        line.starts_with("ns2.example.org (198.51.100.53:53) lags") && line.ends_with("serial 7"),
        "{line}"
    );
    assert!(
        lab.progress.len() < 12,
        "only changes are reported: {}",
        lab.progress.len()
    );
}

#[tokio::test(start_paused = true)]
async fn looks_thin_out_while_nothing_happens() {
    let mut lab = Lab::new();
    lab.wait(&wanted(&["v1"]), 180)
        .await
        .expect_err("never published");
    let looks = lab.net.count(FAST);
    assert!((35..60).contains(&looks), "{looks} looks in three minutes");
}

#[tokio::test(start_paused = true)]
async fn a_record_that_vanishes_between_two_looks_does_not_count() {
    let mut lab = Lab::new();
    lab.publish(&[FAST, SLOW, SLOW6], "v1");
    let net = lab.net.clone();
    let gone = move || net.remove(SLOW, ZONE, OWNER);
    let error = beside(Duration::from_millis(10), gone, lab.wait(&wanted(&["v1"]), 2))
        .await
        .expect_err("gone again");
    let lagging: Vec<_> = error
        .sightings
        .iter()
        .filter(|sighting| sighting.blocks())
        .collect();
    assert_eq!(lagging.len(), 1);
    assert_eq!(lagging[0].endpoint, address(SLOW).into());
}

#[tokio::test(start_paused = true)]
async fn answers_without_authority_do_not_count() {
    let mut lab = Lab::new();
    lab.publish(&[FAST, SLOW, SLOW6], "v1");
    lab.net.mood(SLOW, Mood::NotAuthoritative);
    let error = lab.wait(&wanted(&["v1"]), 2).await.expect_err("lame");
    assert!(
        error
            .to_string()
            .contains("198.51.100.53:53 is not authoritative"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn refusals_and_silence_block_and_are_told_apart() {
    let mut lab = Lab::new();
    lab.publish(&[FAST, SLOW, SLOW6], "v1");
    lab.net.mood(SLOW, Mood::Says(Rcode::REFUSED));
    lab.net.mood(FAST, Mood::Silent);
    let error = lab.wait(&wanted(&["v1"]), 12).await.expect_err("two are unwell");
    let text = error.to_string();
    assert!(text.contains("REFUSED from 198.51.100.53:53"), "{text}");
    assert!(text.contains("no answer from 192.0.2.53:53 within 5s"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_family_that_does_not_work_from_here_is_left_out_with_a_note() {
    let mut lab = Lab::new();
    lab.publish(&[FAST, SLOW], "v1");
    lab.net.mood(SLOW6, Mood::Fails(Failure::Unreachable));
    let report = lab.wait(&wanted(&["v1"]), 5).await.expect("visible on IPv4");
    assert_eq!(report.sightings[2].standing, Standing::LeftOut);
    assert!(
        report.sightings[2]
            .to_string()
            .contains("IPv6 does not work from here")
    );
}

#[tokio::test(start_paused = true)]
async fn an_unreachable_address_blocks_when_its_family_works_elsewhere() {
    let mut lab = Lab::new();
    lab.publish(&[FAST, SLOW6], "v1");
    lab.net.mood(SLOW, Mood::Fails(Failure::Unreachable));
    let error = lab
        .wait(&wanted(&["v1"]), 5)
        .await
        .expect_err("that server is down");
    assert!(
        error.to_string().contains("no route to 198.51.100.53:53"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_server_with_no_other_address_blocks_though_its_family_does_not_work() {
    let mut lab = Lab::new();
    lab.publish(&[FAST, SLOW], "v1");
    lab.net.mood(SLOW6, Mood::Fails(Failure::Unreachable));
    let mut wanted = wanted(&["v1"]);
    wanted[0].location.servers[1].addresses = vec![address(SLOW6)];
    lab.wait(&wanted, 5)
        .await
        .expect_err("nobody has seen that server");
}

#[tokio::test(start_paused = true)]
async fn names_of_one_server_are_asked_together() {
    let mut lab = Lab::new();
    let owners: Vec<_> = (0..20)
        .map(|n| format!("_acme-challenge.h{n}.example.org"))
        .collect();
    for server in [FAST, SLOW, SLOW6] {
        owners
            .iter()
            .for_each(|owner| lab.net.publish(server, ZONE, &format!("{owner} TXT v")));
    }
    let wanted: Vec<_> = owners
        .iter()
        .map(|owner| Wanted {
            location: location(owner),
            values: vec!["v".into()],
        })
        .collect();
    let report = lab.wait(&wanted, 5).await.expect("visible");
    assert!(report.took < Duration::from_millis(50), "{:?}", report.took);
    assert_eq!(lab.net.count(FAST), 40);
}

#[tokio::test(start_paused = true)]
async fn a_hint_delays_the_first_look() {
    let lab = Lab::new();
    lab.publish(&[FAST, SLOW, SLOW6], "v1");
    let hint = Duration::from_secs(30);
    let deadline = lab.start + Duration::from_secs(60);
    let report = lab
        .dns
        .wait_visible(&wanted(&["v1"]), Pace::after(hint), deadline, drop)
        .await
        .expect("visible");
    assert!(
        report.took > hint && report.took < hint + Duration::from_millis(50),
        "{:?}",
        report.took
    );
}

#[tokio::test(start_paused = true)]
async fn nothing_wanted_is_visible_at_once() {
    let mut lab = Lab::new();
    assert_eq!(lab.wait(&[], 1).await.expect("visible").sightings, []);
}

#[tokio::test(start_paused = true)]
async fn the_report_carries_servers_that_could_not_be_resolved() {
    let mut lab = Lab::new();
    lab.publish(&[FAST, SLOW, SLOW6], "v1");
    let mut wanted = wanted(&["v1"]);
    wanted[0].location.unresolved = vec![Unresolved {
        name: name("ns3.example.org"),
        failure: None,
    }];
    assert_eq!(lab.wait(&wanted, 1).await.expect("visible").unresolved.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_quorum_excuses_servers_that_cannot_be_asked_and_names_them() {
    const THIRD: &str = "203.0.113.53";
    let mut lab = Lab::new();
    lab.net.serve(THIRD, ZONE, "example.org NS ns1.example.org.\n");
    let wanted = || {
        let mut wanted = wanted(&["v1"]);
        wanted[0].location.agreement = crate::dns::Agreement::Quorum;
        wanted[0].location.servers.push(Server {
            name: Some(name("ns3.example.org")),
            addresses: vec![address(THIRD)],
        });
        wanted
    };
    lab.publish(&[FAST, SLOW, SLOW6], "v1");
    // one that answers without the record does harm
    let error = lab.wait(&wanted(), 2).await.expect_err("the third lags");
    assert!(
        error
            .to_string()
            .contains("ns3.example.org (203.0.113.53:53) lags"),
        "{error}"
    );
    lab.net.mood(THIRD, Mood::NotAuthoritative);
    let report = lab.wait(&wanted(), 10).await.expect("a quorum");
    let text = report.to_string();
    assert!(
        text.contains("ns3.example.org (203.0.113.53:53) is excused for") && text.contains("lame"),
        "{text}"
    );
    // two of three are no minority
    lab.net.mood(FAST, Mood::Silent);
    let error = lab.wait(&wanted(), 30).await.expect_err("one is no quorum");
    assert!(!error.to_string().contains("excused"), "{error}");
}
