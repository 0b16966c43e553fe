//! The state of one wait: who has shown what, when to look again, whether all is seen.
//! No I/O: outcomes go in, due times come out.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    ops::Range,
    time::Duration,
};

use tokio::time::Instant;

use super::{
    agreement::is_quorum,
    pace::Pace,
    sighting::{Sighting, Standing, Witness},
};
use crate::{
    dns::{failure::Failure, location::Location, policy::Agreement},
    types::DnsName,
};

/// Between the look that finds every value and the one that confirms it: time for
/// another of the processes behind one address to answer; every issuance waits for it.
pub(super) const CONFIRM: Duration = Duration::from_millis(10);

/// A record set to wait for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Where it is published and who must show it.
    pub location: Location,
    /// Every one of these TXT values; others beside them do not matter.
    pub values: Vec<String>,
}

#[derive(Debug)]
pub(super) struct Board {
    started: Instant,
    pace: Pace,
    rows: Vec<Row>,
    /// Rows of one server and owner: its addresses.
    groups: Vec<Vec<usize>>,
    /// Of owners for which some servers may be excused: their groups.
    quorums: Vec<Range<usize>>,
}

#[derive(Debug)]
struct Row {
    address: SocketAddr,
    sighting: Sighting,
    values: Vec<String>,
    interval: Duration,
    due: Instant,
}

impl Board {
    pub(super) fn new(wanted: &[Wanted], pace: Pace) -> Self {
        let started = Instant::now();
        let mut board = Board {
            started,
            pace,
            rows: Vec::new(),
            groups: Vec::new(),
            quorums: Vec::new(),
        };
        // an order may want the name and its wildcard: one owner, two values
        let mut owners: BTreeMap<&DnsName, (&Location, Vec<String>)> = BTreeMap::new();
        for Wanted { location, values } in wanted {
            let entry = owners.entry(&location.owner).or_insert((location, Vec::new()));
            entry.1.extend(values.iter().cloned());
        }
        for (owner, (location, values)) in owners {
            let first_group = board.groups.len();
            for server in &location.servers {
                let first = board.rows.len();
                board.rows.extend(server.addresses.iter().map(|address| Row {
                    address: *address,
                    sighting: Sighting {
                        witness: Witness::Authority(server.name.clone()),
                        endpoint: (*address).into(),
                        owner: owner.clone(),
                        standing: Standing::Unasked,
                    },
                    values: values.clone(),
                    interval: pace.floor,
                    due: started + pace.first_look,
                }));
                board.groups.push((first..board.rows.len()).collect());
            }
            if location.agreement == Agreement::Quorum {
                board.quorums.push(first_group..board.groups.len());
            }
        }
        board
    }

    /// The addresses to ask.
    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        let mut addresses: Vec<_> = self.rows.iter().map(|row| row.address).collect();
        addresses.sort_unstable();
        addresses.dedup();
        addresses
    }

    /// When to look next at `address`, and for which owners: those due at about the
    /// same time go together. `None` when it has nothing more to show.
    pub(super) fn next_round(&self, address: SocketAddr) -> Option<(Instant, Vec<DnsName>)> {
        let open = || {
            let here = self.rows.iter().filter(move |row| row.address == address);
            here.filter(|row| !matches!(row.sighting.standing, Standing::Visible { .. }))
        };
        let due = open().map(|row| row.due).min()?;
        let together = due + self.pace.floor / 2;
        let mut owners: Vec<_> = open()
            .filter(|row| row.due <= together)
            .map(|row| row.sighting.owner.clone())
            .collect();
        // two server names may share one address
        owners.sort_unstable();
        owners.dedup();
        Some((due, owners))
    }

    /// Notes what `address` said about `owner`; true when that changed the picture.
    pub(super) fn record(
        &mut self,
        address: SocketAddr,
        owner: &DnsName,
        judge: impl Fn(&[String]) -> Standing,
    ) -> bool {
        let now = Instant::now();
        let mut changed = false;
        let rows = self.rows.iter_mut();
        for row in rows.filter(|row| row.address == address && row.sighting.owner == *owner) {
            let standing = match (judge(&row.values), &row.sighting.standing) {
                (Standing::Seen, Standing::Seen) => Standing::Visible {
                    after: now - self.started,
                },
                // names of one server are asked together, and this one was already done
                (_, Standing::Visible { .. }) => continue,
                (seen, _) => seen,
            };
            row.due = now
                + if standing == Standing::Seen {
                    CONFIRM
                } else {
                    row.interval
                };
            if standing != Standing::Seen {
                row.interval = self.pace.next(row.interval);
            }
            changed |= standing != row.sighting.standing;
            row.sighting.standing = standing;
        }
        changed
    }

    /// True when nothing blocks: each server shows each record on each address,
    /// but for addresses of a family that does not work from here.
    pub(super) fn is_settled(&self) -> bool {
        let excused = self.excused();
        self.groups.iter().enumerate().all(|(at, group)| {
            let blocks = |&row: &usize| self.standing(group, row, excused.contains(&at)).1;
            !group.iter().any(blocks)
        })
    }

    /// Groups whose failures are excused.
    fn excused(&self) -> BTreeSet<usize> {
        let standings = |group: &Vec<usize>| {
            let of = |&row: &usize| &self.rows[row].sighting.standing;
            group.iter().map(of).collect::<Vec<_>>()
        };
        let reached = self.quorums.iter().filter(|groups| {
            let servers: Vec<_> = self.groups[(*groups).clone()].iter().map(standings).collect();
            is_quorum(&servers)
        });
        reached.flat_map(Clone::clone).collect()
    }

    pub(super) fn waited(&self) -> Duration {
        self.started.elapsed()
    }

    /// Every row, with those that may be left out marked.
    pub(super) fn sightings(&self) -> Vec<Sighting> {
        let excused = self.excused();
        let rows = self.groups.iter().enumerate().flat_map(|(at, group)| {
            let excused = excused.contains(&at);
            group.iter().map(move |&row| (group, row, excused))
        });
        rows.map(|(group, row, excused)| Sighting {
            standing: self.standing(group, row, excused).0.into_owned(),
            ..self.rows[row].sighting.clone()
        })
        .collect()
    }

    /// The standing of a row within its server, and whether it blocks.
    fn standing(&self, group: &[usize], row: usize, excused: bool) -> (Cow<'_, Standing>, bool) {
        let Row {
            address, sighting, ..
        } = &self.rows[row];
        let shown = |&row: &usize| matches!(self.rows[row].sighting.standing, Standing::Visible { .. });
        if sighting.standing == Standing::Failed(Failure::Unreachable)
            && group.iter().any(shown)
            && !self.family_works(address.is_ipv4())
        {
            return (Cow::Owned(Standing::LeftOut), false);
        }
        match &sighting.standing {
            Standing::Failed(failure) if excused => (Cow::Owned(Standing::Excused(failure.clone())), false),
            standing => (Cow::Borrowed(standing), sighting.blocks()),
        }
    }

    /// True when any server answered over this family: then an unreachable one is
    /// that server's fault, not ours.
    fn family_works(&self, v4: bool) -> bool {
        let family = self.rows.iter().filter(|row| row.address.is_ipv4() == v4);
        family.into_iter().any(|row| row.sighting.standing.is_answer())
    }
}
