//! Tokens are given back: RFC 7009 §2.1.

use bytes::Bytes;
use countersign_oauth::Secret;
use countersign_oauth::client_authentication::OwnClient;
use countersign_oauth::json;
use countersign_oauth::parameters::Parameters;
use countersign_oauth::received_tokens::is_error_code;
use http::Response;
use serde_json::Value;

use crate::ask::Asker;
use crate::discovery::Discovery;
use crate::error::OAuthError;
use crate::store::StoredTokens;

const WHAT: &str = "the revocation endpoint";

/// Revokes `tokens` at the authorization server of `discovery`: the refresh token first,
/// because it is worth more. `false` if the server revokes nothing.
///
/// # Errors
///
/// [`OAuthError`] of the first token that may still be good; the other one was tried.
pub async fn revoke(
    asker: &Asker,
    discovery: &Discovery,
    client: &OwnClient,
    tokens: &StoredTokens,
) -> Result<bool, OAuthError> {
    let Some(address) = discovery.metadata.revocation_endpoint.as_deref() else {
        return Ok(false);
    };
    let refresh = tokens.refresh_token.as_ref();
    let kinds = [
        ("refresh_token", refresh),
        ("access_token", Some(&tokens.access_token)),
    ];
    let mut outcome = Ok(true);
    for (hint, token) in kinds {
        let Some(token) = token else { continue };
        let revoked = one(asker, discovery, address, client, (hint, token)).await;
        // One that fails keeps nobody from giving back the other.
        outcome = outcome.and(revoked.map(|()| true));
    }
    outcome
}

async fn one(
    asker: &Asker,
    discovery: &Discovery,
    address: &str,
    client: &OwnClient,
    (hint, token): (&str, &Secret),
) -> Result<(), OAuthError> {
    let mut parameters = Parameters::default();
    parameters.set("token", token.reveal());
    parameters.set("token_type_hint", hint);
    let issuer = discovery.issuer.as_str();
    let make = || asker.request_of(client, issuer, (WHAT, address), &parameters);
    check(&asker.ask_anew(WHAT, make).await?)
}

/// RFC 7009 §2.2: a token that the server does not know is gone all the same.
fn check(answer: &Response<Bytes>) -> Result<(), OAuthError> {
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    let document = json::parse_object(answer.body()).ok();
    let code = document.and_then(|one| one.get("error").and_then(Value::as_str).map(str::to_owned));
    match code.filter(|code| is_error_code(code)) {
        // RFC 7009 §2.2.1: it cannot be revoked here; there is nothing to be done.
        Some(code) if code == "unsupported_token_type" => Ok(()),
        Some(code) => Err(OAuthError::Refused {
            what: WHAT.to_owned(),
            code,
            description: None,
        }),
        None => Err(OAuthError::BadAnswer(format!(
            "{WHAT} answers with status {}",
            status.as_u16()
        ))),
    }
}
