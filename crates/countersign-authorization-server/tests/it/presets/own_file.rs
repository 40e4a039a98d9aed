//! Files of one's own, about providers that nobody built in: each logs people in as a
//! built-in one does.

use countersign_resource_server::provider::Preset;
use testkit::FakeProvider;

use super::trial::{Trial, trial_of};

/// Tokens that say nothing, and an endpoint of its own that says who somebody is.
const USERINFO: &str = r#"
name = "mine"
display_name = "Mine"
documentation = "https://oauth.example.com/docs"

[endpoints]
authorization = "https://oauth.example.com/authorize"
token = "https://oauth.example.com/token"
userinfo = "https://oauth.example.com/me"
revocation = "https://oauth.example.com/revoke"

[login]
scopes = ["profile", "mail"]
client_authentication = ["client_secret_post"]

[login.authorize_parameters]
theme = "dark"

[login.token_parameters]
region = "eu"

[login.identity]
source = "userinfo"
issuer = "https://oauth.example.com"
subject = "/account/id"
name = "/account/display_name"
email = "/account/mail"
email_verified = "/account/mail_confirmed"
groups = "/teams"
application = { pointer = "/application/id" }

[safety]
audience_bound = false
open_registration = true
"#;

/// The same provider, asked by introspection instead.
fn introspecting() -> String {
    let replaced = [
        (
            "userinfo = \"https://oauth.example.com/me\"",
            "introspection = \"https://oauth.example.com/introspect\"",
        ),
        ("source = \"userinfo\"", "source = \"introspection\""),
        ("/account/id", "/sub"),
        ("name = \"/account/display_name\"\n", ""),
        ("email = \"/account/mail\"\n", ""),
        ("email_verified = \"/account/mail_confirmed\"\n", ""),
        ("groups = \"/teams\"\n", ""),
        ("/application/id", "/client_id"),
    ];
    replaced
        .into_iter()
        .fold(USERINFO.to_owned(), |text, (old, new)| {
            assert_eq!(text.matches(old).count(), 1, "{old}");
            text.replace(old, new)
        })
}

/// Scopes in a parameter of their own and between commas, tokens inside a member, a
/// type of its own, errors with status 200, and no word about how long tokens live.
const PECULIAR: &str = r#"
name = "mine"
display_name = "Mine"
documentation = "https://docs.slack.dev/authentication/installing-with-oauth"

[endpoints]
authorization = "https://slack.com/oauth/v2/authorize"
token = "https://slack.com/api/oauth.v2.access"
userinfo = "https://slack.com/api/users.identity"
revocation = "https://slack.com/api/auth.revoke"

[login]
scopes = ["identity.basic", "identity.email"]
scope_separator = ","
scope_parameter = "user_scope"
pkce = false
client_authentication = ["client_secret_post"]

[login.identity]
source = "userinfo"
issuer = "https://slack.com"
subject = "/user/id"
name = "/user/name"
domain = "/team/id"

[login.token_response]
success = "/ok"
access_token = "/authed_user/access_token"
refresh_token = "/authed_user/refresh_token"
expires_in = "/authed_user/expires_in"
scope = "/authed_user/scope"
token_type = "/authed_user/token_type"
token_types = ["user"]
default_lifetime = 3600

[login.revocation]
tokens = ["access_token"]

[login.revocation.request]
token_in = "bearer"
authentication = "none"

[safety]
audience_bound = false
open_registration = true
"#;

fn read(text: &str) -> Preset {
    Preset::parse(text).unwrap_or_else(|error| panic!("{error}"))
}

async fn opaque_with_userinfo(text: &str) -> Trial {
    let fake = FakeProvider::opaque_with_userinfo();
    trial_of("mine", &read(text), fake, &[], |mine| mine.allow_everyone()).await
}

#[tokio::test]
async fn a79_an_answer_about_another_application_is_no_login() {
    // The pointer names something else, as a token of another application would.
    let text = USERINFO.replace("/application/id", "/account/id");
    opaque_with_userinfo(&text).await.disbelieves("alice").await;
    let text = USERINFO.replace("/application/id", "/application/name");
    opaque_with_userinfo(&text).await.disbelieves("alice").await;
}

#[tokio::test]
async fn a_file_whose_subject_is_not_there_logs_nobody_in() {
    for pointer in ["/account/number", "/account", "/teams"] {
        let text = USERINFO.replace("/account/id", pointer);
        let mine = opaque_with_userinfo(&text).await;
        let login = mine.log_in(Some("alice")).await;
        assert_eq!(
            login.answer.header("location"),
            None,
            "{pointer}: {login:?}"
        );
        assert!(!login.answer.status.is_success(), "{pointer}: {login:?}");
    }
}

#[tokio::test]
async fn a_file_of_ones_own_with_userinfo_logs_people_in() {
    let mine = opaque_with_userinfo(USERINFO).await;
    let login = mine.keeps_people_apart().await;
    assert_eq!(login.asked("scope").as_deref(), Some("profile mail"));
    assert_eq!(login.asked("theme").as_deref(), Some("dark"));
    assert_eq!(login.asked("region"), None);
    assert_eq!(login.asked("nonce"), None);
    assert!(login.asked("code_challenge").is_some());
    mine.sent_secret_in_body();
    for request in mine.token_requests() {
        assert_eq!(request.parameter("region").as_deref(), Some("eu"));
        assert_eq!(request.parameter("theme"), None);
    }
}

#[tokio::test]
async fn a_file_of_ones_own_has_rules_about_addresses_and_groups() {
    let fake = FakeProvider::opaque_with_userinfo();
    let preset = read(USERINFO);
    let by_domain = trial_of("mine", &preset, fake, &[], |mine| {
        mine.allow_domain("corp.example")
    })
    .await;
    by_domain.subject_of("alice").await;
    by_domain.keeps_out("bob").await;
    by_domain.keeps_out("mallory").await;
    let fake = FakeProvider::opaque_with_userinfo();
    let by_group = trial_of("mine", &preset, fake, &[], |mine| {
        mine.allow_group("no-such-team")
    })
    .await;
    by_group.keeps_out("alice").await;
}

#[tokio::test]
async fn a_file_of_ones_own_with_introspection_logs_people_in() {
    let fake = FakeProvider::opaque_with_introspection();
    let preset = read(&introspecting());
    let mine = trial_of("mine", &preset, fake, &[], |mine| mine.allow_everyone()).await;
    mine.keeps_people_apart().await;
    let asked = mine
        .fake
        .requests_to(testkit::provider::Endpoint::Introspection);
    assert!(asked.len() >= 4, "one for each login");
    for request in asked {
        assert_eq!(request.request.method, "POST");
        assert!(request.parameter("token").is_some());
        assert!(request.parameter("client_secret").is_some());
    }
}

#[tokio::test]
async fn a_file_of_ones_own_reads_what_is_elsewhere() {
    let preset = read(PECULIAR);
    let fake = FakeProvider::slack_nested();
    let mine = trial_of("mine", &preset, fake, &[], |mine| mine.allow_everyone()).await;
    let login = mine.keeps_people_apart().await;
    assert_eq!(
        login.asked("user_scope").as_deref(),
        Some("identity.basic,identity.email")
    );
    assert_eq!(login.asked("scope"), None);
    assert_eq!(login.asked("code_challenge"), None);
    // Read where RFC 6749 has it, the answer has no token.
    for member in ["access_token = \"/authed_user/", "token_types = [\"user"] {
        assert_eq!(PECULIAR.matches(member).count(), 1);
    }
    for text in [
        PECULIAR.replace("access_token = \"/authed_user/", "access_token = \"/"),
        PECULIAR.replace("token_types = [\"user", "token_types = [\"bearer"),
        PECULIAR.replace("success = \"/ok\"", "success = \"/app_id\""),
    ] {
        let fake = FakeProvider::slack_nested();
        let mine = trial_of("mine", &read(&text), fake, &[], |mine| {
            mine.allow_everyone()
        })
        .await;
        let login = mine.log_in(Some("alice")).await;
        assert_eq!(login.answer.status.as_u16(), 502, "{login:?}");
        assert_eq!(login.answer.header("location"), None);
    }
}
