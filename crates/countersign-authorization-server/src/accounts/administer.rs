//! What administrators do with accounts.

use countersign_oauth::UnixTime;
use countersign_store::{Conflict, Cursor, GrantId, Index, Key, Kind, Page, Subject, Write};
use thiserror::Error;

use super::Accounts;
use super::name::AccountName;
use super::password::Password;
use super::record::{Account, read};
use super::upstream::UpstreamOverview;
use crate::api_keys::withdraw_all;
use crate::audit::AccountChange;
use crate::overview::Portion;
use crate::random::draw_id;
use crate::unavailable::Unavailable;

/// How many accounts a page has.
const PAGE: usize = 100;

/// Why an account was not changed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AccountError {
    /// There is an account with this name.
    #[error("there is an account with this name")]
    NameTaken,
    /// The name is one of those that people of upstream providers get.
    #[error("a name with a colon is that of somebody who logs in elsewhere")]
    Reserved,
    /// There is no account with this name.
    #[error("there is no account with this name")]
    Unknown,
    /// Somebody else changed it at the same time; it can be tried again.
    #[error("the account was changed at the same time")]
    Changed,
    /// The link was used, has expired, or is none of ours.
    #[error("the link was used or has expired")]
    Link,
    /// Nothing can be decided.
    #[error(transparent)]
    Unavailable(Unavailable),
}

impl From<Unavailable> for AccountError {
    fn from(error: Unavailable) -> Self {
        match error.conflict() {
            Some(Conflict::Exists) => Self::NameTaken,
            Some(_) => Self::Changed,
            None => Self::Unavailable(error),
        }
    }
}

/// One account, as administrators see it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AccountOverview {
    /// Who it is, in tokens and grants.
    pub subject: String,
    /// The name with which the person logs in; of people who log in elsewhere, the name
    /// by which they are found here, such as `github:583231`.
    pub name: String,
    /// Who they are elsewhere; nothing for local accounts.
    pub upstream: Option<UpstreamOverview>,
    /// Whether it is kept from logging in and from tokens.
    pub disabled: bool,
    /// Since when it exists.
    pub created_at: UnixTime,
}

impl From<Account> for AccountOverview {
    fn from(account: Account) -> Self {
        Self {
            subject: account.subject,
            name: account.body.name,
            upstream: account.body.upstream.map(Into::into),
            disabled: account.body.disabled,
            created_at: account.record.created_at,
        }
    }
}

impl Accounts {
    /// Makes an account and answers its subject.
    ///
    /// # Errors
    ///
    /// [`AccountError::NameTaken`], [`AccountError::Reserved`], or
    /// [`AccountError::Unavailable`].
    pub async fn add(
        &self,
        name: &AccountName,
        password: &Password,
    ) -> Result<String, AccountError> {
        if name.is_of_upstream() {
            return Err(AccountError::Reserved);
        }
        let hash = self.hasher.hash(password, self.random.as_ref()).await?;
        let subject = draw_id(self.random.as_ref())?;
        let writes = self.creation(&subject, name, hash)?;
        let written = self.store.write(writes, self.now()).await;
        written.map_err(Unavailable::from)?;
        self.note(&subject, AccountChange::Added);
        Ok(subject)
    }

    /// The accounts, oldest first, from `after` on or from the beginning.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if the store is.
    pub async fn list(
        &self,
        after: Option<Cursor>,
    ) -> Result<Portion<AccountOverview>, Unavailable> {
        let page = Page::first(PAGE);
        let page = after.map_or(page, |after| page.after(after));
        let index = Index::Kind(Kind::Account);
        let listed = self.store.list(&index, page, self.now()).await?;
        let entries = listed
            .records
            .into_iter()
            .map(|record| Ok(read(record)?.into()));
        Ok(Portion {
            entries: entries.collect::<Result<_, Unavailable>>()?,
            next: listed.next,
        })
    }

    /// The account that logs in as `name`.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if the store is.
    pub async fn named(&self, name: &AccountName) -> Result<Option<AccountOverview>, Unavailable> {
        Ok(self.by_name(name).await?.map(Into::into))
    }

    /// The account that tokens and grants call `subject`.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if the store is.
    pub async fn with_subject(
        &self,
        subject: &str,
    ) -> Result<Option<AccountOverview>, Unavailable> {
        Ok(self.by_subject(subject).await?.map(Into::into))
    }

    /// Gives an account another password, ends its sessions and revokes its API keys and
    /// every grant it gave: whoever asks an administrator for it may have lost the account to somebody.
    /// A person who changes their own password keeps what they have connected.
    ///
    /// # Errors
    ///
    /// [`AccountError`]; the password may be the new one already, and calling again
    /// finishes it.
    pub async fn set_password(
        &self,
        name: &AccountName,
        password: &Password,
    ) -> Result<(), AccountError> {
        let account = self.by_name(name).await?.ok_or(AccountError::Unknown)?;
        let subject = account.subject.clone();
        self.replace_password(account, password).await?;
        self.note(&subject, AccountChange::PasswordSet);
        Ok(self.revoke_all(&subject).await?)
    }

    /// Keeps an account from logging in and from getting tokens, ends its sessions
    /// and revokes its API keys and every grant it gave.
    ///
    /// # Errors
    ///
    /// [`AccountError`]; the account may be disabled already, and calling again
    /// finishes it.
    pub async fn disable(&self, name: &AccountName) -> Result<(), AccountError> {
        let account = self.by_name(name).await?.ok_or(AccountError::Unknown)?;
        let subject = account.subject.clone();
        self.shut_out(account).await?;
        self.note(&subject, AccountChange::Disabled);
        Ok(self.take_away(&subject).await?)
    }

    /// Lets a disabled account log in again. What it had allowed stays revoked.
    ///
    /// # Errors
    ///
    /// [`AccountError`]; then nothing was changed for certain.
    pub async fn enable(&self, name: &AccountName) -> Result<(), AccountError> {
        let mut account = self.by_name(name).await?.ok_or(AccountError::Unknown)?;
        account.body.disabled = false;
        // A session that was not reached when it was disabled must not come back.
        account.body.password_number = account.body.password_number.saturating_add(1);
        self.store_account(&account).await?;
        self.note(&account.subject, AccountChange::Enabled);
        Ok(())
    }

    /// Takes an account away, with its sessions and every grant it gave. Its subject
    /// is never given to anybody else; its name can be. Somebody who logs in elsewhere
    /// and does so again gets a new account: to keep them out, disable it.
    ///
    /// # Errors
    ///
    /// [`AccountError`]; the account may be disabled by then, and calling again
    /// finishes it.
    pub async fn delete(&self, name: &AccountName) -> Result<(), AccountError> {
        let account = self.by_name(name).await?.ok_or(AccountError::Unknown)?;
        let identity = account.body.upstream.clone();
        let (key, subject) = (account.record.key.clone(), account.subject.clone());
        self.shut_out(account).await?;
        self.take_away(&subject).await?;
        let mut writes = vec![
            Write::Remove(key),
            Write::Remove(Key::account_name(name.as_str())),
        ];
        writes.extend(identity.map(|identity| Write::Remove(identity.key())));
        let written = self.store.write(writes, self.now()).await;
        written.map_err(Unavailable::from)?;
        self.note(&subject, AccountChange::Deleted);
        Ok(())
    }

    /// Disables an account; what it has is still there.
    async fn shut_out(&self, mut account: Account) -> Result<(), AccountError> {
        account.body.disabled = true;
        Ok(self.store_account(&account).await?)
    }

    /// Ends the sessions of `subject` and revokes every grant it gave.
    async fn take_away(&self, subject: &str) -> Result<(), Unavailable> {
        self.end_sessions(subject, true).await?;
        self.revoke_all(subject).await
    }

    pub(super) async fn replace_password(
        &self,
        mut account: Account,
        password: &Password,
    ) -> Result<(), AccountError> {
        let hash = self.hasher.hash(password, self.random.as_ref()).await?;
        account.body.password = Some(hash);
        account.body.password_number = account.body.password_number.saturating_add(1);
        self.store_account(&account).await?;
        Ok(self.end_sessions(&account.subject, false).await?)
    }

    /// Revokes the API keys of `subject` and every grant it gave.
    async fn revoke_all(&self, subject: &str) -> Result<(), Unavailable> {
        withdraw_all(self.store.as_ref(), subject, self.now()).await?;
        let index = Index::Subject(Kind::Grant, Subject::new(subject));
        let mut page = Page::first(Page::LONGEST);
        loop {
            let listed = self.store.list(&index, page, self.now()).await?;
            for record in &listed.records {
                let grant = GrantId::new(record.key.id());
                let now = self.now();
                match self.server.get() {
                    Some(server) => server.ender.end(&grant, now).await?,
                    None => self.store.revoke_grant(&grant, now).await?,
                };
            }
            match listed.next {
                Some(next) => page = page.after(next),
                None => return Ok(()),
            }
        }
    }
}
