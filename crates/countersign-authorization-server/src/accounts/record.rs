//! How an account is stored: under its subject, and its name beside it.

use countersign_store::{Found, Index, Key, Kind, Record, Subject, Write};
use serde::{Deserialize, Serialize};

use super::Accounts;
use super::hashing::PasswordHash;
use super::name::AccountName;
use super::upstream::UpstreamBody;
use crate::unavailable::Unavailable;

/// An account that was read.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) subject: String,
    pub(super) body: AccountBody,
    pub(super) record: Record,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct AccountBody {
    pub(super) name: String,
    /// Nothing for people who log in elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) password: Option<PasswordHash>,
    pub(super) disabled: bool,
    /// Grows with each new password, and ends the sessions that began before.
    pub(super) password_number: u64,
    /// Who it is at the provider where the person logs in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) upstream: Option<UpstreamBody>,
}

#[derive(Serialize, Deserialize)]
struct NameBody {
    subject: String,
}

impl Account {
    /// What pages call the person.
    pub(crate) fn name(&self) -> &str {
        let upstream = self.body.upstream.as_ref();
        let called = upstream.and_then(UpstreamBody::called);
        called.unwrap_or(&self.body.name)
    }

    /// Whether a name and a password log this person in.
    pub(crate) const fn has_password(&self) -> bool {
        self.body.password.is_some()
    }

    /// The provider where the person logs in, if it is not this server.
    pub(crate) fn upstream(&self) -> Option<&str> {
        let upstream = self.body.upstream.as_ref();
        upstream.map(|upstream| upstream.provider.as_str())
    }

    pub(crate) const fn is_enabled(&self) -> bool {
        !self.body.disabled
    }
}

pub(super) fn read(record: Record) -> Result<Account, Unavailable> {
    Ok(Account {
        subject: record.key.id().to_owned(),
        body: record.body()?,
        record,
    })
}

impl Accounts {
    pub(crate) async fn by_subject(&self, subject: &str) -> Result<Option<Account>, Unavailable> {
        let key = Key::account(&Subject::new(subject));
        match self.store.get(&key, self.now()).await? {
            Found::Live(record) => Ok(Some(read(record)?)),
            Found::Spent(_) | Found::Absent => Ok(None),
        }
    }

    pub(super) async fn by_name(&self, name: &AccountName) -> Result<Option<Account>, Unavailable> {
        self.by_name_or_none(Some(name)).await
    }

    /// The account with `name`. The store is asked twice, whether there is one or not,
    /// and for what is no name as well.
    pub(super) async fn by_name_or_none(
        &self,
        name: Option<&AccountName>,
    ) -> Result<Option<Account>, Unavailable> {
        // Neither a name nor a subject is empty.
        let key = Key::account_name(name.map_or("", AccountName::as_str));
        let subject = match self.store.get(&key, self.now()).await? {
            Found::Live(record) => record.body::<NameBody>()?.subject,
            Found::Spent(_) | Found::Absent => String::new(),
        };
        self.by_subject(&subject).await
    }

    /// The changes that make an account.
    pub(super) fn creation(
        &self,
        subject: &str,
        name: &AccountName,
        password: PasswordHash,
    ) -> Result<Vec<Write>, Unavailable> {
        let (now, about) = (self.now(), Subject::new(subject));
        let body = AccountBody {
            name: name.as_str().to_owned(),
            password: Some(password),
            disabled: false,
            password_number: 1,
            upstream: None,
        };
        let account = Record::new(Key::account(&about), now)
            .about(about)
            .with_body(&body)?;
        let named = self.naming(subject, name)?;
        Ok(vec![Write::Insert(account), Write::Insert(named)])
    }

    /// The record with which the account of `subject` is found by `name`.
    pub(super) fn naming(&self, subject: &str, name: &AccountName) -> Result<Record, Unavailable> {
        let record = Record::new(Key::account_name(name.as_str()), self.now())
            .about(Subject::new(subject))
            .with_body(&NameBody {
                subject: subject.to_owned(),
            })?;
        Ok(record)
    }

    /// Puts `account` in the place of what was read.
    pub(super) async fn store_account(&self, account: &Account) -> Result<(), Unavailable> {
        let record = account.record.clone().with_body(&account.body)?;
        Ok(self.store.replace(record, self.now()).await?)
    }

    /// Whether there is any account.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if the store is.
    pub async fn is_empty(&self) -> Result<bool, Unavailable> {
        let index = Index::Kind(Kind::Account);
        Ok(self.store.count(&index, 1, self.now()).await? == 0)
    }
}
