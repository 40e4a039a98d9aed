use testkit::FakeProvider;
use testkit::provider::{Endpoint, Misbehaviour, group_number};

use super::trial::trial;

#[tokio::test]
async fn preset_discord_logs_people_in_by_snowflake() {
    let discord = trial("discord", FakeProvider::discord(), &[], |discord| {
        discord.allow_everyone()
    })
    .await;
    let login = discord.keeps_people_apart().await;
    assert_eq!(login.asked("scope").as_deref(), Some("identify"));
    assert_eq!(login.asked("nonce"), None);
    let asked = discord.fake.requests_to(Endpoint::Userinfo);
    assert_eq!(asked.len(), discord.token_requests().len());
    assert!(discord.fake.requests_to(Endpoint::Api).is_empty());
}

#[tokio::test]
async fn a79_preset_discord_takes_no_token_of_another_application() {
    let discord = trial("discord", FakeProvider::discord(), &[], |discord| {
        discord.allow_everyone()
    })
    .await;
    for how in [
        Misbehaviour::OtherApplication,
        Misbehaviour::Member(Endpoint::Userinfo, "application", None),
        Misbehaviour::Member(Endpoint::Userinfo, "application/id", Some(1.into())),
        Misbehaviour::Member(Endpoint::Userinfo, "user", None),
        Misbehaviour::Member(Endpoint::Userinfo, "user/id", None),
    ] {
        discord.is_uncertain(how).await;
    }
    discord.subject_of("alice").await;
}

#[tokio::test]
async fn preset_discord_lets_in_a_server_by_its_id_and_asks_for_the_list_only_then() {
    let staff = group_number("staff").to_string();
    let discord = trial("discord", FakeProvider::discord(), &[], |discord| {
        discord.allow_group(staff)
    })
    .await;
    let (_, login) = discord.subject_of("alice").await;
    assert_eq!(login.asked("scope").as_deref(), Some("identify guilds"));
    discord.keeps_out("bob").await;
    let named = trial("discord", FakeProvider::discord(), &[], |discord| {
        discord.allow_group("staff")
    })
    .await;
    // A name can be taken by anybody.
    named.keeps_out("alice").await;
}

#[tokio::test]
async fn preset_discord_gives_tokens_back() {
    let discord = trial("discord", FakeProvider::discord(), &[], |it| {
        it.allow_everyone()
    })
    .await;
    let requests = discord.gives_back(Endpoint::Revocation).await;
    assert!(!requests.is_empty());
}
