//! The record of the tokens of one grant and provider.
//!
//! In clear is what has to be known without opening it: the provider, when the access
//! token ends, whether there is a refresh token, and who is refreshing it at the moment.
//! The tokens themselves are sealed for the row.

use countersign_oauth::{Lifetime, Secret, UnixTime};
use countersign_store::{Column, GrantId, Key, Record, Sealed, StoreError, Subject, Write};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::Vault;
use crate::grant::Granted;
use crate::random::draw;
use crate::server::Inner;
use crate::unavailable::Unavailable;
use crate::upstream::UpstreamTokens;

/// A token is refreshed so long before its end, or a tenth of its life if that is less.
const EARLY: Lifetime = Lifetime::from_secs(60);

/// A token that is younger is not refreshed because an API refuses it: whatever that
/// means, another token would be refused as well.
const YOUNG: Lifetime = Lifetime::from_secs(60);

/// The body of the record.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Body {
    pub(super) provider: String,
    pub(super) grant: GrantId,
    /// Whose tokens they are.
    pub(super) subject: String,
    /// What the tokens of the grant are for, which the provider may have been told.
    pub(super) resource: String,
    /// How often the tokens were refreshed.
    pub(super) generation: u64,
    /// When the access token was issued, in seconds since 1970.
    pub(super) issued_at: u64,
    /// When it ends; absent if that is not known.
    pub(super) ends_at: Option<u64>,
    /// Whether there is a refresh token.
    pub(super) can_refresh: bool,
    /// Who is refreshing.
    pub(super) lease: Option<Lease>,
}

/// Somebody is refreshing, and all others wait.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Lease {
    pub(super) holder: String,
    /// From then on others need not wait, in seconds since 1970.
    pub(super) until: u64,
}

/// How an access token is at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Age {
    Fresh,
    /// About to end, and to be refreshed.
    Due,
    Ended,
}

/// What is sealed.
#[derive(Serialize)]
struct Plain<'a> {
    access_token: &'a str,
    refresh_token: Option<&'a str>,
    scope: Option<&'a str>,
}

#[derive(Deserialize)]
struct Opened {
    access_token: String,
    refresh_token: Option<String>,
    scope: Option<String>,
}

impl Body {
    /// The body of `tokens` that were issued for `granted` by `provider`.
    fn new(granted: &Granted, provider: &str, tokens: &UpstreamTokens, now: UnixTime) -> Self {
        Self {
            provider: provider.to_owned(),
            grant: granted.id.clone(),
            subject: granted.subject.clone(),
            resource: granted.resource.as_str().to_owned(),
            generation: 0,
            issued_at: now.as_secs(),
            ends_at: tokens.expires_at.map(UnixTime::as_secs),
            can_refresh: tokens.refresh_token.is_some(),
            lease: None,
        }
    }

    /// The body with `tokens`, the next generation.
    pub(super) fn followed_by(&self, tokens: &UpstreamTokens, now: UnixTime) -> Self {
        Self {
            provider: self.provider.clone(),
            grant: self.grant.clone(),
            subject: self.subject.clone(),
            resource: self.resource.clone(),
            generation: self.generation.saturating_add(1),
            issued_at: now.as_secs(),
            ends_at: tokens.expires_at.map(UnixTime::as_secs),
            can_refresh: tokens.refresh_token.is_some(),
            lease: None,
        }
    }

    pub(super) fn age(&self, now: UnixTime) -> Age {
        let Some(end) = self.ends_at.map(UnixTime::from_secs) else {
            return Age::Fresh;
        };
        let life = end.since(UnixTime::from_secs(self.issued_at)).as_secs();
        let early = EARLY.min(Lifetime::from_secs(life / 10));
        if now >= end {
            Age::Ended
        } else if now.saturating_add(early) >= end {
            Age::Due
        } else {
            Age::Fresh
        }
    }

    /// Whether the access token was issued a moment ago.
    pub(super) fn is_young(&self, now: UnixTime) -> bool {
        now < UnixTime::from_secs(self.issued_at).saturating_add(YOUNG)
    }

    /// Whether somebody other than `holder` is refreshing at `now`.
    pub(super) fn is_leased_to_another(&self, holder: &str, now: UnixTime) -> bool {
        self.lease
            .as_ref()
            .is_some_and(|lease| lease.holder != holder && now.as_secs() < lease.until)
    }
}

impl Vault {
    /// Keeps `tokens`, which the provider issued at which the person logged in for
    /// `granted`: to be written in one transaction with the grant, after it.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if they cannot be sealed.
    pub(crate) fn keep(
        &self,
        granted: &Granted,
        tokens: &UpstreamTokens,
    ) -> Result<Option<Write>, Unavailable> {
        let Some(provider) = &granted.upstream else {
            return Ok(None);
        };
        let now = self.now();
        let key = Key::upstream_tokens(&granted.id, provider);
        let body = Body::new(granted, provider, tokens, now);
        let sealed = self.seal(&key, tokens)?;
        let record = Record::new(key, now)
            .in_grant(granted.id.clone())
            .about(Subject::new(granted.subject.as_str()))
            .expiring(granted.expires_at)
            .with_body(&body)?
            .with_sealed(sealed);
        Ok(Some(Write::Insert(record)))
    }

    pub(super) fn seal(&self, key: &Key, tokens: &UpstreamTokens) -> Result<Sealed, Unavailable> {
        let plain = Plain {
            access_token: tokens.access_token.reveal(),
            refresh_token: tokens.refresh_token.as_ref().map(Secret::reveal),
            scope: tokens.scope.as_deref(),
        };
        let text = serde_json::to_vec(&plain).map_err(|_| Unavailable::Seal)?;
        let text = Zeroizing::new(text);
        let nonce = draw(self.random.as_ref())?;
        let sealed = self.sealing.seal(key, Column::Sealed, &text, nonce);
        sealed.map_err(|_| Unavailable::Seal)
    }

    /// The tokens in `record`, whose body is `body`.
    pub(super) fn open(&self, record: &Record, body: &Body) -> Result<UpstreamTokens, Unavailable> {
        let sealed = record.sealed.as_ref().ok_or(Unavailable::Seal)?;
        let opened = self.sealing.open(&record.key, Column::Sealed, sealed);
        let opened = opened.map_err(|_| Unavailable::Seal)?;
        let opened: Opened = serde_json::from_slice(&opened).map_err(|_| Unavailable::Seal)?;
        Ok(UpstreamTokens {
            access_token: Secret::new(opened.access_token),
            refresh_token: opened.refresh_token.map(Secret::new),
            expires_at: body.ends_at.map(UnixTime::from_secs),
            scope: opened.scope,
        })
    }

    pub(super) fn read_body(record: &Record) -> Result<Body, StoreError> {
        record.body()
    }
}

impl Inner {
    /// The records that keep `tokens` for `granted`: to be written in one transaction with
    /// the grant, after it.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if they cannot be sealed.
    pub(crate) fn vault_writes(
        &self,
        granted: &Granted,
        tokens: &UpstreamTokens,
    ) -> Result<Vec<Write>, Unavailable> {
        Ok(self.vault.keep(granted, tokens)?.into_iter().collect())
    }
}
