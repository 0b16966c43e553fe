//! One message to one address and its answer, over UDP or TCP: never past the limit,
//! and no longer than a moment after a cancellation.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use dns01_plugin_api::{Call, Limit};
use hickory_proto::op::ResponseCode;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{AddressFamily, SocketFlags, SocketType};

use crate::error::mnemonic;

/// First wait before a datagram is sent again; doubled each time.
const RESEND: Duration = Duration::from_secs(1);
/// Longest wait between two looks at `is_cancelled`, for hosts without a cancel fd.
const SLICE: Duration = Duration::from_millis(500);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The host wants the call to end, or its time is up.
    #[error("cancelled")]
    Cancelled,
    /// Nothing came in time.
    #[error("no answer in time ({doing})")]
    Silent {
        /// What was being waited for.
        doing: &'static str,
    },
    /// It answers that it cannot do it.
    #[error("answers {}", mnemonic(*.0))]
    Answered(ResponseCode),
    /// The system says why.
    #[error("cannot {doing}: {source}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

impl Fault {
    /// What the server answered, if it did.
    pub(crate) fn code(&self) -> Option<ResponseCode> {
        match self {
            Self::Answered(code) => Some(*code),
            Self::Cancelled | Self::Silent { .. } | Self::Io { .. } => None,
        }
    }

    /// It stays so until somebody configures the server anew.
    pub(crate) fn is_lasting(&self) -> bool {
        self.code() == Some(ResponseCode::NotImp)
    }
}

/// Sends a datagram, again after a while, until `accept` takes what comes back. Only
/// the address asked is heard: the socket is connected to it.
pub(crate) fn udp<T>(
    call: &Call<'_>,
    limit: Limit,
    server: SocketAddr,
    request: &[u8],
    mut accept: impl FnMut(&[u8]) -> Option<T>,
) -> Result<T, Fault> {
    let io = |doing| move |source| Fault::Io { doing, source };
    let any: SocketAddr = if server.is_ipv4() {
        (Ipv4Addr::UNSPECIFIED, 0).into()
    } else {
        (Ipv6Addr::UNSPECIFIED, 0).into()
    };
    let socket = UdpSocket::bind(any).map_err(io("open a socket"))?;
    socket.set_nonblocking(true).map_err(io("open a socket"))?;
    socket.connect(server).map_err(io("reach it"))?;

    let mut buffer = vec![0; usize::from(u16::MAX)];
    let mut resend = RESEND;
    loop {
        socket.send(request).map_err(io("send"))?;
        let turn = call.limit(resend.min(limit.remaining()));
        resend *= 2;
        while wait(call, turn, socket.as_fd(), PollFlags::IN)? {
            match socket.recv(&mut buffer) {
                Ok(len) => {
                    if let Some(answer) = accept(&buffer[..len]) {
                        return Ok(answer);
                    }
                }
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                Err(source) => {
                    return Err(Fault::Io {
                        doing: "receive",
                        source,
                    });
                }
            }
        }
        if limit.remaining().is_zero() {
            return Err(Fault::Silent { doing: "over UDP" });
        }
    }
}

/// Sends a message over a connection of its own and returns the one that comes back.
pub(crate) fn tcp(
    call: &Call<'_>,
    limit: Limit,
    server: SocketAddr,
    request: &[u8],
) -> Result<Vec<u8>, Fault> {
    let len = u16::try_from(request.len()).map_err(|_| Fault::Io {
        doing: "send",
        source: ErrorKind::InvalidInput.into(),
    })?;
    let mut stream = connect(call, limit, server)?;
    // one write: some servers read length and message as one segment only
    let mut framed = Vec::with_capacity(request.len() + 2);
    framed.extend_from_slice(&len.to_be_bytes());
    framed.extend_from_slice(request);
    let mut rest = framed.as_slice();
    while !rest.is_empty() {
        match stream.write(rest) {
            Ok(written) => rest = &rest[written..],
            Err(error) => again(call, limit, &stream, PollFlags::OUT, "send", error)?,
        }
    }
    let mut header = [0; 2];
    read(call, limit, &mut stream, &mut header)?;
    let mut answer = vec![0; usize::from(u16::from_be_bytes(header))];
    read(call, limit, &mut stream, &mut answer)?;
    Ok(answer)
}

fn connect(call: &Call<'_>, limit: Limit, server: SocketAddr) -> Result<TcpStream, Fault> {
    const DOING: &str = "connect over TCP";
    let io = |error: rustix::io::Errno| Fault::Io {
        doing: DOING,
        source: error.into(),
    };
    let family = if server.is_ipv4() {
        AddressFamily::INET
    } else {
        AddressFamily::INET6
    };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None).map_err(io)?;
    match rustix::net::connect(&socket, &server) {
        Ok(()) => {}
        Err(rustix::io::Errno::INPROGRESS | rustix::io::Errno::INTR) => {
            if !wait(call, limit, socket.as_fd(), PollFlags::OUT)? {
                return Err(Fault::Silent { doing: DOING });
            }
            rustix::net::sockopt::socket_error(&socket)
                .map_err(io)?
                .map_err(io)?;
        }
        Err(error) => return Err(io(error)),
    }
    Ok(TcpStream::from(socket))
}

fn read(call: &Call<'_>, limit: Limit, stream: &mut TcpStream, buffer: &mut [u8]) -> Result<(), Fault> {
    let mut filled = 0;
    while filled < buffer.len() {
        match stream.read(&mut buffer[filled..]) {
            Ok(0) => {
                return Err(Fault::Io {
                    doing: "receive",
                    source: ErrorKind::UnexpectedEof.into(),
                });
            }
            Ok(len) => filled += len,
            Err(error) => again(call, limit, stream, PollFlags::IN, "receive", error)?,
        }
    }
    Ok(())
}

/// Waits until a blocked stream may go on; any other error ends the exchange.
fn again(
    call: &Call<'_>,
    limit: Limit,
    stream: &TcpStream,
    events: PollFlags,
    doing: &'static str,
    error: io::Error,
) -> Result<(), Fault> {
    match error.kind() {
        ErrorKind::Interrupted => Ok(()),
        ErrorKind::WouldBlock if wait(call, limit, stream.as_fd(), events)? => Ok(()),
        ErrorKind::WouldBlock => Err(Fault::Silent { doing: "over TCP" }),
        _ => Err(Fault::Io { doing, source: error }),
    }
}

/// True once the descriptor is ready, false at the limit.
fn wait(call: &Call<'_>, limit: Limit, fd: BorrowedFd<'_>, events: PollFlags) -> Result<bool, Fault> {
    loop {
        if call.is_cancelled() {
            return Err(Fault::Cancelled);
        }
        let left = limit.remaining();
        let slice = Timespec::try_from(left.min(SLICE)).unwrap_or(Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        });
        let cancel = call.cancel_fd();
        let mut fds = vec![PollFd::from_borrowed_fd(fd, events)];
        fds.extend(cancel.map(|cancel| PollFd::from_borrowed_fd(cancel, PollFlags::IN)));
        match poll(&mut fds, Some(&slice)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => {
                return Err(Fault::Io {
                    doing: "wait",
                    source: error.into(),
                });
            }
        }
        let cancelled = fds.get(1).is_some_and(|cancel| !cancel.revents().is_empty());
        if cancelled {
            return Err(Fault::Cancelled);
        }
        if !fds[0].revents().is_empty() {
            return Ok(true);
        }
        if left.is_zero() {
            return Ok(false);
        }
    }
}
