//! A connection with a thread of its own. Work that queues up while a commit
//! is being flushed shares the next one.

use std::{
    any::Any,
    path::{Path, PathBuf},
    sync::Arc,
};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::store::StoreError;

/// What a piece of work inside a transaction answers.
pub(super) type Result<T> = std::result::Result<T, Trouble>;

/// Why a piece of work failed.
#[derive(Debug)]
pub(super) enum Trouble {
    /// SQLite refused.
    Sqlite(rusqlite::Error),
    /// A value cannot be read back.
    Damaged {
        what: &'static str,
        subject: String,
        reason: String,
    },
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Self {
        Trouble::Sqlite(error)
    }
}

/// Work that waits for the thread; more than this in the queue means that the
/// disk stands still, and callers then wait in line.
const QUEUE: usize = 256;
/// Most pieces of work in one commit: bounds what one flush can hold up.
const BATCH: usize = 128;

type Boxed = Box<dyn Any + Send>;

type Run = Box<dyn FnOnce(&Connection) -> Result<Boxed> + Send>;

type Reply<T> = oneshot::Sender<std::result::Result<T, StoreError>>;

struct Work {
    run: Run,
    reply: Reply<Boxed>,
}

enum Order {
    /// In a transaction where it writes, which it may share.
    Work(Work),
    /// Outside of any.
    EmptyLog(Reply<bool>),
}

/// What a lane is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// Transactions. What queues up shares one.
    Write,
    /// Questions, each on its own: a transaction would only make four more statements of it.
    Read,
}

/// A thread that owns a connection.
#[derive(Debug)]
pub(super) struct Lane {
    // an Option so that drop can close the queue before it joins
    queue: Option<mpsc::Sender<Order>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Lane {
    pub(super) fn start(
        name: &'static str,
        connection: Connection,
        path: Arc<Path>,
        access: Access,
    ) -> std::result::Result<Self, StoreError> {
        let (queue, work) = mpsc::channel(QUEUE);
        let file = path.to_path_buf();
        let thread = std::thread::Builder::new()
            .name(name.into())
            .spawn(move || serve(connection, work, &path, access))
            .map_err(|source| StoreError::File { path: file, source })?;
        Ok(Lane {
            queue: Some(queue),
            thread: Some(thread),
        })
    }

    /// Runs `work`; one that writes in a transaction, and answers when that is committed.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> std::result::Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let run =
            Box::new(move |connection: &Connection| work(connection).map(|value| Box::new(value) as Boxed));
        let queue = self.queue.as_ref().ok_or(StoreError::Closed)?;
        queue
            .send(Order::Work(Work { run, reply }))
            .await
            .map_err(|_| StoreError::Closed)?;
        let value = answer.await.map_err(|_| StoreError::Closed)??;
        // the box was made from a T three lines above
        value
            .downcast::<T>()
            .map(|value| *value)
            .map_err(|_| StoreError::Closed)
    }

    /// Moves the write-ahead log into the database and cuts it to nothing. False when a reader needs it.
    pub(super) async fn empty_log(&self) -> std::result::Result<bool, StoreError> {
        let (reply, answer) = oneshot::channel();
        let queue = self.queue.as_ref().ok_or(StoreError::Closed)?;
        queue
            .send(Order::EmptyLog(reply))
            .await
            .map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take() {
            // what is queued is committed first; a panic there was reported by the thread
            let _ = thread.join();
        }
    }
}

fn serve(mut connection: Connection, mut orders: mpsc::Receiver<Order>, path: &Path, access: Access) {
    let mut batch = Vec::new();
    while let Some(first) = orders.blocking_recv() {
        let mut next = Some(first);
        let mut empty_log = None;
        while let Some(order) = next.take() {
            match order {
                Order::Work(work) => batch.push(work),
                Order::EmptyLog(reply) => empty_log = Some(reply),
            }
            if empty_log.is_none() && batch.len() < BATCH {
                next = orders.try_recv().ok();
            }
        }
        if access == Access::Read {
            for Work { run, reply } in batch.drain(..) {
                // whoever asked may have gone
                let _ = reply.send(run(&connection).map_err(|trouble| report(trouble, path)));
            }
        } else if batch.len() > 1 {
            commit(&mut connection, batch.drain(..), path);
        } else if let Some(work) = batch.pop() {
            commit_one(&mut connection, work, path);
        }
        if let Some(reply) = empty_log {
            // whoever asked may have gone
            let _ = reply.send(truncate_log(&connection, path));
        }
    }
    // folds the log into the database, so that a stopped daemon leaves one file
    if let Err(error) = connection.close() {
        tracing::warn!(error = %error.1, "state database did not close cleanly");
    }
}

fn truncate_log(connection: &Connection, path: &Path) -> std::result::Result<bool, StoreError> {
    connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
        .map(|busy: i64| busy == 0)
        .map_err(|error| report(error.into(), path))
}

/// What comes alone needs no savepoint, for which SQLite copies every page before it is changed.
fn commit_one(connection: &mut Connection, Work { run, reply }: Work, path: &Path) {
    let outcome = (|| {
        let transaction = connection.transaction()?;
        match run(&transaction) {
            Ok(value) => transaction.commit().map(|()| Ok(value)),
            // the transaction is dropped, and with it what was written
            Err(trouble) => Ok(Err(trouble)),
        }
    })();
    let value = match outcome {
        Ok(value) => value.map_err(|trouble| report(trouble, path)),
        Err(error) => {
            let error = report(error.into(), path);
            tracing::error!(error = %error, "state database refused a commit");
            Err(error)
        }
    };
    // whoever asked may have gone; the work stands all the same
    let _ = reply.send(value);
}

fn commit(connection: &mut Connection, batch: impl Iterator<Item = Work>, path: &Path) {
    let wrap = |trouble| report(trouble, path);
    let mut done: Vec<(oneshot::Sender<_>, std::result::Result<Boxed, StoreError>)> = Vec::new();
    let mut work = batch;
    let outcome = (|| -> Result<()> {
        let mut transaction = connection.transaction()?;
        for Work { run, reply } in work.by_ref() {
            // a savepoint each: one that fails takes nothing of the others with it
            let savepoint = transaction.savepoint()?;
            let value = match run(&savepoint) {
                Ok(value) => savepoint.commit().map(|()| value).map_err(Trouble::from),
                Err(trouble) => {
                    drop(savepoint);
                    Err(trouble)
                }
            };
            done.push((reply, value.map_err(wrap)));
        }
        transaction.commit()?;
        Ok(())
    })();
    if let Err(trouble) = outcome {
        // nothing of this batch is durable: say so to each
        let error = report(trouble, path);
        tracing::error!(error = %error, "state database refused a commit");
        for (reply, _) in done {
            let _ = reply.send(Err(again(&error)));
        }
        for Work { reply, .. } in work {
            let _ = reply.send(Err(again(&error)));
        }
        return;
    }
    for (reply, value) in done {
        // whoever asked may have gone; the work stands all the same
        let _ = reply.send(value);
    }
}

fn report(trouble: Trouble, path: &Path) -> StoreError {
    match trouble {
        Trouble::Sqlite(source) => StoreError::Sqlite {
            path: path.to_owned(),
            source,
        },
        Trouble::Damaged {
            what,
            subject,
            reason,
        } => StoreError::Damaged {
            what,
            subject,
            reason,
        },
    }
}

/// `rusqlite::Error` is not `Clone`: the code and text are what matters.
fn again(error: &StoreError) -> StoreError {
    let (path, source) = match error {
        StoreError::Sqlite {
            path,
            source: rusqlite::Error::SqliteFailure(code, text),
        } => (path.clone(), rusqlite::Error::SqliteFailure(*code, text.clone())),
        other => (
            PathBuf::new(),
            rusqlite::Error::ToSqlConversionFailure(other.to_string().into()),
        ),
    };
    StoreError::Sqlite { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(text: &'static str, fails: bool) -> impl FnOnce(&Connection) -> Result<()> + Send {
        move |connection| {
            connection.execute("INSERT INTO t VALUES (?1)", [text])?;
            match fails {
                true => Err(Trouble::Sqlite(rusqlite::Error::InvalidQuery)),
                false => Ok(()),
            }
        }
    }

    #[tokio::test]
    async fn what_fails_leaves_nothing_be_it_alone_or_among_others() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE t (text TEXT)").unwrap();
        let path: Arc<Path> = Path::new("state.db").into();
        let lane = Lane::start("test", connection, path, Access::Write).unwrap();
        assert!(lane.run(write("alone, bad", true)).await.is_err());
        lane.run(write("alone, good", false)).await.unwrap();
        // while the thread is busy, the others queue up
        let busy = lane.run(|_| {
            std::thread::sleep(std::time::Duration::from_millis(50));
            Ok(())
        });
        let others = tokio::join!(
            busy,
            lane.run(write("good", false)),
            lane.run(write("bad", true)),
            lane.run(write("good too", false))
        );
        assert!(others.1.is_ok() && others.2.is_err() && others.3.is_ok());
        let texts = lane.run(|connection| {
            let mut statement = connection.prepare("SELECT text FROM t")?;
            let texts = statement.query_map([], |row| row.get::<_, String>(0))?;
            Ok(texts.collect::<rusqlite::Result<Vec<_>>>()?)
        });
        assert_eq!(texts.await.unwrap(), ["alone, good", "good", "good too"]);
    }
}
