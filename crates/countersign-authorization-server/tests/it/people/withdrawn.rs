//! What a person allowed ends with what it rests on: row C32.

use countersign_authorization_server::accounts::{AccountName, Password};
use countersign_authorization_server::oauth::client_authentication::TokenEndpointAuthMethod;
use countersign_authorization_server::oauth::client_metadata::ClientMetadata;
use countersign_authorization_server::oauth::grant_type::GrantType;
use countersign_authorization_server::oauth::{ClientId, Secret};
use http::StatusCode;

use super::browser::*;
use crate::fixture::{CALLBACK, RESOURCE, SECRET, VERIFIER, basic, facts, tokens_of};

/// A way to end it.
#[derive(Clone, Copy, Debug)]
enum End {
    ConsentWithdrawn,
    UserDisabled,
    UserDeleted,
    PasswordReset,
    ClientDeleted,
}

/// Tokens that alice lets D have, and a code that is not redeemed yet.
async fn connect(browser: &Browser<'_>) -> (String, String, String) {
    let page = browser.consent_page("D").await;
    let code = browser.decide(&page, "allow", &[]).await.redirect()["code"].clone();
    let (access, refresh) = tokens_of(&redeem(browser, &code).await);
    let page = browser.consent_page("D").await;
    let code = browser.decide(&page, "allow", &[]).await.redirect()["code"].clone();
    (access, refresh, code)
}

async fn redeem(browser: &Browser<'_>, code: &str) -> crate::fixture::Seen {
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("client_id", "D"),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    browser.post("/token", &fields).await
}

async fn withdraw(site: &Site, browser: &Browser<'_>, end: End) {
    let alice = AccountName::parse("alice").unwrap();
    match end {
        End::ConsentWithdrawn => {
            for _ in 0..2 {
                let page = browser.get("/account").await;
                let (token, grant) = (hidden(&page, "forgery_token"), hidden(&page, "grant"));
                let fields = [("forgery_token", token.as_str()), ("grant", &grant)];
                let seen = browser.post("/account/revoke", &fields).await;
                assert_eq!(seen.status, StatusCode::OK);
            }
        }
        End::UserDisabled => site.accounts.disable(&alice).await.unwrap(),
        End::UserDeleted => site.accounts.delete(&alice).await.unwrap(),
        End::PasswordReset => {
            let password = Password::new(Secret::new("another password")).unwrap();
            site.accounts.set_password(&alice, &password).await.unwrap();
        }
        End::ClientDeleted => {
            let id = ClientId::parse("D").unwrap();
            site.server.delete_client(&id).await.unwrap();
        }
    }
}

#[tokio::test]
async fn c32_nothing_is_left_of_what_was_allowed() {
    for end in [
        End::ConsentWithdrawn,
        End::UserDisabled,
        End::UserDeleted,
        End::PasswordReset,
        End::ClientDeleted,
    ] {
        let site = site().await;
        let browser = site.browser();
        let mut service = ClientMetadata::public(Vec::new());
        service.token_endpoint_auth_method = TokenEndpointAuthMethod::ClientSecretBasic;
        service.grant_types = vec![GrantType::ClientCredentials];
        let mut service = facts(service).with_secret(&Secret::new(SECRET), None);
        service.introspects = vec![RESOURCE.to_owned()];
        site.client("S", service).await;
        let active = async |token: &str| {
            let header = basic("S", SECRET);
            let headers = [("authorization", header.as_str())];
            let seen = browser
                .post_with("/introspect", &headers, &[("token", token)])
                .await;
            seen.json()["active"] == true
        };
        let (access, refresh, code) = connect(&browser).await;
        assert!(active(&access).await);
        withdraw(&site, &browser, end).await;
        let error = match end {
            End::ClientDeleted => "invalid_client",
            _ => "invalid_grant",
        };
        let fields = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh.as_str()),
            ("client_id", "D"),
        ];
        let seen = browser.post("/token", &fields).await;
        assert_eq!(seen.json()["error"], error, "{end:?}");
        let seen = redeem(&browser, &code).await;
        assert_eq!(seen.json()["error"], error, "{end:?}");
        assert!(!active(&access).await, "{end:?}");
    }
}
