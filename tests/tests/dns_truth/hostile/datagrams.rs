//! Datagrams of others, late ones, and floods.

use std::time::Duration;

use dns01d::dns::{Failure, Malformation};
use tokio::time::Instant;

use super::{
    DEADLINE, failure,
    scripted::{Reply, Scripted, Step, Way},
    values,
};

/// True answers made by somebody who does not see the question, or does not see all of it.
fn forged(query: &[u8]) -> Vec<Vec<u8>> {
    let reply = Reply::to(query).txt(b"forged");
    let mut other_id = reply.clone();
    other_id.id = reply.id.wrapping_add(1);
    let mut other_name = reply.clone();
    other_name.question[1] = b'x';
    let mut other_type = reply.clone();
    let end = reply.question.len();
    other_type.question[end - 3] = 5;
    let mut other_class = reply.clone();
    other_class.question[end - 1] = 3;
    let mut no_response = reply.clone();
    no_response.flags = 0x0400;
    let mut messages: Vec<_> = [other_id, other_name, other_type, other_class, no_response]
        .iter()
        .map(Reply::octets)
        .collect();
    messages.extend([Vec::new(), vec![0; 11], reply.octets()[..11].to_vec()]);
    messages
}

#[tokio::test]
async fn a_datagram_for_another_question_or_from_elsewhere_is_not_believed_and_does_not_end_the_wait() {
    let server = Scripted::start(|way, query| {
        assert_eq!(way, Way::Udp);
        let mut steps: Vec<_> = forged(query).into_iter().map(Step::Send).collect();
        steps.push(Step::Elsewhere(Reply::to(query).txt(b"forged").octets()));
        steps.push(Step::Pause(Duration::from_millis(50)));
        steps.push(Step::Send(Reply::to(query).txt(b"true").octets()));
        steps
    })
    .await;
    assert_eq!(values(&server).await, [b"true".to_vec()]);
    assert_eq!(server.asked(), (1, 0));
}

#[tokio::test]
async fn forgeries_alone_are_silence() {
    let server = Scripted::start(|way, query| match way {
        Way::Udp => forged(query).into_iter().map(Step::Send).collect(),
        Way::Tcp => vec![Step::Stay],
    })
    .await;
    assert_eq!(failure(&server).await, Failure::Silent { waited: DEADLINE });
}

#[tokio::test]
async fn a_stream_with_an_answer_to_another_question_says_so() {
    for at in 0..5 {
        let server = Scripted::start(move |way, query| match way {
            Way::Udp => Vec::new(),
            Way::Tcp => vec![Step::Send(forged(query).swap_remove(at))],
        })
        .await;
        assert_eq!(
            failure(&server).await,
            Failure::Malformed(Malformation::Question),
            "{at}"
        );
    }
}

#[tokio::test]
async fn an_answer_that_comes_after_the_question_was_repeated_is_taken() {
    let server = Scripted::start(|way, query| match way {
        Way::Udp => vec![
            Step::Pause(DEADLINE / 3),
            Step::Send(Reply::to(query).txt(b"late").octets()),
        ],
        Way::Tcp => Vec::new(),
    })
    .await;
    assert_eq!(values(&server).await, [b"late".to_vec()]);
}

#[tokio::test]
async fn an_answer_after_the_deadline_is_none() {
    let server = Scripted::start(|_, query| {
        vec![
            Step::Pause(DEADLINE * 2),
            Step::Send(Reply::to(query).txt(b"late").octets()),
        ]
    })
    .await;
    assert_eq!(failure(&server).await, Failure::Silent { waited: DEADLINE });
}

/// More than anybody guesses by accident.
const FLOOD: usize = 20_000;

fn flood(query: &[u8], steps: usize) -> Vec<Step> {
    let reply = Reply::to(query).txt(b"forged");
    let other = |n: usize| Reply {
        id: reply.id ^ u16::try_from(n % 0xffff + 1).unwrap(),
        ..reply.clone()
    };
    (0..steps).map(|n| Step::Send(other(n).octets())).collect()
}

#[tokio::test]
async fn some_forgeries_before_the_answer_do_not_hide_it() {
    let server = Scripted::start(|_, query| {
        let mut steps = flood(query, 60);
        steps.push(Step::Send(Reply::to(query).txt(b"true").octets()));
        steps
    })
    .await;
    assert_eq!(values(&server).await, [b"true".to_vec()]);
    assert_eq!(server.asked(), (1, 0));
}

#[tokio::test]
async fn in_a_flood_of_forgeries_the_answer_is_fetched_over_tcp() {
    let server = Scripted::start(|way, query| match way {
        Way::Udp => flood(query, FLOOD),
        Way::Tcp => vec![Step::Send(Reply::to(query).txt(b"true").octets())],
    })
    .await;
    let begun = Instant::now();
    assert_eq!(values(&server).await, [b"true".to_vec()]);
    // nobody reads all of it first
    assert!(begun.elapsed() < DEADLINE, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_flood_of_forgeries_without_tcp_is_called_what_it_is() {
    let server = Scripted::start(|way, query| match way {
        Way::Udp => flood(query, FLOOD),
        Way::Tcp => Vec::new(),
    })
    .await;
    assert_eq!(failure(&server).await, Failure::Malformed(Malformation::Flood));
}

#[tokio::test]
async fn garbage_over_udp_does_not_hide_what_tcp_answers() {
    let server = Scripted::start(|way, query| match way {
        Way::Udp => {
            let mut octets = Reply::to(query).txt(b"forged").octets();
            octets.truncate(octets.len() - 2);
            vec![Step::Send(octets)]
        }
        Way::Tcp => vec![Step::Send(Reply::to(query).txt(b"true").octets())],
    })
    .await;
    assert_eq!(values(&server).await, [b"true".to_vec()]);
}
