//! `docs/storage-schema.md` is true.

use std::collections::BTreeMap;
use std::path::Path;

use countersign_store::{Kind, SqliteStore};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection, Row};

fn document() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/storage-schema.md");
    std::fs::read_to_string(path).unwrap()
}

/// The rows of the tables whose first column is headed `head`, under the heading
/// `heading`: cells without their backquotes.
fn rows(heading: &str, head: &str) -> Vec<Vec<String>> {
    let document = document();
    let (_, section) = document.split_once(&format!("\n{heading}\n")).unwrap();
    let level = heading.split(' ').next().unwrap();
    let end = section
        .lines()
        .position(|line| {
            line.starts_with('#') && line.split(' ').next().unwrap().len() <= level.len()
        })
        .unwrap_or(usize::MAX);
    let mut inside = false;
    let mut rows = Vec::new();
    for line in section.lines().take(end) {
        let cells: Vec<String> = line
            .trim_matches('|')
            .split('|')
            .map(|cell| cell.trim().replace('`', ""))
            .collect();
        if !line.starts_with('|') {
            inside = false;
        } else if cells[0] == head {
            inside = true;
        } else if inside && !line.starts_with("|--") {
            rows.push(cells);
        }
    }
    rows
}

async fn pairs(connection: &mut SqliteConnection, query: &'static str) -> Vec<(String, String)> {
    sqlx::query(query)
        .fetch_all(connection)
        .await
        .unwrap()
        .iter()
        .map(|row| (row.get(0), row.get(1)))
        .collect()
}

#[tokio::test]
async fn the_document_lists_what_the_migrations_make() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data").join("store.db");
    SqliteStore::open(&path).await.unwrap().close().await;
    let mut connection = SqliteConnectOptions::new()
        .filename(&path)
        .connect()
        .await
        .unwrap();
    let mut documented = BTreeMap::new();
    let mut indexes = BTreeMap::new();
    for table in ["records", "counters", "journal", "journal_end"] {
        let heading = format!("### `{table}`");
        let columns: Vec<(String, String)> = rows(&heading, "column")
            .into_iter()
            .map(|cells| (cells[0].clone(), cells[1].clone()))
            .collect();
        documented.insert(table.to_owned(), columns);
        for cells in rows(&heading, "index") {
            indexes.insert(cells[0].clone(), cells[1].clone());
        }
    }

    let made = pairs(
        &mut connection,
        "SELECT t.name, c.name || ' ' || c.type FROM sqlite_schema AS t, \
         pragma_table_info(t.name) AS c WHERE t.type = 'table' AND t.name <> 'sqlite_sequence' \
         ORDER BY t.name, c.cid",
    )
    .await;
    let mut tables: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for (table, column) in made {
        let (name, kind) = column.split_once(' ').unwrap();
        let column = (name.to_owned(), kind.to_owned());
        tables.entry(table).or_default().push(column);
    }
    assert_eq!(documented, tables);

    let made = pairs(
        &mut connection,
        "SELECT i.name, group_concat(c.name, ', ') FROM sqlite_schema AS i, \
         pragma_index_info(i.name) AS c WHERE i.type = 'index' AND i.sql IS NOT NULL \
         GROUP BY i.name",
    )
    .await;
    assert_eq!(indexes, made.into_iter().collect());

    let version = pairs(
        &mut connection,
        "SELECT CAST(user_version AS TEXT), printf('0x%x', application_id) \
         FROM pragma_user_version, pragma_application_id",
    )
    .await;
    let versions = rows("## Versions", "version");
    assert_eq!(versions.last().unwrap()[0], version[0].0);
    assert!(document().contains(&version[0].1), "{}", version[0].1);
    connection.close().await.unwrap();
}

#[test]
fn the_document_lists_every_kind_and_every_migration() {
    let kinds: Vec<String> = rows("## Kinds of records", "kind")
        .into_iter()
        .map(|cells| cells[0].clone())
        .collect();
    let expected: Vec<&str> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
    assert_eq!(kinds, expected);

    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    let listed: Vec<String> = rows("## Versions", "version")
        .into_iter()
        .map(|cells| cells[1].clone())
        .collect();
    assert_eq!(listed, files);
}
