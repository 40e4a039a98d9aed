//! Environments that the command is not used to.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::command::{folder, run, shell};

const COMMAND: &str = env!("CARGO_BIN_EXE_countersign");

#[test]
fn whoever_stops_reading_ends_the_command_without_a_word() {
    let folder = folder();
    run(folder.path(), &["keygen"]).ok();
    for arguments in [
        "--help",
        "serve --help",
        "token --key private.pem --subject ada",
    ] {
        let line = format!("exec 3>&1; {{ '{COMMAND}' {arguments}; echo $? >&3; }} | true");
        let answer = shell(folder.path(), &line);
        assert_eq!(answer.stdout, "0\n", "{arguments}: {}", answer.stderr);
        assert_eq!(answer.stderr, "", "{arguments}");
    }
}

#[test]
fn a_server_whose_output_nobody_reads_serves_until_it_is_stopped() {
    let folder = folder();
    let mut serve = Command::new(COMMAND);
    serve.args(["serve", "--no-auth", "--bind", "127.0.0.1:0"]);
    serve.current_dir(folder.path()).env_remove("RUST_LOG");
    serve.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut server = serve.spawn().unwrap();
    drop(server.stdout.take());
    let mut told = BufReader::new(server.stderr.take().unwrap()).lines();
    told.find(|line| line.as_ref().unwrap().starts_with("WARNING: "));
    assert_eq!(server.try_wait().unwrap(), None);
    let pid = server.id().to_string();
    Command::new("kill").args(["-INT", &pid]).status().unwrap();
    assert_eq!(server.wait().unwrap().code(), Some(0));
    assert!(told.next().is_none());
}

#[test]
fn closed_streams_and_an_empty_environment_are_no_reason_to_panic() {
    let folder = folder();
    for line in [
        format!("'{COMMAND}' keygen --out closed >&-"),
        format!("'{COMMAND}' keygen --out silent 2>&-"),
        format!("'{COMMAND}' call http://localhost:1/mcp x --token-file - <&-"),
        format!("env -i '{COMMAND}' keygen --out bare"),
        format!("env -i '{COMMAND}' call http://localhost:1/mcp x"),
    ] {
        let answer = shell(folder.path(), &line);
        assert!((0..=1).contains(&answer.code), "{line}: {answer:?}");
        assert!(!answer.stderr.contains("panicked"), "{line}: {answer:?}");
        assert!(answer.stderr.lines().count() <= 1, "{line}: {answer:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_said() {
    let folder = folder();
    let full = shell(folder.path(), &format!("'{COMMAND}' --version >/dev/full"));
    assert_eq!(full.code, 1, "{full:?}");
    assert_eq!(
        full.stderr,
        "error: standard output: No space left on device\n"
    );
}

#[test]
fn a_log_filter_in_the_environment_that_cannot_be_read_is_said_and_ignored() {
    let folder = folder();
    let line = format!("RUST_LOG='=/=' '{COMMAND}' call http://localhost:1/mcp x");
    let answer = shell(folder.path(), &line);
    let mut told = answer.stderr.lines();
    assert_eq!(
        told.next(),
        Some("warning: RUST_LOG is ignored: =/= is not a log filter")
    );
    assert!(
        told.next()
            .unwrap()
            .starts_with("error: cannot reach the server")
    );
    assert_eq!((answer.code, told.next()), (1, None));
}

#[cfg(unix)]
#[test]
fn a_private_key_that_others_can_read_is_used_with_a_warning() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder();
    run(folder.path(), &["keygen"]).ok();
    let mint = ["token", "--key", "private.pem", "--subject", "ada"];
    assert_eq!(run(folder.path(), &mint).stderr, "");
    let private = folder.path().join("private.pem");
    fs::set_permissions(private, fs::Permissions::from_mode(0o644)).unwrap();
    let answer = run(folder.path(), &mint);
    assert_eq!(
        answer.stderr,
        "warning: other users of this machine can read private.pem: chmod 600 private.pem\n"
    );
    assert_eq!(answer.ok().split('.').count(), 3);
}
