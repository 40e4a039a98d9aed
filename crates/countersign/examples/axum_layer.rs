//! The same protection for any axum application, MCP or not.
//!
//! `cargo run -p countersign --example axum_layer`, after
//! `cargo run -- keygen --out .countersign`

use axum::routing::get;
use axum::{Extension, Router};
use countersign::oauth::{ResourceUri, ScopeSet};
use countersign::{AuthLayer, Caller, Gate, JwtVerifier};

async fn whoami(Extension(caller): Extension<Caller>) -> String {
    let token = caller.access_token();
    token.map_or("nobody", |token| token.sub()).to_owned()
}

pub(crate) fn app(public_key: String) -> anyhow::Result<Router> {
    let verifier = JwtVerifier::public_key(public_key)
        .issuer("http://localhost:8000")
        .audience("my-api");
    let gate = Gate::builder()
        .verifier(verifier)?
        .build(ResourceUri::parse("http://localhost:8000/api")?);
    let auth = AuthLayer::new(gate);
    let admin = auth.required_scopes(ScopeSet::parse("admin")?);
    // Where clients learn who issues the tokens (RFC 9728): the layer answers there by itself.
    let metadata = get(|| async {}).layer(auth.clone());
    Ok(Router::new()
        .route("/.well-known/oauth-protected-resource/api", metadata)
        .route("/api/whoami", get(whoami).layer(auth))
        .route("/api/admin", get(|| async { "Welcome" }).layer(admin))
        .route("/", get(|| async { "Everybody may read this" })))
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let public_key = std::fs::read_to_string(".countersign/public.pem")?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8000").await?;
    Ok(axum::serve(listener, app(public_key)?).await?)
}
