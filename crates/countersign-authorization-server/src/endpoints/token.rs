//! The token endpoint: RFC 6749 §3.2.

use countersign_oauth::form::Form;
use countersign_oauth::token_error::TokenErrorCode;
use countersign_oauth::token_request::TokenRequest;
use http::StatusCode;

use super::{cors, posted, refused};
use crate::audit::AuditEvent;
use crate::client::Client;
use crate::exchange::{Answer, Incoming, json, throttled};
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
    let (form, client) = match posted(inner, incoming).await? {
        Ok(posted) => posted,
        Err(answer) => return Ok(answer),
    };
    let refusal = match grant(inner, &client, &form, incoming).await {
        Ok(body) => return Ok(json(StatusCode::OK, body.reveal().to_owned())),
        Err(Refused::Unavailable(error)) => return Err(error),
        Err(refusal) => refusal,
    };
    let code = refusal.code().unwrap_or(TokenErrorCode::InvalidRequest);
    let event =
        AuditEvent::TokenRequestRefused(client.id.clone(), refusal.code(), refusal.to_string());
    inner.audit.note(event);
    if refusal.is_a_guess() {
        let counted = inner.count_unknown_token(&client.id, incoming.address);
        if let Some(until) = counted.await? {
            return Ok(throttled(until.since(inner.now())));
        }
    }
    Ok(refused(inner, code))
}

async fn grant(
    inner: &Inner,
    client: &Client,
    form: &Form,
    incoming: &Incoming,
) -> Result<countersign_oauth::Secret, Refused> {
    let request = TokenRequest::parse_offered(form, &inner.machines.grant_types())?;
    inner.grant(client, &request, incoming.address).await
}
