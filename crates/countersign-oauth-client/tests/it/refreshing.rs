//! Processes that refresh the same tokens, and processes that are killed meanwhile.

use std::process::Command;

/// Runs the example `refreshing`, which lies beside the folder of this test, and answers
/// what it counted.
fn refreshing(options: [&str; 2]) -> String {
    let this = std::env::current_exe().unwrap();
    let folder = this.parent().unwrap().with_file_name("examples");
    let example = folder.join("refreshing");
    assert!(example.exists(), "build the example refreshing first");
    let output = Command::new(example).args(options).output().unwrap();
    let failed = String::from_utf8_lossy(&output.stderr);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{failed}");
    said
}

fn counted(said: &str, what: &str) -> u64 {
    let line = said.lines().find_map(|line| line.strip_prefix(what));
    let number = line.and_then(|rest| rest.strip_prefix(": "));
    number.expect(what).parse().unwrap()
}

#[test]
fn two_processes_that_refresh_the_same_token_1000_times_lose_nothing() {
    let said = refreshing(["--race", "1000"]);
    assert!(counted(&said, "refreshed") >= 1_000);
    assert_eq!(counted(&said, "used twice"), 0);
}

#[test]
fn a_process_killed_during_a_refresh_logs_nobody_out() {
    let said = refreshing(["--rounds", "48"]);
    assert_eq!(counted(&said, "killed"), 48);
    assert_eq!(counted(&said, "used twice"), 0);
    // Otherwise nothing was killed where it matters.
    assert!(counted(&said, "killed before the new token was kept") >= 24);
    assert!(counted(&said, "killed after it was kept") > 0);
}
