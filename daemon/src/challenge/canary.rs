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
use tracing::info;

use super::{
    ChallengeError, Patience, Publisher,
    publisher::{CALL_TIMEOUT, challenge_name, empty_record, takes},
};
use crate::{
    clock::Clock,
    dns::{self, Location, ServerTxt},
    plugin::RecordKind,
    random::{Random, SystemRandom},
    store::{Canary, NewRecord, Record},
    types::{CertificateName, DnsName, InstanceName},
};

/// For room at a name that holds few values: an order takes a minute or two, and comes first.
const ROOM: Duration = Duration::from_secs(120);
/// Until every server has forgotten it. One that takes longer is told of and harms nobody: the value is not used again.
const FORGET: Duration = Duration::from_secs(30);
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
    /// Servers that do not show it any more, and those that do.
    Gone {
        /// How many addresses were asked.
        asked: usize,
        /// Those that still show it, or could not be asked.
        lingering: &'a [Lingering],
    },
}

/// A server that shows a canary after its removal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lingering {
    /// What it showed, or why it could not be asked.
    pub server: ServerTxt,
}

impl std::fmt::Display for Lingering {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ServerTxt {
            server,
            address,
            values,
        } = &self.server;
        match server {
            Some(name) => write!(f, "{name} ({address})")?,
            None => write!(f, "{address}")?,
        }
        match values {
            Ok(_) => f.write_str(" still shows it"),
            Err(error) => write!(f, ": {error}"),
        }
    }
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

    /// Where records of `owner` go, as far as the configuration alone tells.
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
    /// time that it took.
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
        let began = Instant::now();
        let removed = self.take_back(&record, flight).await;
        tell(
            CanaryStep::Removed(removed.as_ref().map(|()| ())),
            began.elapsed(),
        );
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
        let published = self.publish(records, patience).await;
        let value = record.record.value.as_str();
        tell(
            CanaryStep::Published(published.as_ref().map(|()| value)),
            began.elapsed(),
        );
        published?;
        let began = Instant::now();
        let patience = match flight.propagation {
            Some(configured) => configured,
            None => dns::DEFAULT_PROPAGATION_TIMEOUT.max(self.typical_worst_case(records).await),
        };
        let seen = {
            let on_progress = |progress: dns::Progress| {
                tell(CanaryStep::Waiting(&progress), began.elapsed());
            };
            let seen = self.await_visible(records, began + patience, on_progress);
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
        let began = Instant::now();
        let end = began + FORGET;
        let [mut pause, longest] = LOOK;
        let mut shown = Vec::new();
        loop {
            if let Ok(now) = timeout_at(end, self.dns.txt(&place.location)).await {
                shown = now;
            }
            let gone = |server: &ServerTxt| {
                let values = server.values.as_ref();
                values.is_ok_and(|values| !values.contains(&record.record.value))
            };
            let asked = shown.len();
            let lingering: Vec<Lingering> = shown
                .iter()
                .filter(|server| !gone(server))
                .map(|server| Lingering {
                    server: server.clone(),
                })
                .collect();
            let is_last = Instant::now() + pause >= end;
            if lingering.is_empty() || is_last {
                tell(
                    CanaryStep::Gone {
                        asked,
                        lingering: &lingering,
                    },
                    began.elapsed(),
                );
                return;
            }
            sleep(pause).await;
            pause = (pause * 2).min(longest);
        }
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
