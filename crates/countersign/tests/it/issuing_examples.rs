//! The examples about tokens that a server issues itself.

use countersign::client::{self, ClientError};
use countersign::oauth::pkce::{CodeVerifier, PkceError};
use countersign::oauth::{Lifetime, ScopeSet, Secret};
use countersign::{ApiKeyAuth, App, Clock, FixedKey, Http, Server, SystemClock};
use serde_json::{Map, Value, json};
use testkit::ModernClient;

use crate::embedded::client::Client;
use crate::fixture::Seen;
use crate::visitor::{Visitor, cheap_accounts};

example!(client_credentials, "../../examples/client_credentials.rs");
example!(consent_text, "../../examples/consent_text.rs");
example!(embedded_server, "../../examples/embedded_server.rs");
example!(multi_auth, "../../examples/multi_auth.rs");
example!(own_login, "../../examples/own_login.rs");
example!(opaque_tokens, "../../examples/opaque_tokens.rs");
example!(pkce, "../../examples/pkce.rs");
example!(token_manager, "../../examples/token_manager.rs");

const EMBEDDED: &str = include_str!("../../examples/embedded_server.rs");
const README: &str = include_str!("../../../../README.md");

fn app(server: Server) -> App {
    server.into_app(&Http::bind("127.0.0.1:8000")).unwrap()
}

/// The status and the text of a call.
async fn call(app: &App, token: &str, tool: &str, arguments: Value) -> (u16, String) {
    let http = testkit::Http::service(app.clone());
    let client = ModernClient::new(http, "/mcp").bearer(token);
    let params = json!({ "name": tool, "arguments": arguments });
    let seen = Seen::of(client.send("tools/call", params).await).await;
    let text = seen.json()["result"]["content"][0]["text"].clone();
    (seen.status, text.as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn the_embedded_server_takes_a_client_that_knows_its_address_from_login_to_a_call() {
    let app = app(embedded_server::server(cheap_accounts()));
    let client = Client::discover(&testkit::Http::service(app.clone())).await;
    let person = Visitor::first_of(&app).await;
    let reader = person.allow(&client, &[]).await;
    let (status, said) = call(&app, &reader, "whoami", json!({})).await;
    assert_eq!(status, 200);
    assert!(said.starts_with("Your userid is "), "{said}");
    let note = json!({ "text": "ice" });
    let (status, _) = call(&app, &reader, "write_note", note.clone()).await;
    assert_eq!(status, 403);
    let writer = person.allow(&client, &["notes:write"]).await;
    let written = call(&app, &writer, "write_note", note).await;
    assert_eq!(written, (200, "Written: ice".to_owned()));
}

#[test]
fn what_the_readme_says_about_the_embedded_server_is_in_the_example() {
    let (_, section) = README
        .split_once("## A server that issues the tokens itself")
        .unwrap();
    let (_, code) = section.split_once("```rust\n").unwrap();
    let (code, _) = code.split_once("```").unwrap();
    for part in [
        "EmbeddedAuth::sqlite(\"notes.db\")",
        ".scope(\"notes\", \"Read your notes\")",
        ".optional_scope(\"notes:write\", \"Change your notes\")",
        "Server::new(\"Notes\")",
        ".auth(auth)",
        ".tool(whoami)",
        "server.serve(Http::bind(\"127.0.0.1:8000\")).await?",
    ] {
        assert!(code.contains(part), "{part}");
        assert!(EMBEDDED.contains(part), "{part}");
    }
}

#[tokio::test]
async fn the_consent_page_speaks_with_the_words_of_the_application() {
    let app = app(consent_text::server(cheap_accounts()));
    let mut client = Client::discover(&testkit::Http::service(app.clone())).await;
    client.scope = "letters letters:send".to_owned();
    let person = Visitor::first_of(&app).await;
    let verifier = CodeVerifier::from_random([5; 32]);
    let page = person.asked_by(&client, &verifier).await.text();
    for words in [
        "The Letter Office",
        "Our staff never asks you to connect an application.",
        "See your letters and who wrote them",
        "Send letters in your name, at your expense",
    ] {
        assert!(page.contains(words), "{words} is not in {page}");
    }
    assert!(page.contains("name=\"scope\" value=\"letters:send\""));
    assert!(!page.contains("name=\"scope\" value=\"letters\""));
    let token = person.allow(&client, &[]).await;
    let listed = call(&app, &token, "list_letters", json!({})).await;
    assert_eq!(listed, (200, "No letters".to_owned()));
}

#[tokio::test]
async fn m_18_m_20_people_and_machines_are_each_refused_where_the_other_is_let_in() {
    const KEY: &str = "0123456789abcdef0123456789abcdef";
    let opens = FixedKey::service("reports");
    let machines = ApiKeyAuth::header("X-API-Key").key(Secret::new(KEY), opens);
    let app = app(multi_auth::server(cheap_accounts(), machines));
    let http = testkit::Http::service(app.clone());
    let client = Client::discover(&http).await;
    let token = Visitor::first_of(&app).await;
    let token = token.allow(&client, &["write:profile"]).await;
    let person = ModernClient::new(http.clone(), "/mcp").bearer(&token);
    let machine = ModernClient::new(http, "/mcp").header("x-api-key", KEY);

    let text = json!({ "text": "likes ice" });
    let changed = call(&app, &token, "update_my_profile", text).await;
    assert_eq!(changed, (200, "Your profile is changed".to_owned()));
    let users = machine.call("list_all_users", json!({})).await;
    let id = users["structuredContent"]["result"][0].as_str().unwrap();
    let one = machine
        .call("get_user_by_id", json!({ "user_id": id }))
        .await;
    assert_eq!(one["content"][0]["text"], "likes ice");

    let private = json!({ "uri": format!("user://{id}/private") });
    let stats = json!({ "uri": "admin://system/stats" });
    let read = "resources/read";
    let own = person.result(read, private.clone()).await;
    assert_eq!(own["contents"][0]["text"], "likes ice");
    let counted = machine.result(read, stats.clone()).await;
    assert_eq!(counted["contents"][0]["text"], "{\"total_users\":1}");

    let refused = Seen::of(machine.send(read, private).await).await;
    assert_eq!(refused.status, 401);
    let challenge = refused.header("www-authenticate").unwrap();
    assert!(challenge.starts_with("Bearer "), "{challenge}");
    assert!(challenge.contains("resource_metadata="), "{challenge}");
    let refused = Seen::of(person.send(read, stats).await).await;
    assert_eq!(refused.status, 401);
    assert_eq!(
        refused.header("www-authenticate").unwrap(),
        "ApiKey realm=\"multi-auth-server\", header=\"X-API-Key\""
    );
    let others = json!({ "uri": "user://somebody-else/private" });
    let missing = Seen::of(person.send(read, others).await).await;
    assert_eq!(missing.json()["error"]["code"], -32602);
}

#[tokio::test]
async fn a_service_gets_a_token_for_itself_and_calls() {
    let running = client_credentials::server()
        .start(Http::bind("127.0.0.1:0"))
        .await
        .unwrap();
    let app = running.app();
    let issuer = app.authorization_server().unwrap();
    let service = client_credentials::enroll(issuer, "The night service");
    let service = service.await.unwrap();
    let (id, issuer) = (service.id.as_str(), issuer.settings().issuer.as_str());
    let wrong = Secret::new("not-the-secret");
    let refused = client_credentials::report(running.url(), issuer, id, wrong).await;
    let told = refused.unwrap_err().to_string();
    assert!(told.contains("invalid_client"), "{told}");

    let secret = service.secret.unwrap();
    let said = client_credentials::report(running.url(), issuer, id, secret).await;
    assert_eq!(said.unwrap(), format!("Written for {id}"));
    running.stop().await;
}

#[tokio::test]
async fn m_08_tokens_of_a_manager_are_verified_by_it() {
    let tokens = opaque_tokens::TokenManager::default();
    let now = SystemClock::default().now();
    let issue = |scopes: &str, now| {
        let scopes = ScopeSet::parse(scopes).unwrap();
        tokens.generate_access_token("ada", scopes, now).unwrap()
    };
    let server = opaque_tokens::server(tokens.clone());
    let running = server.start(Http::bind("127.0.0.1:0")).await.unwrap();
    let call = async |token: Secret| {
        let client = client::Client::connect(running.url()).bearer(token).await?;
        let answer = client.call_tool("secure_operation", Map::new()).await?;
        Ok::<_, ClientError>(answer.content[0].as_text().unwrap().text.clone())
    };
    let hours_ago = now.as_secs() - Lifetime::from_hours(2).as_secs();
    for strange in [
        Secret::new("notes_unknown"),
        Secret::new("another-kind"),
        issue("admin", countersign::oauth::UnixTime::from_secs(hours_ago)),
    ] {
        let refused = call(strange).await;
        assert!(matches!(refused, Err(ClientError::Unauthorized(_))));
    }
    let refused = call(issue("read", now)).await;
    assert!(matches!(refused, Err(ClientError::Forbidden(_))));
    let done = call(issue("admin", now)).await.unwrap();
    assert_eq!(done, "Secure operation completed for user ada");
    running.stop().await;
}

#[tokio::test]
async fn m_28_the_tokens_of_a_manager_are_issued_and_stopped_all_at_once() {
    let tokens = token_manager::NotesTokens::default();
    let app = app(token_manager::server(cheap_accounts(), tokens.clone()));
    let client = Client::discover(&testkit::Http::service(app.clone())).await;
    let token = Visitor::first_of(&app).await.allow(&client, &[]).await;
    assert!(token.starts_with("notes_"), "{token}");
    let (status, said) = call(&app, &token, "whoami", json!({})).await;
    assert!(status == 200 && said.starts_with("Your userid is "));
    tokens.stop(true);
    assert_eq!(call(&app, &token, "whoami", json!({})).await.0, 401);
    tokens.stop(false);
    assert_eq!(call(&app, &token, "whoami", json!({})).await.0, 200);
}

#[test]
fn m_29_a_pair_is_made_and_checked() {
    let (verifier, parameters) = pkce::begin().unwrap();
    let (another, _) = pkce::begin().unwrap();
    let challenge = parameters
        .strip_prefix("code_challenge=")
        .and_then(|rest| rest.strip_suffix("&code_challenge_method=S256"))
        .unwrap();
    let check = |verifier| pkce::check(challenge, verifier);
    assert_eq!(check(None), Err(PkceError::VerifierMissing));
    let mismatched = check(Some(another.secret().reveal()));
    assert_eq!(mismatched, Err(PkceError::Mismatch));
    assert_eq!(check(Some("short")), Err(PkceError::Verifier));
    assert_eq!(check(Some(verifier.secret().reveal())), Ok(()));
}

/// The value of a hidden field.
fn field(page: &Seen, name: &str) -> String {
    let text = page.text();
    let (_, rest) = text
        .split_once(&format!("name=\"{name}\" value=\""))
        .unwrap();
    rest.split('"').next().unwrap().to_owned()
}

fn cookie(seen: &Seen) -> String {
    let set = seen.header("set-cookie").unwrap();
    set.split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_member_who_signs_in_at_the_application_consents_and_calls_until_expelled() {
    let members = own_login::Members::default();
    let code = members.invite("ada").unwrap();
    let app = app(own_login::server(&members));
    let http = testkit::Http::service(app.clone());
    let client = Client::discover(&http).await;
    let verifier = CodeVerifier::from_random([9; 32]);
    let question = format!("/authorize?{}", client.question(&verifier));
    let form = |target: &str, cookies: &str, body: String| {
        let request = http.post(target).header("cookie", cookies);
        let kind = "application/x-www-form-urlencoded";
        request.header("content-type", kind).body(body)
    };

    let sent = Seen::of(http.get(&question).send().await).await;
    let sign_in = sent.header("location").unwrap();
    for (target, typed) in [
        (sign_in, "code=wrong".to_owned()),
        (
            "/sign-in?return_to=%2F%2Fevil.example",
            format!("code={code}"),
        ),
        (
            "/sign-in?return_to=https%3A%2F%2Fevil.example",
            format!("code={code}"),
        ),
    ] {
        let refused = Seen::of(form(target, "", typed).send().await).await;
        assert_eq!(refused.status, 200, "{target}");
        assert_eq!(refused.header("set-cookie"), None, "{target}");
    }
    let back = Seen::of(form(sign_in, "", format!("code={code}")).send().await).await;
    assert_eq!(back.header("location"), Some(question.as_str()));
    let member = cookie(&back);
    let request = http.get(&question).header("cookie", &member);
    let page = Seen::of(request.send().await).await;
    let cookies = format!("{member}; {}", cookie(&page));
    let answer = format!(
        "forgery_token={}&transaction={}&decision=allow",
        field(&page, "forgery_token"),
        field(&page, "transaction")
    );
    let redirect = Seen::of(form("/consent", &cookies, answer).send().await).await;
    let (access, refresh) = client
        .redeem(redirect.header("location").unwrap(), &verifier)
        .await;
    let said = call(&app, &access, "whoami", json!({})).await;
    assert_eq!(said, (200, "ada".to_owned()));
    members.expel("ada");
    assert_eq!(client.try_refresh(&refresh).await.status, 400);
}
