//! Clients in processes of their own that are killed, and that refresh one token at once, at
//! our server: short runs of what `cargo xtask kills` does for longer.

use std::process::Command;

/// Runs the example `killed_clients`, which lies beside the folder of this test, and answers
/// what it counted.
fn killed_clients(options: [&str; 2]) -> String {
    let this = std::env::current_exe().unwrap();
    let folder = this.parent().unwrap().with_file_name("examples");
    let example = folder.join("killed_clients");
    assert!(example.exists(), "build the example killed_clients first");
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
fn c27_two_processes_that_refresh_the_same_token_1000_times_lose_nothing() {
    let said = killed_clients(["--race", "1000"]);
    assert!(counted(&said, "refreshed by two") >= 1_000);
}

#[test]
fn f1_a_client_killed_during_a_refresh_logs_nobody_out_however_late_the_next_one_comes() {
    let said = killed_clients(["--rounds", "20"]);
    assert_eq!(counted(&said, "logged out"), 0);
    for kind in ["bound", "bearer"] {
        assert_eq!(counted(&said, &format!("{kind}, killed")), 10);
        // Otherwise nothing was killed where it matters.
        let before = format!("{kind}, killed before the new token was kept");
        assert!(counted(&said, &before) >= 4, "{said}");
    }
    let away = counted(&said, "bound, longest time away in seconds");
    assert!(away >= 29 * 24 * 3_600, "{said}");
}

#[test]
fn f1_a_client_killed_while_it_logs_in_or_out_leaves_all_or_nothing() {
    let said = killed_clients(["--others", "16"]);
    for line in [
        "log in, POST /register, nobody before: ",
        "log in, POST /token, somebody before: 2 are logged in, 0 are not",
        "change, POST /token, somebody before: 2 are logged in, 0 are not",
        "log out, POST /revoke, somebody before: ",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
}
