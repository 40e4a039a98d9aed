use countersign_oauth::Lifetime;
use countersign_oauth::jose::{Algorithm, JwkSet, KeyOrigin, verify_compact};
use testkit::provider::{Breakage, Endpoint, Misbehaviour, OTHER_CLIENT_ID, OTHER_TENANT};
use testkit::{FakeProvider, TestClock};

use super::application::{Login, REDIRECT_URI, basic, claims, get, parameter, post, reach};

async fn provider() -> FakeProvider {
    FakeProvider::oidc()
        .redirect_uri(REDIRECT_URI)
        .start()
        .await
}

#[tokio::test]
async fn authorization_requests_that_do_not_fit_get_a_page_and_no_redirect() {
    let provider = provider().await;
    let login = || Login::new(&provider, "openid");
    for (what, login) in [
        (
            "another redirect URI",
            login().asking("redirect_uri", "https://as.test/other"),
        ),
        (
            "one below the registered one",
            login().asking("redirect_uri", &format!("{REDIRECT_URI}/x")),
        ),
        ("no redirect URI", login().without("redirect_uri")),
        ("another application", login().asking("client_id", "nobody")),
    ] {
        let page = provider.visit(&login.location(), Some("alice")).await;
        assert!(page.is_err(), "{what}: {page:?}");
    }
    let twice = format!("{}&state=again", login().location());
    assert!(provider.visit(&twice, Some("alice")).await.is_err());
}

#[tokio::test]
async fn authorization_requests_that_are_wrong_are_told_to_the_redirect_uri_with_state_and_iss() {
    let provider = provider().await;
    let login = || Login::new(&provider, "openid");
    for (code, login) in [
        (
            "unsupported_response_type",
            login().asking("response_type", "token"),
        ),
        (
            "invalid_request",
            login().asking("code_challenge_method", "plain"),
        ),
        ("invalid_request", login().asking("code_challenge", "short")),
        ("login_required", login().asking("prompt", "none")),
    ] {
        let away = login.callback("alice").await;
        assert_eq!(parameter(&away, "error").as_deref(), Some(code), "{away}");
        assert_eq!(parameter(&away, "state").as_deref(), Some("state-1"));
        assert_eq!(parameter(&away, "iss"), provider.issuer());
    }
    let away = provider.refuse(&login().location()).await;
    assert_eq!(parameter(&away, "error").as_deref(), Some("access_denied"));
}

#[tokio::test]
async fn codes_are_refused_with_anything_wrong_and_remain_good_for_the_right_request() {
    let provider = provider().await;
    let login = || Login::new(&provider, "openid");
    let code = parameter(&login().callback("alice").await, "code").unwrap();
    for (error, login) in [
        (
            "invalid_grant",
            login().redeeming("code_verifier", &"a".repeat(43)),
        ),
        ("invalid_grant", login().without("code_verifier")),
        (
            "invalid_grant",
            login().redeeming("redirect_uri", "https://as.test/other"),
        ),
        (
            "invalid_client",
            login().redeeming("client_secret", "wrong"),
        ),
        ("invalid_client", login().without("client_secret")),
        (
            "unsupported_grant_type",
            login().redeeming("grant_type", "password"),
        ),
    ] {
        let mut answer = login.redeem(&code).await;
        assert_eq!(answer.json().await["error"], error);
    }
    assert_eq!(login().redeem(&code).await.status(), 200);
    let token = provider.access_tokens().remove(0);
    assert!(provider.is_live(&token));
    assert_eq!(login().redeem(&code).await.status(), 400);
    assert!(!provider.is_live(&token), "a replay ends the grant");
}

#[tokio::test]
async fn codes_and_tokens_expire_by_the_clock_of_the_test() {
    let clock = TestClock::new();
    let provider = FakeProvider::oidc()
        .clock(clock.clone())
        .redirect_uri(REDIRECT_URI)
        .start()
        .await;
    let login = Login::new(&provider, "openid");
    let code = parameter(&login.callback("alice").await, "code").unwrap();
    clock.advance(Lifetime::from_secs(60));
    assert_eq!(login.redeem(&code).await.status(), 400);
    let tokens = login.tokens("alice").await;
    let token = tokens["access_token"].as_str().unwrap();
    let userinfo = provider.url(Endpoint::Userinfo).unwrap();
    assert_eq!(get(&userinfo, token).await.status(), 200);
    clock.advance(Lifetime::from_secs(3600));
    assert_eq!(get(&userinfo, token).await.status(), 401);
}

#[tokio::test]
async fn a_login_yields_a_signed_id_token_with_the_nonce_and_a_jwt_for_the_resource() {
    let provider = provider().await;
    let login = Login::new(&provider, "openid profile email groups")
        .asking("resource", "https://as.test/api");
    let tokens = login.tokens("alice").await;
    let (http, target) = reach(&provider.url(Endpoint::Jwks).unwrap());
    let keys = http.get(&target).send().await.bytes().await;
    let keys = JwkSet::parse(&keys, KeyOrigin::Remote).unwrap().set;
    let id_token = tokens["id_token"].as_str().unwrap();
    verify_compact(id_token, &keys, &[Algorithm::RS256]).unwrap();
    let id = claims(id_token);
    assert_eq!(id["iss"], provider.issuer().unwrap());
    assert_eq!(id["aud"], provider.client_id());
    assert_eq!(id["nonce"], "nonce-1");
    assert_eq!(id["sub"], provider.subject("alice"));
    assert_eq!(id["email"], "alice@corp.example");
    assert_eq!(id["groups"], serde_json::json!(["staff"]));
    let access = tokens["access_token"].as_str().unwrap();
    assert_eq!(claims(access)["aud"], "https://as.test/api");
    assert!(tokens.get("refresh_token").is_none());
    let bare = Login::new(&provider, "openid").tokens("alice").await;
    assert!(
        claims(bare["id_token"].as_str().unwrap())
            .get("email")
            .is_none()
    );
}

#[tokio::test]
async fn refresh_tokens_rotate_and_a_replay_ends_the_grant() {
    let provider = provider().await;
    let login = Login::new(&provider, "openid offline_access");
    let first = login.tokens("alice").await["refresh_token"]
        .as_str()
        .unwrap()
        .to_owned();
    let second = login.refresh(&first).await.json().await;
    let second = second["refresh_token"].as_str().unwrap();
    assert_ne!(first, second);
    assert!(!provider.is_live(&first) && provider.is_live(second));
    assert_eq!(
        login.refresh(&first).await.json().await["error"],
        "invalid_grant"
    );
    assert_eq!(
        login.refresh(second).await.json().await["error"],
        "invalid_grant"
    );
}

#[tokio::test]
async fn every_way_of_client_authentication_that_it_names_works_and_others_do_not() {
    let provider = provider().await;
    let mut login = Login::new(&provider, "openid").without("client_secret");
    login.token.retain(|(name, _)| *name != "client_id");
    login.authorization = Some(basic(
        provider.client_id(),
        provider.client_secret().unwrap(),
    ));
    assert!(login.tokens("alice").await["access_token"].is_string());
    let posting = FakeProvider::oidc()
        .redirect_uri(REDIRECT_URI)
        .behaving(|behaviour| behaviour.client_authentication = vec!["client_secret_post"])
        .start()
        .await;
    let mut login = Login::new(&posting, "openid").without("client_secret");
    login.authorization = Some(basic(posting.client_id(), posting.client_secret().unwrap()));
    assert_eq!(login.tokens("alice").await["error"], "invalid_client");
    let public = FakeProvider::oidc()
        .public_client()
        .redirect_uri(REDIRECT_URI)
        .start()
        .await;
    let login = Login::new(&public, "openid");
    assert!(login.tokens("alice").await["access_token"].is_string());
    let without = Login::new(&public, "openid")
        .without("code_challenge")
        .without("code_challenge_method");
    let away = without.callback("alice").await;
    assert_eq!(
        parameter(&away, "error").as_deref(),
        Some("invalid_request")
    );
}

#[tokio::test]
async fn revocation_needs_the_application_and_ends_tokens() {
    let provider = provider().await;
    let tokens = Login::new(&provider, "openid offline_access")
        .tokens("alice")
        .await;
    let text = |name: &str| tokens[name].as_str().unwrap().to_owned();
    let form = |token: &str| vec![("token", token.to_owned())];
    let credentials = basic(provider.client_id(), provider.client_secret().unwrap());
    let refresh = text("refresh_token");
    let answer = post(&provider, Endpoint::Revocation, &form(&refresh), None).await;
    assert_eq!(answer.status(), 401);
    assert!(provider.is_live(&refresh));
    for token in [text("access_token"), refresh, "unknown".to_owned()] {
        let answer = post(
            &provider,
            Endpoint::Revocation,
            &form(&token),
            Some(&credentials),
        )
        .await;
        assert_eq!(answer.status(), 200);
        assert!(!provider.is_live(&token));
    }
}

#[tokio::test]
async fn id_tokens_are_as_wrong_as_a_test_wants() {
    let provider = provider().await;
    let (http, target) = reach(&provider.url(Endpoint::Jwks).unwrap());
    let keys = http.get(&target).send().await.bytes().await;
    let keys = JwkSet::parse(&keys, KeyOrigin::Remote).unwrap().set;
    let now = testkit::NOW.as_secs();
    let id_token = async |how: Misbehaviour| {
        provider.behave();
        provider.misbehave(how);
        let tokens = Login::new(&provider, "openid").tokens("alice").await;
        let token = tokens["id_token"].as_str().unwrap().to_owned();
        let verified = verify_compact(&token, &keys, &[Algorithm::RS256]).is_ok();
        (claims(&token), verified)
    };
    assert_ne!(
        id_token(Misbehaviour::WrongNonce).await.0["nonce"],
        "nonce-1"
    );
    assert!(
        id_token(Misbehaviour::NoNonce)
            .await
            .0
            .get("nonce")
            .is_none()
    );
    assert_eq!(
        id_token(Misbehaviour::WrongAudience).await.0["aud"],
        OTHER_CLIENT_ID
    );
    let azp = id_token(Misbehaviour::WrongAuthorizedParty).await.0;
    assert_eq!(azp["azp"], OTHER_CLIENT_ID);
    assert_eq!(azp["aud"][0], provider.client_id());
    let iss = id_token(Misbehaviour::WrongIssuer).await.0["iss"].clone();
    assert_ne!(iss, provider.issuer().unwrap());
    assert!(
        id_token(Misbehaviour::Expired).await.0["exp"]
            .as_u64()
            .unwrap()
            < now
    );
    assert!(
        id_token(Misbehaviour::NotYetValid).await.0["nbf"]
            .as_u64()
            .unwrap()
            > now
    );
    assert_eq!(
        id_token(Misbehaviour::OtherTenant).await.0["tid"],
        OTHER_TENANT
    );
    assert!(
        id_token(Misbehaviour::WrongNonce).await.1,
        "the signature is right"
    );
    for how in [
        Misbehaviour::StrangersKey,
        Misbehaviour::SignedWithClientSecret,
    ] {
        assert!(!id_token(how).await.1);
    }
    let unsigned = Misbehaviour::Unsigned;
    provider.behave();
    provider.misbehave(unsigned);
    let tokens = Login::new(&provider, "openid").tokens("alice").await;
    assert!(tokens["id_token"].as_str().unwrap().ends_with('.'));
}

#[tokio::test]
async fn endpoints_break_for_some_requests_and_heal() {
    let provider = provider().await;
    let login = Login::new(&provider, "openid");
    let code = parameter(&login.callback("alice").await, "code").unwrap();
    provider.break_times(Endpoint::Token, Breakage::Status(503), 2);
    for status in [503, 503, 200] {
        assert_eq!(login.redeem(&code).await.status(), status);
    }
    provider.break_endpoint(
        Endpoint::Userinfo,
        Breakage::Redirect("http://evil.test/".to_owned()),
    );
    let userinfo = provider.url(Endpoint::Userinfo).unwrap();
    let answer = get(&userinfo, "t").await;
    assert_eq!(answer.header("location"), Some("http://evil.test/"));
    provider.repair(Endpoint::Userinfo);
    assert_eq!(get(&userinfo, "t").await.status(), 401);
    for (breakage, kind, size) in [
        (Breakage::Html, "text/html", 30),
        (Breakage::TenMebibytes, "application/json", 10 * 1024 * 1024),
        (Breakage::NotAnObject, "application/json", 2),
    ] {
        provider.break_endpoint(Endpoint::Userinfo, breakage);
        let mut answer = get(&userinfo, "t").await;
        assert_eq!(answer.header("content-type"), Some(kind));
        assert!(answer.bytes().await.len() >= size);
    }
}

#[tokio::test]
async fn answers_at_the_redirect_uri_are_as_wrong_as_a_test_wants() {
    let provider = provider().await;
    let login = Login::new(&provider, "openid");
    let markup = "<script>alert(1)</script>";
    provider.misbehave(Misbehaviour::AuthorizationError(
        "server_error",
        Some(markup),
    ));
    let away = login.callback("alice").await;
    assert_eq!(parameter(&away, "error").as_deref(), Some("server_error"));
    assert_eq!(
        parameter(&away, "error_description").as_deref(),
        Some(markup)
    );
    provider.behave();
    provider.misbehave(Misbehaviour::AnswerOfOtherIssuer);
    provider.misbehave(Misbehaviour::AnswerParameter("state", "of-another"));
    let away = login.callback("alice").await;
    assert_ne!(parameter(&away, "iss"), provider.issuer());
    assert_eq!(away.matches("state=").count(), 2);
    provider.behave();
    provider.misbehave(Misbehaviour::AnswerWithout("state"));
    assert_eq!(parameter(&login.callback("alice").await, "state"), None);
    provider.behave();
    provider.misbehave(Misbehaviour::Member(
        Endpoint::Token,
        "expires_in",
        Some((-5).into()),
    ));
    provider.misbehave(Misbehaviour::Member(Endpoint::Token, "access_token", None));
    let tokens = login.tokens("alice").await;
    assert_eq!(tokens["expires_in"], -5);
    assert!(tokens.get("access_token").is_none());
}

#[tokio::test]
async fn what_arrived_is_found_wherever_it_was() {
    let provider = provider().await;
    provider.assert_never_received("canary");
    let login = Login::new(&provider, "openid canary/1");
    login.callback("alice").await;
    let seen = provider.requests_to(Endpoint::Authorization).remove(0);
    assert!(seen.contains("canary/1"));
    assert_eq!(seen.parameter("scope").as_deref(), Some("openid canary/1"));
    get(&provider.url(Endpoint::Userinfo).unwrap(), "canary-2").await;
    let authorization = basic("x", "canary-3");
    post(
        &provider,
        Endpoint::Token,
        &[("code", "canary 4".to_owned())],
        Some(&authorization),
    )
    .await;
    for (endpoint, canary) in [
        (Endpoint::Userinfo, "canary-2"),
        (Endpoint::Token, "canary-3"),
        (Endpoint::Token, "canary 4"),
    ] {
        assert!(
            provider.requests_to(endpoint)[0].contains(canary),
            "{canary}"
        );
    }
    provider.assert_never_received("canary-5");
}
