//! Orders that replace a certificate (RFC 9773 section 5).

use std::collections::BTreeSet;

use hyper::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::cert_id;
use super::problem::{Problem, ProblemType};
use super::state::{OrderStatus, State};

/// How `replaces` in an order is taken.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReplacesAnswers {
    /// As the RFC has it.
    #[default]
    Checked,
    /// Whatever it names was replaced already: 409.
    AlreadyReplaced,
    /// The field itself is `malformed`, as for a CA that knows none.
    Refused,
}

/// The number of the certificate that `text` names, if an order of `account` for `names` may replace it.
pub(super) fn check(
    state: &State,
    answers: ReplacesAnswers,
    account: u64,
    names: &BTreeSet<String>,
    text: &str,
    now: Timestamp,
) -> Result<u64, Problem> {
    match answers {
        ReplacesAnswers::Checked => {}
        ReplacesAnswers::AlreadyReplaced => return Err(already(text)),
        ReplacesAnswers::Refused => return Err(Problem::malformed("`replaces` is not a field of orders")),
    }
    let id = cert_id::find(state, text)?;
    let certificate = state
        .certificates
        .get(&id)
        .ok_or_else(|| Problem::not_found("certificate"))?;
    if certificate.account != account {
        let detail = "the certificate to be replaced is another account's";
        return Err(Problem::new(ProblemType::Unauthorized, detail));
    }
    if certificate.names.is_disjoint(names) {
        let detail = "the order shares no name with the certificate that it replaces";
        return Err(Problem::malformed(detail));
    }
    // "not already been marked as replaced by a different Order that is not "invalid""
    let is_being_replaced = state
        .replacements
        .get(&id)
        .into_iter()
        .flatten()
        .filter_map(|order| state.orders.get(order))
        .any(|order| state.order_status(order, now) != OrderStatus::Invalid);
    if certificate.replaced_by.is_some() || is_being_replaced {
        return Err(already(text));
    }
    Ok(id)
}

/// "it MUST return an HTTP 409 (Conflict) with a problem document of type "alreadyReplaced"".
fn already(text: &str) -> Problem {
    let detail = format!("certificate {text} has a replacement order already");
    Problem::new(ProblemType::AlreadyReplaced, detail).with_status(StatusCode::CONFLICT)
}
