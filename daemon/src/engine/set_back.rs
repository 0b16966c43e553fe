//! What a clock that was ahead has planned, once it is right again: a renewal in ten years lets a certificate expire.

use jiff::{SignedDuration, Timestamp};
use tracing::warn;

use super::{Engine, queue::WATCH};
use crate::{
    schedule::renewal_moment,
    store::{CertificateRow, Change, Job, JobKind, StoreError},
};

/// Nothing but a renewal is planned further ahead: a CA's word is good for a week, and a tenth is added.
const FURTHEST: SignedDuration = SignedDuration::from_hours(8 * 24);

impl Engine {
    /// Notes the time, and plans anew where the clock was set back since the last look.
    pub(super) async fn look_at_the_clock(&self) -> Result<(), StoreError> {
        let now = self.clock.now();
        let before = std::mem::replace(&mut *self.looked_at.lock(), now);
        if before.duration_since(now) > SignedDuration::try_from(WATCH).unwrap_or_default() {
            warn!(from = %before, to = %now, "clock was set back; what was planned by it is planned anew");
            self.plan_anew(self.store.certificates().await?).await?;
        }
        Ok(())
    }

    /// Brings back what lies further ahead than anything is ever planned.
    pub(super) async fn plan_anew(&self, rows: Vec<CertificateRow>) -> Result<(), StoreError> {
        let now = self.clock.now();
        let furthest = now.checked_add(FURTHEST).unwrap_or(Timestamp::MAX);
        for row in rows {
            let end = row.issued.as_ref().map_or(furthest, |issued| issued.not_after);
            if row.next_attempt.is_some_and(|next| next > furthest.max(end)) {
                self.store.apply(self.planned_anew(row, now)).await?;
            }
        }
        for job in self.store.jobs(Timestamp::MAX, usize::MAX).await? {
            let is_short = !matches!(job.kind, JobKind::Issue | JobKind::Rollover);
            if is_short && job.due > furthest {
                self.store.schedule(Job { due: now, ..job }).await?;
            }
        }
        Ok(())
    }

    fn planned_anew(&self, row: CertificateRow, now: Timestamp) -> Change {
        let mut change = Change::of(row.name, now);
        change.hold = Some(None);
        let waits_for_its_time = row.failures == 0 && row.hold.is_none() && row.issuance.is_none();
        let moment = match row.issued.filter(|_| waits_for_its_time) {
            None => now,
            Some(mut issued) => {
                let random = self.random.u64();
                issued.renew_at = renewal_moment(issued.not_before, issued.not_after, now, random);
                let moment = issued.renew_at;
                change.issued = Some(issued);
                moment
            }
        };
        change.next_attempt = Some(Some(moment));
        change
    }
}
