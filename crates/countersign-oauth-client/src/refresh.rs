//! A refresh token becomes new tokens: RFC 6749 §6.

use countersign_oauth::ScopeSet;
use countersign_oauth::client_authentication::OwnClient;
use countersign_oauth::parameters::Parameters;
use countersign_oauth::received_tokens::{ReceivedTokenType, ReceivedTokens};
use countersign_oauth::{ResourceUri, Secret, UnixTime};

use crate::ask::Asker;
use crate::discovery::Discovery;
use crate::error::OAuthError;
use crate::store::{StoredTokens, TokenType};
use crate::token_endpoint::{TokenEndpoint, TokenProof};

/// The token endpoint of `discovery`, asked as `client`.
///
/// # Errors
///
/// [`OAuthError::BadAnswer`] if it names none.
pub fn endpoint<'a>(
    asker: &'a Asker,
    discovery: &'a Discovery,
    client: &'a OwnClient,
    proof: Option<&'a dyn TokenProof>,
) -> Result<TokenEndpoint<'a>, OAuthError> {
    let issuer = &discovery.issuer;
    let address = discovery.metadata.token_endpoint.as_deref();
    let address = address.ok_or_else(|| {
        OAuthError::BadAnswer(format!(
            "the authorization server {issuer} names no token endpoint"
        ))
    })?;
    let mut endpoint = TokenEndpoint::new(asker, address, issuer.as_str(), client);
    endpoint.proof = proof;
    Ok(endpoint)
}

/// The parameters of a refresh. Scopes are not named: they stay as they are.
pub fn parameters(refresh_token: &Secret, resource: &ResourceUri) -> Parameters {
    let mut parameters = Parameters::default();
    parameters.set("grant_type", "refresh_token");
    parameters.set("refresh_token", refresh_token.reveal());
    parameters.set("resource", resource.as_str());
    parameters
}

/// What is kept of `tokens`, which were issued at `now` for `asked`; if they were issued
/// for a refresh token, `earlier` is what it came with. A refresh token that was replaced
/// is kept no more, one that was not goes on being good (RFC 6749 §6).
///
/// # Errors
///
/// [`OAuthError::BadAnswer`] for a token that no resource can be shown.
pub fn kept(
    tokens: &ReceivedTokens,
    asked: &ScopeSet,
    earlier: Option<&StoredTokens>,
    now: UnixTime,
) -> Result<StoredTokens, OAuthError> {
    let token_type = match tokens.token_type {
        Some(ReceivedTokenType::Bearer) => TokenType::Bearer,
        Some(ReceivedTokenType::Dpop) => TokenType::Dpop,
        None => {
            return Err(OAuthError::BadAnswer(
                "the token endpoint issues a token that no server can be shown".to_owned(),
            ));
        }
    };
    // RFC 6749 §5.1: absent "if identical to the scope requested by the client".
    let scopes = tokens.scope.clone().unwrap_or_else(|| asked.clone());
    let mut kept = StoredTokens::new(tokens.access_token.clone(), token_type, scopes, now);
    kept.expires_at = tokens.expires_in.map(|span| now.saturating_add(span));
    let earlier_token = earlier.and_then(|earlier| earlier.refresh_token.clone());
    kept.refresh_token = tokens.refresh_token.clone().or(earlier_token);
    kept.dpop_key = earlier.and_then(|earlier| earlier.dpop_key.clone());
    Ok(kept)
}
