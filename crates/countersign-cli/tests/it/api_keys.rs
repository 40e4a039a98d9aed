//! `countersign api-keys`, without a server and with one that runs.

use serde_json::{Value, json};
use testkit::{Http, ModernClient};

use crate::command::{Server, folder, run, run_with_input};

/// The key in what `countersign api-keys create` and `rotate` print.
fn key_in(printed: &str) -> String {
    let line = printed.lines().find(|line| line.starts_with("  csk_"));
    line.unwrap_or_else(|| panic!("{printed}"))
        .trim()
        .to_owned()
}

fn id_of(key: &str) -> &str {
    key.split('_').nth(1).unwrap()
}

#[test]
fn keys_are_made_listed_rotated_and_revoked() {
    let folder = folder();
    let keys = |rest: &[&str]| run(folder.path(), &[&["api-keys"], rest].concat());
    let printed = keys(&[
        "create",
        "--service",
        "nightly",
        "--scopes",
        "stats:read,notes",
        "--role",
        "reporter",
        "--expires-in",
        "90d",
    ])
    .ok();
    assert!(printed.contains("of service:nightly is made"), "{printed}");
    assert!(printed.contains("It is shown this once"), "{printed}");
    assert!(printed.contains("It ends at 20"), "{printed}");
    let old = key_in(&printed);
    assert_eq!(old.len(), 55);
    let listed = keys(&["list"]).ok();
    let lines: Vec<_> = listed.lines().collect();
    assert!(
        lines[0].starts_with("KEY           OF               STATE"),
        "{listed}"
    );
    assert!(lines[1].starts_with(id_of(&old)), "{listed}");
    assert!(lines[1].contains("good"), "{listed}");

    let rotated = keys(&["rotate", id_of(&old), "--overlap", "2h", "--json"]).ok();
    let rotated: Value = serde_json::from_str(&rotated).unwrap();
    let new = rotated["key"].as_str().unwrap();
    assert_ne!(new, old);
    assert_eq!(rotated["scope"], "notes stats:read");
    assert_eq!(rotated["roles"][0], "reporter");
    let listed: Value = serde_json::from_str(&keys(&["list", "--json"]).ok()).unwrap();
    assert_eq!(listed[0]["state"], "replaced");
    assert_eq!(listed[0]["replaced_by"], id_of(new));
    assert_eq!(listed[1]["state"], "good");
    let secret = old.rsplit('_').next().unwrap();
    assert!(!listed.to_string().contains(&secret[..16]));

    let again = keys(&["rotate", id_of(&old)]);
    assert_eq!(again.code, 1);
    assert!(again.stderr.contains("another has taken its place"));
    let revoked = keys(&["revoke", id_of(&old), id_of(new)]).ok();
    assert_eq!(
        revoked,
        "2 API keys are revoked: they are refused from now on.\n"
    );
    assert_eq!(keys(&["revoke", id_of(new)]).code, 1);
    assert_eq!(keys(&["list", "--json"]).ok(), "[]\n");
    let all: Value = serde_json::from_str(&keys(&["list", "--all", "--json"]).ok()).unwrap();
    assert_eq!(all.as_array().unwrap().len(), 2);
    assert_eq!(all[1]["state"], "revoked");
}

#[test]
fn the_key_of_a_person_is_that_of_an_account() {
    let folder = folder();
    let keys = |rest: &[&str]| run(folder.path(), &[&["api-keys"], rest].concat());
    for name in ["ada", "bob"] {
        run_with_input(folder.path(), "12345678\n", &["users", "add", name]).ok();
    }
    let missing = keys(&["create", "--user", "eve"]);
    assert_eq!(
        missing.stderr,
        "error: there is no account eve: countersign users list shows those there are\n"
    );
    keys(&["create", "--user", "ada"]).ok();
    keys(&["create", "--user", "bob"]).ok();
    keys(&["create", "--service", "ada"]).ok();
    let of = |option: &str| {
        let listed = keys(&["list", option, "ada", "--json"]).ok();
        let listed: Value = serde_json::from_str(&listed).unwrap();
        let owners = listed.as_array().unwrap().iter();
        let owners = owners.map(|key| key["owner"].as_str().unwrap().to_owned());
        owners.collect::<Vec<_>>()
    };
    assert_eq!(of("--user"), ["ada"]);
    assert_eq!(of("--service"), ["service:ada"]);
    run(folder.path(), &["users", "disable", "ada"]).ok();
    assert_eq!(of("--user"), Vec::<String>::new());
    let disabled = keys(&["create", "--user", "ada"]);
    assert!(
        disabled.stderr.contains("is disabled"),
        "{}",
        disabled.stderr
    );
}

#[test]
fn what_cannot_be_meant_is_said_without_repeating_a_key() {
    let folder = folder();
    let keys = |rest: &[&str]| run(folder.path(), &[&["api-keys"], rest].concat());
    let key = key_in(&keys(&["create", "--service", "nightly"]).ok());
    for (arguments, code) in [
        (vec!["create"], 2),
        (vec!["create", "--service", "a", "--user", "b"], 2),
        (vec!["create", "--service", "a b"], 1),
        (vec!["create", "--service", "a", "--expires-in", "0s"], 2),
        (vec!["create", "--service", "a", "--expires-in=-1d"], 2),
        (vec!["create", "--service", "a", "--scopes", "a\"b"], 1),
        (vec!["create", "--service", "a", "--name", ""], 1),
        (vec!["rotate", "000000000000"], 1),
        (vec!["revoke", "short"], 1),
        (vec!["revoke"], 2),
    ] {
        let answer = keys(&arguments);
        assert_eq!(answer.code, code, "{arguments:?} {}", answer.stderr);
    }
    let whole = keys(&["revoke", &key]);
    assert_eq!(whole.code, 1, "{}", whole.stderr);
    assert!(!whole.stderr.contains("csk_"), "{}", whole.stderr);
    assert!(
        whole.stderr.contains("12 letters and digits"),
        "{}",
        whole.stderr
    );
}

/// What the server answers to a call with `key` in the header `header`.
async fn whoami(server: &Server, header: &str, key: &str) -> (u16, Value) {
    let client = ModernClient::new(Http::socket(&server.authority()), "/mcp");
    let params = json!({ "name": "whoami", "arguments": {} });
    let call = client.mcp("tools/call", params).header(header, key);
    let mut answer = call.send().await;
    let body = serde_json::from_slice(&answer.bytes().await).unwrap_or(Value::Null);
    (answer.status(), body)
}

#[tokio::test]
async fn m_19_a_server_that_runs_accepts_keys_until_they_are_revoked() {
    let folder = folder();
    let keys = |rest: &[&str]| run(folder.path(), &[&["api-keys"], rest].concat()).ok();
    let server = Server::start(folder.path(), &["--api-keys"]);
    assert!(server.printed.contains("in the header X-API-Key"));
    let key = key_in(&keys(&[
        "create",
        "--service",
        "nightly",
        "--scopes",
        "mcp",
    ]));
    let (status, body) = whoami(&server, "x-api-key", &key).await;
    assert_eq!(status, 200, "{body}");
    let seen = &body["result"]["structuredContent"];
    assert_eq!(seen["subject"], "service:nightly");
    assert_eq!(seen["scopes"], json!(["mcp"]));
    assert_eq!(whoami(&server, "x-other-key", &key).await.0, 401);
    let listed: Value = serde_json::from_str(&keys(&["list", "--json"])).unwrap();
    assert!(listed[0]["last_used_at"].is_u64(), "{listed}");
    keys(&["revoke", id_of(&key)]);
    assert_eq!(whoami(&server, "x-api-key", &key).await.0, 401);
    let (_, logged) = server.signal("-INT");
    assert!(!logged.contains("csk_"), "{logged}");
}

#[tokio::test]
async fn keys_are_not_accepted_unless_that_was_said_and_where_it_was_said() {
    let folder = folder();
    let printed = run(
        folder.path(),
        &["api-keys", "create", "--service", "nightly"],
    )
    .ok();
    let key = key_in(&printed);
    let server = Server::start(folder.path(), &[]);
    assert_eq!(whoami(&server, "x-api-key", &key).await.0, 401);
    drop(server);
    let server = Server::start(folder.path(), &["--api-keys=X-Our-Key"]);
    assert_eq!(whoami(&server, "x-api-key", &key).await.0, 401);
    assert_eq!(whoami(&server, "x-our-key", &key).await.0, 200);
    drop(server);
    for (arguments, said) in [
        (&["--api-keys=Cookie"][..], "means something else"),
        (&["--api-keys", "--no-auth"], "--api-keys has no effect"),
        (&["--api-keys", "--stdio"], "leave out --api-keys"),
    ] {
        let serve = [&["serve", "--bind", "127.0.0.1:0"], arguments].concat();
        let serve = if arguments.contains(&"--stdio") {
            [&["serve"], arguments].concat()
        } else {
            serve
        };
        let answer = run(folder.path(), &serve);
        assert_ne!(answer.code, 0);
        assert!(answer.stderr.contains(said), "{}", answer.stderr);
    }
}
