//! Waiting until every authoritative server shows every record.
//!
//! The CA asks any of them, from five places; so all must agree, on all their
//! addresses, twice in a row. Recursive resolvers take part only afterwards
//! ([`echo`]): they would remember a "no" that comes too early.

mod agreement;
mod board;
mod echo;
mod gate;
mod pace;
mod sighting;

use std::{net::SocketAddr, time::Duration};

use futures_util::{StreamExt, future::join_all, stream::FuturesUnordered};
use tokio::time::Instant;

use board::Board;
pub use board::Wanted;
pub use echo::Patience;
pub(super) use echo::{Echo, wait_echoed};
pub(super) use gate::Gate;
pub use pace::{DEFAULT_CAP, DEFAULT_FLOOR, Pace};
pub(super) use sighting::printable;
pub use sighting::{Indirect, NotVisible, Progress, Report, SHOWN, Sighting, Standing, Witness};

use super::{answer::Answer, failure::QueryError};
use crate::types::DnsName;

/// What one server said in one round.
type Round = (SocketAddr, Vec<(DnsName, Result<Answer, QueryError>)>);

pub(super) async fn wait_visible(
    gate: &Gate,
    timeout: Duration,
    wanted: &[Wanted],
    pace: Pace,
    deadline: Instant,
    mut on_progress: impl FnMut(Progress),
) -> Result<Report, NotVisible> {
    let mut board = Board::new(wanted, pace);
    let mut rounds = FuturesUnordered::new();
    let look = |board: &Board, address| {
        board
            .next_round(address)
            .map(|(due, owners)| ask_when_due(gate, timeout, address, due, owners))
    };
    rounds.extend(
        board
            .addresses()
            .into_iter()
            .filter_map(|address| look(&board, address)),
    );
    while !board.is_settled() {
        // `None` cannot come before the board is settled; if it did, waiting longer would not help
        let Ok(Some((address, answers))) = tokio::time::timeout_at(deadline, rounds.next()).await else {
            return Err(NotVisible {
                waited: board.waited(),
                sightings: board.sightings(),
            });
        };
        let mut changed = false;
        for (owner, result) in answers {
            changed |= board.record(address, &owner, |values| match &result {
                Ok(answer) => Standing::of(answer, &owner, values),
                Err(error) => Standing::Failed(error.failure.clone()),
            });
        }
        if changed {
            on_progress(Progress {
                waited: board.waited(),
                sightings: board.sightings(),
            });
        }
        rounds.extend(look(&board, address));
    }
    let mut unresolved = Vec::new();
    for host in wanted.iter().flat_map(|wanted| &wanted.location.unresolved) {
        if !unresolved.contains(host) {
            unresolved.push(host.clone());
        }
    }
    let mut indirect: Vec<Indirect> = Vec::new();
    for Wanted { location, .. } in wanted {
        let zone = Indirect::of(location);
        if location.visibility.is_indirect() && !indirect.contains(&zone) {
            indirect.push(zone);
        }
    }
    Ok(Report {
        indirect,
        took: board.waited(),
        sightings: board.sightings(),
        unresolved,
    })
}

/// Asks one server about several names when they are due.
async fn ask_when_due(
    gate: &Gate,
    timeout: Duration,
    address: SocketAddr,
    due: Instant,
    owners: Vec<DnsName>,
) -> Round {
    tokio::time::sleep_until(due).await;
    let questions = owners.into_iter().map(|owner| async move {
        let result = gate.ask(address, &owner, timeout).await;
        (owner, result)
    });
    (address, join_all(questions).await)
}

#[cfg(test)]
mod tests;
