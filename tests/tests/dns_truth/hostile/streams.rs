//! TCP that is slow, endless, cut, or full to the brim.

use std::time::Duration;

use dns01d::dns::{Agreement, Failure, Location, Malformation, Options, Pace, Server, Visibility};
use tokio::time::Instant;

use super::{
    super::primary::{dns, name, wanted},
    DEADLINE, OWNER, failure,
    scripted::{OWN_NAME, Reply, Scripted, Step, TXT, Way, framed},
    values,
};

/// A server whose answer does not fit into a datagram, and what it then does over TCP.
async fn truncated(over_tcp: impl Fn(&[u8]) -> Vec<Step> + Send + Sync + 'static) -> Scripted {
    Scripted::start(move |way, query| match way {
        Way::Udp => vec![Step::Send(cut(query))],
        Way::Tcp => over_tcp(query),
    })
    .await
}

fn cut(query: &[u8]) -> Vec<u8> {
    let mut reply = Reply::to(query);
    reply.flags |= 0x0200;
    reply.octets()
}

fn needs_tcp(tcp: Failure) -> Failure {
    Failure::Truncated { tcp: Box::new(tcp) }
}

fn malformed(what: Malformation) -> Failure {
    needs_tcp(Failure::Malformed(what))
}

fn whole(query: &[u8]) -> Vec<u8> {
    framed(&Reply::to(query).txt(b"true").octets())
}

#[tokio::test]
async fn a_stream_that_ends_early_is_an_unfinished_answer() {
    for left in [0, 1, 2, 3, 20] {
        let server = truncated(move |query| vec![Step::Raw(whole(query)[..left].to_vec())]).await;
        let expected = malformed(Malformation::Unfinished);
        assert_eq!(failure(&server).await, expected, "after {left} octets");
    }
}

#[tokio::test]
async fn a_message_of_no_octets_or_of_less_than_a_header_cannot_be_decoded() {
    for length in [0_u16, 1, 11] {
        let server = truncated(move |_| {
            let zeros = vec![0; usize::from(length)];
            vec![Step::Raw(framed(&zeros)), Step::Stay]
        })
        .await;
        let expected = malformed(Malformation::Undecodable);
        assert_eq!(failure(&server).await, expected, "{length} octets");
    }
}

#[tokio::test]
async fn an_answer_truncated_over_tcp_is_said_to_be_so() {
    let server = truncated(|query| vec![Step::Send(cut(query))]).await;
    assert_eq!(failure(&server).await, malformed(Malformation::TruncatedTcp));
}

#[tokio::test]
async fn a_stream_of_an_octet_now_and_then_is_left_at_the_deadline() {
    let server = truncated(|query| {
        whole(query)
            .into_iter()
            .flat_map(|octet| [Step::Raw(vec![octet]), Step::Pause(Duration::from_millis(100))])
            .collect()
    })
    .await;
    let expected = needs_tcp(Failure::Silent { waited: DEADLINE });
    assert_eq!(failure(&server).await, expected);
}

#[tokio::test]
async fn a_stream_that_never_begins_or_never_ends_is_left_at_the_deadline() {
    let expected = needs_tcp(Failure::Silent { waited: DEADLINE });
    let deaf = truncated(|_| vec![Step::Stay]).await;
    assert_eq!(failure(&deaf).await, expected);
    // one octet less than it says
    let endless = truncated(|query| {
        let mut octets = framed(&full(query, 255));
        octets.pop();
        vec![Step::Raw(octets), Step::Stay]
    })
    .await;
    assert_eq!(failure(&endless).await, expected);
}

#[tokio::test]
async fn what_follows_an_answer_on_its_stream_is_not_read() {
    let server = truncated(|query| {
        let mut octets = whole(query);
        octets.resize(octets.len() + (1 << 20), 0xff);
        vec![Step::Raw(octets), Step::Stay]
    })
    .await;
    assert_eq!(values(&server).await, [b"true".to_vec()]);
}

/// The largest message that there is, of records with `size` octets of data.
fn full(query: &[u8], size: usize) -> Vec<u8> {
    let string = vec![b'x'; size.saturating_sub(1)];
    let data = match size {
        0 => Vec::new(),
        _ => [&[u8::try_from(size - 1).unwrap()][..], &string].concat(),
    };
    let mut reply = Reply::to(query);
    let frame = reply.octets().len();
    for _ in 0..(usize::from(u16::MAX) - frame) / (12 + size) {
        reply = reply.answer(OWN_NAME, TXT, &data);
    }
    reply.octets()
}

#[tokio::test]
async fn sets_of_64_kib_are_read_whole() {
    for size in [255, 44, 2, 1] {
        let server = truncated(move |query| vec![Step::Send(full(query, size))]).await;
        let found = values(&server).await;
        assert_eq!(found.len(), (65_535 - 12 - 33) / (12 + size), "of {size} octets");
        assert!(found.iter().all(|value| value.len() == size - 1));
    }
}

#[tokio::test]
async fn one_value_of_64_kib_in_thousands_of_strings_is_read_whole() {
    let server = truncated(|query| {
        let strings = b"\x01x\x00".repeat(21_800);
        vec![Step::Send(
            Reply::to(query).answer(OWN_NAME, TXT, &strings).octets(),
        )]
    })
    .await;
    assert_eq!(values(&server).await, [vec![b'x'; 21_800]]);
}

#[tokio::test]
async fn what_lags_with_values_of_64_kib_is_told_in_a_line() {
    let server = truncated(|query| {
        let strings = b"\xff".repeat(65_000);
        let strings: Vec<u8> = strings
            .chunks(255)
            .flat_map(|chunk| [&[chunk.len() as u8], chunk].concat())
            .collect();
        vec![Step::Send(
            Reply::to(query).answer(OWN_NAME, TXT, &strings).octets(),
        )]
    })
    .await;
    let location = Location {
        challenge_name: name(OWNER),
        owner: name(OWNER),
        zone: name("example.org"),
        chain: Vec::new(),
        unfollowed: None,
        agreement: Agreement::All,
        visibility: Visibility::Authorities,
        servers: vec![Server {
            name: None,
            addresses: vec![server.address()],
        }],
        unresolved: Vec::new(),
    };
    let dns = dns(Options {
        query_timeout: DEADLINE,
        ..Options::default()
    });
    let deadline = Instant::now() + DEADLINE;
    let error = dns
        .wait_visible(&wanted(location), Pace::default(), deadline, drop)
        .await;
    let text = error.expect_err("another value").to_string();
    assert!(
        text.contains("\\255\\255") && text.len() < 1000,
        "{} octets",
        text.len()
    );
}

#[tokio::test]
async fn a_txt_record_without_any_string_is_no_reason_to_stop() {
    let server = truncated(|query| {
        let reply = Reply::to(query).answer(OWN_NAME, TXT, b"");
        vec![Step::Send(reply.txt(b"true").octets())]
    })
    .await;
    match super::ask_plainly(&server).await {
        Ok(answer) => assert!(answer.txt(&name(OWNER)).contains(&b"true".to_vec())),
        Err(error) => assert_eq!(error.failure, malformed(Malformation::Undecodable)),
    }
}
