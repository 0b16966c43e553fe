//! One check at work: an open instance, the records that it publishes, and what the servers show.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::{
    ledger::{Doubt, Standing},
    stage::{CALL, Stage},
    verdict::{Seen, Trouble, failed, moot},
    view::Wanted,
};
use crate::plugin::{
    Done, InstanceInfo, Operation, Patience, Record, RecordOutcome, Reply, Trial, TrialRules,
};

/// An open instance in a process of its own.
#[derive(Debug)]
pub(super) struct Session<'s, 'a> {
    pub(super) stage: &'s mut Stage<'a>,
    pub(super) trial: Trial,
    pub(super) info: InstanceInfo,
    last_call: Option<Instant>,
}

impl<'s, 'a> Session<'s, 'a> {
    /// Opens the instance with the options that were given.
    pub(super) async fn start(stage: &'s mut Stage<'a>) -> Result<Self, Trouble> {
        let (trial, info) = open(stage, TrialRules::default()).await?;
        stage.info.get_or_insert_with(|| info.clone());
        if let Some(view) = &mut stage.view
            && info.propagation_timeout_ms > 0
        {
            view.within = view
                .within
                .max(Duration::from_millis(info.propagation_timeout_ms));
        }
        Ok(Session {
            stage,
            trial,
            info,
            last_call: None,
        })
    }

    /// Ends the process as in service and opens another.
    pub(super) async fn restart(&mut self, rules: TrialRules) -> Result<(), Trouble> {
        self.trial.dismiss().await;
        self.reopen(rules).await
    }

    /// Kills the process, as when memory runs out, and opens another.
    pub(super) async fn crash(&mut self) -> Result<(), Trouble> {
        self.trial.kill().await;
        self.reopen(TrialRules::default()).await
    }

    async fn reopen(&mut self, rules: TrialRules) -> Result<(), Trouble> {
        self.stage.overhear(&self.trial);
        let (trial, info) = open(self.stage, rules).await?;
        self.trial = trial;
        self.info = info;
        Ok(())
    }

    /// Removes what the check left, in the process that published it, then in another; ends the process.
    pub(super) async fn finish(mut self) -> Result<(), Trouble> {
        let standing = self.stage.ledger.standing();
        // a record whose removal fails here is looked for, and tried once more, by `sweep`
        for Standing { record, doubt } in &standing {
            if self.trial.process().is_none() {
                break;
            }
            if *doubt == Doubt::Refused {
                continue;
            }
            self.pace().await;
            let asked = std::slice::from_ref(record);
            let reply = self
                .trial
                .call(Operation::Remove, asked, Patience::of(CALL))
                .await;
            let removed = matches!(reply.as_ref().map(|reply| reply.outcomes.as_slice()), Ok([Ok(_)]));
            match (removed, doubt) {
                (true, Doubt::Presented) => self.stage.ledger.forget(record),
                // its word is not enough any more
                (true, _) => self.stage.ledger.doubt(asked),
                (false, _) => {}
            }
        }
        let Session { stage, trial, .. } = self;
        stage.retire(trial).await;
        stage.sweep().await;
        Ok(())
    }

    /// What the library says of itself: it is loaded by now.
    pub(super) fn describe(&self) -> Seen {
        let provider = &self.stage.provider;
        Ok(format!(
            "provider {} ({}), {} options",
            provider.id,
            provider.title,
            provider.options.len()
        ))
    }

    /// A new name to publish at; an error where only one name may be used, and it is in use.
    pub(super) fn identifier(&mut self) -> String {
        self.stage.identifier()
    }

    /// `count` records of one name.
    pub(super) fn records(&mut self, count: usize) -> Vec<Record> {
        let identifier = self.identifier();
        (0..count).map(|_| self.stage.record(&identifier)).collect()
    }

    /// How many values one name can hold, for checks that need several.
    pub(super) fn need_values(&self, count: u32) -> Result<(), Trouble> {
        match self.info.value_limit() {
            Some(limit) if limit < count => moot(format!("one name holds {limit} value here")),
            _ => Ok(()),
        }
    }

    /// Random names besides the one that was given are needed.
    pub(super) fn need_names(&self) -> Result<(), Trouble> {
        match &self.stage.options.name {
            Some(name) => moot(format!("it needs other names than {name}")),
            None => Ok(()),
        }
    }

    /// Runs an operation, in as many calls as the instance needs for so many records.
    pub(super) async fn call(
        &mut self,
        operation: Operation,
        records: &[Record],
    ) -> Result<Vec<RecordOutcome>, Trouble> {
        let mut outcomes = Vec::new();
        let most = match self.info.max_batch {
            0 => records.len(),
            most => most as usize,
        };
        for part in records.chunks(most.max(1)) {
            outcomes.extend(self.one_call(operation, part, Patience::of(CALL)).await?.outcomes);
        }
        Ok(outcomes)
    }

    /// Runs an operation in one call.
    pub(super) async fn one_call(
        &mut self,
        operation: Operation,
        records: &[Record],
        patience: Patience,
    ) -> Result<Reply, Trouble> {
        if self.stage.stop.is_cancelled() {
            return Err(Trouble::Interrupted);
        }
        self.pace().await;
        if operation == Operation::Present {
            self.stage.ledger.intend(records);
        }
        let reply = self.trial.call(operation, records, patience).await?;
        self.learn(operation, records, &reply.outcomes);
        Ok(reply)
    }

    /// Writes into the ledger what a call came to.
    pub(super) fn learn(&mut self, operation: Operation, records: &[Record], outcomes: &[RecordOutcome]) {
        match operation {
            Operation::Present => self.stage.ledger.presented(records, outcomes),
            Operation::Remove => {
                for (record, outcome) in records.iter().zip(outcomes) {
                    if outcome.is_ok() {
                        self.stage.ledger.forget(record);
                    }
                }
            }
            Operation::Sync | Operation::Check | Operation::Setup => {}
        }
    }

    /// Presents and wants success for each; the records learn their handles.
    pub(super) async fn present(&mut self, records: &mut [Record]) -> Result<Vec<Done>, Trouble> {
        let done = self.succeed(Operation::Present, records).await?;
        for (record, done) in records.iter_mut().zip(&done) {
            record.handle = done.handle.clone();
        }
        Ok(done)
    }

    /// Removes and wants success for each.
    pub(super) async fn remove(&mut self, records: &[Record]) -> Result<Vec<Done>, Trouble> {
        self.succeed(Operation::Remove, records).await
    }

    async fn succeed(&mut self, operation: Operation, records: &[Record]) -> Result<Vec<Done>, Trouble> {
        let outcomes = self.call(operation, records).await?;
        let mut done = Vec::with_capacity(outcomes.len());
        for (record, outcome) in records.iter().zip(outcomes) {
            match outcome {
                Ok(one) => done.push(one),
                Err(failure) => {
                    let what = operation.as_str();
                    return failed(format!("{what} of {} failed: {failure}", record.fqdn));
                }
            }
        }
        Ok(done)
    }

    /// Every server shows these.
    pub(super) async fn visible(&mut self, records: &[Record]) -> Result<(), Trouble> {
        self.look(records, &[]).await
    }

    /// No server shows these, where the service takes values away.
    pub(super) async fn gone(&mut self, records: &[Record]) -> Result<(), Trouble> {
        self.look(&[], records).await
    }

    /// Every server shows the ones and not the others.
    pub(super) async fn look(&mut self, present: &[Record], absent: &[Record]) -> Result<(), Trouble> {
        let absent = match self.stage.options.keeps_values {
            true => &[],
            false => absent,
        };
        let Some(view) = &mut self.stage.view else {
            return Ok(());
        };
        let mut names: Vec<&str> = present
            .iter()
            .chain(absent)
            .map(|record| record.fqdn.as_str())
            .collect();
        names.sort_unstable();
        names.dedup();
        let at = |records: &[Record], name: &str| {
            let here = records.iter().filter(|record| record.fqdn == name);
            here.map(|record| record.value.clone()).collect()
        };
        let mut looked = Ok(());
        for name in names {
            let wanted = Wanted {
                present: at(present, name),
                absent: at(absent, name),
            };
            looked = view.until(name, &wanted, &self.stage.stop).await;
            if looked.is_err() {
                break;
            }
        }
        if matches!(looked, Err(Trouble::Failed(_))) {
            self.stage.ledger.doubt(absent);
        }
        looked
    }

    /// How what was published was looked at, for reports.
    pub(super) fn seen(&self) -> &'static str {
        match self.stage.view {
            Some(_) => "seen at every authoritative server",
            None => "not looked for in DNS",
        }
    }

    /// Keeps the time between two calls that the instance asks for.
    pub(super) async fn pace(&mut self) {
        if let Some(last) = self.last_call {
            sleep_until(last + self.info.min_call_interval()).await;
        }
        self.last_call = Some(Instant::now());
    }
}

async fn open(stage: &mut Stage<'_>, rules: TrialRules) -> Result<(Trial, InstanceInfo), Trouble> {
    if stage.stop.is_cancelled() {
        return Err(Trouble::Interrupted);
    }
    let values = stage.values.clone();
    let mut trial = stage.process(rules).await?;
    match trial.open(&values).await {
        Ok(info) => Ok((trial, info)),
        Err(error) => {
            stage.overhear(&trial);
            Err(error.into())
        }
    }
}
