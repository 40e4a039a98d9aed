//! Accounts of people who log in at an upstream provider.
//!
//! Who somebody is there is the issuer together with the subject (OpenID Connect Core
//! §2), and nothing else: an address or a name can be changed by its owner, and given to
//! somebody else afterwards. Here they get a subject of their own, drawn at random, so
//! that everything else of an account works for them as for everybody.

use countersign_oauth::display_text::DisplayText;
use countersign_store::{Conflict, Found, Key, Record, Subject, Write};
use serde::{Deserialize, Serialize};

use super::Accounts;
use super::name::AccountName;
use super::record::{Account, AccountBody};
use crate::random::draw_id;
use crate::unavailable::Unavailable;
use crate::upstream::UpstreamIdentity;

/// How many characters of a digest name somebody whose subject is no name.
const DIGITS: usize = 16;

/// Who somebody is at a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UpstreamOverview {
    /// The provider through which the account was made, such as `github`.
    pub provider: String,
    /// The issuer of the identity.
    pub issuer: String,
    /// The subject there: with the issuer, what the account belongs to.
    pub subject: String,
    /// What the person was called there at the last login. It proves nothing.
    pub name: Option<String>,
    /// The e-mail address there at the last login. It proves nothing.
    pub email: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct UpstreamBody {
    pub(super) provider: String,
    issuer: String,
    subject: String,
    name: Option<DisplayText>,
    email: Option<DisplayText>,
}

#[derive(Serialize, Deserialize)]
struct IdentityBody {
    /// The subject of the account.
    account: String,
}

/// Somebody who has just logged in elsewhere, and has an account as soon as `writes` are
/// applied.
#[derive(Debug)]
pub(crate) struct Arriving {
    pub(crate) account: Account,
    /// Nothing for somebody who was here before.
    pub(crate) writes: Vec<Write>,
}

impl UpstreamBody {
    fn of(provider: &str, identity: &UpstreamIdentity) -> Self {
        let clean = |text: &str| DisplayText::clean(text);
        Self {
            provider: provider.to_owned(),
            issuer: identity.issuer.clone(),
            subject: identity.subject.clone(),
            name: identity.name.as_deref().and_then(clean),
            email: identity
                .email
                .as_ref()
                .and_then(|email| clean(&email.address)),
        }
    }

    /// Under what the identity is kept.
    pub(super) fn key(&self) -> Key {
        Key::upstream_identity(&self.issuer, &self.subject)
    }

    /// What the person is called there.
    pub(super) fn called(&self) -> Option<&str> {
        let called = self.name.as_ref().or(self.email.as_ref());
        called.map(DisplayText::as_str)
    }

    /// The name by which the account is found here: after the subject, which stays the
    /// same; what a person can choose could be chosen to look like somebody else.
    fn account_name(&self) -> Option<AccountName> {
        AccountName::parse_any(&format!("{}:{}", self.provider, self.subject)).ok()
    }

    /// As [`Self::account_name`], for a subject that is no name or has another spelling
    /// in which it would be somebody else's.
    fn digested_name(&self) -> Result<AccountName, Unavailable> {
        let key = self.key();
        let digits = key.id().bytes().take(DIGITS);
        let digits: String = digits.map(|byte| format!("{byte:02x}")).collect();
        let name = AccountName::parse_any(&format!("{}:{digits}", self.provider));
        name.map_err(|_| Unavailable::Login)
    }
}

impl From<UpstreamBody> for UpstreamOverview {
    fn from(body: UpstreamBody) -> Self {
        let text = |text: DisplayText| text.as_str().to_owned();
        Self {
            provider: body.provider,
            issuer: body.issuer,
            subject: body.subject,
            name: body.name.map(text),
            email: body.email.map(text),
        }
    }
}

impl Accounts {
    /// The account of `identity`, whom `provider` vouches for; a new one if there is
    /// none. If the writes are refused with [`Conflict::Exists`], somebody with the same
    /// identity arrived at the same time, and this can be asked again.
    pub(crate) async fn of_upstream(
        &self,
        provider: &str,
        identity: &UpstreamIdentity,
    ) -> Result<Arriving, Unavailable> {
        let body = UpstreamBody::of(provider, identity);
        if let Some(account) = self.identified(&body.key()).await? {
            let account = self.with_news(account, body).await?;
            return Ok(Arriving {
                account,
                writes: Vec::new(),
            });
        }
        self.new_of_upstream(body).await
    }

    /// The account of whom `issuer`, which is called `provider` here, calls `subject` in an
    /// assertion; a new one if there is none. Of one that is there nothing changes: an
    /// assertion says less than a login. `email` proves nothing.
    pub(crate) async fn of_assertion(
        &self,
        provider: &str,
        issuer: &str,
        subject: &str,
        email: Option<&str>,
    ) -> Result<Arriving, Unavailable> {
        let body = UpstreamBody {
            provider: provider.to_owned(),
            issuer: issuer.to_owned(),
            subject: subject.to_owned(),
            name: None,
            email: email.and_then(DisplayText::clean),
        };
        if let Some(account) = self.identified(&body.key()).await? {
            return Ok(Arriving {
                account,
                writes: Vec::new(),
            });
        }
        self.new_of_upstream(body).await
    }

    /// The account to which the identity under `key` leads.
    async fn identified(&self, key: &Key) -> Result<Option<Account>, Unavailable> {
        match self.store.get(key, self.now()).await? {
            Found::Live(record) => {
                let found: IdentityBody = record.body()?;
                self.by_subject(&found.account).await
            }
            Found::Spent(_) | Found::Absent => Ok(None),
        }
    }

    async fn new_of_upstream(&self, upstream: UpstreamBody) -> Result<Arriving, Unavailable> {
        let (now, subject) = (self.now(), draw_id(self.random.as_ref())?);
        let about = Subject::new(subject.as_str());
        let identity = Record::new(upstream.key(), now)
            .about(about.clone())
            .with_body(&IdentityBody {
                account: subject.clone(),
            })?;
        let name = match upstream.account_name() {
            Some(name) if self.by_name(&name).await?.is_none() => name,
            _ => upstream.digested_name()?,
        };
        let body = AccountBody {
            name: name.as_str().to_owned(),
            password: None,
            disabled: false,
            password_number: 1,
            upstream: Some(upstream),
        };
        let record = Record::new(Key::account(&about), now)
            .about(about)
            .with_body(&body)?;
        let named = self.naming(&subject, &name)?;
        let records = [identity, record.clone(), named];
        Ok(Arriving {
            writes: records.into_iter().map(Write::Insert).collect(),
            account: Account {
                subject,
                body,
                record,
            },
        })
    }

    /// `account` with what its provider says today. The login does not depend on it.
    async fn with_news(
        &self,
        mut account: Account,
        upstream: UpstreamBody,
    ) -> Result<Account, Unavailable> {
        if account.body.upstream.as_ref() == Some(&upstream) {
            return Ok(account);
        }
        account.body.upstream = Some(upstream);
        match self.store_account(&account).await {
            Ok(()) => {}
            Err(error) if error.conflict() == Some(Conflict::Changed) => {}
            Err(error) => return Err(error),
        }
        let subject = account.subject.clone();
        // What it is now, also if somebody disabled it at the same time.
        Ok(self.by_subject(&subject).await?.unwrap_or(account))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use countersign_store::MemoryStore;

    use super::*;

    fn identity(issuer: &str, subject: &str) -> UpstreamIdentity {
        UpstreamIdentity {
            issuer: issuer.to_owned(),
            subject: subject.to_owned(),
            name: Some("Alice".to_owned()),
            email: None,
            domain: None,
            groups: Vec::new(),
        }
    }

    async fn arrive(accounts: &Accounts, provider: &str, identity: &UpstreamIdentity) -> Account {
        let arriving = accounts.of_upstream(provider, identity).await.unwrap();
        let written = accounts.store.write(arriving.writes, accounts.now()).await;
        written.unwrap();
        arriving.account
    }

    #[tokio::test]
    async fn x22_subjects_that_differ_in_anything_are_different_people_with_names_of_their_own() {
        let accounts = Accounts::new(Arc::new(MemoryStore::new()));
        let mut names = Vec::new();
        let mut subjects = Vec::new();
        for (issuer, subject) in [
            ("https://a.example", "user"),
            ("https://a.example", "USER"),
            ("https://a.example", "user "),
            ("https://a.example", "us:er"),
            ("https://a.example", "auth0|user"),
            ("https://a.example/", "user"),
            ("https://b.example", "user"),
            ("https://a.example", &"x".repeat(1_000)),
            ("https://a.example", "ｕser"),
        ] {
            let identity = identity(issuer, subject);
            let account = arrive(&accounts, "p", &identity).await;
            let again = arrive(&accounts, "p", &identity).await;
            assert_eq!(again.subject, account.subject, "{issuer} {subject}");
            // The same person through another application of the same issuer.
            let elsewhere = arrive(&accounts, "q", &identity).await;
            assert_eq!(elsewhere.subject, account.subject, "{issuer} {subject}");
            let name = account.body.name.clone();
            let parsed = AccountName::parse_any(&name).unwrap();
            let found = accounts.by_name(&parsed).await.unwrap().unwrap();
            assert_eq!(found.subject, account.subject);
            assert!(name.starts_with("p:"), "{name}");
            assert!(!names.contains(&name), "{name}");
            assert!(!subjects.contains(&account.subject));
            names.push(name);
            subjects.push(account.subject);
        }
        assert_eq!(names[0], "p:user");
    }
}
