//! What one server shows of one record set, in words for an operator.

use std::{fmt, net::SocketAddr, time::Duration};

use super::super::{
    answer::Answer,
    failure::Failure,
    location::{Retry, Unresolved},
};
use crate::types::DnsName;

/// One server address and one owner name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// The server's name; `None` when it is configured by address.
    pub server: Option<DnsName>,
    /// The address asked.
    pub address: SocketAddr,
    /// The name whose TXT values are wanted.
    pub owner: DnsName,
    /// What the server shows.
    pub standing: Standing,
}

/// What a server shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Not asked yet.
    Unasked,
    /// Every value, twice in a row.
    Visible {
        /// From the start of the wait to the second look.
        after: Duration,
    },
    /// Every value, once.
    Seen,
    /// An authoritative answer without some of the values.
    Lagging {
        /// How many are missing.
        missing: usize,
        /// Up to [`SHOWN`] of the values that are there instead or besides.
        shows: Vec<String>,
        /// The zone's serial there, when the answer told.
        serial: Option<u32>,
    },
    /// No usable answer.
    Failed(Failure),
    /// No address of this family can be reached from here, and the server shows
    /// every value on an address of the other.
    LeftOut,
}

/// Values quoted of a server that lags; a name with a hundred stale ones is not printed whole.
pub const SHOWN: usize = 4;
/// Servers and names spelt out in a message; all of them are in [`NotVisible::sightings`].
const NAMED: usize = 12;

impl Standing {
    /// Reads a TXT answer about `owner`.
    pub(in super::super) fn of(answer: &Answer, owner: &DnsName, values: &[String]) -> Standing {
        if !answer.is_conclusive() {
            return Standing::Failed(Failure::Rcode(answer.rcode));
        }
        if !answer.authoritative {
            return Standing::Failed(Failure::NotAuthoritative);
        }
        let found = answer.txt(owner);
        let missing = values
            .iter()
            .filter(|value| !found.iter().any(|txt| txt == value.as_bytes()))
            .count();
        if missing == 0 {
            return Standing::Seen;
        }
        let shows = found.iter().take(SHOWN).map(|txt| printable(txt)).collect();
        Standing::Lagging {
            missing,
            shows,
            serial: answer.serial(),
        }
    }

    /// True when the server answered at all.
    pub(super) fn is_answer(&self) -> bool {
        match self {
            Standing::Visible { .. } | Standing::Seen | Standing::Lagging { .. } => true,
            Standing::Failed(failure) => {
                matches!(
                    failure,
                    Failure::Rcode(_) | Failure::NotAuthoritative | Failure::Truncated { .. }
                )
            }
            Standing::Unasked | Standing::LeftOut => false,
        }
    }
}

/// A TXT value for people: printable ASCII as it is, all else as `\DDD` (RFC 1035 5.1).
pub(in super::super) fn printable(value: &[u8]) -> String {
    let mut text = String::with_capacity(value.len());
    for &octet in value {
        match octet {
            b'\\' => text.push_str("\\\\"),
            b' '..=b'~' => text.push(char::from(octet)),
            _ => text.push_str(&format!("\\{octet:03}")),
        }
    }
    text
}

impl Sighting {
    /// True while this sighting keeps the wait going.
    pub fn blocks(&self) -> bool {
        !matches!(self.standing, Standing::Visible { .. } | Standing::LeftOut)
    }

    fn who(&self) -> impl fmt::Display {
        fmt::from_fn(|f| match &self.server {
            Some(name) => write!(f, "{name} ({})", self.address),
            None => write!(f, "{}", self.address),
        })
    }
}

impl fmt::Display for Sighting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (who, owner) = (self.who(), &self.owner);
        match &self.standing {
            Standing::Unasked => write!(f, "{who} was not asked yet for {owner}"),
            Standing::Visible { after } => write!(f, "{who} shows {owner} after {after:.0?}"),
            Standing::Seen => write!(f, "{who} shows {owner}, to be confirmed"),
            Standing::Lagging {
                missing,
                shows,
                serial,
            } => {
                write!(f, "{who} lags: it lacks {missing} of the values of {owner}")?;
                if !shows.is_empty() {
                    write!(f, ", shows {}", shows.join(", "))?;
                }
                serial.map_or(Ok(()), |serial| write!(f, ", serial {serial}"))
            }
            Standing::Failed(failure) => {
                write!(
                    f,
                    "{who} cannot be asked for {owner}: {}",
                    failure.by(self.address)
                )
            }
            Standing::LeftOut => {
                let family = if self.address.is_ipv4() { "IPv4" } else { "IPv6" };
                write!(
                    f,
                    "{who} is left out for {owner}: {family} does not work from here"
                )
            }
        }
    }
}

/// The state of a wait; one after each change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Since the start of the wait.
    pub waited: Duration,
    /// All servers and names.
    pub sightings: Vec<Sighting>,
}

impl Progress {
    /// The sightings that keep the wait going.
    pub fn lagging(&self) -> impl Iterator<Item = &Sighting> {
        self.sightings.iter().filter(|sighting| sighting.blocks())
    }
}

/// Every server showed every value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// From the start to the last confirmation: what to remember as the next hint.
    pub took: Duration,
    /// Who showed what, and when.
    pub sightings: Vec<Sighting>,
    /// Name servers that could not be asked because their addresses are not known.
    pub unresolved: Vec<Unresolved>,
}

/// The deadline came first.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not visible after {waited:.0?}: {}", blockers(sightings))]
pub struct NotVisible {
    /// How long we waited.
    pub waited: Duration,
    /// What each server said last; those that block are named in the message.
    pub sightings: Vec<Sighting>,
}

impl NotVisible {
    /// Time helps: the record may appear later.
    pub fn retry(&self) -> Retry {
        Retry::Backoff
    }
}

fn blockers(sightings: &[Sighting]) -> String {
    let blocking = || sightings.iter().filter(|sighting| sighting.blocks());
    let mut lines: Vec<_> = blocking().take(NAMED).map(Sighting::to_string).collect();
    match blocking().count().saturating_sub(NAMED) {
        0 => {}
        more => lines.push(format!("and {more} more")),
    }
    lines.join("; ")
}
