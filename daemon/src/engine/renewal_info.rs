//! Asks CAs when certificates should be renewed (RFC 9773): many at once, because there are many, and each answer
//! is small.

use std::{pin::pin, sync::Arc, time::Duration};

use futures_util::{StreamExt as _, stream};
use jiff::{SignedDuration, Timestamp};
use tracing::{debug, info, warn};

use super::{Engine, World};
use crate::{
    acme::{self, Retry},
    pki::CertId,
    schedule::{Heard, RenewalInfo, Suggested, Window},
    store::{CertificateRow, Issued, Note, RenewalInfoHeard, StoreError},
    types::CertificateName,
};

/// Certificates asked about in one go; answers that are there at the same time are one transaction.
pub(super) const BATCH: usize = 256;
/// Certificates whose rows are read in one go: few enough that no row is old when its turn comes.
const READ_TOGETHER: usize = 32;
/// Requests at once. Boulder takes a thousand of these a second.
const AT_ONCE: usize = 8;
/// Until a CA that offers no renewal information is looked at again: as often as its directory is read.
const NOT_OFFERED: SignedDuration = SignedDuration::from_hours(24);
/// A renewal that comes this much earlier than was planned is news.
const NEWS: SignedDuration = SignedDuration::from_mins(5);

/// Asks about each of these certificates.
///
/// # Errors
/// When the store does not answer; the jobs are then due again.
pub(super) async fn run(
    engine: &Engine,
    world: &World,
    names: Vec<CertificateName>,
) -> Result<(), StoreError> {
    for names in names.chunks(READ_TOGETHER) {
        let rows = engine.store.certificates_of(names.to_vec()).await?;
        for name in names {
            if !rows.iter().any(|row| row.name == *name) {
                forget(engine, name).await?;
            }
        }
        let asked = stream::iter(rows).map(|row| ask(engine, world, row));
        // what is there is kept at once: a daemon that ends while another CA is slow must not ask this one again
        let mut heard = pin!(asked.buffer_unordered(AT_ONCE).ready_chunks(READ_TOGETHER));
        while let Some(heard) = heard.next().await {
            let news = heard.into_iter().filter_map(Result::transpose);
            let news = news.collect::<Result<Vec<_>, _>>()?;
            if !news.is_empty() {
                engine.store.renewal_infos(news, engine.clock.now()).await?;
            }
        }
    }
    Ok(())
}

/// There is nothing to ask about.
async fn forget(engine: &Engine, name: &CertificateName) -> Result<(), StoreError> {
    let kind = crate::store::JobKind::RenewalInfo;
    engine.store.unschedule(kind, name.to_string()).await
}

/// `None` when there is nothing to ask about any more: the job goes.
async fn ask(
    engine: &Engine,
    world: &World,
    row: CertificateRow,
) -> Result<Option<RenewalInfoHeard>, StoreError> {
    let name = row.name.clone();
    let subject = || {
        let issued = row.issued.as_ref()?;
        let info = row.renewal_info.clone()?;
        let id = CertId::kept(&info.cert_id)?;
        Some((issued, info, id))
    };
    let now = engine.clock.now();
    let Some((issued, info, id)) = subject().filter(|(issued, ..)| issued.not_after > now) else {
        forget(engine, &name).await?;
        return Ok(None);
    };
    let authority = issued.ca().and_then(|ca| world.authorities.get(ca));
    let client = match authority {
        Some(authority) => authority.client().await.ok(),
        None => None,
    };
    let answer = match client {
        Some(client) => Some(client.renewal_info(&id).await),
        None => None,
    };
    let now = engine.clock.now();
    let mut next = match answer {
        Some(Ok(answer)) => info
            .clone()
            .heard(window(answer), issued.not_after, now, engine.random.u64()),
        Some(Err(error)) if error.is_not_offered() => later(info.clone(), now),
        Some(Err(error)) => {
            debug!(cert = %name, %error, "renewal information was not had");
            info.clone().heard(fault(&error), issued.not_after, now, 0)
        }
        // its CA left the configuration
        None => later(info.clone(), now),
    };
    if next.suggested.is_none() {
        next.checked_at = info.checked_at;
    }
    let moved = moved_earlier(&row, issued, &info, &next);
    let note = moved.map(|suggested| news(&name, suggested, now));
    Ok(Some(RenewalInfoHeard {
        next_check: next.next_check(issued.not_after),
        certificate: name,
        info: next,
        note,
    }))
}

fn window(answer: acme::RenewalInfo) -> Heard {
    Heard::Window {
        window: Window {
            start: answer.start,
            end: answer.end,
        },
        explanation_url: answer.explanation_url,
        retry_after: answer.retry_after,
    }
}

/// RFC 9773 4.3.3: "Temporary errors include [...] connection timeout, 5xx. [...] Long-term errors include [...]
/// malformed objects, 404, DNS failures, refused connections".
fn fault(error: &acme::Error) -> Heard {
    let temporary = |retry_after: Option<Duration>| Heard::Temporary {
        error: error.to_string(),
        retry_after,
    };
    if let acme::Fault::Unreachable(_) = error.fault {
        let error = error.to_string();
        return Heard::Lasting { error };
    }
    match error.retry() {
        Retry::Backoff => temporary(None),
        Retry::After(wait) => temporary(Some(wait)),
        Retry::NextCycle | Retry::Never => Heard::Lasting {
            error: error.to_string(),
        },
    }
}

fn later(info: RenewalInfo, now: Timestamp) -> RenewalInfo {
    RenewalInfo {
        next_check: now.checked_add(NOT_OFFERED).unwrap_or(Timestamp::MAX),
        ..info
    }
}

/// The new suggestion, where it comes earlier than what was planned before.
fn moved_earlier<'a>(
    row: &CertificateRow,
    issued: &Issued,
    before: &RenewalInfo,
    next: &'a RenewalInfo,
) -> Option<&'a Suggested> {
    let suggested = next.suggested.as_ref()?;
    let planned = match &before.suggested {
        Some(before) if before.window == suggested.window => return None,
        Some(before) => before.renew_at,
        // the first suggestion differs from the rule by its dice alone, unless it lies before any that a rule makes
        None => issued.not_before + (issued.renew_at.duration_since(issued.not_before) / 2),
    };
    let earlier = planned.duration_since(suggested.renew_at) > NEWS;
    (earlier && row.configured).then_some(suggested)
}

fn news(name: &CertificateName, suggested: &Suggested, now: Timestamp) -> Note {
    let why = match &suggested.explanation_url {
        Some(url) => format!("; the CA explains: {url}"),
        None => String::new(),
    };
    let text = format!(
        "the CA wants it renewed earlier than planned: between {:.0} and {:.0}{why}",
        suggested.window.start, suggested.window.end
    );
    warn!(cert = %name, start = %suggested.window.start, end = %suggested.window.end, explanation_url = suggested.explanation_url, renew_at = %suggested.renew_at, "CA wants the certificate renewed earlier than planned");
    Note {
        at: now,
        kind: "moved-earlier".into(),
        text,
    }
}

/// What the queue starts for a batch.
pub(super) async fn batch(
    engine: Arc<Engine>,
    world: Arc<World>,
    names: Vec<CertificateName>,
) -> Result<(), String> {
    let count = names.len();
    let done = run(&engine, &world, names)
        .await
        .map_err(|error| error.to_string());
    info!(
        certificates = count,
        "CAs were asked when certificates should be renewed"
    );
    done
}
