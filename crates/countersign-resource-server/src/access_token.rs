//! The proof that a credential was verified.

use std::any::Any;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use countersign_oauth::dpop::Thumbprint;
use countersign_oauth::{ScopeSet, UnixTime, json};
use serde_json::{Map, Value};

use crate::SourceName;

/// Who a token speaks for: never the subject alone, because two issuers may
/// use the same name for different people; and never without the source, because what
/// was verified in one way counts for nothing where another is asked for.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub struct Principal {
    /// Who vouches for the subject (`iss`).
    pub issuer: Arc<str>,
    /// The subject (`sub`), unique within the issuer.
    pub subject: Arc<str>,
    /// The OAuth client that acts for the subject (`client_id`).
    pub client: Option<Arc<str>>,
    /// The source that the credential was presented to.
    pub source: SourceName,
}

/// Ends the use of cached tokens when what vouched for them is withdrawn,
/// for example when a key leaves its set.
#[derive(Clone, Debug)]
pub struct Liveness(Arc<AtomicBool>);

impl Default for Liveness {
    fn default() -> Self {
        Self(Arc::new(AtomicBool::new(true)))
    }
}

impl Liveness {
    /// From now on no token that depends on this is served from a cache.
    pub fn end(&self) {
        self.0.store(false, Ordering::Release);
    }

    /// Whether [`Liveness::end`] was not called yet.
    pub fn is_live(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// All claims of a token. Most servers look at few of them and remember many
/// tokens, so the text is kept and parsed when somebody looks.
#[derive(Clone, Default)]
struct Claims {
    text: Vec<u8>,
    parsed: OnceLock<Map<String, Value>>,
}

impl Claims {
    fn parsed(&self) -> &Map<String, Value> {
        self.parsed
            .get_or_init(|| json::parse_object(&self.text).unwrap_or_default())
    }
}

impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.parsed(), f)
    }
}

/// What a verifier claims to have verified; becomes an [`AccessToken`] by
/// [`AccessToken::assertion`].
#[derive(Clone, Debug)]
pub struct Assertion {
    principal: Principal,
    audience: Vec<String>,
    expires_at: Option<UnixTime>,
    issued_at: Option<UnixTime>,
    scopes: ScopeSet,
    claims: Claims,
    cacheable_until: Option<UnixTime>,
    liveness: Option<Liveness>,
    attachment: Option<Attachment>,
    key: Option<Arc<str>>,
    jkt: Option<Thumbprint>,
}

/// What a verifier keeps with a token for code of its own.
#[derive(Clone)]
struct Attachment(Arc<dyn Any + Send + Sync>);

impl fmt::Debug for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Attachment")
    }
}

impl Assertion {
    /// A token of `issuer` for `subject`, with no scope and no expiry.
    ///
    /// `issuer` is the issuer identifier, or for tokens without one a name that
    /// is unique to the verifier.
    pub fn new(issuer: impl Into<Arc<str>>, subject: impl Into<Arc<str>>) -> Self {
        Self {
            principal: Principal {
                issuer: issuer.into(),
                subject: subject.into(),
                client: None,
                source: SourceName::OAUTH,
            },
            audience: Vec::new(),
            expires_at: None,
            issued_at: None,
            scopes: ScopeSet::new(),
            claims: Claims::default(),
            cacheable_until: None,
            liveness: None,
            attachment: None,
            key: None,
            jkt: None,
        }
    }

    /// The OAuth client that acts (`client_id`).
    #[must_use]
    pub fn client_id(mut self, client: impl Into<Arc<str>>) -> Self {
        self.principal.client = Some(client.into());
        self
    }

    /// The source that the credential was presented to, for tests: a
    /// [`Gate`](crate::Gate) writes its own name in its place.
    #[must_use]
    pub fn source(mut self, name: SourceName) -> Self {
        self.principal.source = name;
        self
    }

    /// Names the subject and the client otherwise than before.
    pub(crate) fn about(mut self, subject: String, client: Option<String>) -> Self {
        self.principal.subject = subject.into();
        self.principal.client = client.map(Into::into);
        self
    }

    /// The id of the API key that was presented, if it was one: what limits and the audit
    /// tell the keys of one owner apart by. It is no secret.
    #[must_use]
    pub fn key(mut self, id: impl Into<Arc<str>>) -> Self {
        self.key = Some(id.into());
        self
    }

    /// The key that the token is bound to (`cnf`, RFC 9449 §6): it is good with a proof of
    /// that key alone.
    #[must_use]
    pub fn bound_to(mut self, key: Thumbprint) -> Self {
        self.jkt = Some(key);
        self
    }

    /// The resources the token is for (`aud`).
    #[must_use]
    pub fn audience(mut self, audience: Vec<String>) -> Self {
        self.audience = audience;
        self
    }

    /// When the token ends (`exp`).
    #[must_use]
    pub const fn expires_at(mut self, time: UnixTime) -> Self {
        self.expires_at = Some(time);
        self
    }

    /// When the token was issued (`iat`).
    #[must_use]
    pub const fn issued_at(mut self, time: UnixTime) -> Self {
        self.issued_at = Some(time);
        self
    }

    /// What the token was issued for (`scope`).
    #[must_use]
    pub fn scopes(mut self, scopes: ScopeSet) -> Self {
        self.scopes = scopes;
        self
    }

    /// Every claim of the token, readable by [`AccessToken::get`].
    #[must_use]
    pub fn claims(mut self, claims: Map<String, Value>) -> Self {
        self.claims = Claims {
            text: Vec::new(),
            parsed: OnceLock::from(claims),
        };
        self
    }

    /// Every claim of the token: the text of a JSON object that was parsed before.
    pub(crate) fn claims_text(mut self, text: Vec<u8>) -> Self {
        self.claims = Claims {
            text,
            parsed: OnceLock::new(),
        };
        self
    }

    /// Lets the outcome be reused until `time`, but never past the expiry.
    /// Without this call a token is verified again on every request.
    #[must_use]
    pub const fn cacheable_until(mut self, time: UnixTime) -> Self {
        self.cacheable_until = Some(time);
        self
    }

    /// Keeps `value` with the token, for whoever knows its type: what is known about the
    /// token besides its claims, and is none of them. It is found by
    /// [`AccessToken::attachment`]; a second one takes the place of the first.
    #[must_use]
    pub fn attachment<T: Any + Send + Sync>(mut self, value: Arc<T>) -> Self {
        self.attachment = Some(Attachment(value));
        self
    }

    /// Ends the reuse as soon as `liveness` ends.
    #[must_use]
    pub fn valid_while(mut self, liveness: Liveness) -> Self {
        self.liveness = Some(liveness);
        self
    }
}

/// A verified access token. Cloning is cheap.
///
/// The text of the token is not in it; claims are, and its `Debug` shows only
/// who it speaks for.
#[derive(Clone)]
pub struct AccessToken(Arc<Assertion>);

impl AccessToken {
    /// Claims that everything in `verified` was verified: signature or activity,
    /// issuer, audience, time and binding.
    ///
    /// # Security
    ///
    /// This is the only way to make an access token. Call it in a [`crate::Verifier`],
    /// after the last check.
    pub fn assertion(verified: Assertion) -> Self {
        Self(Arc::new(verified))
    }

    /// The same token, of which more was found out.
    pub(crate) fn restated(&self, change: impl FnOnce(Assertion) -> Assertion) -> Self {
        Self(Arc::new(change(Assertion::clone(&self.0))))
    }

    /// The same token, presented to the source `name`.
    pub(crate) fn presented_to(mut self, name: &SourceName) -> Self {
        if self.source() == name {
            return self;
        }
        match Arc::get_mut(&mut self.0) {
            Some(own) => own.principal.source = name.clone(),
            // Its verifier keeps it for later.
            None => return self.restated(|verified| verified.source(name.clone())),
        }
        self
    }

    /// The source that the credential was presented to.
    pub fn source(&self) -> &SourceName {
        &self.0.principal.source
    }

    /// The subject: who the token speaks for, unique within [`Self::iss`].
    pub fn sub(&self) -> &str {
        &self.0.principal.subject
    }

    /// Who issued the token.
    pub fn iss(&self) -> &str {
        &self.0.principal.issuer
    }

    /// The resources the token is for; one or many.
    pub fn aud(&self) -> &[String] {
        &self.0.audience
    }

    /// When the token ends, if it does.
    pub fn exp(&self) -> Option<UnixTime> {
        self.0.expires_at
    }

    /// When the token was issued, if it says so.
    pub fn iat(&self) -> Option<UnixTime> {
        self.0.issued_at
    }

    /// What the token was issued for.
    pub fn scopes(&self) -> &ScopeSet {
        &self.0.scopes
    }

    /// The OAuth client that acts, if the token names one.
    pub fn client_id(&self) -> Option<&str> {
        self.0.principal.client.as_deref()
    }

    /// The id of the API key that was presented, if it was one.
    pub fn key(&self) -> Option<&str> {
        self.0.key.as_deref()
    }

    /// The key that the token is bound to, if it is to one (`cnf.jkt`, RFC 9449 §6.1).
    pub fn jkt(&self) -> Option<&Thumbprint> {
        self.0.jkt.as_ref()
    }

    /// Issuer, subject, client and source together: the key under which anything of
    /// this caller is kept.
    pub fn principal(&self) -> &Principal {
        &self.0.principal
    }

    /// Any claim by name, for example `"email"`.
    pub fn get(&self, claim: &str) -> Option<&Value> {
        self.0.claims.parsed().get(claim)
    }

    /// All claims.
    pub fn claims(&self) -> &Map<String, Value> {
        self.0.claims.parsed()
    }

    /// What the verifier kept with the token, if it is a `T`.
    pub fn attachment<T: Any + Send + Sync>(&self) -> Option<&T> {
        self.0.attachment.as_ref()?.0.downcast_ref()
    }

    /// Until when the outcome may be served from a cache, if at all.
    pub(crate) fn cacheable_until(&self) -> Option<UnixTime> {
        let until = self.0.cacheable_until?;
        Some(self.0.expires_at.map_or(until, |expiry| expiry.min(until)))
    }

    /// Whether what vouched for the token still does.
    pub(crate) fn is_live(&self) -> bool {
        self.0.liveness.as_ref().is_none_or(Liveness::is_live)
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessToken")
            .field("principal", &self.0.principal)
            .field("scopes", &self.0.scopes)
            .field("expires_at", &self.0.expires_at)
            .finish_non_exhaustive()
    }
}
