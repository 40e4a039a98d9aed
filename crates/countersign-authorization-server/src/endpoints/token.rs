//! The token endpoint: RFC 6749 §3.2.

use countersign_oauth::Secret;
use countersign_oauth::dpop::NONCE_FIELD;
use countersign_oauth::form::Form;
use countersign_oauth::token_error::TokenErrorCode;
use countersign_oauth::token_request::TokenRequest;
use http::{HeaderValue, StatusCode};

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
        Ok((body, nonce)) => {
            let answer = json(StatusCode::OK, body.reveal().to_owned());
            return Ok(with_nonce(answer, nonce));
        }
        Err(Refused::Unavailable(error)) => return Err(error),
        Err(refusal) => refusal,
    };
    let code = refusal.code().unwrap_or(TokenErrorCode::InvalidRequest);
    let event = AuditEvent::TokenRequestRefused(
        client.id.clone(),
        refusal.ended().cloned(),
        code,
        refusal.to_string(),
    );
    inner.audit.note(event);
    if refusal.is_a_guess() {
        let counted = inner.count_unknown_token(&client.id, incoming.address);
        if let Some(until) = counted.await? {
            return Ok(throttled(until.since(inner.now())));
        }
    }
    // RFC 9449 §8: every answer may bring a nonce; these do.
    let nonce = match refusal {
        Refused::Proof(_) => inner.nonce_for_proofs(),
        _ => None,
    };
    Ok(with_nonce(refused(inner, code), nonce))
}

fn with_nonce(mut answer: Answer, nonce: Option<HeaderValue>) -> Answer {
    if let Some(nonce) = nonce {
        answer.headers_mut().insert(NONCE_FIELD, nonce);
    }
    answer
}

async fn grant(
    inner: &Inner,
    client: &Client,
    form: &Form,
    incoming: &Incoming,
) -> Result<(Secret, Option<HeaderValue>), Refused> {
    let request = TokenRequest::parse_offered(form, &inner.machines.grant_types())?;
    let proof = inner.proof_of(client, incoming).await?;
    let granted = inner.grant(client, &request, proof.as_ref(), incoming.address);
    let body = granted.await?;
    Ok((body, proof.and_then(|proof| proof.next_nonce)))
}
