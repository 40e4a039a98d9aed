//! The account page: what is connected, and ending it.

use askama::Template;
use countersign_oauth::ResourceUri;
use countersign_oauth::client_id_document::ClientIdUrl;
use countersign_store::{Cursor, Found, GrantId, GrantState, Key};
use http::StatusCode;

use super::calendar::Day;
use super::forgery::{Purpose, token};
use super::present::{Presence, Present};
use super::scopes::ScopeLine;
use super::visit::{Posted, Visit, value};
use super::who_asks::{host_of, name_of};
use crate::audit::AuditEvent;
use crate::exchange::{Answer, Frame, Notice, page};
use crate::login::Freshness;
use crate::overview::{GrantOverview, GrantsOf};
use crate::server::AuthorizationServer;
use crate::unavailable::Unavailable;

/// One connected application.
struct Connected {
    id: String,
    name: String,
    host: Option<String>,
    resource: String,
    /// The provider where the person logged in for it.
    via: Option<String>,
    scopes: Vec<ScopeLine>,
    since: Day,
    last_used: Option<Day>,
    until: Day,
}

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage<'a> {
    frame: Frame<'a>,
    forgery_token: String,
    account: &'a str,
    /// The provider where the person logged in.
    via: Option<&'a str>,
    /// Whether the login is one of ours.
    can_log_out: bool,
    has_password: bool,
    has_api_keys: bool,
    connected: Vec<Connected>,
    next: Option<u64>,
    /// Behind which entry this page begins, if not with the first.
    after: Option<u64>,
    /// What applications are given to connect to.
    resources: &'a [ResourceUri],
    news: Option<&'a str>,
    problem: Option<&'a str>,
}

/// What an account page says besides what it always says.
#[derive(Debug, Default)]
pub(super) struct Said<'a> {
    pub(super) status: StatusCode,
    /// What has just been done.
    pub(super) news: Option<&'a str>,
    /// What is wrong with the new password.
    pub(super) problem: Option<&'a str>,
    /// On which page of the list the person is, if the address does not say it.
    pub(super) after: Option<&'a str>,
}

impl<'a> Said<'a> {
    /// That `news` has just been done.
    pub(super) fn news(news: &'a str) -> Self {
        Self {
            news: Some(news),
            ..Self::default()
        }
    }
}

impl Visit<'_> {
    /// `GET /account`.
    pub(super) async fn show_account(
        &self,
        server: &AuthorizationServer,
    ) -> Result<Answer, Unavailable> {
        match self.presence(Freshness::Any).await? {
            Presence::Known(present) => self.account_page(server, &present, Said::default()).await,
            Presence::Nobody => Ok(self.to("/login")),
            Presence::Elsewhere(answer) => Ok(answer),
            Presence::Refused => Ok(self.nothing_here()),
        }
    }

    pub(super) async fn account_page(
        &self,
        server: &AuthorizationServer,
        present: &Present,
        said: Said<'_>,
    ) -> Result<Answer, Unavailable> {
        let subject = present.subject.as_str();
        let asked = self.incoming.query();
        let asked = asked.and_then(|query| query.strip_prefix("after="));
        let after = said.after.or(asked).and_then(|after| after.parse().ok());
        let after = after.map(Cursor::after);
        let portion = server.grants(GrantsOf::Subject(subject), after).await?;
        let settings = server.settings();
        let mut connected = Vec::new();
        for grant in portion.entries {
            // A code that nobody has redeemed in its time connects nothing.
            let code_end = grant.created_at.saturating_add(settings.lifetimes.code);
            if grant.state == GrantState::CodeIssued && code_end <= server.inner().now() {
                continue;
            }
            connected.push(self.connected(server, grant).await?);
        }
        let template = AccountPage {
            frame: self.people.frame(),
            forgery_token: token(&present.forms, Purpose::Account(subject)),
            account: &present.name,
            via: present.via.as_deref().map(|via| self.people.called(via)),
            can_log_out: self.people.login.is_none(),
            has_password: present.has_password && self.people.has_local_accounts(),
            has_api_keys: self.people.has_api_keys,
            connected,
            next: portion.next.map(Cursor::position),
            after: after.map(Cursor::position),
            resources: &settings.resources,
            news: said.news,
            problem: said.problem,
        };
        let mut answer = page(said.status, &template);
        self.remember_browser(&mut answer);
        Ok(answer)
    }

    async fn connected(
        &self,
        server: &AuthorizationServer,
        grant: GrantOverview,
    ) -> Result<Connected, Unavailable> {
        let host = host_of(&grant.client);
        // A document is not fetched for a list: its host says who it is.
        let client = if ClientIdUrl::is_meant(&grant.client) {
            None
        } else {
            server.client(&grant.client).await?
        };
        let name = match (&client, &host) {
            (Some(client), _) => name_of(client),
            (None, Some(host)) => host.clone(),
            (None, None) => "An application that is gone".to_owned(),
        };
        let via = grant.upstream.as_deref();
        let scopes = grant.scope.split(' ').filter(|scope| !scope.is_empty());
        Ok(Connected {
            id: grant.id.as_str().to_owned(),
            name,
            host: host.filter(|_| client.is_some()),
            resource: grant.resource,
            via: via.map(|via| self.people.called(via).to_owned()),
            scopes: scopes.map(|scope| self.people.line(scope)).collect(),
            since: Day::of(grant.created_at),
            last_used: grant.last_used_at.map(Day::of),
            until: Day::of(grant.expires_at),
        })
    }

    /// `POST /account/revoke`.
    pub(super) async fn revoke(&self, server: &AuthorizationServer) -> Result<Answer, Unavailable> {
        let Posted { form, present } = match self.account_form().await? {
            Ok(posted) => posted,
            Err(answer) => return Ok(*answer),
        };
        let grant = GrantId::new(value(&form, "grant").unwrap_or_default());
        let inner = server.inner();
        let found = inner.store.get(&Key::grant(&grant), inner.now()).await?;
        let subject = present.subject.as_str();
        let is_theirs = |found: Found| match found {
            Found::Live(record) => record
                .subject
                .is_some_and(|owner| owner.as_str() == subject),
            Found::Spent(_) | Found::Absent => false,
        };
        if !is_theirs(found) {
            let event = AuditEvent::RequestRefused(StatusCode::NOT_FOUND);
            inner.audit.note(event);
            return Ok(self.notice(StatusCode::NOT_FOUND, Notice::NO_SUCH_GRANT));
        }
        server.revoke_grant(&grant).await?;
        let news = "The application was disconnected. It cannot do anything in your name any more.";
        let said = Said {
            after: value(&form, "after"),
            ..Said::news(news)
        };
        self.account_page(server, &present, said).await
    }

    /// `POST /account/revoke-all`.
    pub(super) async fn revoke_all(
        &self,
        server: &AuthorizationServer,
    ) -> Result<Answer, Unavailable> {
        let Posted { present, .. } = match self.account_form().await? {
            Ok(posted) => posted,
            Err(answer) => return Ok(*answer),
        };
        let owner = GrantsOf::Subject(&present.subject);
        let mut after = None;
        loop {
            let portion = server.grants(owner, after).await?;
            for grant in portion.entries {
                server.revoke_grant(&grant.id).await?;
            }
            after = portion.next;
            if after.is_none() {
                break;
            }
        }
        let news = "All applications were disconnected. They cannot do anything in your name any \
                    more.";
        self.account_page(server, &present, Said::news(news)).await
    }
}
