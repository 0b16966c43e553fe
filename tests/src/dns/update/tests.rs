use hickory_proto::op::{OpCode, Query};
use hickory_proto::rr::rdata::{CNAME, TXT};

use super::*;
use crate::dns::fqdn;

const ZONE: &str = "example.test";
const OWNER: &str = "_acme-challenge.example.test";

fn txt(value: &str) -> RData {
    RData::TXT(TXT::new(vec![value.to_owned()]))
}

fn record(name: &str, class: DNSClass, ttl: u32, data: RData) -> Record {
    let mut record = Record::from_rdata(fqdn(name).unwrap(), ttl, data);
    record.dns_class = class;
    record
}

fn message(prerequisites: Vec<Record>, updates: Vec<Record>) -> Message {
    let mut message = Message::query();
    message.metadata.op_code = OpCode::Update;
    message.add_query(Query::query(fqdn(ZONE).unwrap(), RecordType::SOA));
    message.add_answers(prerequisites).add_authorities(updates);
    message
}

fn zone() -> Zone {
    Zone::new(ZONE)
        .and_then(|zone| zone.with_txt(OWNER, "one"))
        .and_then(|zone| zone.with_txt(OWNER, "two"))
        .unwrap()
}

fn serial(zone: &Zone) -> u32 {
    zone.soa().unwrap().0.serial
}

fn values(zone: &Zone) -> Vec<String> {
    zone.records()
        .into_iter()
        .filter(|r| r.record_type == "TXT")
        .map(|r| r.value)
        .collect()
}

#[test]
fn additions_keep_other_values_and_raise_the_serial_once() {
    let add = |value| record(OWNER, DNSClass::IN, 60, txt(value));
    let applied = apply(
        &zone(),
        &message(vec![], vec![add("three"), add("four")]),
        &UpdatePolicy::default(),
    )
    .unwrap();
    assert_eq!(values(&applied.zone), ["one", "two", "three", "four"]);
    assert_eq!(serial(&applied.zone), 2);
}

#[test]
fn what_is_there_already_changes_nothing() {
    let again = message(vec![], vec![record(OWNER, DNSClass::IN, 5, txt("one"))]);
    let applied = apply(&zone(), &again, &UpdatePolicy::default()).unwrap();
    assert!(!applied.changed);
    assert_eq!(serial(&applied.zone), 1);
}

#[test]
fn deletion_by_value_leaves_the_others() {
    let one = message(vec![], vec![record(OWNER, DNSClass::NONE, 0, txt("one"))]);
    assert_eq!(
        values(&apply(&zone(), &one, &UpdatePolicy::default()).unwrap().zone),
        ["two"]
    );
}

#[test]
fn deletion_of_the_last_record_removes_the_name() {
    let all = message(
        vec![],
        vec![record(OWNER, DNSClass::ANY, 0, RData::Update0(RecordType::TXT))],
    );
    let after = apply(&zone(), &all, &UpdatePolicy::default()).unwrap().zone;
    assert!(!after.exists(&fqdn(OWNER).unwrap()));
}

#[test]
fn outside_the_policy_nothing_is_done_at_all() {
    let mixed = message(
        vec![],
        vec![
            record(OWNER, DNSClass::IN, 60, txt("three")),
            record("www.example.test", DNSClass::IN, 60, txt("no")),
        ],
    );
    assert_eq!(
        apply(&zone(), &mixed, &UpdatePolicy::default()).unwrap_err(),
        ResponseCode::Refused
    );
    let everything = message(
        vec![],
        vec![record(OWNER, DNSClass::ANY, 0, RData::Update0(RecordType::ANY))],
    );
    assert_eq!(
        apply(&zone(), &everything, &UpdatePolicy::default()).unwrap_err(),
        ResponseCode::Refused
    );
}

#[test]
fn every_prerequisite_has_its_own_refusal() {
    let free = "free.example.test";
    let absent = |name: &str, class, kind| record(name, class, 0, RData::Update0(kind));
    let cases = [
        (
            absent(free, DNSClass::ANY, RecordType::ANY),
            Some(ResponseCode::NXDomain),
        ),
        (absent(OWNER, DNSClass::ANY, RecordType::ANY), None),
        (
            absent(OWNER, DNSClass::ANY, RecordType::A),
            Some(ResponseCode::NXRRSet),
        ),
        (absent(OWNER, DNSClass::ANY, RecordType::TXT), None),
        (
            absent(OWNER, DNSClass::NONE, RecordType::ANY),
            Some(ResponseCode::YXDomain),
        ),
        (absent(free, DNSClass::NONE, RecordType::ANY), None),
        (
            absent(OWNER, DNSClass::NONE, RecordType::TXT),
            Some(ResponseCode::YXRRSet),
        ),
        (absent(OWNER, DNSClass::NONE, RecordType::A), None),
        // value-dependent: the whole set or nothing
        (
            record(OWNER, DNSClass::IN, 0, txt("one")),
            Some(ResponseCode::NXRRSet),
        ),
        (
            record(OWNER, DNSClass::IN, 7, txt("one")),
            Some(ResponseCode::FormErr),
        ),
        (
            absent("example.com", DNSClass::ANY, RecordType::ANY),
            Some(ResponseCode::NotZone),
        ),
    ];
    for (prerequisite, refusal) in cases {
        let shown = prerequisite.to_string();
        let outcome = apply(
            &zone(),
            &message(vec![prerequisite], vec![]),
            &UpdatePolicy::default(),
        );
        assert_eq!(outcome.err(), refusal, "{shown}");
    }
    let both = ["one", "two"]
        .map(|value| record(OWNER, DNSClass::IN, 0, txt(value)))
        .to_vec();
    assert!(apply(&zone(), &message(both, vec![]), &UpdatePolicy::default()).is_ok());
}

#[test]
fn apex_keeps_its_soa_and_its_last_name_server() {
    let wipe = message(
        vec![],
        vec![record(ZONE, DNSClass::ANY, 0, RData::Update0(RecordType::ANY))],
    );
    let after = apply(&zone(), &wipe, &UpdatePolicy::Anything).unwrap().zone;
    assert!(after.soa().is_some());
    assert!(after.set(&fqdn(ZONE).unwrap(), RecordType::NS).is_some());
}

#[test]
fn alias_never_joins_other_records() {
    let alias = message(
        vec![],
        vec![record(
            OWNER,
            DNSClass::IN,
            60,
            RData::CNAME(CNAME(fqdn("elsewhere.test").unwrap())),
        )],
    );
    let applied = apply(&zone(), &alias, &UpdatePolicy::Anything).unwrap();
    assert!(!applied.changed);
    assert_eq!(values(&applied.zone), ["one", "two"]);
}
