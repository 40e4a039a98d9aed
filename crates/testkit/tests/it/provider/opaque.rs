use testkit::FakeProvider;
use testkit::provider::Endpoint;

use super::application::{Login, REDIRECT_URI, basic, get, post};

async fn introspected(provider: &FakeProvider, token: &str, who: Option<&str>) -> testkit::Answer {
    let form = [("token", token.to_owned())];
    post(provider, Endpoint::Introspection, &form, who).await
}

#[tokio::test]
async fn introspection_needs_the_application_and_tells_nothing_of_foreign_tokens() {
    for builder in [
        FakeProvider::opaque_with_introspection(),
        FakeProvider::clerk(),
        FakeProvider::propelauth(),
        FakeProvider::keycloak(),
        FakeProvider::okta(),
        FakeProvider::oci(),
        FakeProvider::workos(),
    ] {
        let provider = builder
            .redirect_uri(REDIRECT_URI)
            .behaving(|behaviour| behaviour.client_authentication.push("client_secret_basic"))
            .start()
            .await;
        let name = provider.behaviour().name;
        let who = basic(provider.client_id(), provider.client_secret().unwrap());
        let own = provider.token_for("alice", &["openid"], None);
        let foreign = provider.token_of_other_application("alice", &["openid"]);
        assert_eq!(
            introspected(&provider, &own, None).await.status(),
            401,
            "{name}"
        );
        let answer = introspected(&provider, &own, Some(&who)).await.json().await;
        assert_eq!(answer["active"], true, "{name}");
        assert_eq!(answer["client_id"], provider.client_id(), "{name}");
        assert!(
            answer["exp"].is_u64() && answer["sub"].is_string(),
            "{name}: {answer}"
        );
        for token in [foreign.as_str(), "unknown"] {
            let answer = introspected(&provider, token, Some(&who))
                .await
                .json()
                .await;
            assert_eq!(answer, serde_json::json!({ "active": false }), "{name}");
        }
        provider.revoke_grants_of("alice");
        let answer = introspected(&provider, &own, Some(&who)).await.json().await;
        assert_eq!(answer["active"], false, "{name}");
    }
}

#[tokio::test]
async fn a_userinfo_endpoint_of_its_own_shape_nests_who_somebody_is() {
    let provider = FakeProvider::opaque_with_userinfo()
        .redirect_uri(REDIRECT_URI)
        .start()
        .await;
    let tokens = Login::new(&provider, "notes").tokens("bob").await;
    assert!(tokens["refresh_token"].is_string());
    let me = provider.url(Endpoint::Userinfo).unwrap();
    let answer = get(&me, tokens["access_token"].as_str().unwrap())
        .await
        .json()
        .await;
    assert_eq!(answer["account"]["id"], provider.subject("bob"));
    assert_eq!(answer["application"]["id"], provider.client_id());
    assert!(answer.get("teams").is_none(), "bob has none");
}

#[tokio::test]
async fn clerk_and_hugging_face_tokens_are_opaque_and_known_by_their_prefix() {
    for (builder, prefix) in [
        (FakeProvider::clerk(), "oat_"),
        (FakeProvider::huggingface(), "hf_oauth_"),
        (FakeProvider::google(), "ya29."),
    ] {
        let provider = builder.start().await;
        let token = provider.token_for("alice", &["openid"], None);
        assert!(token.starts_with(prefix), "{token}");
        assert!(countersign_oauth::jose::decode_unverified(&token).is_err());
    }
}

#[tokio::test]
async fn groups_are_told_where_each_provider_tells_them() {
    let hugging = FakeProvider::huggingface().start().await;
    let token = hugging.token_for("alice", &["openid", "profile"], None);
    let answer = get(&hugging.url(Endpoint::Userinfo).unwrap(), &token)
        .await
        .json()
        .await;
    assert_eq!(answer["orgs"][0]["preferred_username"], "staff");
    assert!(answer["orgs"][0]["sub"].is_string());
    let gitlab = FakeProvider::gitlab()
        .redirect_uri(REDIRECT_URI)
        .start()
        .await;
    let tokens = Login::new(&gitlab, "openid profile").tokens("alice").await;
    let id = super::application::claims(tokens["id_token"].as_str().unwrap());
    assert_eq!(id["groups_direct"][0], "staff");
    assert_eq!(id["preferred_username"], "alice");
    let token = tokens["access_token"].as_str().unwrap();
    let info = get(&gitlab.url(Endpoint::Application).unwrap(), token)
        .await
        .json()
        .await;
    assert_eq!(info["application"]["uid"], gitlab.client_id());
    assert!(tokens["created_at"].is_u64());
}
