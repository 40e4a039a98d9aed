//! A server with an authorization server of its own, which lets everybody in who asks in
//! the right way.

use std::collections::BTreeMap;

use countersign::oauth::form::Form;
use serde_json::json;
use testkit::fake_server::ReceivedRequest;
use testkit::{FakeIssuerServer, ScriptedAnswer};

use super::played::{PATH, modern};

const TOKEN: &str = "the-token";

/// The fields of the forms that arrived at `path`.
pub(super) fn requests_of(server: &FakeIssuerServer, path: &str) -> Vec<BTreeMap<String, String>> {
    let mut requests = server.requests();
    requests.retain(|request| request.path == path);
    requests.iter().map(fields).collect()
}

fn fields(request: &ReceivedRequest) -> BTreeMap<String, String> {
    pairs(&request.body)
}

fn pairs(text: &[u8]) -> BTreeMap<String, String> {
    let form = Form::parse(text).unwrap();
    let names = [
        "assertion",
        "audience",
        "code",
        "grant_type",
        "redirect_uri",
        "resource",
        "state",
        "subject_token",
    ];
    names
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), form.one(name).unwrap()?.to_owned())))
        .collect()
}

/// A server whose tokens are shown by `scheme`, `Bearer` or `DPoP`.
pub(super) async fn protected(scheme: &'static str) -> FakeIssuerServer {
    let server = modern(move |message| {
        let shown = message.header("authorization");
        let proven = scheme == "Bearer" || message.header("dpop").is_some();
        let welcome = proven && shown == Some(&format!("{scheme} {TOKEN}"));
        let challenge = format!("{scheme} scope=\"read\"");
        let refusal = || ScriptedAnswer::status(401).header("www-authenticate", &challenge);
        (!welcome).then(refusal)
    })
    .await;
    let issuer = server.url("");
    let resource = json!({
        "resource": server.url(PATH), "authorization_servers": [issuer],
        "scopes_supported": ["read"],
    });
    server.answer(
        "/.well-known/oauth-protected-resource/mcp",
        ScriptedAnswer::json(resource.to_string()),
    );
    let metadata = json!({
        "issuer": issuer,
        "authorization_endpoint": server.url("/authorize"),
        "token_endpoint": server.url("/token"),
        "registration_endpoint": server.url("/register"),
        "response_types_supported": ["code"],
        "grant_types_supported": [
            "authorization_code", "refresh_token",
            "urn:ietf:params:oauth:grant-type:jwt-bearer",
        ],
        "token_endpoint_auth_methods_supported": ["none", "client_secret_basic"],
        "code_challenge_methods_supported": ["S256"],
        "dpop_signing_alg_values_supported": ["ES256"],
    });
    server.answer(
        "/.well-known/oauth-authorization-server",
        ScriptedAnswer::json(metadata.to_string()),
    );
    server.answer_with("/register", |request| {
        let mut told: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
        told["client_id"] = json!("a-client");
        ScriptedAnswer::json(told.to_string()).with_status(201)
    });
    server.answer_with("/authorize", |request| {
        let asked = pairs(request.query.as_deref().unwrap_or_default().as_bytes());
        let (to, state) = (&asked["redirect_uri"], &asked["state"]);
        ScriptedAnswer::redirect(302, &format!("{to}?code=the-code&state={state}"))
    });
    let token = json!({
        "access_token": TOKEN, "token_type": scheme, "expires_in": 3600, "scope": "read",
    });
    server.answer("/token", ScriptedAnswer::json(token.to_string()));
    server
}
