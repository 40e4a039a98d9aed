//! Processes that are killed, and processes that share a file.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Lines, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

use countersign_store::contract::{STANDARD_NOW, code, grant};
use countersign_store::{GrantId, Index, Page, SqliteStore, Store, Write, points};

/// The example that plays the processes; it lies beside the folder of this test.
fn example() -> PathBuf {
    let this = std::env::current_exe().unwrap();
    let folder = this.parent().unwrap().with_file_name("examples");
    let example = folder.join("kills");
    assert!(example.exists(), "build the example kills first");
    example
}

#[test]
fn f1_f2_f8_processes_killed_at_every_place_lose_nothing_and_redeem_nothing_twice() {
    let output = Command::new(example())
        .args(["--rounds", "18"])
        .output()
        .unwrap();
    let (said, failed) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{said}{failed}");
    for place in points::ALL {
        let line = format!("killed at {place}: ");
        assert!(said.contains(&line), "{place}: {said}");
    }
}

type Racer = (Child, Lines<BufReader<ChildStdout>>);

fn racer(path: &PathBuf, codes: u32) -> Racer {
    let mut child = Command::new(example())
        .arg("share")
        .arg(path)
        .arg(codes.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "ready");
    (child, lines)
}

#[tokio::test]
async fn f12_processes_that_share_a_file_redeem_each_code_once() {
    const CODES: u32 = 200;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data").join("store.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let mut writes = vec![Write::Insert(grant("g"))];
    writes.extend((0..CODES).map(|number| Write::Insert(code(&number.to_string(), "g"))));
    store.write(writes, STANDARD_NOW).await.unwrap();

    let mut racers: Vec<Racer> = (0..3).map(|_| racer(&path, CODES)).collect();
    for (child, _) in &mut racers {
        child.stdin.take().unwrap().write_all(b"go\n").unwrap();
    }
    let mut won = BTreeSet::new();
    for (mut child, lines) in racers {
        for line in lines {
            let line = line.unwrap();
            assert!(won.insert(line.clone()), "{line} twice");
        }
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(won.len() as u32, CODES);
    let index = Index::Grant(GrantId::new("g"));
    let alive = store.list(&index, Page::first(1000), STANDARD_NOW).await;
    assert_eq!(alive.unwrap().records.len() as u32, CODES);
    store.close().await;
}
