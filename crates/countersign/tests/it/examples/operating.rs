//! What it takes to run a server: limits, secrets, keys of machines, an audit log, middleware.

use countersign::Http;
use countersign::oauth::Secret;
use serde_json::{Value, json};
use std::sync::Arc;

use super::{
    admin_by_api_key, audit, call, connect, credential_manager, keys, middleware,
    per_user_rate_limiting, start, token,
};

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
    assert_eq!(
        refused.unwrap(),
        "Rate limit exceeded for user ada. Max 100 requests per minute. (JSON-RPC error -32000)"
    );
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
