//! What all checks of one run share.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use super::{
    Finding, Leftover, Options, Report, Sandboxed,
    growth::Growth,
    ledger::{Doubt, Ledger, Standing},
    names::{self, Names},
    verdict::{Seen, Trouble},
    view::{PlaceError, View, Wanted},
};
use crate::{
    plugin::{
        CallError, Confinement, InstanceInfo, Leak, MemoryState, Operation, OptionValue, Patience,
        PluginState, Plugins, ProviderDescription, Record, Trial, TrialRules,
    },
    types::DnsName,
};

/// What one call of an ordinary check may take: as much as in service.
pub(super) const CALL: Duration = crate::plugin::DEFAULT_CALL_TIMEOUT;
/// TTL of what is published, seconds: it stands for seconds.
const TTL: u32 = 60;

/// Why nothing can be tried.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A word of `only` that names no check.
    #[error("there is no check and no group `{0}`")]
    Only(String),
    /// The zone's servers are not found.
    #[error("{0}; name the zone's servers with `--server`, or use `--no-dns` for a provider that has none")]
    Place(#[from] PlaceError),
    /// The name given is somebody else's.
    #[error("{name} holds {count} TXT values already: give a name that nothing is published at")]
    Taken {
        /// The record's name.
        name: String,
        /// How many values it has.
        count: usize,
    },
    /// The servers do not tell whether a name is free.
    #[error("no server tells what is at {name}: {why}")]
    Silent {
        /// The record's name.
        name: String,
        /// What the first one did instead.
        why: String,
    },
    /// A name outside of the zone.
    #[error("{name} is not in the zone {zone}")]
    Elsewhere {
        /// As given.
        name: DnsName,
        /// As given.
        zone: DnsName,
    },
}

/// A name and its zone, for the records of another name.
#[derive(Debug)]
struct Alias {
    owner: String,
    zone: String,
}

/// What all checks share.
#[derive(Debug)]
pub(super) struct Stage<'a> {
    pub(super) options: &'a Options,
    pub(super) plugins: Plugins,
    pub(super) provider: ProviderDescription,
    pub(super) values: Vec<OptionValue>,
    pub(super) stop: CancellationToken,
    pub(super) names: Names,
    pub(super) ledger: Ledger,
    pub(super) view: Option<View>,
    /// Of the first instance that opened.
    pub(super) info: Option<InstanceInfo>,
    /// The first opening failed, and with it everything that needs an instance.
    pub(super) does_not_open: bool,
    pub(super) leaks: Vec<Leak>,
    /// What many rounds showed, once they were run.
    pub(super) growth: Option<Result<Growth, Trouble>>,
    /// Where the one name's CNAMEs lead.
    alias: Option<Alias>,
    confinement: Option<Confinement>,
    state: Arc<dyn PluginState>,
    left: Vec<Leftover>,
    /// Removals that were confirmed, and that the servers knew nothing of.
    pub(super) hollow: usize,
}

impl<'a> Stage<'a> {
    /// Finds the zone's servers and makes sure that nobody's names are touched.
    pub(super) async fn prepare(
        options: &'a Options,
        plugins: Plugins,
        provider: ProviderDescription,
        values: Vec<OptionValue>,
        stop: CancellationToken,
    ) -> Result<Self, SetupError> {
        if let Some(word) = options.unknown() {
            return Err(SetupError::Only(word.to_owned()));
        }
        for name in options.name.iter().chain(&options.subzone) {
            if !name.is_within(&options.zone) {
                return Err(SetupError::Elsewhere {
                    name: name.clone(),
                    zone: options.zone.clone(),
                });
            }
        }
        let mut stage = Stage {
            options,
            plugins,
            provider,
            values,
            stop,
            names: Names::new(),
            ledger: Ledger::default(),
            view: options
                .dns
                .clone()
                .map(|dns| View::new(dns, options.visible_within)),
            info: None,
            does_not_open: false,
            leaks: Vec::new(),
            growth: None,
            alias: None,
            confinement: None,
            state: Arc::new(MemoryState::default()),
            left: Vec::new(),
            hollow: 0,
        };
        let identifier = stage.identifier();
        let name = names::challenge_name(&identifier);
        if let Some(view) = &mut stage.view
            && options.name.is_some()
        {
            let place = view.place(&name).await?;
            stage.alias = (!place.chain.is_empty()).then(|| Alias {
                owner: place.owner.to_string(),
                zone: names::of(&place.zone),
            });
        }
        if options.keeps_values {
            return Ok(stage);
        }
        match stage.taken(&name).await? {
            0 => Ok(stage),
            count => Err(SetupError::Taken { name, count }),
        }
    }

    /// How many values are at a name before anything is published there.
    pub(super) async fn taken(&mut self, name: &str) -> Result<usize, SetupError> {
        let Some(view) = &mut self.view else {
            return Ok(0);
        };
        let seen = view.values(name).await?;
        let mut most = None;
        let mut why = "it has no servers".to_owned();
        for server in seen {
            match server.values {
                Ok(values) => most = most.max(Some(values.len())),
                Err(error) => why = error.to_string(),
            }
        }
        most.ok_or(SetupError::Silent {
            name: name.to_owned(),
            why,
        })
    }

    /// An identifier for the next records: the one that was given, or a new one.
    pub(super) fn identifier(&mut self) -> String {
        match &self.options.name {
            Some(name) => name.to_string(),
            None => format!("{}.{}", self.names.label(), self.options.zone),
        }
    }

    /// A record for it.
    pub(super) fn record(&self, identifier: &str) -> Record {
        let least = self.info.as_ref().map_or(0, |info| info.min_ttl);
        let mut record = names::record(identifier, &names::of(&self.options.zone), TTL.max(least));
        // as in service: what is written is written where the CNAMEs lead
        if let (Some(name), Some(alias)) = (&self.options.name, &self.alias)
            && name.as_str() == identifier
        {
            record.fqdn.clone_from(&alias.owner);
            record.zone.clone_from(&alias.zone);
        }
        record
    }

    /// A process with the library loaded and no instance open.
    pub(super) async fn process(&mut self, rules: TrialRules) -> Result<Trial, CallError> {
        let trial = self
            .plugins
            .trial(
                self.options.plugin.clone(),
                &self.values,
                Arc::clone(&self.state),
                rules,
            )
            .await?;
        self.confinement = Some(trial.confinement().clone());
        Ok(trial)
    }

    /// Takes over what a process said; it ends here.
    pub(super) async fn retire(&mut self, mut trial: Trial) {
        trial.dismiss().await;
        self.overhear(&trial);
    }

    /// Takes over what a process said.
    pub(super) fn overhear(&mut self, trial: &Trial) {
        self.leaks.extend(trial.leaks());
    }

    /// True where the kernel confines files.
    pub(super) fn confinement(&self) -> Option<&Confinement> {
        self.confinement.as_ref()
    }

    /// Removes what still may stand: what an open instance could not, a new one may.
    pub(super) async fn sweep(&mut self) {
        let mut standing = Vec::new();
        for Standing { record, doubt } in self.ledger.standing() {
            let gone = match doubt {
                Doubt::Presented => false,
                Doubt::Refused => !self.is_shown(&record).await,
                Doubt::SaidGone => matches!(self.gone(&record).await, Some(Ok(()))),
            };
            if gone {
                self.ledger.forget(&record);
            } else {
                standing.push(record);
            }
        }
        let refusals = self.remove_anew(&standing).await;
        for (record, refused) in standing.iter().zip(refusals) {
            // the servers know better than an error
            let why = match self.gone(record).await {
                Some(Ok(())) => None,
                Some(Err(seen)) => Some(refused.unwrap_or(seen)),
                None => refused,
            };
            self.ledger.forget(record);
            if let Some(why) = why {
                self.left.push(Leftover {
                    name: record.fqdn.clone(),
                    value: record.value.clone(),
                    why,
                });
            }
        }
    }

    /// The refusals of a removal in a process of its own, with the handles and, where that fails, without them.
    async fn remove_anew(&mut self, records: &[Record]) -> Vec<Option<String>> {
        let mut refusals: Vec<Option<String>> = vec![Some(String::new()); records.len()];
        for with_handles in [true, false] {
            let mut asked: Vec<Record> = Vec::new();
            for (record, refused) in records.iter().zip(&refusals) {
                if refused.is_some() && (with_handles || !record.handle.is_empty()) {
                    asked.push(record.clone());
                }
            }
            if asked.is_empty() {
                break;
            }
            if !with_handles {
                asked.iter_mut().for_each(|record| record.handle.clear());
            }
            let answered = self.remove_in_new_process(&asked).await;
            let mut answers = match answered {
                Ok(answers) => answers.into_iter(),
                Err(error) => vec![Some(error.to_string()); asked.len()].into_iter(),
            };
            for (record, refused) in records.iter().zip(&mut refusals) {
                if refused.is_some() && (with_handles || !record.handle.is_empty()) {
                    *refused = answers.next().flatten();
                }
            }
        }
        refusals
    }

    async fn remove_in_new_process(&mut self, records: &[Record]) -> Result<Vec<Option<String>>, CallError> {
        let values = self.values.clone();
        let mut trial = self.process(TrialRules::default()).await?;
        let info = trial.open(&values).await?;
        let most = match info.max_batch {
            0 => records.len(),
            most => most as usize,
        };
        let mut refusals = Vec::new();
        for part in records.chunks(most.max(1)) {
            let reply = trial.call(Operation::Remove, part, Patience::of(CALL)).await?;
            let outcomes = reply.outcomes.into_iter();
            refusals.extend(outcomes.map(|outcome| outcome.err().map(|failure| failure.to_string())));
        }
        self.retire(trial).await;
        Ok(refusals)
    }

    /// Whether a server shows the record now.
    pub(super) async fn is_shown(&mut self, record: &Record) -> bool {
        let Some(view) = &mut self.view else { return false };
        // a name outside of every zone has no servers, and nothing at it
        let Ok(servers) = view.values(&record.fqdn).await else {
            return false;
        };
        let mut shown = servers.iter().filter_map(|server| server.values.as_ref().ok());
        shown.any(|values| values.contains(&record.value))
    }

    /// Whether the servers show that a record is gone; `None` where there are none to ask.
    async fn gone(&mut self, record: &Record) -> Option<Result<(), String>> {
        if self.options.keeps_values {
            return None;
        }
        let view = self.view.as_mut()?;
        // what is in nobody's zone is nowhere
        let is_alias = self
            .alias
            .as_ref()
            .is_some_and(|alias| alias.owner == record.fqdn);
        if !is_alias && !is_in(&record.fqdn, &self.options.zone) {
            return Some(Ok(()));
        }
        let wanted = Wanted {
            present: Vec::new(),
            absent: vec![record.value.clone()],
        };
        // an interrupted run waits for this one thing all the same
        let never = CancellationToken::new();
        let seen = view.until(&record.fqdn, &wanted, &never).await;
        Some(seen.map_err(|trouble| match trouble {
            Trouble::Failed(seen) | Trouble::Moot(seen) => seen,
            Trouble::Interrupted => "interrupted".to_owned(),
        }))
    }

    /// The last check.
    pub(super) async fn clean(&mut self) -> Seen {
        self.sweep().await;
        let presented = self.ledger.count();
        match self.left.as_slice() {
            [] if self.hollow > 0 => Err(Trouble::Failed(format!(
                "of {presented} records {} were still there after their removal was confirmed; they are gone now",
                self.hollow
            ))),
            [] if presented == 0 => Err(Trouble::Moot("nothing was published".to_owned())),
            [] if self.options.keeps_values => Err(Trouble::Moot(format!(
                "{presented} records were presented to a service that takes no value away"
            ))),
            [] => Ok(format!("{presented} records were presented, and none is left")),
            left => {
                let names: Vec<String> = left
                    .iter()
                    .map(|record| format!("{} \"{}\" ({})", record.name, record.value, record.why))
                    .collect();
                Err(Trouble::Failed(format!("still there: {}", names.join("; "))))
            }
        }
    }

    /// The whole of it.
    pub(super) fn report(self, findings: Vec<Finding>) -> Report {
        let sandbox = self.confinement.map(|confinement| Sandboxed {
            landlock: confinement.landlock_abi,
            seccomp: confinement.seccomp,
            missing: confinement.missing,
        });
        Report::new(self.options, Some(self.provider.id), sandbox, findings, self.left)
    }
}

fn is_in(name: &str, zone: &DnsName) -> bool {
    name.parse::<DnsName>().is_ok_and(|name| name.is_within(zone))
}
