//! From a CSR to a certificate (RFC 8555 section 7.4).

use axum::extract::{Path, State};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::pkey::{PKey, Public};
use serde::Deserialize;

use super::Site;
use super::authority::Leaf;
use super::cert_id::cert_id;
use super::csr::Csr;
use super::knobs::NameStage;
use super::order::{answer, owned};
use super::post::Post;
use super::problem::{Problem, ProblemType};
use super::state::{Certificate, OrderStatus, Progress, State as CaState};

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
    match knobs.processing {
        None => issue(&site, &mut state, id, &csr.key)?,
        Some(delay) => {
            set_progress(&mut state, id, Progress::Processing);
            let later = site.clone();
            site.ca.spawn(async move {
                tokio::time::sleep(delay).await;
                issue_or_fail(&later, id, &csr.key);
            });
        }
    }
    Ok(answer(&site, &state, id, site.ca.now()))
}

fn issue_or_fail(site: &Site, id: u64, key: &PKey<Public>) {
    let mut state = site.ca.state.lock();
    if let Err(problem) = issue(site, &mut state, id, key) {
        set_progress(&mut state, id, Progress::Invalid(problem));
    }
}

fn set_progress(state: &mut CaState, id: u64, progress: Progress) {
    if let Some(order) = state.orders.get_mut(&id) {
        order.progress = progress;
    }
}

fn issue(site: &Site, state: &mut CaState, id: u64, key: &PKey<Public>) -> Result<(), Problem> {
    let ca = &site.ca;
    let knobs = ca.knobs.current();
    let order = state.orders.get(&id).ok_or_else(|| Problem::not_found("order"))?;
    // a profile may be gone meanwhile
    let profile = order.profile.as_ref().and_then(|name| knobs.profiles.get(name));
    let lifetime = profile.map_or(knobs.lifetime, |profile| profile.lifetime);
    let replaces = order.replaces;
    let not_before = order.not_before.unwrap_or_else(|| ca.now() - knobs.backdate);
    let not_after = order.not_after.unwrap_or_else(|| not_before + lifetime);
    let names: Vec<String> = order.names.iter().cloned().collect();
    let leaf = ca.issuer.leaf(
        &Leaf {
            names: &names,
            not_before,
            not_after,
            high_serial: knobs.high_serials,
            crl_url: Some(&site.url("/crl")),
        },
        key,
    )?;
    let certificate = Certificate {
        account: order.account,
        names: order.names.clone(),
        chain_pem: ca.issuer.chain_pem(&leaf)?,
        cert_id: cert_id(&leaf)?,
        leaf,
        not_before,
        not_after,
        renewal: None,
        replaced_by: None,
        profile: order.profile.clone(),
        revoked: None,
    };
    let certificate_id = state.next_id();
    if let Some(replaced) = replaces.and_then(|id| state.certificates.get_mut(&id)) {
        replaced.replaced_by = Some(certificate_id);
    }
    state
        .by_cert_id
        .insert(certificate.cert_id.clone(), certificate_id);
    state.certificates.insert(certificate_id, certificate);
    set_progress(
        state,
        id,
        Progress::Valid {
            certificate: certificate_id,
        },
    );
    Ok(())
}
