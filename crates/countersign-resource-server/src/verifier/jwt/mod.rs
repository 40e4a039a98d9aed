//! Access tokens that are JWTs: RFC 9068, RFC 7519, RFC 8725.
//!
//! A token is taken apart once. The issuer it names selects whose keys are
//! looked at (RFC 8725 §3.8), the keys decide about the signature, and only
//! then the claims are read.

mod builder;

use std::borrow::Cow;

use countersign_oauth::claims::{ClaimsError, ClaimsPolicy};
use countersign_oauth::jose::{Algorithm, JwsError, Unverified, VerifiedJws, decode_unverified};
use countersign_oauth::json::JsonError;
use countersign_oauth::{Issuer, ScopeSet, UnixTime};
use serde::Deserialize;

pub use builder::JwtVerifierBuilder;

use super::{PresentedToken, Unavailable, Verification, Verifier};
use crate::key_source::{KeySource, Refetched};
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
    /// Stands for the issuer in tokens that name none.
    namespace: String,
}

/// A signature that is good, and for how long this may be remembered.
struct Signed {
    jws: VerifiedJws,
    cacheable_until: Option<UnixTime>,
    liveness: Option<Liveness>,
}

/// The one claim that is read before the signature is verified.
#[derive(Deserialize)]
struct NamedIssuer<'a> {
    #[serde(borrow)]
    iss: Option<Cow<'a, str>>,
}

impl JwtVerifier {
    /// Whose keys to look at. `None` if the issuer is not configured.
    fn select(&self, payload: &[u8]) -> Result<Option<&Trusted>, Reason> {
        if let [only] = self.trusted.as_slice()
            && only.policy.issuers().is_empty()
        {
            return Ok(Some(only));
        }
        let claims: NamedIssuer<'_> = serde_json::from_slice(payload)
            .map_err(|_| Reason::Claims(ClaimsError::IssuerInvalid))?;
        let Some(issuer) = claims.iss else {
            return Err(Reason::Claims(ClaimsError::IssuerMissing));
        };
        Ok(self.trusted.iter().find(|trusted| {
            let mut issuers = trusted.policy.issuers().iter();
            issuers.any(|accepted| *accepted == issuer)
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
        let trusted = match self.select(unverified.payload()) {
            Ok(Some(trusted)) => trusted,
            Ok(None) => return Ok(Verification::NotMine),
            Err(reason) => return Ok(Verification::Rejected(reason)),
        };
        // RFC 8725 §3.1, before anything is fetched for the token.
        if !trusted.algorithms.contains(&unverified.header().alg) {
            return Ok(Verification::Rejected(JwsError::AlgorithmNotAllowed.into()));
        }
        let signed = match trusted.verify(unverified, token, now).await? {
            Ok(signed) => signed,
            Err(error) => return Ok(Verification::Rejected(error.into())),
        };
        Ok(match trusted.accept(signed, now) {
            Ok(access_token) => Verification::Accepted(access_token),
            Err(error) => Verification::Rejected(error.into()),
        })
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

/// Whether the token is not a JWS at all, so that another verifier may know it.
const fn is_no_jws(error: JwsError) -> bool {
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
        unverified: Unverified<'_>,
        token: PresentedToken<'_>,
        now: UnixTime,
    ) -> Result<Result<Signed, JwsError>, Unavailable> {
        let remote = match &self.keys {
            KeySource::Local(keys) => {
                return Ok(unverified.verify(keys, &self.algorithms).map(|jws| Signed {
                    jws,
                    cacheable_until: None,
                    liveness: None,
                }));
            }
            KeySource::Remote(remote) => remote,
        };
        let mut snapshot = remote.current(now).await?;
        let mut outcome = unverified.verify(snapshot.keys(), &self.algorithms);
        if let Err(error) = outcome
            && error.may_be_a_new_key()
            && let Refetched::Newer(newer) = remote.refetched(&snapshot, now).await?
        {
            snapshot = newer;
            outcome = decode_unverified(token.reveal())
                .and_then(|again| again.verify(snapshot.keys(), &self.algorithms));
        }
        Ok(outcome.map(|jws| Signed {
            liveness: jws
                .thumbprint()
                .and_then(|thumbprint| snapshot.liveness(thumbprint)),
            cacheable_until: Some(snapshot.cacheable_until(now)),
            jws,
        }))
    }

    /// RFC 9068 §4 from here on is about claims.
    fn accept(&self, signed: Signed, now: UnixTime) -> Result<AccessToken, ClaimsError> {
        let claims = self
            .policy
            .check(signed.jws.header(), signed.jws.payload(), now)?;
        let issuer = claims.iss.as_deref().unwrap_or(&self.namespace);
        let mut verified = Assertion::new(issuer, claims.sub)
            .audience(claims.aud)
            .expires_at(claims.exp)
            .scopes(claims.scopes)
            .claims(claims.all)
            .cacheable_until(signed.cacheable_until.unwrap_or(claims.exp));
        if let Some(client) = claims.client_id {
            verified = verified.client_id(client);
        }
        if let Some(time) = claims.iat {
            verified = verified.issued_at(time);
        }
        if let Some(liveness) = signed.liveness {
            verified = verified.valid_while(liveness);
        }
        Ok(AccessToken::assertion(verified))
    }
}
