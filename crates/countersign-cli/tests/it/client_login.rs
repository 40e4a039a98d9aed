//! People who log in with the command, in a real browser, at servers of this project.

use std::path::{Path, PathBuf};

use countersign::oauth::{ResourceUri, Secret, UnixTime};
use countersign::oauth_client::{FileStore, StoredTokens, TokenKey, TokenStore as _};
use serde_json::Value;
use tempfile::TempDir;
use testkit::webdriver::{DESKTOP, Driver, Screen, Window};

use crate::command::{Login, Server, folder, free_port, run, run_with_input};
use crate::person::Browser;

const PASSWORD: &str = "correct horse battery";

const PHONE: Screen = Screen {
    name: "phone-dark",
    size: (360, 740),
    is_phone: true,
    is_dark: true,
};

/// A folder of a server at which Ada has an account.
fn place() -> TempDir {
    let folder = folder();
    run_with_input(
        folder.path(),
        &format!("{PASSWORD}\n"),
        &["users", "add", "ada"],
    )
    .ok();
    folder
}

/// Ada logs in if she has to, and answers what the client asks.
async fn decide(window: &Window<'_>, address: &str, decision: &str) -> String {
    window.go(address).await;
    if window.title().await.starts_with("Log in") {
        window.fill("#name", "ada").await;
        window.fill("#password", PASSWORD).await;
        window.click("button.primary").await;
    }
    window.titled("Allow access?").await;
    // What is optional has to be chosen.
    let chosen = "document.querySelectorAll('[name=scope]').forEach(it => it.checked = true)";
    window.run(chosen).await;
    window.press(&format!("button[value={decision}]")).await;
    window.arrives("/callback?").await
}

fn json(folder: &Path, arguments: &[&str]) -> Value {
    let printed = run(folder, &[arguments, &["--json"]].concat()).ok();
    serde_json::from_str(&printed).unwrap()
}

/// What is kept for the server at `url`.
async fn kept(folder: &Path, url: &str) -> Option<(TokenKey, StoredTokens)> {
    let store = FileStore::new(folder.join("tokens"));
    let resource = ResourceUri::parse(url).unwrap();
    let key = store
        .keys_for(&resource)
        .await
        .unwrap()
        .into_iter()
        .next()?;
    let tokens = store.tokens(&key).await.unwrap()?;
    Some((key, tokens))
}

/// Makes the access token look as if it had ended.
async fn age(folder: &Path, url: &str) {
    let (key, mut tokens) = kept(folder, url).await.unwrap();
    tokens.expires_at = Some(UnixTime::from_secs(1_000_000));
    tokens.access_token = Secret::new("ended");
    let store = FileStore::new(folder.join("tokens"));
    let mut guard = store.exclusive(&key).await.unwrap();
    guard.put(&tokens).await.unwrap();
}

/// Where pictures are put, if somebody wants to look at them.
#[expect(
    clippy::disallowed_methods,
    reason = "whoever runs the test says where"
)]
async fn picture(window: &Window<'_>, name: &str) {
    if let Some(folder) = std::env::var_os("COUNTERSIGN_PICTURES") {
        let file = PathBuf::from(folder).join(format!("{name}.png"));
        std::fs::write(file, window.picture().await).unwrap();
    }
}

async fn log_in(folder: &Path, url: &str, window: &Window<'_>) {
    let mut login = Login::start(folder, &["login", url, "--no-browser"]);
    decide(window, &login.address(), "allow").await;
    window.titled("You can close this window").await;
    let told = login.finished();
    assert_eq!(told.code, 0, "{}", told.stderr);
    let expected = format!("Logged in at {url}.\n");
    assert!(told.stdout.starts_with(&expected), "{}", told.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn i9_i20_ada_logs_in_calls_goes_on_refreshes_steps_up_and_logs_out_at_one_of_two_servers() {
    let Some(driver) = Driver::installed().await else {
        return;
    };
    let window = driver.open(DESKTOP).await;
    let (first, second, home) = (place(), place(), folder());
    let (home, port) = (home.path(), free_port());
    let server = Server::start_on(port, first.path(), &[]);
    let url = server.url.clone();

    log_in(home, &url, &window).await;
    let seen = json(home, &["call", &url, "whoami"]);
    let ada = seen["subject"].as_str().unwrap().to_owned();
    assert_eq!(seen["scopes"], serde_json::json!(["mcp"]));
    let known = json(home, &["whoami", &url]);
    assert_eq!(known["client_id"], seen["client_id"]);
    assert_eq!(known["can_refresh"], true);

    // The server is another process, and the command is one each time.
    assert_eq!(server.signal("-INT").0, Some(0));
    let server = Server::start_on(port, first.path(), &[]);
    assert_eq!(json(home, &["call", &url, "whoami"])["subject"], *ada);

    let before = kept(home, &url).await.unwrap().1;
    age(home, &url).await;
    assert_eq!(json(home, &["call", &url, "whoami"])["subject"], *ada);
    let after = kept(home, &url).await.unwrap().1;
    assert_ne!(after.access_token, before.access_token);
    assert_ne!(after.refresh_token, before.refresh_token);

    // A tool that needs more: whoever is at a terminal is asked, nobody else.
    let refused = run(home, &["call", &url, "admin_report"]);
    assert_ne!(refused.code, 0);
    assert!(refused.stdout.is_empty(), "{}", refused.stdout);
    let mut call = Login::start_at_a_terminal(home, &["call", &url, "admin_report"]);
    decide(&window, &call.address(), "allow").await;
    let told = call.finished();
    assert!(told.stderr.contains("All is well."), "{}", told.stderr);
    let seen = json(home, &["call", &url, "whoami"]);
    assert_eq!(seen["scopes"], serde_json::json!(["admin", "mcp"]));

    // At a second server Ada is somebody else, and nothing of the first is shown there.
    let other = Server::start(second.path(), &[]);
    let refused = run(home, &["call", &other.url, "whoami"]);
    assert!(refused.code != 0, "{}", refused.stdout);
    let elsewhere = driver.open(PHONE).await;
    log_in(home, &other.url, &elsewhere).await;
    let seen = json(home, &["call", &other.url, "whoami"]);
    assert_ne!(seen["subject"], *ada);
    let (one, two) = (
        kept(home, &url).await.unwrap(),
        kept(home, &other.url).await.unwrap(),
    );
    assert_ne!(one.0.issuer, two.0.issuer);
    assert_ne!(one.0.client, two.0.client);
    for (server, foreign) in [(&url, &two.1), (&other.url, &one.1)] {
        let foreign = foreign.access_token.reveal();
        let refused = run(home, &["call", server, "whoami", "--token", foreign]);
        assert_eq!(refused.code, 4, "{}", refused.stderr);
    }

    // What was given back is worth nothing any more, and only that.
    let told = run(home, &["logout", &url]);
    assert!(
        told.stderr.contains("the tokens are revoked"),
        "{}",
        told.stderr
    );
    assert_eq!(kept(home, &url).await, None);
    let shown = one.1.access_token.reveal();
    assert_eq!(
        run(home, &["call", &url, "whoami", "--token", shown]).code,
        4
    );
    assert_eq!(
        json(home, &["call", &other.url, "whoami"])["subject"],
        seen["subject"]
    );
    run(home, &["logout", "--all"]).ok();
    assert_eq!(json(home, &["tokens", "list"]), serde_json::json!([]));
    drop(server);
}

#[tokio::test(flavor = "multi_thread")]
async fn cl_33_no_token_is_ever_printed() {
    let Some(driver) = Driver::installed().await else {
        return;
    };
    let window = driver.open(DESKTOP).await;
    let (first, home) = (place(), folder());
    let server = Server::start(first.path(), &[]);
    let (home, url) = (home.path(), server.url.as_str());
    log_in(home, url, &window).await;
    let (_, tokens) = kept(home, url).await.unwrap();
    let refresh_token = tokens.refresh_token.unwrap();
    for arguments in [
        &["tokens", "list"][..],
        &["tokens", "list", "--json"],
        &["tokens", "show", url],
        &["tokens", "show", url, "--json"],
        &["whoami", url],
        &["call", url, "whoami", "--log", "trace"],
        &["list", url, "--log", "trace"],
        &["logout", url, "--log", "trace"],
    ] {
        let told = run(home, arguments);
        assert_eq!(told.code, 0, "{arguments:?}: {}", told.stderr);
        let said = told.stdout + &told.stderr;
        for secret in [&tokens.access_token, &refresh_token] {
            assert!(!said.contains(secret.reveal()), "{arguments:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_is_refused_ends_in_one_sentence() {
    let Some(driver) = Driver::installed().await else {
        return;
    };
    let (first, home) = (place(), folder());
    let server = Server::start(first.path(), &[]);
    let (home, url) = (home.path(), server.url.as_str());

    for (screen, name) in [(DESKTOP, "light"), (PHONE, "dark")] {
        let window = driver.open(screen).await;
        let mut login = Login::start(home, &["login", url, "--no-browser"]);
        decide(&window, &login.address(), "deny").await;
        window.titled("The login did not succeed").await;
        picture(&window, &format!("refused-{name}")).await;
        let told = login.finished();
        assert_eq!(told.code, 1);
        let errors: Vec<_> = told
            .stderr
            .lines()
            .filter(|it| it.starts_with("error: "))
            .collect();
        assert_eq!(errors.len(), 1, "{}", told.stderr);
        assert!(!errors[0].contains("http://127.0.0.1"), "{}", errors[0]);

        let mut login = Login::start(home, &["login", url, "--no-browser"]);
        decide(&window, &login.address(), "allow").await;
        picture(&window, &format!("arrived-{name}")).await;
        assert_eq!(login.finished().code, 0);
    }
}

/// The browser of this test follows nothing by itself, like one on another computer that
/// cannot reach the listener.
#[tokio::test(flavor = "multi_thread")]
async fn in_a_remote_shell_the_address_at_which_the_browser_ends_up_is_pasted() {
    let (first, home) = (place(), folder());
    let server = Server::start(first.path(), &[]);
    let (home, url) = (home.path(), server.url.as_str());
    for decision in ["deny", "allow"] {
        let mut login = Login::start_at_a_terminal(home, &["login", url]);
        let mut browser = Browser::at(&server);
        let page = browser.open(&login.address()).await;
        let typed = [("name", "ada"), ("password", PASSWORD)];
        let consent = browser.submit(&page, "/login", &typed).await;
        let decided = [("decision", decision)];
        let left = browser.submit(&consent, "/consent", &decided).await;
        let arrived = left.location.unwrap();
        login.type_in("https://evil.test/callback?code=x&state=y");
        login.type_in(&arrived);
        let told = login.finished().stderr;
        assert!(
            told.contains("This is not the address of this login"),
            "{told}"
        );
        if decision == "allow" {
            assert!(told.contains(&format!("Logged in at {url}.")), "{told}");
            let seen = json(home, &["call", url, "whoami"]);
            assert_eq!(seen["authenticated"], true);
        } else {
            assert_eq!(told.matches("error: ").count(), 1, "{told}");
        }
    }
}

#[test]
fn a_login_that_cannot_be_made_ends_in_one_sentence() {
    let home = folder();
    let home = home.path();
    let port = free_port();
    let nobody = format!("http://127.0.0.1:{port}/mcp");
    let unreachable = format!(
        "error: the server at 127.0.0.1:{port} cannot be reached: nobody answers at its address; \
         try again later"
    );
    for (arguments, sentence) in [
        (
            &["login", &nobody, "--no-browser"][..],
            unreachable.as_str(),
        ),
        (
            &["login", "https://127.0.0.1/mcp"],
            "error: there is neither a browser nor a terminal to log in with: run this at a \
             terminal, or use --no-browser and open the address that it prints, or use --device",
        ),
        (
            &["login", "http://example.com/mcp", "--no-browser"],
            "error: http://example.com/mcp cannot be logged in at: the scheme must be https (http \
             only for loopback hosts)",
        ),
        (
            &["whoami", "https://example.com/mcp"],
            "error: nobody is logged in at https://example.com/mcp: log in with: countersign \
             login https://example.com/mcp",
        ),
        (
            &["tokens", "show", "https://example.com/mcp"],
            "error: there are no tokens for https://example.com/mcp: countersign tokens list \
             shows which there are",
        ),
    ] {
        let told = run(home, arguments);
        assert_eq!(
            (told.code, told.stderr.trim_end()),
            (1, sentence),
            "{arguments:?}"
        );
        assert_eq!(told.stdout, "");
    }
    let told = run(home, &["logout", "https://example.com/mcp"]);
    let nobody = "Nobody was logged in at https://example.com/mcp.\n";
    assert_eq!((told.code, told.stderr.as_str()), (0, nobody));
    assert!(!home.join("tokens").exists(), "nothing was to be kept");
}

#[test]
fn a_browser_that_is_closed_is_not_waited_for_for_ever() {
    let (first, home) = (place(), folder());
    let server = Server::start(first.path(), &[]);
    let arguments = ["login", &server.url, "--no-browser", "--wait", "1s"];
    let told = run(home.path(), &arguments);
    assert_eq!(told.code, 1);
    let expected = "error: nobody finished the login within 1 seconds; run it again\n";
    assert!(told.stderr.ends_with(expected), "{}", told.stderr);
}

#[test]
fn every_shell_gets_completions_that_know_the_commands() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let text = run(folder().path(), &["completions", shell]).ok();
        for word in [
            "login",
            "logout",
            "whoami",
            "tokens",
            "no-browser",
            "no-login",
        ] {
            assert!(text.contains(word), "{shell}: {word}");
        }
    }
    assert_eq!(run(folder().path(), &["completions", "tcsh"]).code, 2);
}
