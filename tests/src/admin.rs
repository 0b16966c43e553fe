//! The lab's own HTTP endpoint, for tests in other processes and for curiosity: read what happened, turn
//! the knobs.
//!
//! | Method, path | Meaning |
//! |---|---|
//! | GET /ca | counts, requests by endpoint, certificates, validations, polls of renewal information, orders beyond limits |
//! | GET /ca/requests | every request |
//! | POST /ca/renewal-info | a certificate's window: `serial`, `start`, `end`, `explanation-url` |
//! | POST /ca/forget-account | the account with the URL `account` was never there |
//! | POST /ca/change-terms | accounts must agree to new terms |
//! | POST /ca/finish-processing | orders that are `processing` come to their end |
//! | POST /ca/expire-authorizations | the next orders need challenges |
//! | GET, PATCH /ca/knobs | [`CaKnobs`](crate::ca::CaKnobs); a patch is merged as RFC 7396 |
//! | GET /dns/records, /dns/updates, /dns/queries | the zones and what was asked of them |
//! | GET, PATCH /dns/knobs | [`DnsKnobs`](crate::dns::DnsKnobs) |

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use hyper::StatusCode;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::ca::{AcmeCa, ControlError, Window};
use crate::dns::DnsServer;
use crate::knobs::KnobCell;

/// What the endpoint shows.
#[derive(Clone, Debug)]
pub struct Lab {
    /// The CA.
    pub ca: Arc<AcmeCa>,
    /// The name server.
    pub dns: Arc<DnsServer>,
}

/// A running endpoint; dropping it stops it.
#[derive(Debug)]
pub struct Admin {
    addr: SocketAddr,
    _stop: DropGuard,
}

impl Admin {
    /// Serves plain HTTP on `listen`, which should be loopback: whoever reaches it rules the lab.
    ///
    /// # Errors
    /// The address could not be had.
    pub async fn start(listen: SocketAddr, lab: Lab) -> std::io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        let addr = listener.local_addr()?;
        let stop = CancellationToken::new();
        let serving =
            axum::serve(listener, router(lab)).with_graceful_shutdown(stop.clone().cancelled_owned());
        tokio::spawn(async move {
            if let Err(error) = serving.await {
                tracing::error!(%error, "the admin endpoint ended");
            }
        });
        Ok(Admin {
            addr,
            _stop: stop.drop_guard(),
        })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }
}

fn router(lab: Lab) -> Router {
    Router::new()
        .route("/ca", get(ca))
        .route(
            "/ca/requests",
            get(async |State(lab): State<Lab>| Json(lab.ca.requests())),
        )
        .route("/ca/renewal-info", post(renewal_info))
        .route("/ca/forget-account", post(forget_account))
        .route(
            "/ca/change-terms",
            post(async |State(lab): State<Lab>| lab.ca.change_terms()),
        )
        .route(
            "/ca/expire-authorizations",
            post(async |State(lab): State<Lab>| lab.ca.expire_authorizations()),
        )
        .route(
            "/ca/finish-processing",
            post(async |State(lab): State<Lab>| lab.ca.finish_processing()),
        )
        .route(
            "/ca/knobs",
            get(async |State(lab): State<Lab>| Json(lab.ca.knobs().current()))
                .patch(async |State(lab): State<Lab>, Json(change)| patch(lab.ca.knobs(), &change)),
        )
        .route(
            "/dns/records",
            get(async |State(lab): State<Lab>| Json(lab.dns.records())),
        )
        .route(
            "/dns/updates",
            get(async |State(lab): State<Lab>| Json(lab.dns.updates())),
        )
        .route(
            "/dns/queries",
            get(async |State(lab): State<Lab>| Json(lab.dns.queries())),
        )
        .route(
            "/dns/knobs",
            get(async |State(lab): State<Lab>| Json(lab.dns.knobs().current()))
                .patch(async |State(lab): State<Lab>, Json(change)| patch(lab.dns.knobs(), &change)),
        )
        .with_state(lab)
}

async fn ca(State(lab): State<Lab>) -> Json<Value> {
    Json(json!({
        "counts": lab.ca.counts(),
        "requests": lab.ca.requests_by_endpoint(),
        "certificates": lab.ca.certificates(),
        "validations": lab.ca.validations(),
        "renewal-polls": lab.ca.renewal_polls(),
        "limit-hits": lab.ca.limit_hits(),
    }))
}

#[derive(Debug, Deserialize)]
struct RenewalInfo {
    serial: String,
    #[serde(flatten)]
    window: Window,
}

async fn renewal_info(
    State(lab): State<Lab>,
    Json(wish): Json<RenewalInfo>,
) -> Result<(), (StatusCode, String)> {
    lab.ca
        .set_renewal_info(&wish.serial, wish.window)
        .map_err(unknown)
}

#[derive(Debug, Deserialize)]
struct ForgetAccount {
    account: String,
}

async fn forget_account(
    State(lab): State<Lab>,
    Json(wish): Json<ForgetAccount>,
) -> Result<(), (StatusCode, String)> {
    lab.ca.forget_account(&wish.account).map_err(unknown)
}

fn unknown(error: ControlError) -> (StatusCode, String) {
    (StatusCode::NOT_FOUND, format!("{error}\n"))
}

/// All or nothing: a knob that does not exist changes none.
fn patch<K>(cell: &KnobCell<K>, change: &Value) -> Result<Json<K>, (StatusCode, String)>
where
    K: Clone + Serialize + DeserializeOwned,
{
    cell.update(|knobs| {
        let mut value = serde_json::to_value(&*knobs).map_err(refuse)?;
        merge(&mut value, change);
        *knobs = serde_json::from_value(value).map_err(refuse)?;
        Ok(Json(knobs.clone()))
    })
}

fn refuse(error: serde_json::Error) -> (StatusCode, String) {
    (StatusCode::BAD_REQUEST, format!("{error}\n"))
}

/// RFC 7396.
fn merge(target: &mut Value, change: &Value) {
    let Value::Object(change) = change else {
        *target = change.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    let Some(target) = target.as_object_mut() else {
        return;
    };
    for (key, value) in change {
        if value.is_null() {
            target.remove(key);
        } else {
            merge(target.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::DnsKnobs;

    #[test]
    fn patch_turns_one_knob_and_leaves_the_others() {
        let cell = KnobCell::new(DnsKnobs {
            truncate_udp: true,
            ..DnsKnobs::default()
        });
        let Json(knobs) = patch(&cell, &json!({ "lag": 1.5 })).unwrap();
        assert_eq!(knobs, cell.current());
        assert_eq!((knobs.lag.as_millis(), knobs.truncate_udp), (1500, true));
    }

    #[test]
    fn unknown_knob_changes_nothing() {
        let cell = KnobCell::new(DnsKnobs::default());
        assert!(patch(&cell, &json!({ "lag": 2.0, "lagg": 1.0 })).is_err());
        assert_eq!(cell.current(), DnsKnobs::default());
    }
}
