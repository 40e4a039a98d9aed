//! Refreshing: RFC 6749 §6, with rotation and detection of reuse (RFC 9700 §4.14.2).
//!
//! A refresh token is used once. The answer is kept sealed on it for some seconds,
//! so that a client that lost the answer, or asked twice at once, gets the same
//! successor; other servers of this kind revoke the family then, and log people out
//! because of a bad connection. After that a used token is a stolen one.
//!
//! Whoever came by an upstream provider is refreshed for as long as the provider stands
//! behind them: it is asked when its own access token has ended (`vault/mod.rs`).

use countersign_oauth::grant_type::GrantType;
use countersign_oauth::token_request::RefreshTokenRequest;
use countersign_oauth::{Secret, requested_scope, resource_indicator};
use countersign_store::{Column, Found, Key, Record, Sealed, SecretHash, Status, Write};

use super::{Refused, granted_of, late};
use crate::audit::AuditEvent;
use crate::client::Client;
use crate::grant::{Granted, RefreshTokenBody};
use crate::issue::Refreshable;
use crate::possession::{Proof, was_used};
use crate::random::draw;
use crate::server::Inner;
use crate::unavailable::Unavailable;
use crate::vault::Trouble;

impl Inner {
    pub(super) async fn refresh(
        &self,
        client: &Client,
        request: &RefreshTokenRequest,
        proof: Option<&Proof>,
    ) -> Result<Secret, Refused> {
        let key = Key::refresh_token(SecretHash::of(&request.refresh_token));
        let record = match self.store.get(&key, self.now()).await? {
            Found::Absent => {
                return Err(Refused::Unknown("the refresh token is unknown or expired"));
            }
            Found::Spent(record) => return self.refresh_again(client, &record, proof).await,
            Found::Live(record) => record,
        };
        let granted = granted_to(client, &record, proof)?;
        let left = self.still_issued(client, &granted)?;
        let scope = requested_scope::narrow(request.scope.as_ref(), &left)?;
        let known = std::slice::from_ref(&granted.resource);
        resource_indicator::select(request.resource.iter().map(String::as_str), known)?;
        if !self.still_allows(&granted).await? {
            return Err(Refused::Grant("the person no longer allows this"));
        }
        self.ask_upstream(&granted).await?;
        let mut issued = self
            .issue_tokens(&granted, scope, Refreshable::of(client), proof)
            .await?;
        issued.writes.push(Write::Touch {
            key: Key::grant(&granted.id),
            extend_to: None,
        });
        issued.writes.extend(self.keep_client_with(client));
        let answer = issued.response.to_json();
        let receipt = self.seal_receipt(&key, &answer)?;
        let redeemed = self
            .store
            .redeem(&key, issued.writes, Some(receipt), self.now())
            .await;
        let redeemed = redeemed.map_err(Unavailable::from);
        match redeemed.map_err(|error| was_used(&error, proof).unwrap_or_else(|| late(error)))? {
            Found::Live(_) => {
                let (client, id) = (granted.client, granted.id);
                let event = AuditEvent::TokensIssued(client, id, GrantType::RefreshToken);
                self.audit.note(event);
                Ok(answer)
            }
            Found::Spent(record) => self.refresh_again(client, &record, proof).await,
            Found::Absent => Err(Refused::Grant("the refresh token has expired")),
        }
    }

    /// Asks the provider at which the person logged in, before anything is used up here.
    async fn ask_upstream(&self, granted: &Granted) -> Result<(), Refused> {
        let asked = self.vault.ask_behind(granted).await;
        asked.map_err(|trouble| match trouble {
            Trouble::LogInAgain => {
                Refused::Grant("the upstream provider no longer stands behind the grant")
            }
            Trouble::NotConnected => Refused::Grant("the upstream tokens of the grant are gone"),
            _ => Refused::Unavailable(trouble.into()),
        })
    }

    /// A refresh token that was used or revoked before.
    async fn refresh_again(
        &self,
        client: &Client,
        record: &Record,
        proof: Option<&Proof>,
    ) -> Result<Secret, Refused> {
        let granted = granted_to(client, record, proof)?;
        let Status::Used { at, receipt } = &record.status else {
            return Err(Refused::Revoked(granted.id));
        };
        let grace = self.settings.lifetimes.refresh_grace;
        if let Some(receipt) = receipt
            && self.now() < at.saturating_add(grace)
        {
            if !self.still_allows(&granted).await? {
                return Err(Refused::Grant("the person no longer allows this"));
            }
            self.use_up_proof(proof).await?;
            return Ok(self.open_receipt(&record.key, receipt)?);
        }
        self.refuse_replay(proof).await?;
        self.punish_replay(&granted).await?;
        Err(Refused::Grant("the refresh token was used before"))
    }

    fn seal_receipt(&self, key: &Key, answer: &Secret) -> Result<Sealed, Unavailable> {
        let nonce = draw(self.random.as_ref())?;
        self.sealing
            .seal(key, Column::Receipt, answer.reveal().as_bytes(), nonce)
            .map_err(|_| Unavailable::Seal)
    }

    fn open_receipt(&self, key: &Key, receipt: &Sealed) -> Result<Secret, Unavailable> {
        let opened = self.sealing.open(key, Column::Receipt, receipt);
        let opened = opened.map_err(|_| Unavailable::Seal)?;
        let text = std::str::from_utf8(&opened).map_err(|_| Unavailable::Seal)?;
        Ok(Secret::new(text))
    }
}

/// RFC 6749 §6: the refresh token "is bound to the client to which it was issued"; RFC 9449
/// §5: and that of a public client to its key.
fn granted_to(client: &Client, record: &Record, proof: Option<&Proof>) -> Result<Granted, Refused> {
    let RefreshTokenBody { grant: body, jkt } = record.body()?;
    if body.client != client.id {
        return Err(Refused::Grant(
            "the refresh token was issued to another client",
        ));
    }
    if jkt.is_some() && jkt != proof.map(Proof::key) {
        return Err(Refused::Grant("the refresh token is bound to another key"));
    }
    granted_of(record, &body)
}
