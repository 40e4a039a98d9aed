//! A process that refreshes the same tokens again and again.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

use countersign_oauth_client::oauth::{ClientId, Issuer, ResourceUri, ScopeSet, Secret, UnixTime};
use countersign_oauth_client::{FileStore, StoredTokens, TokenKey, TokenStore, TokenType};

use crate::Outcome;

pub(crate) fn key() -> Outcome<TokenKey> {
    Ok(TokenKey::new(
        Issuer::parse("https://as.test")?,
        ResourceUri::parse("https://rs.test/mcp")?,
        ClientId::parse("client")?,
    ))
}

pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> Outcome<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    Ok(runtime.block_on(work))
}

/// Keeps `refresh_token`.
pub(crate) async fn put(store: &FileStore, refresh_token: &str) -> Outcome {
    let mut guard = store.exclusive(&key()?).await?;
    guard.put(&kept(refresh_token)).await?;
    Ok(())
}

fn kept(refresh_token: &str) -> StoredTokens {
    let mut tokens = StoredTokens::new(
        Secret::new("access"),
        TokenType::Bearer,
        ScopeSet::new(),
        UnixTime::from_secs(0),
    );
    tokens.refresh_token = Some(Secret::new(refresh_token));
    tokens
}

/// Refreshes `count` times.
pub(crate) fn run(folder: &Path, port: u16, count: u64) -> Outcome {
    let store = FileStore::new(folder);
    block_on(async {
        for _ in 0..count {
            refresh(&store, port).await?;
        }
        Ok(())
    })?
}

async fn refresh(store: &FileStore, port: u16) -> Outcome {
    let mut guard = store.exclusive(&key()?).await?;
    let tokens = guard.tokens().await?.ok_or("the tokens are gone")?;
    let refresh_token = tokens.refresh_token.ok_or("there is no refresh token")?;
    let next = ask(port, refresh_token.reveal())?;
    guard.put(&kept(&next)).await?;
    Ok(())
}

/// One line there, one line back: what is proved here needs no HTTP.
fn ask(port: u16, refresh_token: &str) -> Outcome<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    writeln!(stream, "{refresh_token}")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    match answer.trim() {
        "" => Err("the refresh token was refused".into()),
        token => Ok(token.to_owned()),
    }
}
