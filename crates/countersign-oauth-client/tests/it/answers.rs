//! What token endpoints answer.

use std::sync::Arc;
use std::time::Duration;

use countersign_oauth_client::oauth::Lifetime;
use countersign_oauth_client::{OAuth, Reach};
use countersign_resource_server::fetch::{FetchError, Fetcher};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use url::Url;

use crate::world::*;

/// Answers of a token endpoint that nothing may be kept of.
fn bad_answers() -> Vec<Reply> {
    let with = |name: &str, value: serde_json::Value| {
        let mut good = json!({
            "access_token": "CANARY",
            "token_type": "Bearer",
            "expires_in": 3600,
            "refresh_token": "CANARY-refresh",
        });
        match value.is_null() {
            true => good.as_object_mut().unwrap().remove(name),
            false => good.as_object_mut().unwrap().insert(name.to_owned(), value),
        };
        Reply::json(&good)
    };
    let page = "<html><title>CANARY</title></html>";
    vec![
        with("token_type", "mac".into()),
        with("token_type", "N_A".into()),
        with("token_type", "DPoP".into()),
        with("token_type", json!(null)),
        with("token_type", 7.into()),
        with("expires_in", (-1).into()),
        with("expires_in", json!(1.5)),
        with("expires_in", u64::MAX.into()),
        with("expires_in", "soon".into()),
        with("expires_in", "".into()),
        with("expires_in", true.into()),
        with("access_token", json!(null)),
        with("access_token", "".into()),
        with("access_token", json!({})),
        with("access_token", "CANARY\r\nX: y".into()),
        with("access_token", "CANARY\u{e9}".into()),
        with("access_token", "x".repeat(20_000).into()),
        with("refresh_token", 7.into()),
        with("refresh_token", "a b".into()),
        with("scope", json!(["a"])),
        with("scope", "a\"b".into()),
        with("error", "CANARY error".repeat(20).into()),
        Reply::of(302, "").header("location", "https://evil.test/"),
        Reply::of(200, page).header("content-type", "text/html"),
        Reply::of(201, r#"{"access_token":"CANARY","token_type":"Bearer"}"#),
        Reply::of(400, r#"{"access_token":"CANARY","token_type":"Bearer"}"#),
        Reply::of(200, ""),
        Reply::of(200, "[]"),
        Reply::of(
            200,
            r#"{"access_token":"CANARY","access_token":"other","token_type":"Bearer"}"#,
        ),
        Reply::of(200, "[".repeat(100_000)),
        Reply::failing(FetchError::TooLarge),
        Reply::failing(FetchError::Encoding),
    ]
}

#[tokio::test]
async fn i7_a_token_answer_that_is_none_is_an_error_and_nothing_is_kept() {
    for reply in bad_answers() {
        let scene = Scene::new();
        scene.world.always(TOKEN, reply.clone());
        let oauth = scene.client();
        let error = oauth.login().await.unwrap_err();
        assert!(!error.to_string().contains("CANARY"), "{reply:?}: {error}");
        assert!(!error.is_invalid_grant());
        assert_eq!(shown(&oauth).await, None, "{reply:?}");
        assert_eq!(scene.client().logged_in().await.unwrap(), None);
    }
}

#[tokio::test]
async fn i7_such_an_answer_to_a_refresh_leaves_the_tokens_as_they_are() {
    for reply in bad_answers() {
        let scene = Scene::new();
        scene.client().login().await.unwrap();
        scene.world.always(TOKEN, reply.clone());
        scene.clock.advance(Lifetime::from_hours(2));
        let oauth = scene.client();
        let error = headers_of(&oauth).await.unwrap_err().to_string();
        assert!(!error.contains("CANARY"), "{error}");
        // Later the same refresh token is good.
        scene.world.authorization_server(ISSUER);
        scene.world.forget_requests();
        assert_eq!(shown(&oauth).await.unwrap(), "Bearer access-1");
        let sent = scene.world.one(TOKEN).field("refresh_token");
        assert_eq!(sent.as_deref(), Some("refresh-1"), "{reply:?}");
    }
}

/// A listener on this machine that answers every connection with `answer` and then
/// never ends.
async fn listener(answer: impl Fn() -> Vec<Vec<u8>> + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let parts = answer();
            tokio::spawn(async move {
                let mut buffer = [0; 4_096];
                let _ = stream.read(&mut buffer).await;
                for part in parts {
                    if stream.write_all(&part).await.is_err() {
                        return;
                    }
                }
                // Nothing more, and no end.
                std::future::pending::<()>().await;
            });
        }
    });
    format!("http://{address}/mcp")
}

fn client_of(server: &str, fetcher: Fetcher) -> OAuth {
    OAuth::builder(server)
        .fetch(Arc::new(fetcher))
        .presenter(Arc::new(Person::default()))
        .build()
        .unwrap()
}

#[tokio::test]
async fn i7_i12_an_answer_of_ten_megabytes_is_cut_off_at_the_cap() {
    let server = listener(|| {
        let head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n".to_vec();
        let mut parts = vec![head];
        parts.extend((0..160).map(|_| vec![b' '; 64 * 1024]));
        parts
    })
    .await;
    let reach = Reach::of(&Url::parse(&server).unwrap());
    let oauth = client_of(&server, reach.fetcher().unwrap());
    let error = oauth.login().await.unwrap_err().to_string();
    assert!(error.contains("too large"), "{error}");
}

#[tokio::test]
async fn i12_a_document_that_trickles_is_given_up_in_time() {
    let server = listener(|| vec![b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{".to_vec()]).await;
    let fetcher = Fetcher::builder().danger_allow_loopback();
    let fetcher = fetcher.timeout(Lifetime::from_secs(1)).build().unwrap();
    let oauth = client_of(&server, fetcher);
    let waited = tokio::time::timeout(Duration::from_secs(10), oauth.login()).await;
    let error = waited.unwrap().unwrap_err();
    assert!(error.is_unreachable(), "{error}");
}

#[tokio::test]
async fn i12_deep_documents_are_refused_wherever_they_are() {
    let deep = format!("{}1{}", r#"{"a":"#.repeat(5_000), "}".repeat(5_000));
    for address in [SERVER_METADATA, RESOURCE_METADATA, REGISTER, TOKEN] {
        let scene = Scene::new();
        scene.world.always(address, Reply::of(200, deep.clone()));
        if address == RESOURCE_METADATA {
            let challenge = format!(r#"Bearer resource_metadata="{address}""#);
            refuse(&scene.client(), 401, &challenge, 0)
                .await
                .unwrap_err();
        } else {
            scene.client().login().await.unwrap_err();
        }
        assert_eq!(scene.client().logged_in().await.unwrap(), None);
    }
}
