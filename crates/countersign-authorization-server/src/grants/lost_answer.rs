//! An answer with new tokens that never arrived, however long ago that was.
//!
//! A client that dies between our commit and its own is left with a refresh token that was
//! used. What came out of it nobody has used, and nobody can show either of the two but
//! this client: it proved the key to which they are bound, or authenticated. RFC 9700
//! §2.2.2 and OAuth 2.1 §4.3.1 ask for rotation *or* for such a binding, so that nothing
//! has to be guessed from how often the token comes. It is answered with the same
//! successor, and with another access token in the place of the lost one, which ends.
//!
//! As soon as the successor is used, what was before it is a replay as it always was
//! (`refresh_token.rs`).

use countersign_oauth::grant_type::GrantType;
use countersign_oauth::token_request::RefreshTokenRequest;
use countersign_oauth::{Secret, UnixTime};
use countersign_store::{Column, Conflict, Found, Key, Record, Sealed, SecretHash, Write};
use serde::Deserialize;

use super::refresh_token::{EXPIRED, USED_BEFORE};
use super::{Refused, late};
use crate::audit::AuditEvent;
use crate::client::Client;
use crate::grant::{AnsweredAnew, Granted, RefreshTokenBody};
use crate::issue::Refreshable;
use crate::possession::{Proof, was_used};
use crate::server::Inner;
use crate::unavailable::Unavailable;

/// Tokens of an answer that was given once.
pub(super) struct LostAnswer {
    access_token: SecretHash,
    refresh_token: Secret,
}

/// What of an answer is read back.
#[derive(Deserialize)]
struct Answer<'a> {
    access_token: &'a str,
    refresh_token: &'a str,
}

impl Inner {
    /// What was answered to the refresh token under `key`, by its receipt; nothing if the
    /// key that sealed it is gone.
    pub(super) fn find_lost(&self, key: &Key, receipt: &Sealed) -> Option<LostAnswer> {
        let text = self.open_response(key, Column::Receipt, receipt).ok()?;
        let answer: Answer<'_> = serde_json::from_str(text.reveal()).ok()?;
        Some(LostAnswer {
            access_token: SecretHash::of(&Secret::new(answer.access_token)),
            refresh_token: Secret::new(answer.refresh_token),
        })
    }

    /// Answers once more with the refresh token of `lost`, if nobody has used it.
    pub(super) async fn answer_anew(
        &self,
        client: &Client,
        request: &RefreshTokenRequest,
        (granted, lost): (&Granted, &LostAnswer),
        proof: Option<&Proof>,
    ) -> Result<Secret, Refused> {
        let key = Key::refresh_token(SecretHash::of(&lost.refresh_token));
        let (successor, body) = self.unused(&key, granted).await?;
        if let Some(before) = &body.answered
            && let Some(sealed) = &successor.sealed
            && self.is_in_grace(UnixTime::from_secs(before.at))
        {
            let place = (&key, Column::Sealed, sealed);
            return self.tell_again(client, granted, place, proof).await;
        }
        let scope = self.scope_of_refresh(client, request, granted).await?;
        let mut issued = self
            .issue_tokens(granted, scope, Refreshable::No, proof)
            .await?;
        issued.response.refresh_token = Some(lost.refresh_token.clone());
        let answer = issued.response.to_json();
        let ended = body.answered.as_ref().map(|before| before.access_token);
        let ended = Key::access_token(ended.unwrap_or(lost.access_token));
        let answered = AnsweredAnew {
            at: self.now().as_secs(),
            access_token: SecretHash::of(&issued.response.access_token),
        };
        let body = RefreshTokenBody {
            answered: Some(answered),
            ..body
        };
        let sealed = self.seal_response(&key, Column::Sealed, &answer)?;
        let mut renewed = successor.with_body(&body)?.with_sealed(sealed);
        renewed.expires_at = Some(self.refresh_token_end(granted)).max(renewed.expires_at);
        issued.writes.push(Write::Replace(renewed));
        issued.writes.push(Write::Remove(ended.clone()));
        issued.writes.extend(self.uses(client, granted));
        let written = self.store.write(issued.writes, self.now()).await;
        self.confirmed.forget(&ended);
        let Err(error) = written.map_err(Unavailable::from) else {
            let (client, id) = (granted.client.clone(), granted.id.clone());
            let event = AuditEvent::TokensIssued(client, id, GrantType::RefreshToken);
            self.audit.note(event);
            return Ok(answer);
        };
        if error.conflict() != Some(Conflict::Changed) {
            return Err(was_used(&error, proof).unwrap_or_else(|| late(error)));
        }
        // Somebody asked at the same time, and all of them get one answer.
        let (successor, _) = self.unused(&key, granted).await?;
        match &successor.sealed {
            Some(sealed) => {
                let place = (&key, Column::Sealed, sealed);
                self.tell_again(client, granted, place, proof).await
            }
            None => Err(Refused::Unavailable(error)),
        }
    }

    /// The refresh token under `key`, which nobody has used.
    async fn unused(
        &self,
        key: &Key,
        granted: &Granted,
    ) -> Result<(Record, RefreshTokenBody), Refused> {
        match self.store.get(key, self.now()).await? {
            Found::Live(record) => {
                let body = record.body()?;
                Ok((record, body))
            }
            Found::Spent(_) => {
                self.punish_replay(granted).await?;
                Err(Refused::Grant(USED_BEFORE))
            }
            Found::Absent => Err(Refused::Grant(EXPIRED)),
        }
    }
}
