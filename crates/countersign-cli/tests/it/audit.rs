//! Who did what, by the command that shows it: what acceptance asks of the audit log.

use std::fs;

use serde_json::{Value, json};
use testkit::{Http, ModernClient};

use crate::command::{Server, folder, run, run_with_input};
use crate::connected::{CALLBACK, Client};

const PASSWORD: &str = "12345678";

/// What `countersign audit list` prints with `options`, a record per line.
fn listed(folder: &std::path::Path, options: &[&str]) -> Vec<Value> {
    let printed = run(folder, &[&["audit", "list", "--json"], options].concat()).ok();
    let lines = printed.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "it is one story")]
async fn f20_h13_logins_calls_refusals_and_revocations_tell_their_story() {
    let folder = folder();
    let server = Server::start(folder.path(), &["--audit", "audit.jsonl"]);
    run_with_input(folder.path(), PASSWORD, &["users", "add", "ada"]).ok();
    let client = Client::register(&server).await;
    // A wrong guess, then the right password.
    let mut stranger = client.browser();
    let login = client.ask(&mut stranger).await;
    let typed = [("name", "ada"), ("password", "a wrong guess")];
    stranger.submit(&login, "/login", &typed).await;
    let tokens = client.connect("ada", PASSWORD).await;
    client.whoami(&tokens).await.unwrap();
    let endpoint = ModernClient::new(Http::socket(&server.authority()), "/mcp");
    let endpoint = endpoint.bearer(&tokens.access);
    let forbidden = json!({ "name": "admin_report", "arguments": {} });
    assert_eq!(endpoint.send("tools/call", forbidden).await.status(), 403);
    // A refresh token that is used up, later, by whoever took it.
    let newer = client.refresh(&tokens).await.unwrap();
    let grants = run(folder.path(), &["grants", "list", "--json"]).ok();
    let grants: Value = serde_json::from_str(&grants).unwrap();
    run(
        folder.path(),
        &["grants", "revoke", grants[0]["id"].as_str().unwrap()],
    )
    .ok();
    assert_eq!(client.whoami(&newer).await, None);
    assert_eq!(client.refresh(&newer).await.unwrap_err(), "invalid_grant");
    let (code, _) = server.signal("-INT");
    assert_eq!(code, Some(0));

    let events: Vec<_> = listed(folder.path(), &[])
        .iter()
        .map(|record| {
            let reason = record["reason"].as_str().unwrap_or_default();
            let component = record["component"].as_str().unwrap_or_default();
            let told = format!("{} {component} {reason}", record["event"].as_str().unwrap());
            told.trim_end().to_owned()
        })
        .collect();
    assert_eq!(
        events,
        [
            // How every client begins.
            "request_refused  no_credential",
            "client_registered",
            "login_refused",
            "logged_in",
            "code_issued",
            "tokens_issued",
            "request_allowed whoami",
            "request_refused admin_report insufficient_scope",
            "tokens_issued",
            "request_refused  token_rejected",
            "token_request_refused  invalid_grant",
        ]
    );
    let ada = listed(folder.path(), &["--event", "logged_in"])[0]["subject"].clone();
    let by_ada = listed(folder.path(), &["--subject", ada.as_str().unwrap()]);
    assert_eq!(by_ada.len(), 4, "{by_ada:?}");
    assert_eq!(
        listed(
            folder.path(),
            &["--tool", "admin_*", "--outcome", "refused"]
        )
        .len(),
        1
    );
    assert_eq!(
        listed(folder.path(), &["--since", "1h"]).len(),
        events.len()
    );
    assert_eq!(listed(folder.path(), &["--until", "1h"]).len(), 0);
    let client_id = client.id.as_str();
    assert_eq!(
        listed(
            folder.path(),
            &["--client", client_id, "--reason", "invalid_grant"]
        )
        .len(),
        1
    );

    // For people: who, what, what became of it, and why.
    let printed = run(folder.path(), &["audit", "list", "--outcome", "refused"]).ok();
    let line = printed
        .lines()
        .find(|line| line.contains("admin_report"))
        .unwrap();
    for part in [
        "tools/call admin_report",
        "refused",
        "insufficient_scope",
        ada.as_str().unwrap(),
    ] {
        assert!(line.contains(part), "{part}: {line}");
    }
    let text = fs::read_to_string(folder.path().join("audit.jsonl")).unwrap();
    for secret in [
        &tokens.access,
        &tokens.refresh,
        &newer.access,
        PASSWORD,
        "a wrong guess",
        CALLBACK,
    ] {
        assert!(!text.contains(secret), "{secret}");
    }

    // One more start goes on where it ended; and each line that is changed is found.
    drop(Server::start(folder.path(), &["--audit", "audit.jsonl"]));
    let intact = run(folder.path(), &["audit", "verify"]).ok();
    assert!(intact.starts_with("Intact: records 1 to 11"), "{intact}");
    let lines: Vec<&str> = text.lines().collect();
    for at in 0..lines.len() {
        let mut changed: Vec<_> = lines.iter().map(|line| (*line).to_owned()).collect();
        changed[at] = changed[at].replacen("\"outcome\":\"", "\"outcome\":\"x", 1);
        fs::write(folder.path().join("audit.jsonl"), changed.join("\n") + "\n").unwrap();
        let damaged = run(folder.path(), &["audit", "verify"]);
        assert_eq!(damaged.code, 1);
        let said = format!("audit.jsonl, line {}: the line was changed\n", at + 1);
        assert_eq!(damaged.stdout, said);
        assert_eq!(
            damaged.stderr,
            "error: the audit log is not as it was written: 1 thing is wrong\n"
        );
    }
}

#[test]
fn mistakes_about_the_audit_log_are_one_sentence() {
    let folder = folder();
    for (arguments, code, sentence) in [
        (
            "audit list",
            1,
            "the audit log audit.jsonl: there is no log",
        ),
        (
            "audit tail",
            1,
            "the audit log audit.jsonl: there is no log",
        ),
        (
            "audit verify --file none",
            1,
            "the audit log none: there is no key none.key",
        ),
    ] {
        let arguments: Vec<_> = arguments.split(' ').collect();
        let answer = run(folder.path(), &arguments);
        assert_eq!(answer.code, code, "{arguments:?}");
        assert_eq!(
            answer.stderr,
            format!("error: {sentence}\n"),
            "{arguments:?}"
        );
    }
    for wrong in [
        "audit list --since tomorrow",
        "audit list --outcome good",
        "audit list --severity high",
    ] {
        let arguments: Vec<_> = wrong.split(' ').collect();
        let answer = run(folder.path(), &arguments);
        assert_eq!(answer.code, 2, "{wrong}: {}", answer.stderr);
        assert_eq!(answer.stderr.lines().count(), 1, "{wrong}");
    }
    let _server = Server::start(folder.path(), &["--no-auth", "--audit", "audit.jsonl"]);
    let second = run(
        folder.path(),
        &[
            "serve",
            "--bind",
            "127.0.0.1:0",
            "--no-auth",
            "--audit",
            "audit.jsonl",
        ],
    );
    assert_eq!(second.code, 1);
    assert_eq!(
        second.stderr,
        "error: another process writes the audit log `audit.jsonl`: give each process a log of its \
         own\n"
    );
}
