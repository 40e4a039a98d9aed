//! An MCP client as people use it, by the official SDK and over HTTP.

use std::time::Duration;

use countersign::client::{self, ClientError};
use countersign_oauth::Secret;
use serde_json::Map;
use testkit::{FakeProvider, provider};

use crate::embedded::client::Client;

/// What the tool says to whoever has `token`; none if nobody is let in with it.
pub(super) async fn read(client: &Client, token: &str) -> Option<String> {
    let connect = client::Client::connect(&client.resource).bearer(Secret::new(token));
    let connected = match connect.await {
        Ok(connected) => connected,
        Err(ClientError::Unauthorized(_)) => return None,
        Err(other) => panic!("{other}"),
    };
    let answer = connected.call_tool("read_api", Map::new()).await.unwrap();
    let said = answer.content[0].as_text().unwrap().text.clone();
    assert_ne!(answer.is_error, Some(true), "{said}");
    connected.close().await;
    Some(said)
}

/// Waits until the server, which tells nobody, has asked `endpoint` that often.
pub(super) async fn asked(fake: &FakeProvider, endpoint: provider::Endpoint, times: usize) {
    let asked = fake.asked(endpoint, times);
    let in_time = tokio::time::timeout(Duration::from_secs(60), asked).await;
    assert!(in_time.is_ok(), "{endpoint:?} is not asked");
}

/// The tokens after `refresh` was used; none if the grant has ended.
pub(super) async fn renewed(client: &Client, refresh: &str) -> Option<(String, String)> {
    let seen = client.try_refresh(refresh).await;
    let told = seen.json();
    let text = |name: &str| told[name].as_str().map(str::to_owned);
    match seen.status {
        200 => Some((text("access_token")?, text("refresh_token")?)),
        _ => {
            assert_eq!((seen.status, &*text("error")?), (400, "invalid_grant"));
            None
        }
    }
}
