//! ID tokens that were posted: OpenID Connect Core 1.0 §3.1.3.7.

use std::fmt;
use std::sync::Arc;

use countersign_authorization_server::upstream::{Email, UpstreamIdentity};
use countersign_resource_server::fetch::Fetch;
use countersign_resource_server::oauth::id_token::IdTokenRules;
use countersign_resource_server::oauth::jose::{Algorithm, AlgorithmFamily};
use countersign_resource_server::oauth::{Lifetime, Secret, UnixTime, json};
use countersign_resource_server::{ConfigurationError, IssuerKeys, Unavailable};
use serde_json::{Map, Value};

const LEEWAY: Lifetime = Lifetime::from_secs(60);

/// Somebody whose ID token was verified.
#[derive(Clone, PartialEq)]
pub struct PostedIdentity {
    issuer: Arc<str>,
    subject: String,
    claims: Map<String, Value>,
}

impl PostedIdentity {
    /// Who vouches for the subject.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The subject, unique within the issuer.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Any claim of the token by name, for example `"email_verified"`.
    pub fn claim(&self, name: &str) -> Option<&Value> {
        self.claims.get(name)
    }

    /// The identity, and what the person is called.
    pub(super) fn upstream(&self) -> UpstreamIdentity {
        let mut identity = UpstreamIdentity::new(&*self.issuer, self.subject.as_str());
        let text = |claim: &str| Some(self.claims.get(claim)?.as_str()?.trim());
        let named = ["name", "nickname"].into_iter().filter_map(text);
        let mut named = named.filter(|name| !name.is_empty() && name.len() <= 200);
        identity.name = named.next().map(str::to_owned);
        let is_verified = self.claims.get("email_verified") == Some(&Value::Bool(true));
        let address = text("email").filter(|address| address.len() <= 320);
        identity.email = address.map(|address| Email::new(address, is_verified));
        identity
    }
}

impl fmt::Debug for PostedIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostedIdentity")
            .field("issuer", &self.issuer)
            .field("subject", &self.subject)
            .finish_non_exhaustive()
    }
}

/// What is expected of ID tokens.
#[derive(Clone, Debug)]
pub(super) struct Judge {
    issuer: String,
    client_id: String,
    jwks_url: String,
    algorithms: Vec<Algorithm>,
    has_nonce: bool,
    past: Option<&'static str>,
}

impl Judge {
    pub(super) fn new(issuer: String, client_id: String, jwks_url: String) -> Self {
        Self {
            issuer,
            client_id,
            jwks_url,
            algorithms: vec![Algorithm::RS256],
            has_nonce: false,
            past: None,
        }
    }

    /// Tokens have the nonce of the page.
    pub(super) const fn with_nonce(mut self) -> Self {
        self.has_nonce = true;
        self
    }

    /// The claim `name` has to be a time that has passed.
    pub(super) const fn past(mut self, name: &'static str) -> Self {
        self.past = Some(name);
        self
    }

    pub(super) fn algorithms(
        mut self,
        algorithms: Vec<Algorithm>,
    ) -> Result<Self, ConfigurationError> {
        let hmac = |algorithm: &Algorithm| algorithm.family() == AlgorithmFamily::Hmac;
        if algorithms.is_empty() || algorithms.iter().any(hmac) {
            return Err(ConfigurationError::new(
                "ID tokens are verified with public keys: name algorithms such as RS256 or ES256",
            ));
        }
        self.algorithms = algorithms;
        Ok(self)
    }

    pub(super) fn open(self, fetch: Arc<dyn Fetch>) -> Result<Open, ConfigurationError> {
        if self.issuer.is_empty() || self.client_id.is_empty() {
            return Err(ConfigurationError::new(
                "the issuer of ID tokens or the application that they are for is empty: set both",
            ));
        }
        Ok(Open {
            keys: IssuerKeys::jwks(self.jwks_url.clone(), fetch)?,
            issuer: self.issuer.as_str().into(),
            rules: self,
        })
    }
}

/// Ready to judge.
pub(super) struct Open {
    keys: IssuerKeys,
    issuer: Arc<str>,
    rules: Judge,
}

/// Why nobody is logged in. For the log; people are told that it did not work.
pub(super) type Refused = String;

impl Open {
    /// Who `token` is about and when it ends. `nonce` is that of the page.
    pub(super) async fn judge(
        &self,
        token: &Secret,
        nonce: &Secret,
        now: UnixTime,
    ) -> Result<Result<(PostedIdentity, UnixTime), Refused>, Unavailable> {
        let verified = self
            .keys
            .verify(token.reveal(), &self.rules.algorithms, now);
        let (header, payload) = match verified.await? {
            Ok(verified) => verified.into_parts(),
            Err(error) => return Ok(Err(error.to_string())),
        };
        let claims = match json::parse_object(&payload) {
            Ok(claims) => claims,
            Err(error) => return Ok(Err(error.to_string())),
        };
        let rules = IdTokenRules {
            issuer: &self.rules.issuer,
            client_id: &self.rules.client_id,
            nonce: self.rules.has_nonce.then_some(nonce),
            access_token: None,
            leeway: LEEWAY,
        };
        let subject = match rules.check(&header, &claims, now) {
            Ok(subject) => subject.to_owned(),
            Err(error) => return Ok(Err(error.to_string())),
        };
        let seconds = |name: &str| claims.get(name).and_then(Value::as_u64);
        let latest = now.saturating_add(LEEWAY).as_secs();
        if let Some(name) = self.rules.past
            && seconds(name).is_none_or(|time| time > latest)
        {
            return Ok(Err(format!("{name} is not a time that has passed")));
        }
        let Some(end) = seconds("exp") else {
            return Ok(Err("the ID token has no usable expiry time".to_owned()));
        };
        let identity = PostedIdentity {
            issuer: Arc::clone(&self.issuer),
            subject,
            claims,
        };
        Ok(Ok((identity, UnixTime::from_secs(end))))
    }
}
