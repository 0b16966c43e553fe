//! What one server shows of one record set, in words for an operator.

use std::{fmt, time::Duration};

use jiff::Timestamp;

use super::super::{
    answer::Answer,
    endpoint::Endpoint,
    failure::Failure,
    location::{CLOSED, Location, Retry, Unresolved},
    visibility::Visibility,
};
use crate::types::DnsName;

/// One server address and one owner name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// What kind of server it is.
    pub witness: Witness,
    /// The address asked, and how.
    pub endpoint: Endpoint,
    /// The name whose TXT values are wanted.
    pub owner: DnsName,
    /// What the server shows.
    pub standing: Standing,
}

/// What kind of server saw, or did not see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Witness {
    /// An authority, by its name in the NS set; `None` when it is configured by address.
    Authority(Option<DnsName>),
    /// A resolver whose word counts in place of the authorities' ([`Visibility::Doh`]).
    Resolver,
    /// A resolver that must agree with the authorities.
    Vantage,
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
        /// The name that the owner is an alias of there: that hides what stands at the owner itself.
        alias: Option<String>,
        /// The zone's serial there, when the answer told.
        serial: Option<u32>,
    },
    /// A resolver's answer without some of the values. It gives the same answer until it has forgotten.
    Remembers {
        /// How many are missing.
        missing: usize,
        /// Up to [`SHOWN`] of the values that are there instead or besides.
        shows: Vec<String>,
        /// The name that it holds to be the owner's alias, where the values are not looked for.
        alias: Option<String>,
        /// When it asks again, as far as its answer tells.
        until: Timestamp,
    },
    /// No usable answer.
    Failed(Failure),
    /// No usable answer, and more than half of the servers show every value: [`Agreement::Quorum`] needs no more.
    Excused(Failure),
    /// No address of this family can be reached from here, and the server shows
    /// every value on an address of the other.
    LeftOut,
}

/// Values quoted of a server that lags; a name with a hundred stale ones is not printed whole.
pub const SHOWN: usize = 4;
/// Octets quoted of a value: a challenge's has 43, and a hostile one 64 KiB.
const QUOTED: usize = 120;
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
        match missing(answer, owner, values) {
            (0, _) => Standing::Seen,
            (missing, shows) => Standing::Lagging {
                missing,
                shows,
                alias: alias(answer, owner),
                serial: answer.serial(),
            },
        }
    }

    /// Reads a resolver's TXT answer about `owner`, given at `now`.
    pub(super) fn of_resolver(
        answer: &Answer,
        owner: &DnsName,
        values: &[String],
        now: Timestamp,
    ) -> Standing {
        if !answer.is_conclusive() {
            return Standing::Failed(Failure::Rcode(answer.rcode));
        }
        match missing(answer, owner, values) {
            (0, _) => Standing::Seen,
            (missing, shows) => Standing::Remembers {
                missing,
                shows,
                alias: alias(answer, owner),
                until: now.checked_add(answer.memory()).unwrap_or(Timestamp::MAX),
            },
        }
    }

    /// True when the server answered at all.
    pub(super) fn is_answer(&self) -> bool {
        match self {
            Standing::Visible { .. }
            | Standing::Seen
            | Standing::Lagging { .. }
            | Standing::Remembers { .. } => true,
            Standing::Failed(failure) => {
                matches!(
                    failure,
                    Failure::Rcode(_) | Failure::NotAuthoritative | Failure::Truncated { .. }
                )
            }
            Standing::Unasked | Standing::LeftOut | Standing::Excused(_) => false,
        }
    }
}

/// What an answer holds `owner` to be an alias of.
fn alias(answer: &Answer, owner: &DnsName) -> Option<String> {
    let target = answer.cname(owner)?;
    Some(target.map_or_else(|text| text, |name| name.to_string()))
}

/// How many of `values` an answer lacks at `owner`, and some of what it shows.
fn missing(answer: &Answer, owner: &DnsName, values: &[String]) -> (usize, Vec<String>) {
    let found = answer.txt(owner);
    let missing = values
        .iter()
        .filter(|value| !found.iter().any(|txt| txt == value.as_bytes()));
    let shows = found
        .iter()
        .take(SHOWN)
        .map(|txt| match txt.split_at_checked(QUOTED) {
            Some((start, rest)) if !rest.is_empty() => printable(start) + "..",
            _ => printable(txt),
        });
    (missing.count(), shows.collect())
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
        !matches!(
            self.standing,
            Standing::Visible { .. } | Standing::LeftOut | Standing::Excused(_)
        )
    }

    /// The server, for people.
    pub fn who(&self) -> impl fmt::Display {
        let endpoint = &self.endpoint;
        fmt::from_fn(move |f| match &self.witness {
            Witness::Authority(Some(name)) => write!(f, "{name} ({endpoint})"),
            Witness::Authority(None) => write!(f, "{endpoint}"),
            Witness::Resolver => write!(f, "the resolver {endpoint}"),
            Witness::Vantage => write!(f, "the vantage resolver {endpoint}"),
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
                alias,
                serial,
            } => {
                write!(f, "{who} lags: it lacks {missing} of the values of {owner}")?;
                if !shows.is_empty() {
                    write!(f, ", shows {}", shows.join(", "))?;
                }
                if let Some(alias) = alias {
                    write!(f, ", where it is an alias of {alias}")?;
                }
                serial.map_or(Ok(()), |serial| write!(f, ", serial {serial}"))
            }
            Standing::Remembers {
                missing,
                shows,
                alias,
                until,
            } => {
                write!(f, "{who} lacks {missing} of the values of {owner}")?;
                if !shows.is_empty() {
                    write!(f, ", shows {}", shows.join(", "))?;
                }
                if let Some(alias) = alias {
                    write!(
                        f,
                        ", holds it to be an alias of {alias}, which is followed only where authorities are asked"
                    )?;
                }
                write!(f, ", and remembers so until {until:.0}")
            }
            Standing::Failed(failure) => {
                write!(
                    f,
                    "{who} cannot be asked for {owner}: {}",
                    failure.by(&self.endpoint)
                )
            }
            Standing::Excused(failure) => write!(
                f,
                "{who} is excused for {owner}, as a quorum is enough: {}",
                failure.by(&self.endpoint)
            ),
            Standing::LeftOut => {
                let family = if self.endpoint.address.is_ipv4() {
                    "IPv4"
                } else {
                    "IPv6"
                };
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

/// A record set counted as visible otherwise than by the word of the authorities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Indirect {
    /// The zone.
    pub zone: DnsName,
    /// By whose word.
    pub visibility: Visibility,
}

impl Indirect {
    /// That of a place.
    pub fn of(location: &Location) -> Self {
        Indirect {
            zone: location.zone.clone(),
            visibility: location.visibility,
        }
    }
}

impl fmt::Display for Indirect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Indirect { zone, visibility } = self;
        write!(
            f,
            "visibility of {zone} is `{visibility}`: {}",
            visibility.meaning()
        )
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
    /// Zones whose authorities were not asked.
    pub indirect: Vec<Indirect>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let showing = |sighting: &&Sighting| matches!(sighting.standing, Standing::Visible { .. });
        let excused = |sighting: &&Sighting| matches!(sighting.standing, Standing::Excused(_));
        let mut servers: Vec<String> = self
            .sightings
            .iter()
            .filter(showing)
            .map(|sighting| sighting.endpoint.to_string())
            .collect();
        servers.sort_unstable();
        servers.dedup();
        if servers.is_empty() {
            write!(f, "every record counts as visible after {:.0?}", self.took)?;
        } else {
            let servers = servers.join(", ");
            write!(f, "every record is visible at {servers} after {:.0?}", self.took)?;
        }
        let mut excused = self.sightings.iter().filter(excused);
        excused.try_for_each(|sighting| write!(f, "; {sighting}"))?;
        self.indirect.iter().try_for_each(|zone| write!(f, "; {zone}"))
    }
}

/// The deadline came first.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not visible after {waited:.0?}: {}{}",
    blockers(sightings),
    closed(sightings)
)]
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

/// What may help when no authority let anything be heard.
fn closed(sightings: &[Sighting]) -> &'static str {
    let silent = |sighting: &Sighting| {
        let silence = matches!(&sighting.standing, Standing::Failed(failure) if failure.is_silence());
        silence && matches!(sighting.witness, Witness::Authority(_))
    };
    if !sightings.is_empty() && sightings.iter().all(silent) {
        CLOSED
    } else {
        ""
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
