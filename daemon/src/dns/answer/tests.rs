//! The decoding path, on hostile octets.

use hickory_proto::{
    op::{MessageType, OpCode},
    rr::{Name, rdata},
};
use proptest::prelude::*;

use super::*;
use crate::dns::{
    authority,
    propagation::Standing,
    question::{Kind, wire_name},
};

const ID: u16 = 0x1234;

fn name(text: &str) -> DnsName {
    text.parse().expect("a name")
}

fn question() -> Question {
    Question::authoritative(name("_acme-challenge.example.org"), Kind::Txt)
}

/// A true answer with a TXT, an NS, an SOA and glue.
fn message() -> Message {
    let question = question();
    let owner = wire_name(&question.name).expect("a name");
    let zone = Name::from_ascii("example.org.").expect("a name");
    let host = Name::from_ascii("ns.example.org.").expect("a name");
    let mut message = Message::new(ID, MessageType::Response, OpCode::Query);
    message.metadata.authoritative = true;
    message.add_query(Query::query(owner.clone(), RecordType::TXT));
    let text = rdata::TXT::new(vec!["first ".into(), "second".into()]);
    message.add_answer(Record::from_rdata(owner, 60, RData::TXT(text)));
    message.add_authority(Record::from_rdata(zone, 60, RData::NS(rdata::NS(host.clone()))));
    message.add_additional(Record::from_rdata(
        host,
        60,
        RData::A(rdata::A::new(192, 0, 2, 53)),
    ));
    message
}

fn octets() -> Vec<u8> {
    message().to_vec().expect("an encodable message")
}

/// Everything that callers do with an answer.
fn use_all(answer: &Answer) {
    let name = question().name;
    let zone = name.parent().expect("a parent");
    answer.txt(&name);
    answer.cname(&name);
    answer.has_dname(&name);
    answer.ns(&zone);
    answer.addresses(&name);
    answer.enclosing_apex(&name);
    answer.serial();
    answer.caa(&name);
    answer.canonical(&name);
    answer.ttl();
    answer.referral(&zone, &name);
    let _meaning = authority::read(answer, &zone, &name, false);
    Standing::of(answer, &name, &["value".to_owned()]);
}

#[test]
fn strings_of_one_txt_record_are_joined() {
    let Reading::Answer(answer) = Reading::of(&octets(), ID, &question()) else {
        panic!("an answer")
    };
    assert_eq!(answer.txt(&question().name), [b"first second".to_vec()]);
    assert!(answer.authoritative);
}

#[test]
fn names_are_compared_without_regard_to_case() {
    let upper = octets().iter().map(u8::to_ascii_uppercase).collect::<Vec<_>>();
    // the id's and counts' octets hold no lower-case letters
    let Reading::Answer(answer) = Reading::of(&upper, ID, &question()) else {
        panic!("an answer")
    };
    assert_eq!(answer.txt(&question().name).len(), 1);
}

#[test]
fn another_id_another_question_or_a_query_is_not_ours() {
    assert!(matches!(
        Reading::of(&octets(), ID + 1, &question()),
        Reading::NotOurs
    ));
    let mut query = octets();
    query[2] &= 0x7f;
    assert!(matches!(Reading::of(&query, ID, &question()), Reading::NotOurs));
    for other in [
        "_acme-challenge.example.com",
        "x._acme-challenge.example.org",
        "example.org",
    ] {
        let other = Question::authoritative(name(other), Kind::Txt);
        assert!(
            matches!(Reading::of(&octets(), ID, &other), Reading::NotOurs),
            "{other}"
        );
    }
    let other = Question::authoritative(question().name, Kind::Cname);
    assert!(matches!(Reading::of(&octets(), ID, &other), Reading::NotOurs));
}

#[test]
fn a_truncated_answer_need_not_be_decodable() {
    let mut cut = octets();
    cut[2] |= 0x02;
    cut.truncate(cut.len() - 5);
    assert!(matches!(Reading::of(&cut, ID, &question()), Reading::Truncated));
}

#[test]
fn an_error_may_come_without_the_question_and_an_answer_may_not() {
    let mut bare = message();
    bare.queries.clear();
    let success = bare.to_vec().expect("a message");
    assert!(matches!(
        Reading::of(&success, ID, &question()),
        Reading::Malformed(Malformation::Question)
    ));
    bare.metadata.response_code = hickory_proto::op::ResponseCode::FormErr;
    let error = bare.to_vec().expect("a message");
    assert!(matches!(Reading::of(&error, ID, &question()), Reading::Answer(a) if a.rcode == Rcode::FORM_ERR));
}

#[test]
fn a_referral_upwards_sideways_or_to_the_zone_itself_is_none() {
    let mut message = message();
    message.metadata.authoritative = false;
    message.answers.clear();
    let octets = message.to_vec().expect("a message");
    let Reading::Answer(answer) = Reading::of(&octets, ID, &question()) else {
        panic!("an answer")
    };
    let below = name("www.example.org");
    assert!(
        answer
            .referral(&name("org"), &below)
            .is_some_and(|found| found.hosts[0].1.len() == 1)
    );
    assert_eq!(
        answer.referral(&name("example.org"), &below),
        None,
        "to the zone itself"
    );
    assert_eq!(answer.referral(&name("www.example.org"), &below), None, "upwards");
    assert_eq!(
        answer.referral(&name("org"), &name("www.example.com")),
        None,
        "sideways"
    );
}

proptest! {
    #[test]
    fn arbitrary_octets_never_panic(octets in proptest::collection::vec(any::<u8>(), 0..600)) {
        let id = octets.first_chunk().map_or(0, |id| u16::from_be_bytes(*id));
        if let Reading::Answer(answer) = Reading::of(&octets, id, &question()) {
            use_all(&answer);
        }
    }

    #[test]
    fn damaged_answers_never_panic(
        damage in proptest::collection::vec((0usize..200, any::<u8>()), 1..12),
        cut in 0usize..200,
    ) {
        let mut octets = octets();
        for (place, value) in damage {
            let place = place % octets.len();
            octets[place] = value;
        }
        octets.truncate(octets.len().saturating_sub(cut % 40));
        let id = octets.first_chunk().map_or(0, |id| u16::from_be_bytes(*id));
        if let Reading::Answer(answer) = Reading::of(&octets, id, &question()) {
            use_all(&answer);
        }
    }

    #[test]
    fn every_name_survives_the_wire(text in "(_?[a-z0-9]{1,20}\\.){1,8}[a-z]{2,10}") {
        let name = name(&text);
        prop_assert_eq!(domain_name(&wire_name(&name).expect("a name")), Some(name));
    }
}

/// An answer to a CAA question with records of these data, from hands other than hickory's.
fn caa_octets(question: &Question, records: &[&[u8]]) -> Vec<u8> {
    let mut message = Message::new(ID, MessageType::Response, OpCode::Query);
    message.metadata.authoritative = true;
    let owner = wire_name(&question.name).expect("a name");
    message.add_query(Query::query(owner, RecordType::CAA));
    let mut octets = message.to_vec().expect("an encodable message");
    octets[7] = u8::try_from(records.len()).expect("few");
    for data in records {
        // the question's name, CAA, IN, a minute
        octets.extend_from_slice(&[0xc0, 12, 1, 1, 0, 1, 0, 0, 0, 60]);
        octets.extend_from_slice(&u16::try_from(data.len()).expect("short").to_be_bytes());
        octets.extend_from_slice(data);
    }
    octets
}

#[test]
fn caa_records_that_no_library_likes_are_read_as_cas_read_them() {
    let question = Question::authoritative(name("example.org"), Kind::Caa);
    let records: [&[u8]; 4] = [
        b"\0\x05issueca.example",
        b"\x80\x0bmy-propertyx",
        b"\x80\x14twentycharactersandayx",
        b"\x80\xffshort",
    ];
    let octets = caa_octets(&question, &records);
    let Reading::Answer(answer) = Reading::of(&octets, ID, &question) else {
        panic!("an answer")
    };
    let shown: Vec<String> = answer
        .caa(&question.name)
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        shown,
        [
            "0 issue \"ca.example\"",
            "128 my-property \"x\"",
            "128 twentycharactersanda \"yx\"",
            "128 short \"\"",
        ]
    );
}

proptest! {
    #[test]
    fn a_caa_answer_with_any_octets_is_survived(data in proptest::collection::vec(any::<u8>(), 0..40), cut in 0_usize..120) {
        let question = Question::authoritative(name("example.org"), Kind::Caa);
        let mut octets = caa_octets(&question, &[&data, &data]);
        octets.truncate(cut.max(HEADER));
        if let Reading::Answer(answer) = Reading::of(&octets, ID, &question) {
            answer.caa(&question.name);
        }
    }
}
