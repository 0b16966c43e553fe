use proptest::prelude::*;

use super::*;
use crate::acme::stub_ca::{Answer, StubCa};

fn record(text: &str) -> PersistRecord {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn draft_dns_persist_10_the_examples_are_written_as_they_stand_there() {
    for (text, wildcard, until) in [
        (
            "authority.example; accounturi=https://ca.example/acct/123",
            false,
            None,
        ),
        (
            "authority.example; accounturi=https://ca.example/acct/123; policy=wildcard",
            true,
            None,
        ),
        (
            "ca2.example; accounturi=https://ca2.example/acct/67890; persistUntil=1767225600",
            false,
            Some(1_767_225_600),
        ),
        (
            "authority.example; accounturi=https://ca.example/acct/123; policy=wildcard; persistUntil=1721952000",
            true,
            Some(1_721_952_000),
        ),
    ] {
        let it = record(text);
        assert_eq!(it.to_string(), text);
        assert_eq!(
            (it.wildcard, it.persist_until.map(Timestamp::as_second)),
            (wildcard, until)
        );
    }
}

#[test]
fn draft_dns_persist_4_1_what_the_syntax_leaves_free_is_free() {
    let plain =
        record("authority.example; accounturi=https://ca.example/acct/123; policy=wildcard; persistUntil=7");
    for text in [
        "authority.example;accounturi=https://ca.example/acct/123;policy=wildcard;persistUntil=7",
        " \tAuthority.Example ;\tPERSISTUNTIL = 7 ; AccountURI=https://ca.example/acct/123;Policy=WildCard ",
        "authority.example; future=x; accounturi=https://ca.example/acct/123; policy=wildcard; persistUntil=7",
    ] {
        assert_eq!(record(text), plain, "{text}");
    }
    let other = record("authority.example; accounturi=https://ca.example/acct/123; policy=subdomains");
    assert!(!other.wildcard, "a policy that is not known is as none");
    assert_ne!(
        record("authority.example; accounturi=https://ca.example/Acct/123").account_uri,
        plain.account_uri
    );
}

#[test]
fn draft_dns_persist_4_1_what_cas_refuse_is_refused() {
    let parse = |text: &str| text.parse::<PersistRecord>().expect_err(text);
    let account = "accounturi=https://ca.example/a";
    assert_eq!(parse("authority.example"), PersistError::NoAccount);
    assert_eq!(parse("v=spf1 -all"), PersistError::Issuer("v=spf1 -all".into()));
    assert!(matches!(parse(&format!("; {account}")), PersistError::Issuer(_)));
    assert!(matches!(
        parse(&format!("ca.example; {account};")),
        PersistError::Parameter(_)
    ));
    assert!(matches!(
        parse(&format!("ca.example; {account}; x")),
        PersistError::Parameter(_)
    ));
    assert!(matches!(
        parse(&format!("ca.example; {account}; ACCOUNTURI=x")),
        PersistError::Twice(_)
    ));
    assert!(matches!(
        parse("ca.example; accounturi="),
        PersistError::Account(_)
    ));
    assert!(matches!(
        parse("ca.example; accounturi=a b"),
        PersistError::Parameter(_)
    ));
    for until in ["", "soon", "1.5", "0x10"] {
        let text = format!("ca.example; {account}; persistUntil={until}");
        assert_eq!(parse(&text), PersistError::Until(until.into()));
    }
}

#[test]
fn a_moment_at_the_end_of_time_is_no_error() {
    let it = record("ca.example; accounturi=a; persistUntil=9223372036854775807");
    assert_eq!(
        it.persist_until,
        Some(Timestamp::from_second(Timestamp::MAX.as_second()).expect("the last"))
    );
}

#[tokio::test]
async fn draft_dns_persist_3_1_the_record_follows_the_challenge() {
    let ca = StubCa::start(|_| Answer::new(200, "")).await;
    let account = ca.account();
    let challenge = |members: serde_json::Value| -> Challenge {
        let mut json = serde_json::json!({
            "type": "dns-persist-01", "url": "https://ca.example/c/1", "status": "pending",
            "issuer-domain-names": ["authority.example", "ca.example.net"],
        });
        let members = members.as_object().expect("an object").clone();
        json.as_object_mut().expect("an object").extend(members);
        serde_json::from_value(json).expect("a challenge")
    };
    let make = |challenge: &Challenge| account.persist_record(challenge, true, None);
    let of_the_draft = challenge(serde_json::json!({"accounturi": "https://ca.example/acct/123"}));
    assert_eq!(
        make(&of_the_draft).expect("a record").to_string(),
        "authority.example; accounturi=https://ca.example/acct/123; policy=wildcard"
    );
    let silent = make(&challenge(serde_json::json!({}))).expect("a record");
    assert_eq!(silent.account_uri.as_str(), account.url().as_str());

    let names = |number: usize| serde_json::json!({"issuer-domain-names": vec!["ca.example"; number]});
    make(&challenge(names(10))).expect("a record");
    for number in [0, 11] {
        assert_eq!(
            make(&challenge(names(number))),
            Err(PersistError::Issuers(number))
        );
    }
    let hostile = challenge(serde_json::json!({"accounturi": "https://ca.example/a;policy=wildcard"}));
    assert!(matches!(make(&hostile), Err(PersistError::Account(_))));
    let other = challenge(serde_json::json!({"type": "dns-01"}));
    assert!(matches!(make(&other), Err(PersistError::Challenge(_))));
}

proptest! {
    #[test]
    fn every_record_is_read_as_it_was_written(
        issuer in "[a-z]{1,10}\\.example",
        account in "[!-:<-~]{1,60}",
        wildcard in any::<bool>(),
        until in prop::option::of(0_i64..4_000_000_000),
    ) {
        let it = PersistRecord {
            issuer: issuer.parse().expect("a name"),
            account_uri: account.parse().expect("an account"),
            wildcard,
            persist_until: until.map(|second| Timestamp::from_second(second).expect("a moment")),
        };
        prop_assert_eq!(it.to_string().parse::<PersistRecord>(), Ok(it));
    }

    #[test]
    fn no_text_panics(text in any::<String>()) {
        let _ = text.parse::<PersistRecord>();
    }
}
