//! How tokens are shown to a protected resource, and what its refusals are about:
//! RFC 6750 §2.1 and §3, RFC 9449 §7 and §9.

use countersign_oauth::Secret;
use countersign_oauth::received_challenge::ReceivedChallenge;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::ask::sensitive;
use crate::authorizer::{Next, Outgoing, Refused};
use crate::dpop::{DPOP, Prover, ReceivedNonces, Role};
use crate::error::OAuthError;
use crate::store::{StoredTokens, TokenType};

/// So often a resource may ask for another nonce on behalf of one request: at first, after a
/// login that took longer than nonces last, and once more.
const MAX_NONCES: u32 = 3;

/// The header fields with which `tokens` are shown in `request`, by `prover` if they are bound
/// to a key.
pub(crate) fn fields(
    request: Outgoing<'_>,
    tokens: &StoredTokens,
    prover: Option<&Prover>,
) -> Result<HeaderMap, OAuthError> {
    let mut headers = HeaderMap::new();
    let (token, kind) = (&tokens.access_token, tokens.token_type);
    let text = Secret::new(format!("{} {}", kind.as_str(), token.reveal()));
    headers.insert(AUTHORIZATION, sensitive(&text)?);
    if let Some(prover) = prover.filter(|_| kind == TokenType::Dpop) {
        let proof = prover.prove(request.method, request.url, Some(token))?;
        headers.insert(DPOP, proof);
    }
    Ok(headers)
}

/// What a refusal is about.
pub(crate) enum About {
    /// There is no token, or it is not good.
    Token(Option<ReceivedChallenge>),
    /// The token is good, and permits too little (RFC 6750 §3.1).
    Scope(ReceivedChallenge),
    /// Nothing that other tokens would help with.
    Else(Next),
}

impl About {
    /// Reads `refused`, and remembers its nonce among `nonces`.
    pub(crate) fn of(refused: &Refused<'_>, nonces: &ReceivedNonces) -> Self {
        let values = refused.headers.get_all(WWW_AUTHENTICATE);
        let challenge = ReceivedChallenge::for_token(values.iter().map(HeaderValue::as_bytes));
        let error = challenge.as_ref().and_then(ReceivedChallenge::error);
        let has_nonce = nonces.heed(Role::Resource, refused.request.url, refused.headers);
        // RFC 9449 §9: the token is good, and so is the next proof.
        if error == Some("use_dpop_nonce") && refused.shown.contains_key(DPOP) {
            let helps = has_nonce && refused.attempt < MAX_NONCES;
            return Self::Else(if helps { Next::Again } else { Next::GiveUp });
        }
        let is_scope = error == Some("insufficient_scope");
        match (refused.status, challenge) {
            (StatusCode::UNAUTHORIZED, challenge) => Self::Token(challenge),
            (StatusCode::FORBIDDEN, Some(challenge)) if is_scope => Self::Scope(challenge),
            _ => Self::Else(Next::GiveUp),
        }
    }
}
