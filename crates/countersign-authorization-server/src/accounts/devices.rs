//! Browsers that logged in before. Such a browser is not logged in; it only has a
//! budget of its own (`throttle.rs`).

use countersign_oauth::{Lifetime, Secret};
use countersign_store::{Found, Key, Record, SecretHash, Subject};

use super::Accounts;
use super::sessions::{Purpose, SessionBody};
use crate::unavailable::Unavailable;

/// One browser can know several accounts.
pub(super) fn device_key(browser: &Secret, subject: &str) -> Key {
    let text = format!("device {subject} {}", browser.reveal());
    Key::browser_session(SecretHash::of(&Secret::new(text)))
}

impl Accounts {
    /// How long a browser is known after its last login.
    pub(crate) const fn device_lifetime(&self) -> Lifetime {
        self.lifetimes.device
    }

    /// Notes that `browser` has logged in to `subject`.
    pub(crate) async fn remember_browser(
        &self,
        browser: &Secret,
        subject: &str,
    ) -> Result<(), Unavailable> {
        let key = device_key(browser, subject);
        self.remember(key, subject).await
    }

    /// Whether the browser with the record `key` logged in to `subject` before.
    pub(super) async fn knows(&self, key: &Key, subject: &str) -> Result<bool, Unavailable> {
        match self.store.get(key, self.now()).await? {
            Found::Live(record) => {
                let body: SessionBody = record.body()?;
                Ok(body.purpose == Purpose::Device && body.subject == subject)
            }
            Found::Spent(_) | Found::Absent => Ok(false),
        }
    }

    /// Notes a login to `subject` in the record `key`.
    pub(super) async fn remember(&self, key: Key, subject: &str) -> Result<(), Unavailable> {
        let now = self.now();
        let end = now.saturating_add(self.lifetimes.device);
        if self.store.touch(&key, Some(end), now).await? {
            return Ok(());
        }
        let body = SessionBody {
            until: None,
            purpose: Purpose::Device,
            subject: subject.to_owned(),
            password_number: 0,
            via: None,
        };
        let record = Record::new(key, now)
            .about(Subject::new(subject))
            .expiring(end)
            .with_body(&body)?;
        match self
            .store
            .insert(record, now)
            .await
            .map_err(Unavailable::from)
        {
            // Two tabs at once, or one that has expired and is not purged yet.
            Err(error) if error.conflict().is_some() => Ok(()),
            other => other,
        }
    }
}
