use serde_json::json;
use testkit::FakeProvider;
use testkit::provider::{Endpoint, OTHER_CLIENT_ID};

use super::application::{Login, REDIRECT_URI, get};

#[tokio::test]
async fn a79_discord_names_the_application_of_a_token_and_the_person_only_with_identify() {
    let provider = FakeProvider::discord()
        .redirect_uri(REDIRECT_URI)
        .start()
        .await;
    let tokens = Login::new(&provider, "identify guilds")
        .tokens("alice")
        .await;
    let me = provider.url(Endpoint::Userinfo).unwrap();
    let answer = get(&me, tokens["access_token"].as_str().unwrap())
        .await
        .json()
        .await;
    assert_eq!(answer["application"]["id"], provider.client_id());
    assert_eq!(answer["user"]["id"], provider.subject("alice"));
    assert_eq!(answer["user"]["id"].as_str().unwrap().len(), 18);
    assert_eq!(answer["expires"], "2027-01-22T08:00:00+00:00");
    let foreign = provider.token_of_other_application("alice", &["identify"]);
    let answer = get(&me, &foreign).await.json().await;
    assert_eq!(answer["application"]["id"], OTHER_CLIENT_ID);
    let bare = provider.token_for("alice", &["guilds"], None);
    assert!(get(&me, &bare).await.json().await.get("user").is_none());
}

#[tokio::test]
async fn discord_guilds_are_listed_by_id_and_need_their_scope() {
    let provider = FakeProvider::discord()
        .redirect_uri(REDIRECT_URI)
        .start()
        .await;
    let guilds = provider.localised("https://discord.com/api/users/@me/guilds");
    let without = provider.token_for("alice", &["identify"], None);
    assert_eq!(get(&guilds, &without).await.status(), 403);
    let with = provider.token_for("alice", &["guilds"], None);
    let answer = get(&guilds, &with).await.json().await;
    assert_eq!(answer[0]["name"], "staff");
    assert!(answer[0]["id"].is_string());
    let of_bob = provider.token_for("bob", &["guilds"], None);
    assert_eq!(get(&guilds, &of_bob).await.json().await, json!([]));
}
