//! Certificates out of ready orders.

use openssl::pkey::{PKey, Public};

use super::Site;
use super::authority::Leaf;
use super::cert_id::cert_id;
use super::certificate_fault::Draft;
use super::issuer::stack;
use super::problem::Problem;
use super::state::{Certificate, Progress, State};

pub(super) fn issue_or_fail(site: &Site, id: u64, key: &PKey<Public>) {
    let mut state = site.ca.state.lock();
    if let Err(problem) = issue(site, &mut state, id, key) {
        set_progress(&mut state, id, Progress::Invalid(problem));
    }
}

pub(super) fn set_progress(state: &mut State, id: u64, progress: Progress) {
    if let Some(order) = state.orders.get_mut(&id) {
        order.progress = progress;
    }
}

pub(super) fn issue(site: &Site, state: &mut State, id: u64, key: &PKey<Public>) -> Result<(), Problem> {
    let ca = &site.ca;
    let knobs = ca.knobs.current();
    let order = state.orders.get(&id).ok_or_else(|| Problem::not_found("order"))?;
    // a profile may be gone meanwhile
    let profile = order.profile.as_ref().and_then(|name| knobs.profiles.get(name));
    let lifetime = profile.map_or(knobs.lifetime, |profile| profile.lifetime);
    let replaces = order.replaces;
    let not_before = order.not_before.unwrap_or_else(|| ca.now() - knobs.backdate);
    let not_after = order.not_after.unwrap_or_else(|| not_before + lifetime);
    let mut draft = Draft {
        names: order.names.iter().cloned().collect(),
        not_before,
        not_after,
        key: key.clone(),
    };
    if let Some(fault) = knobs.certificate_fault {
        fault.spoil(&mut draft, ca.now())?;
    }
    let leaf = ca.issuer.leaf(
        &Leaf {
            names: &draft.names,
            not_before: draft.not_before,
            not_after: draft.not_after,
            high_serial: knobs.high_serials,
            crl_url: Some(&site.url("/crl")),
        },
        &draft.key,
    )?;
    let fault = knobs.certificate_fault;
    let chain = fault.and_then(|fault| fault.chain(&ca.issuer, &leaf));
    let certificate = Certificate {
        account: order.account,
        names: order.names.clone(),
        chain_pem: match &chain {
            Some(chain) => stack(chain)?,
            None => ca.issuer.chain_pem(&leaf)?,
        },
        cert_id: cert_id(&leaf)?,
        leaf,
        not_before: draft.not_before,
        not_after: draft.not_after,
        renewal: None,
        replaced_by: None,
        profile: order.profile.clone(),
        revoked: None,
    };
    let exempt = order.exempt;
    let certificate_id = state.next_id();
    if let Some(limits) = knobs.limits.filter(|_| !exempt) {
        state.meter.issued(&limits, &certificate.names, ca.now());
    }
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
