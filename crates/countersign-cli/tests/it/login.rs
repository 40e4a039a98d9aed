//! `countersign serve --login`, with identity providers on this machine.

use std::path::Path;

use testkit::FakeProvider;

use crate::command::{Server, folder, free_port, run};
use crate::connected::{CALLBACK, Client, Tokens};
use crate::person::Browser;

/// GitHub for a server on `port`.
async fn github(port: u16) -> FakeProvider {
    let redirect_uri = format!("http://localhost:{port}/callback/github");
    FakeProvider::github()
        .redirect_uri(&redirect_uri)
        .start()
        .await
}

/// The file of `provider` under its own name, leading to this machine, and a file with
/// the secret of the application.
fn put(folder: &Path, name: &str, provider: &FakeProvider) {
    let preset = run(folder, &["providers", "show", name, "--file"]).ok();
    std::fs::write(
        folder.join(format!("{name}.toml")),
        provider.localised(&preset),
    )
    .unwrap();
    let secret = provider.client_secret().unwrap();
    std::fs::write(folder.join(format!("{name}.secret")), format!("{secret}\n")).unwrap();
}

/// From the consent page over the provider to tokens of ours.
async fn connect(client: &Client, provider: &FakeProvider, person: &str) -> Tokens {
    let mut browser = client.browser();
    let consent = client.ask(&mut browser).await;
    assert!(consent.body.contains("GitHub"), "{consent:?}");
    let there = client.allow(&mut browser, &consent).await;
    assert_eq!(there.status, 303, "{there:?}");
    let back = provider.approve(&there.location.unwrap(), person).await;
    let redirect = browser.open(&back).await;
    client.redeem(&redirect).await
}

#[tokio::test]
async fn people_log_in_at_github_and_clients_get_tokens_of_this_server() {
    let (folder, port) = (folder(), free_port());
    let github = github(port).await;
    put(folder.path(), "github", &github);
    let alice = github.subject_text("alice");
    let options = [
        "--login",
        "github.toml",
        "--login-client-id",
        github.client_id(),
        "--login-client-secret-file",
        "github.secret",
        "--login-allow-subject",
        &alice,
        "--login-danger-allow-loopback",
    ];
    let server = Server::start_on(port, folder.path(), &options);
    let callback = format!("http://localhost:{port}/callback/github\n");
    assert!(server.printed.contains(&callback), "{}", server.printed);
    assert!(!server.printed.contains("/setup"), "{}", server.printed);
    let client = Client::register(&server).await;
    let tokens = connect(&client, &github, "alice").await;
    let seen = client.whoami(&tokens).await.unwrap();
    assert_ne!(seen["subject"], alice, "subjects are our own");
    let users = run(folder.path(), &["users", "list"]).ok();
    assert!(users.contains(&format!("github:{alice} ")), "{users}");
    github.assert_never_received(&tokens.access);

    // Somebody else is known to GitHub and not let in.
    let mut browser = client.browser();
    let consent = client.ask(&mut browser).await;
    let there = client.allow(&mut browser, &consent).await;
    let back = github.approve(&there.location.unwrap(), "bob").await;
    let refused = browser.open(&back).await.answer(CALLBACK);
    assert_eq!(refused["error"], "access_denied", "{refused:?}");
    assert!(!refused.contains_key("code"), "{refused:?}");

    let (code, logs) = server.signal("-INT");
    assert_eq!(code, Some(0), "{logs}");
    assert!(!logs.contains(github.client_secret().unwrap()), "{logs}");
    let _again = Server::start_on(port, folder.path(), &options);
    assert_eq!(client.whoami(&tokens).await.unwrap(), seen);
    let tokens = client.refresh(&tokens).await.unwrap();
    let name = format!("github:{alice}");
    run(folder.path(), &["grants", "revoke", "--user", &name]).ok();
    assert_eq!(client.whoami(&tokens).await, None);
}

#[tokio::test]
async fn several_providers_stand_beside_local_accounts() {
    let (folder, port) = (folder(), free_port());
    let github = github(port).await;
    let redirect_uri = format!("http://localhost:{port}/callback/google");
    let google = FakeProvider::google()
        .redirect_uri(&redirect_uri)
        .start()
        .await;
    put(folder.path(), "github", &github);
    put(folder.path(), "google", &google);
    let (at_github, at_google) = (
        format!("github={}", github.client_id()),
        format!("google={}", google.client_id()),
    );
    let server = Server::start_on(
        port,
        folder.path(),
        &[
            "--login=github.toml",
            "--login=google.toml",
            "--login-client-id",
            &at_github,
            "--login-client-id",
            &at_google,
            "--login-client-secret-file=github=github.secret",
            "--login-client-secret-file=google=google.secret",
            "--login-allow-everyone=github",
            "--login-allow-domain=google=corp.example",
            "--login-local-accounts",
            "--login-danger-allow-loopback",
        ],
    );
    assert!(
        server.printed.contains("/setup?token="),
        "{}",
        server.printed
    );
    let client = Client::register(&server).await;
    let page = client.ask(&mut Browser::at(&server)).await;
    for shown in ["GitHub", "Google", "name=\"password\""] {
        assert!(page.body.contains(shown), "{shown}: {page:?}");
    }
}

const ID: &str = "--login-client-id=x";
const SECRET: &str = "--login-client-secret-file=secret";
const ALL: &str = "--login-allow-everyone";

/// What is said of a login, and what is told.
const MISTAKES: &[(&[&str], &str)] = &[
    (&[ID], "--login-client-id is about an identity provider"),
    (
        &["--login=githib"],
        "--login githib: there is no provider of this name",
    ),
    (
        &["--login=none.toml"],
        "none.toml: there is no such file or folder",
    ),
    (&["--login=own.toml"], "own.toml: "),
    (&["--login=github"], "--login-client-id ID"),
    (
        &["--login=github", ID],
        "anybody can have an account at GitHub",
    ),
    (
        &["--login=github", ID, ALL],
        "set COUNTERSIGN_LOGIN_CLIENT_SECRET",
    ),
    // The only provider may be named, in flags and before values: what is told is next.
    (
        &[
            "--login=github",
            "--login-client-id=github=x",
            "--login-allow-everyone=github",
        ],
        "set COUNTERSIGN_LOGIN_CLIENT_SECRET",
    ),
    (
        &[
            "--login=github",
            ID,
            "--login-allow-everyone=github",
            "--login-public=github",
        ],
        "which does not fit what the application has",
    ),
    (
        &["--login=github", ID, "--login-allow-everyone=google"],
        "--login-allow-everyone takes no value besides the name of a provider, which is github",
    ),
    (
        &[
            "--login=github",
            ID,
            ALL,
            "--login-client-secret-file=lines",
        ],
        "lines: this is not the secret of an application",
    ),
    (
        &[
            "--login=github",
            ID,
            ALL,
            SECRET,
            "--login-allow-domain=a.test",
        ],
        "leave one out",
    ),
    (
        &["--login=github", ID, ALL, SECRET, "--login-public"],
        "exclude each other",
    ),
    (
        &["--login=github", ID, ALL, SECRET, "--login-kid=k"],
        "--login-kid needs --login-private-key",
    ),
    (
        &[
            "--login=github",
            ID,
            ALL,
            SECRET,
            "--login-certificate=secret",
        ],
        "--login-certificate needs --login-private-key",
    ),
    (
        &["--login=github", ID, ID, ALL, SECRET],
        "--login-client-id is given twice",
    ),
    (&["--login=auth0", ID, ALL, SECRET], "--login-set domain="),
    (
        &["--login=auth0", ID, ALL, SECRET, "--login-set=domain"],
        "write VARIABLE=VALUE",
    ),
    (
        &[
            "--login=auth0",
            ID,
            ALL,
            SECRET,
            "--login-set=domain=a.test/b",
        ],
        "domain",
    ),
    (
        &["--login=github", "--login=google", ID],
        "there are several providers",
    ),
    (
        &[
            "--login=github",
            "--jwks-url=https://a.test/jwks",
            "--issuer=https://a.test",
        ],
        "--login is about the authorization server in it",
    ),
    (
        &["--login=github", "--no-auth"],
        "--login has no effect without authentication",
    ),
    (&["--login=github", "--stdio"], "stdio has no OAuth"),
    (&["--auth-prefix=auth"], "the prefix `auth` is not a path"),
    (
        &["--auth-prefix=/auth/"],
        "the prefix `/auth/` is not a path",
    ),
    (&["--auth-prefix=/a?b"], "the prefix `/a?b` is not a path"),
    (&["--auth-prefix=/../x"], "the prefix `/../x` is not a path"),
];

#[test]
fn mistakes_about_a_login_are_told_before_anything_is_made() {
    let folder = folder();
    std::fs::write(folder.path().join("secret"), "s3cret\n").unwrap();
    std::fs::write(folder.path().join("lines"), "one\ntwo\n").unwrap();
    std::fs::write(folder.path().join("own.toml"), "name = \"own\"\nx = 1\n").unwrap();
    for (arguments, told) in MISTAKES {
        let bind = ["serve", "--bind=127.0.0.1:0"];
        let output = run(folder.path(), &[&bind[..], arguments].concat());
        assert_eq!(output.code, 1, "{arguments:?}: {output:?}");
        assert!(output.stderr.contains(told), "{arguments:?}: {output:?}");
        assert_eq!(
            output.stderr.lines().count(),
            1,
            "{arguments:?}: {output:?}"
        );
        assert!(!output.stderr.contains("s3cret"), "{output:?}");
        assert!(
            !folder.path().join("countersign-data").exists(),
            "{arguments:?}"
        );
    }
}
