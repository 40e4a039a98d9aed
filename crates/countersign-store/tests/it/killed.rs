//! Processes that are killed, and processes that share a file.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Lines, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

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
    for operation in ["register", "mint", "redeem", "refresh", "revoke", "rotate"] {
        let line = format!("cut off during {operation}: ");
        assert!(said.contains(&line), "{operation}: {said}");
    }
}

/// A process that redeems the codes of the file in their order.
struct Racer {
    child: Child,
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Racer {
    fn start(path: &Path, codes: u32) -> Self {
        let mut child = Command::new(example())
            .arg("share")
            .arg(path)
            .arg(codes.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert_eq!(lines.next().unwrap().unwrap(), "ready");
        Self {
            child,
            stdin,
            lines,
        }
    }

    fn go_on(&mut self) {
        self.stdin.write_all(b"go on\n").unwrap();
    }
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

    let mut racers: Vec<Racer> = (0..3).map(|_| Racer::start(&path, CODES)).collect();
    racers.iter_mut().for_each(Racer::go_on);
    let mut won = BTreeSet::new();
    // Each one stops after its first code; the rest is a race of all.
    for racer in &mut racers {
        let first = racer.lines.next().expect("every process wins once");
        assert!(won.insert(first.unwrap()), "a first code twice");
    }
    racers.iter_mut().for_each(Racer::go_on);
    for mut racer in racers {
        for line in racer.lines {
            let line = line.unwrap();
            assert!(won.insert(line.clone()), "{line} twice");
        }
        assert!(racer.child.wait().unwrap().success());
    }
    assert_eq!(won.len() as u32, CODES);
    let index = Index::Grant(GrantId::new("g"));
    let alive = store.list(&index, Page::first(1000), STANDARD_NOW).await;
    assert_eq!(alive.unwrap().records.len() as u32, CODES);
    store.close().await;
}
