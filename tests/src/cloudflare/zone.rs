//! Zones and the two requests that show them.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, RawQuery, State};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Shared;
use super::answer::{Answer, Refusal, found, page};
use super::filter::Pages;
use super::record::{Record, is_id, new_id};
use super::token::Token;
use crate::clock;

/// Statuses that `status=` may ask for.
const STATUSES: [&str; 4] = ["initializing", "pending", "active", "moved"];

/// What a zone is paid for; limits depend on it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Plan {
    /// 200 changes in a batch, TTL from 60.
    Free,
    /// 3,500 changes in a batch, TTL from 30.
    Enterprise,
}

/// A zone with its records.
#[derive(Clone, Debug)]
pub struct Zone {
    /// 32 hexadecimal digits.
    pub id: String,
    /// Its apex.
    pub name: String,
    /// `active`, `pending`, ..
    pub status: String,
    /// What it is paid for.
    pub plan: Plan,
    /// Oldest first.
    pub records: Vec<Record>,
    created: Timestamp,
}

impl Zone {
    pub(super) fn new(name: &str, status: &str, plan: Plan) -> Self {
        Self {
            id: new_id(),
            name: name.to_owned(),
            status: status.to_owned(),
            plan,
            records: Vec::new(),
            created: clock::now(),
        }
    }

    /// Most changes in one batch.
    pub(super) fn batch_limit(&self) -> usize {
        match self.plan {
            Plan::Free => 200,
            Plan::Enterprise => 3_500,
        }
    }

    /// Least TTL but for 1, in seconds.
    pub(super) fn least_ttl(&self) -> u64 {
        match self.plan {
            Plan::Free => 60,
            Plan::Enterprise => 30,
        }
    }

    /// As the API shows it to this token.
    fn shown(&self, token: &Token) -> Value {
        let mut permissions = vec!["#zone:read"];
        if token.may(&self.id, false) {
            permissions.push("#dns_records:read");
        }
        if token.may(&self.id, true) {
            permissions.push("#dns_records:edit");
        }
        let plan = match self.plan {
            Plan::Free => "Free Website",
            Plan::Enterprise => "Enterprise Website",
        };
        json!({
            "id": self.id, "name": self.name, "status": self.status, "paused": false, "type": "full",
            "development_mode": 0,
            "name_servers": ["ada.ns.cloudflare.com", "bob.ns.cloudflare.com"],
            "original_name_servers": null, "original_registrar": null, "original_dnshost": null,
            "created_on": self.created, "modified_on": self.created, "activated_on": self.created,
            "meta": {"step": 4, "custom_certificate_quota": 0, "page_rule_quota": 3, "phishing_detected": false},
            "owner": {"id": null, "type": "user", "email": null},
            "account": {"id": "0123456789abcdef0123456789abcdef", "name": "the lab's"},
            "permissions": permissions,
            "plan": {"id": "0feeeeeeeeeeeeeeeeeeeeeeeeeeeeee", "name": plan, "price": 0, "currency": "USD",
                "is_subscribed": false, "can_subscribe": false, "externally_managed": false},
        })
    }
}

/// `GET zones`: those that the token sees; none is no error.
pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    Extension(token): Extension<Token>,
    RawQuery(query): RawQuery,
) -> Answer {
    let mut pages = Pages::of_zones();
    let (mut name, mut status) = (None, None);
    for (key, value) in super::filter::pairs(query.as_deref())? {
        match key.as_str() {
            "name" => name = Some(value.strip_prefix("equal:").unwrap_or(&value).to_owned()),
            "status" if STATUSES.contains(&value.as_str()) => status = Some(value),
            _ => pages.read(&key, &value)?,
        }
    }
    let state = shared.state.lock();
    let zones = state.zones.iter().filter(|zone| token.sees(&zone.id));
    let zones = zones.filter(|zone| {
        name.as_ref()
            .is_none_or(|name| zone.name.eq_ignore_ascii_case(name))
    });
    let zones = zones.filter(|zone| status.as_ref().is_none_or(|status| zone.status == *status));
    let shown: Vec<Value> = zones.map(|zone| zone.shown(&token)).collect();
    page(&shown, pages.page, pages.per_page)
}

/// `GET zones/{zone}`
pub(super) async fn one(
    State(shared): State<Arc<Shared>>,
    Extension(token): Extension<Token>,
    Path(id): Path<String>,
) -> Answer {
    if !is_id(&id) {
        return Err(Refusal::no_route(&format!("/client/v4/zones/{id}")));
    }
    let state = shared.state.lock();
    match state.zones.iter().find(|zone| zone.id == id) {
        Some(zone) if token.sees(&id) => found(zone.shown(&token)),
        None if token.is_for_all() => Err(Refusal::new(404, 1001, "Invalid zone identifier")),
        _ => Err(Refusal::new(
            403,
            9109,
            "Unauthorized to access requested resource",
        )),
    }
}
