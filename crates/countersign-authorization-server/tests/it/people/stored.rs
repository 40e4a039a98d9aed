//! Row F18: what is stored about a password is not what was stored.

use countersign_authorization_server::accounts::{LoginAttempt, LoginOutcome};
use countersign_authorization_server::oauth::Secret;
use countersign_authorization_server::store::{Index, Kind, Page, Store as _};
use serde_json::{Value, json};

use super::browser::*;

#[tokio::test]
async fn f18_a_malformed_hash_keeps_its_account_out_and_nobody_else() {
    for damage in [
        json!({"hash": "not base64!"}),
        json!({"hash": ""}),
        json!({"hash": "AAAA"}),
        json!({"salt": "\u{e9}"}),
        json!({"salt": ""}),
        json!({"cost": {"memory": 0, "passes": 0, "lanes": 0}}),
        // Memory and time that nobody has.
        json!({"cost": {"memory": u32::MAX, "passes": 1, "lanes": 1}}),
        json!({"cost": {"memory": 32, "passes": u32::MAX, "lanes": 1}}),
    ] {
        let site = site().await;
        let (index, page) = (Index::Kind(Kind::Account), Page::first(Page::LONGEST));
        let listed = site.store.list(&index, page, site.clock.now()).await;
        let records = listed.unwrap().records;
        let body = |body: &str| serde_json::from_str::<Value>(body).unwrap();
        let mut records = records.into_iter();
        let mut record = records
            .find(|record| body(&record.body)["name"] == "alice")
            .unwrap();
        let mut body = body(&record.body);
        let password = body["password"].as_object_mut().unwrap();
        password.extend(damage.as_object().unwrap().clone());
        record.body = body.to_string();
        site.store.replace(record, site.clock.now()).await.unwrap();

        let secret = Secret::new(PASSWORD);
        let outcome = site
            .accounts
            .log_in(LoginAttempt::new("alice", &secret))
            .await;
        assert!(!matches!(outcome, Ok(LoginOutcome::Subject(_))), "{damage}");
        let outcome = site
            .accounts
            .log_in(LoginAttempt::new("bob", &secret))
            .await;
        assert!(matches!(outcome, Ok(LoginOutcome::Subject(_))), "{damage}");
        site.browser().log_in("bob").await;
    }
}
