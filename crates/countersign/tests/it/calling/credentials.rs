//! Where credentials go, and where they do not.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use countersign::client::{Client, ClientError, Command};
use countersign::oauth_client::authorizer::Authorizing;
use countersign::oauth_client::{Authorizer, AuthorizerError, Next, Outgoing, Refused};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use serde_json::json;
use testkit::{FakeIssuerServer, ScriptedAnswer};

use super::played::{PATH, legacy, modern, of_method, to};

const TOKEN: &str = "canary-token";

#[tokio::test]
async fn i10_cl_44_a_redirect_replays_nothing() {
    for status in [301, 302, 303, 307, 308] {
        let elsewhere = FakeIssuerServer::start().await;
        for target in [elsewhere.url("/mcp"), "/other".to_owned()] {
            let there = target.clone();
            let server = modern(move |message| {
                (message.method() == "tools/call").then(|| ScriptedAnswer::redirect(status, &there))
            })
            .await;
            let client = to(&server)
                .bearer(TOKEN.to_owned())
                .header("x-api-key", TOKEN.to_owned())
                .await
                .unwrap();
            let refused = client.call_tool("work", ()).await.unwrap_err();
            assert!(
                matches!(refused, ClientError::Redirect(told) if told == status),
                "{status} {target}: {refused}"
            );
            assert_eq!(elsewhere.requests().len(), 0, "{status} {target}");
            assert_eq!(server.count("/other"), 0, "{status} {target}");
        }
    }
}

#[tokio::test]
async fn cl_30_a_token_is_in_the_header_of_every_request_and_in_no_address() {
    for is_modern in [true, false] {
        let server = match is_modern {
            true => modern(|_| None).await,
            false => legacy(|_| None).await,
        };
        let client = to(&server).bearer(TOKEN.to_owned()).await.unwrap();
        client.tools().await.unwrap();
        client.call_tool("work", ()).await.unwrap();
        client.close().await;
        let requests = server.requests();
        assert!(requests.len() >= 3);
        for request in requests {
            let shown = request.headers.get("authorization").unwrap();
            assert_eq!(shown, &format!("Bearer {TOKEN}"), "{}", request.method);
            let rest = format!("{} {:?} {:?}", request.path, request.query, request.body);
            assert!(!rest.contains("canary"), "{rest}");
        }
    }
}

#[tokio::test]
async fn cl_31_a_token_goes_to_its_server_alone() {
    // What a challenge names is not asked by whoever only has a token.
    let elsewhere = FakeIssuerServer::start().await;
    let metadata = elsewhere.url("/metadata");
    let server = modern(move |_| {
        let challenge = format!("Bearer resource_metadata=\"{metadata}\"");
        Some(ScriptedAnswer::status(401).header("www-authenticate", &challenge))
    })
    .await;
    let refused = to(&server).bearer(TOKEN.to_owned()).await.unwrap_err();
    assert!(matches!(refused, ClientError::Unauthorized(_)), "{refused}");
    assert_eq!(server.requests().len(), 1);
    assert_eq!(elsewhere.requests().len(), 0);

    // Nor does the address for messages that a stream names count elsewhere.
    for endpoint in [
        elsewhere.url("/messages"),
        format!("//{}/messages", elsewhere.address()),
        "javascript:alert(1)".to_owned(),
        "file:///etc/passwd".to_owned(),
    ] {
        let server = FakeIssuerServer::start().await;
        let event = format!("event: endpoint\ndata: {endpoint}\n\n");
        let stream = ScriptedAnswer::stalled(event).header("content-type", "text/event-stream");
        server.answer("/sse", stream);
        let connect = Client::sse(&server.url("/sse")).bearer(TOKEN.to_owned());
        let refused = connect.await.unwrap_err();
        assert!(
            matches!(refused, ClientError::NotMcp(_)),
            "{endpoint}: {refused}"
        );
        assert_eq!(elsewhere.requests().len(), 0, "{endpoint}");
        assert_eq!(server.requests().len(), 1, "{endpoint}");
    }
}

/// Has another credential each time, and counts.
#[derive(Debug, Default)]
struct Counting {
    shown: AtomicU32,
    answered: AtomicU32,
    refused: Mutex<Vec<(String, u16, u32)>>,
    gives_up: bool,
}

#[derive(Clone, Debug)]
struct Shared(Arc<Counting>);

impl Authorizer for Shared {
    fn authorize<'a>(&'a self, _: Outgoing<'a>) -> Authorizing<'a, HeaderMap> {
        let number = self.0.shown.fetch_add(1, Ordering::SeqCst);
        let value = HeaderValue::try_from(format!("Bearer token-{number}")).unwrap();
        Box::pin(async { Ok(HeaderMap::from_iter([(AUTHORIZATION, value)])) })
    }

    fn refused<'a>(&'a self, refused: Refused<'a>) -> Authorizing<'a, Next> {
        let told = (
            refused.operation.to_owned(),
            refused.status.as_u16(),
            refused.attempt,
        );
        self.0.refused.lock().unwrap().push(told);
        let next = match self.0.gives_up {
            true => Next::GiveUp,
            false => Next::Again,
        };
        Box::pin(async move { Ok(next) })
    }

    fn answered(&self, _: Outgoing<'_>, _: &HeaderMap) {
        self.0.answered.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn i11_a_refused_request_is_sent_four_times_at_most() {
    for (status, gives_up, sent) in [(401, false, 4), (403, false, 4), (401, true, 1)] {
        let server = modern(move |message| {
            (message.method() == "tools/call").then(|| ScriptedAnswer::status(status))
        })
        .await;
        let counting = Arc::new(Counting {
            gives_up,
            ..Counting::default()
        });
        let authorizer = Shared(Arc::clone(&counting));
        let client = to(&server).authorizer(authorizer).await.unwrap();
        let answered = counting.answered.load(Ordering::SeqCst);
        assert!(answered > 0);
        let refused = client.call_tool("work", ()).await.unwrap_err();
        match status {
            401 => assert!(matches!(refused, ClientError::Unauthorized(_))),
            _ => assert!(matches!(refused, ClientError::Forbidden(_))),
        }
        let calls = of_method(&server, "tools/call");
        assert_eq!(calls.len(), sent);
        // Each time with what there was then.
        let mut shown: Vec<_> = calls
            .iter()
            .map(|call| call.header("authorization"))
            .collect();
        shown.dedup();
        assert_eq!(shown.len(), sent);
        let told = counting.refused.lock().unwrap().clone();
        let expected: Vec<_> = (0..3)
            .take(sent)
            .map(|attempt| ("tools/call work".to_owned(), status, attempt))
            .collect();
        assert_eq!(told, expected);
        assert_eq!(counting.answered.load(Ordering::SeqCst), answered);
    }
}

#[tokio::test]
async fn a_request_without_the_credentials_that_it_needs_is_not_sent() {
    #[derive(Debug)]
    struct Empty;
    impl Authorizer for Empty {
        fn authorize<'a>(&'a self, _: Outgoing<'a>) -> Authorizing<'a, HeaderMap> {
            Box::pin(async { Err(AuthorizerError("nobody is logged in".into())) })
        }

        fn refused<'a>(&'a self, _: Refused<'a>) -> Authorizing<'a, Next> {
            Box::pin(async { Ok(Next::Again) })
        }
    }
    let server = modern(|_| None).await;
    let refused = to(&server).authorizer(Empty).await.unwrap_err();
    assert_eq!(refused.to_string(), "nobody is logged in");
    assert_eq!(server.requests().len(), 0);
}

#[tokio::test]
async fn cl_46_what_is_private_is_not_shown_to_whoever_comes_next() {
    let server = modern(|message| {
        let caller = message.header("authorization").unwrap_or_default();
        let answer = message.result(json!({
            "ttlMs": 600_000, "cacheScope": "private",
            "tools": [{"name": caller, "inputSchema": {"type": "object"}}],
        }));
        (message.method() == "tools/list").then_some(answer)
    })
    .await;
    let names = async |client: &Client| {
        let tools = client.tools().await.unwrap();
        tools[0].name.to_string()
    };
    // One connection whose credentials change, and one of somebody else.
    let counting = Arc::new(Counting::default());
    let client = to(&server).authorizer(Shared(counting)).await.unwrap();
    let (first, second) = (names(&client).await, names(&client).await);
    assert_ne!(first, second);
    let other = to(&server).bearer(TOKEN.to_owned()).await.unwrap();
    assert_eq!(names(&other).await, format!("Bearer {TOKEN}"));
    assert_eq!(
        server.count(PATH),
        of_method(&server, "server/discover").len() + 3
    );
}

#[tokio::test]
async fn cl_47_a_command_gets_neither_oauth_nor_header_fields() {
    let command = || Command::new("true");
    for connect in [
        Client::stdio(command()).bearer(TOKEN.to_owned()),
        Client::stdio(command()).header("x-api-key", TOKEN.to_owned()),
    ] {
        let refused = connect.await.unwrap_err();
        assert!(
            matches!(refused, ClientError::StdioCredentials),
            "{refused}"
        );
    }
}
