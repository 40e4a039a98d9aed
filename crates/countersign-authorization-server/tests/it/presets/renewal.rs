//! What providers do to refresh tokens: they keep them, repeat them, add another one,
//! or replace them.

use testkit::FakeProvider;
use testkit::provider::FakeProviderBuilder;

use super::trial::trial;

#[tokio::test]
async fn logins_outlive_the_access_tokens_of_every_provider_that_issues_refresh_tokens() {
    let providers: [(&str, FakeProviderBuilder); 9] = [
        ("cognito", FakeProvider::cognito()),
        ("discord", FakeProvider::discord()),
        ("entra", FakeProvider::entra()),
        ("github", FakeProvider::github_with_expiring_tokens()),
        ("gitlab", FakeProvider::gitlab()),
        ("google", FakeProvider::google()),
        ("keycloak", FakeProvider::keycloak()),
        ("okta", FakeProvider::okta()),
        ("supabase", FakeProvider::supabase()),
    ];
    for (name, fake) in providers {
        let trial = trial(name, fake, &[], |it| it.allow_everyone()).await;
        trial.renews().await;
    }
}
