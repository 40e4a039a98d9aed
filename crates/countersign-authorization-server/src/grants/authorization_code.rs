//! Redeeming a code: RFC 6749 §4.1.3, RFC 7636 §4.6, RFC 8707 §2.2.
//!
//! Everything is checked before the code is used up, so that a mistake of the
//! client, or somebody else's attempt, costs its owner nothing. Three failures
//! withdraw it. A code that was used already and comes with its right proof again
//! was stolen on one of the two ways, and its grant is revoked; without the proof
//! it proves nothing, and a stranger cannot revoke anything.

use countersign_oauth::grant::GrantStep;
use countersign_oauth::grant_type::GrantType;
use countersign_oauth::token_request::AuthorizationCodeRequest;
use countersign_oauth::{Secret, resource_indicator};
use countersign_store::{CounterKey, Found, Key, Record, SecretHash, Status, Write};

use super::{Refused, granted_of};
use crate::audit::AuditEvent;
use crate::client::Client;
use crate::grant::{CodeBody, Granted};
use crate::issue::Refreshable;
use crate::possession::{Proof, was_used};
use crate::server::Inner;
use crate::unavailable::Unavailable;

/// How many failed redemptions a code survives.
const FAILURES: u64 = 3;

impl Inner {
    pub(super) async fn redeem_authorization_code(
        &self,
        client: &Client,
        request: &AuthorizationCodeRequest,
        proof: Option<&Proof>,
    ) -> Result<Secret, Refused> {
        let key = Key::authorization_code(SecretHash::of(&request.code));
        let record = match self.store.get(&key, self.now()).await? {
            Found::Absent => return Err(Refused::Unknown("the code is unknown or has expired")),
            Found::Spent(record) => {
                return Err(self.refuse_spent(client, request, proof, &record).await?);
            }
            Found::Live(record) => record,
        };
        let body: CodeBody = record.body()?;
        let granted = granted_of(&record, &body.grant)?;
        if let Err(refusal) = check(client, request, proof, &body) {
            self.count_failure(&key, &granted).await?;
            return Err(refusal);
        }
        let scope = self.still_issued(client, &granted)?;
        let known = std::slice::from_ref(&granted.resource);
        resource_indicator::select(request.resource.iter().map(String::as_str), known)?;
        if !self.still_allows(&granted).await? {
            return Err(Refused::Grant("the person no longer allows this"));
        }
        let refreshable = if client.facts.metadata.allows(GrantType::RefreshToken) {
            Refreshable::of(client)
        } else {
            Refreshable::No
        };
        let mut issued = self
            .issue_tokens(&granted, scope, refreshable, proof)
            .await?;
        issued.writes.extend(self.keep_client_with(client));
        match self.use_up(&key, &granted, proof, issued.writes).await? {
            Found::Live(_) => {
                let grant_type = GrantType::AuthorizationCode;
                let event = AuditEvent::TokensIssued(granted.client, granted.id, grant_type);
                self.audit.note(event);
                Ok(issued.response.to_json())
            }
            Found::Spent(record) => Err(self.refuse_spent(client, request, proof, &record).await?),
            Found::Absent => Err(Refused::Grant("the code has expired")),
        }
    }

    /// Uses up the code and makes its grant active, in one step with `writes`. If the
    /// grant has no code to redeem any more, another request was faster, and what is
    /// under the key of the code says so.
    async fn use_up(
        &self,
        key: &Key,
        granted: &Granted,
        proof: Option<&Proof>,
        mut writes: Vec<Write>,
    ) -> Result<Found, Refused> {
        if let Some(active) = self.activate(granted).await? {
            writes.insert(0, active);
            let redeemed = self.store.redeem(key, writes, None, self.now()).await;
            match redeemed.map_err(Unavailable::from) {
                Err(error) if error.conflict().is_some() => {
                    if let Some(replayed) = was_used(&error, proof) {
                        return Err(replayed);
                    }
                }
                redeemed => return Ok(redeemed?),
            }
        }
        match self.store.get(key, self.now()).await? {
            Found::Live(_) => Err(Refused::Grant("the grant was revoked or has expired")),
            found => Ok(found),
        }
    }

    /// The grant goes from *code issued* to *active*, and is used for the first time;
    /// nothing if it cannot.
    async fn activate(&self, granted: &Granted) -> Result<Option<Write>, Unavailable> {
        let key = Key::grant(&granted.id);
        let Some(record) = self.store.get(&key, self.now()).await?.live() else {
            return Ok(None);
        };
        let state = record.grant_state();
        let state = state.and_then(|state| state.after(GrantStep::RedeemCode).ok());
        Ok(state.map(|state| {
            let mut active = record.in_state(state);
            active.last_used_at = Some(self.now());
            Write::Replace(active)
        }))
    }

    /// A code that was used or revoked before.
    async fn refuse_spent(
        &self,
        client: &Client,
        request: &AuthorizationCodeRequest,
        proof: Option<&Proof>,
        record: &Record,
    ) -> Result<Refused, Refused> {
        let body: CodeBody = record.body()?;
        let granted = granted_of(record, &body.grant)?;
        self.refuse_replay(proof).await?;
        let is_proven = || check(client, request, proof, &body).is_ok();
        if matches!(record.status, Status::Used { .. }) && is_proven() {
            self.punish_replay(&granted).await?;
        }
        Ok(Refused::Grant("the code was used or revoked before"))
    }

    async fn count_failure(&self, key: &Key, granted: &Granted) -> Result<(), Unavailable> {
        let counter = CounterKey::new("failed redemptions of a code", &[key.id()]);
        let (window, now) = (self.settings.lifetimes.code, self.now());
        if self.store.hit(&counter, window, now).await?.count >= FAILURES {
            self.store.redeem(key, Vec::new(), None, now).await?;
            let event = AuditEvent::CodeWithdrawn(granted.client.clone(), granted.id.clone());
            self.audit.note(event);
        }
        Ok(())
    }
}

/// RFC 6749 §4.1.3: the code was issued to this client, for this address; RFC 7636
/// §4.6: and the client has the verifier; RFC 9449 §10: and the key that it named.
fn check(
    client: &Client,
    request: &AuthorizationCodeRequest,
    proof: Option<&Proof>,
    body: &CodeBody,
) -> Result<(), Refused> {
    if body.grant.client != client.id {
        return Err(Refused::Grant("the code was issued to another client"));
    }
    request
        .check_redirect_uri(&body.redirect_uri, body.redirect_uri_was_sent)
        .map_err(|_| Refused::Grant("redirect_uri is not that of the authorization request"))?;
    body.code_challenge
        .check(request.code_verifier.as_ref())
        .map_err(|_| Refused::Grant("code_verifier is missing or does not fit"))?;
    if body.dpop_jkt.is_some() && body.dpop_jkt != proof.map(Proof::key) {
        return Err(Refused::Grant("the code is bound to another key"));
    }
    Ok(())
}
