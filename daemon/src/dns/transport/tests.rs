//! The real sockets against servers that misbehave, on loopback.

use std::net::Ipv4Addr;

use hickory_proto::{
    op::{Message, MessageType, OpCode},
    rr::{RData, Record, rdata},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, UdpSocket},
};

use super::*;
use crate::dns::Kind;

const QUICK: Duration = Duration::from_millis(600);

fn question() -> Question {
    Question::authoritative("_acme-challenge.example.org".parse().expect("a name"), Kind::Txt)
}

/// The true answer to `query`, with `values` TXT records of 200 octets.
fn answer(query: &[u8], values: usize) -> Message {
    let query = Message::from_vec(query).expect("a query");
    let mut message = Message::new(query.metadata.id, MessageType::Response, OpCode::Query);
    message.metadata.authoritative = true;
    message.add_queries(query.queries.clone());
    for n in 0..values {
        let text = rdata::TXT::new(vec![format!("{n:0200}")]);
        message.add_answer(Record::from_rdata(
            query.queries[0].name.clone(),
            60,
            RData::TXT(text),
        ));
    }
    message
}

fn bytes(message: &Message) -> Vec<u8> {
    message.to_vec().expect("a message")
}

/// UDP and TCP on one port.
async fn server() -> (UdpSocket, TcpListener, SocketAddr) {
    loop {
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let address = tcp.local_addr().expect("an address");
        if let Ok(udp) = UdpSocket::bind(address).await {
            return (udp, tcp, address);
        }
    }
}

async fn receive(udp: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = vec![0; 4096];
    let (length, from) = udp.recv_from(&mut buffer).await.expect("a query");
    buffer.truncate(length);
    (buffer, from)
}

async fn serve_tcp(tcp: &TcpListener, reply: impl Fn(&[u8]) -> Vec<u8>) {
    let (mut stream, _) = tcp.accept().await.expect("a connection");
    let length = stream.read_u16().await.expect("a length");
    let mut query = vec![0; usize::from(length)];
    stream.read_exact(&mut query).await.expect("a query");
    stream.write_all(&reply(&query)).await.expect("the client reads");
}

fn framed(message: &[u8]) -> Vec<u8> {
    [
        &u16::try_from(message.len())
            .expect("a short message")
            .to_be_bytes()[..],
        message,
    ]
    .concat()
}

/// Asks while `serve` runs; `serve` ends the test when it panics.
async fn ask_while(
    serve: impl Future<Output = ()>,
    address: SocketAddr,
    timeout: Duration,
) -> Result<Answer, QueryError> {
    let serve = async {
        serve.await;
        std::future::pending::<()>().await;
    };
    let (network, server, question) = (Network::default(), Endpoint::from(address), question());
    tokio::select! {
        result = network.ask(&server, &question, timeout) => result,
        () = serve => unreachable!("pending"),
    }
}

#[tokio::test]
async fn the_query_offers_1232_octets_and_desires_no_recursion() {
    let (udp, _tcp, address) = server().await;
    let serve = async {
        let (query, from) = receive(&udp).await;
        let message = Message::from_vec(&query).expect("a query");
        assert_eq!(message.edns.expect("an OPT record").max_payload(), 1232);
        assert!(!message.metadata.recursion_desired);
        udp.send_to(&bytes(&answer(&query, 1)), from).await.expect("sent");
    };
    let answer = ask_while(serve, address, QUICK).await.expect("an answer");
    assert_eq!(answer.txt(&question().name).len(), 1);
}

#[tokio::test]
async fn a_lost_datagram_is_sent_again() {
    let (udp, _tcp, address) = server().await;
    let serve = async {
        let (lost, _) = receive(&udp).await;
        let (query, from) = receive(&udp).await;
        assert_eq!(lost, query);
        udp.send_to(&bytes(&answer(&query, 1)), from).await.expect("sent");
    };
    ask_while(serve, address, QUICK).await.expect("an answer");
}

#[tokio::test]
async fn answers_from_elsewhere_with_another_id_or_to_another_question_are_ignored() {
    let (udp, _tcp, address) = server().await;
    let serve = async {
        let (query, from) = receive(&udp).await;
        let forged = answer(&query, 3);
        let elsewhere = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        elsewhere.send_to(&bytes(&forged), from).await.expect("sent");
        let mut other_id = forged.clone();
        other_id.metadata.id = forged.metadata.id.wrapping_add(1);
        let mut other_question = forged.clone();
        other_question.queries[0].name = "example.com.".parse().expect("a name");
        for message in [other_id, other_question] {
            udp.send_to(&bytes(&message), from).await.expect("sent");
        }
        udp.send_to(b"\x00", from).await.expect("sent");
        udp.send_to(&bytes(&answer(&query, 1)), from).await.expect("sent");
    };
    let answer = ask_while(serve, address, QUICK).await.expect("an answer");
    assert_eq!(answer.txt(&question().name).len(), 1, "the true one");
}

#[tokio::test]
async fn a_truncated_answer_is_fetched_over_tcp_up_to_64_kib() {
    let (udp, tcp, address) = server().await;
    let serve = async {
        let (query, from) = receive(&udp).await;
        let mut cut = answer(&query, 0);
        cut.metadata.truncation = true;
        udp.send_to(&bytes(&cut), from).await.expect("sent");
        serve_tcp(&tcp, |query| framed(&bytes(&answer(query, 250)))).await;
    };
    let answer = ask_while(serve, address, QUICK).await.expect("an answer");
    assert_eq!(answer.txt(&question().name).len(), 250);
}

#[tokio::test]
async fn a_server_that_drops_udp_is_asked_over_tcp() {
    let (_udp, tcp, address) = server().await;
    let serve = serve_tcp(&tcp, |query| framed(&bytes(&answer(query, 1))));
    ask_while(serve, address, QUICK).await.expect("an answer");
}

#[tokio::test]
async fn a_server_from_before_edns_is_asked_without() {
    let (udp, _tcp, address) = server().await;
    let serve = async {
        let (query, from) = receive(&udp).await;
        let mut refusal = answer(&query, 0);
        refusal.metadata.response_code = hickory_proto::op::ResponseCode::FormErr;
        udp.send_to(&bytes(&refusal), from).await.expect("sent");
        let (query, from) = receive(&udp).await;
        assert!(Message::from_vec(&query).expect("a query").edns.is_none());
        udp.send_to(&bytes(&answer(&query, 1)), from).await.expect("sent");
    };
    let answer = ask_while(serve, address, QUICK).await.expect("an answer");
    assert_eq!(answer.rcode, Rcode::NO_ERROR);
}

#[tokio::test]
async fn silence_ends_at_the_timeout_and_names_server_and_question() {
    let (_udp, _tcp, address) = server().await;
    let start = Instant::now();
    let error = ask_while(async {}, address, QUICK).await.expect_err("silence");
    assert!(
        start.elapsed() >= QUICK && start.elapsed() < QUICK * 2,
        "{:?}",
        start.elapsed()
    );
    let text = format!("txt of _acme-challenge.example.org: no answer from {address} within 600ms");
    assert_eq!(error.to_string(), text);
}

#[tokio::test]
async fn a_closed_port_is_refused_at_once() {
    let (udp, tcp, address) = server().await;
    drop((udp, tcp));
    let start = Instant::now();
    let error = ask_while(async {}, address, Duration::from_secs(5))
        .await
        .expect_err("nobody there");
    assert_eq!(error.failure, Failure::ConnectionRefused);
    assert!(start.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn garbage_over_udp_and_half_an_answer_over_tcp_are_typed_errors() {
    let (udp, tcp, address) = server().await;
    let serve = async {
        let (query, from) = receive(&udp).await;
        let mut garbage = bytes(&answer(&query, 1));
        garbage.truncate(garbage.len() - 3);
        udp.send_to(&garbage, from).await.expect("sent");
        serve_tcp(&tcp, |query| framed(&bytes(&answer(query, 1)))[..20].to_vec()).await;
    };
    let error = ask_while(serve, address, QUICK).await.expect_err("garbage");
    assert_eq!(error.failure, Failure::Malformed(Malformation::Undecodable));
}

#[tokio::test]
async fn a_truncated_answer_without_tcp_says_that_tcp_is_needed() {
    let (udp, tcp, address) = server().await;
    drop(tcp);
    let serve = async {
        let (query, from) = receive(&udp).await;
        let mut cut = answer(&query, 0);
        cut.metadata.truncation = true;
        udp.send_to(&bytes(&cut), from).await.expect("sent");
    };
    let error = ask_while(serve, address, QUICK).await.expect_err("no TCP");
    assert!(error.to_string().ends_with(&format!(
        "the answer needs TCP, and {address} refused the connection"
    )));
}

#[tokio::test]
async fn ids_and_ports_differ_from_question_to_question() {
    let (udp, _tcp, address) = server().await;
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..50 {
        let serve = async {
            let (query, from) = receive(&udp).await;
            seen.insert((u16::from_be_bytes([query[0], query[1]]), from.port()));
            udp.send_to(&bytes(&answer(&query, 1)), from).await.expect("sent");
        };
        ask_while(serve, address, QUICK).await.expect("an answer");
    }
    let ids: std::collections::BTreeSet<_> = seen.iter().map(|(id, _)| id).collect();
    let ports: std::collections::BTreeSet<_> = seen.iter().map(|(_, port)| port).collect();
    assert!(
        ids.len() > 45 && ports.len() > 40,
        "{} ids, {} ports",
        ids.len(),
        ports.len()
    );
}
