//! Removing the records of one zone: by id where it is known, else by name and content.

use std::collections::HashMap;
use std::sync::atomic::Ordering;

use dns01_plugin_api::{Call, Outcome, Success};

use crate::error::{Error, Reason};
use crate::records::{BATCH, Held, Records};
use crate::zones::Zone;

/// A record to remove.
#[derive(Clone, Debug)]
pub(crate) struct Old<'a> {
    pub fqdn: &'a str,
    pub value: &'a str,
    /// What adding it returned, if that still counts.
    pub id: Option<&'a str>,
}

/// One record at Cloudflare that is to go.
struct Target {
    /// Index of the record it belongs to.
    at: usize,
    id: String,
    /// The id comes from a handle, and may be of a record that was made anew since.
    remembered: bool,
}

/// The outcome of the record whose targets are being worked off, one after the other: it is
/// gone when all of them are.
#[derive(Default)]
struct Merged(Option<(usize, Outcome)>);

impl Merged {
    fn add(&mut self, at: usize, outcome: Outcome, settle: &mut impl FnMut(usize, Outcome)) {
        let merged = match self.0.take() {
            Some((earlier, merged)) if earlier == at => match (merged, outcome) {
                (Err(error), _) | (_, Err(error)) => Err(error),
                (Ok(first), Ok(second)) if first == Success::unchanged() => Ok(second),
                (Ok(first), Ok(_)) => Ok(first),
            },
            other => {
                self.0 = other;
                self.settle(settle);
                outcome
            }
        };
        self.0 = Some((at, merged));
    }

    /// Not the record at hand, of which something is left.
    fn settle_before(&mut self, at: usize, settle: &mut impl FnMut(usize, Outcome)) {
        self.0.take_if(|(earlier, _)| *earlier == at);
        self.settle(settle);
    }

    fn settle(&mut self, settle: &mut impl FnMut(usize, Outcome)) {
        if let Some((at, outcome)) = self.0.take() {
            settle(at, outcome);
        }
    }
}

/// What was seen of the names in this call.
type Seen = HashMap<String, Vec<Held>>;

impl Records {
    /// Removes records of one zone; `settle` gets the outcome of each by its index.
    ///
    /// # Errors
    /// What ends the call: the rest is not settled.
    pub(crate) fn take_away(
        &self,
        call: &Call<'_>,
        zone: &Zone,
        unwanted: &[Old<'_>],
        mut settle: impl FnMut(usize, Outcome),
    ) -> Result<(), Error> {
        let mut seen = Seen::new();
        let mut targets = Vec::new();
        for (at, old) in unwanted.iter().enumerate() {
            let found = match old.id {
                Some(id) => Ok(vec![Target {
                    at,
                    id: id.to_owned(),
                    remembered: true,
                }]),
                None => self.look_for(call, zone, at, old, &mut seen),
            };
            match found {
                Ok(found) if found.is_empty() => settle(at, Ok(Success::unchanged())),
                Ok(found) => targets.extend(found),
                Err(error) if error.ends_call() => return Err(error),
                Err(error) => settle(at, Err(error.into())),
            }
        }
        let mut done = Merged::default();
        for chunk in targets.chunks(BATCH) {
            if chunk.len() > 1
                && let Some(outcome) = self.delete_at_once(call, zone, chunk).inspect_err(|_| {
                    done.settle_before(chunk[0].at, &mut settle);
                })?
            {
                for target in chunk {
                    done.add(target.at, outcome.clone(), &mut settle);
                }
                continue;
            }
            for target in chunk {
                match self.delete_one(call, zone, target, &unwanted[target.at], &mut seen) {
                    Err(error) if error.ends_call() => {
                        done.settle_before(target.at, &mut settle);
                        return Err(error);
                    }
                    outcome => done.add(target.at, outcome.map_err(Into::into), &mut settle),
                }
            }
        }
        done.settle(&mut settle);
        Ok(())
    }

    /// Every record of that name and value: there may be one with quotes and one without.
    fn look_for(
        &self,
        call: &Call<'_>,
        zone: &Zone,
        at: usize,
        old: &Old<'_>,
        seen: &mut Seen,
    ) -> Result<Vec<Target>, Error> {
        if !seen.contains_key(old.fqdn) {
            seen.insert(old.fqdn.to_owned(), self.at(call, zone, old.fqdn)?);
        }
        let held = seen.get(old.fqdn).into_iter().flatten();
        let ours = held.filter(|held| held.means(old.value)).map(|held| Target {
            at,
            id: held.id.clone(),
            remembered: false,
        });
        Ok(ours.collect())
    }

    /// All of them in one request; `None` if they must go one by one.
    fn delete_at_once(
        &self,
        call: &Call<'_>,
        zone: &Zone,
        targets: &[Target],
    ) -> Result<Option<Outcome>, Error> {
        if !self.batches.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let ids: Vec<&str> = targets.iter().map(|target| target.id.as_str()).collect();
        match self.delete_all(call, zone, &ids) {
            Ok(()) => Ok(Some(Ok(Success::done()))),
            Err(error) if error.ends_call() => Err(error),
            Err(error) if self.may_go_better_singly(call, &error) => Ok(None),
            Err(error) => Ok(Some(Err(error.into()))),
        }
    }

    fn delete_one(
        &self,
        call: &Call<'_>,
        zone: &Zone,
        target: &Target,
        old: &Old<'_>,
        seen: &mut Seen,
    ) -> Result<Success, Error> {
        match self.delete(call, zone, &target.id) {
            Ok(()) => return Ok(Success::done()),
            Err(error) if error.reason() == Some(Reason::Gone) => {}
            Err(error) => return Err(error),
        }
        if !target.remembered {
            return Ok(Success::unchanged());
        }
        // the zone was restored or moved, and its records have other ids
        let mut outcome = Success::unchanged();
        for again in self.look_for(call, zone, target.at, old, seen)? {
            match self.delete(call, zone, &again.id) {
                Ok(()) => outcome = Success::done(),
                Err(error) if error.reason() == Some(Reason::Gone) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(outcome)
    }
}
