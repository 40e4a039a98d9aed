//! The server: our resource server, and our authorization server in it, over one file.

use std::path::Path;
use std::sync::Arc;

use countersign::oauth_client::oauth::Lifetime;
use countersign::{AccessToken, Dpop, EmbeddedAuth, Http, Quota, Server, tool};

use crate::place::FileClock;
use crate::{Outcome, say};

/// Nobody here is a stranger who asks too often.
const PLENTY: Quota = Quota::per_second(1_000_000);

/// Says who is calling.
#[tool(scopes("read"))]
async fn whoami(token: AccessToken) -> String {
    token.sub().to_owned()
}

/// Changes something.
#[tool(scopes("write"))]
async fn change() -> &'static str {
    "changed"
}

/// Serves until it is killed. Its `kind`:
///
/// - `bound`: tokens are bound to a key of whoever can have that
/// - `bearer`: they are not
/// - `strict`: nor are they, and a refresh token that comes twice is a stolen one at once
pub(crate) async fn run(folder: &Path, origin: &str, kind: &str) -> Outcome {
    let is_strict = kind == "strict";
    let auth = EmbeddedAuth::sqlite(folder.join("data").join("server.db"))
        .danger_approve_everything("alice")
        .configure(move |server| {
            server.settings(|settings| {
                if is_strict {
                    settings.lifetimes.refresh_grace = Lifetime::ZERO;
                    // So that each client asks for another one each time.
                    settings.lifetimes.access_token = Lifetime::ZERO;
                }
                // More is done here in a minute of the clock than elsewhere in a day.
                settings.budgets.endpoints.token = PLENTY;
                settings.budgets.endpoints.metadata = PLENTY;
                settings.lifetimes.grant = Lifetime::from_hours(24 * 365 * 100);
            })
        });
    let server = Server::new("Refreshing")
        .clock(Arc::new(FileClock::of(folder)))
        .challenge_scopes(["read"])
        .auth(auth)
        .tool(whoami)
        .tool(change);
    let server = match kind {
        "bound" => server.dpop(Dpop::accepted()),
        _ => server,
    };
    let place = Http::bind("127.0.0.1:0").public_url(format!("{origin}/mcp"));
    let running = server.start(place).await?;
    say(&running.address().to_string());
    std::future::pending().await
}
