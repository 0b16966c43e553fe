//! Adding the records of one zone: in one request, else one by one.

use std::sync::atomic::Ordering;

use dns01_plugin_api::{Call, Level, Outcome, Success};

use crate::error::{Error, Reason};
use crate::records::{BATCH, Held, New, Records};
use crate::zones::Zone;

impl Records {
    /// Adds records of one zone; `settle` gets the outcome of each by its index.
    ///
    /// # Errors
    /// What ends the call: the rest is not settled.
    pub(crate) fn add(
        &self,
        call: &Call<'_>,
        zone: &Zone,
        wanted: &[New<'_>],
        mut settle: impl FnMut(usize, Outcome),
    ) -> Result<(), Error> {
        for (chunk, first) in wanted.chunks(BATCH).zip((0..).step_by(BATCH)) {
            if chunk.len() > 1
                && let Some(outcomes) = self.add_at_once(call, zone, chunk)?
            {
                for (at, outcome) in outcomes.into_iter().enumerate() {
                    settle(first + at, outcome);
                }
                continue;
            }
            for (at, new) in chunk.iter().enumerate() {
                match self.add_one(call, zone, new) {
                    Err(error) if error.ends_call() => return Err(error),
                    outcome => settle(first + at, outcome.map_err(Into::into)),
                }
            }
        }
        Ok(())
    }

    /// All of them in one request; `None` if they must go one by one.
    fn add_at_once(
        &self,
        call: &Call<'_>,
        zone: &Zone,
        wanted: &[New<'_>],
    ) -> Result<Option<Vec<Outcome>>, Error> {
        if !self.batches.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let had_comments = self.comments.load(Ordering::Relaxed);
        let mut created = self.create_all(call, zone, wanted);
        if had_comments
            && let Err(error) = &created
            && error.reason() == Some(Reason::Comment)
        {
            self.leave_comments_out(call);
            created = self.create_all(call, zone, wanted);
        }
        match created {
            Ok(held) => {
                let pairs = wanted.iter().zip(held);
                let outcomes = pairs.map(|(new, held)| Ok(self.accept(call, zone, new, held)?));
                Ok(Some(outcomes.collect()))
            }
            Err(error) if error.ends_call() => Err(error),
            Err(error) if self.may_go_better_singly(call, &error) => Ok(None),
            Err(error) => {
                let outcome: Outcome = Err(error.into());
                Ok(Some(vec![outcome; wanted.len()]))
            }
        }
    }

    fn add_one(&self, call: &Call<'_>, zone: &Zone, new: &New<'_>) -> Result<Success, Error> {
        let had_comments = self.comments.load(Ordering::Relaxed);
        match self.create(call, zone, new) {
            Ok(held) => self.accept(call, zone, new, held),
            Err(error) => match error.reason() {
                Some(Reason::Exists) => Ok(Success::unchanged()),
                Some(Reason::Comment) if had_comments => {
                    self.leave_comments_out(call);
                    let held = self.create(call, zone, new)?;
                    self.accept(call, zone, new, held)
                }
                _ => Err(error),
            },
        }
    }

    /// Takes what Cloudflare made. A name outside the zone it does not refuse: it appends the
    /// zone's.
    fn accept(&self, call: &Call<'_>, zone: &Zone, new: &New<'_>, held: Held) -> Result<Success, Error> {
        let appended = held
            .name
            .strip_prefix(new.fqdn)
            .is_some_and(|rest| rest.starts_with('.'));
        if !appended {
            // an answer in another order than asked: without handles they are found by content
            let ours = held.is_at(new.fqdn) && held.means(new.value);
            let done = Success::done();
            return Ok(if ours { done.with_handle(held.id) } else { done });
        }
        let became = match self.delete(call, zone, &held.id) {
            Ok(()) => held.name,
            Err(error) => format!("{} (remove it there: {error})", held.name),
        };
        Err(Error::WrongZone {
            zone: zone.id.clone(),
            fqdn: new.fqdn.to_owned(),
            became,
        })
    }

    /// Whether single requests can do what one for all could not. What is said of the token,
    /// the zone or the service holds for each of them.
    pub(crate) fn may_go_better_singly(&self, call: &Call<'_>, error: &Error) -> bool {
        match error.reason() {
            Some(Reason::NoRoute) => {
                self.batches.store(false, Ordering::Relaxed);
                call.log(
                    Level::Warn,
                    "the batch endpoint is refused: records are changed one by one from now on",
                );
                true
            }
            Some(
                Reason::Exists
                | Reason::Gone
                | Reason::Quota
                | Reason::Ttl
                | Reason::Comment
                | Reason::Invalid,
            ) => true,
            Some(Reason::Auth | Reason::Zone | Reason::Trouble) | None => false,
        }
    }

    fn leave_comments_out(&self, call: &Call<'_>) {
        self.comments.store(false, Ordering::Relaxed);
        call.log(
            Level::Warn,
            "the zone's plan does not take the comment: records are added without it from now on",
        );
    }
}
