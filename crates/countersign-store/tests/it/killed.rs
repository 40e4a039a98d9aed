//! A short run of `cargo xtask kills`.

use std::process::Command;

#[test]
fn f1_f2_f8_processes_killed_at_every_place_lose_nothing_and_redeem_nothing_twice() {
    // The example lies beside the folder of this test.
    let this = std::env::current_exe().unwrap();
    let example = this
        .parent()
        .unwrap()
        .with_file_name("examples")
        .join("kills");
    assert!(example.exists(), "build the example kills first");
    let output = Command::new(example)
        .args(["--rounds", "18"])
        .output()
        .unwrap();
    let (said, failed) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{said}{failed}");
    for place in countersign_store::points::ALL {
        assert!(
            said.contains(&format!("killed at {place}: ")),
            "{place}: {said}"
        );
    }
}
