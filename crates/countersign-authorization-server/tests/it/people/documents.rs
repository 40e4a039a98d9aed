//! Consent for clients that are described by a document: rows X11, X27 and D36.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use countersign_authorization_server::oauth::Lifetime;
use countersign_authorization_server::{ClientIdDocuments, DocumentTrust};
use countersign_resource_server::fetch::{Fetch, Fetching};
use http::{Response, StatusCode};
use serde_json::json;

use super::browser::*;
use crate::fixture::{CALLBACK, ISSUER, VERIFIER};

pub(crate) const WEB: &str = "https://client.example/web";

/// The host of the documents.
#[derive(Debug)]
pub(crate) struct Host {
    /// The address of the client on the web.
    callback: Mutex<&'static str>,
    asked: AtomicUsize,
}

impl Host {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            callback: Mutex::new(CALLBACK),
            asked: AtomicUsize::new(0),
        })
    }
}

impl Fetch for Host {
    fn fetch(&self, request: http::Request<Bytes>) -> Fetching<'_> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let id = request.uri().to_string();
        let callback = if id == LOCAL_DOCUMENT {
            "http://127.0.0.1/cb"
        } else {
            *self.callback.lock().unwrap()
        };
        let name = "Bank <b>";
        let document = json!({"client_id": id, "client_name": name, "redirect_uris": [callback]});
        let answer = Response::builder().header("content-type", "application/json");
        let answer = answer.body(Bytes::from(document.to_string())).unwrap();
        Box::pin(async move { Ok(answer) })
    }
}

async fn documents() -> (Site, Arc<Host>) {
    let host = Host::new();
    let fetch = host.clone();
    let site = site_with(settings_at(ISSUER), |builder| {
        builder.client_id_documents(ClientIdDocuments::new(fetch, DocumentTrust::AnyHost))
    })
    .await;
    site.add("alice", PASSWORD).await;
    (site, host)
}

#[tokio::test]
async fn d36_a_document_that_changes_while_the_person_decides_gets_no_code() {
    let (site, host) = documents().await;
    let browser = site.browser();
    browser.log_in("alice").await;
    // What was fetched is used for an hour; a request waits for ten minutes.
    browser.consent_page(WEB).await;
    site.clock.advance(Lifetime::from_mins(55));
    let page = browser.consent_page(WEB).await;
    *host.callback.lock().unwrap() = "https://evil.example/cb";
    site.clock.advance(Lifetime::from_mins(6));
    let seen = browser.decide(&page, "allow", &[]).await;
    assert_eq!(seen.status, StatusCode::BAD_REQUEST, "{seen:?}");
    assert_eq!(seen.header("location"), None);
    *host.callback.lock().unwrap() = CALLBACK;
    site.clock.advance(Lifetime::from_hours(2));
    let page = browser.consent_page(WEB).await;
    let seen = browser.decide(&page, "allow", &[]).await;
    assert!(seen.redirect().contains_key("code"), "{seen:?}");
}

#[tokio::test]
async fn x11_x27_as_13_the_host_of_the_document_and_of_the_answer_are_shown_each_time() {
    let (site, _) = documents().await;
    let browser = site.browser();
    for _ in 0..2 {
        for (id, notices, destination) in [
            (WEB, 1, "<bdi>good.example</bdi>"),
            (LOCAL_DOCUMENT, 2, "<bdi>127.0.0.1:51234</bdi>"),
        ] {
            let page = browser.consent_page(id).await;
            for part in [
                "<bdi>client.example</bdi>",
                "Bank &#60;b&#62;",
                "Trust it only if you trust its host",
                destination,
            ] {
                assert!(page.body.contains(part), "{part} for {id}");
            }
            let shown = page.body.matches("class=\"notice\"").count();
            assert_eq!(shown, notices, "{id}");
            let seen = browser.decide(&page, "allow", &[]).await;
            assert_eq!(seen.status, StatusCode::SEE_OTHER);
        }
    }
}

#[tokio::test]
async fn the_account_page_fetches_no_document() {
    let (site, host) = documents().await;
    let browser = site.browser();
    let page = browser.consent_page(WEB).await;
    let code = browser.decide(&page, "allow", &[]).await.redirect()["code"].clone();
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("client_id", WEB),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    assert_eq!(browser.post("/token", &fields).await.status, StatusCode::OK);
    site.clock.advance(Lifetime::from_hours(2));
    let asked = host.asked.load(Ordering::SeqCst);
    let page = browser.get("/account").await;
    assert!(page.body.contains("<bdi>client.example</bdi>"), "{page:?}");
    assert_eq!(host.asked.load(Ordering::SeqCst), asked);
}
