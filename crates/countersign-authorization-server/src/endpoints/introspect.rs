//! The introspection endpoint: RFC 7662 §2.
//!
//! A resource server learns about tokens for itself alone: which resources a client
//! serves is for an administrator to say.

use countersign_oauth::introspection::{ActiveToken, Introspection};
use countersign_oauth::revocation_request::TokenInQuestion;
use countersign_oauth::token_error::TokenErrorCode;
use countersign_oauth::{ScopeSet, Secret};
use countersign_store::{Found, GrantId, Key, Record, SecretHash};
use http::{Method, StatusCode};

use super::{posted, refused};
use crate::audit::{AuditEvent, ClientRefusal};
use crate::client::Client;
use crate::exchange::{Answer, Incoming, json, method_not_allowed};
use crate::grant::AccessTokenBody;
use crate::server::Inner;
use crate::unavailable::Unavailable;

pub(crate) async fn introspect(inner: &Inner, incoming: &Incoming) -> Result<Answer, Unavailable> {
    if incoming.method != Method::POST {
        return Ok(method_not_allowed("POST"));
    }
    let (form, client) = match posted(inner, incoming).await? {
        Ok(posted) => posted,
        Err(answer) => return Ok(answer),
    };
    // RFC 7662 §2.1: "MUST also require some form of authorization to access".
    let method = client.facts.metadata.token_endpoint_auth_method;
    if !method.is_confidential() {
        let event = AuditEvent::ClientRefused(Some(client.id), ClientRefusal::Public);
        inner.audit.note(event);
        return Ok(refused(inner, TokenErrorCode::InvalidClient));
    }
    let Ok(question) = TokenInQuestion::parse(&form) else {
        return Ok(refused(inner, TokenErrorCode::InvalidRequest));
    };
    let answer = match inner.active_token(&question.token).await? {
        Some(token) if may_know(&client, &token) => Introspection::Active(Box::new(token)),
        Some(_) => {
            let event = AuditEvent::IntrospectionRefused(client.id);
            inner.audit.note(event);
            Introspection::Inactive
        }
        None => Introspection::Inactive,
    };
    Ok(json(StatusCode::OK, answer.to_json()))
}

fn may_know(client: &Client, token: &ActiveToken) -> bool {
    let aud = token.aud.as_ref();
    aud.is_some_and(|aud| client.facts.introspects.contains(aud))
}

impl Inner {
    /// What an access token of ours says, if it is active at this moment.
    pub(crate) async fn active_token(
        &self,
        token: &Secret,
    ) -> Result<Option<ActiveToken>, Unavailable> {
        let key = Key::access_token(SecretHash::of(token));
        let active = self.active_token_under(&key, token).await?;
        Ok(active.map(|(_, token)| token))
    }

    /// What the access token with this text, which is under `key`, says, if it is active, and its grant.
    pub(crate) async fn active_token_under(
        &self,
        key: &Key,
        text: &Secret,
    ) -> Result<Option<(Option<GrantId>, ActiveToken)>, Unavailable> {
        match self.store.get(key, self.now()).await? {
            Found::Live(record) => {
                let Some(token) = self.described(&record)? else {
                    return Ok(None);
                };
                if let Some(manager) = &self.token_manager
                    && !manager.validate(text, &token).await?
                {
                    return Ok(None);
                }
                Ok(Some((record.grant, token)))
            }
            Found::Spent(_) | Found::Absent => Ok(None),
        }
    }

    fn described(&self, record: &Record) -> Result<Option<ActiveToken>, Unavailable> {
        let body: AccessTokenBody = record.body()?;
        let (Some(subject), Some(client)) = (&record.subject, &record.client) else {
            return Ok(None);
        };
        let Some(expires_at) = record.expires_at else {
            return Ok(None);
        };
        let mut token = ActiveToken::new(
            self.settings.issuer.as_str(),
            subject.as_str(),
            client.as_str(),
            record.created_at,
            expires_at,
        );
        token.aud = Some(body.resource);
        token.act = body.act;
        token.scope = ScopeSet::parse(&body.scope).unwrap_or_default();
        Ok(Some(match body.jkt {
            Some(jkt) => token.bound_to(jkt),
            None => token,
        }))
    }
}
