//! Why a server's word cannot be used.

use std::{fmt, io, time::Duration};

use rustix::io::Errno;

use super::{endpoint::Endpoint, question::Question};

/// A question that got no usable answer from a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryError {
    /// Who was asked.
    pub server: Endpoint,
    /// What was asked.
    pub question: Question,
    /// What came instead of an answer.
    pub failure: Failure,
}

/// What came instead of a usable answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Nothing, neither over UDP nor over TCP.
    Silent {
        /// How long we listened.
        waited: Duration,
    },
    /// The host is there; nothing listens on the port.
    ConnectionRefused,
    /// This machine has no route to the address, or does not speak its family.
    Unreachable,
    /// Octets that are not an answer to the question.
    Malformed(Malformation),
    /// An answer that says no.
    Rcode(Rcode),
    /// An answer from a server that does not serve the zone: a lame delegation.
    NotAuthoritative,
    /// The answer is too long for UDP, and TCP does not work.
    Truncated {
        /// What TCP did.
        tcp: Box<Failure>,
    },
    /// The socket failed in another way.
    Socket(io::ErrorKind),
    /// No TLS: most often a certificate that is not trusted, or for another name. What OpenSSL says.
    Tls(String),
    /// An HTTP status other than success.
    Status(u16),
    /// HTTP failed in another way.
    Http(String),
    /// The resolver knows no address of the host that was sought.
    NoAddress,
    /// Not asked: the name lies at or below a challenge name.
    OffLimits,
}

/// What is wrong with the octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformation {
    /// The message cannot be decoded.
    #[error("an undecodable message")]
    Undecodable,
    /// Not a standard query's answer (RFC 1035 4.1.1).
    #[error("an answer with another opcode")]
    Opcode,
    /// Not one question in the question section, or another one.
    #[error("an answer to another question")]
    Question,
    /// So many datagrams that answer something else that somebody is guessing.
    #[error("a flood of answers to other questions")]
    Flood,
    /// The truncation bit where truncation cannot be.
    #[error("an answer truncated over TCP")]
    TruncatedTcp,
    /// The stream ended inside a message.
    #[error("an unfinished answer over TCP")]
    Unfinished,
    /// Our own question does not fit the wire format.
    #[error("a question that cannot be encoded")]
    Unencodable,
    /// HTTP that carries no DNS message (RFC 8484 4.2.1), or one over 64 KiB.
    #[error("something that is no DNS message")]
    NotDns,
}

/// A response code (RFC 1035 4.1.1, RFC 6891 6.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rcode(pub u16);

impl Rcode {
    /// The question was understood and is answered, if only by "nothing of that type".
    pub const NO_ERROR: Rcode = Rcode(0);
    /// The server did not understand the question, perhaps for its OPT record.
    pub const FORM_ERR: Rcode = Rcode(1);
    /// The server could not look it up.
    pub const SERV_FAIL: Rcode = Rcode(2);
    /// The name does not exist.
    pub const NX_DOMAIN: Rcode = Rcode(3);
    /// The server cannot do that.
    pub const NOT_IMP: Rcode = Rcode(4);
    /// The server will not do that for us.
    pub const REFUSED: Rcode = Rcode(5);
    /// Another version of EDNS is wanted.
    pub const BAD_VERS: Rcode = Rcode(16);
}

impl fmt::Display for Rcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Rcode::NO_ERROR => f.write_str("NOERROR"),
            Rcode::FORM_ERR => f.write_str("FORMERR"),
            Rcode::SERV_FAIL => f.write_str("SERVFAIL"),
            Rcode::NX_DOMAIN => f.write_str("NXDOMAIN"),
            Rcode::NOT_IMP => f.write_str("NOTIMP"),
            Rcode::REFUSED => f.write_str("REFUSED"),
            Rcode::BAD_VERS => f.write_str("BADVERS"),
            Rcode(other) => write!(f, "RCODE {other}"),
        }
    }
}

impl Failure {
    pub(super) fn of_socket(error: &io::Error) -> Failure {
        match Errno::from_io_error(error) {
            Some(Errno::CONNREFUSED) => Failure::ConnectionRefused,
            // the last two: a machine without IPv6, or with only a link-local address
            Some(Errno::NETUNREACH | Errno::HOSTUNREACH | Errno::AFNOSUPPORT | Errno::ADDRNOTAVAIL) => {
                Failure::Unreachable
            }
            _ => Failure::Socket(error.kind()),
        }
    }

    /// True when nothing came back at all, as where a firewall drops what goes to a port.
    pub(super) fn is_silence(&self) -> bool {
        matches!(self, Failure::Silent { .. } | Failure::Unreachable)
    }

    /// The failure as something that `server` did, without the question.
    pub fn by<'a>(&'a self, server: &'a Endpoint) -> impl fmt::Display + 'a {
        fmt::from_fn(move |f| match self {
            Failure::Silent { waited } => write!(f, "no answer from {server} within {waited:?}"),
            Failure::ConnectionRefused => write!(f, "{server} refused the connection"),
            Failure::Unreachable => write!(f, "no route to {server}"),
            Failure::Malformed(what) => write!(f, "{what} from {server}"),
            Failure::Rcode(rcode) => write!(f, "{rcode} from {server}"),
            Failure::NotAuthoritative => write!(f, "{server} is not authoritative (lame delegation)"),
            Failure::Truncated { tcp } => {
                write!(f, "the answer needs TCP, and {}", tcp.by(server))
            }
            Failure::Socket(kind) => write!(f, "cannot ask {server}: {kind}"),
            Failure::Tls(why) => write!(f, "no TLS with {server}: {why}"),
            Failure::Status(status) => write!(f, "HTTP status {status} from {server}"),
            Failure::Http(why) => write!(f, "cannot ask {server} over HTTPS: {why}"),
            Failure::OffLimits => write!(
                f,
                "{server} is not asked for it, because it lies below a challenge name"
            ),
            Failure::NoAddress => write!(f, "{server} knows no address of it"),
        })
    }
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.question, self.failure.by(&self.server))
    }
}

impl std::error::Error for QueryError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_route_or_family_is_told_from_a_refused_connection() {
        let of = |errno: Errno| Failure::of_socket(&io::Error::from(errno));
        for errno in [
            Errno::NETUNREACH,
            Errno::HOSTUNREACH,
            Errno::AFNOSUPPORT,
            Errno::ADDRNOTAVAIL,
        ] {
            assert_eq!(of(errno), Failure::Unreachable, "{errno}");
        }
        assert_eq!(of(Errno::CONNREFUSED), Failure::ConnectionRefused);
        assert_eq!(
            of(Errno::ACCESS),
            Failure::Socket(io::ErrorKind::PermissionDenied)
        );
    }
}
