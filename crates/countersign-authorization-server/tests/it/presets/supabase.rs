use super::trial::trial;
use testkit::FakeProvider;

#[tokio::test]
async fn preset_supabase_logs_people_in_at_the_project() {
    let supabase = trial("supabase", FakeProvider::supabase(), &[], |supabase| {
        supabase.allow_everyone()
    })
    .await;
    let login = supabase.keeps_people_apart().await;
    assert_eq!(login.scopes(), ["openid", "profile", "email"]);
    assert!(login.asked("code_challenge").is_some());
    supabase.sent_secret_in_body();
}

#[tokio::test]
async fn preset_supabase_lets_in_a_domain_by_verified_addresses_alone() {
    let supabase = trial("supabase", FakeProvider::supabase(), &[], |supabase| {
        supabase.allow_domain("corp.example")
    })
    .await;
    supabase.subject_of("alice").await;
    supabase.keeps_out("bob").await;
    supabase.keeps_out("mallory").await;
}

#[tokio::test]
async fn preset_supabase_verifies_id_tokens() {
    let supabase = trial("supabase", FakeProvider::supabase(), &[], |supabase| {
        supabase.allow_everyone()
    });
    supabase.await.verifies_id_tokens().await;
}
