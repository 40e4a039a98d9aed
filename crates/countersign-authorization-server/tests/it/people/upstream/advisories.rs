//! The three consent advisories of FastMCP, played from the first request to the last,
//! and those of attacks.md 1.1 and 1.3 that are about proxies.

use countersign_authorization_server::store::Kind;
use countersign_authorization_server::upstream::UpstreamBuilder;
use countersign_authorization_server::{ClientIdDocuments, DocumentTrust};
use http::{Request, StatusCode};
use testkit::provider::Endpoint;

use super::super::browser::*;
use super::super::documents::{Host, WEB};
use super::fixture::*;
use crate::fixture::{ISSUER, VERIFIER};

/// What Mallory registered: a client whose answers she gets.
const MALLORY: &str = "mallory";
const HERS: &str = "https://mallory.example/cb";

async fn with_mallory(inn: &Inn) {
    inn.site.named_at(MALLORY, "Notes", HERS).await;
}

/// A request of Mallory's client, as she would send a link to it.
fn link() -> String {
    let challenge = countersign_authorization_server::oauth::pkce::CodeVerifier::parse(VERIFIER)
        .unwrap()
        .challenge();
    let query = crate::fixture::form(&[
        ("response_type", "code"),
        ("client_id", MALLORY),
        ("redirect_uri", HERS),
        ("code_challenge", challenge.as_str()),
        ("code_challenge_method", "S256"),
        ("state", "m"),
    ]);
    format!("/authorize?{query}")
}

/// GHSA-c2jp-c369-7pvx: the provider knows one application, remembers that alice allowed
/// it, and asks no more; a client that Mallory registered would get a code by a link.
#[tokio::test]
async fn ghsa_c2jp_x11_x13_what_the_provider_remembers_is_no_consent_to_another_client() {
    let inn = inn(Offer::Alone).await;
    with_mallory(&inn).await;
    let alice = inn.browser();
    code_of(&inn, &alice, "D", "alice").await.redirect();
    inn.github.forget_requests();
    let grants = inn.count(Kind::Grant).await;
    for headers in [
        &[][..],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "none")],
    ] {
        let mut request = Request::get(link()).header("accept", AS_BROWSERS_ACCEPT);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let page = alice.send(request, String::new()).await;
        // A page of this server, with the host that gets the answer; and nobody was sent
        // to the provider, which would not have asked.
        assert_eq!(
            (page.status, page.header("location")),
            (StatusCode::OK, None)
        );
        assert!(page.body.contains("mallory.example"), "{}", page.body);
        assert!(page.body.contains("value=\"allow\""));
        assert!(!page.body.contains(&inn.github.origin()));
        assert!(!page.body.contains("http-equiv=\"refresh\""));
    }
    // Nor can a page of hers press the button.
    let page = alice.get(&link()).await;
    let transaction = hidden(&page, "transaction");
    for token in ["", "A"] {
        let fields = [
            ("forgery_token", token),
            ("transaction", transaction.as_str()),
            ("provider", "github"),
            ("decision", "allow"),
        ];
        let strange = [
            ("origin", "https://mallory.example"),
            ("sec-fetch-site", "cross-site"),
        ];
        for headers in [&strange[..], OWN_FORM] {
            let seen = alice.post_with("/consent", headers, &fields).await;
            assert_eq!(seen.status, StatusCode::FORBIDDEN, "{seen:?}");
        }
    }
    assert!(inn.github.requests().is_empty());
    assert_eq!(inn.count(Kind::UpstreamAttempt).await, 0);
    assert_eq!(inn.count(Kind::Grant).await, grants);
}

/// CVE-2026-27124, GHSA-rww4-4w9c-7733: Mallory allows her client, and sends alice the
/// address at the provider; alice's login there would finish Mallory's request.
#[tokio::test]
async fn cve_2026_27124_x9_x10_a_login_that_mallory_began_is_not_finished_by_alice() {
    let inn = inn(Offer::Alone).await;
    with_mallory(&inn).await;
    let (mallory, alice) = (inn.browser(), inn.browser());
    let page = mallory.get(&link()).await;
    let location = location_of(&mallory.decide(&page, "allow", &["write"]).await);
    // Alice uses this server: she has its cookies, and is on her way herself.
    code_of(&inn, &alice, "D", "alice").await.redirect();
    allow(&alice, "D").await;
    inn.github.forget_requests();
    let tokens = inn.github.access_tokens().len();
    let callback = inn.github.approve(&location, "alice").await;
    let seen = alice.get(&callback).await;
    assert_refused(&seen, StatusCode::FORBIDDEN);
    assert!(
        seen.body
            .contains("This login was not begun in this browser")
    );
    // Her code at the provider was not spent, so there is no token of hers to steal.
    assert!(inn.github.requests_to(Endpoint::Token).is_empty());
    assert_eq!(inn.github.access_tokens().len(), tokens);
    assert_eq!(inn.count(Kind::Grant).await, 1);
    // Mallory cannot take the refused code to her own browser in time either: GitHub
    // sent it to alice's. What she can finish is about herself.
    let own = inn.github.approve(&location, "mallory").await;
    let seen = mallory.get(&own).await;
    assert!(seen.header("location").unwrap().starts_with(HERS));
    let alices = alice.get("/account").await;
    assert_eq!(alices.body.matches("name=\"grant\"").count(), 1);
    assert_eq!(inn.count(Kind::Account).await, 2);
}

/// GHSA-6x8h-498w-gv8c: a client whose id is a document has the same id at every server,
/// so that a malicious server can ask the honest one for it; if consent is remembered,
/// the browser passes through without a word.
#[tokio::test]
async fn ghsa_6x8h_x11_x12_a_client_id_that_all_servers_share_is_asked_about_each_time() {
    let documents = ClientIdDocuments::new(Host::new(), DocumentTrust::AnyHost);
    let rules = UpstreamBuilder::allow_everyone;
    let inn = inn_with(settings_at(ISSUER), Offer::Alone, rules, |builder| {
        builder.client_id_documents(documents)
    })
    .await;
    let alice = inn.browser();
    for client in [WEB, LOCAL_DOCUMENT] {
        code_of(&inn, &alice, client, "alice").await;
    }
    let grants = inn.count(Kind::Grant).await;
    assert_eq!(grants, 2);
    inn.github.forget_requests();
    for client in [WEB, LOCAL_DOCUMENT] {
        for more in [
            &[][..],
            &[("scope", "read")],
            &[("prompt", "select_account")],
        ] {
            let page = alice.authorize(client, more).await;
            assert_eq!(
                (page.status, page.header("location")),
                (StatusCode::OK, None)
            );
            assert!(page.body.contains("value=\"allow\""), "{client}");
            assert!(page.body.contains("client.example"), "{client}");
        }
        let silent = alice.authorize(client, &[("prompt", "none")]).await;
        let told = silent.header("location").unwrap();
        assert!(told.contains("error=consent_required"), "{told}");
    }
    assert!(inn.github.requests().is_empty());
    assert_eq!(inn.count(Kind::UpstreamAttempt).await, 0);
    assert_eq!(inn.count(Kind::Grant).await, grants);
}

/// CVE-2022-39222 (Dex): the approval page was reachable by an id that the address bar
/// shows, and told the code.
#[tokio::test]
async fn cve_2022_39222_x26_what_the_address_bar_shows_leads_to_no_code() {
    let inn = inn(Offer::Alone).await;
    let (alice, mallory) = (inn.browser(), inn.browser());
    let location = allow(&alice, "D").await;
    let callback = inn.github.approve(&location, "alice").await;
    // Mallory reads both addresses over alice's shoulder, before and after alice.
    for _ in 0..2 {
        let seen = mallory.get(&callback).await;
        assert!(seen.status.is_client_error(), "{seen:?}");
        assert!(!seen.body.contains("code="), "{}", seen.body);
        alice.get(&callback).await;
    }
    assert_eq!(inn.count(Kind::Grant).await, 1);
}

/// Auth.js, July 2026 (attacks.md 1.3): the state cookie was not bound to the provider.
#[tokio::test]
async fn x21_the_cookie_of_one_provider_is_none_for_another() {
    let inn = inn(Offer::Providers).await;
    let browser = inn.browser();
    let login = browser.get("/login").await;
    let token = hidden(&login, "forgery_token");
    let fields = [("forgery_token", token.as_str()), ("provider", "github")];
    let location = location_of(&browser.post("/login/with", &fields).await);
    let callback = inn.github.approve(&location, "alice").await;
    inn.oidc.forget_requests();
    let swapped = callback.replace("/callback/github", "/callback/oidc");
    assert_refused(&browser.get(&swapped).await, StatusCode::FORBIDDEN);
    assert!(inn.oidc.requests().is_empty());
    assert_eq!(browser.cookie(SESSION), None);
}
