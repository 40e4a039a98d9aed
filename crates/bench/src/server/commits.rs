//! SQLite and nothing around it: what its commits allow, with the settings of the store.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use clap::Args;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{Connection, SqliteConnection};
use tokio::sync::Mutex;

use crate::authorization::COMMITS_EACH;

/// A row is as long as those of tokens are.
const ROW: usize = 500;

/// What is committed.
#[derive(Debug, Args)]
pub(crate) struct CommitSettings {
    /// Worker threads of the runtime.
    #[arg(long)]
    pub(super) workers: usize,
    /// Where the database is put.
    #[arg(long)]
    folder: PathBuf,
}

/// Each request to `/1` or `/4` makes commits with so many rows in each, one after the
/// other; nothing else happens in between.
pub(super) async fn serve(told: &CommitSettings) -> Result<()> {
    let mut connection = SqliteConnectOptions::new()
        .filename(told.folder.join("commits.db"))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full);
    connection = sqlx::ConnectOptions::disable_statement_logging(connection);
    let mut connection = SqliteConnection::connect_with(&connection).await?;
    sqlx::raw_sql(
        "CREATE TABLE rows (id BLOB PRIMARY KEY, body BLOB NOT NULL) STRICT, WITHOUT ROWID",
    )
    .execute(&mut connection)
    .await?;
    let shared = Arc::new(Mutex::new(connection));
    let listener = super::listen().await?;
    let router = Router::new()
        .route("/1", post(one_row))
        .route("/4", post(four_rows))
        .with_state(shared);
    axum::serve(listener, router).await?;
    Ok(())
}

type Shared = State<Arc<Mutex<SqliteConnection>>>;

async fn one_row(State(shared): Shared) -> StatusCode {
    commit(&mut *shared.lock().await, 1).await
}

async fn four_rows(State(shared): Shared) -> StatusCode {
    commit(&mut *shared.lock().await, 4).await
}

async fn commit(connection: &mut SqliteConnection, rows: u32) -> StatusCode {
    match commits(connection, rows).await {
        Ok(()) => StatusCode::OK,
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

async fn commits(connection: &mut SqliteConnection, rows: u32) -> Result<()> {
    // The keys are as scattered as digests are.
    let insert = match rows {
        1 => "INSERT INTO rows VALUES (randomblob(32), zeroblob(?1))",
        _ => {
            "INSERT INTO rows VALUES (randomblob(32), zeroblob(?1)), \
             (randomblob(32), zeroblob(?1)), (randomblob(32), zeroblob(?1)), \
             (randomblob(32), zeroblob(?1))"
        }
    };
    for _ in 0..COMMITS_EACH {
        sqlx::query(insert)
            .bind(i64::try_from(ROW)?)
            .execute(&mut *connection)
            .await
            .context("a commit failed")?;
    }
    Ok(())
}
