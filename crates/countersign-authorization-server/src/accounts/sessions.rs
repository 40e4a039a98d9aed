//! Logins of browsers. The cookie is a secret of 256 bits, of which the store has the
//! hash; it is drawn anew at each login (OWASP Session Management).

use countersign_oauth::{Secret, UnixTime};
use countersign_store::{Found, Index, Key, Kind, Page, Record, SecretHash, Subject};
use serde::{Deserialize, Serialize};

use super::Accounts;
use super::record::Account;
use crate::random::draw_secret;
use crate::unavailable::Unavailable;

/// What a record of the kind browser session is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Purpose {
    /// Whoever has the cookie is logged in.
    Login,
    /// The browser logged in before.
    Device,
}

#[derive(Serialize, Deserialize)]
pub(super) struct SessionBody {
    pub(super) purpose: Purpose,
    pub(super) subject: String,
    pub(super) password_number: u64,
    /// The provider where the person logged in, if it was not here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) via: Option<String>,
    /// When the login ends in any case, in seconds since 1970, if that is before other
    /// logins do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) until: Option<u64>,
}

/// A browser that is logged in.
#[derive(Clone, Debug)]
pub(crate) struct LoggedIn {
    pub(crate) account: Account,
    /// The provider where the person logged in, if it was not here.
    pub(crate) via: Option<String>,
    /// The cookie.
    pub(crate) session: Secret,
}

fn key_of(session: &Secret) -> Key {
    Key::browser_session(SecretHash::of(session))
}

impl Accounts {
    /// Begins a session for `account`, which was logged in here or at the provider
    /// `via`. It ends at `until`, if that is said.
    pub(crate) async fn begin_session(
        &self,
        account: Account,
        via: Option<&str>,
        until: Option<UnixTime>,
    ) -> Result<LoggedIn, Unavailable> {
        let (now, session) = (self.now(), draw_secret(self.random.as_ref())?);
        let idle = now.saturating_add(self.lifetimes.session_idle);
        let end = now.saturating_add(self.lifetimes.session);
        let end = until.map_or(end, |until| until.min(end));
        let body = SessionBody {
            purpose: Purpose::Login,
            subject: account.subject.clone(),
            password_number: account.body.password_number,
            via: via.map(str::to_owned),
            until: until.map(UnixTime::as_secs),
        };
        let record = Record::new(key_of(&session), now)
            .about(Subject::new(account.subject.as_str()))
            .expiring(idle.min(end))
            .with_body(&body)?;
        self.store.insert(record, now).await?;
        Ok(LoggedIn {
            account,
            via: body.via,
            session,
        })
    }

    /// Who is logged in with the cookie `session`; the login then lasts longer.
    pub(crate) async fn logged_in(
        &self,
        session: &Secret,
    ) -> Result<Option<LoggedIn>, Unavailable> {
        let (now, key) = (self.now(), key_of(session));
        let Found::Live(record) = self.store.get(&key, now).await? else {
            return Ok(None);
        };
        let body: SessionBody = record.body()?;
        let end = record.created_at.saturating_add(self.lifetimes.session);
        let until = body.until.map(UnixTime::from_secs);
        let end = until.map_or(end, |until| until.min(end));
        if body.purpose != Purpose::Login || end <= now {
            return Ok(None);
        }
        let Some(account) = self.by_subject(&body.subject).await? else {
            return Ok(None);
        };
        if account.body.disabled || account.body.password_number != body.password_number {
            return Ok(None);
        }
        let idle = now.saturating_add(self.lifetimes.session_idle);
        self.store.touch(&key, Some(idle.min(end)), now).await?;
        Ok(Some(LoggedIn {
            account,
            via: body.via,
            session: session.clone(),
        }))
    }

    /// Ends the session of the cookie `session`.
    pub(crate) async fn end_session(&self, session: &Secret) -> Result<(), Unavailable> {
        Ok(self.store.remove(key_of(session), self.now()).await?)
    }

    /// Takes away every session of `subject`; with the devices if it is to be
    /// forgotten that they logged in.
    pub(crate) async fn end_sessions(
        &self,
        subject: &str,
        devices: bool,
    ) -> Result<(), Unavailable> {
        let index = Index::Subject(Kind::BrowserSession, Subject::new(subject));
        let mut page = Page::first(Page::LONGEST);
        loop {
            let listed = self.store.list(&index, page, self.now()).await?;
            for record in listed.records {
                let body: SessionBody = record.body()?;
                if devices || body.purpose == Purpose::Login {
                    self.store.remove(record.key, self.now()).await?;
                }
            }
            match listed.next {
                Some(next) => page = page.after(next),
                None => return Ok(()),
            }
        }
    }
}
