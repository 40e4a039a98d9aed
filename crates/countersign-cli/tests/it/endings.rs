//! Logins that do not succeed: each ends in one sentence that says what happened and what
//! to do, without noise and without secrets.

use std::time::Duration;

use countersign::oauth::form::encode;
use serde_json::json;
use testkit::{Gate, ScriptedAnswer};
use tokio::time::Instant;

use crate::command::{Login, Output, folder, run};
use crate::provider::{
    CANARY, Provider, REGISTER, RESOURCE_METADATA, SERVER_METADATA, TOKEN, come_back,
};

/// A login of one second patience where nothing but the server is slow.
const IMPATIENT: [&str; 3] = ["--no-browser", "--timeout", "1s"];

/// So long nobody waits who said one second: the rest is a machine that is busy.
const FAR_TOO_LONG: Duration = Duration::from_secs(15);

/// `told` is a failure with `sentence`, and nothing else is wrong.
fn assert_ends(told: &Output, code: i32, sentence: &str) {
    let lines = told.stderr.lines();
    let errors: Vec<_> = lines.filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(
        (told.code, errors.as_slice()),
        (code, [format!("error: {sentence}").as_str()].as_slice()),
        "{}",
        told.stderr
    );
    assert_eq!(told.stdout, "");
    for noise in [CANARY, "WARN", "ERROR", "panicked", "os error"] {
        assert!(!told.stderr.contains(noise), "{noise}: {}", told.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_slow_is_named_and_not_waited_for() {
    for (path, who) in [
        (RESOURCE_METADATA, "the server"),
        (SERVER_METADATA, "the authorization server"),
        (REGISTER, "the registration endpoint"),
    ] {
        for answer in [
            ScriptedAnswer::status(200).behind(&Gate::closed()),
            ScriptedAnswer::stalled("{"),
        ] {
            let provider = Provider::start().await;
            provider.server.answer(path, answer);
            let (url, home) = (provider.url(), folder());
            let began = Instant::now();
            let told = run(home.path(), &[&["login", &url], &IMPATIENT[..]].concat());
            let at = provider.authority();
            let sentence = format!("{who} at {at} did not answer in time; try again later");
            assert_ends(&told, 1, &sentence);
            assert!(began.elapsed() < FAR_TOO_LONG, "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_endpoint_that_is_slow_down_or_refuses_is_said_after_the_browser_came_back() {
    let slow = ScriptedAnswer::status(200).behind(&Gate::closed());
    let refusal = json!({
        "error": "invalid_grant",
        "error_description": "the code has\u{1b}[2J expired",
    });
    for (answer, sentence) in [
        (
            slow,
            "the token endpoint at HOST did not answer in time; try again later",
        ),
        (
            ScriptedAnswer::status(503).header("retry-after", "7"),
            "the token endpoint at HOST has a failure (HTTP 503); try again in 7 seconds",
        ),
        (
            ScriptedAnswer::status(500),
            "the token endpoint at HOST has a failure (HTTP 500); try again later",
        ),
        (
            ScriptedAnswer::broken("{"),
            "the token endpoint at HOST broke off before it answered; try again later",
        ),
        (
            ScriptedAnswer::json(refusal.to_string()).with_status(400),
            "the token endpoint refuses: invalid_grant (the code has[2J expired)",
        ),
        (
            ScriptedAnswer::redirect(302, "https://elsewhere.test/"),
            "the token endpoint redirects, and nothing that this client asks may be elsewhere \
             than it said",
        ),
    ] {
        let provider = Provider::start().await;
        provider.server.answer(TOKEN, answer);
        let (url, home) = (provider.url(), folder());
        let mut login = Login::start(home.path(), &[&["login", &url], &IMPATIENT[..]].concat());
        let page = come_back(&login.address(), &[("code", "canary-code")]).await;
        assert!(page.contains("You can close this window"), "{page}");
        let told = login.finished();
        assert_ends(&told, 1, &sentence.replace("HOST", &provider.authority()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_down_is_said_to_be() {
    let provider = Provider::start().await;
    let (home, url, at) = (folder(), provider.url(), provider.authority());
    for (path, who) in [
        (RESOURCE_METADATA, "the server"),
        (SERVER_METADATA, "the authorization server"),
        (REGISTER, "the registration endpoint"),
    ] {
        let provider = Provider::start().await;
        provider.server.answer(path, ScriptedAnswer::status(502));
        let (url, at) = (provider.url(), provider.authority());
        let told = run(home.path(), &[&["login", &url], &IMPATIENT[..]].concat());
        let sentence = format!("{who} at {at} has a failure (HTTP 502); try again later");
        assert_ends(&told, 1, &sentence);
    }

    // It speaks no TLS.
    let secure = url.replace("http://", "https://");
    let told = run(home.path(), &[&["login", &secure], &IMPATIENT[..]].concat());
    let sentence = format!(
        "the server at {at} cannot be trusted: its certificate or its TLS is not accepted \
         (SSL_CERT_FILE names a file of certificates to trust)"
    );
    assert_ends(&told, 1, &sentence);

    drop(provider);
    let told = run(home.path(), &[&["login", &url], &IMPATIENT[..]].concat());
    let sentence = format!(
        "the server at {at} cannot be reached: nobody answers at its address; try again later"
    );
    assert_ends(&told, 1, &sentence);

    // RFC 6761 §6.4: there is no such name.
    let nowhere = "https://nowhere.invalid/mcp";
    let arguments = ["login", nowhere, "--no-browser"];
    let sentence = "the server at nowhere.invalid cannot be found: check its name, and the network";
    assert_ends(&run(home.path(), &arguments), 1, sentence);
    assert!(
        !home.path().join("tokens").exists(),
        "nothing was to be kept"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_that_is_denied_is_said_with_the_reason_of_the_server() {
    for (parameters, sentence) in [
        (
            &[("error", "access_denied")][..],
            "the login was not agreed to; run it again to decide anew",
        ),
        (
            &[
                ("error", "access_denied"),
                (
                    "error_description",
                    "Ada is not assigned to this application",
                ),
            ],
            "the login was not agreed to (Ada is not assigned to this application); run it again \
             to decide anew",
        ),
        (
            &[("error", "server_error")],
            "the authorization server refuses: server_error",
        ),
        (
            &[
                ("error", "invalid_scope"),
                ("error_description", "no such scope: \u{7}x"),
            ],
            "the authorization server refuses: invalid_scope (no such scope: x)",
        ),
    ] {
        let (provider, home) = (Provider::start().await, folder());
        let url = provider.url();
        let mut login = Login::start(home.path(), &["login", &url, "--no-browser"]);
        let page = come_back(&login.address(), parameters).await;
        assert!(page.contains("The login did not succeed"), "{page}");
        assert_ends(&login.finished(), 1, sentence);
        assert_eq!(provider.server.count(TOKEN), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_is_interrupted_says_so_and_listens_no_more() {
    let (provider, home) = (Provider::start().await, folder());
    let url = provider.url();
    let mut login = Login::start(home.path(), &["login", &url, "--no-browser"]);
    let address = login.address();
    login.signal("-INT");
    assert_ends(&login.finished(), 130, "interrupted: nobody was logged in");
    let gone = tokio::spawn(async move { come_back(&address, &[("code", "x")]).await });
    assert!(gone.await.is_err(), "nobody listens there");

    // Before there is anything to see.
    provider.server.answer(
        RESOURCE_METADATA,
        ScriptedAnswer::status(200).behind(&Gate::closed()),
    );
    let asked = provider.server.requests().len();
    let login = Login::start(home.path(), &["login", &url, "--no-browser"]);
    provider.server.received(asked + 1).await;
    login.signal("-INT");
    assert_ends(&login.finished(), 130, "interrupted: nobody was logged in");
}

#[tokio::test(flavor = "multi_thread")]
async fn at_a_remote_terminal_what_is_typed_wrongly_can_be_typed_again_or_given_up() {
    let provider = Provider::start().await;
    let url = provider.url();
    // Ctrl-D and Ctrl-C, as a terminal sends them.
    for (key, code, sentence) in [
        ("\u{4}", 1, "the login was given up; run it again to log in"),
        ("\u{3}", 130, "interrupted: nobody was logged in"),
    ] {
        let home = folder();
        let mut login = Login::start_at_a_terminal(home.path(), &["login", &url]);
        login.address();
        for wrong in ["", "   ", "https://evil.test/callback?code=x&state=y"] {
            login.type_in(wrong);
        }
        // The terminal forgets what nobody has read by then.
        login.heard("This is not the address of this login");
        login.type_raw(key);
        let told = login.finished();
        let said = &told.stderr;
        assert_eq!(told.code, code, "{said}");
        let wrong = "This is not the address of this login: it begins with http://127.0.0.1:";
        assert_eq!(said.matches(wrong).count(), 1, "{said}");
        assert_eq!(said.matches("error: ").count(), 1, "{said}");
        assert!(said.contains(&format!("error: {sentence}")), "{said}");
    }

    // A mistake does not spoil what comes after it.
    let home = folder();
    let mut login = Login::start_at_a_terminal(home.path(), &["login", &url]);
    let address = url::Url::parse(&login.address()).unwrap();
    let of = |name: &str| {
        let mut pairs = address.query_pairs();
        pairs.find(|(key, _)| key == name).unwrap().1.into_owned()
    };
    let (callback, state) = (of("redirect_uri"), encode(&of("state")));
    login.type_in(&format!("{callback}?code=evil&state=wrong"));
    login.type_in(&format!("{callback}?code=canary-code&state={state}"));
    let told = login.finished();
    assert_eq!(told.code, 0, "{}", told.stderr);
    assert!(told.stderr.contains("Logged in at "), "{}", told.stderr);
    let asked = provider.server.requests().pop().unwrap();
    let body = String::from_utf8(asked.body.to_vec()).unwrap();
    assert!(body.contains("code=canary-code"), "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_to_be_set_is_said_in_the_words_of_the_command() {
    let (provider, home) = (Provider::start().await, folder());
    provider.publish(&json!({ "registration_endpoint": null }));
    let url = provider.url();
    let told = run(home.path(), &["login", &url, "--no-browser"]);
    assert_eq!(told.code, 1);
    assert!(
        told.stderr.contains("lets no client register itself")
            && told
                .stderr
                .trim_end()
                .ends_with("and name it with --client-id"),
        "{}",
        told.stderr
    );
    let public = "https://mcp.example.com/mcp";
    for (arguments, option) in [
        (&["--scopes", "a\"b"][..], "--scopes"),
        (
            &["--client-metadata-url", "http://a.test/c"],
            "--client-metadata-url",
        ),
        (&["--client-id", "a", "--issuer", "a.test"], "--issuer"),
    ] {
        let told = run(
            home.path(),
            &[&["login", public, "--no-browser"], arguments].concat(),
        );
        assert_eq!((told.code, told.stdout.as_str()), (1, ""));
        let begin = format!("error: {option}");
        assert!(told.stderr.starts_with(&begin), "{}", told.stderr);
        assert!(!told.stderr.contains("(…)"), "{}", told.stderr);
    }
    for time in ["0s", "2d", "5", "-1s"] {
        for option in ["--wait", "--timeout"] {
            let option = format!("{option}={time}");
            let told = run(home.path(), &["login", public, "--no-browser", &option]);
            assert_eq!((told.code, told.stderr.lines().count()), (2, 1), "{option}");
        }
    }
}
