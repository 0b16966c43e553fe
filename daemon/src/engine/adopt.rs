//! What stands on disk counts, whatever the store says: a lost or damaged
//! database reissues nothing, and lost files are obtained again.

use tokio::task::spawn_blocking;
use tracing::{info, warn};

use super::{
    Certificate, Engine, World,
    ending::{IssuedBy, issued},
};
use crate::{
    deployment,
    outputs::Outputs,
    pki::Chain,
    schedule::RenewalInfo,
    store::{CertificateRow, Change, Job, JobKind, StoreError},
};

/// Compares every certificate of the store with its files.
///
/// # Errors
/// When the store does not answer.
pub(super) async fn run(engine: &Engine, world: &World, rows: &[CertificateRow]) -> Result<(), StoreError> {
    for row in rows {
        let Some(certificate) = world.certificates.get(&row.name) else {
            continue;
        };
        let outputs = Outputs::new(certificate.output.clone());
        let live = spawn_blocking(move || outputs.live()).await;
        let live = match live {
            Ok(Ok(live)) => live,
            Ok(Err(error)) => {
                warn!(cert = %row.name, error = %error, "live files are of no use");
                None
            }
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        };
        match live {
            Some(live) if row.issued.is_none() => {
                adopt(engine, certificate, row, live.generation.number, &live.chain).await?;
            }
            None if is_lost(row) => {
                warn!(cert = %row.name, directory = %certificate.output.directory.display(), "live files are gone; the certificate is obtained again");
                let now = engine.clock.now();
                engine
                    .store
                    .schedule(Job {
                        kind: JobKind::Issue,
                        subject: row.name.to_string(),
                        due: now,
                    })
                    .await?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// True when the files were there once and no work under way will bring them back.
fn is_lost(row: &CertificateRow) -> bool {
    let deploying = matches!(row.deployment, Some(deployment::State::Stored { .. }));
    row.issued.is_some() && row.issuance.is_none() && !deploying && row.failures == 0
}

async fn adopt(
    engine: &Engine,
    certificate: &Certificate,
    row: &CertificateRow,
    generation: u32,
    chain: &Chain,
) -> Result<(), StoreError> {
    let now = engine.clock.now();
    let fits = certificate
        .identifiers
        .iter()
        .all(|identifier| chain.names().contains(identifier));
    if !fits || chain.not_after() <= now {
        return Ok(());
    }
    let Some(ca) = certificate.cas.first().cloned() else {
        return Ok(());
    };
    // who issued it is not written on it: the first CA that is configured does not know a stranger's, and says so
    let by = IssuedBy { ca, account: None };
    let issued = issued(certificate, chain, generation, by, now, engine.random.u64());
    info!(cert = %row.name, serial = issued.serial, renew_at = %issued.renew_at, "certificate on disk is adopted");
    let mut change = Change::of(row.name.clone(), now);
    change.next_attempt = Some(Some(issued.renew_at));
    change.renewal_info = Some(issued.cert_id.clone().map(|id| RenewalInfo::new(id, now)));
    change.issued = Some(issued);
    if row.deployment.is_none() {
        // it is live already; whether its hook ran is not known, so it runs (again)
        let stored = deployment::Event::Stored { generation, at: now };
        let (state, _) = deployment::step(deployment::State::Nothing, stored);
        let due = state.due();
        change.deployment = Some((state, due));
    }
    engine.store.apply(change).await?;
    Ok(())
}
