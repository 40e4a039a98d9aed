//! Who did what, by the command that shows it: what acceptance asks of the audit log.

use std::fs;
use std::path::Path;

use countersign::authorization_server::store::{Journal as _, SqliteStore};
use serde_json::{Value, json};
use testkit::{Http, ModernClient};

use crate::command::{Server, folder, run, run_with_input};
use crate::connected::{CALLBACK, Client};

const PASSWORD: &str = "12345678";

/// Where the log is: how it is written, and how it is looked at.
struct Log {
    serve: &'static [&'static str],
    look: &'static [&'static str],
}

const IN_FILES: Log = Log {
    serve: &["--audit", "audit.jsonl"],
    look: &[],
};

const IN_STORE: Log = Log {
    serve: &["--audit-store"],
    look: &["--data-dir", "countersign-data"],
};

/// What `countersign audit list` prints with `options`, a record per line.
fn listed(log: &Log, folder: &Path, options: &[&str]) -> Vec<Value> {
    let printed = run(
        folder,
        &[&["audit", "list", "--json"], log.look, options].concat(),
    )
    .ok();
    let lines = printed.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// What happened, for whoever compares it.
struct Story {
    client: String,
    /// What must not be in any log.
    secrets: Vec<String>,
}

/// A person is added, guesses wrong, logs in, calls; is refused, and loses what was
/// connected: then the client tries on.
async fn happens(folder: &Path, log: &Log) -> Story {
    let server = Server::start(folder, log.serve);
    run_with_input(folder, PASSWORD, &["users", "add", "ada"]).ok();
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
    let newer = client.refresh(&tokens).await.unwrap();
    let grants = run(folder, &["grants", "list", "--json"]).ok();
    let grants: Value = serde_json::from_str(&grants).unwrap();
    let grant = grants[0]["id"].as_str().unwrap();
    run(folder, &["grants", "revoke", grant]).ok();
    assert_eq!(client.whoami(&newer).await, None);
    assert_eq!(client.refresh(&newer).await.unwrap_err(), "invalid_grant");
    let (code, _) = server.signal("-INT");
    assert_eq!(code, Some(0));
    let secrets = [PASSWORD, "a wrong guess", CALLBACK].map(str::to_owned);
    let tokens = [tokens.access, tokens.refresh, newer.access, newer.refresh];
    Story {
        client: client.id.as_str().to_owned(),
        secrets: secrets.into_iter().chain(tokens).collect(),
    }
}

fn told(records: &[Value]) -> Vec<String> {
    let told = records.iter().map(|record| {
        let reason = record["reason"].as_str().unwrap_or_default();
        let component = record["component"].as_str().unwrap_or_default();
        let told = format!("{} {component} {reason}", record["event"].as_str().unwrap());
        told.trim_end().to_owned()
    });
    told.collect()
}

#[tokio::test]
async fn f20_h13_logins_calls_refusals_and_revocations_tell_their_story() {
    for log in [IN_FILES, IN_STORE] {
        let folder = folder();
        let folder = folder.path();
        let story = happens(folder, &log).await;
        let listed = |options: &[&str]| listed(&log, folder, options);
        let events = told(&listed(&[]));
        // What commands do is noted where they have the database anyhow.
        let by_commands = ["account_added", "grant_revoked"];
        let in_store = log.look.len() > 1;
        let whole = [
            by_commands[0],
            // How every client begins.
            "request_refused  no_credential",
            "client_registered",
            "login_refused  wrong_password",
            "logged_in",
            "code_issued",
            "tokens_issued",
            "request_allowed whoami",
            "request_refused admin_report insufficient_scope",
            "tokens_issued",
            by_commands[1],
            "request_refused  token_rejected",
            "token_request_refused  invalid_grant",
        ];
        let mut expected = whole.to_vec();
        expected.retain(|event| in_store || !by_commands.contains(event));
        assert_eq!(events, expected);
        let ada = listed(&["--event", "logged_in"])[0]["subject"].clone();
        let ada = ada.as_str().unwrap();
        let by_ada = listed(&["--subject", ada, "--since", "1h"]);
        let about_her = expected.iter().filter(|event| !event.contains("grant"));
        assert!(
            by_ada.len() >= 4 && about_her.count() > by_ada.len(),
            "{by_ada:?}"
        );
        let forbidden = listed(&["--tool", "admin_*", "--outcome", "refused"]);
        assert_eq!(forbidden.len(), 1);
        assert_eq!(listed(&["--since", "1h"]).len(), events.len());
        assert_eq!(listed(&["--until", "1h"]).len(), 0);
        let refused = ["--client", &story.client, "--reason", "invalid_grant"];
        assert_eq!(listed(&refused).len(), 1);
        let everything = format!("{:?}", listed(&[]));
        for secret in &story.secrets {
            assert!(!everything.contains(secret.as_str()), "{secret}");
        }
        reads_as_a_story(folder, &log, ada, in_store);
    }
}

/// For people, in this order: who, what, what became of it, and why.
fn reads_as_a_story(folder: &Path, log: &Log, ada: &str, in_store: bool) {
    let printed = run(folder, &[&["audit", "list"], log.look].concat()).ok();
    let mut lines = printed.lines();
    for parts in [
        &["TIME (UTC)", "WHO", "WHAT", "OUTCOME", "WHY", "FROM"][..],
        &[ada, "an administrator made an account", "noted"],
        &["a request was refused", "refused", "no_credential"],
        &["a client registered itself", "allowed"],
        &["login", "refused", "127.0.0.1"],
        &[ada, "logged in", "allowed"],
        &[ada, "consented", "allowed"],
        &["tokens were issued, authorization_code", "allowed"],
        &[ada, "tools/call whoami", "allowed"],
        &[
            ada,
            "tools/call admin_report",
            "refused",
            "insufficient_scope",
        ],
        &["tokens were issued, refresh_token", "allowed"],
        &["a grant was revoked", "noted"],
        &["refused", "token_rejected"],
        &["refused", "invalid_grant"],
    ] {
        let by_command = parts
            .iter()
            .any(|part| ["an administrator made an account", "a grant was revoked"].contains(part));
        if by_command && !in_store {
            continue;
        }
        let line = lines.next().unwrap();
        for part in parts {
            assert!(line.contains(part), "{part}: {line}\n{printed}");
        }
    }
    assert_eq!(lines.next(), None, "{printed}");
}

#[tokio::test]
async fn f20_each_line_of_the_files_that_is_changed_is_found() {
    let folder = folder();
    happens(folder.path(), &IN_FILES).await;
    let file = folder.path().join("audit.jsonl");
    let text = fs::read_to_string(&file).unwrap();
    // One more start goes on where it ended.
    drop(Server::start(folder.path(), IN_FILES.serve));
    let intact = run(folder.path(), &["audit", "verify"]).ok();
    assert!(intact.starts_with("Intact: records 1 to 11"), "{intact}");
    let lines: Vec<&str> = text.lines().collect();
    for at in 0..lines.len() {
        let mut changed: Vec<_> = lines.iter().map(|line| (*line).to_owned()).collect();
        changed[at] = changed[at].replacen("\"outcome\":\"", "\"outcome\":\"x", 1);
        fs::write(&file, changed.join("\n") + "\n").unwrap();
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

#[tokio::test(flavor = "multi_thread")]
async fn f20_each_line_of_the_store_that_is_changed_is_found() {
    let folder = folder();
    happens(folder.path(), &IN_STORE).await;
    let data = folder.path().join("countersign-data");
    let verify = ["audit", "verify", "--data-dir", "countersign-data"];
    let intact = run(folder.path(), &verify).ok();
    assert!(intact.starts_with("Intact: records 1 to 13"), "{intact}");
    let store = SqliteStore::open(data.join("countersign.db"))
        .await
        .unwrap();
    let end = store.journal_end().await.unwrap().unwrap();
    let lines = store.journal_lines(0, 100).await.unwrap();
    for at in 0..lines.len() {
        let mut changed: Vec<_> = lines.iter().map(|line| line.text.clone()).collect();
        changed[at] = changed[at].replacen("\"outcome\":\"", "\"outcome\":\"x", 1);
        let name = format!("changed-{at}.db");
        let other = SqliteStore::open(data.join(&name)).await.unwrap();
        other.append(0, changed, end.head.clone()).await.unwrap();
        other.close().await;
        fs::copy(
            data.join("countersign.db.audit.key"),
            data.join(format!("{name}.audit.key")),
        )
        .unwrap();
        let place = format!("countersign-data/{name}");
        let damaged = run(folder.path(), &["audit", "verify", "--database", &place]);
        assert_eq!(damaged.code, 1);
        let said = format!("in {place}, line {}: the line was changed\n", at + 1);
        assert_eq!(damaged.stdout, said);
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
            "audit list --data-dir none",
            1,
            "the audit log in none/countersign.db: there is no log; countersign serve --audit-store \
             writes one",
        ),
        (
            "serve --no-auth --audit-store",
            1,
            "--audit-store has no effect without authentication: leave it out, or --no-auth",
        ),
        (
            "serve --audit-on-full spool",
            1,
            "--audit-on-full is about the audit log: say with --audit or --audit-store where it is",
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
