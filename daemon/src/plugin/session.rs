//! One plugin process at work: the task that owns it, and the handle by which calls reach it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use dns01_plugin_wire::{InstanceInfo, Open, Operation, Record};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;

use super::{
    error::CallError,
    host::Host,
    outcome::RecordOutcome,
    state::PluginState,
    worker::{Opening, Worker},
};

/// Calls that wait for their turn; who comes later waits outside.
pub(super) const QUEUE: usize = 32;

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Without work for this long, the process ends.
    pub idle: Duration,
    /// Between the request to stop and the kill.
    pub grace: Duration,
    /// Most calls at once, if the instance takes several.
    pub calls: usize,
}

/// A handle on an open instance. When the last handle goes, the process finishes its calls and ends.
#[derive(Clone, Debug)]
pub struct Session {
    process: u32,
    requests: mpsc::Sender<Request>,
    info: Arc<InstanceInfo>,
    ended: watch::Receiver<Option<End>>,
    stop: CancellationToken,
    pinned: Arc<AtomicBool>,
}

/// How a session ended.
#[derive(Clone, Debug)]
pub struct End {
    /// `None` when it ended as it should.
    pub cause: Option<String>,
    /// It answered at least one call.
    pub answered: bool,
    /// When.
    pub at: Instant,
}

/// Why a call through a session has no outcomes.
#[derive(Debug)]
pub enum Refused {
    /// The process ended before it saw the call: a new one may take it.
    Gone,
    /// The call failed.
    Failed(CallError),
}

/// A call on its way.
#[derive(Debug)]
pub(super) struct Request {
    pub operation: Operation,
    pub records: Vec<Record>,
    /// As the caller said it, for messages.
    pub timeout: Duration,
    pub deadline: Instant,
    pub reply: oneshot::Sender<Result<Vec<RecordOutcome>, CallError>>,
    /// Cancelled when nobody waits for the reply any more.
    pub abandoned: CancellationToken,
}

impl Session {
    /// Opens the instance in a host that has loaded its library.
    ///
    /// # Errors
    /// [`CallError::Open`], [`CallError::Died`].
    pub async fn open(
        host: Host,
        open: Open,
        deadline: Instant,
        state: Arc<dyn PluginState>,
        limits: Limits,
    ) -> Result<Session, CallError> {
        let process = host.process.id().cast_unsigned();
        let (requests, incoming) = mpsc::channel(QUEUE);
        let (opened, outcome) = oneshot::channel();
        let (end, ended) = watch::channel(None);
        let stop = CancellationToken::new();
        let pinned = Arc::new(AtomicBool::new(false));
        let opening = Opening {
            opened,
            deadline,
            timeout: Duration::from_millis(open.timeout_ms),
        };
        let worker = Worker::new(
            host,
            incoming,
            stop.clone(),
            opening,
            state,
            limits,
            Arc::clone(&pinned),
        );
        // owned by the handles: it ends when they are gone, and tells `ended`
        tokio::spawn(worker.run(open, end));
        let info = outcome.await.unwrap_or(Err(CallError::ShutDown))?;
        Ok(Session {
            process,
            requests,
            info: Arc::new(info),
            ended,
            stop,
            pinned,
        })
    }

    /// Properties of the instance.
    pub fn info(&self) -> &InstanceInfo {
        &self.info
    }

    /// The number of its process.
    pub fn process(&self) -> u32 {
        self.process
    }

    /// How it ended, if it did.
    pub fn end(&self) -> Option<End> {
        self.ended.borrow().clone()
    }

    /// Records stand that only this process can remove.
    pub fn is_pinned(&self) -> bool {
        self.pinned.load(Ordering::Acquire)
    }

    /// Runs an operation. Dropping the future cancels it.
    pub async fn call(
        &self,
        operation: Operation,
        records: Vec<Record>,
        timeout: Duration,
        deadline: Instant,
    ) -> Result<Vec<RecordOutcome>, Refused> {
        let abandoned = CancellationToken::new();
        let _guard = abandoned.clone().drop_guard();
        let (reply, answer) = oneshot::channel();
        let request = Request {
            operation,
            records,
            timeout,
            deadline,
            reply,
            abandoned,
        };
        match timeout_at(deadline, self.requests.send(request)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Err(Refused::Gone),
            Err(_) => return Err(Refused::Failed(CallError::NoTime(timeout))),
        }
        match answer.await {
            Ok(result) => result.map_err(Refused::Failed),
            Err(_) => Err(Refused::Gone),
        }
    }

    /// Waits for the end, which is near once a call was refused with [`Refused::Gone`].
    pub async fn ended(mut self) {
        // an error means that the task is gone, and the process with it
        let _ = self.ended.wait_for(Option::is_some).await;
    }

    /// Cancels what runs, ends the process, and waits for its end.
    pub async fn shutdown(self) {
        self.stop.cancel();
        self.ended().await;
    }
}
