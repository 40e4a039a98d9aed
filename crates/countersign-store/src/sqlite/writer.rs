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
use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection, SqliteConnection};
use tokio::sync::{mpsc, oneshot};

use super::failure::{BUSY, CLOSED, Failure, code, store_error};
use super::file::FileIdentity;
use crate::{StoreError, StoreFuture};

/// How many calls share one commit at most.
const LARGEST_BATCH: usize = 128;
/// How many calls may wait; more wait for their turn to wait.
const LONGEST_QUEUE: usize = 1024;
/// How long SQLite waits for the lock before it is asked again. Left to itself it looks
/// less and less often, at last every 100 ms, and a process that writes all the time
/// leaves the lock free for microseconds only: the others would hardly ever get it.
const GLANCE: Duration = Duration::from_millis(3);

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
    power: SqliteConnection,
    /// With `synchronous = NORMAL`.
    process: SqliteConnection,
    /// How often they look whether the lock is free.
    glances: u128,
}

impl Connections {
    /// Lets the writer have `power`, with `synchronous = FULL`, and `process`, with
    /// `NORMAL`, and wait for the lock as long as `patience`.
    pub(super) async fn new(
        mut power: SqliteConnection,
        mut process: SqliteConnection,
        patience: Duration,
    ) -> Result<Self, sqlx::Error> {
        for connection in [&mut power, &mut process] {
            let pragma = format!("PRAGMA busy_timeout = {}", GLANCE.as_millis());
            sqlx::raw_sql(AssertSqlSafe(pragma))
                .execute(connection)
                .await?;
        }
        Ok(Self {
            power,
            process,
            glances: patience.as_millis().div_ceil(GLANCE.as_millis()).max(1),
        })
    }
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
        let mut writing = Writing {
            connection,
            glances: connections.glances,
        };
        writing.commit_together(batch, &mut queue).await;
    }
    // The last connection to close brings the log into the file. If that fails, the
    // next opening does it.
    let _ = connections.process.close().await;
    let _ = connections.power.close().await;
}

enum Outcome {
    Committed,
    NotBegun(String),
    RolledBack(String),
}

/// The connection that suits a batch.
struct Writing<'c> {
    connection: &'c mut SqliteConnection,
    glances: u128,
}

impl Writing<'_> {
    /// Commits all of `batch` in one transaction; if that fails, each call in one of its
    /// own, so that nobody fails because of somebody else.
    async fn commit_together(&mut self, mut batch: Vec<Box<dyn Job>>, queue: &mut Queue) {
        match self.transaction(&mut batch).await {
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
                    match self.transaction(&mut alone).await {
                        Outcome::Committed => settle(alone, None),
                        Outcome::NotBegun(reason) | Outcome::RolledBack(reason) => {
                            settle(alone, Some(&reason));
                        }
                    }
                }
            }
        }
    }

    async fn transaction(&mut self, batch: &mut [Box<dyn Job>]) -> Outcome {
        if let Err(error) = self.begin().await {
            return Outcome::NotBegun(sentence(&error));
        }
        for job in batch {
            if job.run(self.connection).await.is_err() {
                return roll_back(self.connection, "another call in the transaction failed").await;
            }
        }
        crate::points::reach("commit:before");
        match execute(self.connection, "COMMIT").await {
            Ok(()) => {
                crate::points::reach("commit:after");
                Outcome::Committed
            }
            Err(error) => roll_back(self.connection, &sentence(&error)).await,
        }
    }

    /// Takes the lock, as soon as nobody has it.
    async fn begin(&mut self) -> Result<(), sqlx::Error> {
        let mut glances = self.glances;
        loop {
            glances = glances.saturating_sub(1);
            match execute(self.connection, "BEGIN IMMEDIATE").await {
                Err(error) if glances > 0 && code(&error) == Some(BUSY) => {}
                done => return done,
            }
        }
    }
}

async fn roll_back(connection: &mut SqliteConnection, reason: &str) -> Outcome {
    // SQLite has rolled back by itself after some failures; then this one fails, and
    // the next BEGIN tells whether the connection is good.
    let _ = execute(connection, "ROLLBACK").await;
    Outcome::RolledBack(reason.to_owned())
}

async fn execute(connection: &mut SqliteConnection, sql: &'static str) -> Result<(), sqlx::Error> {
    sqlx::query(sql).execute(connection).await?;
    Ok(())
}

fn sentence(error: &sqlx::Error) -> String {
    match store_error(error) {
        StoreError::Unavailable(reason) | StoreError::Corrupt(reason) => reason,
        other => other.to_string(),
    }
}

fn settle(batch: Vec<Box<dyn Job>>, lost: Option<&str>) {
    for job in batch {
        job.settle(lost);
    }
}
