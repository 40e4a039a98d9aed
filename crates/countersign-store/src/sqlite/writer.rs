//! The one writer: work that waits is done in one transaction and committed together.
//!
//! Waiting for the disk is the price of a promise that survives a power cut, and it is
//! paid once for everybody who waits: while one commit is on its way to the disk, the
//! next calls gather. Work runs on connections that belong to this task alone, so a
//! caller who goes away leaves no half transaction behind.
//!
//! Two connections differ in `synchronous` alone. `FULL` waits for the disk at each
//! commit; `NORMAL`, for touches, hits and purges, leaves that to the next checkpoint
//! or to the next commit with `FULL`. Neither can lose what was acknowledged when the
//! process dies; only `NORMAL` can when the power fails.

use std::pin::Pin;

use sqlx::{Connection, SqliteConnection};
use tokio::sync::{mpsc, oneshot};

use super::failure::{CLOSED, Failure, store_error};
use super::file::FileIdentity;
use crate::{StoreError, StoreFuture};

/// How many calls share one commit at most.
const LARGEST_BATCH: usize = 128;
/// How many calls may wait; more wait for their turn to wait.
const LONGEST_QUEUE: usize = 1024;

/// Whether a commit waits for the disk.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Durability {
    /// It survives the death of the process.
    Process,
    /// It survives a power cut too.
    Power,
}

/// The future of a piece of work inside a transaction.
pub(super) type Step<'a, T> = Pin<Box<dyn Future<Output = Result<T, Failure>> + Send + 'a>>;

/// Something to do inside a transaction. It may be run again after a rollback.
pub(super) trait Work: Send + 'static {
    /// What the caller is told.
    type Answer: Send + 'static;
    /// How well it must be kept.
    const DURABILITY: Durability;

    /// Does it on `connection`, which is inside a transaction.
    fn run<'a>(&'a self, connection: &'a mut SqliteConnection) -> Step<'a, Self::Answer>;
}

/// The queue to the writer.
#[derive(Clone)]
pub(super) struct Writer(mpsc::Sender<Box<dyn Job>>);

impl Writer {
    /// Starts the task. It ends when the last sender is gone and its work is done.
    pub(super) fn start(
        connections: Connections,
        identity: FileIdentity,
    ) -> (Self, tokio::task::JoinHandle<()>) {
        let (sender, receiver) = mpsc::channel(LONGEST_QUEUE);
        let task = tokio::spawn(serve(receiver, connections, identity));
        (Self(sender), task)
    }

    /// Does `work` and waits until it is committed.
    pub(super) fn submit<W: Work>(self, work: W) -> StoreFuture<'static, W::Answer> {
        Box::pin(async move {
            let (reply, answer) = oneshot::channel();
            let job = Box::new(Pending {
                work,
                answer: None,
                reply,
            });
            let closed = || StoreError::Unavailable(CLOSED.to_owned());
            self.0.send(job).await.map_err(|_| closed())?;
            answer.await.map_err(|_| closed())?
        })
    }
}

/// The connections of the writer.
pub(super) struct Connections {
    /// With `synchronous = FULL`.
    pub(super) power: SqliteConnection,
    /// With `synchronous = NORMAL`.
    pub(super) process: SqliteConnection,
}

/// [`Work`] of any kind, with whoever waits for it.
trait Job: Send {
    fn durability(&self) -> Durability;
    /// Whether its error, if it has one, must be undone.
    fn run<'a>(
        &'a mut self,
        connection: &'a mut SqliteConnection,
    ) -> Pin<Box<dyn Future<Output = Result<(), Undo>> + Send + 'a>>;
    /// Tells the caller: what [`Job::run`] found, or that nothing of it was kept.
    fn settle(self: Box<Self>, lost: Option<&str>);
}

/// The transaction holds something that must not be committed.
struct Undo;

struct Pending<W: Work> {
    work: W,
    answer: Option<Result<W::Answer, StoreError>>,
    reply: oneshot::Sender<Result<W::Answer, StoreError>>,
}

impl<W: Work> Job for Pending<W> {
    fn durability(&self) -> Durability {
        W::DURABILITY
    }

    fn run<'a>(
        &'a mut self,
        connection: &'a mut SqliteConnection,
    ) -> Pin<Box<dyn Future<Output = Result<(), Undo>> + Send + 'a>> {
        Box::pin(async move {
            let (answer, undo) = match self.work.run(connection).await {
                Ok(answer) => (Ok(answer), false),
                Err(Failure { error, wrote }) => (Err(error), wrote),
            };
            self.answer = Some(answer);
            if undo { Err(Undo) } else { Ok(()) }
        })
    }

    fn settle(self: Box<Self>, lost: Option<&str>) {
        let answer = match (lost, self.answer) {
            // What was refused stays refused for its own reason.
            (_, Some(Err(error))) => Err(error),
            (None, Some(Ok(answer))) => Ok(answer),
            (lost, _) => Err(StoreError::Unavailable(lost.unwrap_or(CLOSED).to_owned())),
        };
        // Nobody waits any more for a call that was dropped.
        let _ = self.reply.send(answer);
    }
}

type Queue = mpsc::Receiver<Box<dyn Job>>;

async fn serve(mut queue: Queue, mut connections: Connections, identity: FileIdentity) {
    while let Some(first) = queue.recv().await {
        let mut batch = vec![first];
        while batch.len() < LARGEST_BATCH
            && let Ok(next) = queue.try_recv()
        {
            batch.push(next);
        }
        if let Err(gone) = identity.check() {
            settle(batch, Some(&gone));
            continue;
        }
        let durability = batch.iter().map(|job| job.durability()).max();
        let connection = match durability {
            Some(Durability::Process) => &mut connections.process,
            Some(Durability::Power) | None => &mut connections.power,
        };
        commit_together(connection, batch, &mut queue).await;
    }
    // The last connection to close brings the log into the file. If that fails, the
    // next opening does it.
    let _ = connections.process.close().await;
    let _ = connections.power.close().await;
}

/// Commits all of `batch` in one transaction; if that fails, each call in one of its
/// own, so that nobody fails because of somebody else.
async fn commit_together(
    connection: &mut SqliteConnection,
    mut batch: Vec<Box<dyn Job>>,
    queue: &mut Queue,
) {
    match transaction(connection, &mut batch).await {
        Outcome::Committed => settle(batch, None),
        Outcome::NotBegun(reason) => {
            // Whoever waits already has waited as long as the lock may take.
            settle(batch, Some(&reason));
            while let Ok(waiting) = queue.try_recv() {
                waiting.settle(Some(&reason));
            }
        }
        Outcome::RolledBack(reason) if batch.len() == 1 => settle(batch, Some(&reason)),
        Outcome::RolledBack(_) => {
            for job in batch {
                let mut alone = vec![job];
                match transaction(connection, &mut alone).await {
                    Outcome::Committed => settle(alone, None),
                    Outcome::NotBegun(reason) | Outcome::RolledBack(reason) => {
                        settle(alone, Some(&reason));
                    }
                }
            }
        }
    }
}

enum Outcome {
    Committed,
    NotBegun(String),
    RolledBack(String),
}

async fn transaction(connection: &mut SqliteConnection, batch: &mut [Box<dyn Job>]) -> Outcome {
    if let Err(error) = execute(connection, "BEGIN IMMEDIATE").await {
        return Outcome::NotBegun(error);
    }
    for job in batch {
        if job.run(connection).await.is_err() {
            return roll_back(connection, "another call in the transaction failed").await;
        }
    }
    crate::points::reach("commit:before");
    match execute(connection, "COMMIT").await {
        Ok(()) => {
            crate::points::reach("commit:after");
            Outcome::Committed
        }
        Err(error) => roll_back(connection, &error).await,
    }
}

async fn roll_back(connection: &mut SqliteConnection, reason: &str) -> Outcome {
    // SQLite has rolled back by itself after some failures; then this one fails, and
    // the next BEGIN tells whether the connection is good.
    let _ = execute(connection, "ROLLBACK").await;
    Outcome::RolledBack(reason.to_owned())
}

async fn execute(connection: &mut SqliteConnection, sql: &'static str) -> Result<(), String> {
    match sqlx::query(sql).execute(connection).await {
        Ok(_) => Ok(()),
        Err(error) => Err(match store_error(&error) {
            StoreError::Unavailable(reason) | StoreError::Corrupt(reason) => reason,
            other => other.to_string(),
        }),
    }
}

fn settle(batch: Vec<Box<dyn Job>>, lost: Option<&str>) {
    for job in batch {
        job.settle(lost);
    }
}
