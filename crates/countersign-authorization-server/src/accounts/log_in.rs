//! Checking a name and a password.
//!
//! An unknown name, a disabled account and a wrong password look the same, and are the
//! same work: the same questions to the store, and one hash. A password that is right
//! and was hashed at another cost than that of today is hashed anew.

use std::fmt;
use std::net::IpAddr;

use countersign_oauth::{Secret, UnixTime};
use countersign_store::SecretHash;

use super::Accounts;
use super::administer::AccountError;
use super::devices::device_key;
use super::name::AccountName;
use super::password::Password;
use super::record::Account;
use super::throttle::Trier;
use crate::unavailable::Unavailable;

/// What somebody typed, and from where.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct LoginAttempt<'a> {
    /// The name, as it was typed.
    pub name: &'a str,
    /// The password, as it was typed.
    pub password: &'a Secret,
    /// The cookie that tells browsers apart, if there is one.
    pub browser: Option<&'a Secret>,
    /// Where the request came from, if that is known.
    pub address: Option<IpAddr>,
}

impl<'a> LoginAttempt<'a> {
    /// `name` and `password`, from an unknown browser at an unknown address.
    pub const fn new(name: &'a str, password: &'a Secret) -> Self {
        Self {
            name,
            password,
            browser: None,
            address: None,
        }
    }
}

impl fmt::Debug for LoginAttempt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LoginAttempt(redacted)")
    }
}

/// What came of an attempt.
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(
    clippy::exhaustive_enums,
    reason = "whoever logs people in must decide about each"
)]
pub enum LoginOutcome {
    /// It is the person with this subject.
    Subject(String),
    /// The name or the password is wrong, or the account is disabled.
    Refused,
    /// Too many were tried; from this time on it can be tried again.
    Throttled(UnixTime),
}

impl Accounts {
    /// Checks `attempt` within its budget.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if the store is, or if too many passwords are being checked.
    pub async fn log_in(&self, attempt: LoginAttempt<'_>) -> Result<LoginOutcome, Unavailable> {
        let name = AccountName::parse_any(attempt.name).ok();
        let account = self.by_name_or_none(name.as_ref()).await?;
        let subject = account.as_ref().map_or("", |account| &account.subject);
        let device = attempt.browser.map(|browser| device_key(browser, subject));
        let is_known = match &device {
            Some(key) => self.knows(key, subject).await?,
            None => false,
        };
        let trier = match &device {
            Some(key) if is_known => Trier::Device(key.id()),
            _ => Trier::Stranger(attempt.address),
        };
        let counted = name.as_ref().map_or("", AccountName::as_str);
        if let Some(until) = self.spend(counted, &trier).await? {
            return Ok(LoginOutcome::Throttled(until));
        }
        let Some(account) = self.check(account, attempt.password, &trier).await? else {
            return Ok(LoginOutcome::Refused);
        };
        self.give_back(counted, &trier).await?;
        self.rehash(&account, attempt.password).await;
        if let Some(key) = device {
            self.remember(key, &account.subject).await?;
        }
        Ok(LoginOutcome::Subject(account.subject))
    }

    /// The account, if `password` is its password and it is not disabled.
    async fn check(
        &self,
        account: Option<Account>,
        password: &Secret,
        trier: &Trier<'_>,
    ) -> Result<Option<Account>, Unavailable> {
        let stored = account.as_ref();
        let stored = stored.and_then(|account| account.body.password.as_ref());
        // What is too long to be a password is not worth a longer hash.
        let too_long = Secret::new("");
        let is_long = Password::new(password.clone()).is_err();
        let presented = if is_long { &too_long } else { password };
        let matches = self.hasher.matches(stored, presented, trier).await?;
        Ok(account.filter(|account| matches && !is_long && !account.body.disabled))
    }

    /// Hashes the right `password` of `account` at the cost of today, if it was hashed
    /// at another. The login does not depend on it.
    async fn rehash(&self, account: &Account, password: &Secret) {
        let stored = account.body.password.as_ref();
        if stored.is_none_or(|stored| self.hasher.is_of_today(stored)) {
            return;
        }
        let Ok(password) = Password::new(password.clone()) else {
            return;
        };
        if let Err(error) = self.store_rehashed(account.clone(), &password).await {
            tracing::warn!(%error, "a password was not hashed at the cost of today");
        }
    }

    async fn store_rehashed(
        &self,
        mut account: Account,
        password: &Password,
    ) -> Result<(), Unavailable> {
        let hash = self.hasher.hash(password, self.random.as_ref()).await?;
        account.body.password = Some(hash);
        self.store_account(&account).await
    }

    /// Changes the password of `subject`, who knows the `current` one. Every session
    /// of the account ends, in the same step. `session` is the cookie of the login.
    ///
    /// # Errors
    ///
    /// [`AccountError::Changed`] if the account was changed meanwhile.
    pub(crate) async fn change_password(
        &self,
        subject: &str,
        current: &Secret,
        new: &Password,
        session: &Secret,
    ) -> Result<LoginOutcome, AccountError> {
        let Some(account) = self.by_subject(subject).await? else {
            return Ok(LoginOutcome::Refused);
        };
        // Only who knows the password gets another login, and with it another budget.
        let login = SecretHash::of(session).to_text();
        let trier = Trier::Device(&login);
        let counted = format!("password of {subject}");
        if let Some(until) = self.spend(&counted, &trier).await? {
            return Ok(LoginOutcome::Throttled(until));
        }
        let Some(account) = self.check(Some(account), current, &trier).await? else {
            return Ok(LoginOutcome::Refused);
        };
        self.give_back(&counted, &trier).await?;
        self.replace_password(account, new).await?;
        Ok(LoginOutcome::Subject(subject.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use countersign_store::MemoryStore;

    use super::super::HashingCost;
    use super::*;

    fn cost(passes: u32) -> HashingCost {
        HashingCost {
            memory: 64,
            passes,
            ..HashingCost::default()
        }
    }

    async fn accounts() -> Accounts {
        let accounts = Accounts::new(Arc::new(MemoryStore::new())).hashing_cost(cost(1));
        let password = Password::new(Secret::new("correct horse")).unwrap();
        for name in ["alice", "mallory"] {
            let name = AccountName::parse(name).unwrap();
            accounts.add(&name, &password).await.unwrap();
        }
        let mallory = AccountName::parse("mallory").unwrap();
        accounts.disable(&mallory).await.unwrap();
        accounts
    }

    async fn log_in(accounts: &Accounts, name: &str, password: &str) -> LoginOutcome {
        let password = Secret::new(password);
        let attempt = LoginAttempt::new(name, &password);
        accounts.log_in(attempt).await.unwrap()
    }

    #[tokio::test]
    async fn h11_every_login_that_is_refused_costs_one_hash() {
        let accounts = accounts().await;
        let long = "x".repeat(5_000);
        for (name, password) in [
            ("alice", "wrong password"),
            ("alice", "short"),
            ("alice", &long),
            ("alice", ""),
            ("mallory", "correct horse"),
            ("nobody", "correct horse"),
            ("no name!", "correct horse"),
            ("", ""),
        ] {
            let before = accounts.hasher.hashes();
            let outcome = log_in(&accounts, name, password).await;
            assert_eq!(outcome, LoginOutcome::Refused, "{name}");
            assert_eq!(accounts.hasher.hashes() - before, 1, "{name} {password}");
        }
    }

    #[tokio::test]
    async fn a_password_is_hashed_anew_when_the_cost_has_changed() {
        let before = accounts().await;
        let name = AccountName::parse("alice").unwrap();
        let stored = before.by_name(&name).await.unwrap().unwrap();
        let session = before
            .begin_session(stored.clone(), None, None)
            .await
            .unwrap();
        let after = before.clone().hashing_cost(cost(2));

        // Who does not know the password changes nothing.
        assert_eq!(
            log_in(&after, "alice", "wrong password").await,
            LoginOutcome::Refused
        );
        let hash = |account: Account| serde_json::to_value(&account.body.password).unwrap();
        let unchanged = after.by_name(&name).await.unwrap().unwrap();
        assert_eq!(hash(unchanged), hash(stored));

        let outcome = log_in(&after, "alice", "correct horse").await;
        assert!(matches!(outcome, LoginOutcome::Subject(_)));
        let rehashed = after.by_name(&name).await.unwrap().unwrap();
        let hash = rehashed.body.password.unwrap();
        assert!(after.hasher.is_of_today(&hash));
        assert!(!before.hasher.is_of_today(&hash));
        // Nobody was logged out by it, and the password still is what it was.
        assert!(after.logged_in(&session.session).await.unwrap().is_some());
        let hashes = after.hasher.hashes();
        let again = log_in(&after, "alice", "correct horse").await;
        assert!(matches!(again, LoginOutcome::Subject(_)));
        assert_eq!(after.hasher.hashes() - hashes, 1);
    }
}
