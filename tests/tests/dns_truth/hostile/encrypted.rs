//! Encrypted resolvers that say something else than an answer.

use std::time::Duration;

use dns01d::dns::{Endpoint, Failure, Malformation};

use super::{
    super::primary::name,
    DEADLINE, ask,
    scripted::{Reply, Step, framed},
    tls_lab::Lab,
};

async fn failure(lab: &Lab, endpoint: &Endpoint) -> Failure {
    ask(&lab.network, endpoint)
        .await
        .expect_err("nothing to believe")
        .failure
}

fn http(status: &str, headers: &str, body: &[u8]) -> Vec<Step> {
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\n{headers}\r\n",
        body.len()
    );
    vec![Step::Raw([head.as_bytes(), body].concat())]
}

const DNS_MESSAGE: &str = "content-type: application/dns-message\r\n";

fn answer(query: &[u8]) -> Vec<u8> {
    Reply::to(query).txt(b"true").octets()
}

#[tokio::test]
async fn https_carries_the_answer() {
    let lab = Lab::doh(|query| http("200 OK", DNS_MESSAGE, &answer(query))).await;
    let found = ask(&lab.network, &lab.https()).await.expect("an answer");
    assert_eq!(found.txt(&name(super::OWNER)), [b"true".to_vec()]);
}

#[tokio::test]
async fn https_that_carries_no_dns_message_is_no_answer() {
    type Response = fn(&[u8]) -> Vec<Step>;
    let malformed = Failure::Malformed;
    let rows: [(&str, Response, Failure); 9] = [
        (
            "a page",
            |query| http("200 OK", "content-type: text/html\r\n", &answer(query)),
            malformed(Malformation::NotDns),
        ),
        (
            "no type",
            |query| http("200 OK", "", &answer(query)),
            malformed(Malformation::NotDns),
        ),
        (
            "the JSON that some speak",
            |_| {
                http(
                    "200 OK",
                    "content-type: application/dns-json\r\n",
                    b"{\"Status\":0}",
                )
            },
            malformed(Malformation::NotDns),
        ),
        (
            "nothing",
            |_| http("200 OK", DNS_MESSAGE, b""),
            malformed(Malformation::Undecodable),
        ),
        (
            "65,536 octets",
            |query| {
                let mut octets = answer(query);
                octets.resize(65_536, 0);
                http("200 OK", DNS_MESSAGE, &octets)
            },
            malformed(Malformation::NotDns),
        ),
        (
            "an id",
            |query| {
                let mut octets = answer(query);
                octets[1] = 1;
                http("200 OK", DNS_MESSAGE, &octets)
            },
            malformed(Malformation::Question),
        ),
        (
            "a truncated answer",
            |query| {
                let mut octets = answer(query);
                octets[2] |= 0x02;
                http("200 OK", DNS_MESSAGE, &octets)
            },
            malformed(Malformation::TruncatedTcp),
        ),
        (
            "a redirection to itself",
            |query| {
                let headers = format!("{DNS_MESSAGE}location: /dns-query\r\n");
                http("302 Found", &headers, &answer(query))
            },
            Failure::Status(302),
        ),
        (
            "an error with an answer",
            |query| http("500 Oh", DNS_MESSAGE, &answer(query)),
            Failure::Status(500),
        ),
    ];
    for (what, response, expected) in rows {
        let lab = Lab::doh(response).await;
        assert_eq!(failure(&lab, &lab.https()).await, expected, "{what}");
    }
}

#[tokio::test]
async fn https_without_an_end_is_read_to_64_kib_and_no_further() {
    let lab = Lab::doh(|_| {
        let head = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n{DNS_MESSAGE}\r\n");
        let chunk = [&b"2000\r\n"[..], &[0; 0x2000], b"\r\n"].concat();
        let chunks = std::iter::repeat_with(|| Step::Raw(chunk.clone())).take(1000);
        std::iter::once(Step::Raw(head.into_bytes()))
            .chain(chunks)
            .chain([Step::Stay])
            .collect()
    })
    .await;
    assert_eq!(
        failure(&lab, &lab.https()).await,
        Failure::Malformed(Malformation::NotDns)
    );
}

#[tokio::test]
async fn https_that_is_cut_or_no_http_is_said_to_be_so() {
    type Response = fn(&[u8]) -> Vec<Step>;
    let rows: [Response; 3] = [
        |_| Vec::new(),
        |_| vec![Step::Raw(b"SSH-2.0-OpenSSH_10.0\r\n".to_vec())],
        |query| {
            let Some(Step::Raw(mut octets)) = http("200 OK", DNS_MESSAGE, &answer(query)).pop() else {
                unreachable!("octets")
            };
            octets.truncate(octets.len() - 3);
            vec![Step::Raw(octets)]
        },
    ];
    for response in rows {
        let lab = Lab::doh(response).await;
        let failure = failure(&lab, &lab.https()).await;
        assert!(matches!(failure, Failure::Http(_)), "{failure:?}");
    }
}

#[tokio::test]
async fn https_that_stalls_is_left_at_the_deadline() {
    type Response = fn(&[u8]) -> Vec<Step>;
    let rows: [Response; 3] = [
        |_| vec![Step::Stay],
        // promises to answer, again and again
        |_| {
            let promise = || Step::Raw(b"HTTP/1.1 102 Processing\r\n\r\n".to_vec());
            std::iter::repeat_with(|| [promise(), Step::Pause(Duration::from_millis(50))])
                .take(100)
                .flatten()
                .collect()
        },
        |query| {
            let Some(Step::Raw(mut octets)) = http("200 OK", DNS_MESSAGE, &answer(query)).pop() else {
                unreachable!("octets")
            };
            octets.truncate(octets.len() - 3);
            vec![Step::Raw(octets), Step::Stay]
        },
    ];
    for response in rows {
        let lab = Lab::doh(response).await;
        let expected = Failure::Silent { waited: DEADLINE };
        assert_eq!(failure(&lab, &lab.https()).await, expected);
    }
}

#[tokio::test]
async fn tls_that_closes_in_the_middle_is_an_unfinished_answer() {
    for left in [0, 1, 2, 30] {
        let lab = Lab::dot(move |query| vec![Step::Raw(framed(&answer(query))[..left].to_vec())]).await;
        assert_eq!(
            failure(&lab, &lab.tls()).await,
            Failure::Malformed(Malformation::Unfinished),
            "after {left} octets"
        );
    }
}

#[tokio::test]
async fn an_answer_that_nobody_asked_for_is_not_taken_for_that_to_the_next_question() {
    let lab = Lab::dot(|query| {
        let more = Reply::to(query).txt(b"forged").octets();
        vec![Step::Send(answer(query)), Step::Send(more), Step::Stay]
    })
    .await;
    for _ in 0..5 {
        let found = ask(&lab.network, &lab.tls()).await.expect("an answer");
        assert_eq!(found.txt(&name(super::OWNER)), [b"true".to_vec()]);
    }
}
