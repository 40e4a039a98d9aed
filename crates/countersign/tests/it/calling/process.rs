//! A server that is a command: this test binary, which is told to be one.

use countersign::client::{Client, ClientError, Command};
use countersign::component::Json;
use countersign::{Server, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The test below, as which the process is started.
const ITSELF: &str = "calling::process::i17_a_command_that_serves_when_it_is_told_to";
const TOLD: &str = "COUNTERSIGN_SERVE_STDIO";
/// A variable with which it does not end when its input does.
const STAYS: &str = "COUNTERSIGN_STAY";

/// How a process was started.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Started {
    id: u32,
    variables: Vec<String>,
    arguments: Vec<String>,
}

/// Says how this process was started.
#[tool]
#[expect(clippy::disallowed_methods, reason = "that is what is asked")]
async fn started() -> Json<Started> {
    Json(Started {
        id: std::process::id(),
        variables: std::env::vars().map(|(name, _)| name).collect(),
        arguments: std::env::args().skip(1).collect(),
    })
}

/// Ends this process.
#[tool]
async fn die() -> &'static str {
    std::process::exit(7)
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the command is told by it")]
async fn i17_a_command_that_serves_when_it_is_told_to() {
    if std::env::var(TOLD).is_ok() {
        Server::new("Started")
            .tool(started)
            .tool(die)
            .serve_stdio()
            .await
            .unwrap();
        if std::env::var(STAYS).is_ok() {
            std::future::pending().await
        }
    }
}

fn itself() -> Command {
    Command::new(std::env::current_exe().unwrap())
        .args([ITSELF, "--exact", "--nocapture"])
        .env(TOLD, "1".to_owned())
}

#[tokio::test]
#[expect(
    clippy::disallowed_methods,
    reason = "it is compared with that of the command"
)]
async fn i17_a_command_is_run_without_a_shell_and_with_a_minimal_environment() {
    let folder = tempfile::tempdir().unwrap();
    let hostile = [
        "$(touch made)",
        "`touch made`",
        "; touch made",
        "| touch made",
        "&& touch made",
        "*",
        "~",
        "$HOME",
        "a b",
        "\"'",
        "> made",
    ];
    // Words that are no options are filters to it, of which one is enough.
    let command = itself().args(hostile).current_dir(folder.path());
    let client = Client::stdio(command).await.unwrap();
    let started: Started = client.call("started", ()).await.unwrap();
    client.close().await;
    assert_eq!(started.arguments[3..], hostile);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);

    let allowed = [
        TOLD, "HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR", "TZ", "USER",
    ];
    for name in &started.variables {
        assert!(allowed.contains(&name.as_str()), "{name}");
    }
    // Cargo sets it for this process.
    assert!(std::env::vars_os().any(|(name, _)| name == "CARGO_MANIFEST_DIR"));
}

#[tokio::test]
async fn cl_47_credentials_of_a_command_are_in_its_environment_and_are_not_shown() {
    let command = itself().env("API_KEY", "canary".to_owned());
    for shown in [command.to_string(), format!("{command:?}")] {
        assert!(
            shown.contains("API_KEY") && !shown.contains("canary"),
            "{shown}"
        );
    }
    let client = Client::stdio(command).await.unwrap();
    let started: Started = client.call("started", ()).await.unwrap();
    assert!(started.variables.contains(&"API_KEY".to_owned()));
    client.close().await;
}

#[tokio::test]
async fn i17_the_whole_command_is_shown_with_nothing_that_a_terminal_obeys() {
    let long = "x".repeat(5_000);
    let command = Command::new("a b;c").args(["\u{1b}[2K", "--flag=\"q\"", &long, "$(id)\n"]);
    let shown = command.to_string();
    assert!(shown.starts_with("\"a b;c\" ") && shown.contains(&long) && shown.contains("$(id)"));
    assert!(!shown.chars().any(char::is_control), "{shown}");
}

#[tokio::test]
async fn a_command_that_cannot_be_started_is_said_in_full() {
    for program in ["/nowhere/to be found", ""] {
        let refused = Client::stdio(Command::new(program).arg("x"))
            .await
            .unwrap_err();
        assert!(
            matches!(refused, ClientError::Command { .. }),
            "{refused:?}"
        );
        assert!(refused.to_string().contains(program) && refused.to_string().contains("\"x\""));
    }
}

#[tokio::test]
async fn a_command_that_ends_before_it_answers_is_said_with_how_it_ended() {
    let silent = Command::new("sh").args(["-c", "read line; exit 3"]);
    for connect in [
        Client::stdio(silent.clone()),
        Client::stdio(silent).legacy(),
    ] {
        let refused = connect.await.unwrap_err();
        assert!(matches!(refused, ClientError::Ended(_)), "{refused}");
        assert!(refused.to_string().contains("exit status: 3"), "{refused}");
    }
    for connect in [Client::stdio(itself()), Client::stdio(itself()).legacy()] {
        let client = connect.await.unwrap();
        let refused = client.call_tool("die", ()).await.unwrap_err();
        assert!(refused.to_string().contains("exit status: 7"), "{refused}");
        // And so does everything afterwards.
        let refused = client.call_tool("started", ()).await.unwrap_err();
        assert!(matches!(refused, ClientError::Ended(_)), "{refused}");
        assert!(client.is_closed());
        client.close().await;
    }
}

#[tokio::test]
async fn what_a_command_writes_that_is_no_message_is_passed_over() {
    let program = std::env::current_exe().unwrap();
    let noise =
        r#"echo starting; printf '\377\376\n'; echo '{"jsonrpc":"2.0"}'; echo; exec "$0" "$@""#;
    let command = Command::new("sh")
        .args(["-c", noise])
        .arg(program)
        .args([ITSELF, "--exact", "--nocapture"])
        .env(TOLD, "1".to_owned());
    let client = Client::stdio(command).await.unwrap();
    let started: Started = client.call("started", ()).await.unwrap();
    assert!(started.variables.contains(&TOLD.to_owned()));
    client.close().await;
}

#[tokio::test]
async fn a_line_without_end_is_not_read_to_its_end() {
    let endless = Command::new("sh").args(["-c", "yes aaaaaaaa | tr -d '\\n'"]);
    let refused = Client::stdio(endless).await.unwrap_err();
    let is_end = matches!(refused, ClientError::Closed | ClientError::Ended(_));
    assert!(is_end, "{refused}");
}

/// Whether the process `id` is there.
fn is_there(id: u32) -> bool {
    let asked = std::process::Command::new("kill")
        .args(["-0", &id.to_string()])
        .stderr(std::process::Stdio::null())
        .status();
    asked.unwrap().success()
}

#[tokio::test]
async fn a_command_that_does_not_end_with_its_client_is_ended() {
    let client = Client::stdio(itself().env(STAYS, "1".to_owned()));
    let client = client.await.unwrap();
    let started: Started = client.call("started", ()).await.unwrap();
    assert!(is_there(started.id));
    // Nobody has to wait: time goes by when nothing else happens.
    tokio::time::pause();
    client.close().await;
    assert!(!is_there(started.id));
}
