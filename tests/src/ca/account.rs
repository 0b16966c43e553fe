//! Accounts (RFC 8555 sections 7.1.2, 7.3).

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use hyper::{StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Site;
use super::external_account;
use super::post::Post;
use super::problem::{Problem, ProblemType};
use super::state::{Account, AccountStatus};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewAccount {
    #[serde(default)]
    contact: Vec<String>,
    #[serde(default)]
    terms_of_service_agreed: bool,
    #[serde(default)]
    only_return_existing: bool,
    external_account_binding: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Update {
    contact: Option<Vec<String>>,
    status: Option<String>,
    #[serde(default)]
    terms_of_service_agreed: bool,
}

pub(super) async fn new_account(State(site): State<Site>, post: Post) -> Result<Response, Problem> {
    let wish: NewAccount = post.json()?;
    let key = post.key()?;
    let knobs = site.ca.knobs.current();
    let mut state = site.ca.state.lock();
    // section 7.3: an existing account is given back as it is
    if let Some(id) = state.account_with_key(key.thumbprint()) {
        let account = &state.accounts[&id];
        if account.status == AccountStatus::Deactivated {
            return Err(Problem::new(
                ProblemType::Unauthorized,
                "the account was deactivated",
            ));
        }
        let location = [(header::LOCATION, site.account_url(id))];
        return Ok((
            StatusCode::OK,
            location,
            Json(object(&site, id, account, state.terms)),
        )
            .into_response());
    }
    if state.blocked_keys.contains(&key.key().public_key_to_der()?) {
        let detail = "the key is blocked: it was revoked as compromised";
        return Err(Problem::new(ProblemType::BadPublicKey, detail));
    }
    if wish.only_return_existing {
        return Err(Problem::new(
            ProblemType::AccountDoesNotExist,
            "no account has this key",
        ));
    }
    if !wish.terms_of_service_agreed {
        let problem = Problem::new(
            ProblemType::UserActionRequired,
            "the terms of service must be agreed to",
        );
        return Err(site.link_terms(problem, state.terms));
    }
    let binding = match &wish.external_account_binding {
        Some(binding) => {
            let url = site.here("/new-account");
            let accounts = &knobs.external_accounts;
            Some(external_account::check(binding, accounts, key, &url)?)
        }
        None if knobs.external_account_required => {
            let detail = "an external account binding is required";
            return Err(Problem::new(ProblemType::ExternalAccountRequired, detail));
        }
        None => None,
    };
    if let Some(kid) = binding.filter(|kid| state.bindings.contains_key(*kid)) {
        let detail = format!("external account {kid} is bound already");
        return Err(Problem::new(ProblemType::Unauthorized, detail));
    }
    check_contacts(&wish.contact)?;
    let account = Account {
        key: key.clone(),
        contact: wish.contact,
        status: AccountStatus::Valid,
        terms: state.terms,
    };
    let id = state.next_id();
    if let Some(kid) = binding {
        state.bindings.insert(kid.to_owned(), id);
    }
    let body = object(&site, id, &account, state.terms);
    state.accounts.insert(id, account);
    Ok((
        StatusCode::CREATED,
        [(header::LOCATION, site.account_url(id))],
        Json(body),
    )
        .into_response())
}

/// Reads, updates (section 7.3.2) or deactivates (7.3.6) the account itself.
pub(super) async fn account(
    State(site): State<Site>,
    Path(id): Path<u64>,
    post: Post,
) -> Result<Json<Value>, Problem> {
    if post.account()? != id {
        return Err(Problem::new(ProblemType::Unauthorized, "this is another account"));
    }
    let update: Option<Update> = if post.is_get() { None } else { Some(post.json()?) };
    let mut state = site.ca.state.lock();
    let terms = state.terms;
    let account = state
        .accounts
        .get_mut(&id)
        .ok_or_else(|| Problem::not_found("account"))?;
    if let Some(update) = update {
        // section 7.3.2: any other status is ignored
        if update.status.as_deref() == Some("deactivated") {
            account.status = AccountStatus::Deactivated;
        }
        if update.terms_of_service_agreed {
            account.terms = terms;
        }
        if let Some(contact) = update.contact {
            check_contacts(&contact)?;
            account.contact = contact;
        }
    }
    Ok(Json(object(&site, id, account, terms)))
}

/// The account's orders (section 7.1.2.1), all on one page.
pub(super) async fn orders(
    State(site): State<Site>,
    Path(id): Path<u64>,
    post: Post,
) -> Result<Json<Value>, Problem> {
    post.want_get()?;
    if post.account()? != id {
        return Err(Problem::new(
            ProblemType::Unauthorized,
            "these are the orders of another account",
        ));
    }
    let state = site.ca.state.lock();
    let orders = state.orders.iter().filter(|(_, order)| order.account == id);
    let urls: Vec<String> = orders
        .map(|(order, _)| site.url(&format!("/order/{order}")))
        .collect();
    Ok(Json(json!({ "orders": urls })))
}

fn object(site: &Site, id: u64, account: &Account, terms: u64) -> Value {
    let status = match account.status {
        AccountStatus::Valid => "valid",
        AccountStatus::Deactivated => "deactivated",
    };
    json!({
        "status": status,
        "contact": account.contact,
        "termsOfServiceAgreed": account.terms == terms,
        "orders": site.url(&format!("/orders/{id}")),
    })
}

/// Section 7.3: mailto with exactly one address and no header fields.
fn check_contacts(contacts: &[String]) -> Result<(), Problem> {
    for contact in contacts {
        let Some(address) = contact.strip_prefix("mailto:") else {
            return Err(Problem::new(
                ProblemType::UnsupportedContact,
                format!("{contact} is not a mailto address"),
            ));
        };
        if !address.contains('@') || address.contains(['?', ',']) {
            return Err(Problem::new(
                ProblemType::InvalidContact,
                format!("{contact} is not one mail address"),
            ));
        }
    }
    Ok(())
}
