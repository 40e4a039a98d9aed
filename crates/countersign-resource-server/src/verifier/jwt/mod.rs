//! Access tokens that are JWTs: RFC 9068, RFC 7519, RFC 8725.
//!
//! A token is taken apart once. The issuer it names selects whose keys are
//! looked at (RFC 8725 §3.8), the keys decide about the signature, and only
//! then the other claims are read.

mod builder;

use std::borrow::Cow;
use std::sync::Arc;

use countersign_oauth::claims::{Claims, ClaimsError, ClaimsPolicy};
use countersign_oauth::jose::{Algorithm, JwsError, Unverified, decode_unverified};
use countersign_oauth::json::{Json, JsonError, Object};
use countersign_oauth::{Issuer, ScopeSet, UnixTime};
use serde::Deserialize;

pub use builder::JwtVerifierBuilder;

use super::{PresentedToken, Unavailable, Verification, Verifier};
use crate::key_source::{KeySource, Refetched, Snapshot};
use crate::{AccessToken, Assertion, Liveness, Reason};

/// Verifies access tokens that are JWTs.
///
/// ```
/// use countersign_resource_server::JwtVerifier;
///
/// let settings = JwtVerifier::jwks("https://your-domain.auth0.com/.well-known/jwks.json")
///     .issuer("https://your-domain.auth0.com/")
///     .audience("your-api-identifier");
/// ```
///
/// # In a chain
///
/// *Not mine* is a token that is no JWS (not three parts, or no header), and one
/// that names an issuer which is not configured. All other tokens are decided
/// here.
#[derive(Debug)]
pub struct JwtVerifier {
    trusted: Vec<Trusted>,
    required_scopes: ScopeSet,
    authorization_servers: Vec<Issuer>,
}

/// Keys, and whose tokens they may verify.
#[derive(Debug)]
struct Trusted {
    keys: KeySource,
    algorithms: Vec<Algorithm>,
    policy: ClaimsPolicy,
    /// Whether a key may be that of one tenant among those that share the set.
    of_tenants: bool,
    /// Stands for the issuer in tokens that name none.
    namespace: Arc<str>,
}

/// A signature is good, and for how long this may be remembered.
struct Signed {
    cacheable_until: Option<UnixTime>,
    liveness: Option<Liveness>,
    /// Whose the key is, if the set says it.
    key_issuer: Option<Arc<str>>,
}

/// The one claim that is read before the signature is verified, of a payload that
/// will be refused for what else is in it.
#[derive(Deserialize)]
struct NamedIssuer<'a> {
    #[serde(borrow)]
    iss: Option<Cow<'a, str>>,
}

impl JwtVerifier {
    /// Whose keys to look at. `None` if the issuer is not configured.
    fn select(
        &self,
        claims: &Result<Object<'_>, JsonError>,
        payload: &[u8],
    ) -> Result<Option<&Trusted>, Reason> {
        if let [only] = self.trusted.as_slice()
            && only.policy.issuers().is_empty()
        {
            return Ok(Some(only));
        }
        let invalid = Reason::Claims(ClaimsError::IssuerInvalid);
        let issuer = match claims.as_ref().map(|claims| claims.get("iss")) {
            Ok(Some(Json::Text(issuer))) => Some(Cow::Borrowed(issuer.as_ref())),
            Ok(None | Some(Json::Null)) => None,
            Ok(Some(_)) => return Err(invalid),
            Err(_) => {
                serde_json::from_slice::<NamedIssuer<'_>>(payload)
                    .map_err(|_| invalid)?
                    .iss
            }
        };
        let Some(issuer) = issuer else {
            return Err(Reason::Claims(ClaimsError::IssuerMissing));
        };
        Ok(self.trusted.iter().find(|trusted| {
            let mut issuers = trusted.policy.issuers().iter();
            issuers.any(|accepted| **accepted == *issuer)
        }))
    }

    async fn judge(
        &self,
        token: PresentedToken<'_>,
        now: UnixTime,
    ) -> Result<Verification, Unavailable> {
        let unverified = match decode_unverified(token.reveal()) {
            Ok(unverified) => unverified,
            Err(error) if is_no_jws(error) => return Ok(Verification::NotMine),
            Err(error) => return Ok(Verification::Rejected(error.into())),
        };
        // Parsed once; nothing but the issuer is looked at before the signature is verified.
        let claims = Object::parse(unverified.payload());
        let trusted = match self.select(&claims, unverified.payload()) {
            Ok(Some(trusted)) => trusted,
            Ok(None) => return Ok(Verification::NotMine),
            Err(reason) => return Ok(Verification::Rejected(reason)),
        };
        // RFC 8725 §3.1, before anything is fetched for the token.
        if !trusted.algorithms.contains(&unverified.header().alg) {
            return Ok(Verification::Rejected(JwsError::AlgorithmNotAllowed.into()));
        }
        let signed = match trusted.verify(&unverified, now).await? {
            Ok(signed) => signed,
            Err(error) => return Ok(Verification::Rejected(error.into())),
        };
        // RFC 9068 §4 from here on is about claims.
        let policy = &trusted.policy;
        let claims = match policy.check_parsed(unverified.header(), claims, token.key(), now) {
            Ok(claims) => claims,
            Err(error) => return Ok(Verification::Rejected(error.into())),
        };
        let named = (signed.key_issuer.as_deref(), claims.iss.as_deref());
        if trusted.of_tenants
            && let (Some(of), Some(issuer)) = named
            && !speaks_for(of, issuer)
        {
            return Ok(Verification::Rejected(OTHER_TENANT));
        }
        let payload = unverified.into_payload();
        Ok(Verification::Accepted(
            trusted.accept(signed, claims, payload, token),
        ))
    }
}

impl Verifier for JwtVerifier {
    fn verify(
        &self,
        token: PresentedToken<'_>,
        now: UnixTime,
    ) -> impl Future<Output = Result<Verification, Unavailable>> + Send {
        self.judge(token, now)
    }

    fn authorization_servers(&self) -> Vec<Issuer> {
        self.authorization_servers.clone()
    }

    fn required_scopes(&self) -> ScopeSet {
        self.required_scopes.clone()
    }
}

const OTHER_TENANT: Reason = Reason::Other("the token is signed with a key of another tenant");

/// RFC 8725 §3.8: whether a key that the set says is `of` an issuer, or of all tenants
/// where it has a place in braces for them, verifies tokens of `issuer`.
fn speaks_for(of: &str, issuer: &str) -> bool {
    let template = of
        .split_once('{')
        .and_then(|(before, rest)| Some((before, rest.split_once('}')?.1)));
    let Some((before, after)) = template else {
        return of == issuer;
    };
    let rest = issuer.strip_prefix(before);
    let tenant = rest.and_then(|rest| rest.strip_suffix(after));
    tenant.is_some_and(|tenant| !tenant.is_empty() && !tenant.contains('/'))
}

/// Whether the token is not a JWS at all, so that another verifier may know it.
pub(in crate::verifier) const fn is_no_jws(error: JwsError) -> bool {
    matches!(
        error,
        JwsError::NotThreeParts
            | JwsError::HeaderEncoding
            | JwsError::HeaderJson(JsonError::NotUtf8 | JsonError::Syntax)
    )
}

impl Trusted {
    async fn verify(
        &self,
        unverified: &Unverified<'_>,
        now: UnixTime,
    ) -> Result<Result<Signed, JwsError>, Unavailable> {
        let remote = match &self.keys {
            KeySource::Local(keys) => {
                let outcome = unverified.verified_by(keys, &self.algorithms);
                return Ok(outcome.map(|key| Signed {
                    cacheable_until: None,
                    liveness: None,
                    key_issuer: key.issuer().cloned(),
                }));
            }
            KeySource::Replaceable(keys) => {
                let current = keys.current();
                let outcome = unverified.verified_by(&current.set, &self.algorithms);
                return Ok(outcome.map(|key| Signed {
                    cacheable_until: None,
                    liveness: Some(current.life.clone()),
                    key_issuer: key.issuer().cloned(),
                }));
            }
            KeySource::Remote(remote) => remote,
        };
        let snapshot = remote.current(now).await?;
        let error = match self.verify_with(unverified, &snapshot, now) {
            Ok(signed) => return Ok(Ok(signed)),
            Err(error) => error,
        };
        if error.may_be_a_new_key()
            && let Refetched::Newer(newer) = remote.refetched(&snapshot, now).await?
        {
            return Ok(self.verify_with(unverified, &newer, now));
        }
        Ok(Err(error))
    }

    fn verify_with(
        &self,
        unverified: &Unverified<'_>,
        snapshot: &Snapshot,
        now: UnixTime,
    ) -> Result<Signed, JwsError> {
        let key = unverified.verified_by(snapshot.keys(), &self.algorithms)?;
        Ok(Signed {
            liveness: key
                .thumbprint()
                .and_then(|thumbprint| snapshot.liveness(thumbprint)),
            cacheable_until: Some(snapshot.cacheable_until(now)),
            key_issuer: key.issuer().cloned(),
        })
    }

    /// The token, after its last check. `payload` is what the claims were read from.
    /// It is bound to the key that came with it, or to none.
    fn accept(
        &self,
        signed: Signed,
        claims: Claims,
        payload: Vec<u8>,
        presented: PresentedToken<'_>,
    ) -> AccessToken {
        let issuer = claims.iss.unwrap_or_else(|| Arc::clone(&self.namespace));
        let mut verified = Assertion::new(issuer, claims.sub)
            .audience(claims.aud)
            .expires_at(claims.exp)
            .scopes(claims.scopes)
            .claims_text(payload)
            .cacheable_until(signed.cacheable_until.unwrap_or(claims.exp));
        if let Some(client) = claims.client_id {
            verified = verified.client_id(client);
        }
        if let Some(time) = claims.iat {
            verified = verified.issued_at(time);
        }
        if let Some(key) = presented.key() {
            verified = verified.bound_to(key.clone());
        }
        if let Some(liveness) = signed.liveness {
            verified = verified.valid_while(liveness);
        }
        AccessToken::assertion(verified)
    }
}
