//! Accounts of people who log in elsewhere: row X22, and what administrators do.

use countersign_authorization_server::accounts::{
    AccountError, AccountName, LoginAttempt, LoginOutcome, Password,
};
use countersign_authorization_server::oauth::Secret;
use countersign_authorization_server::store::Kind;
use http::StatusCode;
use testkit::provider::Person;

use super::super::browser::*;
use super::fixture::*;
use crate::fixture::{CALLBACK, VERIFIER, tokens_of};

fn name(text: &str) -> AccountName {
    AccountName::parse_any(text).unwrap()
}

#[tokio::test]
async fn x22_an_identity_is_the_issuer_and_the_subject_and_no_address_or_name() {
    let inn = inn(Offer::Alone).await;
    code_of(&inn, &inn.browser(), "D", "alice").await.redirect();
    let alice = inn.github.person("alice");
    // Everything that mallory can choose is alice's, in several spellings.
    let address = alice.email.clone().unwrap();
    for (number, email) in [
        address.clone(),
        address.to_uppercase(),
        format!("{address}@evil.example"),
        address.replace('@', "＠"),
        format!("{address}."),
    ]
    .into_iter()
    .enumerate()
    {
        let mut twin = Person::new("alice", 9_000 + number as u64);
        twin.name.clone_from(&alice.name);
        twin.email = Some(email);
        twin.email_verified = true;
        inn.github.set_person(twin);
        code_of(&inn, &inn.browser(), "D", "alice").await.redirect();
        assert_eq!(inn.count(Kind::Account).await, 2 + number as u64);
    }
    // And alice is alice, whatever she is called by now.
    let mut renamed = alice.clone();
    renamed.name = "Somebody Else".to_owned();
    renamed.email = Some("new@other.example".to_owned());
    inn.github.set_person(renamed);
    let browser = inn.browser();
    code_of(&inn, &browser, "D", "alice").await.redirect();
    assert_eq!(inn.count(Kind::Account).await, 6);
    let page = browser.get("/account").await;
    assert_eq!(page.body.matches("name=\"grant\"").count(), 2, "{page:?}");
}

#[tokio::test]
async fn the_same_subject_at_two_providers_is_two_people() {
    let inn = inn(Offer::Providers).await;
    for (provider, fake) in [("github", &inn.github), ("oidc", &inn.oidc)] {
        let browser = inn.browser();
        let page = browser.get("/login").await;
        let token = hidden(&page, "forgery_token");
        let fields = [("forgery_token", token.as_str()), ("provider", provider)];
        let location = location_of(&browser.post("/login/with", &fields).await);
        let callback = fake.approve(&location, "alice").await;
        assert_eq!(browser.get(&callback).await.status, StatusCode::SEE_OTHER);
    }
    assert_eq!(inn.count(Kind::Account).await, 2);
    assert_eq!(inn.count(Kind::UpstreamIdentity).await, 2);
}

#[tokio::test]
async fn two_browsers_in_which_a_newcomer_arrives_at_once_make_one_account() {
    let inn = inn(Offer::Alone).await;
    let (one, two) = (inn.browser(), inn.browser());
    let first = inn.github.approve(&allow(&one, "D").await, "alice").await;
    let second = inn.github.approve(&allow(&two, "D").await, "alice").await;
    let (first, second) = tokio::join!(one.get(&first), two.get(&second));
    assert!(first.redirect().contains_key("code"));
    assert!(second.redirect().contains_key("code"));
    assert_eq!(inn.count(Kind::Account).await, 1);
    assert_eq!(inn.count(Kind::Grant).await, 2);
}

#[tokio::test]
async fn they_are_listed_with_what_they_are_elsewhere() {
    let inn = inn(Offer::Alone).await;
    code_of(&inn, &inn.browser(), "D", "alice").await.redirect();
    let listed = inn.site.accounts.list(None).await.unwrap().entries;
    assert_eq!(listed.len(), 1);
    let subject = inn.github.subject_text("alice");
    assert_eq!(listed[0].name, format!("github:{subject}"));
    assert_ne!(listed[0].subject, subject);
    let upstream = listed[0].upstream.clone().unwrap();
    assert_eq!(upstream.provider, "github");
    assert_eq!(upstream.issuer, inn.github.localised("https://github.com"));
    assert_eq!(upstream.subject, subject);
    assert!(upstream.name.is_some());
}

#[tokio::test]
async fn c32_a_disabled_account_gets_nothing_more_and_cannot_log_in() {
    let inn = inn(Offer::Alone).await;
    let browser = inn.browser();
    let code = code_of(&inn, &browser, "D", "alice").await.redirect()["code"].clone();
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("client_id", "D"),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    let (_, refresh) = tokens_of(&browser.post("/token", &fields).await);
    let account = name(&format!("github:{}", inn.github.subject_text("alice")));
    inn.site.accounts.disable(&account).await.unwrap();
    let fields = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh.as_str()),
        ("client_id", "D"),
    ];
    browser
        .post("/token", &fields)
        .await
        .assert_tok("invalid_grant");
    let seen = browser.get("/account").await;
    assert_eq!(seen.header("location"), Some("https://as.test/login"));

    // The program is told; a person is told why.
    let seen = code_of(&inn, &browser, "D", "alice").await;
    assert_eq!(seen.redirect()["error"], "access_denied");
    assert_eq!(inn.count(Kind::BrowserSession).await, 0);
    let callback = inn
        .github
        .approve(&allow(&browser, "D").await, "alice")
        .await;
    let seen = browser.visit(&callback).await;
    assert_eq!(seen.status, StatusCode::FORBIDDEN);
    assert!(
        seen.body.contains("has disabled your account"),
        "{}",
        seen.body
    );
    assert_eq!(inn.count(Kind::Grant).await, 0);
    inn.site.accounts.enable(&account).await.unwrap();
    let seen = code_of(&inn, &browser, "D", "alice").await;
    assert!(seen.redirect().contains_key("code"));
    assert_eq!(inn.count(Kind::Account).await, 1);
}

#[tokio::test]
async fn who_is_not_let_in_by_the_rules_gets_nothing_and_the_client_is_told() {
    let settings = settings_at(crate::fixture::ISSUER);
    let rules = |builder: countersign_authorization_server::upstream::UpstreamBuilder| {
        builder.allow_subject("none-of-these")
    };
    let inn = inn_with(settings, Offer::Alone, rules, |builder| builder).await;
    let browser = inn.browser();
    let callback = inn
        .github
        .approve(&allow(&browser, "D").await, "alice")
        .await;
    let seen = browser.visit(&callback).await;
    assert_eq!(seen.status, StatusCode::FORBIDDEN, "{seen:?}");
    assert!(
        seen.body.contains("You cannot log in here"),
        "{}",
        seen.body
    );
    assert!(seen.body.contains("error=access_denied"), "{}", seen.body);
    assert!(!seen.body.contains("code="), "{}", seen.body);
    let seen = code_of(&inn, &browser, "D", "alice").await;
    assert_eq!(seen.redirect()["error"], "access_denied");
    for kind in [Kind::Account, Kind::Grant, Kind::BrowserSession] {
        assert_eq!(inn.count(kind).await, 0, "{kind}");
    }
    assert_eq!(inn.site.saw("upstream_refused"), 2);
    assert_nobody_has_tokens(&inn, 2);
}

/// That GitHub issued so many tokens, and none of them is good any more.
fn assert_nobody_has_tokens(inn: &Inn, issued: usize) {
    let tokens = inn.github.access_tokens();
    assert_eq!(tokens.len(), issued);
    for token in tokens {
        assert!(!inn.github.is_live(&token));
    }
}

#[tokio::test]
async fn a_deleted_account_is_gone_with_its_identity_and_who_comes_back_is_new() {
    let inn = inn(Offer::Alone).await;
    code_of(&inn, &inn.browser(), "D", "alice").await.redirect();
    let before = inn.site.accounts.list(None).await.unwrap().entries;
    inn.site
        .accounts
        .delete(&name(&before[0].name))
        .await
        .unwrap();
    for kind in [
        Kind::Account,
        Kind::AccountName,
        Kind::UpstreamIdentity,
        Kind::Grant,
    ] {
        assert_eq!(inn.count(kind).await, 0, "{kind}");
    }
    code_of(&inn, &inn.browser(), "D", "alice").await.redirect();
    let after = inn.site.accounts.list(None).await.unwrap().entries;
    assert_eq!(after[0].name, before[0].name);
    assert_ne!(after[0].subject, before[0].subject);
}

#[tokio::test]
async fn a_name_of_theirs_is_no_local_account_and_nobody_can_guess_a_password() {
    let inn = inn(Offer::WithAccounts).await;
    let password = Password::new(Secret::new(PASSWORD)).unwrap();
    let taken = name("github:1");
    let refused = inn.site.accounts.add(&taken, &password).await;
    assert!(
        matches!(refused, Err(AccountError::Reserved)),
        "{refused:?}"
    );
    for bad in ["github:", ":1", "github:1:2", "git hub:1", "github:-"] {
        assert!(AccountName::parse_any(bad).is_err(), "{bad}");
    }
    assert!(AccountName::parse("github:1").is_err());

    let browser = inn.browser();
    let login = browser.get("/login").await;
    let token = hidden(&login, "forgery_token");
    let fields = [("forgery_token", token.as_str()), ("provider", "github")];
    let location = location_of(&browser.post("/login/with", &fields).await);
    let callback = inn.github.approve(&location, "alice").await;
    browser.get(&callback).await;
    let listed = inn.site.accounts.list(None).await.unwrap().entries;
    for guess in ["", PASSWORD, "null"] {
        let guess = Secret::new(guess);
        let attempt = LoginAttempt::new(&listed[0].name, &guess);
        let outcome = inn.site.accounts.log_in(attempt).await.unwrap();
        assert_eq!(outcome, LoginOutcome::Refused);
    }
    // An administrator may give one: then there are two ways.
    let account = name(&listed[0].name);
    inn.site
        .accounts
        .set_password(&account, &password)
        .await
        .unwrap();
    let guess = Secret::new(PASSWORD);
    let attempt = LoginAttempt::new(&listed[0].name, &guess);
    let outcome = inn.site.accounts.log_in(attempt).await.unwrap();
    assert_eq!(outcome, LoginOutcome::Subject(listed[0].subject.clone()));
}
