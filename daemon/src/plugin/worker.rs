//! The task that owns one open plugin process: it passes calls on, keeps their deadlines, and ends the
//! process when there is nothing to do or something is wrong.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use dns01_plugin_wire::{
    Answer, CONCURRENT_CALLS, Call, FrameError, FromHost, InstanceInfo, Open, Operation, Record, Sensitive,
    StateAnswer, StateRequest, ToHost, status,
};
use futures_util::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinSet,
    time::{Instant, sleep_until, timeout_at},
};
use tokio_util::sync::CancellationToken;

use super::{
    ending::Ending,
    error::CallError,
    host::{Fault, Host},
    outcome::{Failure, RecordOutcome, record_outcome},
    output::Voice,
    session::{End, Limits, QUEUE, Request},
    state::{self, PluginState},
};

mod deadlines;

/// Questions about state that are answered at a time; a plugin asks one after the other.
const QUESTIONS: usize = 8;
/// What a dead process had already sent is read within this.
const LEFTOVERS: Duration = Duration::from_millis(100);

pub struct Worker {
    host: Host,
    voice: Arc<Voice>,
    incoming: mpsc::Receiver<Request>,
    accepting: bool,
    stop: CancellationToken,
    stopping: bool,
    opening: Option<Opening>,
    info: InstanceInfo,
    waiting: VecDeque<(u64, Request)>,
    running: HashMap<u64, Running>,
    abandoned: FuturesUnordered<BoxFuture<'static, u64>>,
    questions: JoinSet<StateAnswer>,
    state: Arc<dyn PluginState>,
    limits: Limits,
    next_id: u64,
    answered: bool,
    idle_since: Instant,
    // (name, value) that `remove` has not confirmed; kept where only this process can remove them
    standing: HashSet<(String, String)>,
    pinned: Arc<AtomicBool>,
}

/// The instance is not open yet.
pub struct Opening {
    /// Hears of it.
    pub opened: oneshot::Sender<Result<InstanceInfo, CallError>>,
    /// By when.
    pub deadline: Instant,
    /// The same as a duration, for messages.
    pub timeout: Duration,
}

struct Running {
    request: Request,
    // set once it was told to stop
    kill: Option<(Instant, Ending)>,
}

/// Why the work is over.
enum Over {
    /// No work left, or told to stop.
    Done,
    /// The process is at fault.
    Fault(Fault),
}

impl From<Fault> for Over {
    fn from(fault: Fault) -> Self {
        Over::Fault(fault)
    }
}

impl From<FrameError> for Over {
    fn from(error: FrameError) -> Self {
        Over::Fault(error.into())
    }
}

impl Worker {
    pub fn new(
        host: Host,
        incoming: mpsc::Receiver<Request>,
        stop: CancellationToken,
        opening: Opening,
        state: Arc<dyn PluginState>,
        limits: Limits,
        pinned: Arc<AtomicBool>,
    ) -> Self {
        Worker {
            voice: Arc::clone(&host.voice),
            host,
            incoming,
            accepting: true,
            stop,
            stopping: false,
            opening: Some(opening),
            info: InstanceInfo::default(),
            waiting: VecDeque::new(),
            running: HashMap::new(),
            abandoned: FuturesUnordered::new(),
            questions: JoinSet::new(),
            state,
            limits,
            next_id: 1,
            answered: false,
            idle_since: Instant::now(),
            standing: HashSet::new(),
            pinned,
        }
    }

    /// Opens the instance and serves it to the end, which is told to `end`.
    pub async fn run(mut self, open: Open, end: watch::Sender<Option<End>>) {
        let mut over = match self.host.writer.send(&ToHost::Open(open)).await {
            Ok(()) => None,
            Err(error) => Some(error.into()),
        };
        let over = loop {
            match over.take() {
                Some(over) => break over,
                None => over = self.turn().await.err(),
            }
        };
        let end_state = self.finish(over).await;
        // nobody may be left to hear it
        let _ = end.send(Some(end_state));
    }

    /// Waits for one thing to happen and deals with it.
    async fn turn(&mut self) -> Result<(), Over> {
        self.dispatch().await?;
        let idle = self.opening.is_none() && self.running.is_empty() && self.waiting.is_empty();
        if idle && (self.stopping || !self.accepting) {
            return Err(Over::Done);
        }
        let moment = self.next_moment(idle);
        // time comes first: a process that talks without pause must not put off its own deadline
        tokio::select! {
            biased;
            () = sleep_until(moment.unwrap_or_else(Instant::now)), if moment.is_some() => self.tick(idle).await,
            () = self.voice.flooded() => Err(Fault::Ending(Ending::Flooded).into()),
            () = self.stop.cancelled(), if !self.stopping => self.begin_stop().await,
            Some(id) = self.abandoned.next() => self.abandon(id).await,
            message = self.host.reader.next() => self.receive(message?).await,
            () = self.host.process.ended() => {
                self.read_leftovers().await;
                Err(Fault::Gone.into())
            }
            Some(answer) = self.questions.join_next() => match answer {
                Ok(answer) => Ok(self.host.writer.send(&ToHost::State(answer)).await?),
                // the store's code panicked; the plugin's question runs into its own time limit
                Err(_) => Ok(()),
            },
            request = self.incoming.recv(), if self.accepting && self.waiting.len() < QUEUE => {
                match request {
                    Some(request) => self.accept(request),
                    None => self.accepting = false,
                }
                Ok(())
            }
        }
    }

    fn accept(&mut self, request: Request) {
        let id = self.next_id;
        self.next_id += 1;
        let abandoned = request.abandoned.clone().cancelled_owned();
        self.abandoned.push(Box::pin(async move {
            abandoned.await;
            id
        }));
        self.waiting.push_back((id, request));
    }

    /// Sends waiting calls as far as the instance takes them.
    async fn dispatch(&mut self) -> Result<(), Over> {
        let most = if self.info.concurrent {
            CONCURRENT_CALLS.min(self.limits.calls)
        } else {
            1
        };
        while self.opening.is_none() && !self.stopping && self.running.len() < most {
            let Some((id, request)) = self.waiting.pop_front() else {
                break;
            };
            let left = request.deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let _ = request.reply.send(Err(CallError::NoTime(request.timeout)));
                continue;
            }
            if request.operation == Operation::Present && !self.info.stateless_remove {
                self.standing.extend(request.records.iter().map(key));
            }
            let call = ToHost::Call(Call {
                id,
                operation: request.operation,
                attempt: 1,
                timeout_ms: u64::try_from(left.as_millis()).unwrap_or(u64::MAX).max(1),
                records: request.records.clone(),
            });
            self.running.insert(id, Running { request, kill: None });
            self.update_pin();
            self.host.writer.send(&call).await?;
        }
        Ok(())
    }

    async fn receive(&mut self, message: FromHost) -> Result<(), Over> {
        match message {
            FromHost::Log(log) => {
                self.voice.hear(&log);
                Ok(())
            }
            FromHost::Answer(answer) => self.answered(answer),
            FromHost::State(request) => self.look_up(request).await,
            FromHost::Opened(info) => {
                let opening = self.opening.take().ok_or_else(Fault::out_of_turn)?;
                self.info = info.clone();
                self.idle_since = Instant::now();
                // whoever opened it may have given up; then the handle's end ends the process
                let _ = opening.opened.send(Ok(info));
                Ok(())
            }
            FromHost::OpenFailed(outcome) => {
                let opening = self.opening.take().ok_or_else(Fault::out_of_turn)?;
                let mut failure = Failure::from_outcome(outcome);
                failure.message = self.voice.clean(&failure.message);
                let _ = opening.opened.send(Err(CallError::Open(failure)));
                Err(Over::Done)
            }
            FromHost::Confined(_) | FromHost::Loaded(_) | FromHost::Refused(_) | FromHost::Closed => {
                Err(Fault::out_of_turn().into())
            }
        }
    }

    fn answered(&mut self, answer: Answer) -> Result<(), Over> {
        let malformed = |what: &str| Over::Fault(Fault::Ending(Ending::Malformed(what.to_owned())));
        let Some(Running { request, .. }) = self.running.remove(&answer.id) else {
            return Err(malformed("an answer to no call"));
        };
        if answer.outcomes.len() != request.records.len().max(1) {
            let died = malformed("an answer with another number of records than asked");
            self.running.insert(answer.id, Running { request, kill: None });
            return Err(died);
        }
        self.answered = true;
        self.idle_since = Instant::now();
        let outcomes: Vec<RecordOutcome> = answer
            .outcomes
            .into_iter()
            .map(|outcome| self.hide_secrets(record_outcome(outcome)))
            .collect();
        if request.operation == Operation::Remove {
            for (record, outcome) in request.records.iter().zip(&outcomes) {
                if outcome.is_ok() {
                    self.standing.remove(&key(record));
                }
            }
            self.update_pin();
        }
        // the caller may have gone
        let _ = request.reply.send(Ok(outcomes));
        Ok(())
    }

    fn hide_secrets(&self, outcome: RecordOutcome) -> RecordOutcome {
        match outcome {
            Ok(mut done) => {
                done.message = self.voice.clean(&done.message);
                if self.voice.mask().finds(&done.handle) {
                    tracing::warn!(
                        provider = self.voice.speaker(),
                        "plugin put a secret into a handle, which is dropped"
                    );
                    done.handle.clear();
                }
                Ok(done)
            }
            Err(mut failure) => {
                failure.message = self.voice.clean(&failure.message);
                Err(failure)
            }
        }
    }

    async fn look_up(&mut self, request: StateRequest) -> Result<(), Over> {
        if self.questions.len() >= QUESTIONS {
            let busy = StateAnswer {
                id: request.id,
                status: status::TRANSIENT,
                value: Sensitive::default(),
            };
            return Ok(self.host.writer.send(&ToHost::State(busy)).await?);
        }
        let (state, voice) = (Arc::clone(&self.state), Arc::clone(&self.voice));
        self.questions
            .spawn_blocking(move || state::answer(&*state, voice.speaker(), request));
        Ok(())
    }

    /// Answers that were sent before the process died still count.
    async fn read_leftovers(&mut self) {
        let until = Instant::now() + LEFTOVERS;
        while let Ok(Ok(message)) = timeout_at(until, self.host.reader.next()).await {
            if self.receive(message).await.is_err() {
                break;
            }
        }
    }

    fn update_pin(&self) {
        self.pinned.store(!self.standing.is_empty(), Ordering::Release);
    }

    /// Ends the process and tells everybody who waits.
    async fn finish(self, over: Over) -> End {
        // calls that are still in the queue find another process
        drop((self.incoming, self.waiting));
        let provider = self.voice.speaker().to_owned();
        let fault = match over {
            Over::Done => {
                self.host.dismiss(self.limits.grace).await;
                if let Some(opening) = self.opening {
                    let _ = opening.opened.send(Err(CallError::ShutDown));
                }
                tracing::debug!(provider, "plugin process ended");
                return End {
                    cause: None,
                    answered: self.answered,
                    at: Instant::now(),
                };
            }
            Over::Fault(fault) => fault,
        };
        let death = self.host.bury(fault).await;
        let stderr = death.last_words.join("\n");
        tracing::warn!(provider, cause = %death, stderr, "plugin process failed");
        let cause = CallError::Died(death.clone());
        if let Some(opening) = self.opening {
            let _ = opening.opened.send(Err(cause.clone()));
        }
        for running in self.running.into_values() {
            let _ = running.request.reply.send(Err(cause.clone()));
        }
        End {
            cause: Some(cause.to_string()),
            answered: self.answered,
            at: Instant::now(),
        }
    }
}

fn key(record: &Record) -> (String, String) {
    (record.fqdn.clone(), record.value.clone())
}
