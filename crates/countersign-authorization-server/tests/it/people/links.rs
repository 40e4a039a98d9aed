//! What a client says about itself is never fetched and never a link of ours: rows X2,
//! X3 and D33.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use countersign_authorization_server::store::Kind;
use countersign_authorization_server::{ClientIdDocuments, DocumentTrust};
use countersign_resource_server::fetch::{Fetch, Fetching};
use http::{Request, Response, StatusCode};
use serde_json::{Value, json};

use super::browser::*;
use crate::fixture::{CALLBACK, ISSUER};

const DOCUMENT: &str = "https://client.example/id";

/// Everything else on the network: says which addresses were asked for.
#[derive(Debug, Default)]
struct Network {
    asked: Mutex<Vec<String>>,
    members: Mutex<Value>,
}

impl Fetch for Network {
    fn fetch(&self, request: Request<Bytes>) -> Fetching<'_> {
        self.asked.lock().unwrap().push(request.uri().to_string());
        let mut document = self.members.lock().unwrap().clone();
        document["client_id"] = json!(DOCUMENT);
        document["client_name"] = json!("Notes");
        document["redirect_uris"] = json!([CALLBACK]);
        let answer = Response::builder().header("content-type", "application/json");
        let answer = answer.body(Bytes::from(document.to_string())).unwrap();
        Box::pin(async move { Ok(answer) })
    }
}

async fn networked() -> (Site, Arc<Network>) {
    let network = Arc::new(Network::default());
    let fetch = network.clone();
    let site = site_with(settings_at(ISSUER), |builder| {
        builder.client_id_documents(ClientIdDocuments::new(fetch, DocumentTrust::AnyHost))
    })
    .await;
    site.add("alice", PASSWORD).await;
    (site, network)
}

async fn register(browser: &Browser<'_>, document: &Value) -> crate::fixture::Seen {
    let request = Request::post("/register").header("content-type", "application/json");
    browser.send(request, document.to_string()).await
}

/// Addresses that can be written down, but of which nobody knows what is there.
const SOMEWHERE: [&str; 5] = [
    "https://evil.example/logo.svg",
    "https://evil.example/ten-megabytes.png",
    "https://169.254.169.254/latest/meta-data/",
    "https://localhost:8443/admin",
    "https://10.0.0.1/logo.png",
];

#[tokio::test]
async fn x2_as_47_a_logo_is_neither_fetched_nor_shown() {
    let (site, network) = networked().await;
    let browser = site.browser();
    for logo in SOMEWHERE {
        let document = json!({
            "redirect_uris": [CALLBACK], "client_name": "Notes", "logo_uri": logo,
            "client_uri": logo, "tos_uri": logo, "policy_uri": logo,
            "token_endpoint_auth_method": "none",
        });
        let answer = register(&browser, &document).await;
        // Whether it is registered or not, nobody goes there.
        let id = answer.json()["client_id"].as_str().map(str::to_owned);
        assert_eq!(id.is_some(), answer.status == StatusCode::CREATED);
        if let Some(id) = id {
            let page = browser.consent_page(&id).await;
            for part in [
                "<img",
                "<svg",
                "<a href=\"http",
                "evil.example",
                "169.254",
                "10.0.0.1",
            ] {
                assert!(!page.body.contains(part), "{part} for {logo}");
            }
        }
    }
    assert!(network.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn x2_x3_addresses_that_are_no_web_addresses_are_not_registered() {
    let (site, network) = networked().await;
    let browser = site.browser();
    let before = count(&site).await;
    for member in ["logo_uri", "client_uri", "tos_uri", "policy_uri"] {
        for uri in [
            "javascript:alert(1)",
            "JaVaScRiPt:alert(1)",
            "data:text/html,<script>x</script>",
            "data:image/svg+xml,<svg onload=x>",
            "https://good.example/\"onload=x",
            "https://good.example/'><script>",
            "https://user:pw@good.example/",
        ] {
            let document = json!({"redirect_uris": [CALLBACK], member: uri});
            let seen = register(&browser, &document).await;
            assert_eq!(seen.status, StatusCode::BAD_REQUEST, "{member} {uri}");
            assert_eq!(seen.json()["error"], "invalid_client_metadata");
            assert!(!seen.body.contains(uri), "{}", seen.body);
        }
    }
    assert_eq!(count(&site).await, before);
    assert!(network.asked.lock().unwrap().is_empty());
}

async fn count(site: &Site) -> u64 {
    use countersign_authorization_server::store::{Index, Store as _};
    let index = Index::Kind(Kind::Client);
    site.store
        .count(&index, 1_000, site.clock.now())
        .await
        .unwrap()
}

#[tokio::test]
async fn d33_as_11_the_addresses_in_a_document_are_not_fetched() {
    for somewhere in SOMEWHERE {
        let (site, network) = networked().await;
        let browser = site.browser();
        *network.members.lock().unwrap() = json!({
            "logo_uri": somewhere, "client_uri": somewhere, "tos_uri": somewhere,
            "policy_uri": somewhere,
        });
        let seen = browser.authorize(DOCUMENT, &[]).await;
        if seen.status == StatusCode::OK {
            let page = browser.log_in_on(&seen, "alice", PASSWORD).await;
            assert!(page.body.contains("value=\"allow\""), "{page:?}");
            assert!(!page.body.contains(somewhere) && !page.body.contains("<img"));
            browser.decide(&page, "allow", &[]).await;
            browser.get("/account").await;
        } else {
            seen.assert_page();
        }
        let asked = network.asked.lock().unwrap();
        assert!(asked.iter().all(|url| url == DOCUMENT), "{asked:?}");
        assert!(!asked.is_empty());
    }
}
