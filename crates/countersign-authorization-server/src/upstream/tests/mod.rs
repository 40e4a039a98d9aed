//! Providers played by a script, without sockets except where the guard is tested.

mod application;
mod authorization;
mod configuration;
mod discovery;
mod guard;
mod id_tokens;
mod introspection;
mod restrictions;
mod revocation;
mod script;
mod token_answers;
mod userinfo;

use std::collections::BTreeMap;

use countersign_oauth::{Secret, UnixTime};
use countersign_resource_server::provider::{Preset, Provider};
use serde_json::{Value, json};
use testkit::{NOW, TestIssuer, TokenBuilder};

use super::{Arrival, AttemptSecrets, Upstream, UpstreamBuilder, UpstreamError};
use crate::random::SystemGenerator;
use script::{Play, Script};

const CLIENT: &str = "our-app";
const SECRET: &str = "s3cret of the app";
const REDIRECT: &str = "https://mcp.example/callback/op";

/// The issuer of the provider.
const OP: &str = "https://op.example";

/// A provider as most are.
const PLAIN: &str = r#"
name = "op"
display_name = "The Provider"
documentation = "https://op.example/docs"
discovery = "https://op.example/.well-known/openid-configuration"

[endpoints]
issuer = "https://op.example"

[login]
scopes = ["openid", "email"]
pkce = true
nonce = true
client_authentication = ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"]

[login.identity]
source = "id_token"
subject = "/sub"
name = "/name"
email = "/email"
email_verified = "/email_verified"
groups = "/groups"

[safety]
audience_bound = true
open_registration = false
"#;

/// A provider from the text of its file.
fn provider(text: &str) -> Provider {
    let values = BTreeMap::from([("client_id".to_owned(), CLIENT.to_owned())]);
    let preset = Preset::parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    preset.fill(&values).unwrap()
}

/// The file of [`PLAIN`] with one text in it replaced.
fn plain_with(from: &str, to: &str) -> String {
    assert!(PLAIN.contains(from), "{from}");
    PLAIN.replace(from, to)
}

fn builder(text: &str, script: &Script) -> UpstreamBuilder {
    Upstream::builder(provider(text), CLIENT)
        .secret(Secret::new(SECRET))
        .fetcher(script.clone())
}

fn attempt() -> AttemptSecrets {
    AttemptSecrets::generate(&SystemGenerator).unwrap()
}

fn later(seconds: u64) -> UnixTime {
    UnixTime::from_secs(NOW.as_secs() + seconds)
}

/// The keys and ID tokens of the provider.
fn op() -> TestIssuer {
    TestIssuer::new(OP)
}

/// A good ID token for `attempt`, to be changed.
fn id_token(attempt: &AttemptSecrets) -> TokenBuilder {
    op().token()
        .typ("JWT")
        .aud(CLIENT)
        .without("client_id")
        .claim("nonce", attempt.nonce.reveal())
        .claim("name", "Alice")
        .claim("email", "alice@corp.example")
        .claim("email_verified", true)
}

fn metadata() -> Value {
    json!({
        "issuer": OP,
        "authorization_endpoint": "https://op.example/authorize",
        "token_endpoint": "https://op.example/token",
        "jwks_uri": "https://op.example/jwks",
        "userinfo_endpoint": "https://op.example/userinfo",
        "introspection_endpoint": "https://op.example/introspect",
        "revocation_endpoint": "https://op.example/revoke",
    })
}

/// A good answer of the token endpoint.
fn token_answer(id_token: &str) -> Value {
    json!({
        "access_token": "upstream-at",
        "token_type": "Bearer",
        "expires_in": 3600,
        "refresh_token": "upstream-rt",
        "id_token": id_token,
    })
}

/// A provider that works, except that its token endpoint issues `id_token`.
fn script_with(id_token: &str) -> Script {
    let script = Script::new();
    script.json("/.well-known/openid-configuration", &metadata());
    script.text("/jwks", &op().jwks());
    script.json("/token", &token_answer(id_token));
    script
}

async fn redeem(upstream: &Upstream, attempt: &AttemptSecrets) -> Result<Arrival, UpstreamError> {
    let code = Secret::new("upstream-code");
    let random = &SystemGenerator;
    upstream
        .redeem_code(attempt, REDIRECT, &code, None, NOW, random)
        .await
}

/// Logs in at a provider whose file is `text` with an ID token that `change` made.
async fn login(
    text: &str,
    change: impl FnOnce(TokenBuilder) -> TokenBuilder,
) -> Result<Arrival, UpstreamError> {
    let attempt = attempt();
    let script = script_with(&change(id_token(&attempt)).sign());
    let upstream = builder(text, &script).build().unwrap();
    redeem(&upstream, &attempt).await
}

fn status(code: u16) -> Play {
    Play::of(code, String::new())
}
