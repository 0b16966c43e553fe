use super::*;

pub(in crate::acme) fn refusal(
    operation: Operation,
    status: u16,
    kind: &str,
    retry_after: Option<u64>,
) -> Error {
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
}

#[test]
fn a_rate_limit_without_an_end_is_a_pause_and_others_are_not() {
    assert!(refusal(Operation::NewOrder, 429, "rateLimited", None).is_paused());
    assert!(!refusal(Operation::NewOrder, 429, "rateLimited", Some(60)).is_paused());
    assert!(!refusal(Operation::NewOrder, 403, "unauthorized", None).is_paused());
}

#[test]
fn rfc9773_5_a_predecessor_that_was_replaced_is_told_apart() {
    assert!(refusal(Operation::NewOrder, 409, "alreadyReplaced", None).is_already_replaced());
    assert!(!refusal(Operation::NewOrder, 409, "malformed", None).is_already_replaced());
}

#[test]
fn only_503_with_a_time_is_said_to_all() {
    let closes = |status, wait| refusal(Operation::Order, status, "serverInternal", wait).closes_the_gate();
    assert_eq!(closes(503, Some(60)), Some(Duration::from_secs(60)));
    assert_eq!(closes(503, None), None);
    assert_eq!(closes(500, Some(60)), None);
    assert_eq!(
        refusal(Operation::NewOrder, 429, "rateLimited", Some(60)).closes_the_gate(),
        None
    );
}
