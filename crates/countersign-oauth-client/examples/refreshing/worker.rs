//! A process that has a token refreshed again and again.

use std::path::Path;
use std::sync::Arc;

use countersign_oauth_client::oauth::time::Clock;
use countersign_oauth_client::oauth::{ClientId, Issuer, ResourceUri, ScopeSet, Secret, UnixTime};
use countersign_oauth_client::{
    Authorizer, FileStore, OAuth, Outgoing, StoredTokens, TokenKey, TokenStore, TokenType,
};
use countersign_resource_server::SystemClock;
use http::Method;
use http::header::AUTHORIZATION;
use url::Url;

use crate::Outcome;

const CLIENT: &str = "client";

/// A clock that is the same in all processes, with milliseconds for seconds: a token that is
/// good for a second is soon good no more.
#[derive(Debug)]
struct FastClock;

impl Clock for FastClock {
    fn now(&self) -> UnixTime {
        UnixTime::from_secs(SystemClock::default().now_millis())
    }
}

pub(crate) fn key(origin: &str) -> Outcome<TokenKey> {
    Ok(TokenKey::new(
        Issuer::parse(origin)?,
        ResourceUri::parse(&format!("{origin}/mcp"))?,
        ClientId::parse(CLIENT)?,
    ))
}

pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> Outcome<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    Ok(runtime.block_on(work))
}

/// Keeps `refresh_token` beside an access token that has ended.
pub(crate) async fn put(store: &FileStore, origin: &str, refresh_token: &str) -> Outcome {
    let began = UnixTime::from_secs(0);
    let mut tokens = StoredTokens::new(
        Secret::new("access-0"),
        TokenType::Bearer,
        ScopeSet::new(),
        began,
    );
    tokens.expires_at = Some(began);
    tokens.refresh_token = Some(Secret::new(refresh_token));
    let mut guard = store.exclusive(&key(origin)?).await?;
    guard.put(&tokens).await?;
    Ok(())
}

/// Asks for a token until there is the one of the number `until`.
pub(crate) fn run(folder: &Path, origin: &str, until: u64) -> Outcome {
    let server = format!("{origin}/mcp");
    let oauth = OAuth::builder(&*server)
        .client_id(CLIENT)
        .issuer(origin)
        .store(Arc::new(FileStore::new(folder)))
        .clock(Arc::new(FastClock))
        .build()?;
    let url = Url::parse(&server)?;
    block_on(async {
        loop {
            let headers = oauth.authorize(Outgoing::new(&Method::POST, &url)).await?;
            let shown = headers.get(AUTHORIZATION).ok_or("nobody is logged in")?;
            let number = shown.to_str()?.strip_prefix("Bearer access-");
            if number.ok_or("the token is another")?.parse::<u64>()? >= until {
                return Ok(());
            }
        }
    })?
}
