//! Somebody is back from a provider once, however often their browser says so.
//!
//! The attempt is taken before the provider is asked: by compare-and-set, together with
//! the answer of the provider that took it, and without the secrets that it had. When it is
//! known what became of it, that is kept sealed on the attempt for some seconds, as in
//! `again.rs`. So a browser that sends the same once more, because somebody pressed twice
//! or loaded the page again, waits for the same answer, in whichever process; nothing is
//! exchanged twice, and a code that was redeemed is not told again.

use countersign_oauth::{ClientId, Secret, UnixTime};
use countersign_store::{Column, Conflict, Found, GrantId, Key, SecretHash, Status};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use http_body_util::{BodyExt as _, Full};
use serde::{Deserialize, Serialize};

use super::again::AGAIN;
use super::attempt::{Attempt, Body, key_of};
use crate::audit::AuditEvent;
use crate::exchange::{Answer, plain};
use crate::random::draw;
use crate::server::Inner;
use crate::unavailable::Unavailable;

/// What was answered to somebody who came back.
#[derive(Debug)]
pub(crate) struct Returned {
    pub(crate) answer: Answer,
    /// The code in it.
    pub(crate) issued: Option<Issued>,
}

/// A code that somebody was handed over with.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Issued {
    pub(crate) client: ClientId,
    pub(crate) grant: GrantId,
    pub(crate) subject: String,
}

impl From<Answer> for Returned {
    fn from(answer: Answer) -> Self {
        Self {
            answer,
            issued: None,
        }
    }
}

/// By what an attempt was taken.
#[derive(Serialize, Deserialize)]
pub(super) struct Taken {
    /// The hash of what the provider answered.
    answer: SecretHash,
    /// When, in seconds since 1970.
    at: u64,
}

/// An attempt that somebody came back from a moment ago.
#[derive(Debug)]
pub(crate) struct TakenAttempt {
    /// The name of the provider.
    pub(crate) provider: String,
    /// The hash of the cookie of the browser that it belongs to.
    pub(crate) cookie: SecretHash,
    /// The hash of what the provider answered.
    pub(crate) answer: SecretHash,
    /// What became of it; nothing if that is not known yet.
    pub(crate) told: Option<Answer>,
}

/// An answer that was given.
#[derive(Serialize, Deserialize)]
struct Receipt {
    issued: Option<Issued>,
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Inner {
    /// Takes `attempt` with `state` for `answer`, what the provider answered. False if
    /// somebody was quicker.
    pub(crate) async fn take_attempt(
        &self,
        state: &Secret,
        attempt: &Attempt,
        answer: &Secret,
    ) -> Result<bool, Unavailable> {
        let (key, now) = (key_of(state), self.now());
        let Found::Live(mut record) = self.store.get(&key, now).await? else {
            return Ok(false);
        };
        // What was read before is what is taken now.
        if record.version != attempt.version {
            return Ok(false);
        }
        let mut body: Body = record.body()?;
        body.taken = Some(Taken {
            answer: SecretHash::of(answer),
            at: now.as_secs(),
        });
        record.sealed = None;
        let record = record.with_body(&body)?;
        let replaced = self.store.replace(record, now).await;
        match replaced.map_err(Unavailable::from) {
            Ok(()) => Ok(true),
            Err(error) if error.conflict() == Some(Conflict::Changed) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Ends the attempt with `state`, and keeps what was `returned` for
    /// whoever sends the same again. The answer does not depend on it.
    pub(crate) async fn conclude(&self, state: &Secret, returned: Returned) -> Answer {
        let (answer, receipt) = Receipt::of(returned).await;
        if let Err(error) = self.keep_receipt(&key_of(state), &receipt).await {
            tracing::warn!(%error, "whoever comes back again is not told the same");
        }
        answer
    }

    async fn keep_receipt(&self, key: &Key, receipt: &Receipt) -> Result<(), Unavailable> {
        let text = serde_json::to_vec(receipt).map_err(|_| Unavailable::Seal)?;
        let nonce = draw(self.random.as_ref())?;
        let sealed = self.sealing.seal(key, Column::Receipt, &text, nonce);
        let sealed = sealed.map_err(|_| Unavailable::Seal)?;
        let ended = self.store.redeem(key, Vec::new(), Some(sealed), self.now());
        ended.await?;
        Ok(())
    }

    /// The attempt with `state`, if somebody came back from it a moment ago, with what
    /// was answered to them if that still counts.
    pub(crate) async fn taken_attempt(
        &self,
        state: &Secret,
    ) -> Result<Option<TakenAttempt>, Unavailable> {
        let (key, now) = (key_of(state), self.now());
        let (record, receipt) = match self.store.get(&key, now).await? {
            Found::Live(record) => (record, None),
            Found::Spent(record) => match &record.status {
                Status::Used {
                    at,
                    receipt: Some(receipt),
                } if is_fresh(*at, now) => {
                    let receipt = receipt.clone();
                    (record, Some(receipt))
                }
                _ => return Ok(None),
            },
            Found::Absent => return Ok(None),
        };
        let body: Body = record.body()?;
        let Some(taken) = body.taken else {
            return Ok(None);
        };
        let told = match receipt {
            None if !is_fresh(UnixTime::from_secs(taken.at), now) => return Ok(None),
            None => None,
            Some(receipt) => {
                let opened = self.sealing.open(&key, Column::Receipt, &receipt);
                let opened = opened.map_err(|_| Unavailable::Seal)?;
                let receipt: Receipt =
                    serde_json::from_slice(&opened).map_err(|_| Unavailable::Seal)?;
                if let Some(issued) = &receipt.issued
                    && !self.has_unused_code(&issued.grant, &issued.subject).await?
                {
                    return Ok(None);
                }
                Some(receipt.answer().ok_or(Unavailable::Seal)?)
            }
        };
        Ok(Some(TakenAttempt {
            provider: body.provider,
            cookie: body.cookie,
            answer: taken.answer,
            told,
        }))
    }

    /// Notes that the answer of `provider` was sent again.
    pub(crate) fn note_returned_again(&self, provider: &str) {
        let event = AuditEvent::CallbackRepeated(provider.to_owned());
        self.audit.note(event);
    }
}

fn is_fresh(at: UnixTime, now: UnixTime) -> bool {
    now < at.saturating_add(AGAIN)
}

impl Receipt {
    /// The receipt of `returned`, and the answer in it.
    async fn of(returned: Returned) -> (Answer, Self) {
        let (parts, body) = returned.answer.into_parts();
        // It is in memory, and cannot fail.
        let body = body.collect().await.map(|body| body.to_bytes());
        let body = body.unwrap_or_default();
        let headers = parts.headers.iter().filter_map(|(name, value)| {
            let value = value.to_str().ok()?;
            Some((name.as_str().to_owned(), value.to_owned()))
        });
        let receipt = Self {
            issued: returned.issued,
            status: parts.status.as_u16(),
            headers: headers.collect(),
            body: String::from_utf8_lossy(&body).into_owned(),
        };
        (Answer::from_parts(parts, Full::new(body)), receipt)
    }

    fn answer(self) -> Option<Answer> {
        let mut answer = plain(StatusCode::from_u16(self.status).ok()?, "");
        let mut headers = HeaderMap::new();
        for (name, value) in self.headers {
            let name = HeaderName::try_from(name).ok()?;
            let mut value = HeaderValue::try_from(value).ok()?;
            value.set_sensitive(name == http::header::SET_COOKIE);
            headers.append(name, value);
        }
        *answer.headers_mut() = headers;
        *answer.body_mut() = Full::new(self.body.into());
        Some(answer)
    }
}
