//! Authentication of one HTTP request: credential → verifier chain → caller.
//!
//! What was done before: nothing. The gate reads headers and the query only; the
//! body of a refused request is never touched.

use std::sync::Arc;

use bytes::Bytes;
use countersign_oauth::bearer;
use countersign_oauth::protected_resource::ProtectedResourceMetadata;
use countersign_oauth::{Credential, ResourceUri, ScopeSet, UnixTime};
use http::header::AUTHORIZATION;
use http::{HeaderMap, Response};

use crate::refusal::Realm;
use crate::verifier::{CacheLimits, ChainOutcome, VerifiedToken, VerifierChain};
use crate::{
    Caller, Clock, ConfigurationError, IntoVerifier, PresentedToken, Refusal, ScopeHierarchy,
    SystemClock,
};

/// Whether callers without a credential are let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    Required,
    Optional,
}

/// Settings of a [`Gate`].
#[derive(Debug)]
pub struct GateBuilder {
    chain: VerifierChain,
    presence: Presence,
    required_scopes: ScopeSet,
    challenge_scopes: ScopeSet,
    hierarchy: ScopeHierarchy,
    clock: Arc<dyn Clock>,
    resource_name: Option<String>,
    resource_documentation: Option<String>,
}

impl Default for GateBuilder {
    fn default() -> Self {
        Self {
            chain: VerifierChain::new(CacheLimits::default()),
            presence: Presence::Required,
            required_scopes: ScopeSet::new(),
            challenge_scopes: ScopeSet::new(),
            hierarchy: ScopeHierarchy::new(),
            clock: Arc::new(SystemClock),
            resource_name: None,
            resource_documentation: None,
        }
    }
}

impl GateBuilder {
    /// Asks `verifier` after those added before.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] says what to set.
    pub fn verifier(mut self, verifier: impl IntoVerifier) -> Result<Self, ConfigurationError> {
        self.chain.push(verifier.into_verifier()?);
        Ok(self)
    }

    /// Uses `chain` instead of what was added before.
    #[must_use]
    pub fn chain(mut self, chain: VerifierChain) -> Self {
        self.chain = chain;
        self
    }

    /// Lets callers without a credential in as anonymous. A credential that is
    /// presented must still be good.
    #[must_use]
    pub const fn optional(mut self) -> Self {
        self.presence = Presence::Optional;
        self
    }

    /// Every token needs these scopes.
    #[must_use]
    pub fn required_scopes(mut self, scopes: ScopeSet) -> Self {
        self.required_scopes = scopes;
        self
    }

    /// Scopes that clients are told to ask for first, beside those that every token
    /// needs. A token without them is as good.
    ///
    /// A client that is told no scope asks for none, and an authorization server
    /// without a default then refuses to issue anything (RFC 6749 §3.3).
    #[must_use]
    pub fn challenge_scopes(mut self, scopes: ScopeSet) -> Self {
        self.challenge_scopes = scopes;
        self
    }

    /// Scopes that contain others: a token with `admin` is then as good as one with
    /// `read`, if the hierarchy says so.
    #[must_use]
    pub fn scope_hierarchy(mut self, hierarchy: ScopeHierarchy) -> Self {
        self.hierarchy = hierarchy;
        self
    }

    /// Judges lifetimes by `clock`.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// A name for people, published in the metadata.
    #[must_use]
    pub fn resource_name(mut self, name: impl Into<String>) -> Self {
        self.resource_name = Some(name.into());
        self
    }

    /// Address of the documentation, published in the metadata.
    #[must_use]
    pub fn resource_documentation(mut self, address: impl Into<String>) -> Self {
        self.resource_documentation = Some(address.into());
        self
    }

    /// A gate for the resource `resource`.
    pub fn build(self, resource: ResourceUri) -> Gate {
        let required_scopes = self.required_scopes.union(&self.chain.required_scopes());
        let mut metadata = ProtectedResourceMetadata::new(resource);
        metadata.authorization_servers = self.chain.authorization_servers();
        if metadata.authorization_servers.is_empty() {
            // RS-02: a client finds out from the metadata where to log in.
            tracing::warn!(
                "no verifier names its issuer: clients are not told where to log in, and need a \
                 token from elsewhere; call issuer(…)"
            );
        }
        let asked_scopes = required_scopes.union(&self.challenge_scopes);
        metadata.scopes_supported = asked_scopes.clone();
        metadata.resource_name = self.resource_name;
        metadata.resource_documentation = self.resource_documentation;
        Gate {
            metadata_address: metadata.address(),
            metadata_document: Bytes::from(metadata.to_json()),
            metadata,
            chain: self.chain,
            presence: self.presence,
            own_scopes: self.required_scopes,
            required_scopes,
            asked_scopes,
            hierarchy: self.hierarchy,
            clock: self.clock,
        }
    }
}

/// Lets verified callers in and answers all others.
#[derive(Debug)]
pub struct Gate {
    chain: VerifierChain,
    presence: Presence,
    /// What every token needs, whoever verified it.
    own_scopes: ScopeSet,
    /// The above, and what the verifiers need of their tokens.
    required_scopes: ScopeSet,
    /// The above, and what clients are told to ask for besides.
    asked_scopes: ScopeSet,
    hierarchy: ScopeHierarchy,
    clock: Arc<dyn Clock>,
    metadata: ProtectedResourceMetadata,
    metadata_address: String,
    metadata_document: Bytes,
}

/// A request that passed the quick look, or needs the verifiers.
#[derive(Debug)]
pub(crate) enum Look<'a> {
    Done(Result<Caller, Refusal>),
    Verify(PresentedToken<'a>),
}

impl Gate {
    /// Settings of a gate.
    pub fn builder() -> GateBuilder {
        GateBuilder::default()
    }

    /// The time by the gate's clock.
    pub fn now(&self) -> UnixTime {
        self.clock.now()
    }

    /// The scopes that every token needs, and those that the verifiers need of their
    /// tokens.
    pub const fn required_scopes(&self) -> &ScopeSet {
        &self.required_scopes
    }

    /// Which scopes contain others here.
    pub const fn scope_hierarchy(&self) -> &ScopeHierarchy {
        &self.hierarchy
    }

    /// What the protected resource publishes about itself (RFC 9728 §2).
    pub const fn metadata(&self) -> &ProtectedResourceMetadata {
        &self.metadata
    }

    /// The metadata as JSON (RFC 9728 §3.2).
    pub fn metadata_document(&self) -> Bytes {
        self.metadata_document.clone()
    }

    /// Whether anonymous callers are let in.
    pub fn admits_anonymous(&self) -> bool {
        self.presence == Presence::Optional
    }

    /// What can be said without waiting: `None` means that [`Self::admit`] has to
    /// ask a verifier.
    pub fn admit_at_once(
        &self,
        headers: &HeaderMap,
        query: Option<&str>,
        now: UnixTime,
    ) -> Option<Result<Caller, Refusal>> {
        match self.look(headers, query) {
            Look::Done(outcome) => Some(outcome),
            Look::Verify(token) => {
                let verified = self.chain.cached(token, now)?;
                Some(self.check_scopes(verified, headers))
            }
        }
    }

    /// Authenticates the request with these headers and this query.
    ///
    /// # Errors
    ///
    /// A [`Refusal`]; [`Self::refuse`] turns it into an answer.
    pub async fn admit(
        &self,
        headers: &HeaderMap,
        query: Option<&str>,
        now: UnixTime,
    ) -> Result<Caller, Refusal> {
        match self.look(headers, query) {
            Look::Done(outcome) => outcome,
            Look::Verify(token) => match self.chain.verify(token, now).await {
                Ok(ChainOutcome::Accepted(verified)) => self.check_scopes(verified, headers),
                Ok(ChainOutcome::Rejected(reason)) => {
                    tracing::debug!(%reason, "an access token is rejected");
                    Err(Refusal::Rejected(reason))
                }
                Err(unavailable) => {
                    tracing::warn!(%unavailable, "an access token cannot be judged");
                    Err(Refusal::Unavailable(unavailable))
                }
            },
        }
    }

    fn look<'a>(&self, headers: &'a HeaderMap, query: Option<&str>) -> Look<'a> {
        let values = headers
            .get_all(AUTHORIZATION)
            .iter()
            .map(http::HeaderValue::as_bytes);
        match bearer::parse(values, query) {
            Err(malformed) => Look::Done(Err(Refusal::Malformed(malformed))),
            Ok(Credential::Presented(token)) => Look::Verify(PresentedToken::new(token)),
            Ok(Credential::NotPresented) if self.presence == Presence::Optional => {
                Look::Done(Ok(Caller::anonymous()))
            }
            Ok(Credential::NotPresented) => {
                Look::Done(Err(Refusal::Unauthenticated(self.asked_scopes.clone())))
            }
        }
    }

    /// RFC 6750 §3.1: a good token with too few scopes is 403, not 401.
    fn check_scopes(
        &self,
        verified: VerifiedToken,
        headers: &HeaderMap,
    ) -> Result<Caller, Refusal> {
        let caller = Caller::authenticated_under(verified.access_token, &self.hierarchy);
        let granted = caller.scopes();
        let of_verifier = verified.required_scopes.as_deref();
        let suffices = granted.is_superset(&self.own_scopes)
            && of_verifier.is_none_or(|scopes| granted.is_superset(scopes));
        if !suffices {
            let needed = of_verifier.map_or_else(
                || self.own_scopes.clone(),
                |scopes| self.own_scopes.union(scopes),
            );
            return Err(Refusal::InsufficientScope(needed));
        }
        Ok(match headers.get(AUTHORIZATION) {
            Some(value) => caller.presented_in(value.clone()),
            None => caller,
        })
    }

    /// The answer to a refused request.
    pub fn refuse(&self, refusal: &Refusal) -> Response<Bytes> {
        refusal.response(Realm {
            scopes: &self.asked_scopes,
            own_scopes: &self.own_scopes,
            resource_metadata: Some(&self.metadata_address),
        })
    }
}
