//! A server whose access tokens are worth nothing to a thief: each is bound to a key of the
//! client, which proves with every request that it has it (DPoP, RFC 9449).
//!
//! `cargo run -p countersign --example dpop_server`, then
//! `cargo run -p countersign --example client_dpop -- http://localhost:8000/mcp`. With
//! `accepted` behind it, bearer tokens are taken beside them.

use countersign::{AccessToken, Dpop, EmbeddedAuth, Http, Server, tool};

/// Opens the vault.
#[tool(scopes("vault"))]
async fn open(token: AccessToken) -> String {
    format!("The vault is open, {}.", token.sub())
}

/// The server, whose authorization server binds tokens by itself.
pub(crate) fn server(auth: EmbeddedAuth, dpop: Dpop) -> Server {
    let auth = auth.scope("vault", "Open your vault");
    Server::new("Vault").auth(auth).dpop(dpop).tool(open)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let dpop = match std::env::args().nth(1).as_deref() {
        Some("accepted") => Dpop::accepted(),
        _ => Dpop::required(),
    };
    let server = server(EmbeddedAuth::sqlite("vault.db"), dpop);
    Ok(server.serve(Http::bind("127.0.0.1:8000")).await?)
}
