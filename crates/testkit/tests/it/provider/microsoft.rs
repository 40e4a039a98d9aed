use testkit::FakeProvider;
use testkit::provider::{Endpoint, HOME_TENANT, Misbehaviour, OTHER_TENANT};

use super::application::{Login, REDIRECT_URI, claims, parameter, reach};

#[tokio::test]
async fn entra_refuses_resource_at_both_endpoints() {
    let provider = FakeProvider::entra()
        .redirect_uri(REDIRECT_URI)
        .start()
        .await;
    let login = Login::new(&provider, "openid").asking("resource", "https://rs.test/mcp");
    let away = login.callback("alice").await;
    let text = parameter(&away, "error_description").unwrap();
    assert!(text.contains("AADSTS901002"), "{away}");
    let login = Login::new(&provider, "openid").redeeming("resource", "https://rs.test/mcp");
    let answer = login.tokens("alice").await;
    assert_eq!(answer["error_codes"][0], 901_002);
}

#[tokio::test]
async fn entra_lets_in_people_of_the_tenant_alone_and_common_everybody() {
    let entra = FakeProvider::entra()
        .redirect_uri(REDIRECT_URI)
        .start()
        .await;
    let location = Login::new(&entra, "openid").location();
    let page = entra.visit(&location, Some("mallory")).await.unwrap_err();
    assert!(page.html.contains("AADSTS50020"));
    let common = FakeProvider::microsoft()
        .redirect_uri(REDIRECT_URI)
        .start()
        .await;
    assert!(common.issuer().unwrap().contains("{tenantid}"));
    for (person, tenant) in [("alice", HOME_TENANT), ("mallory", OTHER_TENANT)] {
        let tokens = Login::new(&common, "openid").tokens(person).await;
        let id = claims(tokens["id_token"].as_str().unwrap());
        assert_eq!(id["tid"], tenant);
        assert!(
            id["iss"]
                .as_str()
                .unwrap()
                .ends_with(&format!("/{tenant}/v2.0"))
        );
        assert_eq!(id["oid"], common.subject(person));
        assert!(id.get("email_verified").is_none());
    }
}

#[tokio::test]
async fn entra_takes_the_prefix_off_scopes_and_needs_one_for_a_token_that_can_be_read() {
    let provider = FakeProvider::entra()
        .redirect_uri(REDIRECT_URI)
        .start()
        .await;
    let scope = "openid offline_access api://countersign-test/notes.read api://countersign-test/notes.write";
    let tokens = Login::new(&provider, scope).tokens("alice").await;
    let access = claims(tokens["access_token"].as_str().unwrap());
    assert_eq!(access["scp"], "notes.read notes.write");
    assert_eq!(access["aud"], provider.client_id());
    assert_eq!(access["ver"], "2.0");
    let told = tokens["scope"].as_str().unwrap();
    assert!(told.contains("api://countersign-test/notes.read") && !told.contains("offline"));
    let first = tokens["refresh_token"].as_str().unwrap();
    let login = Login::new(&provider, scope);
    let second = login.refresh(first).await.json().await;
    assert_ne!(second["refresh_token"], tokens["refresh_token"]);
    assert!(provider.is_live(first), "the old one stays good");
    let bare = Login::new(&provider, "openid").tokens("alice").await;
    let bare = bare["access_token"].as_str().unwrap();
    assert!(countersign_oauth::jose::decode_unverified(bare).is_err());
    let foreign = Login::new(&provider, "openid api://somebody-else/notes.read");
    assert!(
        foreign
            .callback("alice")
            .await
            .contains("error=invalid_scope")
    );
}

#[tokio::test]
async fn entra_tokens_of_version_1_have_another_issuer() {
    let provider = FakeProvider::entra_v1()
        .redirect_uri(REDIRECT_URI)
        .start()
        .await;
    let tokens = Login::new(&provider, "openid api://countersign-test/notes")
        .tokens("alice")
        .await;
    let access = claims(tokens["access_token"].as_str().unwrap());
    assert_eq!(
        access["iss"],
        format!("https://sts.windows.net/{HOME_TENANT}/")
    );
    assert_eq!(access["aud"], "api://countersign-test");
    assert_eq!(access["appid"], "countersign-test");
    let id = claims(tokens["id_token"].as_str().unwrap());
    assert_eq!(id["ver"], "2.0");
}

#[tokio::test]
async fn microsoft_keys_say_whose_tokens_they_sign() {
    for (builder, tenant) in [
        (FakeProvider::entra(), HOME_TENANT),
        (FakeProvider::microsoft(), "{tenantid}"),
    ] {
        let provider = builder.start().await;
        let (http, target) = reach(&provider.url(Endpoint::Jwks).unwrap());
        let keys = http.get(&target).send().await.json().await;
        let issuer = keys["keys"][0]["issuer"].as_str().unwrap();
        assert!(issuer.ends_with(&format!("/{tenant}/v2.0")), "{issuer}");
        provider.misbehave(Misbehaviour::KeysOfOtherTenant);
        let keys = http.get(&target).send().await.json().await;
        let issuer = keys["keys"][0]["issuer"].as_str().unwrap();
        assert!(
            issuer.ends_with(&format!("/{OTHER_TENANT}/v2.0")),
            "{issuer}"
        );
    }
}
