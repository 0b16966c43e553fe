use std::{
    io,
    marker::PhantomData,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

use axum::body::Bytes;
use futures_util::{Stream, stream};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{
    Method, Request, Response,
    body::Incoming,
    client::conn::http1,
    header::{HOST, USER_AGENT},
};
use hyper_util::rt::TokioIo;
use nix::unistd::{Gid, Group};
use serde::de::DeserializeOwned;
use tokio::{net::UnixStream, time::timeout};
use tokio_util::task::AbortOnDropHandle;

use jiff::Timestamp;

use crate::{
    challenge::Task,
    engine::AccountTask,
    types::{CaName, CertificateName, DnsName, InstanceName},
};

use super::protocol::{
    Accepted, AccountInfo, CaInfo, Explanation, Fault, Names, OnlineLine, OnlineWish, PROTOCOL,
    PROTOCOL_HEADER, Plan, Prepared, Reloaded, RevokeWish, Status, Step, Version,
};

/// The status of a hundred thousand certificates fits.
const MAX_ANSWER: usize = 256 << 20;
/// A step is a sentence; what all of a look at a thousand certificates came to is one line.
const MAX_LINE: usize = 4 << 20;
/// A reload looks at every file and program that the configuration names.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// A few requests to a CA, each within its own time.
const CA_TIMEOUT: Duration = Duration::from_secs(240);
/// A provider is given two minutes for a call, after zones were looked for and its process was started.
const PREPARE_TIMEOUT: Duration = Duration::from_secs(240);

/// Asks a running daemon.
#[derive(Clone, Debug)]
pub struct Client {
    socket: PathBuf,
}

/// Why the daemon did not answer as hoped.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// There is no socket.
    #[error(
        "no daemon at {}: is dns01d running, and is this the control socket in its configuration?",
        .0.display()
    )]
    Missing(PathBuf),
    /// There is one, and nobody listens.
    #[error("no daemon listens at {}: it has ended without removing its socket; start dns01d", .0.display())]
    Dead(PathBuf),
    /// The socket's mode keeps us out.
    #[error("no permission to use {}: {}", socket.display(), who_may(group.as_deref()))]
    Permission {
        /// The socket.
        socket: PathBuf,
        /// The group that may use it.
        group: Option<String>,
    },
    /// The socket cannot be used for another reason.
    #[error("cannot connect to {}: {source}", socket.display())]
    Connect {
        /// The socket.
        socket: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Something else listens there.
    #[error("what listens at {} is not dns01d", .0.display())]
    Foreign(PathBuf),
    /// Daemon and command are of releases that do not understand each other.
    #[error(
        "the daemon speaks control protocol {theirs}, this command speaks {PROTOCOL}: use the command of the daemon's release, or restart the daemon"
    )]
    Protocol {
        /// The daemon's.
        theirs: u32,
    },
    /// The daemon says no.
    #[error("{}", .0.text)]
    Fault(Fault),
    /// The connection broke.
    #[error("the connection to the daemon broke: {0}")]
    Broken(#[from] hyper::Error),
    /// No answer came.
    #[error("the daemon did not answer within {} s; its log may tell what holds it", .0.as_secs())]
    TimedOut(Duration),
    /// The answer is no JSON of ours.
    #[error("the daemon's answer cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// The answer or a line of it has no end.
    #[error("the daemon's answer is too long")]
    TooLong,
    /// The steps ended without a last one.
    #[error("the daemon stopped before the end; what was under way goes on at its next start")]
    Unfinished,
}

fn who_may(group: Option<&str>) -> String {
    match group {
        Some(group) => format!("you must be root or in the group `{group}`"),
        None => {
            "you must be root or the daemon's user; `group` of the control socket lets others in".to_owned()
        }
    }
}

impl Client {
    /// Connects at each request.
    pub fn new(socket: impl Into<PathBuf>) -> Self {
        Client {
            socket: socket.into(),
        }
    }

    /// The daemon's release.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn version(&self) -> Result<Version, ClientError> {
        self.ask(Method::GET, "/v1/version").await
    }

    /// How everything stands.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn status(&self) -> Result<Status, ClientError> {
        self.ask(Method::GET, "/v1/status").await
    }

    /// Starts a renewal and returns at once.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn renew(&self, name: &CertificateName) -> Result<Accepted, ClientError> {
        self.ask(Method::POST, &format!("/v1/renew/{name}")).await
    }

    /// Starts a renewal, or joins the one in progress, and shows its steps. The
    /// stream ends after the step with `done`, or with an error.
    ///
    /// # Errors
    /// [`ClientError`], also as an item of the stream.
    pub async fn renew_and_wait(
        &self,
        name: &CertificateName,
    ) -> Result<impl Stream<Item = Result<Step, ClientError>> + use<>, ClientError> {
        self.steps(&format!("/v1/renew/{name}?wait=true"), Bytes::new())
            .await
    }

    /// Revokes a certificate, and shows the steps as [`Client::renew_and_wait`] does.
    ///
    /// # Errors
    /// [`ClientError`], also as an item of the stream.
    pub async fn revoke(
        &self,
        wish: &RevokeWish,
    ) -> Result<impl Stream<Item = Result<Step, ClientError>> + use<>, ClientError> {
        self.steps("/v1/revoke", Bytes::from(serde_json::to_vec(wish)?))
            .await
    }

    /// Has the daemon look at what issuances would meet. The stream ends after the line that is done, or with an
    /// error; dropping it calls canaries back.
    ///
    /// # Errors
    /// [`ClientError`], also as an item of the stream.
    pub async fn look(
        &self,
        wish: &OnlineWish,
    ) -> Result<impl Stream<Item = Result<OnlineLine, ClientError>> + use<>, ClientError> {
        self.steps("/v1/online", Bytes::from(serde_json::to_vec(wish)?))
            .await
    }

    async fn steps<L: Line>(
        &self,
        path: &str,
        body: Bytes,
    ) -> Result<impl Stream<Item = Result<L, ClientError>> + use<L>, ClientError> {
        let answer = self.send(Method::POST, path, body, ANSWER_TIMEOUT).await?;
        let lines = Lines::<L> {
            answer,
            buffer: Vec::new(),
            ended: false,
            of: PhantomData,
        };
        Ok(stream::unfold(lines, |mut lines| async move {
            let item = lines.next().await?;
            Some((item, lines))
        }))
    }

    /// Why a certificate stands as it does.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn why(&self, name: &CertificateName) -> Result<Explanation, ClientError> {
        self.ask(Method::GET, &format!("/v1/why/{name}")).await
    }

    /// What will happen until a moment; without one, what is next for each certificate.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn plan(&self, until: Option<Timestamp>) -> Result<Plan, ClientError> {
        let query = until.map_or(String::new(), |until| format!("?until={until}"));
        self.ask(Method::GET, &format!("/v1/plan{query}")).await
    }

    /// What a CA, or all of them, offers and allows.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn cas(&self, ca: Option<&CaName>) -> Result<Vec<CaInfo>, ClientError> {
        self.ask(Method::GET, &format!("/v1/cas{}", of_ca(ca))).await
    }

    /// Does something with the account at a CA, and shows it.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn account(&self, ca: Option<&CaName>, task: &AccountTask) -> Result<AccountInfo, ClientError> {
        let (task, body) = match task {
            AccountTask::Show => return self.ask(Method::GET, &format!("/v1/account{}", of_ca(ca))).await,
            AccountTask::Update => ("update", Bytes::new()),
            AccountTask::Rollover => ("rollover", Bytes::new()),
            AccountTask::Deactivate => ("deactivate", Bytes::new()),
            AccountTask::Register => ("register", Bytes::new()),
            AccountTask::Import(key) => ("import", Bytes::copy_from_slice(key.expose().as_bytes())),
        };
        let path = format!("/v1/account/{task}{}", of_ca(ca));
        let answer = self.send(Method::POST, &path, body, CA_TIMEOUT).await?;
        Ok(serde_json::from_slice(&answer.whole().await?)?)
    }

    /// Makes the daemon read its configuration again.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn reload(&self) -> Result<Reloaded, ClientError> {
        self.ask(Method::POST, "/v1/reload").await
    }

    /// Has a provider instance check names, or set up what it needs for them.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn prepare(
        &self,
        task: Task,
        instance: &InstanceName,
        names: Vec<DnsName>,
    ) -> Result<Prepared, ClientError> {
        let path = format!("/v1/providers/{instance}/{}", task.as_str());
        let body = Bytes::from(serde_json::to_vec(&Names { names })?);
        let answer = self.send(Method::POST, &path, body, PREPARE_TIMEOUT).await?;
        Ok(serde_json::from_slice(&answer.whole().await?)?)
    }

    async fn ask<A: DeserializeOwned>(&self, method: Method, path: &str) -> Result<A, ClientError> {
        let answer = self.send(method, path, Bytes::new(), ANSWER_TIMEOUT).await?;
        Ok(serde_json::from_slice(&answer.whole().await?)?)
    }

    /// Sends a request; an answer that is no success becomes an error.
    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        within: Duration,
    ) -> Result<Answer, ClientError> {
        let answer = timeout(within, self.exchange(method, path, body))
            .await
            .map_err(|_| ClientError::TimedOut(within))??;
        self.check_protocol(&answer.response)?;
        if answer.response.status().is_success() {
            return Ok(answer);
        }
        let body = answer.whole().await?;
        Err(ClientError::Fault(serde_json::from_slice(&body)?))
    }

    async fn exchange(&self, method: Method, path: &str, body: Bytes) -> Result<Answer, ClientError> {
        let stream = UnixStream::connect(&self.socket)
            .await
            .map_err(|error| self.not_connected(error))?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let driver = AbortOnDropHandle::new(tokio::spawn(async move {
            // the error reaches the one who reads the answer
            let _ = connection.await;
        }));
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, "dns01d")
            .header(USER_AGENT, concat!("dns01d/", env!("CARGO_PKG_VERSION")))
            .body(Full::new(body))
            .expect("a configured name is fit for a path, and the rest is constant");
        let response = sender.send_request(request).await?;
        Ok(Answer {
            response,
            _driver: driver,
        })
    }

    pub(super) fn not_connected(&self, source: io::Error) -> ClientError {
        let socket = self.socket.clone();
        match source.kind() {
            io::ErrorKind::NotFound => ClientError::Missing(socket),
            io::ErrorKind::ConnectionRefused => ClientError::Dead(socket),
            io::ErrorKind::PermissionDenied => ClientError::Permission {
                group: group_of(&socket),
                socket,
            },
            _ => ClientError::Connect { socket, source },
        }
    }

    fn check_protocol(&self, response: &Response<Incoming>) -> Result<(), ClientError> {
        let theirs = response
            .headers()
            .get(PROTOCOL_HEADER)
            .and_then(|value| value.to_str().ok()?.parse().ok())
            .ok_or_else(|| ClientError::Foreign(self.socket.clone()))?;
        if theirs == PROTOCOL {
            Ok(())
        } else {
            Err(ClientError::Protocol { theirs })
        }
    }
}

fn of_ca(ca: Option<&CaName>) -> String {
    ca.map_or(String::new(), |ca| format!("?ca={ca}"))
}

/// The group that may use the socket, where its mode lets one.
fn group_of(socket: &Path) -> Option<String> {
    let data = std::fs::metadata(socket).ok()?;
    if data.mode() & 0o020 == 0 {
        return None;
    }
    let group = Group::from_gid(Gid::from_raw(data.gid())).ok().flatten();
    Some(group.map_or_else(|| data.gid().to_string(), |group| group.name))
}

/// An answer, whose connection lives as long as it is read.
struct Answer {
    response: Response<Incoming>,
    _driver: AbortOnDropHandle<()>,
}

impl Answer {
    async fn whole(self) -> Result<Bytes, ClientError> {
        let body = Limited::new(self.response.into_body(), MAX_ANSWER).collect();
        match timeout(ANSWER_TIMEOUT, body).await {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(error)) => match error.downcast::<hyper::Error>() {
                Ok(error) => Err(ClientError::Broken(*error)),
                Err(error) => {
                    debug_assert!(error.is::<LengthLimitError>());
                    Err(ClientError::TooLong)
                }
            },
            Err(_) => Err(ClientError::TimedOut(ANSWER_TIMEOUT)),
        }
    }
}

/// What an answer of many lines is made of.
trait Line: DeserializeOwned {
    /// True of the last one.
    fn is_last(&self) -> bool;
}

impl Line for Step {
    fn is_last(&self) -> bool {
        self.done.is_some()
    }
}

impl Line for OnlineLine {
    fn is_last(&self) -> bool {
        matches!(self, OnlineLine::Done(_))
    }
}

/// Cuts the answer into lines as they come.
struct Lines<L> {
    answer: Answer,
    buffer: Vec<u8>,
    ended: bool,
    of: PhantomData<L>,
}

impl<L: Line> Lines<L> {
    async fn next(&mut self) -> Option<Result<L, ClientError>> {
        if self.ended {
            return None;
        }
        let line = self.read().await;
        self.ended = line.as_ref().map_or(true, Line::is_last);
        Some(line)
    }

    async fn read(&mut self) -> Result<L, ClientError> {
        loop {
            if let Some(end) = self.buffer.iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                return Ok(serde_json::from_slice(&line)?);
            }
            if self.buffer.len() > MAX_LINE {
                return Err(ClientError::TooLong);
            }
            match self.answer.response.frame().await {
                Some(Ok(frame)) => {
                    if let Some(data) = frame.data_ref() {
                        self.buffer.extend_from_slice(data);
                    }
                }
                // on one machine a connection breaks only with its daemon
                Some(Err(_)) | None => return Err(ClientError::Unfinished),
            }
        }
    }
}
