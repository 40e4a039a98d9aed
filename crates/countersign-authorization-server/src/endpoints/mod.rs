//! The endpoints besides `/authorize`: one file each.

mod cors;
mod introspect;
mod jwks;
mod metadata;
mod register;
mod revoke;
mod status;
mod stored_token;
mod token;

pub(crate) use cors::open as open_to_pages;
pub(crate) use introspect::introspect;
pub(crate) use jwks::jwks;
pub(crate) use metadata::metadata;
pub(crate) use register::register;
pub(crate) use revoke::revoke;
pub(crate) use status::status;
pub(crate) use token::token;

use countersign_oauth::form::Form;
use countersign_oauth::token_error::TokenErrorCode;
use http::StatusCode;

use crate::client::{Client, Unauthenticated};
use crate::exchange::{Answer, Incoming, add_basic_challenge, json, throttled};
use crate::server::Inner;
use crate::settings::InvalidGrantStatus;
use crate::unavailable::Unavailable;

/// The form that was posted, and the client that posted it; or what it is answered.
async fn posted(
    inner: &Inner,
    incoming: &Incoming,
) -> Result<Result<(Form, Client), Answer>, Unavailable> {
    let form = Form::parse_post(incoming.content_type(), incoming.query(), &incoming.body);
    let Ok(form) = form else {
        return Ok(Err(refused(inner, TokenErrorCode::InvalidRequest)));
    };
    match inner.authenticate(incoming, &form).await {
        Ok(client) => Ok(Ok((form, client))),
        Err(refusal) => unauthenticated(inner, refusal).map(Err),
    }
}

/// The answer of an endpoint that could not authenticate its client.
fn unauthenticated(inner: &Inner, refusal: Unauthenticated) -> Result<Answer, Unavailable> {
    match refusal {
        Unauthenticated::Unavailable(error) => Err(error),
        Unauthenticated::Throttled(until) => Ok(throttled(until.since(inner.now()))),
        Unauthenticated::Refused { code, used_header } => {
            let mut answer = refused(inner, code);
            if used_header && code == TokenErrorCode::InvalidClient {
                add_basic_challenge(&mut answer);
            }
            Ok(answer)
        }
    }
}

/// RFC 6749 §5.2: the same text for every reason behind a code.
fn refused(inner: &Inner, code: TokenErrorCode) -> Answer {
    let compatible =
        inner.settings.invalid_grant_status == InvalidGrantStatus::CompatibleUnauthorized;
    let status = if compatible && code == TokenErrorCode::InvalidGrant {
        StatusCode::UNAUTHORIZED
    } else {
        StatusCode::from_u16(code.status()).unwrap_or(StatusCode::BAD_REQUEST)
    };
    json(status, code.to_json())
}
