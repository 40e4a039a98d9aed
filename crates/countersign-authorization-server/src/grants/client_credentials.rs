//! Tokens for a client itself: RFC 6749 §4.4, RFC 9068 §2.2 (`sub` is the client).

use countersign_oauth::grant_type::GrantType;
use countersign_oauth::token_request::ClientCredentialsRequest;
use countersign_oauth::{Secret, requested_scope, resource_indicator};
use countersign_store::{GrantId, GrantState, Write};

use super::Refused;
use crate::audit::AuditEvent;
use crate::client::Client;
use crate::grant::Granted;
use crate::issue::Refreshable;
use crate::possession::{Proof, after_use};
use crate::random::draw;
use crate::server::Inner;
use crate::unavailable::Unavailable;

impl Inner {
    pub(super) async fn grant_client_credentials(
        &self,
        client: &Client,
        request: &ClientCredentialsRequest,
        proof: Option<&Proof>,
    ) -> Result<Secret, Refused> {
        let settings = &self.settings;
        let metadata = &client.facts.metadata;
        // RFC 6749 §4.4: "MUST only be used by confidential clients".
        if !metadata.token_endpoint_auth_method.is_confidential() {
            return Err(Refused::GrantType);
        }
        let allowed = metadata.allowed_scopes(&settings.scopes);
        let default = &settings.default_scopes;
        let scope = requested_scope::decide(request.scope.as_ref(), &allowed, default)?;
        let requested = request.resource.iter().map(String::as_str);
        let resource = resource_indicator::select(requested, &settings.resources)?;
        let resource = resource.or_else(|| settings.resources.first().cloned());
        let resource = resource.ok_or(Refused::Grant("this server has no resource"))?;
        let granted = Granted {
            id: GrantId::from_random(draw(self.random.as_ref())?),
            client: client.id.clone(),
            subject: client.id.as_str().to_owned(),
            resource,
            scope: scope.clone(),
            expires_at: self.now().saturating_add(settings.lifetimes.access_token),
            upstream: None,
            asserted_by: None,
            act: None,
        };
        // RFC 6749 §4.4.3: "A refresh token SHOULD NOT be included."
        let mut issued = self
            .issue_tokens(&granted, scope, Refreshable::No, proof)
            .await?;
        let grant = self.grant_record(&granted, GrantState::Active)?;
        issued.writes.insert(0, Write::Insert(grant));
        let written = self.store.write(issued.writes, self.now()).await;
        written.map_err(|error| after_use(Unavailable::from(error), proof))?;
        let grant_type = GrantType::ClientCredentials;
        let event = AuditEvent::TokensIssued(granted.client, granted.id, grant_type);
        self.audit.note(event);
        Ok(issued.response.to_json())
    }
}
