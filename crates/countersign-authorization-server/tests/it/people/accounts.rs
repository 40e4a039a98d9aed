//! Accounts without pages: names, passwords, administration.

use std::sync::Arc;

use countersign_authorization_server::Accounts;
use countersign_authorization_server::accounts::{
    AccountError, AccountName, HashingCost, LoginAttempt, LoginBudgets, LoginOutcome, Password,
};
use countersign_authorization_server::oauth::Secret;
use countersign_authorization_server::store::MemoryStore;
use countersign_authorization_server::store::sqlite::SqliteStore;

use super::browser::*;

fn name(text: &str) -> AccountName {
    AccountName::parse(text).unwrap()
}

fn password(text: &str) -> Password {
    Password::new(Secret::new(text)).unwrap()
}

#[test]
fn names_have_one_spelling() {
    let long = "a".repeat(65);
    for bad in [
        "",
        " ",
        "a b",
        ".a",
        "-a",
        "аlice",
        "alice\0",
        "ali\u{200b}ce",
        "ａlice",
        "a/b",
        "a\nb",
        &long,
    ] {
        assert!(AccountName::parse(bad).is_err(), "{bad:?}");
    }
    assert_eq!(
        name(" Alice.B@Example.COM ").as_str(),
        "alice.b@example.com"
    );
    assert_eq!(name(&long[1..]).as_str().len(), 64);
}

#[test]
fn passwords_have_a_length_and_no_other_rule() {
    for bad in [
        "",
        "1234567",
        "äöüßäöü",
        &"x".repeat(1_025),
        &"ä".repeat(513),
    ] {
        assert!(Password::new(Secret::new(bad)).is_err(), "{bad}");
    }
    for good in ["12345678", "        ", "äöüßäöüß", &"x".repeat(1_024)] {
        let shown = format!("{:?}", password(good));
        assert!(!shown.contains(good), "{shown}");
    }
}

#[tokio::test]
async fn a_name_is_taken_once_whatever_its_spelling() {
    let site = site().await;
    let (name, password) = (name("ALICE"), password("another password"));
    let error = site.accounts.add(&name, &password).await.unwrap_err();
    assert!(matches!(error, AccountError::NameTaken), "{error}");
    let right = Secret::new(PASSWORD);
    let outcome = site
        .accounts
        .log_in(LoginAttempt::new("alice", &right))
        .await;
    assert!(matches!(outcome.unwrap(), LoginOutcome::Subject(_)));
    assert_eq!(site.accounts.list(None).await.unwrap().entries.len(), 2);
}

#[tokio::test]
async fn an_administrator_sets_a_password_and_logins_end() {
    let site = site().await;
    let browser = site.browser();
    browser.log_in("alice").await;
    let unknown = site
        .accounts
        .set_password(&name("nobody"), &password("another password"))
        .await;
    assert!(matches!(unknown, Err(AccountError::Unknown)));
    let (alice, new) = (name("alice"), password("another password"));
    site.accounts.set_password(&alice, &new).await.unwrap();
    assert_eq!(
        browser.get("/account").await.status,
        http::StatusCode::SEE_OTHER
    );
    for (text, matches) in [(PASSWORD, false), ("another password", true)] {
        let secret = Secret::new(text);
        let attempt = LoginAttempt::new("alice", &secret);
        let outcome = site.accounts.log_in(attempt).await.unwrap();
        assert_eq!(matches!(outcome, LoginOutcome::Subject(_)), matches);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_budget_holds_when_attempts_race() {
    let site = site().await;
    let mut attempts = tokio::task::JoinSet::new();
    for _ in 0..40 {
        let accounts = site.accounts.clone();
        attempts.spawn(async move {
            let guess = Secret::new("wrong guess");
            accounts.log_in(LoginAttempt::new("alice", &guess)).await
        });
    }
    let outcomes = attempts.join_all().await;
    let checked = outcomes
        .into_iter()
        .filter(|outcome| matches!(outcome, Ok(LoginOutcome::Refused)))
        .count();
    assert_eq!(checked, 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h9_f1_accounts_outlive_the_process_and_its_file_has_no_secret_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data/app.db");
    let right = Secret::new(PASSWORD);
    let token = {
        let store = Arc::new(SqliteStore::open(&path).await.unwrap());
        let accounts = Accounts::new(store).hashing_cost(cheap());
        let token = accounts.setup_token().await.unwrap().unwrap();
        let subject = accounts.add(&name("alice"), &password(PASSWORD)).await;
        assert!(accounts.setup_token().await.unwrap().is_none());
        let taken = accounts.add(&name("alice"), &password(PASSWORD)).await;
        assert!(matches!(taken, Err(AccountError::NameTaken)), "{subject:?}");
        token
    };
    let store = Arc::new(SqliteStore::open(&path).await.unwrap());
    let accounts = Accounts::new(store).hashing_cost(cheap());
    for (attempted, matches) in [("alice", true), ("bob", false)] {
        let attempt = LoginAttempt::new(attempted, &right);
        let outcome = accounts.log_in(attempt).await.unwrap();
        assert_eq!(matches!(outcome, LoginOutcome::Subject(_)), matches);
    }
    accounts.disable(&name("alice")).await.unwrap();
    let outcome = accounts.log_in(LoginAttempt::new("alice", &right)).await;
    assert_eq!(outcome.unwrap(), LoginOutcome::Refused);
    for file in std::fs::read_dir(path.parent().unwrap()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        for secret in [PASSWORD, token.reveal()] {
            let found = bytes
                .windows(secret.len())
                .any(|part| part == secret.as_bytes());
            assert!(!found);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hashes_that_nobody_has_time_for_are_not_waited_for() {
    let mut budgets = LoginBudgets::default();
    (budgets.account, budgets.account_from_network) = (1_000, 1_000);
    let mut cost = HashingCost::default();
    cost.memory = 8_192;
    let accounts = Accounts::new(Arc::new(MemoryStore::new()))
        .hashing_cost(cost)
        .budgets(budgets);
    let mut attempts = tokio::task::JoinSet::new();
    for _ in 0..300 {
        let accounts = accounts.clone();
        attempts.spawn(async move {
            let guess = Secret::new("wrong guess");
            accounts.log_in(LoginAttempt::new("alice", &guess)).await
        });
    }
    let outcomes = attempts.join_all().await;
    let turned_away = outcomes.iter().filter(|outcome| outcome.is_err()).count();
    assert!((1..=252).contains(&turned_away), "{turned_away}");
}

#[tokio::test]
async fn a_deleted_account_is_gone_and_its_name_is_free() {
    let site = site().await;
    let (alice, wanted) = (name("alice"), password("another password"));
    let before = site.accounts.list(None).await.unwrap().entries;
    assert!(matches!(
        site.accounts.delete(&name("nobody")).await,
        Err(AccountError::Unknown)
    ));
    let found = site.accounts.named(&alice).await.unwrap().unwrap();
    assert!(before.contains(&found));
    let same = site.accounts.with_subject(&found.subject).await.unwrap();
    assert_eq!(same.as_ref(), Some(&found));
    site.accounts.delete(&alice).await.unwrap();
    assert_eq!(site.accounts.named(&alice).await.unwrap(), None);
    let gone = site.accounts.with_subject(&found.subject).await.unwrap();
    assert_eq!(gone, None);
    let right = Secret::new(PASSWORD);
    let attempt = LoginAttempt::new("alice", &right);
    let outcome = site.accounts.log_in(attempt).await.unwrap();
    assert!(!matches!(outcome, LoginOutcome::Subject(_)), "{outcome:?}");
    let after = site.accounts.list(None).await.unwrap().entries;
    assert_eq!(after.len() + 1, before.len());

    let subject = site.accounts.add(&alice, &wanted).await.unwrap();
    assert!(before.iter().all(|account| account.subject != subject));
}

#[tokio::test]
async fn g4_whoever_has_many_networks_of_one_provider_has_not_many_times_the_attempts() {
    let mut budgets = LoginBudgets::default();
    budgets.network = 2;
    let accounts = Accounts::new(Arc::new(MemoryStore::new()))
        .hashing_cost(cheap())
        .budgets(budgets);
    let wrong = Secret::new("wrong guess");
    let attempt = async |address: String, number: usize| {
        let name = format!("nobody{number}");
        let mut attempt = LoginAttempt::new(&name, &wrong);
        attempt.address = address.parse().ok();
        assert!(attempt.address.is_some());
        accounts.log_in(attempt).await.unwrap()
    };
    let mut tried = 0;
    for number in 0..60 {
        let outcome = attempt(format!("2001:db8:7:{number:x}::1"), number).await;
        tried += usize::from(outcome == LoginOutcome::Refused);
    }
    assert_eq!(tried, 20);
    let outcome = attempt("2001:db8:8::1".to_owned(), 60).await;
    assert_eq!(outcome, LoginOutcome::Refused);
}

#[tokio::test]
async fn g5_g6_other_spellings_of_a_name_have_no_other_budget() {
    let same = ["ALICE", "Alice", " alice ", "aLiCe"];
    let foreign = [
        "alice.",
        "al\u{200b}ice",
        "\u{ff41}lice",
        "alic\u{0065}\u{0301}",
        "alic\u{00e9}",
        "alice\u{00a0}",
    ];
    let accounts = Accounts::new(Arc::new(MemoryStore::new())).hashing_cost(cheap());
    let subject = accounts.add(&name("alice"), &password(PASSWORD)).await;
    let subject = subject.unwrap();
    let (right, wrong) = (Secret::new(PASSWORD), Secret::new("wrong guess"));
    let attempt = async |name: &str, guess: &Secret| {
        let mut attempt = LoginAttempt::new(name, guess);
        attempt.address = "192.0.2.1".parse().ok();
        accounts.log_in(attempt).await.unwrap()
    };
    // Whatever has another spelling that is not the same name is nobody's, the subject too.
    for name in foreign.into_iter().chain([subject.as_str()]) {
        let outcome = attempt(name, &right).await;
        assert!(!matches!(outcome, LoginOutcome::Subject(_)), "{name}");
    }
    for number in 0..10 {
        let outcome = attempt(same[number % same.len()], &wrong).await;
        assert_eq!(outcome, LoginOutcome::Refused);
    }
    for name in same {
        let outcome = attempt(name, &right).await;
        assert!(
            !matches!(outcome, LoginOutcome::Subject(_) | LoginOutcome::Refused),
            "{name} {outcome:?}"
        );
    }
}
