use super::*;
use crate::acme::error::tests::refusal;

#[test]
fn each_refusal_asks_for_its_kind_of_patience() {
    use Operation::{Authorization, Finalize, NewAccount, NewOrder};
    let hour = Duration::from_secs(3600);
    for (operation, status, kind, retry_after, expected) in [
        (NewOrder, 429, "rateLimited", Some(3600), Retry::After(hour)),
        // paused by Let's Encrypt: no header, a person must act
        (NewOrder, 429, "rateLimited", None, Retry::After(24 * hour)),
        (NewOrder, 500, "serverInternal", None, Retry::After(hour / 60)),
        (NewOrder, 500, "serverInternal", Some(3600), Retry::After(hour)),
        (NewOrder, 500, "unheardOf", None, Retry::After(hour / 60)),
        (NewOrder, 502, "serverInternal", None, Retry::Backoff),
        (NewOrder, 503, "serverInternal", None, Retry::Backoff),
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
        (NewOrder, 400, "invalidProfile", None, Retry::Never),
        (NewOrder, 403, "userActionRequired", None, Retry::Never),
        (NewOrder, 400, "accountDoesNotExist", None, Retry::Never),
        (Operation::Order, 403, "unauthorized", None, Retry::NextCycle),
        (Operation::Revocation, 403, "unauthorized", None, Retry::Never),
        (Operation::Revocation, 400, "alreadyRevoked", None, Retry::Never),
        (
            Operation::Revocation,
            400,
            "badRevocationReason",
            None,
            Retry::Never,
        ),
        (Operation::RenewalInfo, 404, "malformed", None, Retry::NextCycle),
    ] {
        assert_eq!(
            refusal(operation, status, kind, retry_after).retry(),
            expected,
            "{operation} {status} {kind}"
        );
    }
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
