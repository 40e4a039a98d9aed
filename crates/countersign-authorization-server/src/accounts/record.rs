//! How an account is stored: under its subject, and its name beside it.

use countersign_store::{Found, Index, Key, Kind, Record, Subject, Write};
use serde::{Deserialize, Serialize};

use super::Accounts;
use super::hashing::PasswordHash;
use super::name::AccountName;
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
    pub(super) password: PasswordHash,
    pub(super) disabled: bool,
    /// Grows with each new password, and ends the sessions that began before.
    pub(super) password_number: u64,
}

#[derive(Serialize, Deserialize)]
struct NameBody {
    subject: String,
}

impl Account {
    pub(crate) fn name(&self) -> &str {
        &self.body.name
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
            password,
            disabled: false,
            password_number: 1,
        };
        let account = Record::new(Key::account(&about), now)
            .about(about.clone())
            .with_body(&body)?;
        let named = Record::new(Key::account_name(name.as_str()), now)
            .about(about)
            .with_body(&NameBody {
                subject: subject.to_owned(),
            })?;
        Ok(vec![Write::Insert(account), Write::Insert(named)])
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
