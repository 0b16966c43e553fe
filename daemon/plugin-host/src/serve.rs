//! The conversation with the daemon, and the threads that calls run on.
//!
//! The main thread reads frames, so that a cancellation arrives while a call runs. The library is loaded,
//! opened and (unless it allows overlapping calls) called on one thread of its own with a full stack.

use std::{
    convert::Infallible,
    io::{self, IoSliceMut},
    mem::MaybeUninit,
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixStream,
    },
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    },
};

use dns01_plugin_wire::{
    Answer, Call, FrameError, FromHost, Greeting, HEADER, LoadFault, Open, PROTOCOL, Start, ToHost,
    body_length, decode, read, write,
};
use parking_lot::Mutex;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use zeroize::Zeroizing;

use crate::{
    calls::Calls,
    confine::{Refused, Run, confine, exit_now, isolate},
    link::Link,
    load::{ActiveCall, OPENING, OpenPlugin, Plugin, Services},
    pool::Pool,
};

/// ABI rule T2 promises 8 MiB; the rest is the frames below the plugin's and thread-local storage.
pub(crate) const STACK: usize = (8 << 20) + (256 << 10);
/// Exit status after a bug of this program, so that the daemon's report can tell it from the plugin's.
pub(crate) const BUG: i32 = 70;

/// Why this process ends before it serves.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something forbids what any process may do.
    #[error("this process cannot be isolated: {0}")]
    Isolation(#[from] Refused),
    /// The other end is not our daemon.
    #[error(
        "the daemon speaks plugin protocol {} (version {}), this host {PROTOCOL} (version {}): \
         install both from one package and restart dns01d",
        .0.protocol, .0.version, dns01_plugin_wire::VERSION
    )]
    Greeting(Greeting),
    /// The conversation broke off.
    #[error("{0}")]
    Frame(#[from] FrameError),
    /// Something else than `Start` came first.
    #[error("the daemon did not begin with a start message")]
    Order,
    /// No threads to give.
    #[error("a thread cannot be started: {0}")]
    Thread(io::Error),
}

/// Runs until the daemon closes the conversation; the process ends from within.
///
/// # Errors
/// What went wrong before there was anybody to tell.
pub fn run(run: Run) -> Result<Infallible, Error> {
    std::panic::set_hook(Box::new(|panic| {
        eprintln!("dns01-plugin-host: bug: {panic}");
        exit_now(BUG);
    }));
    let mut socket = isolate()?;
    let (greeting, library) = receive_greeting(&mut socket)?;
    write(&mut socket, &Greeting::ours())?;
    if greeting.protocol != PROTOCOL {
        return Err(Error::Greeting(greeting));
    }
    let ToHost::Start(start) = read(&mut socket)? else {
        return Err(Error::Order);
    };
    let Some(library) = library else {
        let what = "no library came with the greeting".to_owned();
        write(&mut socket, &FromHost::Refused(LoadFault::Descriptor { what }))?;
        exit_now(0);
    };

    // nothing of the plugin may run, and no thread may start, before this
    let (confinement, programs) = confine(run, &start, library.as_fd());
    if start.strict && !confinement.missing.is_empty() {
        let fault = LoadFault::Unconfined {
            missing: confinement.missing,
        };
        write(&mut socket, &FromHost::Refused(fault))?;
        exit_now(0);
    }
    write(&mut socket, &FromHost::Confined(confinement))?;

    let link = Link::start(socket.try_clone().map_err(Error::Thread)?).map_err(Error::Thread)?;
    let calls = Arc::new(Calls::new(programs));
    let pool = SharedPool::default();
    let jobs = start_plugin_thread(
        library,
        link.clone(),
        &start,
        Arc::clone(&calls),
        Arc::clone(&pool),
    )?;
    listen(socket, &link, &jobs, &calls, &pool)
}

/// What the plugin's thread is asked to do.
enum Job {
    Open(Open),
    Call(Call, Arc<ActiveCall>),
    Close,
}

/// Where the calls of an instance go that allows them to overlap; `None` while there is no such instance.
type SharedPool = Arc<Mutex<Option<Pool>>>;

/// Reads frames until the daemon goes.
fn listen(
    mut socket: UnixStream,
    link: &Link,
    jobs: &Sender<Job>,
    calls: &Arc<Calls>,
    pool: &SharedPool,
) -> Result<Infallible, Error> {
    loop {
        let job = match read(&mut socket) {
            Ok(ToHost::Open(open)) => Job::Open(open),
            Ok(ToHost::Call(call)) => {
                let active = calls.begin(call.id);
                match &mut *pool.lock() {
                    Some(pool) => {
                        pool.run(call, active);
                        continue;
                    }
                    None => Job::Call(call, active),
                }
            }
            Ok(ToHost::Cancel(id)) => {
                calls.cancel(id);
                continue;
            }
            Ok(ToHost::State(answer)) => {
                link.answered(answer);
                continue;
            }
            Ok(ToHost::Close) => Job::Close,
            Ok(ToHost::Start(_)) => return Err(Error::Order),
            // the daemon is gone, or has what it wanted
            Err(FrameError::Closed) => exit_now(0),
            Err(error) => return Err(error.into()),
        };
        // the plugin's thread ends only with the process
        let _ = jobs.send(job);
    }
}

fn start_plugin_thread(
    library: OwnedFd,
    link: Link,
    start: &Start,
    calls: Arc<Calls>,
    pool: SharedPool,
) -> Result<Sender<Job>, Error> {
    let (jobs, waiting) = channel();
    let services = Services::start(link.clone(), start.log_level, start.trial.structs);
    let reopens = start.trial.reopens;
    let desk = Desk { link, calls };
    std::thread::Builder::new()
        .name("plugin".to_owned())
        .stack_size(STACK)
        .spawn(move || match Plugin::load(library.as_fd(), services) {
            Ok(plugin) => {
                desk.link.send(FromHost::Loaded(plugin.description().clone()));
                let plugin = Arc::new(plugin);
                loop {
                    serve(&plugin, &desk, &waiting, &pool);
                    if !reopens {
                        desk.link.flush();
                        exit_now(0);
                    }
                    desk.link.send(FromHost::Closed);
                }
            }
            Err(fault) => {
                desk.link.send(FromHost::Refused(fault));
                desk.link.flush();
                exit_now(0);
            }
        })
        .map_err(Error::Thread)?;
    Ok(jobs)
}

/// Where the answers go.
#[derive(Clone)]
pub(crate) struct Desk {
    link: Link,
    calls: Arc<Calls>,
}

impl Desk {
    /// Calls that were received and not answered yet.
    pub(crate) fn running(&self) -> usize {
        self.calls.running()
    }

    /// Runs a call and sends its answer.
    pub(crate) fn run(&self, plugin: &OpenPlugin, call: &Call, active: Arc<ActiveCall>) {
        let outcomes = plugin.call(call, active);
        self.calls.end(call.id);
        self.link.send(FromHost::Answer(Answer {
            id: call.id,
            outcomes,
        }));
    }
}

/// Opens an instance and serves it until it is to be closed.
fn serve(plugin: &Arc<Plugin>, desk: &Desk, jobs: &Receiver<Job>, pool: &SharedPool) {
    let opened = loop {
        match jobs.recv() {
            Ok(Job::Open(open)) => {
                let opened = plugin.open(&open, Arc::new(ActiveCall::new(OPENING)));
                match opened.and_then(|plugin| Ok((plugin.info()?, plugin))) {
                    Ok(opened) => break opened,
                    // the daemon closes the connection when it has read that
                    Err(outcome) => desk.link.send(FromHost::OpenFailed(outcome)),
                }
            }
            Ok(Job::Call(..)) => {}
            Ok(Job::Close) | Err(_) => exit_now(0),
        }
    };
    let (info, plugin) = opened;
    let plugin = Arc::new(plugin);
    if info.concurrent {
        *pool.lock() = Some(Pool::new(Arc::clone(&plugin), desk.clone()));
    }
    // before this the daemon sends no call
    desk.link.send(FromHost::Opened(info));
    while let Ok(job) = jobs.recv() {
        match job {
            Job::Call(call, active) => desk.run(&plugin, &call, active),
            Job::Open(_) => {}
            Job::Close => {
                let pool = pool.lock().take();
                if let Some(pool) = pool {
                    pool.finish();
                }
                plugin.close();
                return;
            }
        }
    }
    exit_now(0);
}

/// The first frame, and the library that comes with it.
fn receive_greeting(socket: &mut UnixStream) -> Result<(Greeting, Option<OwnedFd>), FrameError> {
    let mut header = [0; HEADER];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received = recvmsg(
        &*socket,
        &mut [IoSliceMut::new(&mut header)],
        &mut control,
        RecvFlags::CMSG_CLOEXEC | RecvFlags::WAITALL,
    )
    .map_err(io::Error::from)?;
    match received.bytes {
        HEADER => {}
        0 => return Err(FrameError::Closed),
        _ => return Err(FrameError::Truncated),
    }
    let mut library = None;
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(files) = message {
            library = files.last();
        }
    }
    let mut body = Zeroizing::new(vec![0; body_length(header)?]);
    io::Read::read_exact(socket, &mut body)?;
    Ok((decode(&body)?, library))
}
