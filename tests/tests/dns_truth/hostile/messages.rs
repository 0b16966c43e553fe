//! Messages that are no answer, alike over UDP and TCP.

use dns01d::dns::{Failure, Malformation, Rcode};
use futures_util::future::join_all;

use super::{
    failure, name,
    scripted::{CNAME, OPT, OWN_NAME, Reply, Scripted, Section, TXT, wire},
    values,
};

type Change = fn(Reply) -> Reply;
/// What is wrong, and how it is made of a true answer.
type Row = (&'static str, fn(Reply) -> Vec<u8>);

/// Asks a server for each row, all at once.
async fn each_is(expected: Malformation, rows: &[Row]) {
    let asked = rows.iter().map(|(what, change)| {
        let change = *change;
        async move {
            let server = Scripted::saying(move |query| change(Reply::to(query).txt(b"forged"))).await;
            (what, failure(&server).await)
        }
    });
    for (what, failure) in join_all(asked).await {
        assert_eq!(failure, Failure::Malformed(expected), "{what}");
    }
}

#[tokio::test]
async fn what_cannot_be_decoded_is_said_to_be_so() {
    fn raw(reply: Reply, owner: &[u8], kind: u16, length: u16, data: &[u8]) -> Vec<u8> {
        let mut reply = reply;
        reply.counts[1] += 1;
        reply.records.extend_from_slice(owner);
        for number in [kind, 1, 0, 60, length] {
            reply.records.extend_from_slice(&number.to_be_bytes());
        }
        reply.records.extend_from_slice(data);
        reply.octets()
    }
    each_is(
        Malformation::Undecodable,
        &[
            ("a header alone that announces a question", |mut reply| {
                reply.question.clear();
                reply.records.clear();
                reply.octets()
            }),
            ("the name of the question leads to itself", |mut reply| {
                reply.question.splice(.., [0xc0, 12, 0, 16, 0, 1]);
                reply.octets()
            }),
            ("a pointer to itself", |reply| {
                let at = 12 + reply.question.len() + reply.records.len();
                let [high, low] = u16::try_from(0xc000 | at).unwrap().to_be_bytes();
                raw(reply, &[high, low], TXT, 2, b"\x01x")
            }),
            ("two pointers to each other", |reply| {
                let at = 12 + reply.question.len() + reply.records.len();
                let [high, low] = u16::try_from(0xc000 | (at + 2)).unwrap().to_be_bytes();
                let [h, l] = u16::try_from(0xc000 | at).unwrap().to_be_bytes();
                raw(reply, &[high, low, h, l], TXT, 2, b"\x01x")
            }),
            ("a pointer forward", |reply| {
                raw(reply, &[0xc1, 0x00], TXT, 2, b"\x01x")
            }),
            ("a pointer beyond the end", |reply| {
                raw(reply, &[0xff, 0xff], TXT, 2, b"\x01x")
            }),
            ("half a pointer", |mut reply| {
                reply.counts[1] += 1;
                reply.records.push(0xc0);
                reply.octets()
            }),
            ("a label of the types that nobody uses (RFC 6891 5)", |reply| {
                raw(reply, &[0x41, 1, 0], TXT, 2, b"\x01x")
            }),
            ("a label of 64", |reply| {
                let label = [&[64][..], &[b'a'; 64], &[0]].concat();
                raw(reply, &label, TXT, 2, b"\x01x")
            }),
            ("a label beyond the end", |mut reply| {
                reply.counts[1] += 1;
                reply.records.extend_from_slice(&[63, b'a']);
                reply.octets()
            }),
            ("a name of 256 octets", |reply| {
                let label = [&[63][..], &[b'a'; 63]].concat();
                let name = [&label[..], &label, &label, &[62], &[b'a'; 62], &[0]].concat();
                assert_eq!(name.len(), 256);
                raw(reply, &name, TXT, 2, b"\x01x")
            }),
            ("a name without an end", |reply| {
                let mut reply = reply;
                reply.counts[1] += 1;
                for _ in 0..600 {
                    reply.records.extend_from_slice(b"\x01a");
                }
                reply.octets()
            }),
            ("record data beyond the end", |reply| {
                raw(reply, OWN_NAME, TXT, 400, b"\x01x")
            }),
            ("record data of 65,535 octets", |reply| {
                raw(reply, OWN_NAME, TXT, u16::MAX, b"\x01x")
            }),
            ("a character string beyond its record", |reply| {
                raw(reply, OWN_NAME, TXT, 2, b"\xffx")
            }),
            ("a character string that takes the next record in", |reply| {
                raw(reply, OWN_NAME, TXT, 2, b"\x0cx")
                    .into_iter()
                    .chain([0; 40])
                    .collect()
            }),
            ("a cname with octets behind its name", |reply| {
                raw(reply, OWN_NAME, CNAME, 5, b"\x01a\0xx")
            }),
            ("a cname without data", |reply| {
                raw(reply, OWN_NAME, CNAME, 0, b"")
            }),
            ("an address of 3 octets", |reply| {
                raw(reply, OWN_NAME, 1, 3, &[127, 0, 0])
            }),
            ("65,535 answers, but for 65,534", |mut reply| {
                reply.counts[1] = u16::MAX;
                reply.octets()
            }),
            ("65,535 records in each section", |mut reply| {
                reply.counts = [1, u16::MAX, u16::MAX, u16::MAX];
                reply.octets()
            }),
            ("a record cut in its middle", |reply| {
                let mut octets = reply.octets();
                octets.truncate(octets.len() - 3);
                octets
            }),
            ("a record of an unknown type without data", |reply| {
                raw(reply, OWN_NAME, 65_280, 0, b"")
            }),
            ("two OPT records", |reply| {
                let opt = |reply: Reply| reply.record(Section::Additional, &[0], OPT, &[]);
                opt(opt(reply)).octets()
            }),
            ("an OPT record among the answers", |reply| {
                reply.record(Section::Answer, &[0], OPT, &[]).octets()
            }),
            ("an OPT record among the authorities", |reply| {
                reply.record(Section::Authority, &[0], OPT, &[]).octets()
            }),
            ("an EDNS option beyond its record", |reply| {
                reply
                    .record(Section::Additional, &[0], OPT, &[0, 15, 0, 200, 0, 7])
                    .octets()
            }),
        ],
    )
    .await;
}

#[tokio::test]
async fn what_answers_no_query_or_not_one_question_is_said_to_be_so() {
    let opcodes: &[Row] = &[
        ("an inverse query", |reply| with_flags(reply, 0x8c00)),
        ("a status", |reply| with_flags(reply, 0x9400)),
        ("a notification", |reply| with_flags(reply, 0xa400)),
        ("an update", |reply| with_flags(reply, 0xac00)),
        ("opcode 15", |reply| with_flags(reply, 0xfc00)),
    ];
    let questions: &[Row] = &[
        ("no question", |mut reply| {
            reply.counts[0] = 0;
            reply.question.clear();
            reply.octets()
        }),
        ("two questions", |mut reply| {
            reply.counts[0] = 2;
            reply.question = [&reply.question[..], &reply.question].concat();
            reply.octets()
        }),
        ("65,535 questions", |mut reply| {
            reply.counts[0] = u16::MAX;
            reply.octets()
        }),
    ];
    tokio::join!(
        each_is(Malformation::Opcode, opcodes),
        each_is(Malformation::Question, questions)
    );
}

fn with_flags(reply: Reply, flags: u16) -> Vec<u8> {
    Reply { flags, ..reply }.octets()
}

#[tokio::test]
async fn odd_answers_that_are_right_are_taken() {
    let upper: Change = |mut reply| {
        reply.question.make_ascii_uppercase();
        reply
    };
    let rows: [(&str, Change); 8] = [
        ("in the case of the question", |reply| reply),
        ("in another case", upper),
        ("with its name in full", |mut reply| {
            reply.counts[1] = 0;
            reply.records.clear();
            reply.answer(&wire(super::OWNER), TXT, b"\x04true")
        }),
        ("in two character strings", |mut reply| {
            reply.counts[1] = 0;
            reply.records.clear();
            reply.answer(OWN_NAME, TXT, b"\x02tr\x00\x02ue")
        }),
        ("beside a TXT record of a sibling and one of a parent", |reply| {
            let sibling = wire("_acme-challenge.www.example.org");
            let parent = wire("example.org");
            reply
                .answer(&sibling, TXT, b"\x05other")
                .answer(&parent, TXT, b"\x05other")
        }),
        ("beside a CNAME at its name", |reply| {
            reply.answer(OWN_NAME, CNAME, &wire("example.com"))
        }),
        ("beside records of types that nobody knows", |reply| {
            reply.answer(OWN_NAME, 65_280, b"anything")
        }),
        ("with octets behind it", |reply| Reply {
            records: [&reply.records[..], &[0xff; 9]].concat(),
            ..reply
        }),
    ];
    for (what, change) in rows {
        let server = Scripted::saying(move |query| change(Reply::to(query).txt(b"true")).octets()).await;
        assert_eq!(values(&server).await, [b"true".to_vec()], "{what}");
    }
}

#[tokio::test]
async fn an_error_without_its_question_is_the_error() {
    let server = Scripted::saying(|query| {
        let mut reply = Reply::to(query);
        reply.counts[0] = 0;
        reply.question.clear();
        reply.flags = 0x8005;
        reply.octets()
    })
    .await;
    let answer = super::ask_plainly(&server).await.expect("an answer");
    assert_eq!(answer.rcode, Rcode::REFUSED);
    assert_eq!(answer.txt(&name(super::OWNER)), [] as [Vec<u8>; 0]);
}
