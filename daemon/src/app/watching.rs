//! Somebody looks on at what the engine does to one certificate.

use std::sync::Arc;

use futures_util::{
    StreamExt as _,
    stream::{self, BoxStream},
};
use jiff::Timestamp;
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio_util::sync::CancellationToken;

use crate::{
    clock::Clock,
    control::protocol::{Outcome, Revoked, Step},
    engine::{self, Progress, Stage},
    revocation::State,
    store::{JobKind, Revocation, Store},
    types::CertificateName,
};

/// What somebody waits for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Watched {
    /// The end of a try.
    Renewal,
    /// The end of the revocation of this number; the renewal that comes before it is one of its steps.
    Revocation(i64),
}

/// Somebody who looks on.
pub(super) struct Watching {
    pub(super) events: Receiver<Progress>,
    pub(super) certificate: CertificateName,
    pub(super) watched: Watched,
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) since: Timestamp,
    pub(super) stop: CancellationToken,
}

impl Watching {
    /// What happens, to the end of what is waited for.
    pub(super) fn steps(self) -> BoxStream<'static, Step> {
        stream::unfold(Some(self), Watching::next).boxed()
    }

    async fn next(watching: Option<Watching>) -> Option<(Step, Option<Watching>)> {
        let mut watching = watching?;
        loop {
            let event = tokio::select! {
                () = watching.stop.cancelled() => return None,
                event = watching.events.recv() => event,
            };
            match event {
                Ok(progress) if progress.certificate == watching.certificate => {
                    let done = watching.done(&progress).await;
                    let ended = done.is_some();
                    let text = match done {
                        // the reason is in the outcome
                        Some(Outcome::Failed { .. }) => "this try failed".to_owned(),
                        Some(Outcome::Succeeded { .. } | Outcome::Revoked(_)) | None => progress.text,
                    };
                    let step = Step {
                        at: progress.at,
                        certificate: progress.certificate,
                        step: progress.stage.as_str().to_owned(),
                        text,
                        done,
                    };
                    return Some((step, (!ended).then_some(watching)));
                }
                // others' events, or some lost to a slow reader: the last one comes all the same
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    }

    async fn done(&self, progress: &Progress) -> Option<Outcome> {
        let outcome = progress.outcome?;
        match (self.watched, progress.stage) {
            (Watched::Renewal, Stage::Revoke) => None,
            (Watched::Renewal, _) => Some(self.outcome(outcome, &progress.text).await),
            (Watched::Revocation(id), Stage::Revoke) => Some(self.revocation(id, &progress.text).await),
            (Watched::Revocation(_), _) => match (outcome, self.outcome(outcome, &progress.text).await) {
                (
                    engine::Outcome::Failed,
                    Outcome::Failed {
                        text,
                        next_attempt_at,
                    },
                ) => Some(Outcome::Failed {
                    text: format!("{text}; the revocation waits for another certificate to be live"),
                    next_attempt_at,
                }),
                _ => None,
            },
        }
    }

    /// How a revocation stands now that a word of it was said.
    async fn revocation(&self, id: i64, text: &str) -> Outcome {
        let revocation = self.store.revocation(id).await.ok().flatten();
        let failed = |next_attempt_at| Outcome::Failed {
            text: text.to_owned(),
            next_attempt_at,
        };
        let Some(Revocation { asked, .. }) = revocation else {
            return failed(None);
        };
        let confirmed = match asked.state {
            State::Revoked { confirmed, .. } => confirmed,
            State::Confirming { .. } => None,
            State::Refused { .. } => return failed(None),
            State::Replacing | State::Revoking { .. } => return failed(self.goes_on_at(id).await),
        };
        let row = self
            .store
            .certificate(self.certificate.clone())
            .await
            .ok()
            .flatten();
        let issued = row.and_then(|row| row.issued);
        Outcome::Revoked(Revoked {
            replaced: issued.is_some_and(|issued| issued.serial != asked.serial),
            serial: asked.serial,
            reason: asked.reason,
            confirmed,
        })
    }

    async fn goes_on_at(&self, id: i64) -> Option<Timestamp> {
        let jobs = self.store.jobs(Timestamp::MAX, usize::MAX).await.ok()?;
        let job = jobs
            .into_iter()
            .find(|job| job.kind == JobKind::Revoke && job.subject == id.to_string())?;
        Some(job.due)
    }

    async fn outcome(&self, outcome: engine::Outcome, text: &str) -> Outcome {
        let row = self
            .store
            .certificate(self.certificate.clone())
            .await
            .ok()
            .flatten();
        let failed = |next_attempt_at| Outcome::Failed {
            text: text.to_owned(),
            next_attempt_at,
        };
        match (outcome, row) {
            (engine::Outcome::Succeeded, Some(row)) => match row.issued {
                Some(issued) => Outcome::Succeeded {
                    serial: issued.serial,
                    not_after: issued.not_after,
                    took: self.clock.now().duration_since(self.since).unsigned_abs(),
                },
                None => failed(row.next_attempt),
            },
            (engine::Outcome::Succeeded, None) => failed(None),
            (engine::Outcome::Failed, Some(row)) if row.last_error.is_none() => {
                failed(row.deployment.and_then(|deployment| deployment.due()))
            }
            (engine::Outcome::Failed, row) => failed(row.and_then(|row| row.next_attempt)),
        }
    }
}
