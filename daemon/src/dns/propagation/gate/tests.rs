//! What many waits at once mean to a server, on a paused clock.

use futures_util::future::join_all;

use super::*;
use crate::dns::{
    Agreement, Dns, Location, NotVisible, Options, Pace, Report, Server as NameServer, Visibility, Wanted,
    fake::{FakeNet, Mood, address},
};

const ZONE: &str = "example.org";
const SERVER: &str = "192.0.2.53";

struct Lab {
    net: Arc<FakeNet>,
    dns: Dns,
}

impl Lab {
    fn new() -> Self {
        let net = Arc::new(FakeNet::default());
        net.serve(SERVER, ZONE, "example.org NS ns1.example.org.\n");
        let dns = Dns::over(net.clone(), Options::default()).unwrap();
        Lab { net, dns }
    }

    fn publish(&self, name: &str) {
        self.net.publish(SERVER, ZONE, &format!("{name} TXT v1"));
    }

    async fn wait(&self, name: &str, seconds: u64) -> Result<Report, NotVisible> {
        let owner: DnsName = name.parse().unwrap();
        let wanted = Wanted {
            location: Location {
                challenge_name: owner.clone(),
                owner,
                zone: ZONE.parse().unwrap(),
                chain: Vec::new(),
                unfollowed: None,
                agreement: Agreement::All,
                visibility: Visibility::Authorities,
                servers: vec![NameServer {
                    name: None,
                    addresses: vec![address(SERVER)],
                }],
                unresolved: Vec::new(),
            },
            values: vec!["v1".into()],
        };
        let deadline = Instant::now() + Duration::from_secs(seconds);
        self.dns
            .wait_visible(&[wanted], Pace::default(), deadline, drop)
            .await
    }

    async fn wait_all(&self, names: &[String], seconds: u64) -> Vec<Result<Report, NotVisible>> {
        join_all(names.iter().map(|name| self.wait(name, seconds))).await
    }

    fn most_under_way(&self) -> usize {
        self.net.under_way.lock().1
    }
}

fn names(count: usize) -> Vec<String> {
    (0..count)
        .map(|at| format!("_acme-challenge.n{at}.example.org"))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn two_waits_for_one_name_ask_once_at_each_look() {
    let lab = Lab::new();
    let name = &names(1)[0];
    lab.publish(name);
    let (one, other) = futures_util::future::join(lab.wait(name, 10), lab.wait(name, 10)).await;
    assert!(one.is_ok() && other.is_ok());
    assert_eq!(lab.net.count(SERVER), 2, "a look, and the one that confirms it");
}

#[tokio::test(start_paused = true)]
async fn a_thousand_names_are_asked_about_thirty_two_at_a_time() {
    let lab = Lab::new();
    let names = names(1000);
    for name in &names {
        lab.publish(name);
    }
    let reports = lab.wait_all(&names, 60).await;
    assert!(reports.iter().all(Result::is_ok));
    assert_eq!(lab.most_under_way(), PER_SERVER);
    assert_eq!(lab.net.count(SERVER), 2000);
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_is_asked_one_question_at_a_time_and_all_say_that_it_is_silent() {
    let lab = Lab::new();
    lab.net.mood(SERVER, Mood::Silent);
    let names = names(1000);
    let asked = async {
        tokio::time::sleep(Duration::from_secs(59)).await;
        lab.net.count(SERVER)
    };
    let (asked, waits) = futures_util::future::join(asked, lab.wait_all(&names, 60)).await;
    assert!(asked <= PER_SERVER + 12, "{asked} questions in a minute");
    for wait in waits {
        let text = wait.unwrap_err().to_string();
        assert!(text.contains(SERVER) && text.contains("no answer"), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn when_a_silent_server_speaks_again_all_names_are_seen_soon() {
    let lab = Lab::new();
    lab.net.mood(SERVER, Mood::Silent);
    let names = names(200);
    for name in &names {
        lab.publish(name);
    }
    let began = Instant::now();
    let back = Duration::from_secs(30);
    let speak = async {
        tokio::time::sleep(back).await;
        lab.net.mood(SERVER, Mood::Well);
    };
    let ((), reports) = futures_util::future::join(speak, lab.wait_all(&names, 120)).await;
    assert!(reports.iter().all(Result::is_ok));
    // a question that was on its way is lost, and looks are up to ten seconds apart by then
    let took = began.elapsed() - back;
    assert!(took < Duration::from_secs(20), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_about_one_name_shows_the_others() {
    let lab = Lab::new();
    lab.net
        .mood(SERVER, Mood::SilentAbout("_acme-challenge.n0.example.org"));
    let names = names(20);
    for name in &names {
        lab.publish(name);
    }
    let began = Instant::now();
    let (dropped, others) = futures_util::future::join(lab.wait(&names[0], 60), async {
        let reports = lab.wait_all(&names[1..], 60).await;
        (reports, began.elapsed())
    })
    .await;
    assert!(dropped.is_err());
    let (reports, took) = others;
    assert!(reports.iter().all(Result::is_ok));
    assert!(took < Duration::from_secs(1), "{took:?}");
}

/// Also where it is the only one that asks for a while.
#[tokio::test(start_paused = true)]
async fn a_name_that_comes_later_is_seen_beside_one_that_is_never_answered() {
    let lab = Lab::new();
    let names = names(2);
    lab.net
        .mood(SERVER, Mood::SilentAbout("_acme-challenge.n0.example.org"));
    let publish = async {
        tokio::time::sleep(Duration::from_secs(40)).await;
        lab.publish(&names[1]);
    };
    let (dropped, ((), seen)) = futures_util::future::join(
        lab.wait(&names[0], 110),
        futures_util::future::join(publish, lab.wait(&names[1], 110)),
    )
    .await;
    assert!(dropped.is_err());
    assert!(seen.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_is_given_up_leaves_the_way_free() {
    let lab = Lab::new();
    lab.net.mood(SERVER, Mood::Silent);
    let names = names(100);
    let given_up = tokio::time::timeout(Duration::from_millis(700), lab.wait_all(&names, 60)).await;
    assert!(given_up.is_err());
    assert_eq!(lab.net.under_way.lock().0, 0);
    lab.net.mood(SERVER, Mood::Well);
    lab.publish(&names[0]);
    let began = Instant::now();
    lab.wait(&names[0], 60).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(1));
}
