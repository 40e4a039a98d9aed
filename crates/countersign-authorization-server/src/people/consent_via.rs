//! Consent before somebody is sent to a provider to log in.
//!
//! An upstream provider knows this server as one application and asks about that
//! application at most once. So who asks, and for what, has to be said here and before:
//! what the person has agreed to with one client is nothing that another client can use.

use countersign_oauth::Secret;
use countersign_oauth::form::Form;
use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};

use super::consent::{Asked, Whom};
use super::forgery::{Purpose, is_genuine};
use super::login::Shown;
use super::set_out::Trouble;
use super::visit::{Visit, value};
use super::ways::Provider;
use super::who_asks::WhoAsks;
use crate::audit::AuditEvent;
use crate::authorize::{Leaving, Left};
use crate::exchange::{Answer, Notice};
use crate::server::AuthorizationServer;
use crate::unavailable::Unavailable;
use crate::upstream::Upstream;

/// An answer to the consent page of a provider.
pub(super) struct Decision<'a> {
    pub(super) form: &'a Form,
    /// The cookie of the browser that sent it.
    pub(super) browser: &'a Secret,
    pub(super) transaction: &'a Secret,
    /// The name of the provider.
    pub(super) provider: &'a str,
}

impl Visit<'_> {
    /// Asks somebody who is going to log in at `upstream`; with `trouble`, once more.
    pub(super) fn consent_via_page(
        &self,
        upstream: &Upstream,
        asked: Asked<'_>,
        trouble: Option<&Trouble>,
    ) -> Answer {
        let provider = Provider::of(upstream);
        let purpose = Purpose::ConsentVia(provider.name, asked.transaction);
        let whom = Whom::Via {
            provider,
            scopes: upstream.scopes(),
            has_other_ways: self.people.has_other_ways(),
        };
        let said = match trouble {
            Some(trouble) => (trouble.status, Some(trouble.sentence.as_str())),
            None => (StatusCode::OK, None),
        };
        let mut answer = self.consent_page_for(whom, purpose, asked, said);
        if let Some(seconds) = trouble.and_then(Trouble::wait) {
            let headers = answer.headers_mut();
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        answer
    }

    /// `POST /consent` of that page.
    pub(super) async fn decide_via(
        &self,
        server: &AuthorizationServer,
        decision: Decision<'_>,
    ) -> Result<Answer, Unavailable> {
        let Decision {
            form,
            browser,
            transaction,
            provider,
        } = decision;
        let purpose = Purpose::ConsentVia(provider, transaction);
        let Some(upstream) = self.people.upstream(provider) else {
            return Ok(self.forged());
        };
        if !is_genuine(browser, purpose, value(form, "forgery_token")) {
            return Ok(self.forged());
        }
        let pressed = value(form, "decision");
        let Some((pending, client)) = self.find_waiting(server, transaction).await? else {
            return self
                .decided_via(server, upstream, transaction, pressed)
                .await;
        };
        match pressed {
            Some("allow") => {}
            Some("deny") => {
                let answer = server.deny(transaction).await?;
                if answer.status() == StatusCode::SEE_OTHER {
                    let who = WhoAsks::new(&client, &pending.redirect_uri);
                    return Ok(self.hand_over(answer, false, who));
                }
                return self
                    .decided_via(server, upstream, transaction, pressed)
                    .await;
            }
            Some("switch") if self.people.has_other_ways() => {
                return Ok(self.login_page(Shown::waiting(transaction, &client)));
            }
            _ => return Ok(self.notice(StatusCode::BAD_REQUEST, Notice::MALFORMED)),
        }
        let scope = self.people.allowed(&pending.scope, form.all("scope"));
        let leaving = Leaving::Request(transaction, Box::new(pending.clone()), scope);
        match server.inner().leave_for(upstream, leaving).await? {
            Left::Gone(departure) => {
                let name = upstream.provider().name.clone();
                let event = AuditEvent::SentUpstream(name, Some(pending.client_id));
                server.inner().audit.note(event);
                Ok(self.set_out(upstream, &departure))
            }
            // Another press of the button was quicker.
            Left::Late => {
                self.decided_via(server, upstream, transaction, pressed)
                    .await
            }
            Left::Stayed(error) => {
                let trouble = self.trouble(upstream, &error, server);
                let asked = Asked {
                    transaction,
                    pending: &pending,
                    client: &client,
                };
                Ok(self.consent_via_page(upstream, asked, Some(&trouble)))
            }
        }
    }

    /// The answer to a request that was decided before: the same one, if this is the
    /// same decision pressed once more.
    async fn decided_via(
        &self,
        server: &AuthorizationServer,
        upstream: &Upstream,
        transaction: &Secret,
        pressed: Option<&str>,
    ) -> Result<Answer, Unavailable> {
        let inner = server.inner();
        let over = || self.notice(StatusCode::BAD_REQUEST, Notice::GONE);
        match pressed {
            Some("allow") => {
                let provider = &upstream.provider().name;
                let again = inner.departure_again(transaction, provider).await?;
                Ok(again.map_or_else(over, |departure| self.set_out(upstream, &departure)))
            }
            Some("deny") => {
                let Some((pending, answer)) = inner.answer_again(transaction, None).await? else {
                    return Ok(over());
                };
                let Some(client) = server.client(&pending.client_id).await? else {
                    return Ok(over());
                };
                let who = WhoAsks::new(&client, &pending.redirect_uri);
                Ok(self.hand_over(answer, false, who))
            }
            _ => Ok(over()),
        }
    }
}
