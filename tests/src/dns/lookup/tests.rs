use super::*;
use crate::dns::fqdn;

fn catalog() -> Catalog {
    let parent = Zone::new("example.test")
        .and_then(|zone| zone.with_address("www.example.test", "192.0.2.1".parse().unwrap()))
        .and_then(|zone| zone.with_txt("a.deep.example.test", "deep"))
        .and_then(|zone| zone.with_txt("*.wild.example.test", "star"))
        .and_then(|zone| zone.with_txt("real.wild.example.test", "real"))
        .and_then(|zone| zone.with_cname("_acme-challenge.example.test", "x.delegated.test"))
        .and_then(|zone| zone.with_cname("outward.example.test", "elsewhere.invalid"))
        .and_then(|zone| zone.with_cname("loop.example.test", "loop.example.test"))
        .and_then(|zone| zone.with_ns("cut.example.test", "ns.cut.example.test"))
        .and_then(|zone| zone.with_address("ns.cut.example.test", "192.0.2.53".parse().unwrap()))
        .unwrap();
    let delegated = Zone::new("delegated.test").and_then(|zone| zone.with_txt("x.delegated.test", "value"));
    Catalog::new(vec![parent, delegated.unwrap()])
}

fn ask(name: &str, record_type: RecordType) -> Answer {
    answer(&catalog(), &fqdn(name).unwrap(), record_type)
}

fn soa_in_authority(answer: &Answer) -> bool {
    answer
        .authorities
        .iter()
        .any(|record| record.record_type() == RecordType::SOA)
}

#[test]
fn missing_name_is_nxdomain_with_soa_and_missing_type_is_nodata_with_soa() {
    let missing = ask("nothing.example.test", RecordType::TXT);
    assert_eq!(
        (missing.code, soa_in_authority(&missing)),
        (ResponseCode::NXDomain, true)
    );
    let nodata = ask("WWW.example.test", RecordType::TXT);
    assert_eq!(
        (nodata.code, soa_in_authority(&nodata)),
        (ResponseCode::NoError, true)
    );
    assert!(nodata.answers.is_empty() && nodata.authoritative);
}

#[test]
fn empty_non_terminal_is_nodata_not_nxdomain() {
    let between = ask("deep.example.test", RecordType::TXT);
    assert_eq!((between.code, between.answers.len()), (ResponseCode::NoError, 0));
}

#[test]
fn wildcard_covers_missing_names_only_and_answers_with_the_asked_name() {
    let synthesised = ask("some.thing.wild.example.test", RecordType::TXT);
    assert_eq!(synthesised.answers.len(), 1);
    assert_eq!(
        synthesised.answers[0].name,
        fqdn("some.thing.wild.example.test").unwrap()
    );
    assert_eq!(
        crate::dns::zone::shown(&ask("real.wild.example.test", RecordType::TXT).answers[0].data),
        "real"
    );
    // below an existing name the wildcard is hidden (RFC 4592 section 2.2.1)
    assert_eq!(
        ask("x.real.wild.example.test", RecordType::TXT).code,
        ResponseCode::NXDomain
    );
}

#[test]
fn alias_is_followed_into_another_zone_of_ours_and_no_further() {
    let followed = ask("_acme-challenge.example.test", RecordType::TXT);
    let kinds: Vec<RecordType> = followed.answers.iter().map(Record::record_type).collect();
    assert_eq!(kinds, [RecordType::CNAME, RecordType::TXT]);
    let outward = ask("outward.example.test", RecordType::TXT);
    assert_eq!((outward.code, outward.answers.len()), (ResponseCode::NoError, 1));
    assert_eq!(
        ask("_acme-challenge.example.test", RecordType::CNAME)
            .answers
            .len(),
        1
    );
}

#[test]
fn alias_loop_ends() {
    assert_eq!(
        ask("loop.example.test", RecordType::A).code,
        ResponseCode::NoError
    );
}

#[test]
fn names_below_a_cut_are_referred_with_glue_and_without_authority() {
    let referral = ask("www.cut.example.test", RecordType::A);
    assert!(!referral.authoritative && referral.answers.is_empty());
    assert_eq!(referral.authorities[0].record_type(), RecordType::NS);
    assert_eq!(referral.additionals.len(), 1);
}

#[test]
fn foreign_names_are_refused() {
    assert_eq!(ask("example.com", RecordType::A).code, ResponseCode::Refused);
}
