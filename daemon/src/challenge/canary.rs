//! Canaries: records that prove nothing and show that the way of those that do is open.
//!
//! A canary goes the way of a challenge record, to the same name, through the same provider, is waited for in the
//! same manner and removed; the CA hears nothing of it. Its value is made as that of a challenge, so that whatever
//! computes or checks such values on its way takes it.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use openssl::sha::sha256;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

use super::{
    ChallengeError, Deadline, Patience, Publisher,
    publisher::{CALL_TIMEOUT, challenge_name, empty_record, takes},
};
use crate::{
    clock::Clock,
    dns::{self, Location, ServerTxt},
    plugin::{FailureClass, InstanceInfo, RecordKind},
    random::{Random, SystemRandom},
    store::{Canary, NewRecord, Record, RecordRemoval},
    types::{CertificateName, DnsName, InstanceName},
};

/// For room at a name that holds few values: an order takes a minute or two, and comes first.
const ROOM: Duration = Duration::from_secs(120);
/// Until every server has forgotten it. One that takes longer is told of and harms nobody: the value is not used again.
const FORGET: Duration = Duration::from_secs(30);
/// A process that starts, and a library that is loaded; some read their credentials over the network.
const OPEN: Duration = Duration::from_secs(60);
/// Between two looks whether it is gone: the first, and the longest.
const LOOK: [Duration; 2] = [Duration::from_millis(20), Duration::from_secs(2)];

/// Where a canary goes, and through whom.
#[derive(Clone, Debug)]
pub struct CanaryPlace {
    /// The name that would be proved.
    pub identifier: DnsName,
    /// Where its records go.
    pub location: Location,
    /// Who writes them.
    pub instance: InstanceName,
}

/// How a canary is sent.
#[derive(Clone, Copy, Debug)]
pub struct Flight<'a> {
    /// A certificate that the name belongs to.
    pub certificate: &'a CertificateName,
    /// How long all servers may take to show it; `None` for what its provider knows, and the default at least.
    pub propagation: Option<Duration>,
    /// For the journal.
    pub clock: &'a dyn Clock,
    /// Calls it back: it is removed at once.
    pub stop: &'a CancellationToken,
}

/// What became of a canary so far.
#[derive(Debug)]
pub enum CanaryStep<'a> {
    /// The provider took it, or did not.
    Published(Result<&'a str, &'a ChallengeError>),
    /// Servers do not show it yet.
    Waiting(&'a dns::Progress),
    /// Every server showed it, or some did not in time.
    Seen(Result<&'a dns::Report, &'a ChallengeError>),
    /// The provider removed it, or did not.
    Removed(Result<(), &'a ChallengeError>),
    /// What servers showed at the last look after its removal.
    Gone {
        /// Those that still show it.
        lingering: Vec<&'a ServerTxt>,
        /// Those that could not be asked.
        silent: Vec<&'a ServerTxt>,
        /// How many do not show it any more.
        gone: usize,
    },
}

impl Publisher {
    /// Where a canary of a name goes; nothing is written.
    ///
    /// # Errors
    /// When the zone cannot be found, or no provider serves it.
    pub async fn canary_place(
        &self,
        identifier: &DnsName,
        prefix: &str,
    ) -> Result<CanaryPlace, ChallengeError> {
        let (location, instance) = self.whereabouts(identifier, prefix).await?;
        Ok(CanaryPlace {
            identifier: identifier.clone(),
            instance: instance.clone(),
            location,
        })
    }

    /// What an instance says of itself once it is open: its plugin was loaded and has accepted its options.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub async fn open(&self, instance: &InstanceName) -> Result<InstanceInfo, ChallengeError> {
        self.info(instance, OPEN).await
    }

    /// Who writes records of `owner`, as far as the configuration alone tells.
    pub fn serving(&self, owner: &DnsName) -> Option<&InstanceName> {
        self.routes.instance(owner)
    }

    /// The location of a name's challenge records.
    ///
    /// # Errors
    /// When the zone cannot be found.
    pub async fn locate(&self, identifier: &DnsName, prefix: &str) -> Result<Location, ChallengeError> {
        Ok(self.dns.locate(&challenge_name(identifier, prefix)?).await?)
    }

    /// True while records of an order may stand at the name.
    ///
    /// # Errors
    /// When the journal does not answer.
    pub async fn is_taken(&self, place: &CanaryPlace) -> Result<bool, ChallengeError> {
        let (instance, owner) = (place.instance.clone(), place.location.owner.clone());
        let rows = self.store.records_at(instance, owner).await?;
        Ok(rows
            .iter()
            .any(|row| row.canary.is_none() && !row.record.standing && row.attempts == 0))
    }

    /// Publishes a canary, sees it at every server, removes it and sees it gone. `tell` hears of each step and of the
    /// time that it took; of nothing more after a provider has said no, because nothing was published then.
    ///
    /// It is in the journal before it is published. Whatever ends this future, the journal has it removed: at the
    /// next start of the daemon at the latest.
    ///
    /// # Errors
    /// What failed first. A server that still shows it after its removal is no failure.
    pub async fn canary(
        &self,
        place: &CanaryPlace,
        flight: Flight<'_>,
        mut tell: impl FnMut(CanaryStep<'_>, Duration) + Send,
    ) -> Result<(), ChallengeError> {
        let began = Instant::now();
        let entered = self.enter(place, flight).await;
        let record = match entered {
            Ok(record) => record,
            Err(error) => {
                tell(CanaryStep::Published(Err(&error)), began.elapsed());
                return Err(error);
            }
        };
        let mut failure = self.show(&record, flight, began, &mut tell).await.err();
        if let Some(error) = failure.as_ref().filter(|error| is_unwritten(error)) {
            debug!(owner = %record.record.owner, %error, "canary was not published");
            self.forget(&record, flight).await?;
            return failure.map_or(Ok(()), Err);
        }
        let began = Instant::now();
        let removed = self.take_back(&record, flight).await;
        tell(CanaryStep::Removed(removed.as_ref().copied()), began.elapsed());
        match removed {
            Ok(()) if !flight.stop.is_cancelled() => self.see_gone(place, &record, &mut tell).await,
            Ok(()) => {}
            Err(error) => {
                failure.get_or_insert(error);
            }
        }
        failure.map_or(Ok(()), Err)
    }

    /// Into the journal, as the provider understands it.
    async fn enter(&self, place: &CanaryPlace, flight: Flight<'_>) -> Result<Record, ChallengeError> {
        let info = self.info(&place.instance, CALL_TIMEOUT).await?;
        let canary = match takes(&info, RecordKind::Canary) {
            true => Canary::Told,
            false => Canary::AsChallenge,
        };
        let CanaryPlace {
            identifier,
            location,
            instance,
        } = place;
        let new = synthetic(empty_record(identifier, instance, location.clone()));
        let entered = self
            .store
            .begin_canary(flight.certificate.clone(), new, canary, flight.clock.now());
        Ok(entered.await?)
    }

    async fn show(
        &self,
        record: &Record,
        flight: Flight<'_>,
        began: Instant,
        tell: &mut (impl FnMut(CanaryStep<'_>, Duration) + Send),
    ) -> Result<(), ChallengeError> {
        let records = std::slice::from_ref(record);
        let patience = Patience {
            room: began + ROOM,
            end: began + CALL_TIMEOUT,
        };
        let published = self.publish(records, patience, &self.on_the_way()).await;
        let value = record.record.value.as_str();
        tell(
            CanaryStep::Published(published.as_ref().map(|()| value)),
            began.elapsed(),
        );
        published?;
        let began = Instant::now();
        let usual = dns::DEFAULT_PROPAGATION_TIMEOUT.max(self.typical_worst_case(records).await);
        let deadline = Deadline::of(flight.propagation, usual);
        let seen = {
            let on_progress = |progress: dns::Progress| {
                tell(CanaryStep::Waiting(&progress), began.elapsed());
            };
            let seen = self.await_visible(records, deadline, on_progress);
            tokio::select! {
                seen = seen => seen,
                () = flight.stop.cancelled() => Err(ChallengeError::CalledBack {
                    owner: record.record.owner.clone(),
                }),
            }
        };
        tell(CanaryStep::Seen(seen.as_ref()), began.elapsed());
        seen.map(|_| ())
    }

    /// Out of the journal, without a word to the provider.
    async fn forget(&self, record: &Record, flight: Flight<'_>) -> Result<(), ChallengeError> {
        let now = flight.clock.now();
        self.store.end_canaries(Some(record.id), now).await?;
        let instance = record.record.instance.clone();
        let outcomes = vec![(record.id, RecordRemoval::Gone)];
        self.store.records_removed(instance, outcomes, now).await?;
        self.owners.gone.notify_waiters();
        Ok(())
    }

    async fn take_back(&self, record: &Record, flight: Flight<'_>) -> Result<(), ChallengeError> {
        let now = flight.clock.now();
        self.store.end_canaries(Some(record.id), now).await?;
        let NewRecord {
            instance,
            owner,
            value,
            ..
        } = &record.record;
        // with whatever else is due there; a sweep of the queue may come first, which is as good
        self.clean_up(instance, now).await?;
        let rows = self.store.records_at(instance.clone(), owner.clone()).await?;
        match rows.into_iter().find(|row| row.id == record.id) {
            None => {
                info!(%owner, provider = %instance, "canary was published and removed");
                Ok(())
            }
            Some(row) => Err(ChallengeError::NotRemoved {
                instance: instance.clone(),
                owner: owner.clone(),
                value: value.clone(),
                why: row.last_error.unwrap_or_else(|| "it was not tried".into()),
                next: "the daemon tries again by itself, `dns01d status` shows it",
            }),
        }
    }

    async fn see_gone(
        &self,
        place: &CanaryPlace,
        record: &Record,
        tell: &mut (impl FnMut(CanaryStep<'_>, Duration) + Send),
    ) {
        // nobody is asked
        if place.location.visibility.is_indirect() {
            return;
        }
        let began = Instant::now();
        let end = began + FORGET;
        let [mut pause, longest] = LOOK;
        let mut shown = Vec::new();
        loop {
            if let Ok(now) = timeout_at(end, self.dns.txt(&place.location)).await {
                shown = now;
            }
            let (answered, silent): (Vec<_>, Vec<_>) = shown.iter().partition(|server| server.values.is_ok());
            let lingering: Vec<&ServerTxt> = answered
                .iter()
                .filter(|server| {
                    let values = server.values.as_ref();
                    values.is_ok_and(|values| values.contains(&record.record.value))
                })
                .copied()
                .collect();
            // a server that cannot be asked was not seen before either, or is told of
            let is_gone = lingering.is_empty() && !answered.is_empty();
            if is_gone || Instant::now() + pause >= end {
                let gone = answered.len() - lingering.len();
                let step = CanaryStep::Gone {
                    lingering,
                    silent,
                    gone,
                };
                tell(step, began.elapsed());
                return;
            }
            sleep(pause).await;
            pause = (pause * 2).min(longest);
        }
    }
}

/// True when nothing can have been published: the provider was not called, or has said no for good. What has another
/// outcome is removed as if it stood.
fn is_unwritten(error: &ChallengeError) -> bool {
    match error {
        ChallengeError::Kind { .. }
        | ChallengeError::NoRoom { .. }
        | ChallengeError::NoInstance(_)
        | ChallengeError::Withdrawn { .. } => true,
        ChallengeError::Call { source, .. } => source.untouched(),
        ChallengeError::Record { failure, .. } => matches!(
            failure.class,
            FailureClass::Auth
                | FailureClass::ZoneNotFound
                | FailureClass::Config
                | FailureClass::Unsupported
        ),
        _ => false,
    }
}

/// With a value that an account would publish for a token of a CA (RFC 8555 8.4), if there were either.
fn synthetic(record: NewRecord) -> NewRecord {
    let random = || {
        let words: [u64; 4] = std::array::from_fn(|_| SystemRandom.u64());
        words.map(u64::to_ne_bytes).concat()
    };
    let token = URL_SAFE_NO_PAD.encode(random());
    let thumbprint = URL_SAFE_NO_PAD.encode(sha256(&random()));
    let key_authorization = format!("{token}.{thumbprint}");
    NewRecord {
        value: URL_SAFE_NO_PAD.encode(sha256(key_authorization.as_bytes())),
        token,
        key_authorization,
        ..record
    }
}
