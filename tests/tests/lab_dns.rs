//! The lab's DNS server against BIND's own clients: dig and nsupdate.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::net::SocketAddr;
use std::process::{Command, Output};
use std::time::Duration;

use hickory_proto::rr::RecordType;
use lab::dns::{AskError, Change, DnsFault, DnsOptions, DnsServer, TsigKey, UpdateFault, Zone, ask, ask_txt};
use lab::nsupdate::nsupdate as nsupdate_of;

const ZONE: &str = "internal.example.test";
const OWNER: &str = "_acme-challenge.internal.example.test";

async fn server(keys: Vec<TsigKey>) -> DnsServer {
    let zone = Zone::new(ZONE).unwrap();
    DnsServer::start(DnsOptions {
        keys,
        ..DnsOptions::new(vec![zone])
    })
    .await
    .unwrap()
}

fn dig(server: SocketAddr, arguments: &[&str]) -> String {
    let output = Command::new("dig")
        .args([
            &format!("@{}", server.ip()),
            "-p",
            &server.port().to_string(),
            "+tries=1",
            "+timeout=5",
        ])
        .args(arguments)
        .output()
        .expect("dig");
    String::from_utf8(output.stdout).unwrap()
}

fn nsupdate(server: SocketAddr, arguments: &[&str], lines: &str) -> Output {
    let arguments = [&["-t", "5", "-r", "0", "-u", "5"], arguments].concat();
    nsupdate_of(server, &[(ZONE, lines)], &arguments).expect("nsupdate")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The argument of `nsupdate -y`.
fn y(key: &TsigKey) -> String {
    format!("{}:{}:{}", key.algorithm(), key.name(), key.secret_base64())
}

#[tokio::test(flavor = "multi_thread")]
async fn dig_sees_soa_nxdomain_and_nodata() {
    let server = server(vec![]).await;
    assert!(
        dig(server.addr(), &["+short", ZONE, "SOA"]).starts_with("ns1.internal.example.test. hostmaster.")
    );
    let missing = dig(server.addr(), &["nothing.internal.example.test", "TXT"]);
    assert!(
        missing.contains("status: NXDOMAIN") && missing.contains("SOA"),
        "{missing}"
    );
    assert!(missing.contains("flags: qr aa rd"), "{missing}");
    let nodata = dig(server.addr(), &[ZONE, "MX"]);
    assert!(
        nodata.contains("status: NOERROR") && nodata.contains("ANSWER: 0"),
        "{nodata}"
    );
    assert!(dig(server.addr(), &["www.example.com", "A"]).contains("status: REFUSED"));
    assert!(
        dig(
            server.addr(),
            &["+ednsopt=100", "+edns=1", "+noednsneg", ZONE, "SOA"]
        )
        .contains("BADVERS")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn both_families_answer_on_one_port() {
    let options = DnsOptions {
        both_families: true,
        ..DnsOptions::new(vec![Zone::new(ZONE).unwrap()])
    };
    let server = DnsServer::start(options).await.unwrap();
    let [v4, v6] = server.addrs() else {
        panic!("{:?}", server.addrs())
    };
    assert_eq!(v4.port(), v6.port());
    for addr in [v4, v6] {
        assert!(dig(*addr, &["+short", ZONE, "NS"]).contains("ns1"));
        assert!(dig(*addr, &["+short", "+tcp", ZONE, "NS"]).contains("ns1"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nsupdate_adds_both_values_in_one_update_and_deletes_one() {
    let key = TsigKey::generate("lab-key").unwrap();
    let server = server(vec![key.clone()]).await;
    let two = format!("update add {OWNER} 60 TXT one\nupdate add {OWNER} 60 TXT two");
    let added = nsupdate(server.addr(), &["-y", &y(&key)], &two);
    assert!(added.status.success(), "{}", said(&added));
    assert_eq!(server.txt(OWNER).unwrap(), ["one", "two"]);
    assert_eq!(dig(server.addr(), &["+short", OWNER, "TXT"]).lines().count(), 2);
    // what stands above the owner exists now, and the serial went up once
    assert!(dig(server.addr(), &["+short", ZONE, "SOA"]).contains(" 2 3600 "));

    let over_tcp = nsupdate(
        server.addr(),
        &["-v", "-y", &y(&key)],
        &format!("update delete {OWNER} TXT one"),
    );
    assert!(over_tcp.status.success(), "{}", said(&over_tcp));
    assert_eq!(server.txt(OWNER).unwrap(), ["two"]);

    let updates = server.updates();
    assert_eq!(updates.len(), 2);
    assert_eq!(
        (updates[0].changes.len(), updates[0].key.as_deref()),
        (2, Some("lab-key"))
    );
    let name = OWNER.to_owned();
    let deleted = Change::Delete {
        name,
        record_type: "TXT".to_owned(),
        value: "one".to_owned(),
    };
    assert_eq!(updates[1].changes, [deleted]);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_algorithm_signs_and_verifies() {
    for algorithm in ["hmac-sha224", "hmac-sha256", "hmac-sha384", "hmac-sha512"] {
        let key = TsigKey::parse(&format!("{algorithm}-key:{algorithm}:c2l4dGVlbiBieXRlcyEh")).unwrap();
        let server = server(vec![key.clone()]).await;
        let added = nsupdate(
            server.addr(),
            &["-y", &y(&key)],
            &format!("update add {OWNER} 60 TXT x"),
        );
        assert!(added.status.success(), "{algorithm}: {}", said(&added));
        let signed = dig(server.addr(), &["-y", &y(&key), OWNER, "TXT"]);
        assert!(signed.contains("TSIG") && !signed.contains("verify"), "{signed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_refusal_has_its_own_reason() {
    let key = TsigKey::generate("lab-key").unwrap();
    let server = server(vec![key.clone()]).await;
    let add = format!("update add {OWNER} 60 TXT x");

    let unsigned = nsupdate(server.addr(), &[], &add);
    assert!(said(&unsigned).contains("REFUSED"), "{}", said(&unsigned));
    let stranger = TsigKey::generate("other-key").unwrap();
    let unknown = nsupdate(server.addr(), &["-y", &y(&stranger)], &add);
    assert!(said(&unknown).contains("BADKEY"), "{}", said(&unknown));
    let impostor = TsigKey::generate("lab-key").unwrap();
    let forged = nsupdate(server.addr(), &["-y", &y(&impostor)], &add);
    assert!(said(&forged).contains("BADSIG"), "{}", said(&forged));
    let outside = format!("update add www.{ZONE} 60 TXT x");
    let outside = nsupdate(server.addr(), &["-y", &y(&key)], &outside);
    assert!(said(&outside).contains("REFUSED"), "{}", said(&outside));
    let taken = format!("prereq nxrrset {OWNER} TXT\n{add}");
    assert!(
        nsupdate(server.addr(), &["-y", &y(&key)], &taken)
            .status
            .success()
    );
    let taken = nsupdate(server.addr(), &["-y", &y(&key)], &taken);
    assert!(said(&taken).contains("YXRRSET"), "{}", said(&taken));

    let codes: Vec<String> = server.updates().into_iter().map(|update| update.code).collect();
    assert_eq!(
        codes,
        ["REFUSED", "NOTAUTH", "NOTAUTH", "REFUSED", "NOERROR", "YXRRSET"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn clock_that_differs_too_much_is_told_so() {
    let key = TsigKey::generate("lab-key").unwrap();
    let server = server(vec![key.clone()]).await;
    // an hour behind, for this one client
    server.knobs().update(|knobs| knobs.clock_offset = 3600);
    let late = nsupdate(
        server.addr(),
        &["-y", &y(&key)],
        &format!("update add {OWNER} 60 TXT x"),
    );
    assert!(
        said(&late).contains("BADTIME") || said(&late).contains("clocks are unsynchronized"),
        "{}",
        said(&late)
    );
    assert!(server.txt(OWNER).unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn secondary_lags_by_its_knob_and_catches_up() {
    let primary = server(vec![]).await;
    let secondary = primary.secondary().await.unwrap();
    secondary
        .knobs()
        .update(|knobs| knobs.lag = Duration::from_millis(1500));
    assert!(
        nsupdate(primary.addr(), &[], &format!("update add {OWNER} 60 TXT x"))
            .status
            .success()
    );
    assert_eq!(ask_txt(primary.addr(), OWNER).await.unwrap(), ["x"]);
    assert!(ask_txt(secondary.addr(), OWNER).await.unwrap().is_empty());
    tokio::time::sleep(Duration::from_millis(1600)).await;
    assert_eq!(ask_txt(secondary.addr(), OWNER).await.unwrap(), ["x"]);
    let refused = nsupdate(secondary.addr(), &[], &format!("update add {OWNER} 60 TXT y"));
    assert!(said(&refused).contains("NOTAUTH"), "{}", said(&refused));
    assert_eq!(secondary.queries().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_are_those_that_were_asked_for() {
    let server = server(vec![]).await;
    let add = format!("update add {OWNER} 60 TXT x");
    let update = |fault| server.knobs().update(|knobs| knobs.update_fault = fault);

    update(Some(UpdateFault::Servfail));
    assert!(said(&nsupdate(server.addr(), &[], &add)).contains("SERVFAIL"));
    assert!(server.txt(OWNER).unwrap().is_empty());
    update(Some(UpdateFault::LoseAnswer));
    assert!(
        !nsupdate(server.addr(), &["-t", "1", "-u", "1"], &add)
            .status
            .success()
    );
    assert_eq!(server.txt(OWNER).unwrap(), ["x"]);
    update(None);

    server
        .knobs()
        .update(|knobs| knobs.query_fault = Some(DnsFault::Servfail));
    assert!(dig(server.addr(), &[ZONE, "SOA"]).contains("SERVFAIL"));
    server
        .knobs()
        .update(|knobs| knobs.query_fault = Some(DnsFault::Drop));
    assert!(matches!(
        ask(server.addr(), ZONE, RecordType::SOA).await,
        Err(AskError::Silent { .. })
    ));
    server.knobs().update(|knobs| knobs.query_fault = None);

    server
        .knobs()
        .update(|knobs| knobs.answer_delay = Duration::from_millis(400));
    let begin = tokio::time::Instant::now();
    ask(server.addr(), ZONE, RecordType::SOA).await.unwrap();
    assert!(begin.elapsed() >= Duration::from_millis(400));
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_too_long_for_udp_come_over_tcp() {
    let mut zone = Zone::new(ZONE).unwrap();
    for number in 0..40 {
        zone = zone.with_txt(OWNER, &format!("{number:0>50}")).unwrap();
    }
    let server = DnsServer::start(DnsOptions::new(vec![zone])).await.unwrap();
    let cut = dig(server.addr(), &["+ignore", OWNER, "TXT"]);
    assert!(cut.contains("flags: qr aa tc"), "{cut}");
    assert_eq!(ask_txt(server.addr(), OWNER).await.unwrap().len(), 40);
    let transports: Vec<bool> = server.queries().iter().map(|query| query.tcp).collect();
    assert_eq!(transports, [false, false, true]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rubbish_is_answered_with_formerr_or_not_at_all() {
    let server = server(vec![]).await;
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(server.addr()).await.unwrap();
    // too short for a header; a response; a header that promises a question and has none
    socket.send(&[1, 2, 3]).await.unwrap();
    socket
        .send(&[0, 1, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0])
        .await
        .unwrap();
    socket.send(&[0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await.unwrap();
    let mut answer = [0; 512];
    let length = tokio::time::timeout(Duration::from_secs(5), socket.recv(&mut answer))
        .await
        .unwrap()
        .unwrap();
    assert_eq!((length, answer[1], answer[3] & 0x0f), (12, 2, 1));
}
