//! A plugin process on trial.
//!
//! In service a plugin is reached through [`super::Instance`], which restarts, splits, paces, retries and
//! forgives. Whoever tests a plugin wants to see what it does by itself: this is one process of the same host,
//! in the same sandbox, where each message is sent when it is asked for and each answer is shown as it came.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use dns01_plugin_wire::{
    Answer, Call, Confinement, FromHost, InstanceInfo, Operation, ProviderDescription, Record, ToHost,
    TrialRules,
};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::{
    ending::{Death, Ending},
    error::CallError,
    host::{Fault, Host},
    launch::{Given, Launch, Manner, START, open},
    options::{OptionSource, OptionValue, Options},
    outcome::{Failure, RecordOutcome, record_outcome},
    output::{Leak, Spoken},
    plugins::Plugins,
    state::{self, PluginState},
};

/// `DNS01_LOG_TRACE`: a secret in a line that is usually not shown is a secret in a log.
const EVERYTHING: i32 = 5;

/// One plugin process on trial. Dropping it kills it.
#[derive(Debug)]
pub struct Trial {
    // `None` once the process has ended
    host: Option<Host>,
    provider: ProviderDescription,
    state: Arc<dyn PluginState>,
    confinement: Confinement,
    grace: Duration,
    next_id: u64,
    // of a process that has ended
    leaks: Vec<Leak>,
}

/// How long a call may take.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// What the plugin is told.
    pub timeout: Duration,
    /// When it is told to stop; at its deadline in any case.
    pub cancel_after: Option<Duration>,
}

impl Patience {
    /// Without a cancellation.
    pub fn of(timeout: Duration) -> Self {
        Patience {
            timeout,
            cancel_after: None,
        }
    }
}

/// What a call came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// One for each record in order; just one for a call without records.
    pub outcomes: Vec<RecordOutcome>,
    /// From the request to the answer.
    pub took: Duration,
    /// It was told to stop before it answered.
    pub cancelled: bool,
}

impl Trial {
    pub(super) async fn start(
        plugins: Plugins,
        options: Options,
        values: &[OptionValue],
        state: Arc<dyn PluginState>,
        rules: TrialRules,
    ) -> Result<Trial, CallError> {
        let grace = plugins.options().grace;
        let launch = Launch {
            plugins,
            options,
            source: Arc::new(Nothing),
            state: Arc::clone(&state),
        };
        let deadline = Instant::now() + START;
        let chosen = launch.choose(START, deadline).await?;
        let provider = chosen.provider.clone();
        let manner = Manner {
            trial: rules,
            log_level: EVERYTHING,
        };
        let given = Given {
            options: values.to_vec(),
            variables: Vec::new(),
        };
        let host = launch.load(chosen, &given, manner, START, deadline).await?;
        Ok(Trial {
            confinement: host.confinement.clone(),
            host: Some(host),
            provider,
            state,
            grace,
            next_id: 1,
            leaks: Vec::new(),
        })
    }

    /// What the kernel enforces on the process.
    pub fn confinement(&self) -> &Confinement {
        &self.confinement
    }

    /// Its process number, while it runs.
    pub fn process(&self) -> Option<i32> {
        self.host.as_ref().map(|host| host.process.id())
    }

    /// Secrets that it said so far, in any way.
    pub fn leaks(&self) -> Vec<Leak> {
        match &self.host {
            Some(host) => host.voice.leaks(),
            None => self.leaks.clone(),
        }
    }

    /// Opens the instance.
    ///
    /// # Errors
    /// [`CallError::Open`] when the plugin refuses, [`CallError::Died`].
    pub async fn open(&mut self, values: &[OptionValue]) -> Result<InstanceInfo, CallError> {
        let deadline = Instant::now() + START;
        let message = ToHost::Open(open(&self.provider, values, deadline));
        let opened = self.ask(&message, deadline).await;
        match self.settle(opened).await? {
            FromHost::Opened(info) => Ok(info),
            FromHost::OpenFailed(outcome) => {
                let mut failure = Failure::from_outcome(outcome);
                failure.message = self.clean(Spoken::Message, &failure.message);
                Err(CallError::Open(failure))
            }
            _ => Err(self.died(Fault::out_of_turn()).await),
        }
    }

    /// Runs one operation.
    ///
    /// # Errors
    /// [`CallError::Died`], also when it had to be killed because it did not stop in time.
    pub async fn call(
        &mut self,
        operation: Operation,
        records: &[Record],
        patience: Patience,
    ) -> Result<Reply, CallError> {
        let mut replies = self.calls(&[(operation, records)], patience).await?;
        // one answer for one call
        replies.pop().ok_or(CallError::ShutDown)
    }

    /// Sends several calls at once and waits for all of them.
    ///
    /// # Errors
    /// As [`Trial::call`].
    pub async fn calls(
        &mut self,
        calls: &[(Operation, &[Record])],
        patience: Patience,
    ) -> Result<Vec<Reply>, CallError> {
        let result = self.run(calls, patience).await;
        let answers = self.settle(result).await?;
        Ok(answers
            .into_iter()
            .map(|(answer, took, cancelled)| Reply {
                outcomes: self.outcomes(answer),
                took,
                cancelled,
            })
            .collect())
    }

    async fn run(
        &mut self,
        calls: &[(Operation, &[Record])],
        patience: Patience,
    ) -> Result<Vec<(Answer, Duration, bool)>, Fault> {
        let began = Instant::now();
        let first = self.next_id;
        for (operation, records) in calls {
            let call = ToHost::Call(Call {
                id: self.next_id,
                operation: *operation,
                attempt: 1,
                timeout_ms: u64::try_from(patience.timeout.as_millis())
                    .unwrap_or(u64::MAX)
                    .max(1),
                records: records.to_vec(),
            });
            self.next_id += 1;
            self.host()?.writer.send(&call).await?;
        }
        let stop = began
            + patience
                .cancel_after
                .unwrap_or(patience.timeout)
                .min(patience.timeout);
        let kill = stop + self.grace;
        let mut stopped = false;
        let mut answers = BTreeMap::new();
        while answers.len() < calls.len() {
            let message = tokio::select! {
                biased;
                () = sleep_until(stop), if !stopped => {
                    stopped = true;
                    for id in first..self.next_id {
                        self.host()?.writer.send(&ToHost::Cancel(id)).await?;
                    }
                    continue;
                }
                () = sleep_until(kill) => return Err(Fault::Ending(match patience.cancel_after {
                    Some(_) => Ending::Deaf,
                    None => Ending::Overrun(patience.timeout),
                })),
                message = self.hear() => message?,
            };
            let FromHost::Answer(answer) = message else {
                return Err(Fault::out_of_turn());
            };
            let asked = usize::try_from(answer.id.wrapping_sub(first))
                .ok()
                .and_then(|at| calls.get(at));
            if asked.is_none_or(|(_, records)| answer.outcomes.len() != records.len().max(1)) {
                return Err(Fault::out_of_turn());
            }
            answers.insert(answer.id, (answer, began.elapsed(), stopped));
        }
        Ok(answers.into_values().collect())
    }

    /// Closes the instance; where [`TrialRules::reopens`], it can be opened again, else the process ends.
    ///
    /// # Errors
    /// [`CallError::Died`].
    pub async fn close(&mut self) -> Result<(), CallError> {
        let deadline = Instant::now() + self.grace;
        let closed = self.ask(&ToHost::Close, deadline).await;
        match self.settle(closed).await? {
            FromHost::Closed => Ok(()),
            _ => Err(self.died(Fault::out_of_turn()).await),
        }
    }

    /// Ends the process as in service: the instance is closed first.
    pub async fn dismiss(&mut self) {
        if let Some(host) = self.host.take() {
            self.leaks = host.voice.leaks();
            host.dismiss(self.grace).await;
        }
    }

    /// Kills the process, as when memory runs out.
    pub async fn kill(&mut self) {
        if let Some(host) = self.host.take() {
            self.leaks = host.voice.leaks();
            host.process.kill();
            host.bury(Fault::Gone).await;
        }
    }

    async fn ask(&mut self, message: &ToHost, deadline: Instant) -> Result<FromHost, Fault> {
        let began = Instant::now();
        self.host()?.writer.send(message).await?;
        match timeout_at(deadline, self.hear()).await {
            Ok(message) => message,
            Err(_) => Err(Fault::Ending(Ending::Overrun(deadline - began))),
        }
    }

    /// The next message that is an answer; everything else is dealt with. May be given up and taken up again.
    async fn hear(&mut self) -> Result<FromHost, Fault> {
        loop {
            let host = self.host()?;
            let message = tokio::select! {
                biased;
                () = host.voice.flooded() => return Err(Fault::Ending(Ending::Flooded)),
                message = host.reader.next() => message?,
            };
            match message {
                FromHost::Log(log) => host.voice.hear(&log),
                FromHost::State(request) => {
                    let voice = Arc::clone(&host.voice);
                    let answer = state::answer(&*self.state, voice.speaker(), request);
                    self.host()?.writer.send(&ToHost::State(answer)).await?;
                }
                other => return Ok(other),
            }
        }
    }

    fn host(&mut self) -> Result<&mut Host, Fault> {
        self.host.as_mut().ok_or(Fault::Gone)
    }

    async fn settle<T>(&mut self, result: Result<T, Fault>) -> Result<T, CallError> {
        match result {
            Ok(value) => Ok(value),
            Err(fault) => Err(self.died(fault).await),
        }
    }

    async fn died(&mut self, fault: Fault) -> CallError {
        match self.host.take() {
            Some(host) => {
                let voice = Arc::clone(&host.voice);
                let death = host.bury(fault).await;
                self.leaks = voice.leaks();
                CallError::Died(death)
            }
            None => CallError::Died(Death {
                ending: Ending::Closed,
                last_words: Vec::new(),
            }),
        }
    }

    fn outcomes(&self, answer: Answer) -> Vec<RecordOutcome> {
        answer
            .outcomes
            .into_iter()
            .map(|mut outcome| {
                outcome.message = self.clean(Spoken::Message, &outcome.message);
                // a handle goes back to the plugin as it came
                if let Some(host) = &self.host {
                    host.voice.overhear(Spoken::Handle, &outcome.handle);
                }
                record_outcome(outcome)
            })
            .collect()
    }

    fn clean(&self, spoken: Spoken, text: &str) -> String {
        match &self.host {
            Some(host) => {
                host.voice.overhear(spoken, text);
                host.voice.clean(text)
            }
            None => text.to_owned(),
        }
    }
}

/// A trial is given its options at each opening.
#[derive(Debug)]
struct Nothing;

impl OptionSource for Nothing {
    fn read(&self) -> Result<Vec<OptionValue>, String> {
        Ok(Vec::new())
    }
}
