//! Exchanging the access token with which a resource server was called: RFC 8693 §2.
//!
//! The token that is issued hangs on the grant of the one that is exchanged, so that it
//! ends with it, and says in `act` who acts. There is never a refresh token.

use countersign_oauth::actor::Actor;
use countersign_oauth::grant::GrantState;
use countersign_oauth::grant_type::GrantType;
use countersign_oauth::introspection::ActiveToken;
use countersign_oauth::resource_indicator::InvalidTarget;
use countersign_oauth::token_exchange::{ACCESS_TOKEN, TokenExchangeRequest};
use countersign_oauth::{ResourceUri, Secret, requested_scope, resource_indicator};
use countersign_store::{Found, GrantId, Key, SecretHash};

use super::{Refused, late};
use crate::audit::AuditEvent;
use crate::client::Client;
use crate::grant::{GrantBody, Granted};
use crate::issue::Refreshable;
use crate::machines::ExchangeRule;
use crate::possession::{Proof, was_used};
use crate::server::Inner;
use crate::unavailable::Unavailable;

impl Inner {
    pub(super) async fn exchange_token(
        &self,
        client: &Client,
        request: &TokenExchangeRequest,
        proof: Option<&Proof>,
    ) -> Result<Secret, Refused> {
        let metadata = &client.facts.metadata;
        let rules: Vec<&ExchangeRule> = self.machines.exchanges_of(&client.id).collect();
        if rules.is_empty() || !metadata.token_endpoint_auth_method.is_confidential() {
            return Err(Refused::GrantType);
        }
        let text = &request.subject_token;
        let key = Key::access_token(SecretHash::of(text));
        let Some((Some(grant), token)) = self.active_token_under(&key, text).await? else {
            return Err(Refused::UnknownSubjectToken);
        };
        let rule = self.exchange_rule(&rules, request, &token)?;
        let allowed = metadata.allowed_scopes(&self.settings.scopes);
        let allowed = allowed.intersection(&rule.scopes);
        let allowed = allowed.intersection(&token.scope);
        let scope = requested_scope::narrow(request.scope.as_ref(), &allowed)?;
        let act = Actor::after(token.act.as_ref(), client.id.as_str());
        let act = act.ok_or(Refused::SubjectToken(
            "as many parties act for the subject as may",
        ))?;
        let granted = self.live_grant(grant).await?;
        let now = self.now();
        let lifetime = rule.lifetime.min(self.settings.lifetimes.access_token);
        let end = now.saturating_add(lifetime).min(token.exp);
        let exchanged = Granted {
            client: client.id.clone(),
            resource: rule.target.clone(),
            scope: scope.clone(),
            expires_at: end.min(granted.expires_at),
            act: Some(act),
            ..granted
        };
        let mut issued = self
            .issue_tokens(&exchanged, scope, Refreshable::No, proof)
            .await?;
        issued.response.issued_token_type = Some(ACCESS_TOKEN);
        let written = self.store.write(issued.writes, now).await;
        let written = written.map_err(Unavailable::from);
        written.map_err(|error| was_used(&error, proof).unwrap_or_else(|| late(error)))?;
        let (client, id) = (exchanged.client, exchanged.id);
        let event = AuditEvent::TokensIssued(client, id, GrantType::TokenExchange);
        self.audit.note(event);
        Ok(issued.response.to_json())
    }

    /// What allows to exchange `token` for the target of `request`.
    fn exchange_rule<'a>(
        &self,
        rules: &[&'a ExchangeRule],
        request: &TokenExchangeRequest,
        token: &ActiveToken,
    ) -> Result<&'a ExchangeRule, Refused> {
        let fits = |rule: &&&ExchangeRule| token.aud.as_deref() == Some(rule.served.as_str());
        let fitting: Vec<&ExchangeRule> = rules.iter().filter(fits).copied().collect();
        if fitting.is_empty() {
            // Somebody else was called with it (RFC 8693 §5).
            return Err(Refused::SubjectToken(
                "the subject token is for no resource that the client serves",
            ));
        }
        let targets: Vec<ResourceUri> = fitting.iter().map(|rule| rule.target.clone()).collect();
        let requested = request.resource.iter().map(String::as_str);
        let target = resource_indicator::select(requested, &targets)?;
        let rule = match (target, fitting.as_slice()) {
            (None, [only]) => Some(*only),
            (None, _) => None,
            (Some(target), _) => fitting.iter().find(|rule| rule.target == target).copied(),
        };
        rule.ok_or_else(|| InvalidTarget::Unknown.into())
    }

    /// The grant `id`, whose person still stands behind it.
    async fn live_grant(&self, id: GrantId) -> Result<Granted, Refused> {
        let ended = Refused::SubjectToken("the grant of the subject token has ended");
        let Found::Live(record) = self.store.get(&Key::grant(&id), self.now()).await? else {
            return Err(ended);
        };
        if record.grant_state() != Some(GrantState::Active) {
            return Err(ended);
        }
        let body: GrantBody = record.body()?;
        let granted = Granted::read(id, &body).map_err(Unavailable::from)?;
        // Of clients themselves, and of those for whom another issuer vouched, nobody here
        // is asked; whoever is disabled has no grants.
        let is_client = granted.subject == granted.client.as_str();
        if !is_client && granted.asserted_by.is_none() && !self.still_allows(&granted).await? {
            return Err(Refused::SubjectToken("the person no longer allows this"));
        }
        Ok(granted)
    }
}
