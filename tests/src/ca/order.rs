//! Orders (RFC 8555 section 7.1.3).

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use hyper::{HeaderMap, header};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Site;
use super::new_order::add_authorization;
use super::post::Post;
use super::problem::{Problem, ProblemType};
use super::state::{Order, OrderStatus, Progress, State as CaState};

pub(super) async fn order(
    State(site): State<Site>,
    Path(id): Path<u64>,
    post: Post,
) -> Result<Response, Problem> {
    post.want_get()?;
    let account = post.account()?;
    let now = site.ca.now();
    let knobs = site.ca.knobs.current();
    let mut state = site.ca.state.lock();
    let order = owned(&state, id, account)?;
    if knobs.growing_orders && state.order_status(order, now) == OrderStatus::Pending {
        let (number, expires) = (order.authorizations.len(), order.expires);
        let name = format!("grown-{number}.lab.test");
        let grown = add_authorization(&mut state, &knobs.challenges, account, &name, expires)?;
        if let Some(order) = state.orders.get_mut(&id) {
            order.authorizations.push(grown);
        }
    }
    Ok(answer(&site, &state, id, now))
}

/// The order, if it is the account's.
pub(super) fn owned(state: &CaState, id: u64, account: u64) -> Result<&Order, Problem> {
    let order = state.orders.get(&id).ok_or_else(|| Problem::not_found("order"))?;
    if order.account != account {
        return Err(Problem::new(
            ProblemType::Unauthorized,
            "the order is another account's",
        ));
    }
    Ok(order)
}

/// The order object, with Retry-After while it is processing.
pub(super) fn answer(site: &Site, state: &CaState, id: u64, now: Timestamp) -> Response {
    let mut headers = HeaderMap::new();
    let processing = matches!(
        state.orders.get(&id),
        Some(Order {
            progress: Progress::Processing,
            ..
        })
    );
    let retry_after = site.ca.knobs.update(|knobs| knobs.order_retry_after.header(now));
    if let Some(Ok(value)) = retry_after.map(|value| value.parse())
        && processing
    {
        headers.insert(header::RETRY_AFTER, value);
    }
    if let Ok(location) = site.url(&format!("/order/{id}")).parse() {
        headers.insert(header::LOCATION, location);
    }
    (headers, Json(object(site, state, id, now))).into_response()
}

fn object(site: &Site, state: &CaState, id: u64, now: Timestamp) -> Value {
    let Some(order) = state.orders.get(&id) else {
        return Value::Null;
    };
    let identifiers: Vec<Value> = order
        .names
        .iter()
        .map(|name| json!({ "type": "dns", "value": name }))
        .collect();
    let authorizations: Vec<String> = order
        .authorizations
        .iter()
        .map(|authz| site.url(&format!("/authz/{authz}")))
        .collect();
    let mut object = json!({
        "status": state.order_status(order, now).as_str(),
        "expires": order.expires,
        "identifiers": identifiers,
        "authorizations": authorizations,
        "finalize": site.url(&format!("/finalize/{id}")),
    });
    if let Some(not_before) = order.not_before {
        object["notBefore"] = json!(not_before);
    }
    if let Some(not_after) = order.not_after {
        object["notAfter"] = json!(not_after);
    }
    if let Some(profile) = &order.profile {
        object["profile"] = json!(profile);
    }
    // RFC 9773 section 5: "it MUST reflect that field in the response and in subsequent requests"
    if let Some(replaced) = order.replaces.and_then(|id| state.certificates.get(&id)) {
        object["replaces"] = json!(replaced.cert_id);
    }
    match &order.progress {
        Progress::Valid { certificate } => {
            object["certificate"] = json!(site.url(&format!("/cert/{certificate}")));
        }
        Progress::Invalid(problem) => object["error"] = problem.to_json(),
        Progress::Open | Progress::Processing => {}
    }
    object
}
