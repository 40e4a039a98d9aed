//! Authentication of one HTTP request: credentials → verifier chains → caller.
//!
//! What was done before: nothing. The gate reads the head of a request only; the
//! body of a refused request is never touched.

mod builder;
mod challenges;
mod head;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use countersign_oauth::dpop::{NONCE_FIELD, PROOF_FIELD};
use countersign_oauth::protected_resource::ProtectedResourceMetadata;
use countersign_oauth::{
    Credential, MalformedCredential, Scheme, ScopeSet, UnixTime, bearer, key_header,
};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

pub use builder::GateBuilder;
pub(crate) use challenges::{Asked, Challenges, Whose};
pub use head::RequestHead;

use crate::dpop::ProofJudge;
use crate::policy::rules::Rules;
use crate::refusal::Realm;
use crate::verifier::{CacheLimits, ChainOutcome, TokenDigest, VerifiedToken, VerifierChain};
use crate::{
    AccessToken, Caller, Clock, Presentation, PresentedToken, Reason, Refusal, ScopeHierarchy,
    SourceName,
};

/// Whether callers without a credential are let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    Required,
    Optional,
}

/// A place in the request, and who judges the credentials that are found there.
#[derive(Debug)]
struct Entrance {
    presentation: Presentation,
    chain: VerifierChain,
}

impl Entrance {
    fn new(presentation: Presentation) -> Self {
        Self {
            presentation,
            chain: VerifierChain::new(CacheLimits::default()),
        }
    }

    fn header(&self) -> HeaderName {
        match &self.presentation {
            Presentation::Bearer | Presentation::Dpop => AUTHORIZATION,
            Presentation::Header(name) => name.clone(),
        }
    }

    /// The credential, and how it is presented. The scheme `DPoP` is one that nobody here
    /// knows unless proofs are judged.
    fn read<'a>(
        &self,
        request: &RequestHead<'a>,
        judges_proofs: bool,
    ) -> Result<Option<(&'a str, Scheme)>, MalformedCredential> {
        let (headers, query) = (request.headers(), request.query_text());
        let credential = match &self.presentation {
            Presentation::Bearer | Presentation::Dpop => {
                let values = headers.get_all(AUTHORIZATION).iter();
                let values = values.map(HeaderValue::as_bytes);
                if judges_proofs {
                    return bearer::parse_either(values, query);
                }
                bearer::parse(values, query)?
            }
            Presentation::Header(name) => {
                let values = headers.get_all(name).iter();
                key_header::parse(values.map(HeaderValue::as_bytes), name.as_str(), query)?
            }
        };
        Ok(match credential {
            Credential::Presented(token) => Some((token, Scheme::Bearer)),
            Credential::NotPresented => None,
        })
    }
}

/// Who judges the tokens of authorization servers.
fn bearer_chain(entrances: &[Entrance]) -> Option<&VerifierChain> {
    let mut entrances = entrances.iter();
    let bearer = entrances.find(|entrance| entrance.presentation == Presentation::Bearer);
    bearer.map(|entrance| &entrance.chain)
}

/// Lets verified callers in and answers all others.
#[derive(Debug)]
pub struct Gate {
    /// Each presentation once; bearer tokens come first.
    entrances: Vec<Entrance>,
    /// The sources in the order in which they were declared.
    order: Vec<SourceName>,
    presence: Presence,
    /// What every credential needs, whoever verified it.
    own_scopes: ScopeSet,
    /// The above, and what verifiers of tokens need of them.
    required_scopes: ScopeSet,
    /// The above, and what clients are told to ask for besides.
    asked_scopes: ScopeSet,
    hierarchy: ScopeHierarchy,
    rules: Option<Rules>,
    clock: Arc<dyn Clock>,
    metadata: ProtectedResourceMetadata,
    metadata_document: Bytes,
    challenges: Challenges,
    /// Judges proofs of possession, where they are accepted.
    proofs: Option<Box<ProofJudge>>,
}

/// A credential, and where it was found.
#[derive(Clone, Copy)]
struct Found<'a> {
    entrance: &'a Entrance,
    token: &'a str,
    scheme: Scheme,
}

impl Found<'_> {
    /// Where it is, as refusals say it.
    fn place(&self) -> Presentation {
        match self.scheme {
            Scheme::Bearer => self.entrance.presentation.clone(),
            Scheme::Dpop => Presentation::Dpop,
        }
    }
}

/// A request that passed the quick look, or needs the verifiers.
enum Look<'a> {
    Done(Result<Caller, Refusal>),
    Verify(Found<'a>),
    /// Credentials of several places.
    VerifyAll(Vec<Found<'a>>),
}

/// What is said of a request without waiting for anything.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "a verifier is asked or is not")]
pub enum AtOnce<'a> {
    /// All there is to say.
    Said(Result<Caller, Refusal>),
    /// That verifiers have to be asked.
    Ask(Unverified<'a>),
}

impl AtOnce<'_> {
    /// What is said, if that is all there is to say.
    pub fn said(self) -> Option<Result<Caller, Refusal>> {
        match self {
            Self::Said(outcome) => Some(outcome),
            Self::Ask(_) => None,
        }
    }
}

/// A request with credentials that verifiers have to be asked about.
#[must_use = "nobody is asked before `verify` is awaited"]
pub struct Unverified<'a> {
    gate: &'a Gate,
    request: RequestHead<'a>,
    awaited: Awaited<'a>,
}

impl fmt::Debug for Unverified<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Unverified");
        shown.field("request", &self.request);
        shown.finish_non_exhaustive()
    }
}

/// What verifiers are asked about.
enum Awaited<'a> {
    Token(Found<'a>, TokenDigest),
    Proof(Found<'a>, &'a ProofJudge),
    Several(Vec<Found<'a>>),
}

impl Unverified<'_> {
    /// Asks the verifiers. Every credential of the request must be good; the caller has all
    /// of them.
    ///
    /// # Errors
    ///
    /// A [`Refusal`]; [`Gate::refuse`] turns it into an answer.
    pub async fn verify(self, now: UnixTime) -> Result<Caller, Refusal> {
        let (gate, request) = (self.gate, &self.request);
        match self.awaited {
            Awaited::Token(found, digest) => {
                let token = (digest, PresentedToken::new(found.token));
                gate.verify_token(found, token, request.headers(), now)
                    .await
            }
            // These are rare, so that the future of every request has no room for them.
            Awaited::Proof(found, proofs) => {
                Box::pin(gate.verify_with_proof(found, proofs, request, now)).await
            }
            Awaited::Several(found) => Box::pin(gate.verify_all(found, request, now)).await,
        }
    }
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

    /// The scopes that every credential needs, and those that the verifiers of tokens
    /// need of them.
    pub const fn required_scopes(&self) -> &ScopeSet {
        &self.required_scopes
    }

    /// The scopes that a credential of the source `name` needs.
    pub fn required_scopes_of(&self, name: &SourceName) -> ScopeSet {
        let mut needed = self.own_scopes.clone();
        for entrance in &self.entrances {
            let of_source = entrance
                .chain
                .required_scopes_where(|source| source == name);
            needed = needed.union(&of_source);
        }
        needed
    }

    /// Which scopes contain others here.
    pub const fn scope_hierarchy(&self) -> &ScopeHierarchy {
        &self.hierarchy
    }

    /// The names of the sources, in the order in which they were declared.
    pub fn sources(&self) -> impl Iterator<Item = &SourceName> {
        self.order.iter()
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

    /// How many verified tokens are remembered, and for how many there is room.
    pub fn remembered_tokens(&self) -> (usize, usize) {
        let fills = self.entrances.iter().map(|entrance| entrance.chain.fill());
        fills.fold((0, 0), |(tokens, room), (more, space)| {
            (tokens + more, room + space)
        })
    }

    /// The headers that credentials are read from.
    pub fn credential_headers(&self) -> impl Iterator<Item = HeaderName> {
        self.entrances.iter().map(Entrance::header)
    }

    /// Removes what credentials are read from, so that nobody behind passes them on.
    pub fn conceal(&self, headers: &mut HeaderMap) {
        if self.proofs.is_some() {
            headers.remove(PROOF_FIELD);
        }
        for header in self.credential_headers() {
            headers.remove(header);
        }
    }

    /// What can be said of `request` without waiting for anything.
    pub fn admit_at_once<'a>(&'a self, request: RequestHead<'a>, now: UnixTime) -> AtOnce<'a> {
        let awaited = match (self.look(&request), &self.proofs) {
            (Look::Done(outcome), _) => return AtOnce::Said(outcome),
            // A proof is a signature to verify, each time.
            (Look::Verify(found), Some(proofs)) if found.scheme == Scheme::Dpop => {
                Awaited::Proof(found, proofs)
            }
            (Look::Verify(found), _) => {
                let token = PresentedToken::new(found.token);
                match found.entrance.chain.recall(token, now) {
                    Ok(known) => {
                        return AtOnce::Said(self.check_verified(known, found, request.headers()));
                    }
                    Err(digest) => Awaited::Token(found, digest),
                }
            }
            (Look::VerifyAll(found), _) => Awaited::Several(found),
        };
        AtOnce::Ask(Unverified {
            gate: self,
            request,
            awaited,
        })
    }

    /// Authenticates `request`. Every credential in it must be good; the caller has all of
    /// them.
    ///
    /// # Errors
    ///
    /// A [`Refusal`]; [`Self::refuse`] turns it into an answer.
    pub async fn admit(&self, request: RequestHead<'_>, now: UnixTime) -> Result<Caller, Refusal> {
        match self.admit_at_once(request, now) {
            AtOnce::Said(outcome) => outcome,
            AtOnce::Ask(unverified) => unverified.verify(now).await,
        }
    }

    async fn verify(
        &self,
        found: Found<'_>,
        request: &RequestHead<'_>,
        now: UnixTime,
    ) -> Result<Caller, Refusal> {
        if let Some(proofs) = &self.proofs
            && found.scheme == Scheme::Dpop
        {
            return self.verify_with_proof(found, proofs, request, now).await;
        }
        let token = PresentedToken::new(found.token);
        let digest = TokenDigest::of(token);
        self.verify_token(found, (digest, token), request.headers(), now)
            .await
    }

    /// RFC 9449 §7.1. The proof is judged first, because whoever sends it pays for that with
    /// a signature; it is remembered last, because only good tokens may use up the memory.
    async fn verify_with_proof(
        &self,
        found: Found<'_>,
        proofs: &ProofJudge,
        request: &RequestHead<'_>,
        now: UnixTime,
    ) -> Result<Caller, Refusal> {
        let fresh = proofs
            .check(request, Some(found.token), now)
            .map_err(not_proven)?;
        let token = PresentedToken::with_proof_of(found.token, &fresh.proven().thumbprint);
        let token = (TokenDigest::of(token), token);
        let admitted = self
            .verify_token(found, token, request.headers(), now)
            .await;
        let is_good = matches!(admitted, Ok(_) | Err(Refusal::InsufficientScope { .. }));
        if is_good {
            proofs.remember(&fresh, now).map_err(not_proven)?;
        }
        Ok(admitted?.with_nonce(proofs.next_nonce(&fresh, now)))
    }

    async fn verify_token(
        &self,
        found: Found<'_>,
        (digest, token): (TokenDigest, PresentedToken<'_>),
        headers: &HeaderMap,
        now: UnixTime,
    ) -> Result<Caller, Refusal> {
        match found.entrance.chain.verify_as(digest, token, now).await {
            Ok(ChainOutcome::Accepted(verified)) => self.check_verified(verified, found, headers),
            Ok(ChainOutcome::Rejected(reason, source)) => {
                tracing::debug!(%reason, "a credential is rejected");
                let at = found.place();
                Err(Refusal::Rejected { reason, at, source })
            }
            Err(unavailable) => {
                tracing::warn!(%unavailable, "a credential cannot be judged");
                Err(Refusal::Unavailable(unavailable))
            }
        }
    }

    async fn verify_all(
        &self,
        found: Vec<Found<'_>>,
        request: &RequestHead<'_>,
        now: UnixTime,
    ) -> Result<Caller, Refusal> {
        let mut callers = Vec::with_capacity(found.len());
        for found in found {
            let caller = self.verify(found, request, now).await?;
            let place = caller.source().and_then(|source| {
                let mut order = self.order.iter();
                order.position(|declared| declared == source)
            });
            callers.push((place, caller));
        }
        callers.sort_by_key(|(place, _)| *place);
        let callers = callers.into_iter().map(|(_, caller)| caller);
        Ok(callers.fold(Caller::anonymous(), Caller::and))
    }

    fn look<'a>(&'a self, request: &RequestHead<'a>) -> Look<'a> {
        let mut one = None;
        let mut several = Vec::new();
        for entrance in &self.entrances {
            match entrance.read(request, self.proofs.is_some()) {
                Ok(None) => {}
                Ok(Some((token, scheme))) => {
                    let found = Found {
                        entrance,
                        token,
                        scheme,
                    };
                    if let Some(before) = one.replace(found) {
                        several.push(before);
                    }
                }
                Err(why) => {
                    let at = entrance.presentation.clone();
                    return Look::Done(Err(Refusal::Malformed { why, at }));
                }
            }
        }
        match one {
            Some(only) if several.is_empty() => Look::Verify(only),
            Some(last) => {
                several.push(last);
                Look::VerifyAll(several)
            }
            None if self.presence == Presence::Optional => Look::Done(Ok(Caller::anonymous())),
            None => Look::Done(Err(Refusal::Unauthenticated(self.asked_scopes.clone()))),
        }
    }

    /// The bearer of a verified token, with what its scopes contain here and the roles it
    /// has here.
    pub fn bearer_of(&self, token: AccessToken) -> Caller {
        match &self.rules {
            None => Caller::authenticated_under(token, &self.hierarchy),
            Some(rules) => {
                let rules = rules.current();
                Caller::authenticated_under(token, rules.hierarchy()).under(rules)
            }
        }
    }

    fn check_verified(
        &self,
        verified: VerifiedToken,
        found: Found<'_>,
        headers: &HeaderMap,
    ) -> Result<Caller, Refusal> {
        if let Some(proofs) = &self.proofs
            && proofs.refuses(found.scheme)
            && self
                .challenges
                .asks_for_tokens(verified.access_token.source())
        {
            return Err(Refusal::Rejected {
                reason: Reason::ProofRequired,
                at: found.place(),
                source: Some(verified.access_token.source().clone()),
            });
        }
        self.check_scopes(verified, found, headers)
    }

    /// RFC 6750 §3.1: a good token with too few scopes is 403, not 401.
    fn check_scopes(
        &self,
        verified: VerifiedToken,
        found: Found<'_>,
        headers: &HeaderMap,
    ) -> Result<Caller, Refusal> {
        let entrance = found.entrance;
        let caller = self.bearer_of(verified.access_token);
        let granted = caller.scopes();
        let of_verifier = verified.required_scopes.as_deref();
        let suffices = granted.is_superset(&self.own_scopes)
            && of_verifier.is_none_or(|scopes| granted.is_superset(scopes));
        if !suffices {
            let scopes = of_verifier.map_or_else(
                || self.own_scopes.clone(),
                |scopes| self.own_scopes.union(scopes),
            );
            let source = caller.source().cloned();
            return Err(Refusal::InsufficientScope { scopes, source });
        }
        Ok(match headers.get(entrance.header()) {
            Some(value) => caller.presented(value.clone(), &found.place()),
            None => caller,
        })
    }

    /// The answer to a refused request.
    pub fn refuse(&self, refusal: &Refusal) -> Response<Bytes> {
        let mut response = refusal.response(Realm {
            scopes: &self.asked_scopes,
            own_scopes: &self.own_scopes,
            challenges: &self.challenges,
            chain: bearer_chain(&self.entrances),
        });
        // RFC 9449 §9; with every 401, so that a client which comes without a token can make
        // a good proof at once.
        if let Some(proofs) = &self.proofs
            && response.status() == StatusCode::UNAUTHORIZED
            && let Some(nonce) = proofs.nonce(self.now())
        {
            response.headers_mut().insert(NONCE_FIELD, nonce);
        }
        response
    }
}

fn not_proven(why: crate::ProofRefusal) -> Refusal {
    tracing::debug!(%why, "a proof of possession is refused");
    Refusal::NotProven(why)
}
