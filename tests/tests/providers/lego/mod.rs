//! The bridge to lego: its library in the real plugin host, lego's `dnsupdate` against BIND and its `httpreq`
//! against a portal. Its own tests in Go show what it makes of lego's behaviour; these, that the Go runtime works in
//! the sandbox and that the host gets what the ABI promises.

mod captured;
mod portal;

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use dns01d::plugin::{
    CallError, DEFAULT_GRACE, Description, Failure, FailureClass, HostOptions, Instance, MemoryState,
    OptionKind, Plugins, ProviderClient as _, Record, Sandbox,
};
use lab::bind::{Bind, BindOptions};
use lab::daemon::built;
use lab::dns::TsigKey;

use self::captured::Captured;
use self::portal::{Mood, PASSWORD, Portal, USER};
use crate::instance::{LONG, Values, all_done, instance_with, present, record, remove};

const LIBRARY: &str = "libdns01_lego.so";
const OWNER: &str = "_acme-challenge.example.test";

/// An instance of one of lego's providers; `name` is the instance's.
fn lego(provider: &str, name: &str, values: Values<'_>) -> Instance {
    instance_with("lego", values, Arc::new(MemoryState::default()), |options| {
        options.provider = Some(provider.to_owned());
        options.instance = name.parse().expect("a name");
    })
}

/// A record whose value follows from its key authorization, as in a real challenge.
fn challenge(identifier: &str, token: &str) -> Record {
    let key_authorization = format!("{token}.LmIMFQjLxAcXKu6QXwoyqRiOyWaYVqW4tVA5ZMzPqfI");
    let digest = openssl::sha::sha256(key_authorization.as_bytes());
    Record {
        token: token.to_owned(),
        key_authorization,
        ..record(identifier, &URL_SAFE_NO_PAD.encode(digest))
    }
}

async fn refused(instance: &Instance, record: &Record) -> Failure {
    let mut outcomes = instance
        .present(std::slice::from_ref(record), LONG)
        .await
        .expect("an answer");
    outcomes.remove(0).expect_err("a refusal")
}

fn sorted(mut values: Vec<String>) -> Vec<String> {
    values.sort();
    values
}

async fn described() -> (Arc<Description>, Duration) {
    let plugins = Plugins::new(HostOptions {
        executable: built("dns01-plugin-host"),
        sandbox: Sandbox::Required,
        idle: Duration::from_secs(60),
        grace: DEFAULT_GRACE,
    })
    .expect("a thread");
    let begun = Instant::now();
    let description = plugins
        .describe(&built(LIBRARY), None)
        .await
        .expect("a description");
    (description, begun.elapsed())
}

#[tokio::test]
async fn hundreds_of_providers_say_what_they_take() {
    let (description, took) = described().await;
    assert!(
        description.providers.len() > 150,
        "{}",
        description.providers.len()
    );
    assert!(description.version.contains("+lego5."), "{}", description.version);
    let find = |id: &str| {
        let found = description.providers.iter().find(|provider| provider.id == id);
        found.unwrap_or_else(|| panic!("{id} is missing"))
    };
    assert!(
        description
            .providers
            .iter()
            .all(|provider| provider.id.starts_with("lego:"))
    );

    let cloudflare = find("lego:cloudflare");
    let token = cloudflare.option("CF_DNS_API_TOKEN").expect("documented by lego");
    assert!(
        token.secret && !token.required && token.help.contains("Edit permission"),
        "{token:?}"
    );
    assert_eq!(
        cloudflare.option("CLOUDFLARE_TTL").expect("documented").kind,
        OptionKind::Integer
    );
    assert!(!cloudflare.open_config && !cloudflare.execs);
    // with the variables of a client library nobody can say what a typing error is
    assert!(find("lego:route53").open_config);
    assert!(find("lego:exec").execs);
    assert!(find("lego:duckdns").title.ends_with("one value per name"));
    // a name that lego had before is a name still
    assert_eq!(find("lego:rfc2136").options, find("lego:dnsupdate").options);
    for id in ["lego:hetzner", "lego:ovh", "lego:gandiv5", "lego:httpreq", "lego:pdns"] {
        assert!(!find(id).options.is_empty(), "{id}");
    }
    // on a busy machine; measured alone it is a tenth
    assert!(took < Duration::from_secs(3), "{took:?}");
}

#[test]
fn nothing_but_the_entry_is_exported_and_only_libc_is_needed() {
    let readelf = |option: &str| {
        let output = std::process::Command::new("readelf")
            .args(["--wide", option])
            .arg(built(LIBRARY))
            .output()
            .expect("readelf: `./dev setup` installs it");
        String::from_utf8(output.stdout).expect("text")
    };
    let symbols = readelf("--dyn-syms");
    let exported: Vec<&str> = symbols
        .lines()
        .filter(|line| line.contains(" GLOBAL ") && !line.contains(" UND "))
        .collect();
    assert!(
        matches!(exported[..], [entry] if entry.ends_with(" dns01_plugin_v1")),
        "{exported:?}"
    );
    let dynamic = readelf("--dynamic");
    let needed: Vec<&str> = dynamic
        .lines()
        .filter(|line| line.contains("(NEEDED)"))
        .collect();
    assert!(
        needed.iter().all(|line| line.contains("[libc.so.6]")),
        "{needed:?}"
    );
}

async fn bind(key: &TsigKey) -> Bind {
    Bind::start(BindOptions::new("example.test", key.clone()))
        .await
        .expect("BIND")
}

#[tokio::test]
async fn one_value_stands_at_a_name_until_it_is_removed() {
    let key = TsigKey::generate("dns01d").expect("a key");
    let bind = bind(&key).await;
    let (server, secret) = (bind.addr().to_string(), key.secret_base64());
    // the names of lego 4
    let values = [
        ("RFC2136_NAMESERVER", server.as_str(), false),
        ("RFC2136_TSIG_KEY", key.name(), false),
        ("RFC2136_TSIG_SECRET", secret, true),
        ("RFC2136_TSIG_ALGORITHM", "hmac-sha256.", false),
        ("RFC2136_PROPAGATION_TIMEOUT", "90", false),
    ];
    let provider = lego("lego:rfc2136", "lego-bind", &values);
    let info = provider.info(LONG).await.expect("open");
    assert_eq!(info.max_values_per_name, 1);
    assert!(info.needs_key_auth && info.stateless_remove && info.cancels && !info.concurrent);
    assert_eq!(
        (info.propagation_timeout_ms, info.propagation_interval_ms),
        (90_000, 2_000)
    );

    let (one, two) = (
        challenge("example.test", "token-1"),
        challenge("example.test", "token-2"),
    );
    present(&provider, std::slice::from_ref(&one)).await;
    assert_eq!(bind.txt(OWNER).await.unwrap(), [one.value.clone()]);
    // lego would replace the first, so the bridge does not let it
    let failure = refused(&provider, &two).await;
    assert_eq!(failure.class, FailureClass::Transient);
    assert!(failure.message.contains("keeps one value at a name"), "{failure}");
    assert_eq!(bind.txt(OWNER).await.unwrap(), [one.value.clone()]);

    assert!(present(&provider, std::slice::from_ref(&one)).await[0].no_change);
    remove(&provider, std::slice::from_ref(&one)).await;
    present(&provider, std::slice::from_ref(&two)).await;
    assert_eq!(bind.txt(OWNER).await.unwrap(), [two.value.clone()]);

    // another process has nothing of the first one's memory
    provider.shutdown().await;
    let later = lego("lego:dnsupdate", "lego-bind", &values);
    remove(&later, std::slice::from_ref(&two)).await;
    assert!(bind.txt(OWNER).await.unwrap().is_empty());
    assert!(remove(&later, std::slice::from_ref(&two)).await[0].no_change);
}

#[tokio::test]
async fn a_wrong_key_is_for_the_operator() {
    let key = TsigKey::generate("dns01d").expect("a key");
    let bind = bind(&key).await;
    let wrong = TsigKey::generate("dns01d").expect("a key").secret_base64().to_owned();
    let provider = lego(
        "lego:dnsupdate",
        "lego-wrong",
        &[
            ("DNSUPDATE_NAMESERVER", &bind.addr().to_string(), false),
            ("DNSUPDATE_TSIG_KEY", key.name(), false),
            ("DNSUPDATE_TSIG_SECRET", &wrong, true),
            ("DNSUPDATE_TSIG_ALGORITHM", "hmac-sha256", false),
            ("DNSUPDATE_ZONES", "example.test", false),
        ],
    );
    let failure = refused(&provider, &challenge("example.test", "token-1")).await;
    assert_eq!(failure.class, FailureClass::Auth, "{failure}");
    assert!(
        failure.message.contains("lego:dnsupdate") && failure.message.contains("check the credentials"),
        "{failure}"
    );
    assert!(!failure.message.contains(&wrong));
}

#[tokio::test]
async fn two_values_of_one_name_stand_together_at_a_portal() {
    let portal = Portal::start().await;
    let endpoint = portal.endpoint();
    let values = [
        ("HTTPREQ_ENDPOINT", endpoint.as_str(), false),
        ("HTTPREQ_USERNAME", USER, false),
        ("HTTPREQ_PASSWORD", PASSWORD, true),
    ];
    let provider = lego("lego:httpreq", "lego-portal", &values);
    assert_eq!(provider.info(LONG).await.expect("open").max_values_per_name, 0);
    let records = [
        challenge("example.test", "token-1"),
        challenge("example.test", "token-2"),
    ];
    let name = format!("{OWNER}.");

    present(&provider, &records).await;
    let both = sorted(records.iter().map(|record| record.value.clone()).collect());
    assert_eq!(portal.values(&name), both);
    remove(&provider, &records[..1]).await;
    assert_eq!(portal.values(&name), [records[1].value.clone()]);
    provider.shutdown().await;

    let later = lego("lego:httpreq", "lego-portal", &values);
    all_done(later.remove(&records[1..], LONG).await);
    assert!(portal.values(&name).is_empty());
}

#[tokio::test]
async fn a_record_behind_a_cname_is_written_where_the_host_says() {
    let portal = Portal::start().await;
    let provider = lego(
        "lego:httpreq",
        "lego-cname",
        &[
            ("HTTPREQ_ENDPOINT", &portal.endpoint(), false),
            ("HTTPREQ_USERNAME", USER, false),
            ("HTTPREQ_PASSWORD", PASSWORD, true),
            // nobody answers: lego must not need to ask
            ("resolvers", "127.0.0.1:1", false),
        ],
    );
    let mut moved = challenge("example.test", "token-1");
    moved.fqdn = "_acme-challenge.delegated.test".to_owned();
    present(&provider, std::slice::from_ref(&moved)).await;
    assert_eq!(
        portal.values("_acme-challenge.delegated.test."),
        [moved.value.clone()]
    );

    moved.fqdn = "example-test.delegated.test".to_owned();
    let failure = refused(&provider, &moved).await;
    assert_eq!(failure.class, FailureClass::Transient);
    assert!(
        failure
            .message
            .contains("lego follows CNAMEs to _acme-challenge.example.test and dns01d to example-test.delegated.test"),
        "{failure}"
    );
    moved.value = "something else".to_owned();
    assert_eq!(
        refused(&provider, &moved).await.class,
        FailureClass::Unsupported
    );
}

#[tokio::test]
async fn what_a_portal_answers_becomes_a_class_without_its_secret() {
    let log = Captured::start();
    let portal = Portal::start().await;
    let provider = lego(
        "lego:httpreq",
        "lego-answers",
        &[
            ("HTTPREQ_ENDPOINT", &portal.endpoint(), false),
            ("HTTPREQ_USERNAME", USER, false),
            ("HTTPREQ_PASSWORD", PASSWORD, true),
        ],
    );
    let one = challenge("example.test", "token-1");
    for (status, class) in [
        (401, FailureClass::Auth),
        (403, FailureClass::Auth),
        (429, FailureClass::RateLimited),
        (503, FailureClass::Transient),
        (418, FailureClass::Transient),
    ] {
        portal.becomes(Mood::Answers(status));
        let failure = refused(&provider, &one).await;
        assert_eq!(failure.class, class, "{status}: {failure}");
        assert_eq!(failure.native_code, Some(i32::from(status)));
        assert!(failure.message.contains(&format!("you said {USER}:***")), "{failure}");
    }
    let text = log.text();
    assert!(!text.contains(PASSWORD), "{text}");
}

#[tokio::test]
async fn a_secret_is_in_no_file_of_the_process() {
    let portal = Portal::start().await;
    let provider = lego(
        "lego:httpreq",
        "lego-secrecy",
        &[
            ("HTTPREQ_ENDPOINT", &portal.endpoint(), false),
            ("HTTPREQ_USERNAME", USER, false),
            ("HTTPREQ_PASSWORD", PASSWORD, true),
        ],
    );
    present(&provider, &[challenge("example.test", "token-1")]).await;
    let process = format!("/proc/{}", process_of("lego-secrecy"));
    for file in ["cmdline", "environ"] {
        // not dumpable: without root, not even its own user can read the second
        match fs::read(format!("{process}/{file}")) {
            Ok(content) => {
                let text = String::from_utf8_lossy(&content).into_owned();
                assert!(
                    !text.contains(PASSWORD) && !text.contains("HTTPREQ"),
                    "{file}: {text}"
                );
            }
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied),
        }
    }
    remove(&provider, &[challenge("example.test", "token-1")]).await;
}

#[tokio::test]
async fn options_are_checked_when_the_instance_opens() {
    for (values, words) in [
        (&[][..], "some credentials information are missing: HTTPREQ_ENDPOINT"),
        (
            &[("HTTPREQ_ENDPOIN", "http://127.0.0.1:1", false)],
            "lego:httpreq has no option `HTTPREQ_ENDPOIN`",
        ),
        // from the days of lego's own command line
        (
            &[("DUCKDNS_TOKEN", "x", true)],
            "lego:httpreq has no option `DUCKDNS_TOKEN`",
        ),
    ] {
        let error = lego("lego:httpreq", "lego-options", values)
            .info(LONG)
            .await
            .expect_err("a refusal");
        let CallError::Open(failure) = &error else {
            panic!("{error}")
        };
        assert_eq!(failure.class, FailureClass::Config);
        assert!(failure.message.contains(words), "{failure}");
    }
}

#[tokio::test]
async fn a_silent_portal_costs_its_call_and_not_the_process() {
    let portal = Portal::start().await;
    let provider = lego(
        "lego:httpreq",
        "lego-silent",
        &[
            ("HTTPREQ_ENDPOINT", &portal.endpoint(), false),
            ("HTTPREQ_USERNAME", USER, false),
            ("HTTPREQ_PASSWORD", PASSWORD, true),
        ],
    );
    let one = challenge("example.test", "token-1");
    let two = challenge("example.test", "token-2");
    present(&provider, std::slice::from_ref(&two)).await;
    let process = process_of("lego-silent");
    portal.becomes(Mood::Silent);

    // a caller that goes away
    let abandoned = provider.present(std::slice::from_ref(&one), LONG);
    tokio::select! {
        outcome = abandoned => panic!("{outcome:?}"),
        () = portal.holds(1, LONG) => {}
    }
    portal.holds(0, Duration::from_secs(2)).await;

    // a deadline
    let begun = Instant::now();
    let outcome = provider
        .present(std::slice::from_ref(&one), Duration::from_secs(1))
        .await;
    assert!(begun.elapsed() < Duration::from_secs(1) + DEFAULT_GRACE, "{:?}", begun.elapsed());
    match outcome {
        Ok(outcomes) => {
            let failure = outcomes[0].as_ref().expect_err("nobody answered");
            assert_eq!(failure.class, FailureClass::Cancelled, "{failure}");
        }
        Err(error) => panic!("the process had to be killed: {error}"),
    }

    portal.becomes(Mood::Willing);
    remove(&provider, &[one, two]).await;
    assert_eq!(process_of("lego-silent"), process);
}

/// The plugin host that serves this instance: its name is in the arguments.
fn process_of(instance: &str) -> u32 {
    let arguments = format!("\0serve\0{instance}\0");
    let serves = |pid: &u32| {
        fs::read(format!("/proc/{pid}/cmdline"))
            .is_ok_and(|found| String::from_utf8_lossy(&found).ends_with(&arguments))
            && is_child(*pid)
    };
    let processes = fs::read_dir("/proc").expect("/proc").flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.into_iter().find(serves).expect("a process of the instance")
}

/// Other tests may run beside this program.
fn is_child(pid: u32) -> bool {
    let own = format!("PPid:\t{}", std::process::id());
    fs::read_to_string(format!("/proc/{pid}/status")).is_ok_and(|text| text.lines().any(|line| line == own))
}
