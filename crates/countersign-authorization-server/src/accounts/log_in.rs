//! Checking a name and a password.
//!
//! An unknown name, a disabled account and a wrong password look the same, and take
//! the same time: each costs one hash.

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
        let name = AccountName::parse(attempt.name).ok();
        let account = match &name {
            Some(name) => self.by_name(name).await?,
            None => None,
        };
        let device = match (attempt.browser, &account) {
            (Some(browser), Some(account)) => Some(device_key(browser, &account.subject)),
            _ => None,
        };
        let is_known = match (&device, &account) {
            (Some(key), Some(account)) => self.knows(key, &account.subject).await?,
            _ => false,
        };
        let trier = match &device {
            Some(key) if is_known => Trier::Device(key.id()),
            _ => Trier::Stranger(attempt.address),
        };
        let counted = name.as_ref().map_or("", AccountName::as_str);
        if let Some(until) = self.spend(counted, &trier).await? {
            return Ok(LoginOutcome::Throttled(until));
        }
        let Some(account) = self.check(account, attempt.password).await? else {
            return Ok(LoginOutcome::Refused);
        };
        self.give_back(counted, &trier).await?;
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
    ) -> Result<Option<Account>, Unavailable> {
        let stored = account.as_ref().map(|account| &account.body.password);
        // What is too long to be a password is not worth a longer hash.
        let too_long = Secret::new("");
        let is_long = Password::new(password.clone()).is_err();
        let presented = if is_long { &too_long } else { password };
        let matches = self.hasher.matches(stored, presented).await? && !is_long;
        Ok(account.filter(|account| matches && !account.body.disabled))
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
        let Some(account) = self.check(Some(account), current).await? else {
            return Ok(LoginOutcome::Refused);
        };
        self.give_back(&counted, &trier).await?;
        self.replace_password(account, new).await?;
        Ok(LoginOutcome::Subject(subject.to_owned()))
    }
}
