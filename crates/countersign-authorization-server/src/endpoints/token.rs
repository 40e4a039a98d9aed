//! The token endpoint: RFC 6749 §3.2.

use countersign_oauth::form::Form;
use countersign_oauth::token_error::TokenErrorCode;
use countersign_oauth::token_request::TokenRequest;
use http::StatusCode;

use super::{cors, refused, unauthenticated};
use crate::audit::AuditEvent;
use crate::client::Client;
use crate::exchange::{Answer, Incoming, json};
use crate::grants::Refused;
use crate::server::Inner;
use crate::unavailable::Unavailable;

pub(crate) async fn token(inner: &Inner, incoming: &Incoming) -> Result<Answer, Unavailable> {
    if let Some(answer) = cors::other_method(incoming, "POST") {
        return Ok(answer);
    }
    answer(inner, incoming).await.map(cors::open)
}

async fn answer(inner: &Inner, incoming: &Incoming) -> Result<Answer, Unavailable> {
    let form = Form::parse_post(incoming.content_type(), incoming.query(), &incoming.body);
    let Ok(form) = form else {
        return Ok(refused(inner, TokenErrorCode::InvalidRequest));
    };
    let client = match inner.authenticate(incoming, &form).await {
        Ok(client) => client,
        Err(refusal) => return unauthenticated(inner, refusal),
    };
    match grant(inner, &client, &form).await {
        Ok(body) => Ok(json(StatusCode::OK, body.reveal().to_owned())),
        Err(refusal) => match (refusal.code(), refusal) {
            (None, Refused::Unavailable(error)) => Err(error),
            (code, refusal) => {
                let event = AuditEvent::TokenRequestRefused(client.id, refusal.to_string());
                inner.audit.note(event);
                Ok(refused(
                    inner,
                    code.unwrap_or(TokenErrorCode::InvalidRequest),
                ))
            }
        },
    }
}

async fn grant(
    inner: &Inner,
    client: &Client,
    form: &Form,
) -> Result<countersign_oauth::Secret, Refused> {
    let request = TokenRequest::parse(form)?;
    inner.grant(client, &request).await
}
