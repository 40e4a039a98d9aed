//! An authorization server as far as a resource server sees it: an issuer
//! string, keys, and tokens.

pub mod key;
pub mod spelling;
pub mod token;

use std::sync::Arc;

use countersign_oauth::UnixTime;
use serde_json::{Value, json};

use key::TestKey;
use token::TokenBuilder;

/// The time at which tokens made with the defaults are valid.
pub const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

/// The issuer of the attack corpus.
pub const ISSUER: &str = "https://as.test";

/// The resource of the attack corpus, the audience of good tokens.
pub const AUDIENCE: &str = "https://rs.test/mcp";

/// An issuer and its signing keys. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct TestIssuer {
    issuer: Arc<str>,
    keys: Arc<[TestKey]>,
}

impl TestIssuer {
    /// An issuer named `issuer` with the keys `r1` (RS256), `e1` (ES256) and
    /// `d1` (Ed25519).
    pub fn new(issuer: &str) -> Self {
        Self::with_keys(issuer, [TestKey::r1(), TestKey::e1(), TestKey::d1()])
    }

    /// The issuer of the attack corpus, [`ISSUER`].
    pub fn as_test() -> Self {
        Self::new(ISSUER)
    }

    /// An attacker: the same issuer string and `kid`s as [`TestIssuer::as_test`],
    /// other keys.
    pub fn stranger() -> Self {
        Self::with_keys(
            ISSUER,
            [
                TestKey::stranger_r1(),
                TestKey::stranger_e1(),
                TestKey::stranger_d1(),
            ],
        )
    }

    /// An issuer named `issuer` with exactly `keys`.
    pub fn with_keys(issuer: &str, keys: impl IntoIterator<Item = TestKey>) -> Self {
        Self {
            issuer: issuer.into(),
            keys: keys.into_iter().collect(),
        }
    }

    /// The issuer string.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// All keys.
    pub fn keys(&self) -> &[TestKey] {
        &self.keys
    }

    /// The key called `kid`.
    pub fn key(&self, kid: &str) -> &TestKey {
        self.keys
            .iter()
            .find(|key| key.kid() == kid)
            .unwrap_or_else(|| panic!("this issuer has no key {kid}"))
    }

    /// The public keys as a JWK Set document (RFC 7517 §5).
    pub fn jwks(&self) -> String {
        self.jwks_value().to_string()
    }

    /// The public keys as a JWK Set, to be changed before it is served.
    pub fn jwks_value(&self) -> Value {
        json!({ "keys": self.keys.iter().map(TestKey::jwk).collect::<Vec<_>>() })
    }

    /// A good access token of this issuer, to be changed and signed: `e1`,
    /// ES256, `typ` `at+jwt`, `sub` alice, `aud` [`AUDIENCE`], `client_id` c1,
    /// issued at [`NOW`], valid for 300 s, without scopes.
    ///
    /// Uses the first key if there is no `e1`.
    pub fn token(&self) -> TokenBuilder {
        let key = self
            .keys
            .iter()
            .find(|key| key.kid() == "e1")
            .or(self.keys.first())
            .expect("the issuer has a key");
        TokenBuilder::new(self.clone(), key.clone())
    }
}
