//! The tower layer: what reaches the service, and what is answered for it.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use countersign_resource_server::oauth::{ResourceUri, ScopeSet, Secret};
use countersign_resource_server::{ApiKeyAuth, AuthLayer, Caller, FixedKey, Gate, SourceRule};
use http::{HeaderMap, Method, Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full};
use testkit::{AUDIENCE, TestClock, TestIssuer};
use tower::{Layer, Service, ServiceExt};

use crate::protected::{METADATA, good, trusting};

/// A request body that fails the test when it is read.
struct Untouchable;

impl Body for Untouchable {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        panic!("the body of a request was read before the request was admitted")
    }
}

/// Tells who called and which headers arrived.
#[derive(Clone, Default)]
struct Protected(Arc<AtomicUsize>);

impl Service<Request<Untouchable>> for Protected {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Untouchable>) -> Self::Future {
        self.0.fetch_add(1, Ordering::SeqCst);
        let caller: &Caller = request
            .extensions()
            .get()
            .expect("the layer inserts the caller");
        let subject = caller.access_token().map_or("nobody", |token| token.sub());
        let token = caller.token().is_some();
        let header = request.headers().contains_key("authorization");
        let body = format!("{subject} token={token} header={header}");
        std::future::ready(Ok(Response::new(Full::new(Bytes::from(body)))))
    }
}

fn gate(optional: bool) -> Arc<Gate> {
    let mut builder = Gate::builder()
        .verifier(trusting(&TestIssuer::as_test()))
        .unwrap()
        .clock(Arc::new(TestClock::new()));
    if optional {
        builder = builder.optional();
    }
    Arc::new(builder.build(ResourceUri::parse(AUDIENCE).unwrap()))
}

fn request(method: Method, path: &str, token: Option<&str>) -> Request<Untouchable> {
    let mut request = Request::new(Untouchable);
    *request.method_mut() = method;
    *request.uri_mut() = path.parse().unwrap();
    if let Some(token) = token {
        let value = format!("Bearer {token}").parse().unwrap();
        request.headers_mut().insert("authorization", value);
    }
    request
}

async fn call(
    layer: &AuthLayer,
    service: &Protected,
    request: Request<Untouchable>,
) -> (u16, HeaderMap, String) {
    let answer = layer.layer(service.clone()).oneshot(request).await.unwrap();
    let (head, body) = answer.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let body = String::from_utf8(body.to_vec()).unwrap();
    (head.status.as_u16(), head.headers, body)
}

#[tokio::test]
async fn rs_10_rs_15_a_refused_request_never_reaches_the_service() {
    let (layer, service) = (AuthLayer::new(gate(false)), Protected::default());
    for _ in 0..10_000 {
        let (status, headers, body) =
            call(&layer, &service, request(Method::POST, "/mcp", None)).await;
        assert_eq!((status, body.as_str()), (401, ""));
        let challenge = format!("Bearer resource_metadata=\"{METADATA}\"");
        assert_eq!(headers["www-authenticate"], challenge);
    }
    for token in ["bad", "a.b.c"] {
        let (status, ..) = call(&layer, &service, request(Method::POST, "/mcp", Some(token))).await;
        assert_eq!(status, 401);
    }
    assert_eq!(service.0.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a84_a85_no_path_and_no_method_is_exempt() {
    let (layer, service) = (AuthLayer::new(gate(false)), Protected::default());
    for path in [
        "/mcp",
        "/health/../mcp",
        "/health%2f..%2fmcp",
        "//mcp",
        "/mcp;x",
        "/./mcp",
        "/mcp?/health",
        "/MCP",
        "/mcp%00",
        "/mcp/",
        "/.well-known/oauth-protected-resource/other",
        "/.well-known/oauth-protected-resource/../mcp",
        "/.well-known/oauth-protected-resource-mcp",
        "/.well-known/oauth-protected-resource/mcp/",
        "/x/.well-known/oauth-protected-resource",
    ] {
        for method in [
            "GET", "HEAD", "POST", "OPTIONS", "TRACE", "DELETE", "post", "FOO",
        ] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let (status, ..) = call(&layer, &service, request(method.clone(), path, None)).await;
            assert_eq!(status, 401, "{method} {path}");
        }
    }
    assert_eq!(service.0.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn rs_16_the_service_gets_the_caller_and_not_the_header() {
    let (layer, service) = (AuthLayer::new(gate(false)), Protected::default());
    // The second time it is answered from the cache.
    for _ in 0..2 {
        let (status, _, body) = call(
            &layer,
            &service,
            request(Method::POST, "/mcp", Some(&good())),
        )
        .await;
        assert_eq!(
            (status, body.as_str()),
            (200, "alice token=true header=false")
        );
    }
    let keeping = layer.danger_keep_authorization();
    let (_, _, body) = call(
        &keeping,
        &service,
        request(Method::POST, "/mcp", Some(&good())),
    )
    .await;
    assert_eq!(body, "alice token=true header=true");
}

#[tokio::test]
async fn a_caller_in_the_extensions_of_the_request_is_replaced() {
    let (layer, service) = (AuthLayer::new(gate(true)), Protected::default());
    let mut forged = request(Method::POST, "/mcp", Some(&good()));
    forged.extensions_mut().insert(Caller::anonymous());
    let (_, _, body) = call(&layer, &service, forged).await;
    assert!(body.starts_with("alice"), "{body}");
    let (_, _, body) = call(&layer, &service, request(Method::POST, "/mcp", None)).await;
    assert_eq!(body, "nobody token=false header=false");
}

#[tokio::test]
async fn rs_25_a_layer_can_need_scopes_of_its_own() {
    let issuer = TestIssuer::as_test();
    let scopes = ScopeSet::parse("admin").unwrap();
    let service = Protected::default();
    let layer = AuthLayer::new(gate(true)).required_scopes(scopes);
    let (status, headers, _) = call(
        &layer,
        &service,
        request(Method::POST, "/mcp", Some(&good())),
    )
    .await;
    assert_eq!(status, 403);
    assert_eq!(
        headers["www-authenticate"],
        format!(
            "Bearer error=\"insufficient_scope\", scope=\"admin\", resource_metadata=\"{METADATA}\""
        )
    );
    let (status, headers, _) = call(&layer, &service, request(Method::POST, "/mcp", None)).await;
    assert_eq!(status, 401, "the anonymous caller may log in");
    assert_eq!(
        headers["www-authenticate"],
        format!("Bearer scope=\"admin\", resource_metadata=\"{METADATA}\"")
    );
    assert_eq!(service.0.load(Ordering::SeqCst), 0);
    let admin = issuer.token().scopes("admin").sign();
    let (status, ..) = call(
        &layer,
        &service,
        request(Method::POST, "/mcp", Some(&admin)),
    )
    .await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn rs_03_rs_04_rs_05_the_metadata_is_public_at_the_root_and_with_the_path() {
    let (layer, service) = (AuthLayer::new(gate(false)), Protected::default());
    let mut documents = Vec::new();
    for path in [
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-protected-resource/mcp",
    ] {
        for token in [None, Some("bad")] {
            let (status, headers, body) =
                call(&layer, &service, request(Method::GET, path, token)).await;
            assert_eq!(status, 200);
            assert_eq!(headers["content-type"], "application/json");
            assert_eq!(headers["access-control-allow-origin"], "*");
            assert!(!headers.contains_key("access-control-allow-credentials"));
            documents.push(body);
        }
        let (status, headers, body) =
            call(&layer, &service, request(Method::HEAD, path, None)).await;
        assert_eq!((status, body.as_str()), (200, ""));
        assert_eq!(headers["content-length"], documents[0].len().to_string());
        let (status, headers, _) =
            call(&layer, &service, request(Method::OPTIONS, path, None)).await;
        assert_eq!(status, 204);
        assert_eq!(
            headers["access-control-allow-methods"],
            "GET, HEAD, OPTIONS"
        );
        for method in [Method::POST, Method::PUT, Method::DELETE] {
            let (status, headers, _) = call(&layer, &service, request(method, path, None)).await;
            assert_eq!(status, 405);
            assert_eq!(headers["allow"], "GET, HEAD, OPTIONS");
        }
    }
    documents.dedup();
    assert_eq!(documents.len(), 1);
    let document: serde_json::Value = serde_json::from_str(&documents[0]).unwrap();
    assert_eq!(document["resource"], AUDIENCE);
    assert_eq!(service.0.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn answers_to_refused_requests_carry_no_cors_headers() {
    let (layer, service) = (AuthLayer::new(gate(false)), Protected::default());
    let (_, headers, _) = call(&layer, &service, request(Method::POST, "/mcp", None)).await;
    assert!(!headers.contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn a_layer_accepts_its_sources_and_shows_the_service_no_key() {
    const KEY: &str = "0123456789abcdef0123456789abcdef";
    let keys = ApiKeyAuth::header("X-API-Key").key(Secret::new(KEY), FixedKey::service("cron"));
    let gate = Gate::builder()
        .verifier(trusting(&TestIssuer::as_test()))
        .unwrap()
        .verifier(keys)
        .unwrap()
        .clock(Arc::new(TestClock::new()))
        .build(ResourceUri::parse(AUDIENCE).unwrap());
    let layer = AuthLayer::new(gate);
    let unknown = layer.sources(SourceRule::of("partner")).unwrap_err();
    assert_eq!(
        unknown.to_string(),
        "the layer accepts callers of the source `partner`, and the gate has: oauth, api_key"
    );
    let layer = layer.sources(SourceRule::of("api_key")).unwrap();
    let with_key = |mut request: Request<Untouchable>| {
        let headers = request.headers_mut();
        headers.insert("x-api-key", KEY.parse().unwrap());
        request
    };
    let seen = Arc::new(AtomicUsize::new(0));
    let service = layer.layer(Keys(Arc::clone(&seen)));
    for token in [None, Some(good())] {
        let refused = request(Method::GET, "/", token.as_deref());
        let answer = service.clone().oneshot(refused).await.unwrap();
        assert_eq!(answer.status(), 401);
        let told = answer.headers().get_all("www-authenticate").iter();
        let told: Vec<&str> = told.map(|line| line.to_str().unwrap()).collect();
        // Whoever has a token needs no other one.
        assert_eq!(told.len(), if token.is_some() { 1 } else { 2 }, "{told:?}");
        assert!(
            told.last().unwrap().starts_with("ApiKey realm="),
            "{told:?}"
        );
        let good = with_key(request(Method::GET, "/", token.as_deref()));
        let answer = service.clone().oneshot(good).await.unwrap();
        assert_eq!(answer.status(), 200);
    }
    assert_eq!(seen.load(Ordering::SeqCst), 2);
}

/// Finds a key acting and none in the headers.
#[derive(Clone)]
struct Keys(Arc<AtomicUsize>);

impl Service<Request<Untouchable>> for Keys {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Untouchable>) -> Self::Future {
        let caller: &Caller = request.extensions().get().unwrap();
        assert_eq!(caller.source().unwrap(), "api_key");
        assert!(!request.headers().contains_key("x-api-key"));
        assert!(!request.headers().contains_key("authorization"));
        self.0.fetch_add(1, Ordering::SeqCst);
        std::future::ready(Ok(Response::new(Full::new(Bytes::new()))))
    }
}
