//! Waiting until every authoritative server shows every record.
//!
//! The CA asks any of them, from five places; so all must agree, on all their
//! addresses, twice in a row. Recursive resolvers take part only afterwards
//! ([`echo`]): they would remember a "no" that comes too early.

mod agreement;
mod board;
mod echo;
mod pace;
mod sighting;

use std::{net::SocketAddr, time::Duration};

use futures_util::{
    StreamExt,
    stream::{self, FuturesUnordered},
};
use tokio::time::Instant;

use board::Board;
pub use board::Wanted;
pub use echo::Patience;
pub(super) use echo::{Echo, wait_echoed};
pub use pace::{DEFAULT_CAP, DEFAULT_FLOOR, Pace};
pub(super) use sighting::printable;
pub use sighting::{Indirect, NotVisible, Progress, Report, SHOWN, Sighting, Standing, Witness};

use super::{
    answer::Answer,
    failure::QueryError,
    question::{Kind, Question},
    transport::Transport,
};
use crate::types::DnsName;

/// Questions to one server on their way at once.
const PER_SERVER: usize = 32;

/// What one server said in one round.
type Round = (SocketAddr, Vec<(DnsName, Result<Answer, QueryError>)>);

pub(super) async fn wait_visible(
    transport: &dyn Transport,
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
            .map(|(due, owners)| ask_when_due(transport, timeout, address, due, owners))
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
    transport: &dyn Transport,
    timeout: Duration,
    address: SocketAddr,
    due: Instant,
    owners: Vec<DnsName>,
) -> Round {
    tokio::time::sleep_until(due).await;
    let questions = owners.into_iter().map(|owner| async move {
        let question = Question::authoritative(owner, Kind::Txt);
        let result = transport.ask(&address.into(), &question, timeout).await;
        (question.name, result)
    });
    let answers = stream::iter(questions)
        .buffer_unordered(PER_SERVER)
        .collect()
        .await;
    (address, answers)
}

#[cfg(test)]
mod tests;
