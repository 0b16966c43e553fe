//! From a CSR to a certificate (RFC 8555 section 7.4).

use axum::extract::{Path, State};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::Site;
use super::csr::Csr;
use super::issuance::{issue, issue_or_fail, set_progress};
use super::knobs::NameStage;
use super::ledger::CsrTaken;
use super::order::{answer, owned};
use super::post::Post;
use super::problem::{Problem, ProblemType};
use super::state::{OrderStatus, Progress};

#[derive(Debug, Deserialize)]
struct Finalize {
    csr: String,
}

pub(super) async fn finalize(
    State(site): State<Site>,
    Path(id): Path<u64>,
    post: Post,
) -> Result<Response, Problem> {
    let account = post.account()?;
    let wish: Finalize = post.json()?;
    let der = URL_SAFE_NO_PAD
        .decode(&wish.csr)
        .map_err(|_| Problem::malformed("csr is not unpadded base64url"))?;
    let knobs = site.ca.knobs.current();
    let mut state = site.ca.state.lock();
    let order = owned(&state, id, account)?;
    match state.order_status(order, site.ca.now()) {
        OrderStatus::Ready => {}
        // "MUST return a 403 (Forbidden) error with a problem document of type orderNotReady"
        status => {
            let detail = format!("the order is {}", status.as_str());
            return Err(Problem::new(ProblemType::OrderNotReady, detail));
        }
    }
    // the CA's say in the matter comes before the CSR's faults, which leave the order ready
    if let Some(problem) = order
        .names
        .iter()
        .find_map(|name| knobs.name_problem(name, NameStage::Finalize))
    {
        return Err(Problem::new(problem.problem, problem.detail.clone()));
    }
    let csr = Csr::parse(&der)?;
    csr.check_names(&order.names)?;
    // section 11.1: an account key is for requests only
    if state
        .accounts
        .values()
        .any(|account| account.key.is_same_key(&csr.key))
    {
        return Err(Problem::new(
            ProblemType::BadCsr,
            "the certificate's key is an account's key",
        ));
    }
    if state.blocked_keys.contains(&csr.key.public_key_to_der()?) {
        let detail = "the key is blocked: it was revoked as compromised";
        return Err(Problem::new(ProblemType::BadCsr, detail));
    }
    let names = order.names.iter().cloned().collect();
    let at = site.ca.now();
    state.ledger.csr(CsrTaken { at, names });
    match knobs.processing {
        None => issue(&site, &mut state, id, &csr.key)?,
        Some(delay) => {
            set_progress(&mut state, id, Progress::Processing);
            let later = site.clone();
            let hurry = site.ca.hurry.clone().notified_owned();
            site.ca.spawn(async move {
                tokio::select! {
                    () = tokio::time::sleep(delay) => {}
                    () = hurry => {}
                }
                issue_or_fail(&later, id, &csr.key);
            });
        }
    }
    Ok(answer(&site, &state, id, site.ca.now()))
}
