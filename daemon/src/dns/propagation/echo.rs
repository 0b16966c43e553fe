//! Waiting until recursive resolvers show every record too.
//!
//! What a resolver did not find it remembers, for the negative TTL of the zone's SOA (RFC 2308 5), and asking again
//! before that is in vain. So it is asked once the record is where resolvers look, and a "no" is waited out: not a
//! moment longer, and not in smaller steps.

use std::time::Duration;

use futures_util::{StreamExt, stream::FuturesUnordered};
use jiff::Timestamp;
use tokio::time::Instant;

use super::{NotVisible, Pace, Progress, Sighting, Standing, Witness, board::CONFIRM};
use crate::{
    clock::{Clock, SystemClock},
    dns::{
        answer::Answer,
        endpoint::Endpoint,
        failure::QueryError,
        question::{Kind, Question},
        transport::Transport,
    },
    types::DnsName,
};

/// How long resolvers are waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For all that is not known to take longer.
    pub until: Instant,
    /// For a resolver that said until when it remembers a "no".
    pub memory: Instant,
}

/// A resolver and what it is to show.
#[derive(Clone, Debug)]
pub(in crate::dns) struct Echo {
    pub(in crate::dns) witness: Witness,
    pub(in crate::dns) endpoint: Endpoint,
    pub(in crate::dns) owner: DnsName,
    pub(in crate::dns) values: Vec<String>,
}

/// Where one of them is.
struct Row {
    echo: Echo,
    standing: Standing,
    interval: Duration,
}

/// Waits until all of `echoes` show their values, twice in a row.
pub(in crate::dns) async fn wait_echoed(
    transport: &dyn Transport,
    timeout: Duration,
    echoes: Vec<Echo>,
    patience: Patience,
    mut on_progress: impl FnMut(Progress),
) -> Result<Vec<Sighting>, NotVisible> {
    let started = Instant::now();
    let pace = Pace::default();
    let mut until = patience.until;
    let mut rows: Vec<Row> = echoes
        .into_iter()
        .map(|echo| Row {
            echo,
            standing: Standing::Unasked,
            interval: pace.floor,
        })
        .collect();
    let look = |row: usize, echo: &Echo, due: Instant| {
        let question = Question::recursive(echo.owner.clone(), Kind::Txt);
        let endpoint = echo.endpoint.clone();
        async move {
            tokio::time::sleep_until(due).await;
            (row, transport.ask(&endpoint, &question, timeout).await)
        }
    };
    let first = rows
        .iter()
        .enumerate()
        .map(|(row, each)| look(row, &each.echo, started));
    let mut looks: FuturesUnordered<_> = first.collect();
    while !looks.is_empty() {
        let Ok(Some((number, result))) = tokio::time::timeout_at(until, looks.next()).await else {
            return Err(not_visible(started, &rows));
        };
        let row = &mut rows[number];
        let (standing, due) = row.judge(result, started, pace, SystemClock.now());
        let changed = standing != row.standing;
        row.standing = standing;
        if let Some(due) = due {
            let remembers = matches!(row.standing, Standing::Remembers { .. });
            if remembers && due > patience.memory.max(until) {
                // it has said that it cannot be seen there in time
                return Err(not_visible(started, &rows));
            }
            if remembers {
                until = until.max((due + timeout).min(patience.memory));
            }
            looks.push(look(number, &row.echo, due));
        }
        if changed {
            on_progress(Progress {
                waited: started.elapsed(),
                sightings: sightings(&rows),
            });
        }
    }
    Ok(sightings(&rows))
}

impl Row {
    /// What an answer means, and when to ask again; `None` when all is seen.
    fn judge(
        &mut self,
        result: Result<Answer, QueryError>,
        started: Instant,
        pace: Pace,
        at: Timestamp,
    ) -> (Standing, Option<Instant>) {
        let now = Instant::now();
        let (standing, memory) = match result {
            Ok(answer) => (
                Standing::of_resolver(&answer, &self.echo.owner, &self.echo.values, at),
                answer.memory(),
            ),
            Err(error) => (Standing::Failed(error.failure), Duration::ZERO),
        };
        match (standing, &self.standing) {
            (Standing::Seen, Standing::Seen) => {
                let after = now - started;
                (Standing::Visible { after }, None)
            }
            (Standing::Seen, _) => (Standing::Seen, Some(now + CONFIRM)),
            (standing, _) => {
                let memory = if matches!(standing, Standing::Remembers { .. }) {
                    memory
                } else {
                    Duration::ZERO
                };
                let wait = self.interval.max(memory);
                self.interval = pace.next(self.interval);
                (standing, Some(now + wait))
            }
        }
    }
}

fn sightings(rows: &[Row]) -> Vec<Sighting> {
    let sighting = |row: &Row| Sighting {
        witness: row.echo.witness.clone(),
        endpoint: row.echo.endpoint.clone(),
        owner: row.echo.owner.clone(),
        standing: row.standing.clone(),
    };
    rows.iter().map(sighting).collect()
}

fn not_visible(started: Instant, rows: &[Row]) -> NotVisible {
    NotVisible {
        waited: started.elapsed(),
        sightings: sightings(rows),
    }
}

#[cfg(test)]
mod tests;
