//! Refreshing: RFC 6749 §6, with rotation and detection of reuse (RFC 9700 §4.14.2).
//!
//! A refresh token is used once. The answer is kept sealed on it, and for some seconds
//! a client that lost the answer, or asked twice at once, gets the same successor; other
//! servers of this kind revoke the family then, and log people out because of a bad
//! connection. After that a used token is a stolen one, unless nobody but its client
//! could show it: then an answer that nobody used was lost (`lost_answer.rs`).
//!
//! Whoever came by an upstream provider is refreshed for as long as the provider stands
//! behind them: it is asked when its own access token has ended (`vault/mod.rs`).

use countersign_oauth::grant_type::GrantType;
use countersign_oauth::received_tokens::{ReceivedTokens, TokenAnswer};
use countersign_oauth::token_request::RefreshTokenRequest;
use countersign_oauth::{ScopeSet, Secret, UnixTime, requested_scope, resource_indicator};
use countersign_store::{Column, Found, Key, Record, Sealed, SecretHash, Status, Write};

use super::{Refused, granted_of, late};
use crate::audit::AuditEvent;
use crate::client::Client;
use crate::grant::{AccessTokenBody, Granted, RefreshTokenBody};
use crate::issue::Refreshable;
use crate::possession::{Proof, was_used};
use crate::random::draw;
use crate::server::Inner;
use crate::unavailable::Unavailable;
use crate::vault::Trouble;

/// Why a refresh token is refused, where it is said in two places.
pub(super) const EXPIRED: &str = "the refresh token has expired";
pub(super) const USED_BEFORE: &str = "the refresh token was used before";
const NO_LONGER_ALLOWED: &str = "the person no longer allows this";

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
            Found::Spent(record) => {
                return self.refresh_again(client, request, &record, proof).await;
            }
            Found::Live(record) => record,
        };
        let (granted, _) = granted_to(client, &record, proof)?;
        let scope = self.scope_of_refresh(client, request, &granted).await?;
        let mut issued = self
            .issue_tokens(&granted, scope, Refreshable::of(client), proof)
            .await?;
        issued.writes.extend(self.uses(client, &granted));
        let answer = issued.response.to_json();
        let receipt = self.seal_response(&key, Column::Receipt, &answer)?;
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
            Found::Spent(record) => self.refresh_again(client, request, &record, proof).await,
            Found::Absent => Err(Refused::Grant(EXPIRED)),
        }
    }

    /// What a refresh may give out now: no more than was granted, and only for as long as
    /// everybody who was asked before still stands by it.
    pub(super) async fn scope_of_refresh(
        &self,
        client: &Client,
        request: &RefreshTokenRequest,
        granted: &Granted,
    ) -> Result<ScopeSet, Refused> {
        let left = self.still_issued(client, granted)?;
        let scope = requested_scope::narrow(request.scope.as_ref(), &left)?;
        let known = std::slice::from_ref(&granted.resource);
        resource_indicator::select(request.resource.iter().map(String::as_str), known)?;
        if !self.still_allows(granted).await? {
            return Err(Refused::Grant(NO_LONGER_ALLOWED));
        }
        self.ask_upstream(granted).await?;
        Ok(scope)
    }

    /// Notes that the grant and the client are in use.
    pub(super) fn uses(&self, client: &Client, granted: &Granted) -> Vec<Write> {
        let mut writes = vec![Write::Touch {
            key: Key::grant(&granted.id),
            extend_to: None,
        }];
        writes.extend(self.keep_client_with(client));
        writes
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
        request: &RefreshTokenRequest,
        record: &Record,
        proof: Option<&Proof>,
    ) -> Result<Secret, Refused> {
        let (granted, showable) = granted_to(client, record, proof)?;
        let Status::Used { at, receipt } = &record.status else {
            return Err(Refused::Revoked(granted.id));
        };
        if let Some(receipt) = receipt
            && self.is_in_grace(*at)
        {
            let place = (&record.key, Column::Receipt, receipt);
            return self.tell_again(client, &granted, place, proof).await;
        }
        self.refuse_replay(proof).await?;
        if showable == ShowableBy::ItsClient
            && let Some(receipt) = receipt
            && let Some(lost) = self.find_lost(&record.key, receipt)
        {
            return self
                .answer_anew(client, request, (&granted, &lost), proof)
                .await;
        }
        self.punish_replay(&granted).await?;
        Err(Refused::Grant(USED_BEFORE))
    }

    /// Whether what was answered `at` is told again now.
    pub(super) fn is_in_grace(&self, at: UnixTime) -> bool {
        self.now() < at.saturating_add(self.settings.lifetimes.refresh_grace)
    }

    /// The same answer as before, sealed in `column` of the record under `key`, for whoever
    /// has the key that it is bound to. A confidential client may refresh with any key, and
    /// has no use for a token of another one.
    pub(super) async fn tell_again(
        &self,
        client: &Client,
        granted: &Granted,
        (key, column, sealed): (&Key, Column, &Sealed),
        proof: Option<&Proof>,
    ) -> Result<Secret, Refused> {
        if !self.still_allows(granted).await? {
            return Err(Refused::Grant(NO_LONGER_ALLOWED));
        }
        let answer = self.open_response(key, column, sealed)?;
        let told = TokenAnswer::read(200, answer.reveal().as_bytes());
        let Ok(TokenAnswer::Issued(told)) = told else {
            return Err(Unavailable::Seal.into());
        };
        let issued = Key::access_token(SecretHash::of(&told.access_token));
        let is_for_key = match self.store.get(&issued, self.now()).await? {
            Found::Live(record) | Found::Spent(record) => {
                record.body::<AccessTokenBody>()?.jkt == proof.map(Proof::key)
            }
            // It has ended, and what is left is the refresh token.
            Found::Absent => true,
        };
        if is_for_key {
            self.use_up_proof(proof).await?;
            return Ok(answer);
        }
        if Refreshable::of(client) != Refreshable::Yes {
            return Err(Refused::Grant("the answer is bound to another key"));
        }
        self.answer_for_key(client, granted, *told, proof).await
    }

    /// What was `told`, with an access token of the key of `proof`.
    async fn answer_for_key(
        &self,
        client: &Client,
        granted: &Granted,
        told: ReceivedTokens,
        proof: Option<&Proof>,
    ) -> Result<Secret, Refused> {
        let scope = told.scope.unwrap_or_default();
        let scope = self.still_issued(client, granted)?.intersection(&scope);
        let mut issued = self
            .issue_tokens(granted, scope, Refreshable::No, proof)
            .await?;
        issued.response.refresh_token = told.refresh_token;
        let written = self.store.write(issued.writes, self.now()).await;
        let written = written.map_err(Unavailable::from);
        written.map_err(|error| was_used(&error, proof).unwrap_or_else(|| late(error)))?;
        let (client, id) = (granted.client.clone(), granted.id.clone());
        let event = AuditEvent::TokensIssued(client, id, GrantType::RefreshToken);
        self.audit.note(event);
        Ok(issued.response.to_json())
    }

    pub(super) fn seal_response(
        &self,
        key: &Key,
        column: Column,
        answer: &Secret,
    ) -> Result<Sealed, Unavailable> {
        let nonce = draw(self.random.as_ref())?;
        self.sealing
            .seal(key, column, answer.reveal().as_bytes(), nonce)
            .map_err(|_| Unavailable::Seal)
    }

    pub(super) fn open_response(
        &self,
        key: &Key,
        column: Column,
        sealed: &Sealed,
    ) -> Result<Secret, Unavailable> {
        let opened = self.sealing.open(key, column, sealed);
        let opened = opened.map_err(|_| Unavailable::Seal)?;
        let text = std::str::from_utf8(&opened).map_err(|_| Unavailable::Seal)?;
        Ok(Secret::new(text))
    }
}

/// Who could show a refresh token.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ShowableBy {
    /// Its client alone: it came with a proof of the key that it is bound to, or from a
    /// client that authenticated with what nobody else has.
    ItsClient,
    /// Whoever has it.
    Anybody,
}

/// RFC 6749 §6: the refresh token "is bound to the client to which it was issued"; RFC 9449
/// §5: and that of a public client to its key.
fn granted_to(
    client: &Client,
    record: &Record,
    proof: Option<&Proof>,
) -> Result<(Granted, ShowableBy), Refused> {
    let body: RefreshTokenBody = record.body()?;
    if body.grant.client != client.id {
        return Err(Refused::Grant(
            "the refresh token was issued to another client",
        ));
    }
    if body.jkt.is_some() && body.jkt != proof.map(Proof::key) {
        return Err(Refused::Grant("the refresh token is bound to another key"));
    }
    let showable = match body.jkt.is_some() || client.has_credentials_of_its_own() {
        true => ShowableBy::ItsClient,
        false => ShowableBy::Anybody,
    };
    Ok((granted_of(record, &body.grant)?, showable))
}
