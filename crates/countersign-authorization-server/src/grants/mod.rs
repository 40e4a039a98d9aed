//! The grant types of the token endpoint: one file each.

mod assertion;
mod authorization_code;
mod client_credentials;
mod lost_answer;
mod refresh_token;
mod token_exchange;

use std::net::IpAddr;

use countersign_oauth::assertion_grant::AssertionGrantError;
use countersign_oauth::jose::JwsError;
use countersign_oauth::requested_scope::ScopeRefusal;
use countersign_oauth::resource_indicator::InvalidTarget;
use countersign_oauth::token_error::TokenErrorCode;
use countersign_oauth::token_request::{TokenRequest, TokenRequestError};
use countersign_oauth::{ScopeSet, Secret};
use countersign_resource_server::ProofRefusal;
use countersign_store::{Conflict, GrantId, Record};

use crate::audit::AuditEvent;
use crate::client::Client;
use crate::grant::{GrantBody, Granted};
use crate::possession::Proof;
use crate::server::Inner;
use crate::unavailable::Unavailable;

/// Why a client gets no tokens, for the audit log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    /// The request cannot be read.
    #[error(transparent)]
    Request(#[from] TokenRequestError),
    /// The client did not register the grant type.
    #[error("the client may not use this grant type")]
    GrantType,
    /// The scope is more than was granted or than the client may have.
    #[error(transparent)]
    Scope(#[from] ScopeRefusal),
    /// The resource is unknown or not the granted one.
    #[error(transparent)]
    Target(#[from] InvalidTarget),
    /// The code or refresh token is refused; the text says why.
    #[error("{0}")]
    Grant(&'static str),
    /// The refresh token was revoked with its grant.
    #[error("the refresh token was revoked")]
    Revoked(GrantId),
    /// Nobody issued the code or refresh token, or it was forgotten; it may be a guess.
    #[error("{0}")]
    Unknown(&'static str),
    /// An assertion that somebody signed who is trusted says the wrong thing.
    #[error(transparent)]
    Assertion(AssertionGrantError),
    /// Nobody who is trusted signed the assertion.
    #[error(transparent)]
    Signature(#[from] JwsError),
    /// A token cannot be exchanged (RFC 8693 §2.2.2); the text says why.
    #[error("{0}")]
    SubjectToken(&'static str),
    /// Nobody issued the token that is to be exchanged, or it has ended.
    #[error("the subject token is unknown, has expired or was revoked")]
    UnknownSubjectToken,
    /// The proof of possession is missing, is not good, or was used before.
    #[error(transparent)]
    Proof(#[from] ProofRefusal),
    /// Nothing could be decided.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl Refused {
    /// The code that the client is told; nothing if nothing could be decided.
    pub(crate) const fn code(&self) -> Option<TokenErrorCode> {
        match self {
            Self::Request(error) => Some(error.code()),
            Self::GrantType => Some(TokenErrorCode::UnauthorizedClient),
            Self::Scope(_) => Some(TokenErrorCode::InvalidScope),
            Self::Target(_) => Some(TokenErrorCode::InvalidTarget),
            Self::Grant(_)
            | Self::Revoked(_)
            | Self::Unknown(_)
            | Self::Assertion(_)
            | Self::Signature(_) => Some(TokenErrorCode::InvalidGrant),
            // RFC 8693 §2.2.2: "the value of the error parameter MUST be the
            // invalid_request error code".
            Self::SubjectToken(_) | Self::UnknownSubjectToken => {
                Some(TokenErrorCode::InvalidRequest)
            }
            Self::Proof(ProofRefusal::Nonce(_)) => Some(TokenErrorCode::UseDpopNonce),
            Self::Proof(_) => Some(TokenErrorCode::InvalidDpopProof),
            Self::Unavailable(_) => None,
        }
    }

    /// Whether it may have been a guess, of which nobody has many.
    pub(crate) const fn is_a_guess(&self) -> bool {
        matches!(
            self,
            Self::Unknown(_) | Self::Signature(_) | Self::UnknownSubjectToken
        )
    }
}

impl Refused {
    /// The grant of what was presented, if it had ended.
    pub(crate) const fn ended(&self) -> Option<&GrantId> {
        match self {
            Self::Revoked(grant) => Some(grant),
            _ => None,
        }
    }
}

impl From<countersign_store::StoreError> for Refused {
    fn from(error: countersign_store::StoreError) -> Self {
        Self::Unavailable(error.into())
    }
}

impl Inner {
    /// Answers `request` of `client`, which is authenticated, asks from `address` and proved
    /// to have the key of `proof`, with the body of a token response.
    pub(crate) async fn grant(
        &self,
        client: &Client,
        request: &TokenRequest,
        proof: Option<&Proof>,
        address: Option<IpAddr>,
    ) -> Result<Secret, Refused> {
        if !client.facts.metadata.allows(request.grant_type()) {
            return Err(Refused::GrantType);
        }
        match request {
            TokenRequest::AuthorizationCode(request) => {
                self.redeem_authorization_code(client, request, proof).await
            }
            TokenRequest::RefreshToken(request) => self.refresh(client, request, proof).await,
            TokenRequest::ClientCredentials(request) => {
                self.grant_client_credentials(client, request, proof).await
            }
            TokenRequest::JwtBearer(request) => {
                self.grant_for_assertion(client, request, proof, address)
                    .await
            }
            TokenRequest::TokenExchange(request) => {
                self.exchange_token(client, request, proof).await
            }
            _ => Err(TokenRequestError::GrantTypeUnknown.into()),
        }
    }

    /// What of `granted` can still be issued: its resource is served here, and these
    /// scopes exist and are for the client. Settings and clients change while grants
    /// live.
    fn still_issued(&self, client: &Client, granted: &Granted) -> Result<ScopeSet, Refused> {
        if !self.settings.resources.contains(&granted.resource) {
            return Err(InvalidTarget::Unknown.into());
        }
        let allowed = client.facts.metadata.allowed_scopes(&self.settings.scopes);
        let left = granted.scope.intersection(&allowed);
        if left.is_empty() && !granted.scope.is_empty() {
            return Err(ScopeRefusal::NotAllowed.into());
        }
        Ok(left)
    }

    /// Revokes a grant of which a code or token was used again (RFC 9700 §4.14.2).
    async fn punish_replay(&self, granted: &Granted) -> Result<(), Unavailable> {
        let revoked = self.end_grant(&granted.id).await?;
        if revoked > 0 {
            let event = AuditEvent::ReplayDetected(granted.client.clone(), granted.id.clone());
            self.audit.note(event);
        }
        Ok(())
    }
}

/// What the record of a code or refresh token was made for.
fn granted_of(record: &Record, body: &GrantBody) -> Result<Granted, Refused> {
    let id = record.grant.clone();
    let id = id.ok_or(Refused::Grant("the record hangs on no grant"))?;
    Ok(Granted::read(id, body)?)
}

/// A write that came too late, because the grant was revoked or used in the
/// meantime, is a refusal; everything else is not decided.
fn late(error: Unavailable) -> Refused {
    match error.conflict() {
        Some(Conflict::GrantNotLive | Conflict::Changed) => {
            Refused::Grant("the grant was revoked or used in the meantime")
        }
        _ => Refused::Unavailable(error),
    }
}
