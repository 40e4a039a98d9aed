//! Every statement finds its rows by an index, however many there are.

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Row};

use super::open::MIGRATIONS;
use super::purge::Sweep;
use super::read::{count_statement, list_statement};
use super::row::select;
use crate::{GrantId, Index, Kind};

async fn migrated() -> SqliteConnection {
    let mut connection = SqliteConnectOptions::new()
        .in_memory(true)
        .connect()
        .await
        .unwrap();
    for step in MIGRATIONS {
        sqlx::raw_sql(step).execute(&mut connection).await.unwrap();
    }
    connection
}

/// What SQLite does for `statement`, one step a line.
async fn plan(connection: &mut SqliteConnection, statement: &str) -> String {
    let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
    let rows = sqlx::query(explain).fetch_all(connection).await.unwrap();
    let lines: Vec<String> = rows.iter().map(|row| row.get(3)).collect();
    lines.join("\n")
}

#[tokio::test]
async fn no_statement_reads_a_whole_table_or_sorts() {
    let mut connection = migrated().await;
    let indexes = [
        (Index::Kind(Kind::Client), "records_of_kind"),
        (
            Index::Subject(Kind::Grant, "s".into()),
            "records_of_subject",
        ),
        (Index::Client(Kind::Grant, "c".into()), "records_of_client"),
        (Index::Grant(GrantId::new("g")), "records_of_grant"),
    ];
    let mut expected: Vec<(&str, &str)> = Vec::new();
    for (index, name) in &indexes {
        expected.push((list_statement(index), name));
        expected.push((count_statement(index), name));
    }
    let find = select!("WHERE r.kind = ?1 AND r.id = ?2");
    expected.extend([
        (Sweep::Ended.statement(), "records_ending"),
        (Sweep::SpentOfGrant.statement(), "grants_ending"),
        (Sweep::SpentOfGrant.statement(), "records_of_grant"),
        (Sweep::Grants.statement(), "grants_ending"),
        (Sweep::Counters.statement(), "counters_ending"),
        (find, "sqlite_autoindex_records_1"),
        (
            "UPDATE records SET status = 'x' \
             WHERE (position = ?2 OR grant_position = ?2) AND status = 'live'",
            "records_of_grant",
        ),
    ]);
    let loose = Index::LooseUpstreamTokens;
    expected.push((count_statement(&loose), "upstream_tokens_loose"));
    for (statement, index) in expected {
        let plan = plan(&mut connection, statement).await;
        // The result of a subquery may be read through; a table may not.
        let whole = plan
            .lines()
            .any(|line| line.starts_with("SCAN") && !line.contains("(subquery"));
        assert!(
            plan.contains(index) && !whole && !plan.contains("TEMP B-TREE"),
            "{statement}\n{plan}"
        );
    }
}

#[tokio::test]
async fn loose_upstream_tokens_are_found_in_their_indexes_alone() {
    let mut connection = migrated().await;
    let statement = list_statement(&Index::LooseUpstreamTokens);
    let plan = plan(&mut connection, statement).await;
    for step in [
        "SEARCH r USING INTEGER PRIMARY KEY (rowid=?)",
        "SEARCH records USING INDEX upstream_tokens_loose (kind=? AND rowid>?)",
        "SEARCH records USING INDEX upstream_tokens_ending (expires_at<?)",
    ] {
        assert!(plan.contains(step), "{step}\n{plan}");
    }
    assert!(!plan.contains("SCAN r"), "{plan}");
}
