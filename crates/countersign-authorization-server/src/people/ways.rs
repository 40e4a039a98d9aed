//! The ways to log in: at this server, or at providers elsewhere.

use http::StatusCode;

use super::People;
use super::consent::Asked;
use super::forgery::{Purpose, is_genuine};
use super::login::Shown;
use super::present::Present;
use super::visit::{Visit, secret, value};
use crate::accounts::Account;
use crate::audit::{AuditEvent, AuditReason};
use crate::authorize::{Leaving, Left};
use crate::exchange::{Answer, Notice, retry_after};
use crate::server::AuthorizationServer;
use crate::unavailable::Unavailable;
use crate::upstream::Upstream;

/// Whether people can log in with a name and a password.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum LocalAccounts {
    Offered,
    NotOffered,
}

/// A provider, on a page.
#[derive(Debug)]
pub(super) struct Provider<'a> {
    pub(super) name: &'a str,
    /// What people call it.
    pub(super) display_name: &'a str,
}

impl<'a> Provider<'a> {
    pub(super) fn of(upstream: &'a Upstream) -> Self {
        let provider = upstream.provider();
        Self {
            name: &provider.name,
            display_name: &provider.display_name,
        }
    }
}

impl People {
    /// Lets people log in at `upstreams`, and with local accounts if those are offered.
    pub(crate) fn upstreams(
        mut self,
        upstreams: Vec<Upstream>,
        local_accounts: LocalAccounts,
    ) -> Self {
        self.upstreams = upstreams;
        self.local_accounts = local_accounts;
        self
    }

    /// Whether the login page is one of this server.
    pub(super) fn logs_in_here(&self) -> bool {
        self.login.is_none() && self.sign_in.is_none()
    }

    /// Whether somebody else logs people in.
    pub(crate) fn has_login_of_its_own(&self) -> bool {
        self.login.is_some()
    }

    pub(super) fn has_local_accounts(&self) -> bool {
        self.logs_in_here() && self.local_accounts == LocalAccounts::Offered
    }

    /// The provider with this name.
    pub(super) fn upstream(&self, name: &str) -> Option<&Upstream> {
        let mut upstreams = self.upstreams.iter();
        upstreams.find(|upstream| upstream.provider().name == name)
    }

    pub(super) fn providers(&self) -> Vec<Provider<'_>> {
        self.upstreams.iter().map(Provider::of).collect()
    }

    /// What people call the provider `name`, which may not be configured any more.
    pub(super) fn called<'a>(&'a self, name: &'a str) -> &'a str {
        match (self.upstream(name), self.sign_in.as_deref()) {
            (Some(upstream), _) => upstream.provider().display_name.as_str(),
            (None, Some(page)) if page.provider() == name => page.display_name(),
            _ => name,
        }
    }

    /// Whether `account` has a way to log in.
    pub(super) fn lets_in(&self, account: &Account) -> bool {
        let here = account.has_password() && self.has_local_accounts();
        here || account
            .upstream()
            .is_some_and(|name| self.upstream(name).is_some() || self.signs_in(name))
    }

    /// The provider, if there is no other way to log in.
    fn only_upstream(&self) -> Option<&Upstream> {
        match self.upstreams.as_slice() {
            [only] if !self.has_local_accounts() => Some(only),
            _ => None,
        }
    }

    /// Whether there is another way to log in than at one provider.
    pub(super) fn has_other_ways(&self) -> bool {
        self.only_upstream().is_none()
    }
}

impl Visit<'_> {
    /// Asks `present` for consent. Whoever logged in elsewhere does so again afterwards:
    /// a login of before is none for this client.
    pub(super) fn ask(&self, present: &Present, asked: Asked<'_>) -> Answer {
        match present.via.as_deref() {
            Some(via) if !self.people.signs_in(via) => match self.people.upstream(via) {
                Some(upstream) => self.consent_via_page(upstream, asked, None),
                None => self.ask_who(asked),
            },
            _ => self.consent_page(present, asked),
        }
    }

    /// Lets somebody who is not logged in choose how to, if there is a choice.
    pub(super) fn ask_who(&self, asked: Asked<'_>) -> Answer {
        match self.people.only_upstream() {
            Some(upstream) => self.consent_via_page(upstream, asked, None),
            None => self.login_page(Shown::waiting(asked.transaction, asked.client)),
        }
    }

    /// `POST /login/with`: somebody chose a provider. For a request that waits, they are
    /// asked for consent, and nothing is begun.
    pub(super) async fn choose(&self, server: &AuthorizationServer) -> Result<Answer, Unavailable> {
        let form = match self.form(&[]) {
            Ok(form) => form,
            Err(answer) => return Ok(*answer),
        };
        let transaction = secret(&form, "transaction");
        let purpose = Purpose::Login(transaction.as_ref());
        let sent = value(&form, "forgery_token");
        let is_ours = |browser| is_genuine(browser, purpose, sent);
        if !self.known_browser().is_some_and(is_ours) {
            return Ok(self.forged());
        }
        let name = value(&form, "provider").unwrap_or_default();
        let Some(upstream) = self.people.upstream(name) else {
            return Ok(self.notice(StatusCode::BAD_REQUEST, Notice::MALFORMED));
        };
        let Some(transaction) = &transaction else {
            return self.leave_for_account(upstream, server).await;
        };
        Ok(match self.find_waiting(server, transaction).await? {
            Some((pending, client)) => {
                let asked = Asked {
                    transaction,
                    pending: &pending,
                    client: &client,
                };
                self.consent_via_page(upstream, asked, None)
            }
            None => self.notice(StatusCode::BAD_REQUEST, Notice::GONE),
        })
    }

    /// Sends the browser to `upstream` and back to the account page.
    async fn leave_for_account(
        &self,
        upstream: &Upstream,
        server: &AuthorizationServer,
    ) -> Result<Answer, Unavailable> {
        let inner = server.inner();
        if let Some(until) = inner.count_authorization(self.incoming.address).await? {
            let event = AuditEvent::LoginRefused(AuditReason::RateLimited, "too many attempts");
            inner.audit.note(event);
            let mut answer = self.notice(StatusCode::TOO_MANY_REQUESTS, Notice::TOO_MANY);
            retry_after(&mut answer, until.since(inner.now()));
            return Ok(answer);
        }
        Ok(match inner.leave_for(upstream, Leaving::Account).await? {
            Left::Gone(departure) => {
                let provider = upstream.provider().name.clone();
                inner.audit.note(AuditEvent::SentUpstream(provider, None));
                self.set_out(upstream, &departure)
            }
            Left::Late => self.notice(StatusCode::BAD_REQUEST, Notice::GONE),
            Left::Stayed(error) => {
                let trouble = self.trouble(upstream, &error, server);
                self.login_page(Shown::default().and_trouble(trouble))
            }
        })
    }
}
