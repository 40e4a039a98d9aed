//! A client: a person's tokens in a folder, and a server that it calls.

use std::path::Path;
use std::sync::Arc;

use countersign::client::Client;
use countersign::oauth_client::presenter::Headless;
use countersign::oauth_client::{
    Authorizer as _, FileStore, LoggedOut, OAuth, OAuthBuilder, Outgoing, Reach,
};
use http::Method;
use http::header::AUTHORIZATION;
use serde_json::json;
use url::Url;

use crate::Outcome;
use crate::place::{FileClock, tokens_in};

/// How often a client of the race asks for a token.
const REFRESHES: &str = "refresh ";

/// Does `action` as a client that begins now:
///
/// - `call`: calls a tool, and asks nobody
/// - `log in`: asks the person
/// - `change`: calls a tool that needs more than is asked for at a login
/// - `log out`
/// - `refresh N`: refreshes the token N times
pub(crate) async fn run(folder: &Path, origin: &str, action: &str) -> Outcome {
    let server = format!("{origin}/mcp");
    let url = Url::parse(&server)?;
    let builder = OAuth::builder(&*server)
        .store(Arc::new(FileStore::new(tokens_in(folder))))
        .clock(Arc::new(FileClock::of(folder)));
    match action {
        "call" => call(&server, builder.build()?, "whoami", "alice").await,
        "log in" => {
            with_person(builder, &url)?.login().await?;
            Ok(())
        }
        "change" => call(&server, with_person(builder, &url)?, "change", "changed").await,
        "log out" => match builder.build()?.logout().await? {
            LoggedOut::Forgotten => Err("the server did not take the token back".into()),
            _ => Ok(()),
        },
        _ => match action.strip_prefix(REFRESHES) {
            Some(times) => refresh(&builder.build()?, &url, times.parse()?).await,
            None => Err("there is no such action".into()),
        },
    }
}

fn with_person(builder: OAuthBuilder, url: &Url) -> Outcome<OAuth> {
    let person = Headless::new(Arc::new(Reach::of(url).fetcher()?));
    Ok(builder.presenter(Arc::new(person)).build()?)
}

async fn call(server: &str, oauth: OAuth, tool: &str, expected: &str) -> Outcome {
    let client = Client::connect(server).oauth(oauth).await?;
    let answer: String = client.call(tool, json!({})).await?;
    client.close().await;
    match answer == expected {
        true => Ok(()),
        false => Err(format!("{tool} answers {answer}").into()),
    }
}

async fn refresh(oauth: &OAuth, url: &Url, times: u64) -> Outcome {
    for _ in 0..times {
        let headers = oauth.authorize(Outgoing::new(&Method::POST, url)).await?;
        if !headers.contains_key(AUTHORIZATION) {
            return Err("nobody is logged in any more".into());
        }
    }
    Ok(())
}
