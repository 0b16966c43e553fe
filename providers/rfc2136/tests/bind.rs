//! Against a real BIND 9, through the exported table. No BIND, no pass.
#![allow(clippy::unwrap_used)]

mod support;

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream, UdpSocket};
use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant};

use dns01_plugin_api::abi::{cap, status};
use dns01_plugin_api::testing::{TestCall, TestHost, TestInstance, TestOutcome, TestRecord};
use dns01_plugin_api::{Batch, Call, Description, Error, Host, Kind, Options, Provider, Success};
use dns01_rfc2136::tsig::{Algorithm, Key};
use dns01_rfc2136::{Change, Client, Rfc2136, Transport, Turn, Txt, messages};
use support::{Named, SHA224, SHA256, SHA384, SHA512, free_port};

static NAMED: LazyLock<Named> = LazyLock::new(Named::start);

/// An instance for the shared server with one of its keys.
fn with_key(key: (&str, &str), algorithm: &str, more: &[(&str, &str)]) -> TestInstance {
    let server = NAMED.server();
    let mut options = vec![
        ("server", server.as_str()),
        ("tsig-key", key.0),
        ("tsig-secret", key.1),
        ("tsig-algorithm", algorithm),
    ];
    options.retain(|(key, _)| !more.iter().any(|(other, _)| key == other));
    options.extend_from_slice(more);
    TestHost::start().open::<Rfc2136>(&options).unwrap()
}

fn sha256() -> TestInstance {
    with_key(SHA256, "hmac-sha256", &[])
}

#[track_caller]
fn all_ok(outcomes: &[TestOutcome]) {
    assert!(outcomes.iter().all(TestOutcome::is_ok), "{outcomes:#?}");
}

/// A name below the policy's that no other test uses.
fn own(label: &str) -> String {
    format!("{label}._acme-challenge.example.test")
}

#[test]
fn values_are_added_beside_others_and_removed_alone() {
    let instance = sha256();
    let name = own("beside");
    let (one, two) = (TestRecord::new(&name, "one"), TestRecord::new(&name, "two"));
    all_ok(&instance.present(std::slice::from_ref(&one)));
    all_ok(&instance.present(std::slice::from_ref(&two)));
    assert_eq!(NAMED.dig(&name, "TXT"), "\"one\"\n\"two\"");
    all_ok(&instance.present(std::slice::from_ref(&two)));
    assert_eq!(NAMED.dig(&name, "TXT"), "\"one\"\n\"two\"", "twice is once");
    all_ok(&instance.remove(std::slice::from_ref(&one)));
    assert_eq!(NAMED.dig(&name, "TXT"), "\"two\"");
    all_ok(&instance.remove(&[one, two]));
    assert_eq!(NAMED.dig(&name, "TXT"), "", "removing what is gone is fine");
}

#[test]
fn every_algorithm_signs_over_udp_and_tcp() {
    let keys = [
        ("hmac-sha224", SHA224),
        ("hmac-sha256", SHA256),
        ("hmac-sha384", SHA384),
        ("hmac-sha512", SHA512),
    ];
    for (algorithm, key) in keys {
        for transport in ["udp", "tcp"] {
            let instance = with_key(key, algorithm, &[("transport", transport)]);
            let name = own(&format!("{algorithm}-{transport}"));
            let record = TestRecord::new(&name, "value");
            all_ok(&instance.present(std::slice::from_ref(&record)));
            assert_eq!(NAMED.dig(&name, "TXT"), "\"value\"", "{algorithm} {transport}");
            all_ok(&instance.remove(&[record]));
            assert_eq!(NAMED.dig(&name, "TXT"), "");
        }
    }
}

#[test]
fn several_values_of_one_zone_are_one_update() {
    let instance = sha256();
    let name = own("one-update");
    let records: Vec<TestRecord> = (0..40)
        .map(|at| TestRecord::new(&name, &format!("{at:043}")))
        .collect();
    let other = Named::start();
    let server = other.server();
    let alone = with_key(SHA256, "hmac-sha256", &[("server", &server)]);
    let before = other.serial("example.test");
    all_ok(&alone.present(&records));
    assert_eq!(
        other.serial("example.test"),
        before + 1,
        "one update, though over 1232 bytes"
    );
    assert_eq!(other.dig(&name, "TXT").lines().count(), 40);
    all_ok(&alone.remove(&records));
    assert_eq!(
        (other.serial("example.test"), other.dig(&name, "TXT").as_str()),
        (before + 2, "")
    );
    drop(instance);
}

#[test]
fn zones_are_found_by_soa_each_name_in_its_own() {
    let instance = sha256();
    let records = [
        TestRecord::new(&own("walk"), "a"),
        TestRecord::new("_acme-challenge.deep.down.sub.example.test", "b"),
        // the hint is a zone of this server, but not the deepest one: the server decides
        TestRecord::new("_acme-challenge.other.sub.example.test", "c").in_zone("sub.example.test"),
        TestRecord::new(&own("hinted"), "d").in_zone("example.test"),
        TestRecord::new(&own("wrong-hint"), "e").in_zone("www.example.test"),
        TestRecord::new(&own("foreign-hint"), "f").in_zone("elsewhere.test"),
    ];
    let (first, second) = (
        NAMED.dig("sub.example.test", "SOA"),
        NAMED.dig("example.test", "SOA"),
    );
    all_ok(&instance.present(&records));
    assert_ne!(NAMED.dig("sub.example.test", "SOA"), first);
    assert_ne!(NAMED.dig("example.test", "SOA"), second);
    assert_eq!(
        NAMED.dig("_acme-challenge.deep.down.sub.example.test", "TXT"),
        "\"b\""
    );
    assert_eq!(NAMED.dig(&own("foreign-hint"), "TXT"), "\"f\"");
    all_ok(&instance.remove(&records));
}

#[test]
fn one_zone_may_fail_beside_another() {
    let instance = sha256();
    let good = own("beside-a-bad-zone");
    let outcomes = instance.present(&[
        TestRecord::new("_acme-challenge.second.test", "x"),
        TestRecord::new(&good, "x"),
        TestRecord::new("_acme-challenge.nowhere.invalid", "x"),
    ]);
    assert_eq!((outcomes[0].status, outcomes[0].native_code), (status::AUTH, 5));
    assert!(outcomes[1].is_ok());
    assert_eq!(outcomes[2].status, status::ZONE_NOT_FOUND);
    assert!(
        outcomes[2]
            .message
            .contains("no zone for _acme-challenge.nowhere.invalid"),
        "{outcomes:?}"
    );
    all_ok(&instance.remove(&[TestRecord::new(&good, "x")]));
}

#[test]
fn values_over_255_bytes_and_odd_characters_survive() {
    let instance = sha256();
    let name = own("long");
    let long = format!("{}-end", "v".repeat(600));
    let odd = r#"letsencrypt.org; accounturi="https://ca/1"; x\y"#;
    let records = [
        TestRecord::new(&name, &long).of_kind(Kind::Persist),
        TestRecord::new(&name, odd),
    ];
    all_ok(&instance.present(&records));
    let seen = NAMED.dig(&name, "TXT");
    assert!(
        seen.contains(&format!(
            "\"{}\" \"{}\" \"{}-end\"",
            "v".repeat(255),
            "v".repeat(255),
            "v".repeat(90)
        )),
        "{seen}"
    );
    assert!(
        seen.contains(r#""letsencrypt.org; accounturi=\"https://ca/1\"; x\\y""#),
        "{seen}"
    );
    all_ok(&instance.remove(&records));
    assert_eq!(NAMED.dig(&name, "TXT"), "");
}

#[test]
fn the_ttl_is_the_records_or_the_operators() {
    let name = own("ttl");
    let answer = || {
        let output = std::process::Command::new("dig")
            .args([
                "+noall",
                "+answer",
                "@127.0.0.1",
                "-p",
                &NAMED.port.to_string(),
                &name,
                "TXT",
            ])
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let record = TestRecord::new(&name, "v").with_ttl(77);
    let instance = sha256();
    all_ok(&instance.present(std::slice::from_ref(&record)));
    assert!(
        answer().contains("\t77\t") || answer().contains(" 77 "),
        "{}",
        answer()
    );
    all_ok(&instance.remove(std::slice::from_ref(&record)));
    let instance = with_key(SHA256, "hmac-sha256", &[("ttl", "5")]);
    all_ok(&instance.present(std::slice::from_ref(&record)));
    assert!(answer().split_whitespace().nth(1) == Some("5"), "{}", answer());
    all_ok(&instance.remove(&[record]));
}

#[test]
fn each_refusal_has_its_class_number_and_advice() {
    let secret = "d3Jvbmcgc2VjcmV0IG9mIGEga2V5";
    let record = |name: &str| TestRecord::new(name, "v");
    let good = own("refused");
    let cases: [(TestInstance, TestRecord, i32, i32, &str); 9] = [
        (
            with_key(("k256", secret), "hmac-sha256", &[]),
            record(&good),
            status::AUTH,
            16,
            "secret for key k256",
        ),
        (
            with_key(("nobody", secret), "hmac-sha256", &[]),
            record(&good),
            status::AUTH,
            17,
            "does not take key nobody",
        ),
        (
            with_key(SHA256, "hmac-sha512", &[]),
            record(&good),
            status::AUTH,
            17,
            "k256 with hmac-sha512",
        ),
        (
            sha256(),
            record("www.example.test"),
            status::AUTH,
            5,
            "update-policy",
        ),
        (
            sha256(),
            record("_acme-challenge.static.test"),
            status::AUTH,
            5,
            "not allowed",
        ),
        (
            with_key(SHA256, "hmac-sha256", &[("zone", "unserved.test")]),
            record("_acme-challenge.unserved.test"),
            status::ZONE_NOT_FOUND,
            9,
            "not authoritative for unserved.test",
        ),
        (
            with_key(SHA256, "hmac-sha256", &[("zone", "second.test")]),
            record(&good),
            status::CONFIG,
            0,
            "not in the configured zone second.test",
        ),
        (
            sha256(),
            record("_acme-challenge.x.away.example.test"),
            status::ZONE_NOT_FOUND,
            0,
            "delegates away.example.test",
        ),
        (
            sha256(),
            record("_acme-challenge.unserved.test"),
            status::ZONE_NOT_FOUND,
            0,
            "no zone for",
        ),
    ];
    for transport in ["udp", "tcp"] {
        for (instance, record, class, code, word) in &cases {
            for outcome in [
                instance.present(std::slice::from_ref(record)),
                instance.remove(std::slice::from_ref(record)),
            ] {
                assert_eq!(
                    (outcome[0].status, outcome[0].native_code),
                    (*class, *code),
                    "{transport} {outcome:?}"
                );
                assert!(outcome[0].message.contains(word), "{word}: {outcome:?}");
                assert!(!outcome[0].message.contains(secret));
            }
        }
    }
    assert_eq!(NAMED.dig(&good, "TXT"), "");
}

#[test]
fn a_server_by_address_needs_no_key() {
    let server = NAMED.server();
    let instance = TestHost::start().open::<Rfc2136>(&[("server", &server)]).unwrap();
    let record = TestRecord::new("_acme-challenge.open.test", "v");
    all_ok(&instance.present(std::slice::from_ref(&record)));
    assert_eq!(NAMED.dig("_acme-challenge.open.test", "TXT"), "\"v\"");
    all_ok(&instance.remove(&[record]));
    let outcome = &instance.present(&[TestRecord::new(&own("keyless"), "v")])[0];
    assert_eq!((outcome.status, outcome.native_code), (status::AUTH, 5));
    assert!(outcome.message.contains("`tsig-key`"), "{}", outcome.message);
}

#[test]
fn ipv6_and_names_of_servers_work() {
    let port = NAMED.port;
    let mut servers = vec![format!("localhost:{port}")];
    if NAMED.ipv6 {
        servers.push(format!("[::1]:{port}"));
    }
    for (at, server) in servers.iter().enumerate() {
        let instance = with_key(SHA256, "hmac-sha256", &[("server", server)]);
        let record = TestRecord::new(&own(&format!("by-{at}")), "v");
        all_ok(&instance.present(std::slice::from_ref(&record)));
        all_ok(&instance.remove(&[record]));
    }
}

#[test]
fn the_next_server_is_asked_when_one_is_down() {
    let (dead, server) = (format!("127.0.0.1:{}", free_port()), NAMED.server());
    let record = TestRecord::new(&own("second-server"), "v");
    for transport in ["udp", "tcp"] {
        let instance = with_key(
            SHA256,
            "hmac-sha256",
            &[("server", &dead), ("server", &server), ("transport", transport)],
        );
        all_ok(&instance.present(std::slice::from_ref(&record)));
        all_ok(&instance.remove(std::slice::from_ref(&record)));
    }
    let instance = with_key(
        SHA256,
        "hmac-sha256",
        &[("server", &dead), ("server", "nowhere.invalid")],
    );
    let outcome = &instance.present(&[record])[0];
    assert_eq!(outcome.status, status::TRANSIENT);
    assert!(
        outcome.message.contains(&dead) && outcome.message.contains("nowhere.invalid"),
        "{outcome:?}"
    );
}

#[test]
fn tcp_alone_is_enough() {
    // a relay without a UDP side
    let relay = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let server = relay.local_addr().unwrap().to_string();
    let to = NAMED.server();
    thread::spawn(move || {
        for client in relay.incoming().map_while(Result::ok) {
            let upstream = TcpStream::connect(&to).unwrap();
            let (mut from, mut into) = (client.try_clone().unwrap(), upstream.try_clone().unwrap());
            thread::spawn(move || {
                let _ = std::io::copy(&mut from, &mut into);
                let _ = into.shutdown(Shutdown::Write);
            });
            let (mut from, mut into) = (upstream, client);
            thread::spawn(move || {
                let mut byte = [0];
                // in single bytes: an answer may come in any pieces
                while let Ok(1) = from.read(&mut byte) {
                    let _ = into.write_all(&byte);
                }
            });
        }
    });
    let instance = with_key(
        SHA256,
        "hmac-sha256",
        &[("server", &server), ("transport", "tcp")],
    );
    let record = TestRecord::new(&own("tcp-only"), "v");
    all_ok(&instance.present(std::slice::from_ref(&record)));
    assert_eq!(NAMED.dig(&own("tcp-only"), "TXT"), "\"v\"");
    all_ok(&instance.remove(&[record]));
}

#[test]
fn lost_datagrams_are_sent_again_and_change_nothing_twice() {
    // a relay that loses every other datagram, first requests, then answers
    let relay = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let server = relay.local_addr().unwrap().to_string();
    let to = NAMED.server();
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        for turn in 0usize.. {
            let (len, client) = relay.recv_from(&mut buffer).unwrap();
            if turn % 3 == 0 {
                continue;
            }
            let upstream = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            upstream.send_to(&buffer[..len], &to).unwrap();
            let len = upstream.recv(&mut buffer).unwrap();
            if turn % 3 == 2 {
                relay.send_to(&buffer[..len], client).unwrap();
            }
        }
    });
    let name = own("lossy");
    let instance = with_key(
        SHA256,
        "hmac-sha256",
        &[("server", &server), ("zone", "example.test")],
    );
    let record = TestRecord::new(&name, "v");
    all_ok(&instance.present(std::slice::from_ref(&record)));
    assert_eq!(NAMED.dig(&name, "TXT"), "\"v\"");
    all_ok(&instance.remove(&[record]));
    assert_eq!(NAMED.dig(&name, "TXT"), "");
}

#[test]
fn a_removal_needs_nothing_of_the_process_that_added() {
    let record = TestRecord::new(&own("fresh"), "v");
    all_ok(&sha256().present(std::slice::from_ref(&record)));
    all_ok(&sha256().remove(&[record]));
    assert_eq!(NAMED.dig(&own("fresh"), "TXT"), "");
}

#[test]
fn calls_overlap_on_one_instance() {
    let instance = sha256();
    assert_eq!(
        instance.info().caps,
        cap::CONCURRENT | cap::ATOMIC_BATCH | cap::STATELESS_REMOVE | cap::CANCELS
    );
    assert_eq!(instance.info().kinds, 0b1111);
    thread::scope(|scope| {
        for worker in 0..8 {
            let instance = &instance;
            scope.spawn(move || {
                let record = TestRecord::new(&own(&format!("w{worker}")), "v");
                for _ in 0..5 {
                    all_ok(&instance.present(std::slice::from_ref(&record)));
                    all_ok(&instance.remove(std::slice::from_ref(&record)));
                }
            });
        }
    });
}

#[test]
fn a_batch_of_one_zone_is_all_or_nothing() {
    let instance = sha256();
    let good = own("atomic");
    let outcomes = instance.present(&[
        TestRecord::new(&good, "v"),
        TestRecord::new("www.example.test", "v"),
    ]);
    assert!(
        outcomes.iter().all(|outcome| outcome.status == status::AUTH),
        "{outcomes:?}"
    );
    assert_eq!(NAMED.dig(&good, "TXT"), "");
}

#[test]
fn check_tells_what_a_key_may_and_changes_nothing() {
    let other = Named::start();
    let server = other.server();
    let open = |key: (&str, &str), more: &[(&str, &str)]| {
        let mut options = vec![("server", server.as_str())];
        options.extend_from_slice(more);
        with_key(key, "hmac-sha256", &options)
    };
    let name = own("check");
    let before = other.serial("example.test");
    let outcomes = open(SHA256, &[]).check(&[
        TestRecord::new(&name, "v"),
        TestRecord::new("www.example.test", "v"),
    ]);
    assert!(
        outcomes[0].is_ok() && outcomes[0].message.contains("key k256 may remove TXT"),
        "{outcomes:?}"
    );
    assert_eq!(
        (outcomes[1].status, outcomes[1].native_code),
        (status::AUTH, 5),
        "{outcomes:?}"
    );
    all_ok(&open(SHA256, &[("zone", "example.test")]).check(&[TestRecord::new(&name, "v")]));
    all_ok(&open(SHA256, &[]).check(&[]));
    all_ok(&open(SHA256, &[("zone", "example.test")]).check(&[]));
    let wrong = &open(("k256", "d3Jvbmc="), &[]).check(&[])[0];
    assert_eq!((wrong.status, wrong.native_code), (status::AUTH, 16), "{wrong:?}");
    let unknown = &open(("nobody", "d3Jvbmc="), &[("zone", "example.test")]).check(&[])[0];
    assert_eq!(
        (unknown.status, unknown.native_code),
        (status::AUTH, 17),
        "{unknown:?}"
    );
    let unserved = &open(SHA256, &[("zone", "unserved.test")]).check(&[])[0];
    assert_eq!(
        (unserved.status, unserved.native_code),
        (status::ZONE_NOT_FOUND, 9),
        "{unserved:?}"
    );
    assert_eq!(other.serial("example.test"), before, "nothing was changed");
    assert_eq!(other.dig(&name, "TXT"), "");
}

#[test]
fn a_silent_server_costs_no_more_than_the_time_given() {
    // bound and never read
    let silent = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let server = silent.local_addr().unwrap().to_string();
    let record = TestRecord::new("_acme-challenge.example.test", "v");
    let instance = with_key(SHA256, "hmac-sha256", &[("server", &server), ("timeout", "300")]);
    #[expect(clippy::disallowed_methods)]
    let started = Instant::now();
    let outcome = &instance.present(std::slice::from_ref(&record))[0];
    assert!(
        started.elapsed() < Duration::from_secs(2),
        "{:?}",
        started.elapsed()
    );
    assert_eq!(outcome.status, status::TRANSIENT);
    assert!(outcome.message.contains("no answer in time"), "{outcome:?}");

    let instance = with_key(
        SHA256,
        "hmac-sha256",
        &[("server", &server), ("timeout", "60000")],
    );
    let call = TestCall::new(Duration::from_millis(300));
    let outcome = &instance.batch(|table| table.present, &call, std::slice::from_ref(&record))[0];
    assert_eq!(outcome.status, status::CANCELLED, "{outcome:?}");

    for transport in ["udp", "tcp"] {
        // a listener that never accepts, for TCP
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let server = if transport == "udp" {
            server.clone()
        } else {
            listener.local_addr().unwrap().to_string()
        };
        let options = [
            ("server", server.as_str()),
            ("timeout", "60000"),
            ("transport", transport),
        ];
        let instance = with_key(SHA256, "hmac-sha256", &options);
        let call = TestCall::new(Duration::from_secs(60));
        let took = thread::scope(|scope| {
            let running =
                scope.spawn(|| instance.batch(|table| table.remove, &call, std::slice::from_ref(&record)));
            thread::sleep(Duration::from_millis(200));
            call.cancel();
            #[expect(clippy::disallowed_methods)]
            let cancelled = Instant::now();
            assert_eq!(running.join().unwrap()[0].status, status::CANCELLED);
            cancelled.elapsed()
        });
        assert!(took < Duration::from_millis(500), "{transport} {took:?}");
    }
}

/// Asks BIND with a clock that is ten minutes off.
struct WrongClock(Client);

impl Provider for WrongClock {
    const DESCRIPTION: Description = Description::new("wrong-clock", "", &[]);

    fn open(_host: Host, _call: &Call<'_>, _options: &Options) -> Result<Self, Error> {
        Ok(Self(Client {
            servers: vec![NAMED.server().parse().unwrap()],
            transport: Transport::Udp,
            key: Some(Key::from_base64(SHA256.0, Algorithm::HmacSha256, SHA256.1).unwrap()),
            timeout: Duration::from_secs(5),
            now: || 1_000_000_000,
            turn: Turn::default(),
        }))
    }

    fn present(&self, call: &Call<'_>, batch: &mut Batch<'_>) -> Result<(), Error> {
        let zone = "example.test.".parse().unwrap();
        let txt = Txt {
            name: format!("{}.", own("clock")).parse().unwrap(),
            value: "v".to_owned(),
            ttl: 60,
        };
        for message in messages(&zone, Change::Add, &[txt]).unwrap() {
            self.0.ask(call, &message)?;
        }
        batch.settle_rest(&Ok(Success::done()));
        Ok(())
    }

    fn remove(&self, call: &Call<'_>, batch: &mut Batch<'_>) -> Result<(), Error> {
        self.present(call, batch)
    }
}

#[test]
fn a_wrong_clock_is_told_with_both_times() {
    let instance = TestHost::start().open::<WrongClock>(&[]).unwrap();
    let outcome = &instance.present(&[TestRecord::new(&own("clock"), "v")])[0];
    assert_eq!(
        (outcome.status, outcome.native_code),
        (status::TRANSIENT, 18),
        "{outcome:?}"
    );
    assert!(
        outcome.message.contains("2001-09-09T01:46:40Z here"),
        "{outcome:?}"
    );
    assert!(outcome.message.contains("BADTIME"), "{outcome:?}");
    assert!(outcome.retry_after_ms > 0);
    assert_eq!(NAMED.dig(&own("clock"), "TXT"), "");
}
