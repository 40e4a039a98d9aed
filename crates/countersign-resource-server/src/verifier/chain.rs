//! Several verifiers in order, and the cache in front of them.

use std::fmt;
use std::sync::Arc;

use countersign_oauth::claims::ClaimsError;
use countersign_oauth::{Issuer, ScopeSet, UnixTime};

use super::cache::{TokenCache, TokenDigest};
use super::{CacheLimits, DynVerifier, PresentedToken, Unavailable, Verification, Verifier};
use crate::{AccessToken, Reason, SourceName};

/// A token that a verifier of the chain accepted.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct VerifiedToken {
    /// The token.
    pub access_token: AccessToken,
    /// The scopes that every token of that verifier needs, if any. Not checked yet.
    pub required_scopes: Option<Arc<ScopeSet>>,
}

/// The answer of a whole chain.
#[derive(Debug)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a third answer would have to be handled by every gate"
)]
pub enum ChainOutcome {
    /// A verifier accepted the token.
    Accepted(VerifiedToken),
    /// A verifier of this source rejected it, or none knew it.
    Rejected(Reason, Option<SourceName>),
}

struct Link {
    source: SourceName,
    verifier: Box<dyn DynVerifier>,
    required_scopes: Option<Arc<ScopeSet>>,
}

/// Verifiers in the order in which they are asked.
pub struct VerifierChain {
    links: Vec<Link>,
    cache: TokenCache,
}

impl fmt::Debug for VerifierChain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifierChain")
            .field("verifiers", &self.links.len())
            .finish_non_exhaustive()
    }
}

impl VerifierChain {
    /// A chain of nobody: every token is rejected.
    pub fn new(limits: CacheLimits) -> Self {
        Self {
            links: Vec::new(),
            cache: TokenCache::new(limits),
        }
    }

    /// Adds `verifier` at the end, under the name that it gives itself.
    pub fn push(&mut self, verifier: impl Verifier) {
        let source = Verifier::source(&verifier).name().clone();
        self.push_as(source, verifier);
    }

    /// Adds `verifier` at the end, under the name `source`.
    pub fn push_as(&mut self, source: SourceName, verifier: impl Verifier) {
        let required_scopes = verifier.required_scopes();
        self.links.push(Link {
            source,
            required_scopes: (!required_scopes.is_empty()).then(|| Arc::new(required_scopes)),
            verifier: Box::new(verifier),
        });
    }

    /// Whether there is no verifier.
    pub fn is_empty(&self) -> bool {
        self.links.is_empty()
    }

    /// The issuers of all verifiers, each once.
    pub fn authorization_servers(&self) -> Vec<Issuer> {
        let mut issuers = Vec::new();
        for link in &self.links {
            for issuer in link.verifier.authorization_servers() {
                if !issuers.contains(&issuer) {
                    issuers.push(issuer);
                }
            }
        }
        issuers
    }

    /// The scopes that tokens of all verifiers need, together. A token needs only
    /// those of its own; this is what a caller without one is told to ask for.
    pub fn required_scopes(&self) -> ScopeSet {
        self.required_scopes_where(|_| true)
    }

    /// The same, of verifiers whose source is `wanted`.
    pub(crate) fn required_scopes_where(&self, wanted: impl Fn(&SourceName) -> bool) -> ScopeSet {
        let links = self.links.iter().filter(|link| wanted(&link.source));
        links
            .flat_map(|link| &link.required_scopes)
            .fold(ScopeSet::new(), |all, scopes| all.union(scopes))
    }

    /// The sources of the verifiers, in order.
    pub(crate) fn sources(&self) -> impl Iterator<Item = &SourceName> {
        self.links.iter().map(|link| &link.source)
    }

    /// How clients ask for `scopes` at the authorization server that is named first, which
    /// is where they go; with `source`, at the first of that source.
    pub(crate) fn asked_as(&self, source: Option<&SourceName>, scopes: &ScopeSet) -> ScopeSet {
        let mut links = self.links.iter();
        let issues = |link: &&Link| {
            source.is_none_or(|source| *source == link.source)
                && !link.verifier.authorization_servers().is_empty()
        };
        match links.find(issues) {
            Some(link) => scopes
                .iter()
                .map(|scope| link.verifier.asked_as(scope))
                .collect(),
            None => scopes.clone(),
        }
    }

    /// How many tokens are remembered, and for how many there is room.
    pub(crate) fn fill(&self) -> (usize, usize) {
        self.cache.fill()
    }

    /// The remembered outcome for `token`, without waiting for anything, or what it is
    /// looked for by. Nothing is said about a token that is presented without the key it
    /// is bound to.
    pub(crate) fn recall(
        &self,
        token: PresentedToken<'_>,
        now: UnixTime,
    ) -> Result<VerifiedToken, TokenDigest> {
        let digest = TokenDigest::of(token);
        let known = self.cache.find(&digest, now);
        known
            .filter(|known| binding(&known.access_token, token).is_ok())
            .ok_or(digest)
    }

    /// Judges `token`: the first verifier that knows its kind decides.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if that verifier could not judge it.
    pub async fn verify(
        &self,
        token: PresentedToken<'_>,
        now: UnixTime,
    ) -> Result<ChainOutcome, Unavailable> {
        self.verify_as(TokenDigest::of(token), token, now).await
    }

    /// Judges `token`, whose digest is known. It is looked for once more: somebody else may
    /// have brought it meanwhile.
    pub(crate) async fn verify_as(
        &self,
        digest: TokenDigest,
        token: PresentedToken<'_>,
        now: UnixTime,
    ) -> Result<ChainOutcome, Unavailable> {
        if let Some(known) = self.cache.find(&digest, now) {
            return Ok(match binding(&known.access_token, token) {
                Ok(()) => ChainOutcome::Accepted(known),
                Err(reason) => {
                    ChainOutcome::Rejected(reason, Some(known.access_token.source().clone()))
                }
            });
        }
        for link in &self.links {
            match link.verifier.verify(token, now).await? {
                Verification::NotMine => {}
                Verification::Accepted(access_token) => {
                    if let Err(reason) = binding(&access_token, token) {
                        return Ok(ChainOutcome::Rejected(reason, Some(link.source.clone())));
                    }
                    let verified = VerifiedToken {
                        access_token: access_token.presented_to(&link.source),
                        required_scopes: link.required_scopes.clone(),
                    };
                    self.cache.remember(digest, &verified, now);
                    return Ok(ChainOutcome::Accepted(verified));
                }
                Verification::Rejected(reason) => {
                    return Ok(ChainOutcome::Rejected(reason, Some(link.source.clone())));
                }
            }
        }
        Ok(ChainOutcome::Rejected(Reason::UnknownToken, None))
    }
}

/// RFC 9449 §7.1 and §7.2: a token goes with the key it is bound to, and with none if it is
/// bound to none, whoever verified it and whenever.
fn binding(verified: &AccessToken, presented: PresentedToken<'_>) -> Result<(), Reason> {
    let wrong = ClaimsError::of_binding(verified.jkt(), presented.key());
    wrong.map_or(Ok(()), |error| Err(error.into()))
}
