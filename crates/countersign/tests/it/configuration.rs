//! Servers that set nothing in code: rows M-49, M-50, M-52.

use std::path::Path;
use std::sync::Arc;

use countersign::authorization_server::api_keys::ApiKeyRequest;
use countersign::{
    AccessToken, ApiKeyAuth, ApiKeyOwner, Configuration, FixedKey, Http, RunningServer, Server,
    tool,
};
use serde_json::json;
use testkit::{AUDIENCE, ISSUER, ModernClient, NOW, SignatureAlgorithm, TestClock, TestIssuer};

use crate::fixture::HandClock;

/// Says who is calling.
#[tool]
async fn whoami(token: AccessToken) -> String {
    token.sub().to_owned()
}

const FIRST: &str = "the first secret of this test, 32 bytes";
const SECOND: &str = "the second secret of this test, 32 bytes";

/// A token for the server, signed with `secret`.
fn token(secret: &str) -> String {
    let issuer = TestIssuer::as_test();
    let token = issuer.token().mac(SignatureAlgorithm::HS256, secret);
    token.without_header("kid").sign()
}

/// A server without a word about authentication in its code.
fn silent() -> Server {
    let server = Server::new("Configured").tool(whoami);
    server.clock(Arc::new(HandClock(TestClock::at(NOW))))
}

async fn started(configuration: &Configuration) -> RunningServer {
    let server = silent().configuration(configuration);
    server.start(Http::bind("127.0.0.1:0")).await.unwrap()
}

/// The status of a call with `token`.
async fn status(running: &RunningServer, token: Option<&str>) -> u16 {
    let http = testkit::Http::socket(&running.address().to_string());
    let mut client = ModernClient::new(http, "/mcp");
    if let Some(token) = token {
        client = client.bearer(token);
    }
    let call = json!({ "name": "whoami", "arguments": {} });
    client.send("tools/call", call).await.status()
}

fn refusal(server: Server) -> String {
    let place = Http::bind("127.0.0.1:8000");
    server.into_app(&place).unwrap_err().to_string()
}

fn in_file(folder: &Path, secret: &str) -> Configuration {
    std::fs::write(folder.join("secret"), secret).unwrap();
    let file = folder.join("countersign.toml");
    let text = format!(
        "[auth]\nissuer = \"{ISSUER}\"\naudience = \"{AUDIENCE}\"\nsecret_key = {{ file = \"secret\" }}\n"
    );
    std::fs::write(&file, text).unwrap();
    Configuration::default().file(&file).unwrap()
}

#[tokio::test]
async fn m_49_variables_alone_protect_a_server() {
    let configuration = Configuration::from_variables([
        ("FASTMCP_AUTH_ENABLED", "true"),
        ("FASTMCP_AUTH_SECRET_KEY", FIRST),
        ("FASTMCP_AUTH_ISSUER", ISSUER),
        ("FASTMCP_AUTH_AUDIENCE", AUDIENCE),
        ("FASTMCP_AUTH_ALGORITHMS", "HS256"),
    ])
    .unwrap();
    let running = started(&configuration).await;
    assert_eq!(status(&running, None).await, 401);
    assert_eq!(status(&running, Some(&token(SECOND))).await, 401);
    assert_eq!(status(&running, Some(&token(FIRST))).await, 200);
}

#[test]
fn m_49_what_is_incomplete_stops_the_start() {
    let only = |name: &str, value: &str| {
        let configuration = Configuration::from_variables([(name, value)]).unwrap();
        refusal(silent().configuration(&configuration))
    };
    let told = only("FASTMCP_AUTH_ENABLED", "true");
    assert!(told.contains("set FASTMCP_AUTH_JWKS_URL"), "{told}");
    let told = only("FASTMCP_AUTH_SECRET_KEY", FIRST);
    assert!(told.contains("set FASTMCP_AUTH_ISSUER"), "{told}");
    assert!(!told.contains("first secret"), "{told}");
}

#[tokio::test]
async fn m_49_switched_off_lets_in_whoever_is_on_this_machine() {
    let off = Configuration::from_variables([("FASTMCP_AUTH_ENABLED", "false")]).unwrap();
    let running = Server::new("Open").tool(hello).configuration(&off);
    let running = running.start(Http::bind("127.0.0.1:0")).await.unwrap();
    let http = testkit::Http::socket(&running.address().to_string());
    let client = ModernClient::new(http, "/mcp");
    let call = json!({ "name": "hello", "arguments": {} });
    assert_eq!(client.send("tools/call", call).await.status(), 200);
    let public = Http::bind("127.0.0.1:8000").public_url("https://mcp.example.com/mcp");
    let server = Server::new("Open").tool(hello).configuration(&off);
    let told = server.into_app(&public).unwrap_err().to_string();
    assert!(told.contains("no authentication"), "{told}");
}

/// Says hello.
#[tool]
async fn hello() -> &'static str {
    "Hello."
}

#[tokio::test]
async fn m_53_what_is_said_in_code_counts_most() {
    let other = Configuration::from_variables([
        ("FASTMCP_AUTH_SECRET_KEY", SECOND),
        ("FASTMCP_AUTH_ISSUER", ISSUER),
        ("FASTMCP_AUTH_REQUIRED_SCOPES", "read"),
    ])
    .unwrap();
    let secret = countersign::oauth::Secret::new(FIRST);
    let verifier =
        countersign::JwtVerifier::hmac(secret, countersign::oauth::jose::Algorithm::HS256)
            .issuer(ISSUER)
            .audience(AUDIENCE);
    let server = silent().auth(verifier).configuration(&other);
    let running = server.start(Http::bind("127.0.0.1:0")).await.unwrap();
    // Whose tokens are accepted is said in code; what a token needs is not.
    assert_eq!(status(&running, Some(&token(SECOND))).await, 401);
    assert_eq!(status(&running, Some(&token(FIRST))).await, 403);
}

#[tokio::test]
async fn m_52_a_secret_in_a_file_is_rotated_without_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let running = started(&in_file(folder.path(), FIRST)).await;
    assert_eq!(status(&running, Some(&token(FIRST))).await, 200);
    assert_eq!(status(&running, Some(&token(SECOND))).await, 401);

    // What cannot be used leaves the old one in place.
    for unusable in ["", "short"] {
        std::fs::write(folder.path().join("secret"), unusable).unwrap();
        assert!(running.reload().is_err());
        assert_eq!(status(&running, Some(&token(FIRST))).await, 200);
    }
    std::fs::write(folder.path().join("secret"), format!("{SECOND}\n")).unwrap();
    running.reload().unwrap();
    // A token that was remembered is not accepted any longer.
    assert_eq!(status(&running, Some(&token(FIRST))).await, 401);
    assert_eq!(status(&running, Some(&token(SECOND))).await, 200);
}

#[tokio::test(start_paused = true)]
async fn m_52_a_changed_file_is_noticed_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let running = started(&in_file(folder.path(), FIRST)).await;
    assert_eq!(status(&running, Some(&token(SECOND))).await, 401);
    std::fs::write(folder.path().join("secret"), SECOND).unwrap();
    tokio::time::advance(std::time::Duration::from_secs(30)).await;
    for _ in 0..1_000 {
        if status(&running, Some(&token(SECOND))).await == 200 {
            return;
        }
    }
    panic!("the new secret is not noticed");
}

/// A file of settings, which is read at once.
fn file(text: &str) -> Configuration {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("countersign.toml");
    std::fs::write(&file, text).unwrap();
    Configuration::default().file(&file).unwrap()
}

#[tokio::test]
async fn what_is_counted_is_served_where_settings_say() {
    let settings = file("[auth]\nenabled = false\n[metrics]\nbind = \"127.0.0.1:0\"\n");
    let server = || Server::new("Open").tool(hello).configuration(&settings);
    let told = server().into_app(&Http::bind("127.0.0.1:8000"));
    let told = told.unwrap_err().to_string();
    assert!(told.contains("Server::start"), "{told}");
    let running = server().start(Http::bind("127.0.0.1:0")).await.unwrap();
    assert_eq!(status_of_hello(&running).await, 200);
    let address = running.metrics_address().unwrap().to_string();
    let metrics = testkit::Http::socket(&address);
    let text = crate::fixture::Seen::of(metrics.get("/metrics").send().await).await;
    let line = "countersign_decisions_total{method=\"tools/call\",outcome=\"allowed\"";
    assert!(text.text().contains(line), "{}", text.text());
    // It ends together with the server.
    drop(running);
    tokio::task::yield_now().await;
    let metrics = std::net::TcpStream::connect(&address);
    assert!(metrics.is_err(), "somebody still listens");
}

async fn status_of_hello(running: &RunningServer) -> u16 {
    let http = testkit::Http::socket(&running.address().to_string());
    let call = json!({ "name": "hello", "arguments": {} });
    ModernClient::new(http, "/mcp")
        .send("tools/call", call)
        .await
        .status()
}

#[tokio::test]
async fn api_keys_of_settings_open_the_server_that_issues_tokens_and_no_other() {
    let settings = file("[api_keys]\nheader = \"X-Key\"\n");
    let told = refusal(Server::new("Open").tool(hello).configuration(&settings));
    assert!(told.contains("set issuing.issuer_url"), "{told}");
    let auth = countersign::EmbeddedAuth::in_memory();
    let server = Server::new("Keys")
        .tool(hello)
        .auth(auth)
        .configuration(&settings);
    let app = server.into_app(&Http::bind("127.0.0.1:8000")).unwrap();
    let keys = app.authorization_server().unwrap().api_keys();
    let owner = ApiKeyOwner::service("nightly").unwrap();
    let made = keys
        .create(&ApiKeyRequest::new(owner, "Nightly"))
        .await
        .unwrap();
    let http = testkit::Http::service(app);
    for (header, status) in [("x-key", 200), ("x-api-key", 401)] {
        let client = ModernClient::new(http.clone(), "/mcp");
        let client = client.header(header, made.text.reveal());
        let call = json!({ "name": "hello", "arguments": {} });
        assert_eq!(
            client.send("tools/call", call).await.status(),
            status,
            "{header}"
        );
    }
}

#[tokio::test]
async fn people_log_in_where_settings_say() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("a.db");
    let text = format!(
        "[issuing]\nissuer_url = \"http://localhost:8000\"\ndatabase = \"{}\"\n\
         [login]\nprovider = \"auth0\"\nclient_id = \"app-1\"\n\
         client_secret = {{ command = [\"echo\", \"s3cr3t\"] }}\n\
         values = [\"domain=notes.eu.auth0.com\"]\nallow_domains = [\"a.example\"]\n",
        database.display()
    );
    let server = Server::new("Notes").tool(hello).configuration(&file(&text));
    let place = Http::bind("127.0.0.1:0").public_url("http://localhost:8000/mcp");
    let running = server.start(place).await.unwrap();
    let issuing = running.app();
    let issuing = issuing.authorization_server().unwrap();
    assert_eq!(
        issuing.callback_address("auth0").as_deref(),
        Some("http://localhost:8000/callback/auth0")
    );
    // A program that issues nothing has nobody to log in.
    let login = "[login]\nprovider = \"github\"\n";
    let told = refusal(Server::new("Open").tool(hello).configuration(&file(login)));
    assert!(
        told.contains("login.provider") || told.contains("countersign.toml:2"),
        "{told}"
    );
    assert!(told.contains("set issuing.issuer_url"), "{told}");
}

#[tokio::test]
async fn dp_01_tokens_have_to_be_bound_where_settings_say_so() {
    let settings = |more: &[(&str, &str)]| {
        let all = [
            ("FASTMCP_AUTH_SECRET_KEY", FIRST),
            ("FASTMCP_AUTH_ISSUER", ISSUER),
            ("FASTMCP_AUTH_AUDIENCE", AUDIENCE),
        ];
        let all = all.iter().chain(more).copied();
        Configuration::from_variables(all).unwrap()
    };
    for (said, expected) in [("required", 401), ("accepted", 200)] {
        let running = started(&settings(&[("COUNTERSIGN_DPOP_BOUND_TOKENS", said)])).await;
        assert_eq!(
            status(&running, Some(&token(FIRST))).await,
            expected,
            "{said}"
        );
        let http = testkit::Http::socket(&running.address().to_string());
        let metadata = "/.well-known/oauth-protected-resource/mcp";
        let metadata = http.get(metadata).send().await.json().await;
        let required = &metadata["dpop_bound_access_tokens_required"];
        assert_eq!(*required == true, said == "required", "{metadata}");
        assert!(metadata["dpop_signing_alg_values_supported"].is_array());
    }
    // What code says counts most.
    let dpop = countersign::Dpop::accepted();
    let said = settings(&[("COUNTERSIGN_DPOP_BOUND_TOKENS", "required")]);
    let server = silent().dpop(dpop).configuration(&said);
    let running = server.start(Http::bind("127.0.0.1:0")).await.unwrap();
    assert_eq!(status(&running, Some(&token(FIRST))).await, 200);
}

#[test]
fn dp_01_what_nobody_could_bind_stops_the_start_and_says_what_to_set() {
    let said = file("[dpop]\nbound_tokens = \"required\"\n");
    let keys = || {
        let key = countersign::oauth::Secret::new("0123456789abcdef");
        ApiKeyAuth::header("X-API-Key").key(key, FixedKey::service("nightly"))
    };
    let open = || Server::new("Open").tool(hello);
    for (server, told) in [
        (open().configuration(&said), "set auth.jwks_url"),
        (
            open().auth(keys()).configuration(&said),
            "API keys are none",
        ),
        (
            open().source("jobs", keys()).configuration(&said),
            "set auth.jwks_url",
        ),
        (
            open().auth(keys()).dpop(countersign::Dpop::required()),
            "add Server::auth, or remove Server::dpop",
        ),
    ] {
        let refused = refusal(server);
        assert!(refused.contains(told), "{told}: {refused}");
    }
    let machines = file(
        "[workloads.job]\nissuer = \"https://a.example\"\nclient_id = \"W\"\nclaims = \"sub=a\"\n",
    );
    let told = refusal(open().configuration(&machines));
    assert!(told.contains("set issuing.issuer_url"), "{told}");
    let off = file(
        "[auth]\nenabled = false\n[workloads.job]\nissuer = \"https://a.example\"\nclient_id = \"W\"\nclaims = \"sub=a\"\n",
    );
    let told = refusal(open().configuration(&off));
    assert!(
        told.contains("says that callers need none: take one"),
        "{told}"
    );
}

#[test]
fn what_a_file_names_that_the_server_has_not_stops_the_start() {
    let auth = countersign::EmbeddedAuth::in_memory;
    for (text, told) in [
        (
            "[workloads.job]\nissuer = \"https://a.example\"\nclient_id = \"W\"\nclaims = \"sub=a\"\nscopes = \"deploy\"\n",
            "issuing.scopes",
        ),
        (
            "[token_exchange.api]\nclient_id = \"E\"\ncalls = \"https://api.example/a\"\n",
            "issuing.resources",
        ),
    ] {
        let server = Server::new("Open").tool(hello).auth(auth());
        let refused = refusal(server.configuration(&file(text)));
        assert!(refused.contains(told), "{told}: {refused}");
        let more = "[issuing]\nscopes = [\"deploy\"]\nresources = [\"https://api.example/a\"]\n";
        let server = Server::new("Open").tool(hello).auth(auth());
        let server = server.configuration(&file(&format!("{more}{text}")));
        server.into_app(&Http::bind("127.0.0.1:8000")).unwrap();
    }
}
