//! A login at an upstream provider that is under way (RFC 6749 §4.1.1 with §10.12, seen
//! from the side of the client).
//!
//! It begins after the person has consented here, and not before: the request that
//! waited is used up in the step in which the attempt begins to exist, under the hash of
//! the `state` that the provider is given. It belongs to one provider and to the browser
//! that got its cookie in the answer to the consent, lives ten minutes and ends once.
//! The nonce and the proof key for the provider are sealed.

use std::fmt;

use countersign_oauth::authorization_request::Prompt;
use countersign_oauth::{Lifetime, ScopeSet, Secret};
use countersign_store::{Column, Found, Key, Record, SecretHash, StoreError, Write};
use serde::{Deserialize, Serialize};

use super::PendingAuthorization;
use super::pending::{PendingBody, pending_key};
use super::returned::Taken;
use crate::random::{draw, draw_secret};
use crate::server::Inner;
use crate::unavailable::Unavailable;
use crate::upstream::{AttemptSecrets, Upstream, UpstreamError};

/// How long somebody may take to log in at the provider.
pub(crate) const PATIENCE: Lifetime = Lifetime::from_mins(10);

/// What a login at a provider is for.
#[derive(Debug)]
pub(crate) enum AttemptFor {
    /// For this request, of which the person has allowed these scopes.
    Request(Box<PendingAuthorization>, ScopeSet),
    /// For the account page.
    Account,
}

/// A login at a provider that was begun, and that nobody has come back from.
#[derive(Debug)]
pub(crate) struct Attempt {
    /// The name of the provider.
    pub(crate) provider: String,
    /// The hash of the cookie of the browser that it belongs to.
    pub(crate) cookie: SecretHash,
    pub(crate) purpose: AttemptFor,
    pub(crate) secrets: AttemptSecrets,
    /// Of the record that was read.
    pub(super) version: u64,
}

/// A browser on its way to a provider.
pub(crate) struct Departure {
    /// What the provider sends back.
    pub(crate) state: Secret,
    /// What binds the way back to the browser.
    pub(crate) cookie: Secret,
    /// The address at the provider.
    pub(crate) location: Secret,
}

/// For what a browser is to be sent to a provider.
pub(crate) enum Leaving<'a> {
    /// For the request that waits under the secret, of which these scopes are allowed.
    Request(&'a Secret, Box<PendingAuthorization>, ScopeSet),
    /// For the account page.
    Account,
}

/// What became of it.
pub(crate) enum Left {
    /// The browser can go.
    Gone(Departure),
    /// The request was answered in the meantime.
    Late,
    /// The provider cannot be used; nothing was used up.
    Stayed(UpstreamError),
}

#[derive(Serialize, Deserialize)]
pub(super) struct Body {
    pub(super) provider: String,
    pub(super) cookie: SecretHash,
    /// Nothing for the account page.
    request: Option<RequestBody>,
    /// Nothing until somebody comes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) taken: Option<Taken>,
}

#[derive(Serialize, Deserialize)]
struct RequestBody {
    pending: PendingBody,
    scope: String,
}

impl Departure {
    /// The part of the name of the cookie that tells attempts apart.
    pub(crate) fn tag(&self) -> String {
        tag_of(&self.state)
    }
}

/// Eight characters that tell the attempt with `state` from others of the same browser.
pub(crate) fn tag_of(state: &Secret) -> String {
    SecretHash::of(state).to_text().chars().take(8).collect()
}

pub(super) fn key_of(state: &Secret) -> Key {
    Key::upstream_attempt(SecretHash::of(state))
}

impl Inner {
    /// The provider that is configured as `name`.
    pub(crate) fn upstream(&self, name: &str) -> Option<&Upstream> {
        let mut upstreams = self.upstreams.iter();
        upstreams.find(|upstream| upstream.provider().name == name)
    }

    /// Where `provider` sends browsers back to.
    pub(crate) fn callback_address(&self, upstream: &Upstream) -> String {
        let name = &upstream.provider().name;
        self.settings.address(&format!("/callback/{name}"))
    }

    /// Begins a login at `upstream`. What the person consented to is used up in the same
    /// step, so that two of them make one attempt.
    pub(crate) async fn leave_for(
        &self,
        upstream: &Upstream,
        leaving: Leaving<'_>,
    ) -> Result<Left, Unavailable> {
        let random = self.random.as_ref();
        let (state, cookie) = (draw_secret(random)?, draw_secret(random)?);
        let secrets = AttemptSecrets::generate(random)?;
        let asked = match &leaving {
            Leaving::Request(_, pending, _) => Some(pending),
            Leaving::Account => None,
        };
        let address = self.callback_address(upstream);
        let resource = asked.map(|pending| &pending.resource);
        let prompts = asked
            .map(|pending| wanted_prompts(pending))
            .unwrap_or_default();
        let location = upstream
            .authorization_url(&secrets, &state, &address, resource, &prompts, self.now())
            .await;
        let location = match location {
            Ok(location) => Secret::new(location),
            Err(error) => return Ok(Left::Stayed(error)),
        };
        let departure = Departure {
            state,
            cookie,
            location,
        };
        let provider = upstream.provider().name.as_str();
        let record = self.attempt_record(provider, &departure, &secrets, &leaving)?;
        let now = self.now();
        let Leaving::Request(transaction, ..) = leaving else {
            self.store.insert(record, now).await?;
            return Ok(Left::Gone(departure));
        };
        let key = pending_key(transaction);
        let receipt = self.seal_departure(&key, provider, &departure)?;
        let writes = vec![Write::Insert(record)];
        let used = self.store.redeem(&key, writes, Some(receipt), now).await?;
        Ok(match used {
            Found::Live(_) => Left::Gone(departure),
            Found::Spent(_) | Found::Absent => Left::Late,
        })
    }

    fn attempt_record(
        &self,
        provider: &str,
        departure: &Departure,
        secrets: &AttemptSecrets,
        leaving: &Leaving<'_>,
    ) -> Result<Record, Unavailable> {
        let (now, key) = (self.now(), key_of(&departure.state));
        let text = secrets.to_text();
        let nonce = draw(self.random.as_ref())?;
        let sealed = self
            .sealing
            .seal(&key, Column::Sealed, text.reveal().as_bytes(), nonce)
            .map_err(|_| Unavailable::Seal)?;
        let request = match leaving {
            Leaving::Request(_, pending, scope) => Some(RequestBody {
                pending: PendingBody::of(pending),
                scope: scope.to_string(),
            }),
            Leaving::Account => None,
        };
        let record = Record::new(key, now)
            .expiring(now.saturating_add(PATIENCE))
            .with_sealed(sealed)
            .with_body(&Body {
                provider: provider.to_owned(),
                cookie: SecretHash::of(&departure.cookie),
                request,
                taken: None,
            })?;
        Ok(record)
    }

    /// The attempt with `state`; nothing if it was never begun, or if somebody came back
    /// from it (`returned.rs`).
    pub(crate) async fn attempt(&self, state: &Secret) -> Result<Option<Attempt>, Unavailable> {
        let key = key_of(state);
        let Found::Live(record) = self.store.get(&key, self.now()).await? else {
            return Ok(None);
        };
        // It has no secrets any more when somebody has come back. Sealing keys that were
        // taken away since end the attempts of before.
        let sealed = record.sealed.as_ref();
        let opened = sealed.and_then(|sealed| {
            let opened = self.sealing.open(&key, Column::Sealed, sealed).ok()?;
            AttemptSecrets::from_text(std::str::from_utf8(&opened).ok()?)
        });
        let Some(secrets) = opened else {
            return Ok(None);
        };
        let body: Body = record.body()?;
        let purpose = match body.request {
            None => AttemptFor::Account,
            Some(request) => {
                let scope = ScopeSet::parse(&request.scope);
                let scope = scope.map_err(|_| corrupt())?;
                AttemptFor::Request(Box::new(request.pending.read()?), scope)
            }
        };
        Ok(Some(Attempt {
            provider: body.provider,
            cookie: body.cookie,
            purpose,
            secrets,
            version: record.version,
        }))
    }
}

fn corrupt() -> StoreError {
    StoreError::Corrupt("a login that is under way cannot be read".to_owned())
}

/// What the provider is to ask the person in any case, because the client wants it so
/// (OpenID Connect Core §3.1.2.1). Its wish for consent is fulfilled here.
fn wanted_prompts(pending: &PendingAuthorization) -> Vec<&'static str> {
    let known = [
        (Prompt::Login, "login"),
        (Prompt::SelectAccount, "select_account"),
    ];
    let wanted = known.into_iter();
    let wanted = wanted.filter(|(prompt, _)| pending.prompts.contains(*prompt));
    wanted.map(|(_, name)| name).collect()
}

impl fmt::Debug for Departure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Departure(redacted)")
    }
}
