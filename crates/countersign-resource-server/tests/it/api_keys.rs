//! API keys, from the text to the caller.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use countersign_oauth::api_key::MalformedApiKey;
use countersign_oauth::{
    ApiKeyDigest, ApiKeyFormat, ApiKeyId, Lifetime, ScopeSet, Secret, UnixTime,
};
use countersign_resource_server::{
    ApiKeyAuth, ApiKeyOwner, ApiKeyRecord, ApiKeyRefusal, ApiKeys, FixedKey, IntoVerifier,
    KnownApiKeys, PresentedToken, Reason, Unavailable, Verification, Verifier,
};

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

fn text(number: u8) -> Secret {
    let random = [number; ApiKeyFormat::RANDOM_BYTES];
    ApiKeyFormat::default().compose(&random).text
}

fn record(number: u8) -> ApiKeyRecord {
    let text = text(number);
    let id = ApiKeyFormat::default().parse(text.reveal()).unwrap();
    let owner = ApiKeyOwner::service("nightly").unwrap();
    let mut record = ApiKeyRecord::new(id, ApiKeyDigest::of(&text), owner, NOW);
    record.scopes = ScopeSet::parse("stats:read").unwrap();
    record.roles = vec!["reporter".to_owned()];
    record
}

/// Known keys, which are counted when they are looked up.
#[derive(Clone)]
struct Counted {
    keys: KnownApiKeys,
    looked_up: Arc<AtomicUsize>,
    confirmed: Arc<AtomicUsize>,
    stands: Arc<AtomicBool>,
    is_down: bool,
}

impl Counted {
    fn of(records: impl IntoIterator<Item = ApiKeyRecord>) -> Self {
        let none = KnownApiKeys::new("https://auth.test");
        Self {
            keys: records.into_iter().fold(none, KnownApiKeys::with),
            looked_up: Arc::default(),
            confirmed: Arc::default(),
            stands: Arc::new(AtomicBool::new(true)),
            is_down: false,
        }
    }

    async fn judge(&self, text: &str) -> Result<Verification, Unavailable> {
        let auth = ApiKeyAuth::header("X-API-Key").keys(self.clone());
        let verifier = auth.into_verifier().unwrap();
        verifier.verify(PresentedToken::new(text), NOW).await
    }
}

impl ApiKeys for Counted {
    fn place(&self) -> Arc<str> {
        self.keys.place()
    }

    async fn find(
        &self,
        id: &ApiKeyId,
        now: UnixTime,
    ) -> Result<Option<ApiKeyRecord>, Unavailable> {
        self.looked_up.fetch_add(1, Ordering::SeqCst);
        if self.is_down {
            return Err(Unavailable::new("the store", Lifetime::from_secs(5)));
        }
        self.keys.find(id, now).await
    }

    async fn confirm(&self, _record: &ApiKeyRecord, _now: UnixTime) -> Result<bool, Unavailable> {
        self.confirmed.fetch_add(1, Ordering::SeqCst);
        Ok(self.stands.load(Ordering::SeqCst))
    }
}

fn refusal(judged: Result<Verification, Unavailable>) -> Reason {
    match judged {
        Ok(Verification::Rejected(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a82_what_is_no_key_is_refused_without_a_look_up() {
    let known = Counted::of([record(1)]);
    let good = text(1);
    let good = good.reveal();
    let last = if good.ends_with('0') { '1' } else { '0' };
    let changed = format!("{}{last}", &good[..good.len() - 1]);
    let long = format!("{good}{}", "0".repeat(1024 * 1024));
    for (bad, why) in [
        (changed.as_str(), MalformedApiKey::Checksum),
        ("csk_", MalformedApiKey::Length),
        (&long, MalformedApiKey::Length),
        (&good.replace('_', "__"), MalformedApiKey::Length),
    ] {
        let reason = refusal(known.judge(bad).await);
        assert_eq!(reason, Reason::ApiKey(ApiKeyRefusal::Malformed(why)));
    }
    for foreign in ["", "csk", "ｃｓｋ_", "eyJhbGciOiJub25lIn0.e30.", &good[1..]] {
        let judged = known.judge(foreign).await;
        assert!(matches!(judged, Ok(Verification::NotMine)), "{judged:?}");
    }
    assert_eq!(known.looked_up.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn h12_a_wrong_secret_costs_what_an_unknown_id_costs() {
    let mut wrong = record(1);
    wrong.digest = record(2).digest;
    let known = Counted::of([wrong]);
    let reason = refusal(known.judge(text(1).reveal()).await);
    assert_eq!(reason, Reason::ApiKey(ApiKeyRefusal::WrongSecret));
    let reason = refusal(known.judge(text(3).reveal()).await);
    assert_eq!(reason, Reason::ApiKey(ApiKeyRefusal::Unknown));
    // One look-up each, and nobody is asked whether the owner stands behind it.
    assert_eq!(known.looked_up.load(Ordering::SeqCst), 2);
    assert_eq!(known.confirmed.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a82_what_has_ended_is_refused() {
    let (mut revoked, mut expired) = (record(1), record(2));
    revoked.revoked_at = Some(NOW);
    expired.expires_at = Some(NOW);
    let known = Counted::of([revoked, expired, record(3)]);
    let reason = refusal(known.judge(text(1).reveal()).await);
    assert_eq!(reason, Reason::ApiKey(ApiKeyRefusal::Revoked));
    assert_eq!(
        refusal(known.judge(text(2).reveal()).await),
        Reason::Expired
    );
    known.stands.store(false, Ordering::SeqCst);
    let reason = refusal(known.judge(text(3).reveal()).await);
    assert_eq!(reason, Reason::ApiKey(ApiKeyRefusal::Owner));
    known.stands.store(true, Ordering::SeqCst);
    assert!(matches!(
        known.judge(text(3).reveal()).await,
        Ok(Verification::Accepted(_))
    ));
}

#[tokio::test]
async fn a_store_that_is_down_is_no_refusal() {
    let mut known = Counted::of([record(1)]);
    known.is_down = true;
    assert!(known.judge(text(1).reveal()).await.is_err());
}

#[tokio::test]
async fn the_bearer_of_a_key_is_its_owner_with_what_it_opens() {
    let known = Counted::of([record(1)]);
    let Ok(Verification::Accepted(token)) = known.judge(text(1).reveal()).await else {
        panic!("it is refused");
    };
    assert_eq!(token.iss(), "urn:countersign:api-keys:https://auth.test");
    assert_eq!(token.sub(), "service:nightly");
    assert_eq!(token.client_id(), Some(record(1).id.as_str()));
    assert_eq!(token.scopes().to_string(), "stats:read");
    assert_eq!(
        token.get("roles").unwrap(),
        &serde_json::json!(["reporter"])
    );
    assert_eq!(token.get("owner").unwrap(), "service");
    assert!(!format!("{token:?}").contains(text(1).reveal()));
}

#[test]
fn a59_nobody_is_taken_for_a_service_or_for_somebody_else() {
    for subject in ["", "service:", "service:nightly"] {
        assert!(ApiKeyOwner::person(subject).is_err(), "{subject:?}");
    }
    let long = "a".repeat(1024 * 1024);
    for name in ["", "a b", "a:b", "a\n", "a\0", "é", &long] {
        assert!(ApiKeyOwner::service(name).is_err());
    }
    // What people are called elsewhere is taken as it is.
    let subjects = ["nightly", "a\0b", "a\nb", "a:b", "Service:nightly", &long];
    let mut all: Vec<_> = subjects
        .iter()
        .map(|subject| ApiKeyOwner::person(subject).unwrap().subject())
        .collect();
    all.push(ApiKeyOwner::service("nightly").unwrap().subject());
    let distinct: std::collections::BTreeSet<_> = all.iter().collect();
    assert_eq!(distinct.len(), all.len());
}

#[tokio::test]
async fn a_key_with_a_text_of_your_own_opens_what_it_says() {
    let opens = || FixedKey::service("nightly").scopes(ScopeSet::parse("stats:read").unwrap());
    let ending = opens().expires_at(NOW);
    let auth = ApiKeyAuth::bearer()
        .key(Secret::new("0123456789abcdef"), opens())
        .key(Secret::new("fedcba9876543210"), ending)
        .key(text(1), opens().roles(["reporter"]));
    assert!(!format!("{auth:?}").contains("0123456789abcdef"));
    let verifier = auth.into_verifier().unwrap();
    let judge = |text: &'static str| verifier.verify(PresentedToken::new(text), NOW);
    for foreign in ["0123456789abcdeF", "0123456789abcde", "0123456789abcdef "] {
        assert!(matches!(judge(foreign).await, Ok(Verification::NotMine)));
    }
    assert_eq!(refusal(judge("fedcba9876543210").await), Reason::Expired);
    let Ok(Verification::Accepted(token)) = judge("0123456789abcdef").await else {
        panic!("it is refused");
    };
    assert_eq!(token.iss(), "urn:countersign:api-keys");
    assert_eq!(token.sub(), "service:nightly");
    let other = text(2);
    let other = verifier.verify(PresentedToken::new(other.reveal()), NOW);
    assert_eq!(refusal(other.await), Reason::ApiKey(ApiKeyRefusal::Unknown));
    let own = text(1);
    let own = verifier.verify(PresentedToken::new(own.reveal()), NOW);
    assert!(matches!(own.await, Ok(Verification::Accepted(_))));
}

#[test]
fn keys_that_cannot_work_stop_the_start() {
    let opens = || FixedKey::service("nightly");
    let header = || ApiKeyAuth::header("X-API-Key");
    let typed_wrong = format!("{}0", &text(1).reveal()[..54]);
    for (auth, said) in [
        (header(), "nobody knows any"),
        (header().key(Secret::new("short"), opens()), "16 to 512"),
        (
            header().key(Secret::new("x".repeat(513)), opens()),
            "16 to 512",
        ),
        (
            header().key(Secret::new("0123456789 abcdef"), opens()),
            "cannot be sent",
        ),
        (
            header().key(Secret::new(typed_wrong), opens()),
            "was not copied",
        ),
        (
            header().key(text(1), FixedKey::service("a b")),
            "letters, digits",
        ),
        (
            header().key(text(1), opens()).key(text(1), opens()),
            "there twice",
        ),
    ] {
        let error = auth.into_verifier().unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
        assert!(!error.contains("0123456789"), "{error}");
        assert!(!error.contains("csk_"), "{error}");
    }
}
