//! A store that fails: the answer is 503, never a refusal and never a success.

use std::sync::Arc;

use countersign_authorization_server::oauth::{Lifetime, UnixTime};
use countersign_authorization_server::store::store::StoreFuture;
use countersign_authorization_server::store::{
    CounterKey, Found, GrantId, Hits, Index, Key, Listed, Page, Sealed, SealingKeys, Store,
    StoreError, Write,
};
use countersign_authorization_server::{AuthorizationServer, Storage};
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use serde_json::Value;

use crate::fixture::*;

/// Answers nothing.
pub(crate) struct Down;

fn down<'a, T>() -> StoreFuture<'a, T> {
    Box::pin(async { Err(StoreError::Unavailable("the disk is on fire".to_owned())) })
}

impl Store for Down {
    fn write(&self, _: Vec<Write>, _: UnixTime) -> StoreFuture<'_, ()> {
        down()
    }
    fn get<'a>(&'a self, _: &'a Key, _: UnixTime) -> StoreFuture<'a, Found> {
        down()
    }
    fn redeem<'a>(
        &'a self,
        _: &'a Key,
        _: Vec<Write>,
        _: Option<Sealed>,
        _: UnixTime,
    ) -> StoreFuture<'a, Found> {
        down()
    }
    fn revoke_grant<'a>(&'a self, _: &'a GrantId, _: UnixTime) -> StoreFuture<'a, u64> {
        down()
    }
    fn touch<'a>(&'a self, _: &'a Key, _: Option<UnixTime>, _: UnixTime) -> StoreFuture<'a, bool> {
        down()
    }
    fn hit<'a>(&'a self, _: &'a CounterKey, _: Lifetime, _: UnixTime) -> StoreFuture<'a, Hits> {
        down()
    }
    fn hits<'a>(&'a self, _: &'a CounterKey, _: UnixTime) -> StoreFuture<'a, Option<Hits>> {
        down()
    }
    fn forget_hits<'a>(&'a self, _: &'a CounterKey) -> StoreFuture<'a, ()> {
        down()
    }
    fn list<'a>(&'a self, _: &'a Index, _: Page, _: UnixTime) -> StoreFuture<'a, Listed> {
        down()
    }
    fn count<'a>(&'a self, _: &'a Index, _: u64, _: UnixTime) -> StoreFuture<'a, u64> {
        down()
    }
    fn purge(&self, _: UnixTime) -> StoreFuture<'_, u64> {
        down()
    }
}

#[tokio::test]
async fn c38_a_failing_store_is_503_on_every_endpoint_and_never_200() {
    let person = world().await.person;
    let sealing = SealingKeys::parse(&SealingKeys::text_of([7; 32])).unwrap();
    let server = AuthorizationServer::with_settings(settings())
        .storage(Storage::new(Arc::new(Down), sealing))
        .interaction(person)
        .build()
        .unwrap();
    let authorize = format!(
        "/authorize?{}",
        form(&[("client_id", "C1"), ("redirect_uri", CALLBACK)])
    );
    let token = form(&[
        ("grant_type", "refresh_token"),
        ("refresh_token", "x"),
        ("client_id", "C1"),
        ("token", "x"),
    ]);
    let client = format!("{{\"redirect_uris\":[\"{CALLBACK}\"]}}");
    let kind = "application/x-www-form-urlencoded";
    for (request, body) in [
        (Request::get(authorize.as_str()), String::new()),
        (Request::get("/jwks"), String::new()),
        (
            Request::post("/token").header("content-type", kind),
            token.clone(),
        ),
        (
            Request::post("/revoke").header("content-type", kind),
            token.clone(),
        ),
        (
            Request::post("/introspect").header("content-type", kind),
            token,
        ),
        (
            Request::post("/register").header("content-type", "application/json"),
            client,
        ),
    ] {
        let request = request.body(Full::from(body)).unwrap();
        let path = request.uri().path().to_owned();
        let (parts, body) = server.respond(request).await.into_parts();
        assert_eq!(parts.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert_eq!(parts.headers["retry-after"], "5", "{path}");
        let body = body.collect().await.unwrap().to_bytes();
        let document: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(document["error"], "temporarily_unavailable", "{path}");
        assert!(!document.to_string().contains("disk"), "{path}");
    }
    // What needs no store still answers.
    let metadata = Request::get("/.well-known/oauth-authorization-server").body(Full::default());
    assert_eq!(
        server.respond(metadata.unwrap()).await.status(),
        StatusCode::OK
    );
}
