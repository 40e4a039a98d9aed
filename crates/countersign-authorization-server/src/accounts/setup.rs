//! The first account, made with a link that works once and that only whoever reads
//! the output of the server has.

use countersign_oauth::Secret;
use countersign_store::{Found, Key, Record, SecretHash};
use serde::{Deserialize, Serialize};

use super::Accounts;
use super::administer::AccountError;
use super::name::AccountName;
use super::password::Password;
use crate::random::{draw_id, draw_secret};
use crate::unavailable::Unavailable;

#[derive(Serialize, Deserialize)]
struct LinkBody {
    purpose: Purpose,
}

#[derive(PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Purpose {
    FirstAccount,
}

fn key_of(token: &Secret) -> Key {
    Key::one_time_link(SecretHash::of(token))
}

impl Accounts {
    /// The secret part of a new link for the first account; nothing if there is an
    /// account. [`crate::people::People::setup_link`] makes the link of it.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if the store is.
    pub async fn setup_token(&self) -> Result<Option<Secret>, Unavailable> {
        if !self.is_empty().await? {
            return Ok(None);
        }
        let (now, token) = (self.now(), draw_secret(self.random.as_ref())?);
        let record = Record::new(key_of(&token), now)
            .expiring(now.saturating_add(self.lifetimes.setup_link))
            .with_body(&LinkBody {
                purpose: Purpose::FirstAccount,
            })?;
        self.store.insert(record, now).await?;
        Ok(Some(token))
    }

    /// Whether `token` can still make the first account.
    pub(crate) async fn may_set_up(&self, token: &Secret) -> Result<bool, Unavailable> {
        match self.store.get(&key_of(token), self.now()).await? {
            Found::Live(record) => {
                let body: LinkBody = record.body()?;
                Ok(body.purpose == Purpose::FirstAccount && self.is_empty().await?)
            }
            Found::Spent(_) | Found::Absent => Ok(false),
        }
    }

    /// Makes the first account and uses up `token` in the same step. Answers the
    /// subject.
    pub(crate) async fn set_up(
        &self,
        token: &Secret,
        name: &AccountName,
        password: &Password,
    ) -> Result<String, AccountError> {
        if !self.may_set_up(token).await? {
            return Err(AccountError::Link);
        }
        if name.is_of_upstream() {
            return Err(AccountError::Reserved);
        }
        let hash = self.hasher.hash(password, self.random.as_ref()).await?;
        let subject = draw_id(self.random.as_ref())?;
        let writes = self.creation(&subject, name, hash)?;
        let used = self
            .store
            .redeem(&key_of(token), writes, None, self.now())
            .await
            .map_err(Unavailable::from)?;
        match used {
            Found::Live(_) => Ok(subject),
            Found::Spent(_) | Found::Absent => Err(AccountError::Link),
        }
    }
}
