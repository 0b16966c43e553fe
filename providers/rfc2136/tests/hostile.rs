//! Servers that lie, break or fail, and strangers that answer in their place.
#![allow(clippy::unwrap_used)]

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use dns01_plugin_api::Level;
use dns01_plugin_api::abi::status;
use dns01_plugin_api::testing::{TestHost, TestOutcome, TestRecord};
use dns01_rfc2136::tsig::{Algorithm, Key, Mac, verify_request};
use dns01_rfc2136::{Rfc2136, unix_now};

const SECRET: &str = "c2VjcmV0IG9mIHRoZSB0ZXN0IGtleQ==";
const NOERROR: u8 = 0;
const SERVFAIL: u8 = 2;
const REFUSED: u8 = 5;

fn key() -> Key {
    Key::from_base64("k", Algorithm::HmacSha256, SECRET).unwrap()
}

/// The unsigned answer with this RCODE, and the MAC of the request.
fn unsigned(request: &[u8], code: u8) -> (Vec<u8>, Mac) {
    let verified_mac = verify_request(&[key()], request, unix_now()).unwrap().mac;
    let mut answer = request[..12].to_vec();
    answer[2] |= 0x80;
    answer[3] = code;
    answer[4..12].fill(0);
    (answer, verified_mac)
}

/// The rightly signed answer.
fn signed(request: &[u8], code: u8) -> Vec<u8> {
    let (answer, mac) = unsigned(request, code);
    key().sign_response(&mac, &answer, unix_now()).unwrap()
}

/// What comes back for a request: any number of packets.
type Script = fn(&[u8]) -> Vec<Vec<u8>>;

struct Fake {
    address: String,
    asked_by_tcp: Arc<AtomicUsize>,
}

/// A server on one port. Over TCP each packet is sent as it is, length included.
fn fake(udp: Script, tcp: Script) -> Fake {
    let (listener, socket) = loop {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        if let Ok(socket) = UdpSocket::bind(listener.local_addr().unwrap()) {
            break (listener, socket);
        }
    };
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        let mut buffer = [0; 65_535];
        while let Ok((len, client)) = socket.recv_from(&mut buffer) {
            for packet in udp(&buffer[..len]) {
                socket.send_to(&packet, client).unwrap();
            }
        }
    });
    let asked_by_tcp = Arc::new(AtomicUsize::new(0));
    let asked = Arc::clone(&asked_by_tcp);
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            asked.fetch_add(1, Ordering::SeqCst);
            let mut len = [0; 2];
            stream.read_exact(&mut len).unwrap();
            let mut request = vec![0; usize::from(u16::from_be_bytes(len))];
            stream.read_exact(&mut request).unwrap();
            for packet in tcp(&request) {
                // the client may be gone already
                let _ = stream.write_all(&packet);
            }
        }
    });
    Fake {
        address,
        asked_by_tcp,
    }
}

fn framed(packet: Vec<u8>) -> Vec<u8> {
    [&(packet.len() as u16).to_be_bytes()[..], &packet].concat()
}

fn silence(_request: &[u8]) -> Vec<Vec<u8>> {
    vec![]
}

fn honest(request: &[u8]) -> Vec<Vec<u8>> {
    vec![framed(signed(request, NOERROR))]
}

fn lie(request: &[u8]) -> Vec<Vec<u8>> {
    vec![unsigned(request, NOERROR).0]
}

fn present(servers: &[&str], transport: &str) -> TestOutcome {
    presented(servers, transport).0
}

fn presented(servers: &[&str], transport: &str) -> (TestOutcome, &'static TestHost) {
    let mut options = vec![
        ("zone", "example.test"),
        ("tsig-key", "k"),
        ("tsig-secret", SECRET),
        ("transport", transport),
        ("timeout", "700"),
    ];
    options.extend(servers.iter().map(|server| ("server", *server)));
    let host = TestHost::start();
    let instance = host.open::<Rfc2136>(&options).unwrap();
    let outcome = instance
        .present(&[TestRecord::new("_acme-challenge.example.test", "v")])
        .remove(0);
    (outcome, host)
}

#[test]
fn an_unsigned_success_is_none() {
    let fake = fake(lie, |request| vec![framed(lie(request).remove(0))]);
    for transport in ["udp", "tcp"] {
        let outcome = present(&[&fake.address], transport);
        assert_eq!(outcome.status, status::AUTH, "{outcome:?}");
        assert!(outcome.message.contains("without a signature"), "{outcome:?}");
    }
    // and if the true server cannot be reached, it is still none
    let silent = self::fake(lie, silence);
    let outcome = present(&[&silent.address], "udp");
    assert_eq!(outcome.status, status::AUTH, "{outcome:?}");
}

#[test]
fn a_stranger_cannot_keep_the_true_server_from_being_heard() {
    // whoever answers first over UDP, the server has the last word over TCP
    let strangers: [Script; 3] = [
        lie,
        |request| {
            // "BADKEY", as anybody can say
            let fault = verify_request(&[], request, unix_now()).unwrap_err();
            vec![fault.reply(&unsigned(request, 9).0).unwrap().unwrap()]
        },
        |request| {
            let other = Key::new("k", Algorithm::HmacSha256, b"another secret").unwrap();
            let (answer, mac) = unsigned(request, NOERROR);
            vec![other.sign_response(&mac, &answer, unix_now()).unwrap()]
        },
    ];
    for stranger in strangers {
        let fake = fake(stranger, honest);
        let outcome = present(&[&fake.address], "udp");
        assert!(outcome.is_ok(), "{outcome:?}");
        assert_eq!(fake.asked_by_tcp.load(Ordering::SeqCst), 1);
    }
}

#[test]
fn packets_that_are_not_the_answer_are_passed_over() {
    let fake = fake(
        |request| {
            let good = signed(request, NOERROR);
            let mut other_id = good.clone();
            other_id[0] ^= 1;
            vec![vec![], vec![0; 11], other_id, good]
        },
        silence,
    );
    let outcome = present(&[&fake.address], "udp");
    assert!(outcome.is_ok(), "{outcome:?}");
    assert_eq!(fake.asked_by_tcp.load(Ordering::SeqCst), 0);
}

#[test]
fn an_echo_is_no_answer() {
    let fake = fake(|request| vec![request.to_vec()], honest);
    let outcome = present(&[&fake.address], "udp");
    assert!(
        outcome.is_ok(),
        "the echo's MAC is not one over a response: {outcome:?}"
    );
    assert_eq!(fake.asked_by_tcp.load(Ordering::SeqCst), 1);
}

#[test]
fn a_truncated_answer_is_asked_for_over_tcp() {
    let fake = fake(
        |request| {
            let (mut answer, mac) = unsigned(request, NOERROR);
            answer[2] |= 2;
            vec![key().sign_response(&mac, &answer, unix_now()).unwrap()]
        },
        honest,
    );
    assert!(present(&[&fake.address], "udp").is_ok());
    assert_eq!(fake.asked_by_tcp.load(Ordering::SeqCst), 1);
}

#[test]
fn an_old_answer_sent_again_is_none() {
    let fake = fake(silence, |request| {
        let (answer, mac) = unsigned(request, NOERROR);
        vec![framed(
            key().sign_response(&mac, &answer, unix_now() - 301).unwrap(),
        )]
    });
    let outcome = present(&[&fake.address], "tcp");
    assert_eq!(
        (outcome.status, outcome.native_code),
        (status::TRANSIENT, 18),
        "{outcome:?}"
    );
}

#[test]
fn each_signed_rcode_is_told_apart() {
    let cases: [(Script, i32, i32, &str); 6] = [
        (
            |request| vec![signed(request, 1)],
            status::PERMANENT,
            1,
            "FORMERR",
        ),
        (
            |request| vec![signed(request, 2)],
            status::TRANSIENT,
            2,
            "SERVFAIL",
        ),
        (|request| vec![signed(request, 4)], status::PERMANENT, 4, "NOTIMP"),
        (
            |request| vec![signed(request, 7)],
            status::PERMANENT,
            7,
            "YXRRSET",
        ),
        (
            |request| vec![signed(request, 9)],
            status::ZONE_NOT_FOUND,
            9,
            "NOTAUTH",
        ),
        (
            |request| vec![signed(request, 10)],
            status::ZONE_NOT_FOUND,
            10,
            "NOTZONE",
        ),
    ];
    for (script, class, code, word) in cases {
        let fake = fake(script, silence);
        let outcome = present(&[&fake.address], "udp");
        assert_eq!(
            (outcome.status, outcome.native_code),
            (class, code),
            "{outcome:?}"
        );
        assert!(outcome.message.contains(word), "{outcome:?}");
    }
}

#[test]
fn a_dead_server_gives_way_to_the_next_and_the_log_says_so() {
    let refused = {
        // free again: the kernel refuses what comes for it
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.local_addr().unwrap().to_string()
    };
    let silent = fake(silence, silence);
    let failing = fake(|request| vec![signed(request, SERVFAIL)], silence);
    let relay = fake(
        |request| vec![unsigned(request, SERVFAIL).0],
        |request| vec![framed(unsigned(request, SERVFAIL).0)],
    );
    let good = fake(|request| vec![signed(request, NOERROR)], silence);
    for (dead, why) in [
        (&refused, "refused"),
        (&silent.address, "no answer in time"),
        (&failing.address, "answers SERVFAIL"),
        (&relay.address, "answers SERVFAIL"),
    ] {
        let (outcome, host) = presented(&[dead, &good.address], "udp");
        assert!(outcome.is_ok(), "{outcome:?}");
        let log = host.logged(Level::Warn).join("\n");
        let passed_over = format!("server {dead} is passed over");
        let instead = format!("{} answers instead", good.address);
        for part in [passed_over.as_str(), why, &instead] {
            assert!(log.contains(part), "{part}: {log}");
        }
    }
    let (outcome, host) = presented(&[&good.address, &refused], "udp");
    assert!(outcome.is_ok(), "{outcome:?}");
    assert!(host.logged(Level::Warn).is_empty());

    let all = [refused.as_str(), &silent.address, &failing.address];
    let outcome = present(&all, "udp");
    assert_eq!(
        (outcome.status, outcome.native_code),
        (status::TRANSIENT, 2),
        "{outcome:?}"
    );
    for part in all
        .into_iter()
        .chain(["refused", "no answer in time", "SERVFAIL"])
    {
        assert!(outcome.message.contains(part), "{part}: {outcome:?}");
    }
    let outcome = present(&[&failing.address], "udp");
    assert!(outcome.message.contains("its log says why"), "{outcome:?}");
}

#[test]
fn a_call_waits_for_a_dead_server_once() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let silent = fake(
        |_| {
            ASKED.fetch_add(1, Ordering::SeqCst);
            vec![]
        },
        silence,
    );
    // an authority of no zone: each label of a name is asked for
    let good = fake(|request| vec![signed(request, REFUSED)], silence);
    let options = [
        ("tsig-key", "k"),
        ("tsig-secret", SECRET),
        ("timeout", "700"),
        ("server", &silent.address),
        ("server", &good.address),
    ];
    let host = TestHost::start();
    let instance = host.open::<Rfc2136>(&options).unwrap();
    let record = TestRecord::new("_acme-challenge.a.b.c.example.test", "v");
    for call in 1..=2 {
        let outcome = instance.present(std::slice::from_ref(&record)).remove(0);
        assert_eq!(outcome.status, status::ZONE_NOT_FOUND, "{outcome:?}");
        assert_eq!(ASKED.load(Ordering::SeqCst), call, "once in each call");
        assert_eq!(host.logged(Level::Warn).len(), call, "said once in each call");
    }
}

#[test]
fn broken_streams_fail_and_do_not_hang() {
    let scripts: [Script; 5] = [
        silence,
        |_| vec![vec![0]],
        |_| vec![vec![0, 0]],
        |request| vec![framed(signed(request, NOERROR))[..20].to_vec()],
        |_| vec![framed(vec![0xff; 40])],
    ];
    for (at, script) in scripts.into_iter().enumerate() {
        let fake = fake(silence, script);
        let outcome = present(&[&fake.address], "tcp");
        assert_eq!(outcome.status, status::TRANSIENT, "{at} {outcome:?}");
    }
}
