//! What adds up: the same instance opened, used and closed in one process, again and again.

use std::path::PathBuf;

use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::{
    Check, names,
    stage::{CALL, Stage},
    verdict::{Seen, Trouble, failed, moot},
    view::Wanted,
};
use crate::plugin::{FailureClass, Operation, Patience, Record, TrialRules};

/// Samples of a run; each quarter of them is compared with the others.
const SAMPLES: u32 = 40;
/// Fewer rounds show nothing.
const FEWEST: u32 = 20;
/// Memory that a runtime may take and give back at its own pace: bytes in all.
const SLACK: u64 = 512 << 10;
/// What a connection pool may hold or not hold.
const A_FEW: u64 = 3;

/// The use of a process, over time.
#[derive(Clone, Debug, Default)]
pub(super) struct Growth {
    samples: Vec<Usage>,
    rounds: u32,
    /// Why they ended before their time.
    ended: Option<String>,
}

/// One of the things that are counted.
struct Count {
    of: fn(&Usage) -> u64,
    name: &'static str,
    /// In which it is shown.
    unit: u64,
    /// What may come and go.
    slack: u64,
}

const MEMORY: Count = Count {
    of: |usage| usage.memory,
    name: "KiB of memory",
    unit: 1024,
    slack: SLACK,
};
const DESCRIPTORS: Count = Count {
    of: |usage| usage.descriptors,
    name: "descriptors",
    unit: 1,
    slack: A_FEW,
};
const THREADS: Count = Count {
    of: |usage| usage.threads,
    name: "threads",
    unit: 1,
    slack: A_FEW,
};

/// What a process uses.
#[derive(Clone, Copy, Debug, Default)]
struct Usage {
    /// Bytes that are its own.
    memory: u64,
    /// Open descriptors, or the size of their table where nothing tells their number.
    descriptors: u64,
    threads: u64,
}

/// One of the three, after the rounds.
pub(super) async fn check(check: Check, stage: &mut Stage<'_>) -> Seen {
    if stage.options.rounds == 0 {
        return moot("no rounds were wanted (`--rounds 0`)");
    }
    let growth = match &stage.growth {
        Some(known) => known.clone(),
        None => {
            let measured = rounds(stage).await;
            stage.growth = Some(measured.clone());
            measured
        }
    };
    let growth = growth?;
    let count = match check {
        Check::Memory => MEMORY,
        Check::Descriptors => DESCRIPTORS,
        _ => THREADS,
    };
    let [_, second, _, fourth] = growth.quarters(count.of);
    let seen = format!(
        "{} {} in the second quarter of {} rounds, {} in the last",
        second / count.unit,
        count.name,
        growth.rounds,
        fourth / count.unit
    );
    let seen = match &growth.ended {
        Some(why) => format!("{seen}; {why}"),
        None => seen,
    };
    // a failure that growth explains is told where it grows, any other once
    let explained = [MEMORY, DESCRIPTORS, THREADS]
        .iter()
        .any(|count| growth.grows(count));
    if growth.grows(&count) || (growth.ended.is_some() && !explained && check == Check::Memory) {
        failed(seen)
    } else {
        Ok(seen)
    }
}

impl Growth {
    /// Steps of a garbage collector or a pool come once; a leak goes on.
    fn grows(&self, count: &Count) -> bool {
        let [_, second, third, fourth] = self.quarters(count.of);
        fourth > second + count.slack && third > second && fourth > third
    }

    /// The median of each quarter.
    fn quarters(&self, of: fn(&Usage) -> u64) -> [u64; 4] {
        let quarter = (self.samples.len() / 4).max(1);
        let median = |at: usize| {
            let mut part: Vec<u64> = self
                .samples
                .iter()
                .skip(at * quarter)
                .take(quarter)
                .map(of)
                .collect();
            part.sort_unstable();
            part.get(part.len() / 2).copied().unwrap_or(0)
        };
        [median(0), median(1), median(2), median(3)]
    }
}

async fn rounds(stage: &mut Stage<'_>) -> Result<Growth, Trouble> {
    let wanted = stage.options.rounds.max(FEWEST);
    let rules = TrialRules {
        reopens: true,
        ..TrialRules::default()
    };
    let values = stage.values.clone();
    let identifier = stage.identifier();
    let mut trial = stage.process(rules).await?;
    let mut growth = Growth::default();
    let mut published = Vec::new();
    let mut last_call: Option<Instant> = None;
    let result = loop {
        if growth.rounds == wanted {
            break Ok(());
        }
        if stage.stop.is_cancelled() {
            break Err(Trouble::Interrupted);
        }
        let records = [stage.record(&identifier)];
        published.extend(records.clone());
        let round = async {
            let info = trial.open(&values).await?;
            let mut records = records.clone();
            for operation in [Operation::Present, Operation::Remove] {
                if let Some(last) = last_call {
                    sleep_until(last + info.min_call_interval()).await;
                }
                last_call = Some(Instant::now());
                if operation == Operation::Present {
                    stage.ledger.intend(&records);
                }
                let reply = trial.call(operation, &records, Patience::of(CALL)).await?;
                match reply.outcomes.as_slice() {
                    [Ok(done)] if operation == Operation::Present => records[0].handle = done.handle.clone(),
                    [Ok(_)] => stage.ledger.forget(&records[0]),
                    [Err(failure)] if failure.class == FailureClass::RateLimited => {
                        return Ok(Some(failure.to_string()));
                    }
                    [Err(failure)] => {
                        return failed(format!("{} failed: {failure}", operation.as_str()));
                    }
                    _ => return failed("one record had several outcomes"),
                }
            }
            trial.close().await?;
            Ok(None)
        };
        match round.await {
            Ok(None) => {}
            Ok(Some(limit)) if growth.rounds >= FEWEST => {
                // as many as the provider lets us
                tracing::debug!(limit, "rounds ended early");
                break Ok(());
            }
            Ok(Some(limit)) => break moot(format!("the provider allows too few calls: {limit}")),
            Err(Trouble::Failed(seen)) => {
                growth.ended = Some(format!("round {} failed: {seen}", growth.rounds + 1));
                break Ok(());
            }
            Err(other) => break Err(other),
        }
        growth.rounds += 1;
        let every = (wanted / SAMPLES).max(1);
        if growth.rounds.is_multiple_of(every)
            && let Some(usage) = trial.process().and_then(usage)
        {
            growth.samples.push(usage);
        }
    };
    stage.retire(trial).await;
    look_back(stage, &identifier, &published).await;
    stage.sweep().await;
    result?;
    if growth.samples.len() < 4 {
        if let Some(why) = growth.ended {
            return failed(why);
        }
        return moot("the use of the process cannot be seen in /proc");
    }
    Ok(growth)
}

/// The rounds believe what the plugin says; once they are over, the servers are asked.
async fn look_back(stage: &mut Stage<'_>, identifier: &str, published: &[Record]) {
    if stage.options.keeps_values {
        return;
    }
    let left = shown(stage, identifier, published).await;
    let Some(view) = &mut stage.view else { return };
    if left.is_empty() {
        return;
    }
    let wanted = Wanted {
        present: Vec::new(),
        absent: left.iter().map(|record| record.value.clone()).collect(),
    };
    // what went a moment ago may show for as long as any other change
    let name = names::challenge_name(identifier);
    if view
        .until(&name, &wanted, &CancellationToken::new())
        .await
        .is_ok()
    {
        return;
    }
    let left = shown(stage, identifier, published).await;
    let standing = stage.ledger.standing();
    let known = |record: &&Record| standing.iter().any(|known| known.record.value == record.value);
    stage.hollow += left.iter().filter(|record| !known(record)).count();
    stage.ledger.doubt(&left);
}

/// Those that a server shows now.
async fn shown(stage: &mut Stage<'_>, identifier: &str, published: &[Record]) -> Vec<Record> {
    let Some(view) = &mut stage.view else {
        return Vec::new();
    };
    // who cannot be asked now could not be asked for any other record either
    let servers = view
        .values(&names::challenge_name(identifier))
        .await
        .unwrap_or_default();
    let values: Vec<&String> = servers
        .iter()
        .filter_map(|server| server.values.as_ref().ok())
        .flatten()
        .collect();
    let shown = published.iter().filter(|record| values.contains(&&record.value));
    shown.cloned().collect()
}

fn usage(process: i32) -> Option<Usage> {
    let directory = PathBuf::from(format!("/proc/{process}"));
    let status = std::fs::read_to_string(directory.join("status")).ok()?;
    let number = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    // the process hides itself, so only root may list its descriptors; since Linux 6.2 anybody is told their
    // number as a size, and before that anybody may see their table grow
    let files = directory.join("fd");
    let told = std::fs::metadata(&files)
        .ok()
        .map(|data| data.len())
        .filter(|count| *count > 0);
    let listed = || std::fs::read_dir(&files).ok().map(|files| files.count() as u64);
    Some(Usage {
        memory: number("RssAnon:")? * 1024,
        descriptors: told.or_else(listed).or_else(|| number("FDSize:"))?,
        threads: number("Threads:")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn growth(memory: impl Fn(u64) -> u64) -> [u64; 4] {
        let samples = (0..40)
            .map(|at| Usage {
                memory: memory(at),
                ..Usage::default()
            })
            .collect();
        let growth = Growth {
            samples,
            rounds: 40,
            ended: None,
        };
        growth.quarters(|usage| usage.memory)
    }

    #[test]
    fn a_single_outlier_moves_no_quarter() {
        assert_eq!(growth(|at| if at == 35 { 1 << 30 } else { 7 }), [7; 4]);
    }

    #[test]
    fn our_own_use_can_be_read() {
        let usage = usage(std::process::id() as i32).unwrap();
        assert!(
            usage.memory > 0 && usage.threads > 0 && usage.descriptors > 2,
            "{usage:?}"
        );
    }
}
