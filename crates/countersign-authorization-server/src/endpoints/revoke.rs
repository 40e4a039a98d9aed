//! The revocation endpoint: RFC 7009 §2.
//!
//! Revoking a refresh token revokes its grant with everything that hangs on it;
//! revoking an access token withdraws that token alone.

use countersign_oauth::revocation_request::TokenInQuestion;
use countersign_oauth::token_error::TokenErrorCode;
use countersign_store::Found;
use http::StatusCode;

use super::stored_token::StoredToken;
use super::{cors, posted, refused};
use crate::audit::{AuditEvent, AuditReason};
use crate::client::Client;
use crate::exchange::{Answer, Incoming, json, throttled};
use crate::server::Inner;
use crate::unavailable::Unavailable;

pub(crate) async fn revoke(inner: &Inner, incoming: &Incoming) -> Result<Answer, Unavailable> {
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
    let Ok(question) = TokenInQuestion::parse(&form) else {
        return Ok(refused(inner, TokenErrorCode::InvalidRequest));
    };
    let token = inner.find_token(&question.token).await?;
    if matches!(token, StoredToken::Unknown) {
        let counted = inner.count_unknown_token(&client.id, incoming.address);
        if let Some(until) = counted.await? {
            let reason = AuditEvent::RevocationRefused(
                client.id,
                AuditReason::RateLimited,
                "too many unknown tokens",
            );
            inner.audit.note(reason);
            return Ok(throttled(until.since(inner.now())));
        }
    }
    let client_of = token.record().and_then(|record| record.client.as_ref());
    // RFC 7009 §2.1: "whether the token was issued to the client making the
    // revocation request. If this validation fails, the request is refused".
    if client_of.is_some_and(|owner| owner.as_str() != client.id.as_str()) {
        let reason = AuditEvent::RevocationRefused(
            client.id,
            AuditReason::OtherClient,
            "the token is of another client",
        );
        inner.audit.note(reason);
        return Ok(refused(inner, TokenErrorCode::InvalidGrant));
    }
    let is_access = matches!(token, StoredToken::Access(Found::Live(_) | Found::Spent(_)));
    withdraw(inner, &client, token).await?;
    if let Some(manager) = inner.token_manager.as_ref().filter(|_| is_access) {
        manager.revoke(&question.token).await?;
    }
    // RFC 7009 §2.2: 200 also for tokens that are unknown or revoked already.
    Ok(json(StatusCode::OK, ""))
}

async fn withdraw(inner: &Inner, client: &Client, token: StoredToken) -> Result<(), Unavailable> {
    let now = inner.now();
    let record = match token {
        StoredToken::Access(Found::Live(record)) => {
            let withdrawn = inner.store.redeem(&record.key, Vec::new(), None, now).await;
            inner.confirmed.forget(&record.key);
            withdrawn?;
            record
        }
        // A used one stands for its family as well as the last one does.
        StoredToken::Refresh(Found::Live(record) | Found::Spent(record)) => {
            if let Some(grant) = &record.grant {
                inner.end_grant(grant).await?;
            }
            record
        }
        StoredToken::Access(_) | StoredToken::Refresh(Found::Absent) | StoredToken::Unknown => {
            return Ok(());
        }
    };
    if let Some(grant) = record.grant {
        let event = AuditEvent::TokenRevoked(client.id.clone(), grant);
        inner.audit.note(event);
    }
    Ok(())
}
