//! Tokens for tests: JWT access tokens as RFC 9068 §2 describes them.

use countersign_resource_server::oauth::jose::sign_compact;
use countersign_resource_server::oauth::{Lifetime, ScopeSet, Secret, UnixTime};
use serde_json::{Map, Value};

use super::key_pair::{KeyPair, KeyPairError};
use super::random::SecureRandom;

/// The claims the token writes itself (RFC 9068 §2.2, RFC 7519 §4.1).
const WRITTEN_HERE: [&str; 9] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "scope",
    "client_id",
];

/// The claims of a token, under construction.
#[derive(Clone, Debug)]
#[must_use = "nothing is signed before sign()"]
pub struct TestToken {
    subject: String,
    issuer: Option<String>,
    audiences: Vec<String>,
    scopes: Vec<String>,
    client_id: String,
    lifetime: Lifetime,
    claims: Map<String, Value>,
}

impl TestToken {
    /// A token about `subject`, the id of a person or a machine (`sub`), that lives
    /// for one hour.
    pub fn new(subject: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            issuer: None,
            audiences: Vec::new(),
            scopes: Vec::new(),
            client_id: "countersign-test".into(),
            lifetime: Lifetime::from_hours(1),
            claims: Map::new(),
        }
    }

    /// Who issues the token (`iss`), a URL; servers compare it byte for byte.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// Adds a server the token is for (`aud`).
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// Adds scopes (`scope`, RFC 6749 §3.3).
    pub fn scopes<I>(mut self, names: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.scopes.extend(names.into_iter().map(Into::into));
        self
    }

    /// The client the token was issued to (`client_id`); `countersign-test` otherwise.
    pub fn client_id(mut self, client_id: impl Into<String>) -> Self {
        self.client_id = client_id.into();
        self
    }

    /// How long the token is valid from the moment it is signed.
    pub const fn expires_in(mut self, lifetime: Lifetime) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Adds a claim of your own.
    ///
    /// # Errors
    ///
    /// [`KeyPairError::RegisteredClaim`] for a claim that has its own method here.
    pub fn claim(
        mut self,
        name: impl Into<String>,
        value: impl Into<Value>,
    ) -> Result<Self, KeyPairError> {
        let name = name.into();
        if WRITTEN_HERE.contains(&name.as_str()) {
            return Err(KeyPairError::RegisteredClaim(name));
        }
        self.claims.insert(name, value.into());
        Ok(self)
    }

    /// Signs the token with `keys`. `now` is its moment of issue (`iat`), and
    /// `random` gives its identifier (`jti`).
    ///
    /// # Errors
    ///
    /// [`KeyPairError`] if a scope cannot be written, or the key or the generator
    /// failed.
    pub fn sign(
        &self,
        keys: &KeyPair,
        now: UnixTime,
        random: &dyn SecureRandom,
    ) -> Result<Secret, KeyPairError> {
        let mut claims = Map::new();
        if let Some(issuer) = &self.issuer {
            claims.insert("iss".into(), issuer.as_str().into());
        }
        claims.insert("sub".into(), self.subject.as_str().into());
        match self.audiences.as_slice() {
            [] => {}
            [only] => drop(claims.insert("aud".into(), only.as_str().into())),
            several => drop(claims.insert("aud".into(), several.to_vec().into())),
        }
        let expires_at = now.saturating_add(self.lifetime);
        claims.insert("exp".into(), expires_at.as_secs().into());
        claims.insert("iat".into(), now.as_secs().into());
        claims.insert("jti".into(), identifier(random)?.into());
        claims.insert("client_id".into(), self.client_id.as_str().into());
        let scopes = ScopeSet::from_names(&self.scopes).map_err(|_| KeyPairError::Scope)?;
        if !scopes.is_empty() {
            claims.insert("scope".into(), scopes.to_string().into());
        }
        claims.extend(self.claims.clone());
        let payload = Value::Object(claims).to_string();
        // RFC 9068 §2.1: "JWT access tokens MUST include this media type in the \"typ\" header"
        let token = sign_compact(
            Some("at+jwt"),
            payload.as_bytes(),
            keys.signing_key(),
            random,
        )?;
        Ok(Secret::new(token))
    }
}

/// 128 random bits in hexadecimal.
fn identifier(random: &dyn SecureRandom) -> Result<String, KeyPairError> {
    let mut bytes = [0; 16];
    random.fill(&mut bytes).map_err(|_| KeyPairError::Random)?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}

#[cfg(test)]
mod tests {
    use super::super::random::SystemRandom;
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use countersign_resource_server::oauth::jose::Algorithm;

    fn parts(token: &Secret) -> (Value, Value) {
        let mut parts = token
            .reveal()
            .split('.')
            .map(|part| URL_SAFE_NO_PAD.decode(part).unwrap());
        let mut next = || serde_json::from_slice(&parts.next().unwrap()).unwrap();
        (next(), next())
    }

    #[test]
    fn claims_with_their_own_method_are_refused() {
        for name in WRITTEN_HERE {
            let refused = TestToken::new("s").claim(name, "x").unwrap_err();
            assert!(matches!(refused, KeyPairError::RegisteredClaim(told) if told == name));
        }
    }

    #[test]
    fn a_scope_with_a_space_is_refused() {
        let keys = KeyPair::generate(Algorithm::EdDSA).unwrap();
        let refused = TestToken::new("s").scopes(["a b"]).sign(
            &keys,
            UnixTime::from_secs(0),
            &SystemRandom::new(),
        );
        assert!(matches!(refused, Err(KeyPairError::Scope)));
    }

    #[test]
    fn the_token_says_what_it_was_told() {
        let keys = KeyPair::generate(Algorithm::ES256).unwrap();
        let token = TestToken::new("ada")
            .issuer("https://as.test")
            .audience("one")
            .audience("two")
            .scopes(["read", "write"])
            .expires_in(Lifetime::from_secs(5))
            .claim("tenant", 7)
            .unwrap()
            .sign(&keys, UnixTime::from_secs(1_000), &SystemRandom::new())
            .unwrap();
        let (header, claims) = parts(&token);
        assert_eq!(
            header,
            serde_json::json!({"typ": "at+jwt", "alg": "ES256", "kid": keys.kid()})
        );
        let mut claims = claims.as_object().unwrap().clone();
        let identifier = claims.remove("jti").unwrap();
        assert_eq!(identifier.as_str().unwrap().len(), 32);
        assert_eq!(
            Value::Object(claims),
            serde_json::json!({
                "iss": "https://as.test", "sub": "ada", "aud": ["one", "two"], "exp": 1_005,
                "iat": 1_000, "client_id": "countersign-test", "scope": "read write", "tenant": 7,
            })
        );
    }

    #[test]
    fn two_tokens_never_share_their_identifier() {
        let keys = KeyPair::generate(Algorithm::EdDSA).unwrap();
        let now = UnixTime::from_secs(0);
        let sign = || {
            parts(
                &TestToken::new("s")
                    .sign(&keys, now, &SystemRandom::new())
                    .unwrap(),
            )
            .1["jti"]
                .clone()
        };
        assert_ne!(sign(), sign());
    }
}
