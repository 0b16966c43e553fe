//! A complete provider in Rust, for the host that `tinyhost.py` plays: typed options, a secret, state kept by
//! dns01d, whole batches in one request, handles, error classes, cancellation.
//!
//! `cargo build --release` of a crate with `crate-type = ["cdylib"]` makes the plugin. It speaks plain HTTP
//! with the standard library to stay one file; a real one uses a TLS client and gives it the same limits.
#![forbid(unsafe_code)]

use std::fmt;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use dns01_plugin_api::{
    Batch, Call, Class, Description, Error, Host, Info, Limit, Opt, OptionSpec, Options, Outcome, Provider,
    Record, Secret, Success, export_provider,
};

// ------------------------------------------------------------------- options

const ENDPOINT: Opt<String> = Opt::required("endpoint", "address and port of the API: 127.0.0.1:8053");
const TOKEN: Opt<Option<Secret>> =
    Opt::optional("token", "API token; without it: the account made by set-up");
const TIMEOUT: Opt<Duration> = Opt::with_default("timeout", "10000", "limit of one request");
/// The host shows these to operators, checks the configuration by them, and keeps the secret masked.
const OPTIONS: &[OptionSpec] = &[ENDPOINT.spec(), TOKEN.spec(), TIMEOUT.spec()];

/// Where dns01d keeps the token of the account that `setup` registered.
const ACCOUNT: &str = "account";
/// Most records in one request: a limit of the API.
const MAX_BATCH: u32 = 50;
/// A cancellation must be noticed within two seconds; waits for an answer are cut into pieces of this.
const SLICE: Duration = Duration::from_millis(250);
/// Connecting and sending cannot be cut into pieces.
const WHOLE: Duration = Duration::from_millis(1500);
/// No answer of this API is longer.
const MAX_ANSWER: usize = 64 << 10;

// ------------------------------------------------------------------ provider

/// One open instance. Nothing in it changes, so calls may overlap.
pub struct Instance {
    host: Host,
    endpoint: SocketAddr,
    token: Option<Secret>,
    timeout: Duration,
}

impl Provider for Instance {
    const DESCRIPTION: Description = Description::new("tinyhost", "TinyHost, of the examples", OPTIONS);

    fn open(host: Host, _call: &Call<'_>, options: &Options) -> Result<Self, Error> {
        let endpoint = options.read(&ENDPOINT)?;
        let token = options.read(&TOKEN)?;
        if token
            .as_ref()
            .is_some_and(|token| !token.reveal().bytes().all(|c| c.is_ascii_graphic()))
        {
            return Err(Error::config(
                "option `token` holds a space or a control character",
            ));
        }
        let timeout = options.read(&TIMEOUT)?;
        if timeout.is_zero() {
            return Err(Error::config("option `timeout` must be more than 0"));
        }
        Ok(Self {
            host,
            endpoint: endpoint.parse().map_err(|_| {
                Error::config(format!(
                    "option `endpoint` is not an address and a port: `{endpoint}`"
                ))
            })?,
            token,
            timeout,
        })
    }

    fn info(&self) -> Info {
        Info {
            concurrent: true,
            // a record can be found by its name and value
            stateless_remove: true,
            cancels: true,
            max_batch: MAX_BATCH,
            ..Info::default()
        }
    }

    fn present(&self, call: &Call<'_>, batch: &mut Batch<'_>) -> Result<(), Error> {
        let line = |record: &Record<'_>| format!("{} {} {}", record.fqdn, record.ttl, record.value);
        self.each(call, batch, "/add", line, |answer| match answer.code {
            201 => Ok(Success::done().with_handle(&answer.words)),
            200 => Ok(Success::unchanged().with_handle(&answer.words)),
            _ => Err(answer.fault()),
        })
    }

    fn remove(&self, call: &Call<'_>, batch: &mut Batch<'_>) -> Result<(), Error> {
        // a handle may be lost in a crash: then by name and value
        let line = |record: &Record<'_>| match record.handle {
            "" => format!("{} {}", record.fqdn, record.value),
            id => id.to_owned(),
        };
        self.each(call, batch, "/remove", line, |answer| match answer.code {
            200 => Ok(Success::done()),
            404 => Ok(Success::unchanged()),
            _ => Err(answer.fault()),
        })
    }

    fn check(&self, call: &Call<'_>, batch: &mut Batch<'_>) -> Result<(), Error> {
        let line = |record: &Record<'_>| record.fqdn.to_owned();
        self.each(call, batch, "/check", line, |answer| match answer.code {
            200 => Ok(Success::unchanged().with_message(format!("in zone {}", answer.words))),
            _ => Err(answer.fault()),
        })
    }

    fn setup(&self, call: &Call<'_>, batch: &mut Batch<'_>) -> Result<(), Error> {
        let message = if self.token.is_some() {
            "nothing to do: option `token` is set"
        } else if self.host.state_get(ACCOUNT)?.is_some() {
            "nothing to do: there is an account"
        } else {
            let token = self.post(call, "/register", None, "")?;
            self.host.state_put(ACCOUNT, token.trim().as_bytes())?;
            "an account was registered"
        };
        batch.settle_rest(&Ok(Success::done().with_message(message)));
        Ok(())
    }
}

export_provider!(Instance);

impl Instance {
    /// Sends a line for each record in one request, and settles each by its line of the answer. An `Err` is
    /// the outcome of all that are not settled.
    fn each(
        &self,
        call: &Call<'_>,
        batch: &mut Batch<'_>,
        path: &str,
        line: impl Fn(&Record<'_>) -> String,
        outcome: impl Fn(Answer) -> Outcome,
    ) -> Result<(), Error> {
        let lines: Vec<String> = batch.records().iter().map(line).collect();
        let answer = self.post(call, path, Some(&self.token()?), &lines.join("\n"))?;
        let mut answers = answer.lines();
        for at in 0..lines.len() {
            let answer = answers.next().and_then(Answer::parse);
            let answer = answer.ok_or(Fault::Malformed("it has not a line for each record"))?;
            batch.settle(at, outcome(answer));
        }
        Ok(())
    }

    fn token(&self) -> Result<Secret, Error> {
        if let Some(token) = &self.token {
            return Ok(token.clone());
        }
        let kept = self.host.state_get(ACCOUNT)?.ok_or_else(|| {
            Error::config("there is no account: set option `token`, or run `dns01d provider setup`")
        })?;
        let kept = String::from_utf8(kept).map_err(|_| Error::config("the kept account is not text"))?;
        Ok(Secret::new(kept))
    }
}

/// One line of an answer.
struct Answer {
    code: u16,
    words: String,
}

impl Answer {
    fn parse(line: &str) -> Option<Self> {
        let (code, words) = line.split_once(' ').unwrap_or((line, ""));
        Some(Self {
            code: code.parse().ok()?,
            words: words.to_owned(),
        })
    }

    /// What went wrong with one record.
    fn fault(self) -> Error {
        let class = match self.code {
            403 => Class::Auth,
            404 => Class::ZoneNotFound,
            500.. => Class::Transient,
            _ => Class::Permanent,
        };
        Error::new(class, format!("TinyHost: {}", self.words)).with_native_code(self.code.into())
    }
}

// ---------------------------------------------------------------------- HTTP

impl Instance {
    /// Posts `body` and returns the answer's, within the time of the call.
    fn post(&self, call: &Call<'_>, path: &str, token: Option<&Secret>, body: &str) -> Result<String, Fault> {
        let limit = call.limit(self.timeout);
        let mut stream = TcpStream::connect_timeout(&self.endpoint, left(call, limit, WHOLE)?)?;
        let authorization = token.map_or_else(String::new, |token| {
            format!("Authorization: Bearer {}\r\n", token.reveal())
        });
        let head = format!(
            "POST {path} HTTP/1.0\r\nHost: {}\r\nUser-Agent: {}/{}\r\n{authorization}Content-Length: {}\r\n\r\n",
            self.endpoint,
            self.host.name(),
            self.host.version(),
            body.len()
        );
        stream.set_write_timeout(Some(left(call, limit, WHOLE)?))?;
        stream.write_all(head.as_bytes())?;
        stream.write_all(body.as_bytes())?;

        let (mut answer, mut piece) = (Vec::new(), [0; 4096]);
        while answer.len() <= MAX_ANSWER {
            stream.set_read_timeout(Some(left(call, limit, SLICE)?))?;
            match stream.read(&mut piece) {
                Ok(0) => return understand(&answer),
                Ok(read) => answer.extend_from_slice(&piece[..read]),
                // a slice of the time has passed: look whether to go on
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Fault::Malformed("it does not end"))
    }
}

/// How long the next step may block, which is no longer than `at_most`.
fn left(call: &Call<'_>, limit: Limit, at_most: Duration) -> Result<Duration, Fault> {
    if call.is_cancelled() {
        return Err(Fault::Cancelled);
    }
    match limit.remaining() {
        Duration::ZERO => Err(Fault::Slow),
        left => Ok(left.min(at_most)),
    }
}

fn understand(answer: &[u8]) -> Result<String, Fault> {
    let text = std::str::from_utf8(answer).map_err(|_| Fault::Malformed("it is not UTF-8"))?;
    let (head, body) = text
        .split_once("\r\n\r\n")
        .ok_or(Fault::Malformed("it breaks off"))?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    match status.ok_or(Fault::Malformed("it has no status"))? {
        200..300 => Ok(body.to_owned()),
        401 => Err(Fault::Token),
        429 => {
            let mut headers = head.lines().filter_map(|line| line.split_once(": "));
            let after = headers.find(|(name, _)| name.eq_ignore_ascii_case("retry-after"));
            let seconds = after.and_then(|(_, value)| value.parse().ok()).unwrap_or(0);
            Err(Fault::Busy(Duration::from_secs(seconds)))
        }
        status => Err(Fault::Status(status)),
    }
}

/// Why a whole request failed. The class says what dns01d does about it, the words what an operator does.
#[derive(Debug)]
enum Fault {
    Io(std::io::Error),
    Slow,
    Cancelled,
    Token,
    Busy(Duration),
    Status(u16),
    Malformed(&'static str),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "TinyHost is not reached: {error}"),
            Self::Slow => f.write_str("TinyHost did not answer in time"),
            Self::Cancelled => f.write_str("given up: cancelled or out of time"),
            Self::Token => {
                f.write_str("TinyHost does not know the token: make a new one and set option `token`")
            }
            Self::Busy(_) => f.write_str("TinyHost has had too many requests"),
            Self::Status(status) => write!(f, "TinyHost answered with status {status}"),
            Self::Malformed(what) => write!(f, "the answer of TinyHost is not understood: {what}"),
        }
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        let words = fault.to_string();
        match fault {
            Fault::Io(_) | Fault::Slow => Self::new(Class::Transient, words),
            Fault::Cancelled => Self::cancelled(),
            Fault::Token => Self::new(Class::Auth, words).with_native_code(401),
            Fault::Busy(delay) => Self::new(Class::RateLimited, words)
                .with_native_code(429)
                .with_retry_after(delay),
            Fault::Status(status @ 500..) => {
                Self::new(Class::Transient, words).with_native_code(status.into())
            }
            Fault::Status(status) => Self::new(Class::Permanent, words).with_native_code(status.into()),
            Fault::Malformed(_) => Self::new(Class::Permanent, words),
        }
    }
}

impl From<std::io::Error> for Fault {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => Self::Slow,
            _ => Self::Io(error),
        }
    }
}
