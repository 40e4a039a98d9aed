//! Each option of `countersign serve` does what its help says.

use std::path::Path;

use countersign::keys::KeyPair;
use countersign::oauth::UnixTime;
use countersign::oauth::jose::Algorithm;
use serde_json::{Value, json};
use testkit::{FakeIssuerServer, Http, LegacyClient, ScriptedAnswer, SignatureAlgorithm};
use testkit::{TestIssuer, TestKey, TokenBuilder};

use crate::command::{Server, folder, free_port, run};

pub(crate) const PAST: UnixTime = UnixTime::from_secs(1_700_000_000);
pub(crate) const FUTURE: UnixTime = UnixTime::from_secs(4_000_000_000);

fn token(issuer: &TestIssuer) -> TokenBuilder {
    issuer.token().sub("ada").iat(PAST).exp(FUTURE)
}

/// The exit code of `call greet`: 0, or 4 if the token is refused.
fn greets(folder: &Path, server: &Server, token: &str) -> i32 {
    let call = ["call", &server.url, "greet", "name=x", "--token", token];
    let answer = run(folder, &call);
    assert!(matches!(answer.code, 0 | 4), "{answer:?}");
    answer.code
}

#[test]
fn issuer_audience_and_required_scopes_are_needed_of_every_token() {
    let folder = folder();
    let issuer = TestIssuer::with_keys("https://as.test", [TestKey::e1()]);
    std::fs::write(folder.path().join("p.pem"), issuer.key("e1").spki_pem()).unwrap();
    let server = Server::start(
        folder.path(),
        &[
            "--public-key",
            "p.pem",
            "--issuer",
            "https://as.test",
            "--audience",
            "here",
            "--required-scopes",
            "a,b",
        ],
    );
    let good = || token(&issuer).aud("here").scopes("a b");
    for (what, token) in [
        ("issuer", good().iss("http://localhost:8000")),
        ("audience", good().aud("my-mcp-server")),
        ("scopes", good().scopes("a")),
    ] {
        assert_eq!(greets(folder.path(), &server, &token.sign()), 4, "{what}");
    }
    assert_eq!(greets(folder.path(), &server, &good().sign()), 0);
    let told = "Accepted tokens: verified with p.pem, issuer https://as.test, audience here, \
                scopes a b\n";
    assert!(server.printed.contains(told), "{}", server.printed);
}

#[test]
fn algorithms_that_are_not_listed_are_refused() {
    let folder = folder();
    let issuer = TestIssuer::with_keys("http://localhost:8000", [TestKey::r1()]);
    std::fs::write(folder.path().join("p.pem"), issuer.key("r1").spki_pem()).unwrap();
    let sign = |algorithm| {
        let token = token(&issuer).aud("my-mcp-server");
        token.signed_as(issuer.key("r1"), algorithm).sign()
    };
    let only = Server::start(
        folder.path(),
        &["--public-key", "p.pem", "--algorithms", "PS256"],
    );
    let rs256 = sign(SignatureAlgorithm::RS256);
    let ps256 = sign(SignatureAlgorithm::PS256);
    assert_eq!(greets(folder.path(), &only, &rs256), 4);
    assert_eq!(greets(folder.path(), &only, &ps256), 0);
    let both = Server::start(
        folder.path(),
        &["--public-key", "p.pem", "--algorithms", "RS256,PS256"],
    );
    for token in [rs256, ps256] {
        assert_eq!(greets(folder.path(), &both, &token), 0);
    }
}

#[test]
fn a_shared_secret_verifies_without_the_line_feed_at_its_end() {
    let folder = folder();
    let secret = "0123456789abcdef0123456789abcdef0123456789abcdef";
    std::fs::write(folder.path().join("secret"), format!("{secret}\n")).unwrap();
    let issuer = TestIssuer::with_keys("me", [TestKey::e1()]);
    let mac = |algorithm, secret: &str| token(&issuer).aud("here").mac(algorithm, secret).sign();
    let hs256 = mac(SignatureAlgorithm::HS256, secret);
    let hs384 = mac(SignatureAlgorithm::HS384, secret);
    let with = [
        "--hmac-secret-file",
        "secret",
        "--audience",
        "here",
        "--issuer",
        "me",
    ];
    let usual = Server::start(folder.path(), &with);
    assert_eq!(greets(folder.path(), &usual, &hs256), 0);
    assert_eq!(greets(folder.path(), &usual, &hs384), 4);
    let other = mac(SignatureAlgorithm::HS256, &secret.replace('0', "1"));
    assert_eq!(greets(folder.path(), &usual, &other), 4);
    let told = "With a token in token.txt, call a tool from another terminal:\n";
    assert!(usual.printed.contains(told), "{}", usual.printed);

    let long = Server::start(
        folder.path(),
        &[&with[..], &["--algorithms", "HS384"]].concat(),
    );
    assert_eq!(greets(folder.path(), &long, &hs256), 4);
    assert_eq!(greets(folder.path(), &long, &hs384), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn published_keys_verify_and_an_issuer_that_is_away_is_no_refusal() {
    let folder = folder();
    let issuer = TestIssuer::with_keys("https://as.test", [TestKey::e1()]);
    let published = FakeIssuerServer::start().await;
    published.answer("/jwks", ScriptedAnswer::json(issuer.jwks()));
    let start = |url: &str| {
        let issuer = ["--issuer", "https://as.test", "--audience", "here"];
        let keys = ["--jwks-url", url, "--danger-allow-loopback"];
        Server::start(folder.path(), &[&keys[..], &issuer].concat())
    };
    let good = token(&issuer).aud("here").sign();
    let server = start(&published.url("/jwks"));
    assert_eq!(greets(folder.path(), &server, &good), 0);
    let strange = TestIssuer::with_keys("https://as.test", [TestKey::stranger_e1()]);
    let strange = token(&strange).aud("here").sign();
    assert_eq!(greets(folder.path(), &server, &strange), 4);

    let away = start("http://127.0.0.1:1/jwks");
    let call = ["call", &away.url, "greet", "name=x", "--token", &good];
    let answer = run(folder.path(), &call);
    assert_eq!((answer.code, answer.stdout.as_str()), (1, ""));
    assert_eq!(answer.stderr, "error: the server answered HTTP 503\n");
}

#[tokio::test]
async fn a_public_url_is_what_clients_are_told_and_the_address_is_told_beside_it() {
    let folder = folder();
    let arguments = ["--public-url", "https://mcp.test/x/mcp"];
    let server = Server::start(folder.path(), &arguments);
    assert_eq!(server.url, "https://mcp.test/x/mcp");
    let told = server.printed.lines().nth(1).unwrap();
    let address = told.strip_prefix("Listening on ").unwrap();
    let http = Http::socket(address);
    let path = "/.well-known/oauth-protected-resource/x/mcp";
    let request = http.get(path).header("host", "mcp.test");
    let mut answer = request.send().await;
    assert_eq!(answer.status(), 200);
    let document: Value = serde_json::from_str(&answer.text().await).unwrap();
    assert_eq!(document["resource"], "https://mcp.test/x/mcp");
    assert_eq!(document["scopes_supported"], json!(["mcp"]));
}

/// Acceptance: "Another user's session id is 404 on POST, GET and DELETE."
#[tokio::test]
async fn with_sessions_legacy_clients_get_one_of_their_own() {
    let folder = folder();
    let keys = KeyPair::generate(Algorithm::ES256).unwrap();
    keys.save(&folder.path().join(".countersign")).unwrap();
    let mint = |subject: &str| {
        let mint = ["token", "--key", ".countersign/private.pem", "--subject"];
        let token = run(folder.path(), &[&mint[..], &[subject]].concat()).ok();
        token.trim_end().to_owned()
    };
    let (ada, bob) = (mint("ada"), mint("bob"));
    let server = Server::with_key_pair(folder.path(), &["--sessions"]);
    let client = |server: &Server, token: &str| {
        LegacyClient::new(Http::socket(&server.authority()), "/mcp").bearer(token)
    };
    let mut of_ada = client(&server, &ada);
    of_ada.initialize().await;
    let of_bob = client(&server, &bob).with_session(of_ada.session());
    for (client, expected) in [(of_bob, [404, 404, 404]), (of_ada, [200, 200, 204])] {
        let listed = client.send("tools/list", json!({})).await;
        let listening = client.listen().send().await;
        let deleted = client.delete().send().await;
        let answers = [listed.status(), listening.status(), deleted.status()];
        assert_eq!(answers, expected);
    }
    let without = Server::with_key_pair(folder.path(), &[]);
    let mut client = client(&without, &ada);
    client.initialize().await;
    assert_eq!(client.session(), None);
}

#[tokio::test]
async fn m_16_open_to_everybody_has_to_be_said_and_is_warned_of() {
    let folder = folder();
    let public = ["--no-auth", "--public-url", "https://mcp.test/mcp"];
    let arguments = [&["serve", "--bind", "127.0.0.1:0"], &public[..]].concat();
    assert_eq!(run(folder.path(), &arguments).code, 1);

    let said = [&public[..], &["--danger-open-to-everybody"]].concat();
    let server = Server::start(folder.path(), &said);
    let told = server.printed.lines().nth(1).unwrap();
    let address = told.strip_prefix("Listening on ").unwrap();
    let client = LegacyClient::new(Http::socket(address), "/mcp").with_session(None);
    let greet = json!({"name": "greet", "arguments": {"name": "you"}});
    let request = client.mcp("tools/call", greet).header("host", "mcp.test");
    let mut answer = request.send().await;
    assert_eq!(answer.status(), 200);
    assert!(answer.text().await.contains("I do not know who you are"));
    let (code, logs) = server.signal("-TERM");
    assert_eq!(code, Some(0));
    assert!(
        logs.contains("WARNING: no authentication: everybody who reaches it may call everything"),
        "{logs}"
    );
}

#[tokio::test]
async fn m_23_the_options_about_limits_say_how_often_callers_may_ask() {
    let folder = folder();
    let call = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": { "name": "greet", "arguments": { "name": "x" } },
    });
    for (options, passes) in [
        (vec!["--rate-limit", "5/hour"], 5),
        (vec!["--rate-limit", "5/hour", "--rate-limit-burst", "2"], 2),
        (vec!["--rate-limit-address", "3/day"], 3),
        (vec![], 20),
    ] {
        let server = Server::start(folder.path(), &[&["--no-auth"], &*options].concat());
        let authority = server.url.trim_start_matches("http://");
        let authority = authority.trim_end_matches("/mcp").to_owned();
        let mut passed = 0;
        for _ in 0..20 {
            let request = Http::socket(&authority).post("/mcp");
            let request = request
                .header("accept", "application/json, text/event-stream")
                .header("mcp-protocol-version", "2025-06-18")
                .json(&call);
            match request.send().await.status() {
                200 => passed += 1,
                status => assert_eq!(status, 429, "{options:?}"),
            }
        }
        assert_eq!(passed, passes, "{options:?}");
    }
}

#[test]
fn what_is_no_quota_is_refused_with_an_example() {
    let folder = folder();
    for options in [
        ["--rate-limit", "100"],
        ["--rate-limit", "0/min"],
        ["--rate-limit-address", "many"],
    ] {
        let answer = run(
            folder.path(),
            &["serve", "--no-auth", options[0], options[1]],
        );
        assert_eq!(answer.code, 2, "{answer:?}");
        assert!(answer.stderr.contains("100/min"), "{answer:?}");
    }
    let options = ["serve", "--no-auth", "--rate-limit-burst", "5"];
    assert_eq!(run(folder.path(), &options).code, 2);
    let options = ["serve", "--stdio", "--rate-limit-address", "5/min"];
    let answer = run(folder.path(), &options);
    assert!(answer.stderr.contains("stdio has no network"), "{answer:?}");
}

#[tokio::test]
async fn h15_metrics_are_on_a_loopback_address_of_their_own_and_nowhere_else() {
    let folder = folder();
    let address = format!("127.0.0.1:{}", free_port());
    let server = Server::start(folder.path(), &["--no-auth", "--metrics", &address]);
    let call = ["call", &server.url, "greet", "name=x"];
    assert_eq!(run(folder.path(), &call).code, 0);
    let mut answer = Http::socket(&address).get("/metrics").send().await;
    let text = String::from_utf8(answer.bytes().await.to_vec()).unwrap();
    let allowed =
        "component_decisions_total{kind=\"tool\",component=\"greet\",outcome=\"allowed\"} 1";
    assert!(text.contains(allowed), "{text}");
    let authority = server
        .url
        .trim_start_matches("http://")
        .trim_end_matches("/mcp");
    let elsewhere = Http::socket(authority).get("/metrics").send().await;
    assert_eq!(elsewhere.status(), 404);
    for address in ["0.0.0.0:0", "localhost"] {
        let arguments = [
            "serve",
            "--bind",
            "127.0.0.1:0",
            "--no-auth",
            "--metrics",
            address,
        ];
        assert_ne!(run(folder.path(), &arguments).code, 0, "{address}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_and_numbers_go_to_the_collector_that_is_named() {
    let folder = folder();
    let collector = FakeIssuerServer::start().await;
    for path in ["/v1/traces", "/v1/metrics"] {
        collector.answer(path, ScriptedAnswer::status(200));
    }
    let address = collector.url("");
    let server = Server::start(folder.path(), &["--no-auth", "--otlp", &address]);
    let call = ["call", &server.url, "greet", "name=a-canary"];
    assert_eq!(run(folder.path(), &call).code, 0);
    // What is left is sent before the end.
    let (code, logged) = server.signal("-INT");
    assert_eq!(code, Some(0), "{logged}");
    let requests = collector.requests();
    let said = |path: &str, text: &str| {
        let mut requests = requests.iter().filter(|request| request.path == path);
        requests.any(|request| String::from_utf8_lossy(&request.body).contains(text))
    };
    assert!(said("/v1/traces", "tools/call greet"), "{requests:?}");
    assert!(said("/v1/metrics", "countersign_decisions_total"));
    assert!(!said("/v1/traces", "a-canary") && !said("/v1/metrics", "a-canary"));
    let elsewhere = "http://collector.example:4318";
    let answer = run(folder.path(), &["serve", "--no-auth", "--otlp", elsewhere]);
    assert_ne!(answer.code, 0);
    assert!(answer.stderr.contains("an https address"), "{answer:?}");
}
