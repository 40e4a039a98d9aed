//! API keys over HTTP: row A82, and H12 for keys.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use countersign::authorization_server::accounts::{AccountName, Password};
use countersign::authorization_server::api_keys::{ApiKeyManager, ApiKeyRequest, IssuedApiKey};
use countersign::oauth::{ApiKeyFormat, Lifetime, ScopeSet, Secret};
use countersign::{AccessToken, ApiKeyAuth, ApiKeyOwner, App, Http, Server, State, resource, tool};
use serde_json::json;
use testkit::client::http::RequestBuilder;
use testkit::{CaptureLog, ModernClient, TestClock};

use crate::embedded::client::Client;
use crate::fixture::{HandClock, Noted, Seen};
use crate::visitor::{Visitor, cheap_accounts};

#[derive(Clone, Default)]
struct Calls(Arc<AtomicUsize>);

/// Whoever calls.
#[tool]
async fn whoami(token: AccessToken, calls: State<Calls>) -> String {
    calls.0.0.fetch_add(1, Ordering::SeqCst);
    token.sub().to_owned()
}

/// For keys with the scope.
#[resource("admin://system/stats", auth = "api_key", scopes("stats:read"))]
async fn stats(calls: State<Calls>) -> &'static str {
    calls.0.0.fetch_add(1, Ordering::SeqCst);
    "all is well"
}

struct House {
    app: App,
    keys: ApiKeyManager,
    clock: TestClock,
    calls: Calls,
    noted: Noted,
    log: CaptureLog,
    _guard: tracing::subscriber::DefaultGuard,
}

fn house(keys: ApiKeyAuth) -> House {
    let (log, guard) = CaptureLog::start();
    let (clock, calls, noted) = (TestClock::new(), Calls::default(), Noted::default());
    let app = Server::new("embedding")
        .clock(Arc::new(HandClock(clock.clone())))
        .auth(
            cheap_accounts()
                .scope("stats:read", "Read statistics")
                .api_keys(keys),
        )
        .audit(noted.clone())
        .state(calls.clone())
        .tool(whoami)
        .resource(stats)
        .into_app(&Http::bind("127.0.0.1:8000"))
        .unwrap();
    let keys = app.authorization_server().unwrap().api_keys();
    House {
        app,
        keys,
        clock,
        calls,
        noted,
        log,
        _guard: guard,
    }
}

fn nightly() -> ApiKeyRequest {
    let owner = ApiKeyOwner::service("nightly").unwrap();
    ApiKeyRequest::new(owner, "The nightly report").scopes(ScopeSet::parse("stats:read").unwrap())
}

impl House {
    fn client(&self) -> ModernClient {
        ModernClient::new(testkit::Http::service(self.app.clone()), "/mcp")
    }

    /// A call without a credential.
    fn call(&self) -> RequestBuilder {
        let params = json!({ "name": "whoami", "arguments": {} });
        self.client().mcp("tools/call", params)
    }

    async fn made(&self, request: &ApiKeyRequest) -> IssuedApiKey {
        self.keys.create(request).await.unwrap()
    }

    async fn with_key(&self, key: &str) -> Seen {
        Seen::of(self.call().header("x-api-key", key).send().await).await
    }

    /// Judges a request that must not get through.
    async fn refused(&self, row: &str, request: RequestBuilder, status: u16) -> Seen {
        let before = self.calls.0.load(Ordering::SeqCst);
        self.noted.taken();
        let seen = Seen::of(request.send().await).await;
        assert_eq!(seen.status, status, "{row}: {seen:?}");
        assert_eq!(self.calls.0.load(Ordering::SeqCst), before, "{row}");
        let record = self.noted.refusal(row);
        assert!(!format!("{record:?} {seen:?}").contains("csk_"), "{row}");
        assert!(seen.header("www-authenticate").is_some(), "{row}: {seen:?}");
        seen
    }

    /// A person with an account.
    async fn person(&self, name: &str) -> (AccountName, ApiKeyOwner) {
        let server = self.app.authorization_server().unwrap();
        let accounts = server.people().unwrap().accounts();
        let name = AccountName::parse(name).unwrap();
        let password = Password::new(Secret::new("correct horse battery")).unwrap();
        let subject = accounts.add(&name, &password).await.unwrap();
        (name, ApiKeyOwner::person(&subject).unwrap())
    }

    async fn disabled(&self) -> IssuedApiKey {
        let (name, owner) = self.person("ada").await;
        let issued = self.made(&ApiKeyRequest::new(owner, "Mine")).await;
        assert_eq!(self.with_key(issued.text.reveal()).await.status, 200);
        let server = self.app.authorization_server().unwrap();
        let accounts = server.people().unwrap().accounts();
        accounts.disable(&name).await.unwrap();
        issued
    }
}

/// A key with the id of another one and a checksum that fits.
fn of_the_same_id(key: &str) -> String {
    let random = [9; ApiKeyFormat::RANDOM_BYTES];
    let other = ApiKeyFormat::default().compose(&random).text;
    let mut parts: Vec<&str> = key.split('_').collect();
    let secret = other.reveal().rsplit('_').next().unwrap();
    parts[2] = &secret[..32];
    checksummed(&parts.join("_"))
}

/// CRC-32 over `body`, in six digits of base 62.
fn checksummed(body: &str) -> String {
    const DIGITS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut state = u32::MAX;
    for byte in body.bytes() {
        state ^= u32::from(byte);
        for _ in 0..8 {
            state = (state >> 1) ^ ((state & 1) * 0xEDB8_8320);
        }
    }
    let mut number = (!state) as usize;
    let mut digits = [0; 6];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[number % 62];
        number /= 62;
    }
    format!("{body}{}", String::from_utf8(digits.to_vec()).unwrap())
}

#[tokio::test]
async fn a82_a_key_that_is_not_good_opens_nothing_and_is_told_nothing() {
    let house = house(ApiKeyAuth::header("X-API-Key"));
    let good = house.made(&nightly()).await;
    let good = good.text.reveal();
    let ending = house
        .made(&nightly().lifetime(Lifetime::from_secs(60)))
        .await;
    let revoked = house.made(&nightly()).await;
    house.keys.revoke(&revoked.overview.id).await.unwrap();
    let disabled = house.disabled().await;
    house.clock.advance(Lifetime::from_secs(60));
    let last = if good.ends_with('0') { "1" } else { "0" };
    let changed = format!("{}{last}", &good[..good.len() - 1]);
    let key = |text: &str| house.call().header("x-api-key", text);
    let long = format!("csk_{}", "a".repeat(1024 * 1024));
    let look_alike = good.replace("csk", "ｃｓｋ");
    let with_bearer = key(good).header("authorization", "Bearer eyJhbGciOiJub25lIn0.e30.");
    let mut said = Vec::new();
    for (row, request, status) in [
        ("last character", key(&changed), 401),
        ("prefix only", key("csk_"), 401),
        ("wrong secret", key(&of_the_same_id(good)), 401),
        ("expired", key(ending.text.reveal()), 401),
        ("revoked", key(revoked.text.reveal()), 401),
        ("owner disabled", key(disabled.text.reveal()), 401),
        ("with a bearer token that is not good", with_bearer, 401),
        (
            "look-alike",
            house.call().header("x-api-key", look_alike),
            400,
        ),
        ("1 MiB", key(&long), 401),
    ] {
        let seen = house.refused(row, request, status).await;
        if status == 401 && row != "1 MiB" && !row.starts_with("with") {
            said.push((
                seen.header("www-authenticate").map(str::to_owned),
                seen.text(),
            ));
        }
        assert_eq!(house.with_key(good).await.status, 200, "{row}");
    }
    // H12: nobody learns which of them it was.
    assert!(said.windows(2).all(|pair| pair[0] == pair[1]), "{said:?}");
    for text in [good, ending.text.reveal(), disabled.text.reveal(), &changed] {
        house.log.assert_absent(&text[17..]);
    }
}

#[tokio::test]
async fn a82_a_key_in_the_address_is_never_used() {
    let house = house(ApiKeyAuth::header("X-API-Key"));
    let good = house.made(&nightly()).await;
    let good = good.text.reveal();
    for name in ["api_key", "apikey", "X-API-Key", "access_token", "key"] {
        let target = format!("/mcp?{name}={good}");
        let client = ModernClient::new(testkit::Http::service(house.app.clone()), &target);
        let call = || client.mcp("tools/call", json!({ "name": "whoami", "arguments": {} }));
        house.refused(name, call(), 401).await;
        if name != "key" {
            house
                .refused(name, call().header("x-api-key", good), 400)
                .await;
        }
    }
    house.log.assert_absent(&good[17..]);
}

#[tokio::test]
async fn h12_an_unknown_key_is_answered_as_one_with_a_wrong_secret() {
    let house = house(ApiKeyAuth::header("X-API-Key"));
    let good = house.made(&nightly()).await;
    let unknown = ApiKeyFormat::default().compose(&[5; ApiKeyFormat::RANDOM_BYTES]);
    let wrong = of_the_same_id(good.text.reveal());
    let unknown = house.with_key(unknown.text.reveal()).await;
    let wrong = house.with_key(&wrong).await;
    let challenge = |seen: &Seen| seen.header("www-authenticate").map(str::to_owned);
    assert_eq!(unknown.status, 401);
    assert_eq!(
        (unknown.status, challenge(&unknown), unknown.text()),
        (wrong.status, challenge(&wrong), wrong.text())
    );
    let challenge = challenge(&wrong).unwrap();
    assert!(challenge.starts_with("ApiKey realm="), "{challenge}");
}

#[tokio::test]
async fn a_good_key_is_its_owner_until_it_is_revoked() {
    let house = house(ApiKeyAuth::header("X-API-Key"));
    let issued = house.made(&nightly()).await;
    let seen = house.with_key(issued.text.reveal()).await;
    assert_eq!(
        seen.json()["result"]["content"][0]["text"],
        "service:nightly"
    );
    let read = || {
        let params = json!({ "uri": "admin://system/stats" });
        let call = house.client().mcp("resources/read", params);
        call.header("x-api-key", issued.text.reveal())
    };
    let seen = Seen::of(read().send().await).await;
    assert_eq!(seen.json()["result"]["contents"][0]["text"], "all is well");
    let poor = ApiKeyRequest::new(ApiKeyOwner::service("poor").unwrap(), "Poor");
    let poor = house.made(&poor).await;
    let params = json!({ "uri": "admin://system/stats" });
    let call = house.client().mcp("resources/read", params);
    let seen = Seen::of(call.header("x-api-key", poor.text.reveal()).send().await).await;
    assert_eq!(seen.status, 403, "{seen:?}");
    house.keys.revoke(&issued.overview.id).await.unwrap();
    assert_eq!(Seen::of(read().send().await).await.status, 401);
}

#[tokio::test]
async fn the_token_of_a_person_is_not_good_where_an_api_key_is_needed() {
    let house = house(ApiKeyAuth::header("X-API-Key"));
    let http = testkit::Http::service(house.app.clone());
    let client = Client::discover(&http).await;
    let person = Visitor::first_of(&house.app).await;
    let token = person.allow(&client, &[]).await;
    let params = json!({ "uri": "admin://system/stats" });
    let call = house.client().bearer(&token).mcp("resources/read", params);
    let seen = house.refused("wrong source", call, 401).await;
    let challenge = seen.header("www-authenticate").unwrap();
    assert!(challenge.starts_with("ApiKey realm="), "{challenge}");
    let whoami = Seen::of(
        house
            .call()
            .header("authorization", format!("Bearer {token}"))
            .send()
            .await,
    );
    assert_eq!(whoami.await.status, 200);
}

#[tokio::test]
async fn keys_and_tokens_share_the_bearer_scheme_if_they_are_told_to() {
    let house = house(ApiKeyAuth::bearer());
    let issued = house.made(&nightly()).await;
    let bearer = |text: &str| {
        house
            .call()
            .header("authorization", format!("Bearer {text}"))
    };
    let seen = Seen::of(bearer(issued.text.reveal()).send().await).await;
    assert_eq!(
        seen.json()["result"]["content"][0]["text"],
        "service:nightly"
    );
    // In the other header it is nothing.
    let seen = house.with_key(issued.text.reveal()).await;
    assert_eq!(seen.status, 401);
    let wrong = of_the_same_id(issued.text.reveal());
    house.refused("wrong secret", bearer(&wrong), 401).await;
}

#[test]
fn keys_that_nobody_knows_stop_the_start() {
    let server = Server::new("nobody").auth(ApiKeyAuth::header("X-API-Key"));
    let error = server.into_app(&Http::bind("127.0.0.1:8000")).unwrap_err();
    assert!(
        error.to_string().contains("EmbeddedAuth::api_keys"),
        "{error}"
    );
    for name in ["", "API key"] {
        let auth = cheap_accounts().api_keys(ApiKeyAuth::bearer().named(name));
        let server = Server::new("misnamed")
            .auth(auth)
            .tool(whoami)
            .state(Calls::default());
        let error = server.into_app(&Http::bind("127.0.0.1:8000")).unwrap_err();
        assert!(error.to_string().contains("name of a source"), "{error}");
    }
}
