//! The due queue.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::lanes::Result;
use crate::store::{Due, Job, JobKind};

/// Jobs that are looked for at once, whatever their kinds. More are due together only after a start or an outage.
const TOGETHER: usize = 64;

/// What is due of each of these kinds, at most so many.
pub(super) fn look(connection: &Connection, now: Timestamp, most: &[(JobKind, usize)]) -> Result<Due> {
    if let Some((due, next)) = all_due(connection, now)? {
        let of = |kind: JobKind| due.iter().filter(move |job| job.kind == kind);
        let jobs = most.iter().flat_map(|(kind, most)| of(*kind).take(*most));
        let jobs = jobs.cloned().collect();
        return Ok(Due { jobs, next });
    }
    let mut jobs = Vec::new();
    for (kind, most) in most {
        jobs.extend(due(connection, *kind, now, *most)?);
    }
    let next = next_due(connection, now)?;
    Ok(Due { jobs, next })
}

/// All that is due, and when the next is: one statement, because each is a lock taken and given back. `None` where it
/// is more than [`TOGETHER`].
fn all_due(connection: &Connection, now: Timestamp) -> Result<Option<(Vec<Job>, Option<Timestamp>)>> {
    let mut statement = connection.prepare_cached("SELECT kind, subject, due FROM job ORDER BY due")?;
    let mut rows = statement.query([])?;
    let mut jobs = Vec::new();
    while let Some(row) = rows.next()? {
        let due: i64 = row.get(2)?;
        if due > now.as_millisecond() {
            return Ok(Some((jobs, Some(moment(due)))));
        }
        if jobs.len() == TOGETHER {
            return Ok(None);
        }
        // one of a later release is not ours to do
        if let Some(kind) = known(&row.get::<_, String>(0)?) {
            jobs.push(Job {
                kind,
                subject: row.get(1)?,
                due: moment(due),
            });
        }
    }
    Ok(Some((jobs, None)))
}

fn known(kind: &str) -> Option<JobKind> {
    JobKind::ALL.into_iter().find(|known| known.as_str() == kind)
}

fn due(connection: &Connection, kind: JobKind, now: Timestamp, limit: usize) -> Result<Vec<Job>> {
    let mut statement = connection
        .prepare_cached("SELECT subject, due FROM job WHERE kind = ?1 AND due <= ?2 ORDER BY due LIMIT ?3")?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = statement.query_map(params![kind.as_str(), now.as_millisecond(), limit], |row| {
        Ok(Job {
            kind,
            subject: row.get(0)?,
            due: moment(row.get(1)?),
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn next_due(connection: &Connection, now: Timestamp) -> Result<Option<Timestamp>> {
    let due = connection
        .prepare_cached("SELECT due FROM job WHERE due > ?1 ORDER BY due LIMIT 1")?
        .query_row([now.as_millisecond()], |row| row.get(0))
        .optional()?;
    Ok(due.map(moment))
}

pub(super) fn until(connection: &Connection, until: Timestamp, limit: usize) -> Result<Vec<Job>> {
    let mut statement = connection
        .prepare_cached("SELECT kind, subject, due FROM job WHERE due <= ?1 ORDER BY due LIMIT ?2")?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = statement.query_map(params![until.as_millisecond(), limit], |row| {
        Ok((row.get::<_, String>(0)?, row.get(1)?, moment(row.get(2)?)))
    })?;
    let jobs = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    // one of a later release is not ours to explain
    Ok(jobs
        .into_iter()
        .filter_map(|(kind, subject, due)| {
            let kind = known(&kind)?;
            Some(Job { kind, subject, due })
        })
        .collect())
}

pub(super) fn schedule(connection: &Connection, job: &Job) -> Result<()> {
    connection
        .prepare_cached(
            // what stays as it is writes no page: most answers about a renewal leave it where it was planned
            "INSERT INTO job (kind, subject, due) VALUES (?1, ?2, ?3) \
             ON CONFLICT DO UPDATE SET due = ?3 WHERE due <> ?3",
        )?
        .execute(params![job.kind.as_str(), job.subject, job.due.as_millisecond()])?;
    Ok(())
}

/// Like [`schedule`], but never later than what is queued.
pub(super) fn schedule_by(
    connection: &Connection,
    kind: JobKind,
    subject: &str,
    due: Timestamp,
) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO job (kind, subject, due) VALUES (?1, ?2, ?3) \
             ON CONFLICT DO UPDATE SET due = ?3 WHERE due > ?3",
        )?
        .execute(params![kind.as_str(), subject, due.as_millisecond()])?;
    Ok(())
}

pub(super) fn unschedule(connection: &Connection, kind: JobKind, subject: &str) -> Result<()> {
    connection
        .prepare_cached("DELETE FROM job WHERE kind = ?1 AND subject = ?2")?
        .execute(params![kind.as_str(), subject])?;
    Ok(())
}

/// A stored moment; one out of range counts as long ago, which makes it due.
pub(super) fn moment(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;
    use crate::store::Sqlite;

    fn at(second: usize) -> Timestamp {
        Timestamp::from_second(second as i64).unwrap()
    }

    /// A database with a job of some kind for each second from 1 on.
    fn with_jobs(count: usize) -> (tempfile::TempDir, Connection, Vec<Job>) {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("state.db");
        drop(Sqlite::open(&file).unwrap());
        let connection = Connection::open(file).unwrap();
        let job = |number: usize| Job {
            kind: JobKind::ALL[number % 3],
            subject: format!("s{number}"),
            due: at(number),
        };
        let jobs: Vec<_> = (1..=count).map(job).collect();
        for job in &jobs {
            schedule(&connection, job).unwrap();
        }
        (directory, connection, jobs)
    }

    #[test]
    fn few_and_many_due_jobs_are_told_alike() {
        let (_directory, connection, jobs) = with_jobs(2 * TOGETHER);
        let most = [(JobKind::Deploy, 5), (JobKind::Issue, 40)];
        for now in [0, 1, 7, TOGETHER - 1, TOGETHER, TOGETHER + 1, 2 * TOGETHER] {
            let of = |(kind, most): (JobKind, usize)| {
                let of_kind = jobs.iter().filter(move |job| job.kind == kind);
                of_kind.filter(|job| job.due <= at(now)).take(most)
            };
            let due = look(&connection, at(now), &most).unwrap();
            assert_eq!(
                due.jobs,
                most.into_iter().flat_map(of).cloned().collect::<Vec<_>>()
            );
            let next = jobs.get(now).map(|job| job.due);
            assert_eq!(due.next, next, "at {now}");
        }
    }

    #[test]
    fn a_plan_that_stays_is_not_written() {
        let (_directory, connection, jobs) = with_jobs(1);
        let changes = |due: usize| {
            let before = connection.total_changes();
            let job = Job {
                due: at(due),
                ..jobs[0].clone()
            };
            schedule(&connection, &job).unwrap();
            schedule_by(&connection, job.kind, &job.subject, at(due + 1)).unwrap();
            connection.total_changes() - before
        };
        assert_eq!([1, 2, 2, 1].map(changes), [0, 1, 0, 1]);
        assert_eq!(next_due(&connection, at(0)).unwrap(), Some(at(1)));
    }

    #[test]
    fn a_job_of_a_later_release_is_left_alone() {
        let (_directory, connection, jobs) = with_jobs(1);
        connection
            .execute("INSERT INTO job VALUES ('dance', 's0', 0)", [])
            .unwrap();
        let most = [(JobKind::Issue, 9), (JobKind::Deploy, 9)];
        assert_eq!(look(&connection, at(5), &most).unwrap().jobs, jobs);
    }

    #[test]
    fn what_is_asked_for_most_is_not_searched_for() {
        let (_directory, connection, _) = with_jobs(0);
        for (statement, plan) in [
            (
                "SELECT kind, subject, due FROM job ORDER BY due",
                "SCAN job USING COVERING INDEX job_due",
            ),
            (
                "SELECT subject, due FROM job WHERE kind = 'issue' AND due <= 5 ORDER BY due LIMIT 9",
                "SEARCH job USING COVERING INDEX job_kind_due (kind=? AND due<?)",
            ),
            (
                "DELETE FROM budget WHERE full_at < 5",
                "SEARCH budget USING COVERING INDEX budget_full_at (full_at<?)",
            ),
        ] {
            let mut statement = connection
                .prepare(&format!("EXPLAIN QUERY PLAN {statement}"))
                .unwrap();
            let steps = statement.query_map([], |row| row.get::<_, String>(3)).unwrap();
            let steps: Vec<String> = steps.map(std::result::Result::unwrap).collect();
            assert_eq!(steps, [plan]);
        }
    }
}
