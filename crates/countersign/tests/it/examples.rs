//! Every example, over loopback. `main` of an example only adds its fixed address.

use std::path::Path;
use std::sync::{Arc, Mutex};

use countersign::client::{Client, ClientError};
use countersign::keys::{KeyPair, SystemRandom, TestToken};
use countersign::oauth::jose::{Algorithm, SigningKey, sign_compact};
use countersign::oauth::{Secret, UnixTime};
use countersign::protocol::CallToolResult;
use countersign::{Clock, Http, JwtVerifier, RunningServer, Server, SystemClock};
use serde_json::{Value, json};
use testkit::{FakeIssuerServer, ScriptedAnswer};
use tokio::sync::Notify;

macro_rules! example {
    ($name:ident, $file:literal) => {
        #[path = $file]
        #[expect(dead_code, reason = "its main is for running it")]
        mod $name;
    };
}

example!(admin_by_api_key, "../../examples/admin_by_api_key.rs");
example!(
    anonymous_degradation,
    "../../examples/anonymous_degradation.rs"
);
example!(audit, "../../examples/audit.rs");
example!(axum_layer, "../../examples/axum_layer.rs");
example!(credential_manager, "../../examples/credential_manager.rs");
example!(custom_verifier, "../../examples/custom_verifier.rs");
example!(greet_client, "../../examples/greet_client.rs");
example!(greet_server, "../../examples/greet_server.rs");
example!(hmac, "../../examples/hmac.rs");
example!(jwks, "../../examples/jwks.rs");
example!(middleware, "../../examples/middleware.rs");
example!(
    per_user_rate_limiting,
    "../../examples/per_user_rate_limiting.rs"
);
example!(rbac, "../../examples/rbac.rs");
example!(rmcp_handler, "../../examples/rmcp_handler.rs");
example!(
    scope_based_deletion,
    "../../examples/scope_based_deletion.rs"
);
example!(tool_scopes, "../../examples/tool_scopes.rs");

const PEM: &str = include_str!("../../examples/pem.rs");
const README: &str = include_str!("../../../../README.md");

fn keys() -> KeyPair {
    KeyPair::generate(Algorithm::ES256).unwrap()
}

/// The servers judge by the clock of the system.
fn now() -> UnixTime {
    SystemClock::default().now()
}

fn token(keys: &KeyPair, subject: &str, scopes: &[&str]) -> Secret {
    TestToken::new(subject)
        .issuer("http://localhost:8000")
        .audience("my-mcp-server")
        .scopes(scopes.iter().copied())
        .sign(keys, now(), &SystemRandom::new())
        .unwrap()
}

async fn start(server: Server) -> RunningServer {
    server.start(Http::bind("127.0.0.1:0")).await.unwrap()
}

async fn connect(server: &RunningServer, token: Option<Secret>) -> Result<Client, ClientError> {
    match token {
        Some(token) => Client::connect(server.url()).bearer(token).await,
        None => Client::connect(server.url()).await,
    }
}

fn text(result: &CallToolResult) -> &str {
    &result.content[0].as_text().unwrap().text
}

async fn call(client: &Client, tool: &str, arguments: Value) -> Result<String, ClientError> {
    let arguments = arguments.as_object().unwrap().clone();
    let result = client.call_tool(tool, arguments).await?;
    Ok(text(&result).to_owned())
}

async fn tools(client: &Client) -> Vec<String> {
    let tools = client.tools().await.unwrap();
    tools.iter().map(|tool| tool.name.to_string()).collect()
}

/// Lines that an example printed.
#[derive(Clone, Default)]
struct Printed(Arc<Mutex<Vec<String>>>, Arc<Notify>);

impl Printed {
    fn print(&self) -> impl Fn(String) + Send + Sync + 'static {
        let printed = self.clone();
        move |line| {
            printed.0.lock().unwrap().push(line);
            printed.1.notify_one();
        }
    }

    fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    async fn wait_for(&self, number: usize) -> Vec<String> {
        while self.lines().len() < number {
            self.1.notified().await;
        }
        self.lines()
    }
}

#[tokio::test]
async fn m_55_missing_keys_name_the_two_commands_that_make_them() {
    let folder = tempfile::tempdir().unwrap();
    let http = Http::bind("127.0.0.1:0");
    let refused = greet_server::run(folder.path(), http, |_| {}).await;
    let told = refused.unwrap_err().to_string();
    let private = folder.path().join("private.pem");
    let public = folder.path().join("public.pem");
    let lines: Vec<_> = told.lines().map(str::trim).collect();
    assert_eq!(
        lines[0],
        format!(
            "{} and {} files not found. Make them with:",
            private.display(),
            public.display()
        )
    );
    assert!(lines[1].contains("&& openssl genpkey -algorithm EC"));
    assert!(lines[2].starts_with("openssl pkey -in"));
    let refused = greet_client::run(folder.path(), "http://localhost:1/mcp", |_| {}).await;
    let told = format!("{:#}", refused.unwrap_err());
    assert!(told.contains("cargo run -- keygen"), "{told}");
}

#[tokio::test]
async fn m_55_the_client_mints_a_token_and_is_greeted_by_name() {
    let folder = tempfile::tempdir().unwrap();
    keys().save(folder.path()).unwrap();
    let (server, client) = (Printed::default(), Printed::default());
    let (path, print) = (folder.path().to_owned(), server.print());
    let serving = tokio::spawn(async move {
        greet_server::run(Path::new(&path), Http::bind("127.0.0.1:0"), print).await
    });
    let printed = server.wait_for(2).await;
    let url = printed[0].strip_prefix("Serving at ").unwrap();
    assert!(url.starts_with("http://localhost:") && url.ends_with("/mcp"));
    assert_eq!(printed[1], "Available tools: greet");

    greet_client::run(folder.path(), url, client.print())
        .await
        .unwrap();
    let printed = client.lines();
    assert!(printed[0].starts_with("Token: ey") && printed[0].len() < 32);
    assert_eq!(printed[1], "Hello, World! Your userid is hello@world.com.");
    serving.abort();
}

#[test]
fn the_server_of_the_readme_is_the_example_and_has_at_most_15_lines() {
    let code = PEM.split_once("\n\n").unwrap().1.trim();
    assert!(PEM.starts_with("//!") && code.starts_with("use "));
    assert!(README.contains(&format!("```rust\n{code}\n```")), "{code}");
    let lines = code.lines().filter(|line| !line.is_empty()).count();
    assert!(lines <= 15, "{lines}");
}

#[test]
fn the_readme_names_every_example() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");
    let files = std::fs::read_dir(folder).unwrap();
    for file in files {
        let file = file.unwrap().path();
        let name = file.file_stem().unwrap().to_str().unwrap();
        assert!(README.contains(&format!("`{name}`")), "{name}");
    }
}

#[tokio::test]
async fn jwks_verifies_with_the_published_keys() {
    let keys = keys();
    let issuer = FakeIssuerServer::start().await;
    issuer.answer("/jwks", ScriptedAnswer::json(keys.public_jwk_set()));
    let published = JwtVerifier::jwks(issuer.url("/jwks")).danger_allow_loopback();
    let server = start(jwks::server(published)).await;
    let good = TestToken::new("ada")
        .issuer("https://your-domain.auth0.com/")
        .audience("your-api-identifier")
        .sign(&keys, now(), &SystemRandom::new())
        .unwrap();
    let strange = connect(&server, Some(token(&keys, "ada", &[]))).await;
    assert!(matches!(strange, Err(ClientError::Unauthorized(_))));
    let client = connect(&server, Some(good)).await.unwrap();
    let greeting = call(&client, "greet", json!({"name": "you"})).await;
    assert_eq!(greeting.unwrap(), "Hello, you! Your userid is ada.");
}

#[tokio::test]
async fn hmac_verifies_with_the_shared_secret() {
    let sign = |secret: &Secret| {
        let key = SigningKey::from_hmac_secret(secret, Algorithm::HS256).unwrap();
        let expires_at = now().as_secs() + 60;
        let claims = json!({
            "iss": "internal-auth-service", "aud": "mcp-internal-api", "sub": "ada",
            "exp": expires_at,
        });
        let claims = claims.to_string();
        sign_compact(None, claims.as_bytes(), &key, &SystemRandom::new()).map(Secret::new)
    };
    let secret = Secret::new("0123456789abcdef0123456789abcdef");
    let other = Secret::new("fedcba9876543210fedcba9876543210");
    let server = start(hmac::server(secret.clone())).await;
    let strange = connect(&server, Some(sign(&other).unwrap())).await;
    assert!(matches!(strange, Err(ClientError::Unauthorized(_))));
    let client = connect(&server, Some(sign(&secret).unwrap())).await;
    let greeting = call(&client.unwrap(), "greet", json!({"name": "you"})).await;
    assert_eq!(greeting.unwrap(), "Hello, you! Your userid is ada.");
}

#[tokio::test]
async fn custom_verifier_lets_in_whoever_has_a_badge() {
    let badges = custom_verifier::Badges::default().hand_out("badge-1", "ada");
    let server = start(custom_verifier::server(badges)).await;
    for strange in ["badge-2", "ticket-1"] {
        let refused = connect(&server, Some(Secret::new(strange))).await;
        assert!(matches!(refused, Err(ClientError::Unauthorized(_))));
    }
    let client = connect(&server, Some(Secret::new("badge-1"))).await;
    let greeting = call(&client.unwrap(), "greet", json!({"name": "you"})).await;
    assert_eq!(greeting.unwrap(), "Hello, you! Your userid is ada.");
}

#[tokio::test]
async fn anonymous_callers_see_less_instead_of_nothing() {
    let keys = keys();
    let server = start(anonymous_degradation::server(keys.public_pem().into())).await;
    let anonymous = connect(&server, None).await.unwrap();
    assert_eq!(tools(&anonymous).await, ["search"]);
    let found = call(&anonymous, "search", json!({"query": "ice"})).await;
    assert_eq!(found.unwrap(), "What is public about ice");
    let refused = call(&anonymous, "save", json!({"query": "ice"})).await;
    assert!(matches!(refused, Err(ClientError::Unauthorized(_))));

    let ada = connect(&server, Some(token(&keys, "ada", &["write"]))).await;
    let ada = ada.unwrap();
    assert_eq!(tools(&ada).await, ["search", "save"]);
    let found = call(&ada, "search", json!({"query": "ice"})).await;
    assert_eq!(found.unwrap(), "Everything about ice that ada may read");
}

#[tokio::test]
async fn each_tool_needs_its_own_scopes() {
    let keys = keys();
    let server = start(tool_scopes::server(keys.public_pem().into())).await;
    let shut_out = connect(&server, Some(token(&keys, "ada", &[]))).await;
    assert!(matches!(shut_out, Err(ClientError::Forbidden(_))));

    let reader = connect(&server, Some(token(&keys, "ada", &["notes"]))).await;
    let reader = reader.unwrap();
    assert_eq!(tools(&reader).await, ["read_note"]);
    let refused = call(&reader, "delete_note", json!({"id": 7})).await;
    let Err(ClientError::Forbidden(challenge)) = refused else {
        panic!("{refused:?}");
    };
    assert!(challenge.scope.contains("notes:delete"));
    let unknown = call(&reader, "delete_everything", json!({})).await;
    assert!(
        matches!(unknown, Err(ClientError::Rpc { .. })),
        "{unknown:?}"
    );

    let all = token(&keys, "ada", &["notes", "notes:delete", "admin"]);
    let admin = connect(&server, Some(all)).await.unwrap();
    assert_eq!(
        tools(&admin).await,
        ["read_note", "delete_note", "delete_everything"]
    );
    let deleted = call(&admin, "delete_note", json!({"id": 7})).await;
    assert_eq!(deleted.unwrap(), "Note 7 is deleted");
}

fn token_of(keys: &KeyPair, subject: &str, groups: &[&str]) -> Secret {
    TestToken::new(subject)
        .issuer("http://localhost:8000")
        .audience("my-mcp-server")
        .claim("groups", json!(groups))
        .unwrap()
        .sign(keys, now(), &SystemRandom::new())
        .unwrap()
}

#[tokio::test]
async fn m_22_each_role_may_what_the_rules_say() {
    let keys = keys();
    let server = start(rbac::server(keys.public_pem().into()).unwrap()).await;
    let ticket = json!({"id": 7, "refund": 500});
    for (subject, groups, roles, listed) in [
        ("eve", &[] as &[&str], "", &["my_roles"] as &[&str]),
        (
            "alice",
            &[],
            "support",
            &["list_tickets", "close_ticket", "my_roles"],
        ),
        (
            "bob",
            &["help-desk", "external"],
            "support contractor",
            &["list_tickets", "my_roles"],
        ),
        (
            "carol",
            &["managers"],
            "support manager",
            &["list_tickets", "close_ticket", "delete_user", "my_roles"],
        ),
    ] {
        let token = token_of(&keys, subject, groups);
        let client = connect(&server, Some(token)).await.unwrap();
        assert_eq!(tools(&client).await, listed, "{subject}");
        let told = call(&client, "my_roles", json!({})).await.unwrap();
        assert_eq!(told, roles, "{subject}");
        let deleted = call(&client, "delete_user", json!({"user_id": "mallory"})).await;
        match subject {
            "carol" => assert_eq!(deleted.unwrap(), "mallory is deleted"),
            // Others do not learn that there is such a tool.
            _ => assert!(
                matches!(deleted, Err(ClientError::Rpc { .. })),
                "{deleted:?}"
            ),
        }
        let closed = call(&client, "close_ticket", ticket.clone()).await;
        match subject {
            "carol" => assert_eq!(closed.unwrap(), "Ticket 7 is closed, 500 refunded"),
            "alice" => assert_eq!(closed.unwrap(), "Insufficient permissions."),
            _ => assert!(
                matches!(closed, Err(ClientError::Forbidden(_))),
                "{closed:?}"
            ),
        }
    }
}

#[tokio::test]
async fn m_17_what_deletes_needs_its_scope() {
    let keys = keys();
    let server = start(scope_based_deletion::server(keys.public_pem().into())).await;
    let connected = async |scopes: &[&str]| {
        let token = token(&keys, "ada", scopes);
        connect(&server, Some(token)).await.unwrap()
    };
    let delete = json!({"user_id": "bob", "reason": "left"});
    let nobody = connected(&[]).await;
    assert_eq!(tools(&nobody).await, ["clean_up"]);
    for (tool, arguments, scope) in [
        ("delete_user", delete.clone(), "admin:write"),
        ("read_sensitive_data", json!({"data_id": "x"}), "data:read"),
    ] {
        let refused = call(&nobody, tool, arguments).await;
        let Err(ClientError::Forbidden(challenge)) = refused else {
            panic!("{tool}: {refused:?}");
        };
        assert!(challenge.scope.contains(scope), "{tool}");
    }
    let clean = |dry_run: bool| json!({"days": 30, "dry_run": dry_run});
    let told = call(&nobody, "clean_up", clean(true)).await.unwrap();
    assert_eq!(told, "12 things are older than 30 days");
    let told = call(&nobody, "clean_up", clean(false)).await.unwrap();
    assert_eq!(
        told,
        "Insufficient permissions. Required scope: admin:write"
    );
    let admin = connected(&["admin:write"]).await;
    let told = call(&admin, "delete_user", delete).await.unwrap();
    assert_eq!(
        told,
        r#"{"status":"success","deleted":"bob","reason":"left"}"#
    );
    let told = call(&admin, "clean_up", clean(false)).await.unwrap();
    assert_eq!(told, "12 things are deleted");
    let told = call(&admin, "read_sensitive_data", json!({"data_id": "x"}))
        .await
        .unwrap();
    assert_eq!(told, "x: 42");
}

#[tokio::test]
async fn a_handler_of_the_sdk_is_protected_as_it_is() {
    let keys = keys();
    let server = start(rmcp_handler::server(keys.public_pem().into())).await;
    let anonymous = connect(&server, None).await;
    assert!(anonymous.is_err(), "{anonymous:?}");
    let ada = connect(&server, Some(token(&keys, "ada", &[]))).await;
    let ada = ada.unwrap();
    assert_eq!(tools(&ada).await, ["count"]);
    let refused = call(&ada, "reset", json!({})).await;
    let Err(ClientError::Forbidden(challenge)) = refused else {
        panic!("{refused:?}");
    };
    assert!(challenge.scope.contains("counter:reset"));
    assert_eq!(call(&ada, "count", json!({})).await.unwrap(), "One, ada.");
    let bob = connect(&server, Some(token(&keys, "bob", &["counter:reset"]))).await;
    let reset = call(&bob.unwrap(), "reset", json!({})).await;
    assert_eq!(reset.unwrap(), "Zero, bob.");
}

#[tokio::test]
async fn the_middleware_counts_the_calls_of_each_caller() {
    let keys = keys();
    let server = start(middleware::server(keys.public_pem().into())).await;
    let ada = connect(&server, Some(token(&keys, "ada", &[]))).await;
    let bob = connect(&server, Some(token(&keys, "bob", &[]))).await;
    let (ada, bob) = (ada.unwrap(), bob.unwrap());
    let greet = |client| call(client, "greet", json!({"name": "you"}));
    for _ in 0..2 {
        assert_eq!(
            greet(&ada).await.unwrap(),
            "Hello, you! Your userid is ada."
        );
    }
    assert_eq!(greet(&ada).await.unwrap(), "You have no calls left");
    assert_eq!(
        greet(&bob).await.unwrap(),
        "Hello, you! Your userid is bob."
    );
}

#[tokio::test]
async fn the_layer_protects_an_axum_application() {
    let keys = keys();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let http = testkit::Http::socket(&listener.local_addr().unwrap().to_string());
    let app = axum_layer::app(keys.public_pem().into()).unwrap();
    let serving = tokio::spawn(async { axum::serve(listener, app).await });
    let token = |scopes: &[&str]| {
        TestToken::new("ada")
            .issuer("http://localhost:8000")
            .audience("my-api")
            .scopes(scopes.iter().copied())
            .sign(&keys, now(), &SystemRandom::new())
            .unwrap()
    };
    let get = async |path: &str, token: Option<Secret>| {
        let mut request = http.get(path);
        if let Some(token) = token {
            request = request.bearer(token.reveal());
        }
        let mut answer = request.send().await;
        (answer.status(), answer.text().await)
    };
    assert_eq!(get("/", None).await.0, 200);
    assert_eq!(get("/api/whoami", None).await.0, 401);
    assert_eq!(get("/api/admin", Some(token(&[]))).await.0, 403);
    assert_eq!(
        get("/api/whoami", Some(token(&[]))).await,
        (200, "ada".to_owned())
    );
    assert_eq!(get("/api/admin", Some(token(&["admin"]))).await.0, 200);
    serving.abort();
}

#[tokio::test]
async fn m_23_each_user_has_a_hundred_requests_a_minute() {
    let keys = keys();
    let server = start(per_user_rate_limiting::server(keys.public_pem().to_owned())).await;
    let client = async |subject: &str| connect(&server, Some(token(&keys, subject, &[]))).await;
    let ada = client("ada").await.unwrap();
    let mut refused = None;
    for _ in 0..110 {
        let arguments = json!({ "param": "x" });
        match call(&ada, "rate_limited_operation", arguments).await {
            Ok(text) => assert_eq!(text, "Operation completed: x"),
            Err(error) => {
                refused = Some(error.to_string());
                break;
            }
        }
    }
    assert_eq!(refused.unwrap(), "the server answered HTTP 429");
    let authority = server.url().trim_start_matches("http://");
    let http = testkit::Http::socket(authority.trim_end_matches("/mcp"));
    let ada = token(&keys, "ada", &[]);
    let ada = testkit::ModernClient::new(http, "/mcp").bearer(ada.reveal());
    let arguments = json!({ "name": "rate_limited_operation", "arguments": { "param": "x" } });
    // One may have come back meanwhile.
    ada.send("tools/call", arguments.clone()).await;
    let mut told = ada.send("tools/call", arguments).await;
    let told = told.response().await["error"]["message"].clone();
    assert_eq!(
        told,
        "Rate limit exceeded for user ada. Max 100 requests per minute."
    );
    let bob = client("bob").await.unwrap();
    let report = call(&bob, "expensive_report", json!({})).await.unwrap();
    assert_eq!(report, "Report completed");
}

#[test]
fn credential_manager_says_what_is_configured_and_never_what_it_is() {
    use countersign::CredentialManager;

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    std::fs::write(&file, "canary\n").unwrap();
    let file = file.display().to_string();
    let all = [
        ("API_KEY", "canary-1"),
        ("OAUTH_CLIENT_ID", "app"),
        ("OAUTH_CLIENT_SECRET_FILE", &*file),
    ];
    let report = credential_manager::report(&CredentialManager::from_variables(all)).unwrap();
    assert_eq!(
        report,
        "API_KEY: configured, 8 bytes\nOAUTH_CLIENT_ID: configured, 3 bytes\n\
         OAUTH_CLIENT_SECRET: configured, 6 bytes\n"
    );
    let some = CredentialManager::from_variables(all.into_iter().take(2));
    assert_eq!(
        credential_manager::report(&some).unwrap_err().to_string(),
        "Required secret not configured: OAUTH_CLIENT_SECRET. Set OAUTH_CLIENT_SECRET \
         environment variable."
    );
}

#[tokio::test]
async fn the_admin_example_opens_statistics_to_a_key_and_to_no_person() {
    use countersign::oauth::ScopeSet;
    use countersign::{ApiKeyAuth, FixedKey};

    let keys = keys();
    let scopes = ScopeSet::parse("stats:read").unwrap();
    let opens = FixedKey::service("monitoring").scopes(scopes);
    let auth = ApiKeyAuth::header("X-API-Key").key(Secret::new("0123456789abcdef"), opens);
    let app = admin_by_api_key::server(auth, keys.public_pem().to_owned());
    let app = app.into_app(&Http::bind("127.0.0.1:8000")).unwrap();
    let http = testkit::Http::service(app);
    let read = || {
        let params = json!({ "uri": "admin://system/stats" });
        testkit::ModernClient::new(http.clone(), "/mcp").mcp("resources/read", params)
    };
    let person = token(&keys, "ada", &["stats:read"]);
    let bearer = format!("Bearer {}", person.reveal());
    for request in [
        read(),
        read().header("x-api-key", "0123456789abcdeg"),
        read().header("authorization", bearer),
    ] {
        assert_eq!(request.send().await.status(), 401);
    }
    let request = read().header("x-api-key", "0123456789abcdef");
    let mut answer = request.send().await;
    let answer: Value = serde_json::from_slice(&answer.bytes().await).unwrap();
    let said = &answer["result"]["contents"][0]["text"];
    assert_eq!(said, "All is well, service:monitoring.");
}

#[tokio::test]
async fn f20_the_audit_example_notes_who_did_what_and_finds_who_changes_it() {
    use countersign::audit::{JsonLines, Search, verify};

    let (keys, folder) = (keys(), tempfile::tempdir().unwrap());
    let log = folder.path().join("audit.jsonl");
    let lines = Arc::new(JsonLines::at(&log).open().unwrap());
    let server = start(audit::server(keys.public_pem().into(), lines.clone())).await;
    let ada = connect(&server, Some(token(&keys, "ada", &[])))
        .await
        .unwrap();
    call(&ada, "list_users", json!({})).await.unwrap();
    let arguments = json!({ "name": "grace" });
    call(&ada, "delete_user", arguments).await.unwrap_err();
    assert!(lines.flush());
    let mut told = Vec::new();
    let mut search = Search::new();
    search.subject = Some("ada".to_owned());
    let found = search.files(&log, |entry, _| {
        if let Some(component) = &entry.record.component {
            told.push(format!("{component} {}", entry.record.outcome.as_str()));
        }
        Ok(())
    });
    assert_eq!(found.unwrap(), 0);
    assert_eq!(told, ["list_users allowed", "delete_user refused"]);
    assert!(verify::files(&log, None).unwrap().is_intact());
    let text = std::fs::read_to_string(&log).unwrap();
    assert!(!text.contains("grace"), "{text}");
    let changed = text.replace("delete_user", "greet_user_");
    std::fs::write(&log, changed).unwrap();
    assert!(!verify::files(&log, None).unwrap().is_intact());
}
