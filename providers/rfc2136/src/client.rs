//! Asking the servers in their order, signed, over the wanted transport.

use std::net::SocketAddr;
use std::time::Duration;

use dns01_plugin_api::{Call, Level, Limit};
use hickory_proto::op::{Message, ResponseCode};
use parking_lot::Mutex;

use crate::answer::{Answer, Judged, Sent};
use crate::error::Error;
use crate::exchange::{self, Fault};
use crate::server::Server;
use crate::tsig::Key;

/// Largest request sent as a datagram: fits every path without fragments (the
/// figure of DNS Flag Day 2020).
const DATAGRAM: usize = 1232;

/// How requests travel.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Transport {
    /// Datagrams; TCP for what does not fit, and to confirm what anybody could have
    /// sent.
    Udp,
    /// TCP only.
    Tcp,
}

/// A client of some servers of the same zones.
#[derive(Debug)]
pub struct Client {
    /// Tried in this order.
    pub servers: Vec<Server>,
    /// How requests travel.
    pub transport: Transport,
    /// Signs every request, if given.
    pub key: Option<Key>,
    /// Limit of one exchange with one address.
    pub timeout: Duration,
    /// Wall clock, in seconds since 1970: [`unix_now`].
    pub now: fn() -> u64,
    /// Who answered in the call that is in progress.
    pub turn: Turn,
}

/// Which server a call found, so that its further requests do not wait for a dead one again. The next call
/// begins with the first server anew.
#[derive(Debug, Default)]
pub struct Turn(Mutex<Option<(u64, usize)>>);

impl Turn {
    fn begin(&self, call: &Call<'_>) -> usize {
        self.0
            .lock()
            .filter(|(id, _)| *id == call.id())
            .map_or(0, |(_, server)| server)
    }

    fn keep(&self, call: &Call<'_>, server: usize) {
        *self.0.lock() = Some((call.id(), server));
    }
}

impl Client {
    /// Sends a request and returns the first answer that is proven to come from one of
    /// the servers, whatever its RCODE. A server that cannot be reached, fails or has
    /// no dynamic updates gives way to the next, and the log says so.
    ///
    /// # Errors
    /// [`Error`], but never [`Error::Refused`].
    pub fn ask(&self, call: &Call<'_>, request: &Message) -> Result<Answer, Error> {
        let mut attempts = Vec::new();
        let mut failed = None;
        let first = self.turn.begin(call);
        for at in (0..self.servers.len()).map(|step| (first + step) % self.servers.len()) {
            let server = &self.servers[at];
            let limit = call.limit(self.timeout);
            let addresses = match server.addresses(call, limit) {
                Ok(addresses) => addresses,
                Err(Fault::Cancelled) => return Err(Error::Cancelled),
                Err(fault) => {
                    attempts.push((server.to_string(), fault));
                    continue;
                }
            };
            for address in addresses {
                let label = label(server, address);
                match self.exchange(call, call.limit(self.timeout), address, &label, request) {
                    Ok(message) => {
                        let answer = Answer {
                            server: label,
                            message,
                        };
                        match answer.code() {
                            code @ (ResponseCode::ServFail | ResponseCode::NotImp) => {
                                attempts.push((answer.server.clone(), Fault::Answered(code)));
                                failed = Some(answer);
                            }
                            _ => {
                                self.turn.keep(call, at);
                                moved_on(call, &attempts, &answer.server);
                                return Ok(answer);
                            }
                        }
                    }
                    Err(Failed::Network(Fault::Cancelled)) => return Err(Error::Cancelled),
                    Err(Failed::Network(fault)) => attempts.push((label, fault)),
                    // what stands before a dead server answers so, and cannot sign
                    Err(Failed::Answer(error))
                        if matches!(
                            *error,
                            Error::Unsigned {
                                code: ResponseCode::ServFail,
                                ..
                            }
                        ) && self.servers.len() > 1 =>
                    {
                        attempts.push((label, Fault::Answered(ResponseCode::ServFail)));
                    }
                    Err(Failed::Answer(error)) => return Err(*error),
                }
            }
        }
        match (failed, attempts.as_slice()) {
            // the only one has its own advice
            (Some(answer), [_]) => Ok(answer),
            _ => Err(Error::NoServer { attempts }),
        }
    }

    /// One request to one address.
    fn exchange(
        &self,
        call: &Call<'_>,
        limit: Limit,
        address: SocketAddr,
        label: &str,
        request: &Message,
    ) -> Result<Message, Failed> {
        let plain = request.to_vec().map_err(|_| {
            answer(Error::Malformed {
                server: label.to_owned(),
            })
        })?;
        let now = (self.now)();
        let signed = self
            .key
            .as_ref()
            .map(|key| key.sign_request(&plain, now))
            .transpose();
        let signed = signed.map_err(|source| answer(Error::Sign { source }))?;
        let (bytes, mac) = match &signed {
            Some((bytes, mac)) => (bytes, Some(mac)),
            None => (&plain, None),
        };
        let sent = Sent {
            server: label,
            request,
            signed: self.key.as_ref().zip(mac).map(|(key, mac)| (key, mac, now)),
        };

        let mut doubt = None;
        if self.transport == Transport::Udp && bytes.len() <= DATAGRAM {
            let judged = exchange::udp(call, limit, address, bytes, |packet| {
                match sent.judge(packet, (self.now)()) {
                    Judged::NotOurs => None,
                    other => Some(other),
                }
            })?;
            match judged {
                Judged::Good(message) => return Ok(*message),
                // RFC 8945 section 5.4: an unsigned error may be anybody's, so wait for a
                // signed answer. A server that cannot verify us has none to give: what it
                // says over TCP, where forging takes a place on the path, is taken as its
                // refusal (never as success)
                Judged::Unproven(error) => doubt = Some(error),
                Judged::Truncated | Judged::NotOurs => {}
            }
        }
        let packet = match (exchange::tcp(call, limit, address, bytes), doubt) {
            (Ok(packet), _) => packet,
            (Err(Fault::Cancelled), _) => return Err(Fault::Cancelled.into()),
            (Err(_), Some(doubt)) => return Err(answer(doubt)),
            (Err(fault), None) => return Err(fault.into()),
        };
        match sent.judge(&packet, (self.now)()) {
            Judged::Good(message) => Ok(*message),
            Judged::Unproven(error) => Err(answer(error)),
            Judged::Truncated | Judged::NotOurs => Err(answer(Error::Malformed {
                server: label.to_owned(),
            })),
        }
    }
}

/// Why an address gave no good answer.
enum Failed {
    /// Another may.
    Network(Fault),
    /// It answered, and that is that.
    Answer(Box<Error>),
}

impl From<Fault> for Failed {
    fn from(fault: Fault) -> Self {
        Self::Network(fault)
    }
}

fn answer(error: Error) -> Failed {
    Failed::Answer(Box::new(error))
}

/// Tells the operator that a server is passed over; silent where the first one answered.
fn moved_on(call: &Call<'_>, attempts: &[(String, Fault)], to: &str) {
    for (server, fault) in attempts {
        call.log(
            Level::Warn,
            &format!("server {server} is passed over: {fault}; {to} answers instead"),
        );
    }
}

/// The server as configured, with the address if that says more.
fn label(server: &Server, address: SocketAddr) -> String {
    let (configured, address) = (server.to_string(), address.to_string());
    if configured == address {
        configured
    } else {
        format!("{configured} ({address})")
    }
}

/// The wall clock, in seconds since 1970, as signatures need it.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "the one clock of this crate; a test passes another to Client"
)]
pub fn unix_now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    // a clock before 1970 is wrong anyway; the server says so
    since.map_or(0, |since| since.as_secs())
}
