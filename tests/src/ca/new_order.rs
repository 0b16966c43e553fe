//! New orders and their authorizations (RFC 8555 section 7.4).

use std::collections::BTreeSet;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper::StatusCode;
use jiff::Timestamp;
use serde::Deserialize;

use super::Site;
use super::challenge_type::ChallengeType;
use super::identifier::objection;
use super::knobs::CaKnobs;
use super::order::answer;
use super::post::Post;
use super::problem::{Problem, ProblemType};
use super::profile::Profile;
use super::renewal_info;
use super::replacement;
use super::state::{
    Authorization, AuthorizationStatus, Challenge, Order, OrderStatus, Outcome, Progress, State as CaState,
};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewOrder {
    identifiers: Vec<Identifier>,
    not_before: Option<Timestamp>,
    not_after: Option<Timestamp>,
    profile: Option<String>,
    replaces: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Identifier {
    #[serde(rename = "type")]
    kind: String,
    value: String,
}

pub(super) async fn new_order(State(site): State<Site>, post: Post) -> Result<Response, Problem> {
    let account = post.account()?;
    let wish: NewOrder = post.json()?;
    let knobs = site.ca.knobs.current();
    let profile = checked_profile(&wish, &knobs)?;
    let max_names = profile.map_or(knobs.max_names, |profile| profile.max_names);
    let names = checked_names(&wish, max_names, &knobs)?;
    if knobs.refuse_dates && (wish.not_before.is_some() || wish.not_after.is_some()) {
        return Err(Problem::malformed("notBefore and notAfter are not supported"));
    }
    let now = site.ca.now();

    let mut state = site.ca.state.lock();
    let replaces = match &wish.replaces {
        Some(text) => Some(replacement::check(
            &state,
            knobs.replaces,
            account,
            &names,
            text,
            now,
        )?),
        None => None,
    };
    if knobs.reuse_orders
        && let Some(id) = same_open_order(&state, account, &names, wish.profile.as_deref(), now)
    {
        if let (Some(order), Some(replaced)) = (state.orders.get_mut(&id), replaces)
            && order.replaces.is_none()
        {
            order.replaces = replaces;
            state.replacements.entry(replaced).or_default().push(id);
        }
        return Ok(created(&site, &state, id, now));
    }
    let exempt = replaces
        .and_then(|id| state.certificates.get(&id))
        .is_some_and(|replaced| renewal_info::is_open(replaced, now));
    if let Some(limits) = knobs.limits.filter(|_| !exempt) {
        state.meter.order(&limits, account, &names, now)?;
    }
    let expires = now + knobs.order_lifetime;
    let mut authorizations = Vec::new();
    for name in &names {
        let reusable = if knobs.reuse_authorizations {
            valid_authorization(&state, account, name, now)
        } else {
            None
        };
        let id = match reusable {
            Some(id) => id,
            None => add_authorization(&mut state, &knobs.challenges, account, name, expires)?,
        };
        authorizations.push(id);
    }
    let id = state.next_id();
    let order = Order {
        account,
        names,
        authorizations,
        expires,
        not_before: wish.not_before,
        not_after: wish.not_after,
        profile: wish.profile,
        exempt,
        replaces,
        progress: Progress::Open,
    };
    state.orders.insert(id, order);
    if let Some(replaced) = replaces {
        state.replacements.entry(replaced).or_default().push(id);
    }
    Ok(created(&site, &state, id, now))
}

fn created(site: &Site, state: &CaState, id: u64, now: Timestamp) -> Response {
    (StatusCode::CREATED, answer(site, state, id, now)).into_response()
}

fn checked_profile<'a>(wish: &NewOrder, knobs: &'a CaKnobs) -> Result<Option<&'a Profile>, Problem> {
    let Some(name) = &wish.profile else {
        return Ok(None);
    };
    match knobs.profiles.get(name) {
        Some(profile) => Ok(Some(profile)),
        None => {
            let detail = format!("profile `{name}` is not one of the directory's");
            Err(Problem::new(ProblemType::InvalidProfile, detail))
        }
    }
}

fn checked_names(wish: &NewOrder, max_names: usize, knobs: &CaKnobs) -> Result<BTreeSet<String>, Problem> {
    if let Some(other) = wish
        .identifiers
        .iter()
        .find(|identifier| identifier.kind != "dns")
    {
        let detail = format!("identifiers of type `{}` are not taken", other.kind);
        return Err(Problem::new(ProblemType::UnsupportedIdentifier, detail));
    }
    let names: BTreeSet<String> = wish
        .identifiers
        .iter()
        .map(|identifier| identifier.value.clone())
        .collect();
    if names.is_empty() || names.len() > max_names {
        return Err(Problem::malformed(format!(
            "an order has 1 to {max_names} names, not {}",
            names.len()
        )));
    }
    if let (Some(not_before), Some(not_after)) = (wish.not_before, wish.not_after)
        && not_after <= not_before
    {
        return Err(Problem::malformed("notAfter is not after notBefore"));
    }
    let mut objections: Vec<_> = names.iter().filter_map(|name| objection(name, knobs)).collect();
    let Some(first) = objections.first() else {
        return Ok(names);
    };
    let kind = first.kind;
    if names.len() == 1 {
        return Err(Problem::new(kind, format!("{}: {}", first.name, first.detail)));
    }
    let list: Vec<&str> = objections
        .iter()
        .map(|objection| objection.name.as_str())
        .collect();
    let mut problem = Problem::new(kind, format!("some names are refused: {}", list.join(", ")));
    problem.subproblems.append(&mut objections);
    Err(problem)
}

/// With the same profile, as Boulder has it; what the order replaces makes no difference.
fn same_open_order(
    state: &CaState,
    account: u64,
    names: &BTreeSet<String>,
    profile: Option<&str>,
    now: Timestamp,
) -> Option<u64> {
    let is_open = |order: &Order| {
        matches!(
            state.order_status(order, now),
            OrderStatus::Pending | OrderStatus::Ready
        )
    };
    let mut found = state.orders.iter().filter(|(_, order)| {
        order.account == account && order.names == *names && order.profile.as_deref() == profile
    });
    found.find(|(_, order)| is_open(order)).map(|(id, _)| *id)
}

fn valid_authorization(state: &CaState, account: u64, name: &str, now: Timestamp) -> Option<u64> {
    let (base, wildcard) = split(name);
    let fits = |authz: &Authorization| {
        authz.account == account
            && authz.name == base
            && authz.wildcard == wildcard
            && authz.status(now) == AuthorizationStatus::Valid
            && !authz.is_persistent()
    };
    state
        .authorizations
        .iter()
        .find(|(_, authz)| fits(authz))
        .map(|(id, _)| *id)
}

pub(super) fn add_authorization(
    state: &mut CaState,
    challenges: &[ChallengeType],
    account: u64,
    name: &str,
    expires: Timestamp,
) -> Result<u64, Problem> {
    let (base, wildcard) = split(name);
    let challenges = challenges
        .iter()
        .map(|kind| challenge(*kind))
        .collect::<Result<_, _>>()?;
    let authorization = Authorization {
        account,
        name: base.to_owned(),
        wildcard,
        expires,
        deactivated: false,
        challenges,
    };
    let id = state.next_id();
    state.authorizations.insert(id, authorization);
    Ok(id)
}

fn challenge(kind: ChallengeType) -> Result<Challenge, Problem> {
    let mut token = String::new();
    if kind.has_token() {
        // section 11.3: 128 bits of entropy
        let mut bytes = [0; 32];
        openssl::rand::rand_bytes(&mut bytes)?;
        token = URL_SAFE_NO_PAD.encode(bytes);
    }
    Ok(Challenge {
        kind,
        token,
        outcome: Outcome::Pending,
    })
}

fn split(name: &str) -> (&str, bool) {
    name.strip_prefix("*.").map_or((name, false), |base| (base, true))
}
