use super::*;

fn refusal(operation: Operation, status: u16, kind: &str, retry_after: Option<u64>) -> Error {
    let body = format!(r#"{{"type":"urn:ietf:params:acme:error:{kind}","detail":"too many certificates"}}"#);
    let fault = Fault::Refused {
        status,
        problem: Box::new(Problem::parse(body.as_bytes()).expect("a problem")),
        retry_after: retry_after.map(Duration::from_secs),
        retry_at: retry_after
            .map(|wait| Timestamp::from_second(1_700_000_000 + wait as i64).expect("a moment")),
    };
    Error::new(operation, "https://ca.example/new-order", fault)
}

#[test]
fn an_error_says_what_where_why_and_until_when() {
    assert_eq!(
        refusal(Operation::NewOrder, 429, "rateLimited", Some(60)).to_string(),
        "newOrder at https://ca.example/new-order: the CA said rateLimited: too many certificates (429); \
         retry not before 2023-11-14T22:14:20Z"
    );
}

#[test]
fn each_refusal_asks_for_its_kind_of_patience() {
    use Operation::{Authorization, Finalize, NewAccount, NewOrder};
    let hour = Duration::from_secs(3600);
    for (operation, status, kind, retry_after, expected) in [
        (NewOrder, 429, "rateLimited", Some(3600), Retry::After(hour)),
        // paused by Let's Encrypt: no header, a person must act
        (NewOrder, 429, "rateLimited", None, Retry::After(24 * hour)),
        (NewOrder, 500, "serverInternal", None, Retry::Backoff),
        (NewOrder, 503, "serverInternal", Some(3600), Retry::After(hour)),
        (NewOrder, 503, "unheardOf", None, Retry::Backoff),
        (NewOrder, 400, "unheardOf", None, Retry::NextCycle),
        (NewOrder, 400, "rejectedIdentifier", None, Retry::Never),
        (NewOrder, 403, "unauthorized", None, Retry::Never),
        (Finalize, 403, "unauthorized", None, Retry::NextCycle),
        (Finalize, 403, "orderNotReady", None, Retry::Backoff),
        (Finalize, 400, "badCSR", None, Retry::Never),
        (Finalize, 403, "caa", None, Retry::NextCycle),
        (Authorization, 404, "malformed", None, Retry::NextCycle),
        (NewAccount, 403, "externalAccountRequired", None, Retry::Never),
        (NewOrder, 409, "alreadyReplaced", None, Retry::NextCycle),
    ] {
        assert_eq!(
            refusal(operation, status, kind, retry_after).retry(),
            expected,
            "{operation} {status} {kind}"
        );
    }
}

#[test]
fn only_a_missing_or_closed_account_is_gone() {
    assert!(refusal(Operation::NewOrder, 400, "accountDoesNotExist", None).is_account_gone());
    assert!(!refusal(Operation::NewOrder, 403, "unauthorized", None).is_account_gone());
}

#[test]
fn a_proxy_page_is_shown_in_brief() {
    let fault = Fault::Status {
        status: 502,
        excerpt: "<html>Bad Gateway".into(),
        retry_after: None,
        retry_at: None,
    };
    let error = Error::new(Operation::Order, "https://ca.example/o/1", fault);
    assert_eq!(
        error.to_string(),
        "order at https://ca.example/o/1: the server answered 502: <html>Bad Gateway"
    );
    assert_eq!(error.retry(), Retry::Backoff);
}

#[test]
fn a_schedule_learns_the_class_and_the_moment() {
    let fault = crate::types::Fault::from(&refusal(Operation::NewOrder, 429, "rateLimited", Some(60)));
    assert_eq!(
        (fault.class, fault.not_before),
        (FaultClass::Limited, Some(Duration::from_secs(60)))
    );
    let fault = crate::types::Fault::from(&refusal(Operation::Finalize, 403, "caa", None));
    assert_eq!((fault.class, fault.not_before), (FaultClass::Refused, None));
}
