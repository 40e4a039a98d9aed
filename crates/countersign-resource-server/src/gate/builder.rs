//! Settings of a gate.

use std::sync::Arc;

use bytes::Bytes;
use countersign_oauth::protected_resource::ProtectedResourceMetadata;
use countersign_oauth::{ResourceUri, ScopeSet};

use super::challenges::Challenges;
use super::{Entrance, Gate, Presence, bearer_chain};
use crate::dpop::{DpopPresence, ProofJudge};
use crate::policy::rules::Rules;
use crate::verifier::VerifierChain;
use crate::{
    Clock, ConfigurationError, Dpop, IntoVerifier, Presentation, ScopeHierarchy, Source,
    SourceName, SystemClock, Verifier,
};

/// Settings of a [`Gate`].
#[derive(Debug)]
pub struct GateBuilder {
    entrances: Vec<Entrance>,
    sources: Vec<Source>,
    /// The names of the sources, each once.
    order: Vec<SourceName>,
    presence: Presence,
    required_scopes: ScopeSet,
    challenge_scopes: ScopeSet,
    hierarchy: ScopeHierarchy,
    rules: Option<Rules>,
    clock: Arc<dyn Clock>,
    resource_name: Option<String>,
    resource_documentation: Option<String>,
    dpop: Option<Dpop>,
}

impl Default for GateBuilder {
    fn default() -> Self {
        Self {
            // There may be nobody to judge a bearer token, but it is never overlooked.
            entrances: vec![Entrance::new(Presentation::Bearer)],
            sources: Vec::new(),
            order: Vec::new(),
            presence: Presence::Required,
            required_scopes: ScopeSet::new(),
            challenge_scopes: ScopeSet::new(),
            hierarchy: ScopeHierarchy::new(),
            rules: None,
            clock: Arc::new(SystemClock),
            resource_name: None,
            resource_documentation: None,
            dpop: None,
        }
    }
}

impl GateBuilder {
    /// Asks `verifier` after those added before, as a source of the name that it gives
    /// itself: `oauth`, unless it says otherwise.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] says what to set.
    pub fn verifier(self, verifier: impl IntoVerifier) -> Result<Self, ConfigurationError> {
        let verifier = verifier.into_verifier()?;
        let source = Verifier::source(&verifier);
        Ok(self.add(source, verifier))
    }

    /// Asks `verifier` after those added before, as a source of the name `name`. Several
    /// verifiers of one name are one source.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] says what to set.
    pub fn source(
        self,
        name: SourceName,
        verifier: impl IntoVerifier,
    ) -> Result<Self, ConfigurationError> {
        let verifier = verifier.into_verifier()?;
        let source = Verifier::source(&verifier).named(name);
        Ok(self.add(source, verifier))
    }

    /// Puts the source `name`, whose verifier is added later, before all that are added
    /// from now on.
    #[must_use]
    pub fn declare(mut self, name: SourceName) -> Self {
        if !self.order.contains(&name) {
            self.order.push(name);
        }
        self
    }

    fn add(self, source: Source, verifier: impl Verifier) -> Self {
        let mut own = self.declare(source.name().clone());
        let at = source.presentation();
        let known = |entrance: &&mut Entrance| entrance.presentation == *at;
        match own.entrances.iter_mut().find(known) {
            Some(entrance) => entrance.chain.push_as(source.name().clone(), verifier),
            None => {
                let mut entrance = Entrance::new(at.clone());
                entrance.chain.push_as(source.name().clone(), verifier);
                own.entrances.push(entrance);
            }
        }
        if !own.sources.contains(&source) {
            own.sources.push(source);
        }
        own
    }

    /// Uses `chain` instead of what was added before, for bearer tokens.
    #[must_use]
    pub fn chain(mut self, chain: VerifierChain) -> Self {
        self.sources.clear();
        self.order.clear();
        for name in chain.sources() {
            let source = Source::bearer(name.clone());
            if !self.sources.contains(&source) {
                self.order.push(name.clone());
                self.sources.push(source);
            }
        }
        self.entrances = vec![Entrance {
            presentation: Presentation::Bearer,
            chain,
        }];
        self
    }

    /// Lets callers without a credential in as anonymous. A credential that is
    /// presented must still be good.
    #[must_use]
    pub const fn optional(mut self) -> Self {
        self.presence = Presence::Optional;
        self
    }

    /// Every credential needs these scopes.
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

    /// Gives callers the roles that `rules` give them, and the scopes that the rules say
    /// are included in theirs. To decide, the rules have to be among the policies too.
    #[must_use]
    pub fn rules(mut self, rules: Rules) -> Self {
        self.rules = Some(rules);
        self
    }

    /// Judges lifetimes by `clock`.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Takes tokens that are bound to a key, with proofs of possession (RFC 9449). Without
    /// this call such tokens are refused, because nobody could check the proof.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] says what to set.
    pub fn dpop(mut self, dpop: Dpop) -> Result<Self, ConfigurationError> {
        self.dpop = Some(dpop.settled()?);
        Ok(self)
    }

    /// A name for people, published in the metadata and in challenges.
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

    /// The names of its sources, in the order in which they say who calls.
    pub fn source_names(&self) -> impl Iterator<Item = &SourceName> {
        self.order.iter()
    }

    /// Whether access tokens are accepted, or might be: those that an authorization server
    /// issues to clients, which API keys are not.
    pub fn takes_access_tokens(&self) -> bool {
        self.sources.is_empty() || self.sources.iter().any(is_oauth)
    }

    /// The scopes that verifiers need of tokens of an authorization server.
    fn scopes_of_verifiers(&self) -> ScopeSet {
        let of_tokens = |name: &SourceName| {
            let mut sources = self.sources.iter();
            sources.any(|source| source.name() == name && is_oauth(source))
        };
        let bearer = self
            .entrances
            .iter()
            .filter(|entrance| entrance.presentation == Presentation::Bearer);
        bearer.fold(ScopeSet::new(), |all, entrance| {
            all.union(&entrance.chain.required_scopes_where(of_tokens))
        })
    }

    /// A gate for the resource `resource`.
    pub fn build(self, resource: ResourceUri) -> Gate {
        let required_scopes = self.required_scopes.union(&self.scopes_of_verifiers());
        let expects_tokens = self.takes_access_tokens();
        if let Some(rules) = &self.rules {
            rules.join(&self.hierarchy);
        }
        let proofs = self
            .dpop
            .map(|dpop| Box::new(dpop.judge(resource.origin(), self.clock.now())));
        let realm = self
            .resource_name
            .clone()
            .unwrap_or_else(|| resource.as_str().to_owned());
        let mut metadata = ProtectedResourceMetadata::new(resource);
        for entrance in &self.entrances {
            for issuer in entrance.chain.authorization_servers() {
                if !metadata.authorization_servers.contains(&issuer) {
                    metadata.authorization_servers.push(issuer);
                }
            }
        }
        if expects_tokens && metadata.authorization_servers.is_empty() {
            // RS-02: a client finds out from the metadata where to log in.
            tracing::warn!(
                "no verifier names its issuer: clients are not told where to log in, and need a \
                 token from elsewhere; call issuer(…)"
            );
        }
        let asked_scopes = required_scopes.union(&self.challenge_scopes);
        metadata.scopes_supported = bearer_chain(&self.entrances).map_or_else(
            || asked_scopes.clone(),
            |chain| chain.asked_as(None, &asked_scopes),
        );
        metadata.resource_name = self.resource_name;
        metadata.resource_documentation = self.resource_documentation;
        if let Some(proofs) = &proofs {
            publish(proofs, &mut metadata);
        }
        let challenges =
            Challenges::new(self.sources, &realm, metadata.address(), proofs.as_deref());
        Gate {
            metadata_document: Bytes::from(metadata.to_json()),
            metadata,
            entrances: self.entrances,
            order: self.order,
            presence: self.presence,
            own_scopes: self.required_scopes,
            required_scopes,
            asked_scopes,
            hierarchy: self.hierarchy,
            rules: self.rules,
            clock: self.clock,
            challenges,
            proofs,
        }
    }
}

/// RFC 9728 §2.
fn publish(proofs: &ProofJudge, metadata: &mut ProtectedResourceMetadata) {
    metadata.dpop_signing_algorithms = proofs.algorithms().to_vec();
    metadata.dpop_bound_access_tokens_required = proofs.presence() == DpopPresence::Required;
}

/// Whether its credentials are tokens that an authorization server issues to clients.
pub(super) fn is_oauth(source: &Source) -> bool {
    *source.presentation() == Presentation::Bearer && source.realm_text().is_none()
}
