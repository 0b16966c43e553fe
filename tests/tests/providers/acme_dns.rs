//! acme-dns in its sandbox: against joohoi's server where it is installed, always against a double that answers
//! as that does, and joohoi's client against the same double.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use dns01d::plugin::{
    FailureClass, Instance, MemoryState, Operation, PluginState, ProviderClient as _, Record, RecordOutcome,
    StateError,
};
use lab::acme_dns::{Double, Real, installed};
use lab::ca::{AcmeCa, CaOptions, ServerIdentity};
use lab::daemon::{CertificateSetup, Home, Setup};
use lab::dns::{Zone, ask_txt};
use lab::service::HttpFault;
use zeroize::Zeroizing;

use crate::instance::{LONG, Values, all_done, instance_with, present, record, remove};

const DOMAIN: &str = "auth.example.test";

/// Values as dns-01 has them, told apart by their first letter.
fn value(letter: char) -> String {
    letter.to_string().repeat(43)
}

/// An account's name, from the CNAME that the setup printed.
fn target(message: &str) -> String {
    let (_, target) = message.rsplit_once(". CNAME ").expect("a CNAME");
    target.strip_suffix('.').expect("absolute").to_owned()
}

/// A record where the CNAME of its challenge name leads.
fn record_at(fulldomain: &str, identifier: &str, letter: char) -> Record {
    Record {
        fqdn: fulldomain.to_owned(),
        ..record(identifier, &value(letter))
    }
}

/// What is set up at one double or real server.
struct Site {
    provider: Instance,
    state: Arc<MemoryState>,
    url: String,
}

impl Site {
    fn new(url: &str, more: Values<'_>) -> Self {
        let state = Arc::new(MemoryState::default());
        let mut site = Site {
            provider: open(url, more, state.clone()),
            state,
            url: url.to_owned(),
        };
        site.url = url.to_owned();
        site
    }

    /// A provider in a new process, with what the host kept.
    fn again(&self) -> Instance {
        open(&self.url, &[], self.state.clone())
    }

    /// The name that the account of `identifier` has.
    async fn set_up(&self, identifier: &str) -> String {
        let done = all_done(call(&self.provider, Operation::Setup, &[record(identifier, "")]).await);
        target(&done[0].message)
    }
}

fn open(url: &str, more: Values<'_>, state: Arc<dyn PluginState>) -> Instance {
    let values = [&[("server", url, false)][..], more].concat();
    instance_with("acme_dns", &values, state, |_| {})
}

async fn call(
    provider: &Instance,
    operation: Operation,
    records: &[Record],
) -> Result<Vec<RecordOutcome>, dns01d::plugin::CallError> {
    provider.call(operation, records, LONG).await
}

/// Class and message of the first record's failure, however it was told.
async fn refused(provider: &Instance, operation: Operation, records: &[Record]) -> (FailureClass, String) {
    let outcomes = call(provider, operation, records).await.expect("an answer");
    let failure = outcomes
        .into_iter()
        .next()
        .expect("an outcome")
        .expect_err("a failure");
    (failure.class, failure.message)
}

/// A name from its first setup to its second order.
async fn a_name_is_set_up_once_and_proven_again_and_again(url: &str, dns: SocketAddr) {
    let site = Site::new(url, &[("allow-from", "127.0.0.0/8", false)]);
    let bare = record("example.test", &value('a'));
    let (class, message) = refused(&site.provider, Operation::Present, std::slice::from_ref(&bare)).await;
    assert_eq!(class, FailureClass::Config);
    assert!(
        message.contains("`dns01d provider setup INSTANCE example.test`"),
        "{message}"
    );
    // the server is there, though nothing is set up
    all_done(call(&site.provider, Operation::Check, &[]).await);

    let fulldomain = site.set_up("example.test").await;
    assert!(fulldomain.ends_with(&format!(".{DOMAIN}")), "{fulldomain}");
    let twice = all_done(
        call(
            &site.provider,
            Operation::Setup,
            &[record_at(&fulldomain, "example.test", 'a')],
        )
        .await,
    );
    assert!(twice[0].no_change);
    assert_eq!(
        twice[0].message,
        format!(
            "nothing is left to do, this record stands: _acme-challenge.example.test. CNAME {fulldomain}."
        )
    );
    let (class, message) = refused(&site.provider, Operation::Check, &[bare]).await;
    assert_eq!(class, FailureClass::Config);
    assert!(
        message.contains("does not lead to its account")
            && message.contains(&format!("`_acme-challenge.example.test. CNAME {fulldomain}.`")),
        "{message}"
    );

    let shown = || async { ask_txt(dns, &fulldomain).await.expect("an answer") };
    let records = |letters: &str| -> Vec<Record> {
        letters
            .chars()
            .map(|letter| record_at(&fulldomain, "example.test", letter))
            .collect()
    };
    present(&site.provider, &records("ab")).await;
    assert_eq!(shown().await, [value('a'), value('b')]);
    assert!(present(&site.provider, &records("b")).await[0].no_change);
    assert_eq!(shown().await, [value('a'), value('b')]);
    // looks, and changes nothing
    let checked = all_done(call(&site.provider, Operation::Check, &records("c")).await);
    assert!(
        checked[0].message.contains("takes updates of"),
        "{}",
        checked[0].message
    );
    assert_eq!(shown().await, [value('a'), value('b')]);
    assert!(
        remove(&site.provider, &records("ab"))
            .await
            .iter()
            .all(|done| done.no_change)
    );

    // in the same second, in the same process
    present(&site.provider, &records("cd")).await;
    assert_eq!(shown().await, [value('c'), value('d')]);
    // one order is over, the other is not when a third begins
    remove(&site.provider, &records("d")).await;
    let done = present(&site.provider, &records("e")).await;
    assert_eq!(done[0].message, "");
    assert_eq!(shown().await, [value('c'), value('e')]);
    // no room: it is said which one had to go
    let done = present(&site.provider, &records("f")).await;
    assert!(done[0].message.contains(&value('e')), "{}", done[0].message);
    assert_eq!(shown().await, [value('c'), value('f')]);

    // another process, as after a restart: what was set up is there, and removal needs no memory
    let other = site.again();
    assert!(remove(&other, &records("cf")).await[0].no_change);
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    present(&other, &records("gh")).await;
    assert_eq!(shown().await, [value('g'), value('h')]);

    let (class, message) = refused(
        &other,
        Operation::Present,
        &[Record {
            value: "short".to_owned(),
            ..records("i").remove(0)
        }],
    )
    .await;
    assert_eq!(class, FailureClass::Permanent);
    assert!(
        message.contains("bad_txt") && message.contains("5 characters"),
        "{message}"
    );

    // an account of a server's is of use nowhere else, and a wrong password is none
    let user = "c36f50e8-4632-44f0-83fe-e070fef28a10";
    let password = "htB9mR9DYgcu9bX_afHF62erXaH2TS7bg9KW3F7Z";
    let stranger = Site::new(
        url,
        &[
            ("username", user, false),
            ("password", password, true),
            ("fulldomain", &fulldomain, false),
        ],
    );
    for operation in [Operation::Present, Operation::Check] {
        let (class, message) = refused(&stranger.provider, operation, &records("j")).await;
        assert_eq!(class, FailureClass::Auth);
        assert!(
            message.contains("HTTP 401, forbidden") && !message.contains(password),
            "{message}"
        );
    }
    let elsewhere = Site::new(url, &[("allow-from", "192.0.2.0/24", false)]);
    let fulldomain = elsewhere.set_up("example.test").await;
    let there = record_at(&fulldomain, "example.test", 'a');
    let (class, message) = refused(&elsewhere.provider, Operation::Check, &[there]).await;
    assert_eq!(class, FailureClass::Auth);
    assert!(message.contains("networks that the account allows"), "{message}");
}

#[tokio::test]
async fn a_name_lives_at_the_double() {
    let double = Double::start(DOMAIN, Vec::new()).await.expect("a double");
    a_name_is_set_up_once_and_proven_again_and_again(double.url(), double.dns().addr()).await;
}

/// joohoi's server where it is installed; `./dev test` says whether it is. Elsewhere the double once more.
#[tokio::test]
async fn a_name_lives_at_the_server_that_is_installed() {
    let Some(program) = installed() else {
        let double = Double::start(DOMAIN, Vec::new()).await.expect("a double");
        return a_name_is_set_up_once_and_proven_again_and_again(double.url(), double.dns().addr()).await;
    };
    let server = Real::start(&program, DOMAIN).await.expect("acme-dns");
    a_name_is_set_up_once_and_proven_again_and_again(server.url(), server.dns()).await;
}

#[tokio::test]
async fn many_names_are_shown_by_one_call_and_each_has_its_account() {
    let double = Double::start(DOMAIN, Vec::new()).await.expect("a double");
    let site = Site::new(double.url(), &[]);
    let names: Vec<String> = (0..9)
        .map(|number| format!("host{number}.example.test"))
        .collect();
    let setups: Vec<Record> = names.iter().map(|name| record(name, "")).collect();
    let done = all_done(call(&site.provider, Operation::Setup, &setups).await);
    assert_eq!(double.accounts(), 9);
    let mut records: Vec<Record> = names
        .iter()
        .zip(&done)
        .map(|(name, done)| record_at(&target(&done.message), name, 'a'))
        .collect();
    // one without an account does not hinder the others, nor does one whose CNAME leads elsewhere
    records.push(record("other.test", &value('a')));
    records.push(Record {
        fqdn: "elsewhere.test".to_owned(),
        ..record("host0.example.test", &value('a'))
    });
    let outcomes = site.provider.present(&records, LONG).await.expect("an answer");
    let failed: Vec<String> = outcomes
        .into_iter()
        .filter_map(|outcome| outcome.err().map(|failure| failure.message))
        .collect();
    assert_eq!(failed.len(), 2, "{failed:?}");
    assert!(failed[0].contains("no account for other.test"), "{failed:?}");
    assert!(failed[1].contains("leads to elsewhere.test"), "{failed:?}");
    for record in &records[..9] {
        assert_eq!(double.dns().txt(&record.fqdn).unwrap(), [value('a')]);
    }
}

#[tokio::test]
async fn a_host_that_follows_no_cname_is_served_and_told() {
    let double = Double::start(DOMAIN, Vec::new()).await.expect("a double");
    let site = Site::new(double.url(), &[]);
    let fulldomain = site.set_up("example.test").await;
    let done = present(&site.provider, &[record("example.test", &value('a'))]).await;
    assert_eq!(target(&done[0].message), fulldomain);
    assert_eq!(double.dns().txt(&fulldomain).unwrap(), [value('a')]);
}

#[tokio::test]
async fn a_slow_server_does_not_outlast_the_call() {
    let double = Double::start(DOMAIN, Vec::new()).await.expect("a double");
    let site = Site::new(double.url(), &[]);
    let fulldomain = site.set_up("example.test").await;
    double.fault(HttpFault::Delay(Duration::from_secs(9)));
    let start = tokio::time::Instant::now();
    let one = [record_at(&fulldomain, "example.test", 'a')];
    let answer = site.provider.present(&one, Duration::from_millis(800)).await;
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    let said = format!("{answer:?}");
    assert!(said.contains("Cancelled"), "{said}");
    // it ended by itself: the process that knows the account still stands
    double.fault(HttpFault::None);
    present(&site.provider, &one).await;
    assert_eq!(double.dns().txt(&fulldomain).unwrap(), [value('a')]);
}

#[tokio::test]
async fn two_setups_at_once_make_one_account() {
    let double = Double::start(DOMAIN, Vec::new()).await.expect("a double");
    let site = Site::new(double.url(), &[]);
    double.fault(HttpFault::Delay(Duration::from_millis(200)));
    let (first, second) = tokio::join!(site.set_up("example.test"), site.set_up("example.test"));
    assert_eq!(first, second);
    assert_eq!(double.accounts(), 1);
}

#[tokio::test]
async fn a_lost_answer_costs_no_value() {
    let double = Double::start(DOMAIN, Vec::new()).await.expect("a double");
    let site = Site::new(double.url(), &[]);
    let fulldomain = site.set_up("example.test").await;
    let one = |letter| [record_at(&fulldomain, "example.test", letter)];
    present(&site.provider, &one('a')).await;
    double.fault(HttpFault::LoseAnswer);
    let (class, _) = refused(&site.provider, Operation::Present, &one('b')).await;
    assert_eq!(class, FailureClass::Transient);
    double.fault(HttpFault::None);
    present(&site.provider, &one('b')).await;
    assert_eq!(double.dns().txt(&fulldomain).unwrap(), [value('a'), value('b')]);
    // as often as needed, and no more
    assert_eq!(
        double.updates().concat(),
        ["a", "b", "b", "a"].map(|it| it.repeat(43)).concat()
    );
}

#[tokio::test]
async fn whoever_must_act_is_told_so_and_how() {
    let double = Double::start(DOMAIN, Vec::new()).await.expect("a double");
    let site = Site::new(double.url(), &[("timeout", "500", false)]);
    let fulldomain = site.set_up("example.test").await;
    let one = [record_at(&fulldomain, "example.test", 'a')];
    let json = |word: &str| format!("{{\"error\": \"{word}\"}}");
    for (fault, class, words) in [
        (
            HttpFault::Answer(500, json("db_error")),
            FailureClass::Transient,
            "db_error",
        ),
        (
            HttpFault::Answer(502, "<html>".to_owned()),
            FailureClass::Transient,
            "HTTP 502",
        ),
        (
            HttpFault::Answer(400, json("bad_subdomain")),
            FailureClass::Config,
            "bad_subdomain",
        ),
        (
            HttpFault::Answer(404, "404 page not found".to_owned()),
            FailureClass::Transient,
            "correct the address",
        ),
        (
            HttpFault::Answer(302, String::new()),
            FailureClass::Config,
            "redirect",
        ),
        (HttpFault::RateLimited(7), FailureClass::RateLimited, "HTTP 429"),
        (HttpFault::Page, FailureClass::Transient, "not as acme-dns does"),
        (
            HttpFault::Answer(200, "{\"txt\": \"other\"}".to_owned()),
            FailureClass::Transient,
            "not as acme-dns",
        ),
        (
            HttpFault::Delay(Duration::from_secs(5)),
            FailureClass::Transient,
            "within 0.5 s",
        ),
        (HttpFault::Reset, FailureClass::Transient, "broke"),
    ] {
        double.fault(fault.clone());
        let (found, message) = refused(&site.provider, Operation::Present, &one).await;
        assert_eq!(found, class, "{fault:?}: {message}");
        assert!(message.contains(words), "{fault:?}: {message}");
        if words == "bad_subdomain" {
            // what old servers say of a probe as well
            continue;
        }
        let (found, message) = refused(&site.provider, Operation::Check, &one).await;
        // an operator waits for a check, and nobody for an update
        let wrong_server = matches!(fault, HttpFault::Answer(404 | 200, _) | HttpFault::Page);
        assert_eq!(
            found == FailureClass::Config,
            wrong_server || class == FailureClass::Config,
            "{fault:?}: {message}"
        );
    }
    assert_eq!(double.updates(), [""; 0]);

    let other = [record("other.test", "")];
    let accountless = Site::new(double.url(), &[]);
    for (fault, words) in [
        (HttpFault::Answer(404, String::new()), "makes no accounts"),
        (HttpFault::Page, "not as acme-dns does"),
    ] {
        double.fault(fault);
        let (class, message) = refused(&accountless.provider, Operation::Setup, &other).await;
        assert_eq!(class, FailureClass::Config, "{message}");
        assert!(message.contains(words), "{message}");
    }
    double.fault(HttpFault::Answer(404, String::new()));
    let looked = call(&accountless.provider, Operation::Check, &[]).await;
    assert!(format!("{looked:?}").contains("Config"), "{looked:?}");

    double.fault(HttpFault::None);
    double.knobs().update(|knobs| knobs.no_registration = true);
    let (class, message) = refused(&site.provider, Operation::Setup, &other).await;
    assert_eq!(class, FailureClass::Config);
    assert!(
        message.contains("disable_registration") && message.contains("`accounts`"),
        "{message}"
    );
    double.forget_accounts();
    let (class, message) = refused(&site.provider, Operation::Check, &one).await;
    assert_eq!(class, FailureClass::Auth);
    assert!(message.contains("does not know it"), "{message}");

    let gone = Site::new("http://127.0.0.1:1", &[]);
    let failure = call(&gone.provider, Operation::Check, &[]).await;
    let said = format!("{failure:?}");
    assert!(said.contains("cannot connect to 127.0.0.1:1"), "{said}");
}

#[tokio::test]
async fn a_private_ca_is_trusted_where_the_operator_says_so() {
    let identity = ServerIdentity::loopback().expect("a certificate");
    let double = Double::start(DOMAIN, Vec::new()).await.expect("a double");
    let double = double.with_tls(&identity).await.expect("a double");
    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path().join("root.pem");
    std::fs::write(&root, &identity.root_pem).expect("a file");

    let stranger = Site::new(double.url(), &[]);
    let (_, message) = refused(
        &stranger.provider,
        Operation::Setup,
        &[record("example.test", "")],
    )
    .await;
    assert!(message.contains("`ca-file`"), "{message}");
    assert_eq!(double.accounts(), 0);
    let site = Site::new(double.url(), &[("ca-file", root.to_str().expect("text"), false)]);
    site.set_up("example.test").await;
    assert_eq!(double.accounts(), 1);
}

/// A state that takes nothing until it is mended.
#[derive(Debug, Default)]
struct Stubborn {
    kept: MemoryState,
    is_mended: std::sync::atomic::AtomicBool,
}

impl PluginState for Stubborn {
    fn get(&self, key: &str) -> Result<Option<Zeroizing<Vec<u8>>>, StateError> {
        self.kept.get(key)
    }

    fn put(&self, key: &str, value: &[u8]) -> Result<(), StateError> {
        if !self.is_mended.load(std::sync::atomic::Ordering::SeqCst) {
            return Err(StateError::Storage {
                reason: "no space left on device".to_owned(),
            });
        }
        self.kept.put(key, value)
    }
}

#[tokio::test]
async fn an_account_that_cannot_be_kept_is_not_announced_and_not_made_twice() {
    let double = Double::start(DOMAIN, Vec::new()).await.expect("a double");
    let state = Arc::new(Stubborn::default());
    let provider = open(double.url(), &[], state.clone());
    let one = [record("example.test", "")];
    for _ in 0..2 {
        let (class, message) = refused(&provider, Operation::Setup, &one).await;
        assert_eq!(class, FailureClass::Transient);
        assert!(
            message.contains("could not keep it") && !message.contains(". CNAME "),
            "{message}"
        );
    }
    state.is_mended.store(true, std::sync::atomic::Ordering::SeqCst);
    let done = all_done(call(&provider, Operation::Setup, &one).await);
    let fulldomain = target(&done[0].message);
    assert_eq!(double.accounts(), 1);
    provider.shutdown().await;
    let other = open(double.url(), &[], state);
    present(&other, &[record_at(&fulldomain, "example.test", 'a')]).await;
    assert_eq!(double.dns().txt(&fulldomain).unwrap(), [value('a')]);
}

#[tokio::test]
async fn an_account_that_another_process_made_is_found() {
    let double = Double::start(DOMAIN, Vec::new()).await.expect("a double");
    let site = Site::new(double.url(), &[]);
    // it looks, and finds nothing yet
    refused(&site.provider, Operation::Check, &[record("example.test", "")]).await;
    let other = site.again();
    let done = all_done(call(&other, Operation::Setup, &[record("example.test", "")]).await);
    let fulldomain = target(&done[0].message);
    present(&site.provider, &[record_at(&fulldomain, "example.test", 'a')]).await;
    // and what one process has is not lost when the other adds to it
    site.set_up("second.test").await;
    let third = site.again();
    for identifier in ["example.test", "second.test"] {
        let (_, message) = refused(&third, Operation::Check, &[record(identifier, "")]).await;
        assert!(message.contains("does not lead to its account"), "{message}");
    }
    assert_eq!(double.accounts(), 2);
}

#[tokio::test]
async fn more_accounts_are_kept_than_one_key_of_the_state_holds() {
    let double = Double::start(DOMAIN, Vec::new()).await.expect("a double");
    let site = Site::new(double.url(), &[]);
    let names: Vec<Record> = (0..8)
        .map(|number| record(&format!("host{number}.example.test"), ""))
        .collect();
    let first = all_done(call(&site.provider, Operation::Setup, &names[..1]).await);
    // as after some hundred setups more
    let kept = site
        .state
        .get("accounts.0")
        .expect("a state")
        .expect("an account");
    let mut kept: serde_json::Value = serde_json::from_slice(&kept).expect("JSON");
    let account = kept["accounts"]["host0.example.test"].clone();
    for number in 0.. {
        kept["accounts"][format!("earlier{number}.example.test")] = account.clone();
        if kept.to_string().len() > 59 * 1024 {
            break;
        }
    }
    site.state
        .put("accounts.0", kept.to_string().as_bytes())
        .expect("room");
    site.provider.shutdown().await;

    let other = site.again();
    let done = all_done(call(&other, Operation::Setup, &names).await);
    assert_eq!(done[0].message, first[0].message);
    assert_eq!(double.accounts(), 8);
    assert!(site.state.get("accounts.1").expect("a state").is_some());
    other.shutdown().await;
    let third = site.again();
    let again = all_done(call(&third, Operation::Setup, &names).await);
    for (again, done) in again.iter().zip(&done) {
        assert!(again.no_change);
        assert_eq!(again.message, done.message);
    }
}

/// Registers with the networks of its second argument, keeps the account, and sends two values.
const PYTHON: &str = "\
import sys
from pyacmedns import Client, Storage
url, network, file = sys.argv[1:4]
client, storage = Client(url), Storage(file)
account = client.register_account([network])
storage.put('*.example.test', account)
storage.save()
for letter in 'ab':
    client.update_txt_record(account, letter * 43)
";

/// joohoi's own client is served by the double unchanged, and what it keeps serves us.
#[tokio::test]
async fn joohois_client_is_served_by_the_double_and_its_accounts_serve_us() {
    let double = Double::start(DOMAIN, Vec::new()).await.expect("a double");
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("accounts.json");
    let python = lab::process::tool("python/bin/python3");
    let python = python.expect("`./dev test` installs Python packages into target/tools");
    let mut client = Command::new(python);
    client
        .args(["-c", PYTHON, double.url(), "127.0.0.0/8"])
        .arg(&file);
    let report = tokio::task::spawn_blocking(move || client.output());
    let report = report.await.expect("a report").expect("Python runs");
    assert!(
        report.status.success(),
        "{}",
        String::from_utf8_lossy(&report.stderr)
    );
    assert_eq!(double.updates(), [value('a'), value('b')]);

    let accounts = std::fs::read_to_string(file).expect("its accounts");
    let site = Site::new(double.url(), &[("accounts", &accounts, true)]);
    let done = all_done(call(&site.provider, Operation::Setup, &[record("example.test", "")]).await);
    assert!(done[0].no_change);
    let fulldomain = target(&done[0].message);
    assert_eq!(double.dns().txt(&fulldomain).unwrap(), [value('a'), value('b')]);
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    present(
        &site.provider,
        &['c', 'd'].map(|letter| record_at(&fulldomain, "example.test", letter)),
    )
    .await;
    assert_eq!(double.dns().txt(&fulldomain).unwrap(), [value('c'), value('d')]);
}

/// The whole daemon: the challenge leads to the account, the values are proven there, and again at renewal.
#[tokio::test(flavor = "multi_thread")]
async fn the_daemon_proves_a_name_and_its_wildcard_at_the_end_of_the_cname() {
    let zone = "example.test";
    let double = Double::start(DOMAIN, vec![Zone::new(zone).unwrap()])
        .await
        .expect("a double");
    let dns = double.dns().addr();
    let site = Site::new(double.url(), &[]);
    let fulldomain = site.set_up(zone).await;
    let alias = Zone::new(zone).and_then(|it| it.with_cname("_acme-challenge.example.test", &fulldomain));
    double.dns().put_zone(alias.unwrap());
    let ca = AcmeCa::start(CaOptions::new(vec![dns])).await.expect("a CA");

    let home = Home::new(&Setup {
        directory_url: ca.directory_url(),
        ca_pem: ca.https_root_pem().to_owned(),
        update_server: dns,
        key: None,
        zone: zone.to_owned(),
        authorities: vec![dns],
        certificates: vec![CertificateSetup::new("web", &[zone, "*.example.test"])],
        more_cas: String::new(),
        ca_lines: vec![lab::daemon::NO_BREAKER.into()],
        extra: String::new(),
    })
    .expect("a configuration");
    let accounts = home.path("accounts.json");
    // what the setup keeps has the form of an accounts file inside
    let kept = site
        .state
        .get("accounts.0")
        .expect("a state")
        .expect("an account");
    let kept: serde_json::Value = serde_json::from_slice(&kept).expect("JSON");
    std::fs::write(&accounts, kept["accounts"].to_string()).expect("a file");
    std::fs::set_permissions(&accounts, std::fs::Permissions::from_mode(0o600)).expect("a file");
    home.replace_providers(&format!(
        "  challenges:\n    library: acme-dns\n    zones: [{zone}, {DOMAIN}]\n    options:\n      server: \
         \"{}\"\n      accounts: {{ file: {} }}\n",
        double.url(),
        accounts.display()
    ))
    .expect("a configuration");
    let written = std::fs::read_to_string(home.config()).expect("a configuration");
    let written = written.replacen(
        "  zones:\n",
        &format!("  zones:\n    {DOMAIN}: {{ authorities: [\"{dns}\"] }}\n"),
        1,
    );
    std::fs::write(home.config(), written).expect("a configuration");

    let daemon = home.start().await.expect("the daemon");
    daemon.until_deployed("web").await;
    assert_eq!(ca.counts().certificates, 1);
    assert_eq!(double.updates().len(), 2);
    let renewed = home.command(&["renew", "web", "--wait"]);
    assert!(
        renewed.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&renewed.stderr),
        daemon.program.log()
    );
    assert_eq!(ca.counts().certificates, 2);
}
