//! The authorization server of `countersign serve`, while it is managed.

use std::path::Path;

use serde_json::Value;

use crate::command::{Server, folder, free_port, run, run_with_input};
use crate::connected::Client;
use crate::person::Browser;

const PASSWORD: &str = "correct horse battery";

fn setup_link(server: &Server) -> Option<&str> {
    let mut lines = server.printed.lines();
    lines.find(|line| line.contains("/setup?token="))
}

fn add_user(folder: &Path, name: &str) -> String {
    run_with_input(folder, &format!("{PASSWORD}\n"), &["users", "add", name]).ok();
    subject(folder, name)
}

fn json(folder: &Path, arguments: &[&str]) -> Value {
    let printed = run(folder, &[arguments, &["--json"]].concat()).ok();
    serde_json::from_str(&printed).unwrap()
}

/// The subject of the account `name`.
fn subject(folder: &Path, name: &str) -> String {
    let users = json(folder, &["users", "list"]);
    let mut users = users.as_array().unwrap().iter();
    let user = users.find(|user| user["name"] == name).unwrap();
    user["subject"].as_str().unwrap().to_owned()
}

/// Acceptance: "follow the printed link, create the first account, […] log in, consent,
/// call `whoami`: works; restart the server: the client's session goes on."
#[tokio::test]
async fn f1_from_the_first_start_to_a_call_and_on_after_a_restart() {
    let (folder, port) = (folder(), free_port());
    let server = Server::start_on(port, folder.path(), &[]);
    let link = setup_link(&server).unwrap().to_owned();
    let mut browser = Browser::at(&server);
    let page = browser.open(&link).await;
    assert_eq!(page.status, 200, "{page:?}");
    let typed = [("name", "Ada"), ("password", PASSWORD)];
    let made = browser.submit(&page, "/setup", &typed).await;
    let account = server.url.replace("/mcp", "/account");
    assert_eq!(made.location, Some(account), "{made:?}");
    assert_eq!(browser.open(&link).await.status, 410);

    let client = Client::register(&server).await;
    // The browser is logged in already.
    let consent = client.ask(&mut browser).await;
    let tokens = client.agree(&mut browser, &consent).await;
    let ada = subject(folder.path(), "ada");
    let seen = client.whoami(&tokens).await.unwrap();
    assert_eq!(seen["subject"], ada);
    assert_eq!(seen["client_id"], client.id);
    assert_eq!(seen["scopes"], serde_json::json!(["mcp"]));

    assert_eq!(server.signal("-INT").0, Some(0));
    let server = Server::start_on(port, folder.path(), &[]);
    assert_eq!(setup_link(&server), None, "{}", server.printed);
    let account = server.url.replace("/mcp", "/account");
    let told = format!("What is connected: {account}\n");
    assert!(server.printed.contains(&told), "{}", server.printed);
    assert_eq!(client.whoami(&tokens).await.unwrap()["subject"], ada);
    let later = client.refresh(&tokens).await.unwrap();
    assert_eq!(client.whoami(&later).await.unwrap()["subject"], ada);
    assert_eq!(browser.open("/account").await.status, 200);

    // A rotation of the keys is noticed by nobody.
    run(folder.path(), &["keys", "rotate"]).ok();
    assert!(client.whoami(&later).await.is_some());
    let last = client.refresh(&later).await.unwrap();
    assert!(client.whoami(&last).await.is_some());
}

#[tokio::test]
async fn h14_what_is_revoked_at_the_command_is_refused_at_once() {
    let folder = folder();
    let server = Server::start(folder.path(), &[]);
    let ada = add_user(folder.path(), "ada");
    let client = Client::register(&server).await;

    let tokens = client.connect("ada", PASSWORD).await;
    assert_eq!(client.whoami(&tokens).await.unwrap()["subject"], ada);
    let grants = json(folder.path(), &["grants", "list", "--user", "ada"]);
    assert_eq!(grants.as_array().unwrap().len(), 1);
    assert_eq!(grants[0]["user"], "ada");
    assert_eq!(grants[0]["client_name"], "A client");
    let id = grants[0]["id"].as_str().unwrap();
    run(folder.path(), &["grants", "revoke", id]).ok();
    assert_eq!(client.whoami(&tokens).await, None);
    assert_eq!(client.refresh(&tokens).await.unwrap_err(), "invalid_grant");
    assert_eq!(
        json(folder.path(), &["grants", "list"]),
        serde_json::json!([])
    );

    let tokens = client.connect("ada", PASSWORD).await;
    run(folder.path(), &["users", "disable", "ada"]).ok();
    assert_eq!(client.whoami(&tokens).await, None);
    assert_eq!(client.refresh(&tokens).await.unwrap_err(), "invalid_grant");
    let mut browser = Browser::at(&server);
    let login = client.ask(&mut browser).await;
    let typed = [("name", "ada"), ("password", PASSWORD)];
    let refused = browser.submit(&login, "/login", &typed).await;
    assert_eq!(refused.status, 400);

    run(folder.path(), &["users", "enable", "ada"]).ok();
    let tokens = client.connect("ada", PASSWORD).await;
    let other = "a quite different one";
    run_with_input(folder.path(), other, &["users", "passwd", "ada"]).ok();
    assert_eq!(client.whoami(&tokens).await, None);
    let again = client.connect("ada", other).await;
    run(folder.path(), &["clients", "delete", &client.id]).ok();
    for tokens in [tokens, again] {
        assert_eq!(client.whoami(&tokens).await, None);
        assert_eq!(client.refresh(&tokens).await.unwrap_err(), "invalid_client");
    }
}

#[tokio::test]
async fn the_options_of_the_authorization_server_do_what_they_say() {
    let folder = folder();
    let opaque = [
        "--access-tokens",
        "opaque",
        "--auth-prefix",
        "/auth",
        "--data-dir",
        "d",
    ];
    let server = Server::start(
        folder.path(),
        &[&opaque[..], &["--registration", "token"]].concat(),
    );
    let add = ["users", "add", "ada", "--data-dir", "d"];
    run_with_input(folder.path(), PASSWORD, &add).ok();
    let mut client = Client::discover(&server).await;
    assert_eq!(client.endpoint("token"), Some("/auth/token"));
    assert_eq!(client.registration(None).await["error"], "invalid_token");
    let invite = run(folder.path(), &["clients", "invite", "--data-dir", "d"]).ok();
    let registered = client.registration(Some(invite.trim_end())).await;
    client.id = registered["client_id"].as_str().unwrap().to_owned();
    let tokens = client.connect("ada", PASSWORD).await;
    assert!(!tokens.access.contains('.'), "{tokens:?}");
    assert!(client.whoami(&tokens).await.is_some());

    let closed = Server::start(folder.path(), &["--registration", "closed"]);
    let closed = Client::discover(&closed).await;
    assert_eq!(closed.endpoint("registration"), None);
}

#[tokio::test]
async fn a_client_of_an_administrator_gets_tokens_for_itself() {
    let folder = folder();
    let server = Server::start(folder.path(), &[]);
    let add = ["clients", "add", "--name", "Report", "--client-credentials"];
    let added = json(
        folder.path(),
        &[&add[..], &["--authentication", "client_secret_post"]].concat(),
    );
    let (id, secret) = (&added["client_id"], &added["client_secret"]);
    let http = testkit::Http::socket(&server.authority());
    let ask = async |secret: &str| {
        let body = format!(
            "grant_type=client_credentials&client_id={}&client_secret={secret}",
            id.as_str().unwrap()
        );
        let request = http
            .post("/token")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body);
        request.send().await.json().await
    };
    assert_eq!(ask("wrong").await["error"], "invalid_client");
    let tokens = ask(secret.as_str().unwrap()).await;
    let token = tokens["access_token"].as_str().unwrap();
    let call = ["call", &server.url, "whoami", "--token", token];
    let seen = json(folder.path(), &call);
    assert_eq!(seen["subject"], *id);

    // Neither a list nor the files show the secret.
    let shown = run(
        folder.path(),
        &["clients", "show", id.as_str().unwrap(), "--json"],
    )
    .ok();
    assert!(!shown.contains(secret.as_str().unwrap()), "{shown}");
}
