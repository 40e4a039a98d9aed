//! Somebody is back from a provider: they are let in, turned away, or can try again.
//!
//! When a provider fails, the request waits again under a new secret and the person is
//! asked again. So there is a button to try again, and it is the same one as before: it
//! needs a person, and is worth no more than the first consent.

use askama::Template;
use countersign_oauth::display_text::DisplayText;
use http::StatusCode;
use http::header::LOCATION;

use super::consent::Asked;
use super::login::Shown;
use super::set_out::Trouble;
use super::visit::Visit;
use super::who_asks::{WhoAsks, name_of};
use crate::accounts::Arriving;
use crate::audit::{AuditEvent, AuditReason};
use crate::authorize::{AttemptFor, Issuing, PendingAuthorization, Returned, Told, Welcome};
use crate::exchange::{Answer, Frame, Notice, page};
use crate::server::AuthorizationServer;
use crate::unavailable::Unavailable;
use crate::upstream::{Arrival, Upstream, UpstreamError};

/// Why somebody who logged in at a provider is not let in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum KeptOut {
    /// By the rules of the operator.
    NotAllowed,
    /// The account was disabled.
    Disabled,
}

#[derive(Template)]
#[template(path = "kept_out.html")]
struct KeptOutPage<'a> {
    frame: Frame<'a>,
    provider: &'a str,
    is_disabled: bool,
    /// The client, and where it is told that it gets nothing.
    told: Option<(String, &'a str)>,
}

impl Visit<'_> {
    /// `arrival` is back from `upstream`.
    pub(super) async fn arrive(
        &self,
        upstream: &Upstream,
        server: &AuthorizationServer,
        purpose: AttemptFor,
        arrival: &Arrival,
    ) -> Result<Returned, Unavailable> {
        let inner = server.inner();
        let issuing = Issuing {
            accounts: &self.people.accounts,
            upstream,
            arrival,
        };
        let (welcome, pending) = match purpose {
            AttemptFor::Request(pending, scope) => {
                let asked = (*pending).clone();
                let welcome = inner.welcome_for(&issuing, asked, &scope).await;
                (welcome, Some(*pending))
            }
            AttemptFor::Account => {
                let (accounts, provider) = (issuing.accounts, &upstream.provider().name);
                let welcome = inner.welcome_to_account(accounts, provider, &arrival.identity);
                (welcome.await, None)
            }
        };
        match welcome {
            Ok(Welcome::In(arriving, told)) => {
                if told.is_none() {
                    give_up_later(upstream, server, arrival);
                }
                self.let_in(upstream, server, *arriving, told.map(|told| *told))
                    .await
            }
            Ok(Welcome::Disabled) => {
                self.give_back(upstream, server, arrival).await;
                let said = "the account is disabled".to_owned();
                self.note_refused(upstream, server, (AuditReason::DisabledAccount, said));
                let kept_out = self.keep_out(upstream, server, pending, KeptOut::Disabled);
                Ok(kept_out.await?.into())
            }
            Ok(Welcome::Gone) => {
                self.give_up(upstream, server, arrival).await;
                Ok(self.notice(StatusCode::BAD_REQUEST, Notice::GONE).into())
            }
            Err(error) => {
                self.give_up(upstream, server, arrival).await;
                Err(error)
            }
        }
    }

    /// Logs the browser in, and leads it on.
    async fn let_in(
        &self,
        upstream: &Upstream,
        server: &AuthorizationServer,
        arriving: Arriving,
        told: Option<Told>,
    ) -> Result<Returned, Unavailable> {
        let provider = upstream.provider().name.as_str();
        let accounts = &self.people.accounts;
        if let Some(before) = self.session() {
            accounts.end_session(before).await?;
        }
        let account = arriving.account;
        let subject = account.subject.clone();
        let logged_in = accounts
            .begin_session(account, Some(provider), None)
            .await?;
        let event = AuditEvent::LoggedInUpstream(provider.to_owned(), subject);
        server.inner().audit.note(event);
        let issued = told.as_ref().and_then(|told| told.issued.clone());
        let mut answer = match told {
            None => self.to("/account"),
            Some(told) => {
                let who = WhoAsks::new(&told.client, &told.pending.redirect_uri);
                self.hand_over(told.answer, true, who)
            }
        };
        self.set_session(&mut answer, &logged_in);
        Ok(Returned { answer, issued })
    }

    /// Gives back the tokens of somebody whose account is disabled, who has no others.
    async fn give_back(
        &self,
        upstream: &Upstream,
        server: &AuthorizationServer,
        arrival: &Arrival,
    ) {
        let inner = server.inner();
        let random = inner.random.as_ref();
        upstream
            .give_back(&arrival.tokens, inner.now(), random)
            .await;
    }

    /// Gives back tokens that came to nothing, unless that would end what the person has
    /// allowed other clients too.
    async fn give_up(&self, upstream: &Upstream, server: &AuthorizationServer, arrival: &Arrival) {
        if takes_nothing_along(upstream) {
            self.give_back(upstream, server, arrival).await;
        }
    }

    /// The login at `upstream` was not finished because of `error`.
    pub(super) async fn not_arrived(
        &self,
        upstream: &Upstream,
        server: &AuthorizationServer,
        purpose: AttemptFor,
        error: UpstreamError,
    ) -> Result<Answer, Unavailable> {
        let pending = match purpose {
            AttemptFor::Request(pending, _) => Some(*pending),
            AttemptFor::Account => None,
        };
        match &error {
            UpstreamError::NotAllowed(_) => {
                self.note_refused(upstream, server, ((&error).into(), error.to_string()));
                self.keep_out(upstream, server, pending, KeptOut::NotAllowed)
                    .await
            }
            UpstreamError::Identity(_) => {
                self.note_refused(upstream, server, ((&error).into(), error.to_string()));
                Ok(self.notice(StatusCode::FORBIDDEN, Notice::UNCERTAIN))
            }
            _ => {
                let trouble = self.trouble(upstream, &error, server);
                self.ask_again(upstream, server, pending, trouble).await
            }
        }
    }

    /// The provider answered with an error, about which it says something.
    pub(super) async fn turned_back(
        &self,
        upstream: &Upstream,
        server: &AuthorizationServer,
        purpose: AttemptFor,
        (error, said): (&str, Option<&str>),
    ) -> Result<Answer, Unavailable> {
        let pending = match purpose {
            AttemptFor::Request(pending, _) => Some(*pending),
            AttemptFor::Account => None,
        };
        let (name, called) = {
            let provider = upstream.provider();
            (&provider.name, &provider.display_name)
        };
        if error == "access_denied" {
            let denied = (AuditReason::ProviderRefused, error.to_owned());
            self.note_refused(upstream, server, denied);
            let Some(pending) = pending else {
                let trouble = Trouble {
                    status: StatusCode::FORBIDDEN,
                    sentence: format!("You were not logged in at {called}, and nothing changed."),
                    wait: None,
                };
                return Ok(self.login_page(Shown::default().and_trouble(trouble)));
            };
            return Ok(match server.inner().turn_away(pending).await? {
                Some(told) => {
                    let who = WhoAsks::new(&told.client, &told.pending.redirect_uri);
                    self.hand_over(told.answer, false, who)
                }
                None => self.notice(StatusCode::BAD_REQUEST, Notice::GONE),
            });
        }
        let is_passing = matches!(error, "temporarily_unavailable" | "server_error");
        // The code is not ours and may be anything.
        let shown: String = error
            .chars()
            .take(64)
            .flat_map(char::escape_default)
            .collect();
        let event = AuditEvent::UpstreamFailed(
            name.clone(),
            AuditReason::ProviderRefused,
            format!("it answers {shown}"),
        );
        server.inner().audit.note(event);
        let mut sentence = format!("{called} did not log you in. Nothing was shared.");
        if let Some(said) = said.and_then(DisplayText::clean) {
            sentence.push_str(&format!(" It says: “{}”", said.as_str()));
        }
        let trouble = Trouble {
            status: if is_passing {
                StatusCode::SERVICE_UNAVAILABLE
            } else {
                StatusCode::BAD_GATEWAY
            },
            sentence,
            wait: None,
        };
        self.ask_again(upstream, server, pending, trouble).await
    }

    /// Lets the person try again.
    async fn ask_again(
        &self,
        upstream: &Upstream,
        server: &AuthorizationServer,
        pending: Option<PendingAuthorization>,
        trouble: Trouble,
    ) -> Result<Answer, Unavailable> {
        let Some(pending) = pending else {
            return Ok(self.login_page(Shown::default().and_trouble(trouble)));
        };
        let Some(client) = server.client(&pending.client_id).await? else {
            return Ok(self.notice(StatusCode::BAD_REQUEST, Notice::GONE));
        };
        let transaction = server.inner().remember_pending(&pending).await?;
        let asked = Asked {
            transaction: &transaction,
            pending: &pending,
            client: &client,
        };
        Ok(self.consent_via_page(upstream, asked, Some(&trouble)))
    }

    /// Does not let somebody in, and tells the client that it gets nothing.
    async fn keep_out(
        &self,
        upstream: &Upstream,
        server: &AuthorizationServer,
        pending: Option<PendingAuthorization>,
        reason: KeptOut,
    ) -> Result<Answer, Unavailable> {
        let told = match pending {
            Some(pending) => server.inner().turn_away(pending).await?,
            None => None,
        };
        let target = told.as_ref().and_then(|told| {
            let location = told.answer.headers().get(LOCATION)?;
            Some((name_of(&told.client), location.to_str().ok()?))
        });
        if !self.incoming.accepts_html()
            && let Some(told) = told
        {
            return Ok(told.answer);
        }
        let called = &upstream.provider().display_name;
        Ok(self.kept_out_page(called, reason, target))
    }

    /// Says that somebody whom `provider` vouches for is not let in.
    pub(super) fn kept_out_page(
        &self,
        provider: &str,
        reason: KeptOut,
        told: Option<(String, &str)>,
    ) -> Answer {
        let template = KeptOutPage {
            frame: self.people.frame(),
            provider,
            is_disabled: reason == KeptOut::Disabled,
            told,
        };
        page(StatusCode::FORBIDDEN, &template)
    }

    fn note_refused(
        &self,
        upstream: &Upstream,
        server: &AuthorizationServer,
        (reason, detail): (AuditReason, String),
    ) {
        let provider = upstream.provider().name.clone();
        let event = AuditEvent::UpstreamRefused(provider, reason, detail);
        server.inner().audit.note(event);
    }
}

impl Notice {
    const UNCERTAIN: Self = Self {
        heading: "It is not certain who you are",
        sentence: "The provider where you have logged in did not prove who you are. Nothing was \
                   shared.",
        advice: "Go back to the application and begin again. If it happens again, tell whoever \
                 runs this server.",
    };
}

/// Whether the provider lets tokens be given back without ending what the person has
/// allowed other clients.
fn takes_nothing_along(upstream: &Upstream) -> bool {
    let login = upstream.provider().login.as_ref();
    login.is_some_and(|login| !login.revocation.ends_everything)
}

/// Gives back the tokens of somebody who logged in for the account page, for which there
/// is no grant. Nobody waits for it.
fn give_up_later(upstream: &Upstream, server: &AuthorizationServer, arrival: &Arrival) {
    if !takes_nothing_along(upstream) {
        return;
    }
    let (upstream, server) = (upstream.clone(), server.clone());
    let tokens = arrival.tokens.clone();
    tokio::spawn(async move {
        let inner = server.inner();
        let random = inner.random.as_ref();
        upstream.give_back(&tokens, inner.now(), random).await;
    });
}
