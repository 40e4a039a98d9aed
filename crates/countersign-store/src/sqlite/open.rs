//! Opening a database: what it is, of which schema, and the connections to it.

use std::path::Path;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, raw_sql};

use super::failure::{code, store_error};
use super::file::{FileIdentity, Header, prepare};
use super::writer::Connections;
use super::{OpenError, SqliteOptions};

/// `CSTR` in the header of the file says whose it is.
const APPLICATION_ID: u32 = 0x4353_5452;

/// The steps from nothing to the schema of this release, in order. A step is never
/// changed once it was released.
pub(super) const MIGRATIONS: [&str; 3] = [
    include_str!("../../migrations/0001_records_and_counters.sql"),
    include_str!("../../migrations/0002_loose_upstream_tokens.sql"),
    include_str!("../../migrations/0003_journal.sql"),
];

/// The schema of this release.
const SCHEMA: u32 = MIGRATIONS.len() as u32;

/// How large the log may stay after a checkpoint, in bytes.
const LOG_LIMIT: u32 = 16 * 1024 * 1024;

/// Everything that reaches the file.
pub(super) struct Opened {
    pub(super) connections: Connections,
    pub(super) readers: SqlitePool,
    pub(super) identity: FileIdentity,
}

pub(super) async fn open(options: &SqliteOptions) -> Result<Opened, OpenError> {
    let path = options.path.as_path();
    if let Some(header) = prepare(options)? {
        check_header(path, header)?;
    }
    let identity = FileIdentity::of(path)?;
    let failed = |error: sqlx::Error| OpenError::at(path, &sentence(&error));

    let mut power = connect(options, SqliteSynchronous::Full)
        .await
        .map_err(failed)?;
    migrate(&mut power, path).await?;
    let process = connect(options, SqliteSynchronous::Normal)
        .await
        .map_err(failed)?;
    let readers = SqlitePoolOptions::new()
        .max_connections(options.readers.max(1))
        .acquire_timeout(options.busy_timeout)
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_with(connection(options).read_only(true))
        .await
        .map_err(failed)?;
    let connections = Connections::new(power, process, options.busy_timeout)
        .await
        .map_err(failed)?;
    Ok(Opened {
        connections,
        readers,
        identity,
    })
}

/// Looks at the header before SQLite does: opening a database in our way changes its
/// journal mode.
fn check_header(path: &Path, header: Header) -> Result<(), OpenError> {
    let ours = header.application_id == APPLICATION_ID;
    // Before the first checkpoint the header in the file itself is still blank.
    let blank = header.application_id == 0 && header.user_version == 0;
    if !ours && !blank {
        return Err(OpenError::at(path, "it is the database of another program"));
    }
    check_schema(path, header.user_version)
}

fn check_schema(path: &Path, schema: u32) -> Result<(), OpenError> {
    if schema > SCHEMA {
        return Err(OpenError::at(
            path,
            &format!(
                "it was written by a newer release (schema {schema}, this one knows {SCHEMA}): \
                 use that release, or restore a copy"
            ),
        ));
    }
    Ok(())
}

async fn connect(
    options: &SqliteOptions,
    synchronous: SqliteSynchronous,
) -> Result<SqliteConnection, sqlx::Error> {
    let mut connect = connection(options)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(synchronous)
        .pragma("journal_size_limit", LOG_LIMIT.to_string());
    if let Some(pages) = options.largest.map(|bytes| bytes / PAGE_SIZE) {
        connect = connect.pragma("max_page_count", pages.max(1).to_string());
    }
    connect.connect().await
}

/// The default of SQLite, in bytes.
const PAGE_SIZE: u64 = 4096;

fn connection(options: &SqliteOptions) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(&options.path)
        .create_if_missing(false)
        .foreign_keys(true)
        .busy_timeout(options.busy_timeout)
        .pragma("trusted_schema", "OFF")
        .pragma("cell_size_check", "ON")
        .disable_statement_logging()
}

/// Brings the schema to that of this release, in one transaction: a process that dies
/// in the middle leaves the schema it found.
async fn migrate(connection: &mut SqliteConnection, path: &Path) -> Result<(), OpenError> {
    let failed = |error: sqlx::Error| OpenError::at(path, &sentence(&error));
    // Whoever is not behind needs no lock, which somebody else may hold for long.
    if schema_of(connection, path).await? == SCHEMA {
        return Ok(());
    }
    let mut transaction = connection
        .begin_with("BEGIN IMMEDIATE")
        .await
        .map_err(failed)?;
    // Another process may have been quicker.
    let schema = schema_of(&mut transaction, path).await?;
    for step in MIGRATIONS.iter().skip(schema as usize) {
        raw_sql(*step)
            .execute(&mut *transaction)
            .await
            .map_err(failed)?;
        crate::points::reach("migrate:step");
    }
    let numbers =
        format!("PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {SCHEMA}");
    raw_sql(AssertSqlSafe(numbers))
        .execute(&mut *transaction)
        .await
        .map_err(failed)?;
    transaction.commit().await.map_err(failed)
}

/// The schema of a database that is ours, or empty.
async fn schema_of(connection: &mut SqliteConnection, path: &Path) -> Result<u32, OpenError> {
    let (schema, application, tables): (i64, i64, i64) = sqlx::query_as(
        "SELECT user_version, application_id, (SELECT count(*) FROM sqlite_schema) \
         FROM pragma_user_version, pragma_application_id",
    )
    .fetch_one(connection)
    .await
    .map_err(|error| OpenError::at(path, &sentence(&error)))?;
    let is_new = application == 0 && schema == 0 && tables == 0;
    if !is_new && application != i64::from(APPLICATION_ID) {
        return Err(OpenError::at(path, "it is the database of another program"));
    }
    let schema = u32::try_from(schema).unwrap_or(u32::MAX);
    check_schema(path, schema)?;
    Ok(schema)
}

/// What to tell whoever started the server.
fn sentence(error: &sqlx::Error) -> String {
    match code(error) {
        Some(11) => "it is damaged: restore a copy".to_owned(),
        Some(26) => "it is not an SQLite database, or it is damaged".to_owned(),
        _ => match store_error(error) {
            crate::StoreError::Unavailable(reason) | crate::StoreError::Corrupt(reason) => reason,
            other => other.to_string(),
        },
    }
}
